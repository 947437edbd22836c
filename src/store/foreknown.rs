//! What is known of a log before its trees are open.
//!
//! What an append asks of the trees is whether they may have its event's id. The [file of ids](super::trees::ids) tells that
//! without sled, and the ids of what the trees lack are read from the journal, from where the trees ended when they were
//! last flushed.
//!
//! The invariant: every event's id is told of before the first append. Where that is not certain, the log opens its trees
//! first.

use std::sync::Arc;

use super::append::MEMTABLE_BYTES;
use super::body::{self, Events};
use super::index::{ID_FILTER_BITS, TermHasher};
use super::journal::reader::{JournalReader, Mark};
use super::layout::Layout;
use super::memtable::Memtable;
use super::options::StoreOptions;
use super::record::Field;
use super::small_file::Format;
use super::trees::filter::BloomFilter;
use super::trees::ids::KnownIds;
use super::trees::watermark;

/// What is known of a log before its trees are open.
#[derive(Debug)]
pub(super) struct Foreknown {
    pub(super) ids: Arc<KnownIds>,
    /// Where the trees ended when they were last flushed.
    pub(super) flushed: Mark,
    /// Where the memtable begins.
    pub(super) begins: Mark,
    /// Where the journal ends.
    pub(super) end: Mark,
}

impl Foreknown {
    /// What is known before this generation is open, if that is enough, and a memtable of the last events of the journal,
    /// unless it is worth a flush to bring them into the trees. Whatever is wrong here is met again by who reads the
    /// journal for the trees.
    pub(super) fn of(
        layout: &Layout,
        format: &Format,
        options: &StoreOptions,
        generation: u64,
        end: Mark,
    ) -> Option<(Self, Memtable)> {
        if layout.set_aside_for(generation).is_some() {
            return None;
        }
        let folder = layout.generation(generation);
        let flushed_count = watermark::read(&folder)?;
        let mut ids = KnownIds::read(&folder, &format.log_id, end.count)?;
        let flushed = ids.mark_at(flushed_count)?;
        if ids.count() > end.count {
            // The journal has lost events, and the trees may prove it.
            return None;
        }
        let lacking = usize::try_from(end.count.checked_sub(flushed_count)?).ok()?;
        let (memtable, begins) = if lacking < options.worth_a_flush() {
            (read_tail(layout, format, &flushed, &end)?, flushed)
        } else if lacking <= options.memtable_events {
            ids.add(read_ids(layout, format, &flushed, &end)?);
            (Memtable::new(), end)
        } else {
            return None;
        };
        let known = Self {
            ids: Arc::new(ids),
            flushed,
            begins,
            end,
        };
        Some((known, memtable))
    }
}

/// The events between two points of the journal, if they fit in a memtable.
pub(super) fn read_tail(
    layout: &Layout,
    format: &Format,
    from: &Mark,
    end: &Mark,
) -> Option<Memtable> {
    let hasher = TermHasher::new(format.log_id);
    let tail = Memtable::new();
    let mut reader = read_between(layout, format, from, end)?;
    while let Some(frame) = reader.next_before(end.count).ok()? {
        let (_, bytes) = tail.insert(body::entries(&frame, &hasher).ok()?);
        if bytes >= MEMTABLE_BYTES {
            return None;
        }
    }
    Some(tail)
}

/// The ids of the events between two points of the journal.
fn read_ids(layout: &Layout, format: &Format, from: &Mark, end: &Mark) -> Option<BloomFilter> {
    let hasher = TermHasher::new(format.log_id);
    let mut ids = BloomFilter::with_room(end.count - from.count, ID_FILTER_BITS);
    let mut reader = read_between(layout, format, from, end)?;
    while let Some(frame) = reader.next_before(end.count).ok()? {
        for hit in Events::of(&frame) {
            let record = hit.ok()?.record;
            ids.insert(hasher.event_id(record.field(Field::Tenant), record.event_id()));
        }
    }
    Some(ids)
}

/// Reads from one point of the journal, if what is there follows it; there is nothing before the end.
fn read_between(
    layout: &Layout,
    format: &Format,
    from: &Mark,
    end: &Mark,
) -> Option<JournalReader> {
    if from.count == end.count && from != end {
        return None;
    }
    JournalReader::behind(&layout.journal(), format.log_id, from).ok()
}
