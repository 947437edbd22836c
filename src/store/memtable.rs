//! The memtable: the events that the trees do not have yet, in memory, found by term and by time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::index::{HASH_ZEROS, INDEXES, Index, TermHash, TermHashes};
use super::instant::{Instant, Position};
use super::journal::reader::Place;
use super::query::filter::Filter;
use super::query::range::{Order, Range};
use super::record::{Field, Record};

/// One event of the log, as readers get it from memory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub(crate) recorded_at: i64,
    pub(crate) record: Record,
    pub(crate) hashes: TermHashes,
    /// The frame that holds it.
    pub(crate) place: Place,
}

impl Entry {
    pub(crate) fn hash(&self, index: Index) -> Option<TermHash> {
        self.hashes.get(index as usize).copied().flatten()
    }
}

#[cfg(test)]
impl Entry {
    /// The entry of a record, with nothing beside that a test need say.
    pub(crate) fn of(new: &super::record::NewRecord<'_>, sequence: u64) -> Self {
        let mut bytes = Vec::new();
        new.encode(&mut bytes);
        let bytes = Arc::new(super::buffer::Buffer::from(bytes));
        Self {
            position: Position {
                instant: new.instant,
                sequence,
            },
            recorded_at: 0,
            record: Record::parse(&bytes, 0..bytes.len()).unwrap(),
            hashes: TermHashes::default(),
            place: Place {
                segment: 0,
                offset: 0,
            },
        }
    }
}

/// Recent events. One writer inserts, any number of readers look.
#[derive(Debug)]
pub(crate) struct Memtable {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// In sequence order.
    entries: Vec<Arc<Entry>>,
    /// For each entry and index, the entry before it that carries the same term, or [`NONE`].
    before: Vec<[u32; INDEXES.len()]>,
    bytes: usize,
    terms: HashMap<(u8, TermHash), Chain, BuildHasherDefault<TermKeyHasher>>,
    all: TimeOrder,
    untagged: TimeOrder,
    tenants: HashMap<Box<str>, TimeOrder>,
}

/// No slot.
const NONE: u32 = u32::MAX;

/// The entries that carry a term, linked from the newest to the oldest.
#[derive(Debug, Clone, Copy)]
struct Chain {
    newest: u32,
    length: u32,
}

/// Slots of entries, sorted by time; equal times in sequence order.
#[derive(Debug, Default)]
struct TimeOrder {
    slots: Vec<(Instant, u32)>,
}

impl TimeOrder {
    fn insert(&mut self, instant: Instant, slot: u32) {
        let in_order = self.slots.last().is_none_or(|(last, _)| *last <= instant);
        let place = if in_order {
            self.slots.len()
        } else {
            self.slots.partition_point(|(other, _)| *other <= instant)
        };
        self.slots.insert(place, (instant, slot));
    }
}

/// Spreads the term's hash, which is one already, over the bits that a table goes by.
#[derive(Debug, Default)]
struct TermKeyHasher(u64);

impl Hasher for TermKeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.0 = self.0.rotate_left(8) ^ u64::from(value);
    }

    fn write_u64(&mut self, value: u64) {
        // A table goes by the lowest bits, which of a term's hash are zero, and by the highest.
        let value = self.0 ^ value.rotate_right(HASH_ZEROS);
        self.0 = value.wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
}

impl Memtable {
    pub(crate) fn new() -> Self {
        Self {
            inner: RwLock::default(),
        }
    }

    /// One that need not grow on the way to the size of another.
    pub(crate) fn as_roomy_as(other: &Self) -> Self {
        let other = other.read();
        let inner = Inner {
            entries: Vec::with_capacity(other.entries.len()),
            before: Vec::with_capacity(other.before.len()),
            terms: HashMap::with_capacity_and_hasher(
                other.terms.len(),
                BuildHasherDefault::default(),
            ),
            ..Inner::default()
        };
        Self {
            inner: RwLock::new(inner),
        }
    }

    /// One that holds these events, which follow one another.
    pub(crate) fn of(entries: Vec<Entry>) -> Self {
        let memtable = Self::new();
        memtable.insert(entries);
        memtable
    }

    /// Its events, for who frees them.
    pub(crate) fn into_entries(self) -> Vec<Arc<Entry>> {
        self.inner
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .entries
    }

