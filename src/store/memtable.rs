//! The memtable: the events that the trees do not have yet, in memory, found by term and by time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::index::{INDEXES, Index, TermHash, TermHashes};
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

/// Recent events. One writer inserts, any number of readers look.
#[derive(Debug)]
pub(crate) struct Memtable {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// In sequence order.
    entries: Vec<Arc<Entry>>,
    bytes: usize,
    terms: HashMap<(u8, TermHash), Vec<u32>, BuildHasherDefault<TermKeyHasher>>,
    all: TimeOrder,
    tenants: HashMap<Option<Box<str>>, TimeOrder>,
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

/// Passes on the term's hash, which is one already.
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
        self.0 = self.0.rotate_left(8) ^ value;
    }
}

impl Memtable {
    pub(crate) fn new() -> Self {
        Self {
            inner: RwLock::default(),
        }
    }

    /// Adds events that follow those already there.
    pub(crate) fn insert(&self, entries: Vec<Entry>) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
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

    /// The events that may carry the term, in sequence order.
    pub(crate) fn with_term(&self, index: Index, hash: TermHash) -> Vec<Arc<Entry>> {
        let inner = self.read();
        let slots = inner
            .terms
            .get(&(index as u8, hash))
            .map(Vec::as_slice)
            .unwrap_or_default();
        slots
            .iter()
            .filter_map(|slot| inner.entries.get(*slot as usize).cloned())
            .collect()
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
            .map(|(index, hash)| {
                inner
                    .terms
                    .get(&(index as u8, hash))
                    .map(Vec::as_slice)
                    .unwrap_or_default()
            })
            .min_by_key(|slots| slots.len());
        match rarest {
            Some(slots) => inner.select_slots(slots, filter, range, order, most),
            None => inner.select_by_time(filter, range, order, most),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn insert(&mut self, entry: Entry) {
        // The memtable is flushed long before it has 2^32 events.
        let slot = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        for definition in &INDEXES {
            if let Some(hash) = entry.hash(definition.index) {
                self.terms
                    .entry((definition.code, hash))
                    .or_default()
                    .push(slot);
            }
        }
        let instant = entry.position.instant;
        self.all.insert(instant, slot);
        let tenant = entry.record.field(Field::Tenant);
        // `entry` would allocate the key of every event.
        let key = tenant.map(Box::from);
        self.tenants.entry(key).or_default().insert(instant, slot);
        self.bytes += entry.record.as_bytes().len();
        self.entries.push(Arc::new(entry));
    }

    fn select_slots(
        &self,
        slots: &[u32],
        filter: &Filter,
        range: Range,
        order: Order,
        most: usize,
    ) -> Vec<Arc<Entry>> {
        let mut selected: Vec<_> = slots
            .iter()
            .filter_map(|slot| self.entries.get(*slot as usize))
            .filter(|entry| {
                range.contains(entry.position) && filter.matches(entry.position, &entry.record)
            })
            .cloned()
            .collect();
        selected.sort_by(|one, other| order.compare(one.position, other.position));
        selected.truncate(most);
        selected
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
            Some(tenant) => self.tenants.get(&Some(Box::from(tenant))),
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
