//! The trees: sled, holding blocks of events and postings that lead to them. All of it can be rebuilt
//! from the journal, so any flaw found here is answered by a rebuild, never by an error to the caller.

pub(crate) mod block;
pub(crate) mod directory;
pub(crate) mod engine;
pub(crate) mod filter;
pub(crate) mod keys;
pub(crate) mod manifest;
pub(crate) mod merge;
pub(crate) mod run;
pub(crate) mod snapshot;
pub(crate) mod writer;
