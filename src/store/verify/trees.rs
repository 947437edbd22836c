//! Compares the trees with what the journal says they should hold.

use std::path::Path;

use super::super::entry_reader::EntryReader;
use super::super::hit::Hit;
use super::super::index::{INDEXES, TermHasher};
use super::super::trees::block::slots_of;
use super::super::trees::engine::TreeError;
use super::super::trees::snapshot::TreeSnapshot;
use super::sums::Sums;
use super::{TreesVerified, Verification};

/// Reads all blocks and postings and compares their sums with the journal's.
pub(super) fn compare(
    journal: &Path,
    log_id: [u8; 16],
    trees: &TreeSnapshot,
    expected: Option<Sums>,
    found: &mut Verification,
) -> Result<(), TreeError> {
    let Some(expected) = expected else {
        found.trees = TreesVerified::NotCompared;
        return Ok(());
    };
    found.trees = TreesVerified::Compared {
        events: trees.applied.count,
    };
    let hasher = TermHasher::new(log_id);
    let mut elsewhere = EntryReader::new(journal, log_id);
    let mut sums = Sums::default();
    // The sequence numbers of each block's slots, to translate postings.
    let mut sequences: Vec<Vec<u64>> = Vec::new();
    for info in trees.directory.blocks() {
        let block = trees.read_block(info)?;
        let mut slots = Vec::with_capacity(block.len());
        for slot in 0..block.len() {
            let mut hit = block.hit(slot)?;
            if let Some(place) = hit.elsewhere {
                let entry = elsewhere
                    .entry(place, hit.position.sequence)
                    .map_err(TreeError::new)?;
                hit = Hit::from(entry);
            }
            let sequence = hit.position.sequence;
            sums.add_event(
                sequence,
                hit.recorded_at,
                &hit.record,
                &hasher.record(&hit.record),
            );
            slots.push(sequence);
        }
        sequences.push(slots);
    }
    // So far the sums tell of the blocks; the postings are read for themselves.
    (sums.postings, sums.terms) = Default::default();
    for (place, definition) in INDEXES.iter().enumerate() {
        trees.all_postings(definition, |posting| {
            let slots = sequences
                .get(posting.block as usize)
                .map(Vec::as_slice)
                .unwrap_or_default();
            for slot in slots_of(posting.slots) {
                // A slot that is not there counts as one, so that the sums differ.
                let sequence = slots.get(slot).copied().unwrap_or(u64::MAX);
                sums.add_posting(place, posting.hash, sequence);
            }
        })?;
    }
    if (sums.events, sums.content) != (expected.events, expected.content) {
        found.problems.push(format!(
            "the trees differ from the journal: they hold {} events of {}, or others; rebuild them",
            sums.events, expected.events
        ));
    }
    for (place, definition) in INDEXES.iter().enumerate() {
        let of = |sums: &Sums| {
            (
                sums.postings.get(place).copied(),
                sums.terms.get(place).copied(),
            )
        };
        if of(&sums) != of(&expected) {
            found.problems.push(format!(
                "the index {} differs from the events; rebuild the trees",
                definition.tree
            ));
        }
    }
    Ok(())
}
