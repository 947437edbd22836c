//! The way in: find repeats, sequence, write to the journal, remember, publish.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::entry_reader::EntryReader;
use super::hit::Hit;
use super::index::{Index, TermHash};
use super::instant::Position;
use super::journal::writer::JournalWriter;
use super::look;
use super::memtable::Entry;
use super::options::Durability;
use super::prepare::{Prepared, PreparedRecord, same_content, same_id};
use super::record::{Field, Record};
use super::shared::Shared;
use super::trees::block::slots_of;
use super::trees::engine::TreeError;
use super::trees::snapshot::TreeSnapshot;
use super::view::{Trees, View};
use crate::error::{Error, Result};

/// Memtables that may wait for the trees before appends have to wait, too.
const MAX_FROZEN: usize = 4;
/// A memtable is frozen at this many bytes, however few its events.
pub(crate) const MEMTABLE_BYTES: usize = 64 << 20;

/// Ids of a batch that are looked for together.
const IDS_AT_ONCE: usize = 8;

/// Where a record of a batch stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) sequence: u64,
    /// False if the log had the event already.
    pub(crate) written: bool,
}

/// A batch that was written, and is to be made durable.
#[derive(Debug)]
pub(crate) struct Unacknowledged {
    pub(crate) placed: Vec<Placed>,
    /// The batch is acknowledged once so many events are as durable as was asked for.
    pub(crate) count: u64,
}

impl Shared {
    /// Appends a batch and returns once it is as durable as the options say.
    pub(crate) fn append(&self, batch: Prepared) -> Result<Vec<Placed>> {
        let written = self.write(batch)?;
        self.acknowledge(written.count)?;
        Ok(written.placed)
    }

    /// Writes a batch to the journal and to memory. Readers do not see it before it is acknowledged.
    pub(crate) fn write(&self, batch: Prepared) -> Result<Unacknowledged> {
        self.await_trees_for(&batch)?;
        let mut writer = self.lock_writer();
        self.check_open()?;
        self.commit.check()?;
        self.wait_for_room()?;
        let placed = self.place(&batch, writer.sequence())?;
        let new: Vec<bool> = placed.iter().map(|placed| placed.written).collect();
        if new.contains(&true) {
            self.commit_batch(&mut writer, batch.only(&new)?)?;
        }
        // A repeated event may stand in the middle of a batch that nobody may see half of: the end of the
        // journal is an end of a batch.
        let count = writer.sequence();
        drop(writer);
        self.retired.make_room(placed.len());
        Ok(Unacknowledged { placed, count })
    }

    /// Returns once the first `count` events are as durable as the options say, and lets readers see them.
    pub(crate) fn acknowledge(&self, count: u64) -> Result<()> {
        let durable = match self.options.durability {
            Durability::Sync => self.commit.sync_through(count)?,
            Durability::Periodic(_) | Durability::Os => count,
        };
        self.head.publish(durable);
        Ok(())
    }

    /// The event of this id, wherever it is, with its payload.
    pub(crate) fn find_event(&self, tenant: Option<&str>, event_id: &str) -> Result<Option<Hit>> {
        let hash = self.hasher.event_id(tenant, event_id);
        let matches = |record: &Record| {
            record.event_id() == event_id && record.field(Field::Tenant) == tenant
        };
        self.find_latest(Index::EventIds, hash, matches)
    }

    /// The latest event that carries the term and that `matches`.
    pub(crate) fn find_latest(
        &self,
        index: Index,
        hash: TermHash,
        matches: impl Fn(&Record) -> bool + Copy,
    ) -> Result<Option<Hit>> {
        let head = self.head.get();
        let view = self.view();
        let found = view.newest_in_memory(index, hash, |entry| {
            entry.position.sequence < head && matches(&entry.record)
        });
        if let Some(entry) = found {
            return Ok(Some(Hit::from(&*entry)));
        }
        let hit = match view.trees() {
            Some(trees) => find_in_trees(trees, index, hash, matches),
            None => Err(TreeError::new("they are being rebuilt")),
        };
        match hit {
            Ok(Some(hit)) => self.with_payload(hit).map(Some),
            Ok(None) => Ok(None),
            Err(error) => {
                if let Some(trees) = view.trees() {
                    self.report_trees(trees, &error);
                }
                self.find_in_journal(head, matches)
            }
        }
    }

    /// Fetches the payload of a record that the trees keep without.
    pub(crate) fn with_payload(&self, hit: Hit) -> Result<Hit> {
        let Some(place) = hit.elsewhere else {
            return Ok(hit);
        };
        let mut reader = EntryReader::new(&self.layout.journal(), self.format.log_id);
        Ok(Hit::from(reader.entry(place, hit.position.sequence)?))
    }

    /// Decides for each record of a batch whether it is new, and where it stands.
    fn place(&self, batch: &Prepared, first: u64) -> Result<Vec<Placed>> {
        let mut next = first;
        let mut view = self.view_now();
        let mut placed: Vec<Placed> = Vec::with_capacity(batch.records.len());
        for records in batch.records.chunks(IDS_AT_ONCE) {
            let ids: Vec<_> = records.iter().map(PreparedRecord::id_hash).collect();
            // Nothing is added meanwhile, so this goes for whatever view takes this one's place.
            let held = view.may_hold(Index::EventIds, &ids);
            for (prepared, place) in records.iter().zip(0_u32..) {
                let repeated = prepared.repeats.and_then(|first| placed.get(first));
                let known = match repeated {
                    Some(first) => Some(first.sequence),
                    None if held & (1 << place) == 0 => None,
                    None => self.known(&mut view, prepared)?,
                };
                placed.push(if let Some(sequence) = known {
                    Placed {
                        sequence,
                        written: false,
                    }
                } else {
                    next += 1;
                    Placed {
                        sequence: next - 1,
                        written: true,
                    }
                });
            }
        }
        Ok(placed)
    }

