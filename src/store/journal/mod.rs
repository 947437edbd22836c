//! The journal: the record of the log. Segment files named by their first sequence number, each a header
//! and a chain of frames; a frame is one commit. Nothing here knows what a record holds.

pub(crate) mod frame;
pub(crate) mod reader;
pub(crate) mod seal;
pub(crate) mod sealed;
pub(crate) mod segment;
pub(crate) mod tail;
pub(crate) mod window;
pub(crate) mod writer;
