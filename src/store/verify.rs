//! Verifying: reads everything again, and compares the journal, the trees and the hashes.
//!
//! The trees are compared with the journal by sums that do not depend on order: one over all events, one
//! over the postings of each index. Equal sums of equal counts mean equal sets, short of a collision in
//! 64 bits of BLAKE3.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::body;
use super::entry_reader::EntryReader;
use super::index::{INDEXES, TermHash, TermHashes};
use super::journal::reader::JournalReader;
use super::journal::reader::Mark;
use super::journal::segment;
use super::look::Look;
use super::memtable::Entry;
use super::query::scan::Hit;
use super::reader::StoreReader;
use super::record::Record;
use super::shared::Shared;
use super::trees::engine::TreeError;
use super::trees::snapshot::TreeSnapshot;
use super::trees::writer::TreeWriter;
use crate::error::{Error, Result};

/// What a verification read, and what it found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Verification {
    /// Events in the journal that were read and are whole.
    pub events: u64,
    /// Commits they came in.
    pub commits: u64,
    /// Segments of the journal.
    pub segments: u64,
    /// The hash of the last commit read, which stands for all that came before it.
    pub chain_hash: [u8; 32],
    /// What became of the trees.
    pub trees: TreesVerified,
    /// Everything that is not as it must be. Empty means intact.
    pub problems: Vec<String>,
}

impl Verification {
    /// True if nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Whether the trees could be compared with the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TreesVerified {
    /// They were compared: this many of the journal's events are in them. The others are still in memory.
    Compared {
        /// Events in the trees.
        events: u64,
    },
    /// Another process holds them.
    #[default]
    HeldByWriter,
    /// There are none: the next opening makes them.
    Missing,
}

/// Sums that do not depend on the order in which they are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sums {
    events: u64,
    content: u64,
    postings: [u64; INDEXES.len()],
    terms: [u64; INDEXES.len()],
}

impl Sums {
    fn add_event(&mut self, sequence: u64, recorded_at: i64, record: &Record, hashes: &TermHashes) {
        self.events += 1;
        let mut content = blake3::Hasher::new();
        content
            .update(&sequence.to_le_bytes())
            .update(&recorded_at.to_le_bytes());
        self.content = self
            .content
            .wrapping_add(short(content.update(record.as_bytes())));
        for (place, hash) in hashes.iter().enumerate() {
            if let Some(hash) = hash {
                self.add_posting(place, *hash, sequence);
            }
        }
    }

    fn add_posting(&mut self, place: usize, hash: TermHash, sequence: u64) {
        if let (Some(count), Some(sum)) = (self.postings.get_mut(place), self.terms.get_mut(place))
        {
            let mut hasher = blake3::Hasher::new();
            hasher
                .update(&hash.0.to_le_bytes())
                .update(&sequence.to_le_bytes());
            *count += 1;
            *sum = sum.wrapping_add(short(&hasher));
        }
    }
}

