//! What threads are made to wait with. `tests/shuttle` compiles the files that use this module with another
//! one in its place, to run them under every order of steps.

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, atomic};
