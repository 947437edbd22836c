//! The experience store of the Converge agent runtime, embedded and durable: [`ConvergeLog`] implements
//! `converge_core`'s [`ExperienceStore`](converge_core::ExperienceStore) on an
//! [`ExperienceLog`](experience_log::ExperienceLog), and [`LogObserver`] records what an
//! [`Engine`](converge_core::Engine) does.
//!
//! Events are kept as the JSON that `converge_core` makes of them, byte for byte, next to what they are found by;
//! the [`mapping`] module says what that is. Appends are durable, batches atomic, and a repeated event is written
//! once: the promises are those of `experience_log`.

mod error;
mod log;
pub mod mapping;
mod observer;
mod reader;
mod store;

pub use log::ConvergeLog;
pub use observer::{Counts, LogObserver, ObserverOptions, Reason, Unrecorded, UnrecordedError};
pub use reader::{ConvergeReader, UnknownKinds};

/// The README's code is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
