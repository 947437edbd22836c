//! Which events of a memtable lie in a block together.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use super::super::index::{Index, TermHash};
use super::super::memtable::Entry;
use super::super::record::Field;
use super::block::{self, MAX_SLOTS};

/// A block is cut at the end of a run once it has this many events.
const CUT_AT_RUN_END: usize = 24;
/// A block takes no more records once it has this many bytes, before compression.
const BLOCK_BYTES: usize = 32 << 10;

/// Events in the order of the blocks they go to, and where each block ends.
#[derive(Debug)]
pub(super) struct Cut {
    entries: Vec<Arc<Entry>>,
    ends: Vec<usize>,
}

impl Cut {
    /// The events of each block, in the order of their positions.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &[Arc<Entry>]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(start, end)| self.entries.get(start..*end))
    }
}

/// Cuts events into blocks: by tenant, runs kept together, at most [`MAX_SLOTS`] events each.
pub(super) fn cut(entries: Vec<Arc<Entry>>) -> Cut {
    let entries = sorted(entries);
    let groups = Groups::of(&entries);
    let mut open = OpenBlocks::default();
    let mut tenant = None;
    for group in &groups.groups {
        let crowded = open.len() + group.events > MAX_SLOTS;
        if tenant != Some(group.tenant) || (crowded && open.len() >= CUT_AT_RUN_END) {
            open.end_block();
            tenant = Some(group.tenant);
        }
        for place in groups.places(group) {
            let size = entries
                .get(place)
                .map_or(0, |entry| block::size_in_block(entry));
            open.push(place, size);
        }
    }
    open.end_block();
    let entry = |place: &usize| entries.get(*place).cloned();
    Cut {
        entries: open.places.iter().filter_map(entry).collect(),
        ends: open.ends,
    }
}

/// The events in the order of their positions.
fn sorted(entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
    // The positions beside, or each comparison would look for two in memory.
    let position = |entry: Arc<Entry>| (entry.position, entry);
    let mut entries: Vec<_> = entries.into_iter().map(position).collect();
    entries.sort_unstable_by_key(|(position, _)| *position);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// Blocks on their way: the places of their events among sorted ones.
#[derive(Debug, Default)]
struct OpenBlocks {
    places: Vec<usize>,
    ends: Vec<usize>,
    /// Bytes of the last block, which is not ended.
    bytes: usize,
}

impl OpenBlocks {
    /// Where the last block starts.
    fn start(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Events of the last block.
    fn len(&self) -> usize {
        self.places.len() - self.start()
    }

    fn push(&mut self, place: usize, size: usize) {
        let full = self.bytes + size > BLOCK_BYTES && self.len() > 0;
        if full || self.len() == MAX_SLOTS {
            self.end_block();
        }
        self.bytes += size;
        self.places.push(place);
    }

    fn end_block(&mut self) {
        self.bytes = 0;
        let start = self.start();
        // Runs lie one after the other; within the block, time orders.
        match self.places.get_mut(start..) {
            Some(block) if !block.is_empty() => block.sort_unstable(),
            _ => return,
        }
        self.ends.push(self.places.len());
    }
}

/// Sorted events by tenant and correlation.
#[derive(Debug)]
struct Groups<'a> {
    /// By tenant; those of a tenant in the order of their first events.
    groups: Vec<Group<'a>>,
    /// For each event the place of the next one of its group.
    next: Vec<usize>,
}

#[derive(Debug)]
struct Group<'a> {
    tenant: Option<&'a str>,
    events: usize,
    first: usize,
    last: usize,
}