    /// The sequence number of the same event, if the log has it. Unlike readers, this sees events that
    /// are not acknowledged yet. `view` is replaced if its trees fail.
    fn known(&self, view: &mut Arc<View>, prepared: &PreparedRecord) -> Result<Option<u64>> {
        let hash = prepared.id_hash();
        let matches = |record: &Record| same_id(record, &prepared.record);
        let mut attempts = 0;
        let known = loop {
            let in_memory =
                view.newest_in_memory(Index::EventIds, hash, |entry| matches(&entry.record));
            if let Some(entry) = in_memory {
                break Hit::from(&*entry);
            }
            match view.trees() {
                // New trees that fail as the old ones did are not worth a third try.
                _ if attempts > 1 => match self.find_in_journal(self.commit.written(), matches)? {
                    None => return Ok(None),
                    Some(hit) => break hit,
                },
                None => self.wait_for_trees()?,
                Some(trees) => match find_in_trees(trees, Index::EventIds, hash, matches) {
                    Ok(None) => return Ok(None),
                    Ok(Some(hit)) => break self.with_payload(hit)?,
                    Err(error) => {
                        self.report_trees(trees, &error);
                        attempts += 1;
                    }
                },
            }
            *view = self.view_now();
        };
        if same_content(&known.record, &prepared.record) {
            return Ok(Some(known.position.sequence));
        }
        Err(Error::Conflict {
            event_id: prepared.record.event_id().to_owned(),
            tenant: prepared.record.field(Field::Tenant).map(str::to_owned),
            sequence: known.position.sequence,
        })
    }

    /// The latest of the first `head` events that `matches`, by reading them all.
    fn find_in_journal(&self, head: u64, matches: impl Fn(&Record) -> bool) -> Result<Option<Hit>> {
        look::latest(&self.layout.journal(), self.format.log_id, head, matches)
    }

    fn commit_batch(&self, writer: &mut JournalWriter, batch: Prepared) -> Result<()> {
        if writer.is_full_for(batch.body.len()) {
            self.rotate(writer)
                .inspect_err(|error| self.commit.poison(error))?;
        }
        let first = writer.sequence();
        let recorded_at = now();
        let count = u32::try_from(batch.records.len()).unwrap_or(u32::MAX);
        let synced = self.commit.synced();
        let nearly_full = writer.is_nearly_full();
        let place = writer
            .append(&batch.body, &batch.body_hash, count, recorded_at, synced)
            .inspect_err(|error| self.commit.poison(error))?;
        let entry = |(sequence, prepared): (u64, PreparedRecord)| Entry {
            position: Position {
                instant: prepared.record.instant(),
                sequence,
            },
            recorded_at,
            record: prepared.record,
            hashes: prepared.hashes,
            place,
        };
        let memtable = Arc::clone(&self.view_now().active);
        let (events, bytes) = memtable.insert((first..).zip(batch.records).map(entry));
        self.commit.wrote(writer.sequence());
        if !nearly_full && writer.is_nearly_full() {
            // The next segment is begun once this one is synced: little is to be left for then.
            self.sync_ahead();
        }
        if events >= self.options.memtable_events || bytes >= MEMTABLE_BYTES {
            self.freeze(writer);
        }
        Ok(())
    }

    /// Brings the segment to stable storage and goes on to the next.
    fn rotate(&self, writer: &mut JournalWriter) -> Result<()> {
        self.commit.sync_through(writer.sequence())?;
        writer.rotate()?;
        let (file, path) = writer.file();
        self.commit.switched(file, path);
        Ok(())
    }

    /// Waits while the trees are too far behind.
    fn wait_for_room(&self) -> Result<()> {
        if self.view_now().frozen.len() < MAX_FROZEN {
            return Ok(());
        }
        self.wait_while(|_| self.view_now().frozen.len() >= MAX_FROZEN)
    }

    /// Waits for trees that are being opened if they may have an event of the batch. Nobody else waits for that: the
    /// writer is not locked yet.
    fn await_trees_for(&self, batch: &Prepared) -> Result<()> {
        let view = self.view_now();
        let Trees::Awaited(known) = &view.trees else {
            return Ok(());
        };
        let ids: Vec<_> = batch.records.iter().map(PreparedRecord::id_hash).collect();
        if ids.chunks(64).all(|ids| known.may_hold(ids) == 0) {
            return Ok(());
        }
        self.wait_for_trees()
    }

    /// Waits while the trees are being opened or rebuilt: without them, a repeated id would be found too slowly.
    fn wait_for_trees(&self) -> Result<()> {
        self.wait_while(|_| self.view_now().trees().is_none())
    }
}

fn find_in_trees(
    trees: &TreeSnapshot,
    index: Index,
    hash: TermHash,
    matches: impl Fn(&Record) -> bool,
) -> Result<Option<Hit>, TreeError> {
    let mut latest: Option<Hit> = None;
    trees.visit(index, hash, |(block, slots)| {
        let block = trees.block(block, slots)?;
        for slot in slots_of(slots).take_while(|slot| *slot < block.len()) {
            let hit = block.hit(slot)?;
            let later = latest
                .as_ref()
                .is_none_or(|latest| hit.position.sequence > latest.position.sequence);
            if later && matches(&hit.record) {
                latest = Some(hit);
            }
        }
        // There is one event of an id: no other run needs to be asked.
        Ok(if index == Index::EventIds && latest.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })?;
    Ok(latest)
}

/// Nanoseconds since 1970-01-01T00:00:00Z by the system's clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
