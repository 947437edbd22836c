//! The trees: sled, holding what leads to blocks of events, and the file that the blocks lie in. All of it can be rebuilt
//! from the journal, so any flaw found here is answered by a rebuild, never by an error to the caller.

pub(crate) mod block;
pub(crate) mod block_cache;
pub(crate) mod block_file;
mod caches;
pub(crate) mod column;
mod cut;
pub(crate) mod directory;
pub(crate) mod directory_part;
pub(crate) mod engine;
pub(crate) mod filter;
pub(crate) mod ids;
pub(crate) mod keys;
mod load;
pub(crate) mod manifest;
pub(crate) mod merge;
pub(crate) mod open_block;
pub(crate) mod opening;
mod pages;
mod place_cache;
pub(crate) mod run;
mod run_builder;
mod sled_segments;
pub(crate) mod snapshot;
pub(crate) mod watermark;
pub(crate) mod writer;