    /// Adds events that follow those already there, and gives the [`size`](Self::size) then.
    pub(crate) fn insert(&self, entries: impl IntoIterator<Item = Entry>) -> (usize, usize) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            inner.insert(Arc::new(entry));
        }
        (inner.entries.len(), inner.bytes)
    }

    /// Drops the events before `sequence`.
    pub(crate) fn forget_before(&self, sequence: u64) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let forgotten = |entry: &Arc<Entry>| entry.position.sequence < sequence;
        let kept = inner.entries.partition_point(forgotten);
        let entries = inner.entries.split_off(kept);
        *inner = Inner::default();
        for entry in entries {
            inner.insert(entry);
        }
    }

    /// Events held, and the bytes of their records.
    pub(crate) fn size(&self) -> (usize, usize) {
        let inner = self.read();
        (inner.entries.len(), inner.bytes)
    }

    /// All events, in sequence order.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.read().entries.clone()
    }

    /// Which of some terms events may carry: a bit for each of the first 64.
    pub(crate) fn may_hold(&self, index: Index, terms: &[TermHash]) -> u64 {
        let inner = self.read();
        let held = terms.iter().take(64).zip(0_u32..);
        held.fold(0, |held, (term, place)| {
            held | u64::from(inner.chain(index, *term).is_some()) << place
        })
    }

    /// The newest event that may carry the term and that `matches`.
    pub(crate) fn newest(
        &self,
        index: Index,
        hash: TermHash,
        matches: impl Fn(&Entry) -> bool,
    ) -> Option<Arc<Entry>> {
        let inner = self.read();
        let chain = inner.chain(index, hash)?;
        inner
            .linked(index, chain)
            .find(|entry| matches(entry))
            .cloned()
    }

    /// The first `most` events, in `order`, of `range` that `filter` matches. Where the query names terms,
    /// only events that carry the rarest of them are looked at.
    pub(crate) fn select(
        &self,
        filter: &Filter,
        range: Range,
        order: Order,
        most: usize,
    ) -> Vec<Arc<Entry>> {
        let inner = self.read();
        let rarest = filter
            .terms()
            .map(|(index, hash)| (index, inner.chain(index, hash)))
            .min_by_key(|(_, chain)| chain.map_or(0, |chain| chain.length));
        match rarest {
            Some((_, None)) => Vec::new(),
            Some((index, Some(chain))) => {
                let carriers = inner.linked(index, chain);
                select_from(carriers, filter, range, order, most)
            }
            None => inner.select_by_time(filter, range, order, most),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn insert(&mut self, entry: Arc<Entry>) {
        // The memtable is flushed long before it has 2^32 events.
        let slot = u32::try_from(self.entries.len()).unwrap_or(NONE);
        let mut before = [NONE; INDEXES.len()];
        for (definition, before) in INDEXES.iter().zip(&mut before) {
            let Some(hash) = entry.hash(definition.index) else {
                continue;
            };
            self.terms
                .entry((definition.code, hash))
                .and_modify(|chain| {
                    *before = std::mem::replace(&mut chain.newest, slot);
                    chain.length += 1;
                })
                .or_insert(Chain {
                    newest: slot,
                    length: 1,
                });
        }
        self.before.push(before);
        let instant = entry.position.instant;
        self.all.insert(instant, slot);
        match entry.record.field(Field::Tenant) {
            None => self.untagged.insert(instant, slot),
            Some(tenant) => {
                // `entry` would allocate the key of every event.
                if let Some(times) = self.tenants.get_mut(tenant) {
                    times.insert(instant, slot);
                } else {
                    let times = self.tenants.entry(Box::from(tenant)).or_default();
                    times.insert(instant, slot);
                }
            }
        }
        self.bytes += entry.record.as_bytes().len();
        self.entries.push(entry);
    }

    fn chain(&self, index: Index, hash: TermHash) -> Option<Chain> {
        self.terms.get(&(index as u8, hash)).copied()
    }

    /// The entries of a chain, newest first.
    fn linked(&self, index: Index, chain: Chain) -> impl Iterator<Item = &Arc<Entry>> {
        let older = move |slot: &u32| {
            let before = self.before.get(*slot as usize)?.get(index as usize)?;
            (*before != NONE).then_some(*before)
        };
        std::iter::successors(Some(chain.newest), older)
            .filter_map(|slot| self.entries.get(slot as usize))
    }

    fn select_by_time(
        &self,
        filter: &Filter,
        range: Range,
        order: Order,
        most: usize,
    ) -> Vec<Arc<Entry>> {
        let times = match filter.tenant() {
            None => Some(&self.all),
            Some(tenant) => self.tenants.get(tenant),
        };
        let Some(times) = times else {
            return Vec::new();
        };
        let position = |(instant, slot): &(Instant, u32)| {
            let sequence = self
                .entries
                .get(*slot as usize)
                .map_or(0, |entry| entry.position.sequence);
            Position {
                instant: *instant,
                sequence,
            }
        };
        let start = times
            .slots
            .partition_point(|slot| position(slot) < range.start);
        let end = times
            .slots
            .partition_point(|slot| position(slot) < range.end);
        let within = times.slots.get(start..end).unwrap_or_default();
        let entries = |(_, slot): &(Instant, u32)| self.entries.get(*slot as usize);
        let matching = |entry: &&Arc<Entry>| filter.matches(entry.position, &entry.record);
        match order {
            Order::OldestFirst => within
                .iter()
                .filter_map(entries)
                .filter(matching)
                .take(most)
                .cloned()
                .collect(),
            Order::NewestFirst => within
                .iter()
                .rev()
                .filter_map(entries)
                .filter(matching)
                .take(most)
                .cloned()
                .collect(),
        }
    }
}

/// The first `most` events, in `order`, of these that lie in `range` and that `filter` matches.
fn select_from<'a>(
    entries: impl Iterator<Item = &'a Arc<Entry>>,
    filter: &Filter,
    range: Range,
    order: Order,
    most: usize,
) -> Vec<Arc<Entry>> {
    let mut selected: Vec<_> = entries
        .filter(|entry| {
            range.contains(entry.position) && filter.matches(entry.position, &entry.record)
        })
        .cloned()
        .collect();
    selected.sort_by(|one, other| order.compare(one.position, other.position));
    selected.truncate(most);
    selected
}
