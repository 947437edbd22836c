//! Counts and sizes of a log.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use super::body::Events;
use super::instant::{Instant, Position};
use super::journal::reader::JournalReader;
use super::journal::segment;
use super::look::Look;
use super::memtable::Entry;
use super::query::range::{Order, Range};
use super::reader::StoreReader;
use super::record::{Field, Kind, Record};
use super::shared::Shared;
use crate::error::{Error, Result};

/// What a log takes, on disk and in memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoreSizes {
    pub(crate) segments: u64,
    pub(crate) sealed_segments: u64,
    pub(crate) journal_bytes: u64,
    pub(crate) tree_bytes: u64,
    /// Unknown to a handle that only looks.
    pub(crate) in_memory: Option<u64>,
    pub(crate) blocks: Option<u64>,
}

/// What a log holds and takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreStats {
    pub(crate) events: u64,
    pub(crate) kinds: BTreeMap<Kind, u64>,
    pub(crate) tenants: BTreeMap<Option<String>, u64>,
    pub(crate) oldest: Option<Instant>,
    pub(crate) newest: Option<Instant>,
    pub(crate) sizes: StoreSizes,
}

impl StoreStats {
    fn count(&mut self, position: Position, record: &Record) {
        self.events += 1;
        *self.kinds.entry(Kind::of(record)).or_default() += 1;
        let tenant = record.field(Field::Tenant);
        match self.tenants.get_mut(&tenant.map(str::to_owned)) {
            Some(count) => *count += 1,
            None => drop(self.tenants.insert(tenant.map(str::to_owned), 1)),
        }
        self.widen(position.instant, position.instant);
    }

    fn widen(&mut self, oldest: Instant, newest: Instant) {
        self.oldest = Some(self.oldest.map_or(oldest, |known| known.min(oldest)));
        self.newest = Some(self.newest.map_or(newest, |known| known.max(newest)));
    }
}

impl StoreReader {
    /// Counts and sizes; a handle that only looks reads the whole journal for them.
    pub(crate) fn stats(&self) -> Result<StoreStats> {
        let mut stats = match self {
            Self::Live(shared) => of_shared(shared)?,
            Self::Look(look) => of_journal(look)?,
        };
        stats.sizes = self.sizes()?;
        Ok(stats)
    }

    /// Sizes, told without reading an event.
    pub(crate) fn sizes(&self) -> Result<StoreSizes> {
        let mut sizes = StoreSizes::default();
        if let Self::Live(shared) = self {
            shared.check_open()?;
            let (head, view) = (shared.head.get(), shared.view());
            if let Some(trees) = view.trees() {
                let waiting = |entry: &&Arc<Entry>| entry.position.sequence < head;
                let counts = view
                    .memtables()
                    .map(|memtable| memtable.entries().iter().filter(waiting).count() as u64);
                sizes.in_memory = Some(counts.sum());
                sizes.blocks = Some(u64::from(trees.directory.next_number()));
            }
        }
        for file in segment::list(&self.layout().journal())? {
            // A segment may be sealed, under another name, at this moment.
            sizes.journal_bytes += fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
            sizes.segments += 1;
            sizes.sealed_segments += u64::from(file.sealed);
        }
        if let Some(newest) = self.layout().generations()?.last() {
            sizes.tree_bytes = folder_size(&self.layout().generation(*newest))?;
        }
        Ok(sizes)
    }
}

fn of_shared(shared: &Shared) -> Result<StoreStats> {
    shared.check_open()?;
    let head = shared.head.get();
    let view = shared.view();
    let mut stats = StoreStats::default();
    let Some(trees) = view.trees() else {
        return count_journal(&shared.layout.journal(), shared.format.log_id, head);
    };
    for memtable in view.memtables() {
        for entry in memtable
            .entries()
            .iter()
            .filter(|entry| entry.position.sequence < head)
        {
            stats.count(entry.position, &entry.record);
        }
    }
    for (kind, count) in trees.kinds.iter() {
        *stats.kinds.entry(kind.clone()).or_default() += count.events;
    }
    for (tenant, events) in trees.directory.tenants() {
        *stats.tenants.entry(tenant.map(str::to_owned)).or_default() += events;
        stats.events += events;
    }
    let end = |order| trees.directory.walk(None, Range::ALL, order).next();
    if let (Some(oldest), Some(newest)) = (end(Order::OldestFirst), end(Order::NewestFirst)) {
        stats.widen(oldest.first.instant, newest.last.instant);
    }
    Ok(stats)
}

fn of_journal(look: &Look) -> Result<StoreStats> {
    count_journal(&look.layout.journal(), look.format.log_id, look.head()?)
}

fn count_journal(journal: &std::path::Path, log_id: [u8; 16], head: u64) -> Result<StoreStats> {
    let mut stats = StoreStats::default();
    let mut reader = JournalReader::seek(journal, log_id, 0)?;
    while let Some(frame) = reader.next_before(head)? {
        for hit in Events::of(&frame) {
            let hit = hit?;
            stats.count(hit.position, &hit.record);
        }
    }
    Ok(stats)
}

fn folder_size(folder: &std::path::Path) -> Result<u64> {
    let mut size = 0;
    let entries = match fs::read_dir(folder) {
        // Trees that are gone by now take no room.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(Error::io("list", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("list", folder))?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        size += if metadata.is_dir() {
            folder_size(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(size)
}
