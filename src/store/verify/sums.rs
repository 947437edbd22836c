//! Sums by which sets are compared, whatever their order.

use super::super::digest::{self, DIGEST};
use super::super::index::{INDEXES, TermHash, TermHashes};
use super::super::record::Record;

/// Sums that do not depend on the order in which they are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) events: u64,
    pub(super) content: u64,
    /// Postings of each index, and the sum over them.
    pub(super) postings: [u64; INDEXES.len()],
    pub(super) terms: [u64; INDEXES.len()],
}

impl Sums {
    pub(super) fn add_event(
        &mut self,
        sequence: u64,
        recorded_at: i64,
        record: &Record,
        hashes: &TermHashes,
    ) {
        self.events += 1;
        let mut content = blake3::Hasher::new();
        content
            .update(&sequence.to_le_bytes())
            .update(&recorded_at.to_le_bytes())
            .update(record.as_bytes());
        self.content = self
            .content
            .wrapping_add(short(content.finalize().as_bytes()));
        for (place, hash) in hashes.iter().enumerate() {
            if let Some(hash) = hash {
                self.add_posting(place, *hash, sequence);
            }
        }
    }

    pub(super) fn add_posting(&mut self, place: usize, hash: TermHash, sequence: u64) {
        if let (Some(count), Some(sum)) = (self.postings.get_mut(place), self.terms.get_mut(place))
        {
            let posting = [hash.0.to_le_bytes(), sequence.to_le_bytes()];
            *count += 1;
            *sum = sum.wrapping_add(short(&digest::blake3(posting.as_flattened())));
        }
    }
}

/// The first bytes of a hash.
fn short(hash: &[u8; DIGEST]) -> u64 {
    hash.first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
