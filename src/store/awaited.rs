//! A log that is written before its trees are open.
//!
//! What an append asks of the trees is whether they may have its event's id. The [file of ids](super::trees::ids) tells that
//! without sled, and the ids of what the trees lack are read from the journal, from where the trees ended when they were
//! last flushed. So the first appends need not wait for sled; readers do, and appends of an id that there may be.
//!
//! The invariant: every event's id is told of before the first append, and once readers see the trees, every event is
//! either in them or in a memtable. Where that is not certain, the log opens its trees first.

use std::cmp::Ordering;
use std::sync::Arc;

use super::append::MEMTABLE_BYTES;
use super::body::{self, Events};
use super::early::EarlyTrees;
use super::generation;
use super::index::{ID_FILTER_BITS, TermHasher};
use super::journal::reader::{JournalReader, Mark};
use super::layout::{Format, Layout};
use super::memtable::Memtable;
use super::options::StoreOptions;
use super::record::Field;
use super::shared::Shared;
use super::trees::engine::TreeError;
use super::trees::filter::BloomFilter;
use super::trees::ids::KnownIds;
use super::trees::watermark;
use super::trees::writer::TreeWriter;
use super::view::Frozen;
use crate::error::Result;

/// What is known of a log before its trees are open.
#[derive(Debug)]
pub(super) struct Foreknown {
    pub(super) ids: Arc<KnownIds>,
    /// The last events of the journal, unless it is worth a flush to bring them into the trees.
    pub(super) memtable: Memtable,
    /// Where the trees ended when they were last flushed.
    flushed: Mark,
    /// Where the memtable begins.
    begins: Mark,
    end: Mark,
}

impl Foreknown {
    /// What is known before this generation is open, if that is enough. Whatever is wrong here is met again by who reads
    /// the journal for the trees.
    pub(super) fn of(
        layout: &Layout,
        format: &Format,
        options: &StoreOptions,
        generation: u64,
        end: Mark,
    ) -> Option<Self> {
        if layout.set_aside_for(generation).is_some() {
            return None;
        }
        let folder = layout.generation(generation);
        let flushed_count = watermark::read(&folder)?;
        let mut ids = KnownIds::read(&folder, &format.log_id);
        let flushed = ids.mark_at(flushed_count)?;
        let lacking = usize::try_from(end.count.checked_sub(flushed_count)?).ok()?;
        let (memtable, begins) = if lacking < options.worth_a_flush() {
            (read_tail(layout, format, &flushed, &end)?, flushed)
        } else if lacking <= options.memtable_events {
            ids.add(read_ids(layout, format, &flushed, &end)?);
            (Memtable::new(), end)
        } else {
            return None;
        };
        Some(Self {
            ids: Arc::new(ids),
            memtable,
            flushed,
            begins,
            end,
        })
    }

    /// The trees, which are still being opened.
    pub(super) fn awaiting(&self, early: EarlyTrees) -> AwaitedTrees {
        AwaitedTrees {
            early,
            ids: Arc::clone(&self.ids),
            flushed: self.flushed,
            begins: self.begins,
            end: self.end,
        }
    }
}

/// The events between two points of the journal, if they fit in a memtable.
fn read_tail(layout: &Layout, format: &Format, from: &Mark, end: &Mark) -> Option<Memtable> {
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
    let reader = JournalReader::at(&layout.journal(), format.log_id, from.place, from.count);
    Some(reader.ok()?.after_hash(from.hash).checking_chain())
}

/// Trees that were opened while the log was written already.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) trees: TreeWriter,
    /// What they lack of the events before the memtables.
    pub(super) frozen: Option<Frozen>,
    /// Events that were read from the journal because the trees did not have them.
    pub(super) replayed: u64,
}

/// Trees that are being opened while the log is written.
#[derive(Debug)]
pub(super) struct AwaitedTrees {
    early: EarlyTrees,
    ids: Arc<KnownIds>,
    /// Where they ended when they were last flushed.
    flushed: Mark,
    /// Where the memtables begin.
    pub(super) begins: Mark,
    /// Where the journal ended when the log was opened.
    pub(super) end: Mark,
}

impl AwaitedTrees {
    /// The generation that they are.
    pub(super) fn generation(&self) -> u64 {
        self.early.generation
    }

    /// Waits for them, and sees to it that each event is either in them or in a memtable.
    pub(super) fn finish(self, shared: &Shared) -> Result<Result<Arrived, TreeError>> {
        let (layout, format, options) = (&shared.layout, &shared.format, &shared.options);
        // They are still opening, and this is what they will lack.
        let lacking = if self.flushed == self.begins {
            None
        } else {
            read_tail(layout, format, &self.flushed, &self.begins)
        };
        let (generation, early) = (self.early.generation, Some(self.early));
        let opened =
            generation::open_generation(layout, format, options, generation, self.end, early)?;
        let mut trees = match opened {
            Ok(trees) => trees,
            Err(error) => return Ok(Err(error)),
        };
        let applied = trees.applied().count;
        let lacking = lacking.filter(|_| applied == self.flushed.count);
        let memtable = match (applied.cmp(&self.begins.count), lacking) {
            (Ordering::Equal, _) => None,
            (Ordering::Less, Some(lacking)) => Some(lacking),
            (Ordering::Less, None) => {
                let rest = generation::catch_up(layout, format, options, &mut trees, self.begins)?;
                match rest {
                    Ok(rest) => Some(Memtable::of(rest)),
                    Err(error) => return Ok(Err(error)),
                }
            }
            // The process ended between a flush and its watermark. Until readers see the trees, the file of ids tells of
            // what the memtables lose.
            (Ordering::Greater, _) if self.ids.mark_at(applied).is_some() => {
                for memtable in shared.view_now().memtables() {
                    memtable.forget_before(applied);
                }
                None
            }
            (Ordering::Greater, _) => {
                return Ok(Err(TreeError::new(format_args!(
                    "they hold {applied} events, and the file of ids does not tell of them"
                ))));
            }
        };
        Ok(Ok(Arrived {
            trees,
            frozen: memtable
                .filter(|memtable| memtable.size().0 > 0)
                .map(|memtable| Frozen {
                    memtable: Arc::new(memtable),
                    mark: self.begins,
                }),
            replayed: self.end.count - applied,
        }))
    }
}
