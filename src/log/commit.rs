//! The commit that an event was appended in.

use super::time;
use crate::store::journal::reader::OwnedFrame;

/// A commit of the journal: events that were appended together, under one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// Its first event.
    pub first_sequence: u64,
    /// How many events it has.
    pub events: u32,
    /// When the log recorded it, in UTC as RFC 3339.
    pub recorded_at: String,
    /// The first sequence number of the segment that holds it, which names the segment's file.
    pub segment: u64,
    /// Where it begins, in bytes; in a compressed segment, in the bytes it stands for.
    pub offset: u64,
    /// The BLAKE3 hash of it and of every commit before it.
    pub chain_hash: [u8; 32],
}

impl Commit {
    pub(crate) fn new(frame: &OwnedFrame) -> Self {
        Self {
            first_sequence: frame.header.first_sequence,
            events: frame.header.count,
            recorded_at: time::format_recorded(frame.header.recorded_at),
            segment: frame.place.segment,
            offset: frame.place.offset,
            chain_hash: frame.hash,
        }
    }
}