fn short(hasher: &blake3::Hasher) -> u64 {
    hasher
        .finalize()
        .as_bytes()
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Reads the log and compares. `decode` checks what a record means; `progress` hears how many of how many
/// events were read.
pub(crate) fn verify(
    reader: &StoreReader,
    decode: &dyn Fn(&Record) -> Result<(), String>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verification> {
    // What tells how far the journal reached is looked at before the journal is: it only grows.
    let known = reader.layout().read_head(reader.format().log_id);
    match reader {
        StoreReader::Live(shared) => {
            shared.check_open()?;
            let view = shared.view();
            let trees = view.trees.as_ref();
            let head = shared.head.get();
            let (mut found, sums) = journal(reader, known, head, trees, decode, progress)?;
            if let Some(trees) = trees {
                compare(shared, trees, &sums, &mut found);
            } else {
                found.trees = TreesVerified::Missing;
            }
            Ok(found)
        }
        StoreReader::Look(look) => look_at(reader, look, known, decode, progress),
    }
}

fn compare(shared: &Shared, trees: &TreeSnapshot, sums: &Sums, found: &mut Verification) {
    found.trees = TreesVerified::Compared {
        events: trees.applied.count,
    };
    let path = shared.layout.journal();
    if let Err(error) = compare_trees(&path, shared.format.log_id, trees, sums, found) {
        found.problems.push(error.to_string());
        shared.report_trees(trees, &error);
    }
}

fn look_at(
    reader: &StoreReader,
    look: &Look,
    known: Result<Option<Mark>>,
    decode: &dyn Fn(&Record) -> Result<(), String>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verification> {
    // The lock is held for as long as the trees are copied, so that no writer changes them meanwhile.
    let lock_file = File::open(look.layout.root().join("LOCK"));
    let held = lock_file
        .as_ref()
        .is_ok_and(|lock| lock.try_lock_shared().is_err());
    let newest = look.layout.generations()?.last().copied();
    let copy = match newest {
        Some(number) if !held => Some(Copy::of(&look.layout.generation(number))?),
        _ => None,
    };
    drop(lock_file);
    let trees = copy
        .as_ref()
        .map(|copy| TreeWriter::open(&copy.path, look.format.log_id, 32 << 20));
    let (snapshot, broken) = match trees {
        Some(Ok(trees)) => (Some(trees.snapshot()), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let (mut found, sums) = journal(
        reader,
        known,
        look.head()?,
        snapshot.as_ref(),
        decode,
        progress,
    )?;
    found.trees = if held {
        TreesVerified::HeldByWriter
    } else {
        TreesVerified::Missing
    };
    if let Some(trees) = &snapshot {
        found.trees = TreesVerified::Compared {
            events: trees.applied.count,
        };
        let folder = look.layout.journal();
        let compared = compare_trees(&folder, look.format.log_id, trees, &sums, &mut found);
        found
            .problems
            .extend(compared.err().map(|error| error.to_string()));
    }
    found.problems.extend(broken.map(|error| error.to_string()));
    Ok(found)
}

/// Reads the journal up to `head`; sums what the trees should hold.
fn journal(
    reader: &StoreReader,
    known: Result<Option<Mark>>,
    head: u64,
    trees: Option<&TreeSnapshot>,
    decode: &dyn Fn(&Record) -> Result<(), String>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Verification, Sums)> {
    let (layout, log_id) = (reader.layout(), reader.format().log_id);
    let folder = layout.journal();
    let mut found = Verification {
        segments: segment::list(&folder)?.len() as u64,
        ..Verification::default()
    };
    let mut sums = Sums::default();
    let known = match known {
        Ok(mark) => mark,
        Err(error) => {
            found.problems.push(error.to_string());
            None
        }
    };
    let applied = trees.map_or(Mark::START, |trees| trees.applied);
    let marks = known
        .iter()
        .map(|mark| ("HEAD", *mark))
        .chain([("the trees", applied)]);
    let marks: Vec<_> = marks.collect();
    let mut journal = match JournalReader::seek(&folder, log_id, 0) {
        Ok(journal) => journal.checking_chain(),
        Err(error) => return damaged(found, sums, error),
    };
    loop {
        let frame = match journal.next_before(head) {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(error) => return damaged(found, sums, error),
        };
        let end = frame.header.end_sequence();
        let entries = match body::entries(&frame, reader.hasher()) {
            Ok(entries) => entries,
            Err(error) => return damaged(found, sums, error),
        };
        for entry in &entries {
            check_entry(entry, decode, &mut found);
            if entry.position.sequence < applied.count {
                let Entry {
                    position,
                    recorded_at,
                    record,
                    hashes,
                    ..
                } = entry;
                sums.add_event(position.sequence, *recorded_at, record, hashes);
            }
        }
        for (name, mark) in &marks {
            if mark.count == end && mark.hash != frame.hash {
                found.problems.push(format!(
                    "{name} tells another hash of the first {end} events"
                ));
            }
        }
        found.events = end;
        found.commits += 1;
        found.chain_hash = frame.hash;
        progress(end, head);
    }
    for (name, mark) in marks {
        if mark.count > head {
            found.problems.push(format!(
                "{name} tells of {} events, the journal has {head}",
                mark.count
            ));
        }
    }
    Ok((found, sums))
}

fn damaged(mut found: Verification, sums: Sums, error: Error) -> Result<(Verification, Sums)> {
    if !error.is_damage() {
        return Err(error);
    }
    found.problems.push(error.to_string());
    Ok((found, sums))
}

fn check_entry(
    entry: &Entry,
    decode: &dyn Fn(&Record) -> Result<(), String>,
    found: &mut Verification,
) {
    if let Err(reason) = decode(&entry.record) {
        let error = Error::Undecodable {
            sequence: entry.position.sequence,
            reason,
        };
        found.problems.push(error.to_string());
    }
}

/// Reads all blocks and postings and compares their sums with the journal's.
fn compare_trees(
    journal: &Path,
    log_id: [u8; 16],
    trees: &TreeSnapshot,
    expected: &Sums,
    found: &mut Verification,
) -> Result<(), TreeError> {
    let hasher = super::index::TermHasher::new(log_id);
    let mut elsewhere = EntryReader::new(journal, log_id);
    let mut sums = Sums::default();
    // The sequence numbers of each block's slots, to translate postings.
    let mut sequences: Vec<Vec<u64>> = Vec::new();
    for info in trees.directory.blocks() {
        let block = trees.block(info)?;
        let mut slots = Vec::with_capacity(block.len());
        for slot in 0..block.len() {
            let mut hit = Hit::from(block.slot(slot).map_err(TreeError::new)?);
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
            for slot in (0..64).filter(|slot| posting.slots & (1 << slot) != 0) {
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
        if of(&sums) != of(expected) {
            found.problems.push(format!(
                "the index {} differs from the events; rebuild the trees",
                definition.tree
            ));
        }
    }
    Ok(())
}

/// A copy of the trees, so that looking at them changes nothing. Removed when dropped.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn of(folder: &Path) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("experience-log-{}", uuid::Uuid::new_v4()));
        let copy = Self { path };
        copy_folder(folder, &copy.path)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for entry in fs::read_dir(from).map_err(Error::io("list", from))? {
        let entry = entry.map_err(Error::io("list", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(Error::io("copy", &source))?;
        }
    }
    Ok(())
}
