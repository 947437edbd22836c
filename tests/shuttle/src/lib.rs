//! Concurrency models of experience-log: its own source files, compiled with shuttle's locks in place of the
//! standard library's, and run under many orders of steps.
//!
//! Real, included as they are: `group_commit.rs`, `head.rs`, `swap.rs`, `view.rs`. Stand-ins: the disk, the
//! memtable (a list of sequence numbers behind a lock), the trees (a list of sequence numbers), the journal's
//! writer and the maintenance thread, whose order of calls the models repeat: `append.rs` (`commit_batch`,
//! `acknowledge`), `writer.rs` (`rotate`), `maintenance.rs` (`next_task`, `rest`, `flush`, `finish_opening`),
//! `awaited.rs` (`finish`), `shared.rs` (`view`), `reader.rs` (`scan`).
//!
//! A model is a function for `shuttle::check_random` and its like; it panics where a promise is broken. Each
//! takes the order it works in: the log's own, or a wrong one, by which the tests prove that a model can fail.

pub mod commit;
pub mod disk;
pub mod publish;

/// What the included files wait with.
mod sync {
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, atomic};
}

#[path = "../../../src/store/group_commit.rs"]
#[allow(dead_code, reason = "the models need a part")]
mod group_commit;
#[path = "../../../src/store/head.rs"]
#[allow(dead_code, reason = "the models need a part")]
mod head;
#[path = "../../../src/store/swap.rs"]
mod swap;
#[path = "../../../src/store/view.rs"]
#[allow(dead_code, reason = "the models need a part")]
mod view;

mod error;
mod index;
mod journal;
mod memtable;
mod trees;
