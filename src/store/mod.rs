//! How events are kept: a journal that is the record, a memtable for the latest, trees that answer
//! questions. The store sees records (terms and payload bytes), never a type of the contract.

pub(crate) mod append;
mod awaited;
mod beside;
pub(crate) mod body;
pub(crate) mod buffer;
pub(crate) mod bytes;
pub(crate) mod copy;
pub(crate) mod digest;
mod early;
pub(crate) mod entry_reader;
mod foreknown;
mod generation;
pub(crate) mod group_commit;
pub(crate) mod handle;
pub(crate) mod head;
pub(crate) mod hit;
pub(crate) mod index;
pub(crate) mod instant;
pub(crate) mod journal;
pub(crate) mod journal_end;
pub(crate) mod layout;
pub(crate) mod look;
pub(crate) mod maintenance;
pub(crate) mod memtable;
pub(crate) mod options;
pub(crate) mod prepare;
pub(crate) mod query;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod recover;
mod retired;
pub(crate) mod shared;
pub(crate) mod small_file;
pub(crate) mod stats;
pub(crate) mod swap;
pub(crate) mod sync;
pub(crate) mod syncer;
pub(crate) mod trees;
pub(crate) mod verify;
pub(crate) mod view;

#[cfg(test)]
mod tests;