impl<'a> Groups<'a> {
    fn of(entries: &'a [Arc<Entry>]) -> Self {
        let mut numbers: HashMap<(Option<&str>, Option<TermHash>), usize> = HashMap::new();
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut next = vec![0; entries.len()];
        for (place, entry) in entries.iter().enumerate() {
            let tenant = entry.record.field(Field::Tenant);
            let key = (tenant, entry.hash(Index::Correlations));
            let number = *numbers.entry(key).or_insert(groups.len());
            if let Some(group) = groups.get_mut(number) {
                if let Some(next) = next.get_mut(group.last) {
                    *next = place;
                }
                (group.events, group.last) = (group.events + 1, place);
            } else {
                groups.push(Group {
                    tenant,
                    events: 1,
                    first: place,
                    last: place,
                });
            }
        }
        groups.sort_by_key(|group| group.tenant);
        Self { groups, next }
    }

    /// The places of a group's events.
    fn places(&self, group: &Group<'a>) -> impl Iterator<Item = usize> {
        let next = |place: &usize| self.next.get(*place).copied();
        iter::successors(Some(group.first), next).take(group.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::index::TermHasher;
    use crate::store::instant::Instant;
    use crate::store::record::{Fields, Hints, NewRecord};

    fn entry(
        sequence: u64,
        seconds: i64,
        tenant: Option<&str>,
        run: &str,
        size: usize,
    ) -> Arc<Entry> {
        let event_id = sequence.to_string();
        let of = tenant.unwrap_or_default();
        let payload = format!("{event_id} {run} {of}{}", "x".repeat(size));
        let new = NewRecord {
            payload_format: 1,
            kind: 1,
            instant: Instant::new(seconds, 0).unwrap(),
            fields: Fields {
                event_id: &event_id,
                tenant,
                correlation: Some(run),
                ..Fields::default()
            },
            hints: Hints::default(),
            payload: payload.as_bytes(),
        };
        let entry = Entry::of(&new, sequence);
        Arc::new(Entry {
            hashes: TermHasher::new([1; 16]).record(&entry.record),
            ..entry
        })
    }

    /// The sequence numbers of each block.
    fn blocks(entries: Vec<Arc<Entry>>) -> Vec<Vec<u64>> {
        let sequence = |entry: &Arc<Entry>| entry.position.sequence;
        let numbers = |block: &[Arc<Entry>]| block.iter().map(sequence).collect();
        cut(entries).blocks().map(numbers).collect()
    }

    #[test]
    fn a_block_has_events_of_one_tenant_in_the_order_of_time() {
        let tenants = [Some("b"), None, Some("a")];
        let of = |number: u64| tenants[usize::try_from(number % 3).unwrap()];
        // The first event happened last.
        let time = |number: u64| 100 - i64::try_from(number).unwrap();
        let entries = (0..9).map(|number| entry(number, time(number), of(number), "run", 10));
        assert_eq!(
            blocks(entries.collect()),
            [vec![7, 4, 1], vec![8, 5, 2], vec![6, 3, 0]]
        );
        assert!(blocks(Vec::new()).is_empty());
    }

    #[test]
    fn a_run_is_kept_together_where_it_fits() {
        // Two runs by turns, then one more: the first two are 30 events each, which share a block; the third has none
        // to share with.
        let runs = |number: u64| match number {
            60.. => "third",
            _ if number.is_multiple_of(2) => "first",
            _ => "second",
        };
        let entries = (0..100).map(|number| entry(number, 0, None, runs(number), 10));
        let expected = [(0..60).collect::<Vec<_>>(), (60..100).collect()];
        assert_eq!(blocks(entries.collect()), expected);
        // One that is longer than a block is cut.
        let long = (0..150).map(|number| entry(number, 0, None, "run", 10));
        let lengths: Vec<_> = blocks(long.collect()).iter().map(Vec::len).collect();
        assert_eq!(lengths, [64, 64, 22]);
    }

    #[test]
    fn a_block_takes_no_more_than_its_bytes() {
        let entries = (0..10).map(|number| entry(number, 0, None, "run", 10_000));
        let lengths: Vec<_> = blocks(entries.collect()).iter().map(Vec::len).collect();
        assert_eq!(lengths, [3, 3, 3, 1]);
        let large = (0..3).map(|number| entry(number, 0, None, "run", BLOCK_BYTES));
        let lengths: Vec<_> = blocks(large.collect()).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 1, 1]);
    }
}
