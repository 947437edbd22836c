//! Writes the trees: has a memtable's events [cut](super::cut) into blocks, gathers their postings, and puts both in one
//! transaction with the manifest that makes them count.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::beside::beside;
use super::super::index::{Definition, INDEXES, Index};
use super::super::journal::reader::Mark;
use super::super::memtable::Entry;
use super::super::record::{Field, Kind};
use super::block::Encoder;
use super::block_file::{BlockFile, BlockPlace};
use super::caches::{Caches, Shares};
use super::cut::cut;
use super::directory::{self, BlockInfo, Directory, MAX_GROUP};
use super::engine::{Engine, Tree, TreeError, Write};
use super::ids::IdFile;
use super::keys;
use super::load;
use super::manifest::{Manifest, ManifestFlaw};
use super::merge::Merge;
use super::opening::Opening;
use super::run::{Posting, Run, RunInfo};
use super::run_builder::RunBuilder;
use super::snapshot::{Runs, TreeSnapshot};
use super::watermark;

/// Changes of one transaction, where they need not be one.
pub(super) const WRITES_AT_ONCE: usize = 64;

/// A memtable packed for the trees, and what they are with it.
#[derive(Debug)]
pub(crate) struct Prepared {
    manifest: Manifest,
    directory: Directory,
    runs: Runs,
    /// The blocks' bytes.
    blocks: Vec<u8>,
    /// The openings of the blocks, by number.
    openings: Vec<(u32, Arc<Opening>)>,
    /// The run of the events' ids.
    ids: Option<Arc<Run>>,
    writes: Vec<Write>,
}

/// The one writer of the trees.
#[derive(Debug)]
pub(crate) struct TreeWriter {
    folder: PathBuf,
    pub(super) engine: Arc<Engine>,
    file: Arc<BlockFile>,
    /// Opened with the first change.
    ids: Option<IdFile>,
    pub(super) caches: Arc<Caches>,
    pub(super) manifest: Manifest,
    directory: Arc<Directory>,
    pub(super) runs: Runs,
    /// Runs that were merged away, still held by readers.
    pub(super) retired: Vec<Arc<Run>>,
    /// Merges under way, one for each index and level at most.
    pub(super) merges: Vec<Merge>,
    /// Whether what an unfinished merge left behind was looked for.
    rid_of_unknown_runs: bool,
    encoder: Encoder,
}

impl TreeWriter {
    /// Opens the trees in `path`, or starts empty ones.
    pub(crate) fn open(path: &Path, log_id: [u8; 16], cache_bytes: u64) -> Result<Self, TreeError> {
        let shares = Shares::of(cache_bytes);
        let engine = Arc::new(Engine::open(path, shares.sled)?);
        let manifest = match engine.get(Tree::Meta, keys::MANIFEST)? {
            Some(bytes) => Manifest::decode(&bytes).map_err(|flaw| match flaw {
                ManifestFlaw::Layout(_) => TreeError::of_another_version(flaw),
                _ => TreeError::new(flaw),
            })?,
            None if engine.first_key_from(Tree::Meta, b"")?.is_none() => Manifest::new(log_id),
            None => return Err(TreeError::new("the manifest is missing")),
        };
        if manifest.log_id != log_id {
            return Err(TreeError::new("the trees belong to another log"));
        }
        watermark::check(path, manifest.applied.count)?;
        if manifest.applied == Mark::START {
            // Without one, the next opening would not know that there is nothing in them.
            let _ = watermark::write(path, 0);
        }
        let file = Arc::new(BlockFile::open(path, manifest.block_bytes)?);
        let (directory, runs) = beside(
            || load::runs(&engine, &manifest),
            || load::directory(&engine, &manifest),
        );
        let (directory, runs) = (directory?, runs?);
        Ok(Self {
            folder: path.to_path_buf(),
            file,
            ids: None,
            caches: Arc::new(Caches::new(&engine, shares)),
            engine,
            manifest,
            directory,
            runs,
            retired: Vec::new(),
            merges: Vec::new(),
            rid_of_unknown_runs: false,
            encoder: Encoder::default(),
        })
    }

    /// Closes sled, though readers may still hold snapshots.
    pub(crate) fn close(self) {
        self.engine.close();
    }

    /// How far the trees have got.
    pub(crate) fn applied(&self) -> Mark {
        self.manifest.applied
    }

    /// What readers may use until the next change.
    pub(crate) fn snapshot(&self) -> TreeSnapshot {
        TreeSnapshot {
            file: Arc::clone(&self.file),
            caches: Arc::clone(&self.caches),
            directory: Arc::clone(&self.directory),
            runs: Arc::new(self.runs.clone()),
            kinds: Arc::new(self.manifest.kinds.clone()),
            applied: self.manifest.applied,
        }
    }

    /// Adds the events between the applied mark and `mark`, which the journal holds on stable storage.
    pub(crate) fn apply(&mut self, entries: Vec<Arc<Entry>>, mark: Mark) -> Result<(), TreeError> {
        let prepared = self.prepare(entries, mark)?;
        self.commit(prepared)
    }

    /// Packs the events between the applied mark and `mark` for the trees, which do not change by this. The journal may
    /// still be syncing them.
    pub(crate) fn prepare(
        &mut self,
        entries: Vec<Arc<Entry>>,
        mark: Mark,
    ) -> Result<Prepared, TreeError> {
        self.remove_unknown_runs()?;
        let mut manifest = self.manifest.clone();
        let mut directory = Directory::clone(&self.directory);
        let first_block = directory.next_number();
        let mut writes = Vec::new();
        let (mut infos, mut keys_of_blocks) = (Vec::new(), Vec::new());
        let (mut blocks, mut openings) = (Vec::new(), Vec::new());
        let mut postings: [Vec<Posting>; INDEXES.len()] = std::array::from_fn(|_| Vec::new());
        let cut = cut(entries);
        for (number, entries) in (first_block..).zip(cut.blocks()) {
            let start = blocks.len();
            let opening = self.encoder.encode(entries, &mut blocks);
            let stored = blocks.get(start..).unwrap_or_default();
            let opening = stored.get(..opening).unwrap_or_default();
            let number_of = |length: usize| u32::try_from(length).map_err(TreeError::new);
            let place = BlockPlace {
                offset: manifest.block_bytes + start as u64,
                length: number_of(stored.len())?,
                opening: number_of(opening.len())?,
                crc: crc32c::crc32c(opening),
            };
            let Some((key, info)) = describe(number, entries, place) else {
                continue;
            };
            let opening = Opening::parse(opening, place.range()).map_err(TreeError::new)?;
            openings.push((number, Arc::new(opening)));
            keys_of_blocks.push(key);
            infos.push(info);
            for (definition, postings) in INDEXES.iter().zip(&mut postings) {
                gather(definition, number, entries, postings);
            }
            let kinds = entries.iter().map(|entry| Kind::of(&entry.record));
            manifest.kinds.count(kinds);
        }
        writes.extend(tell_of(&infos, &keys_of_blocks));
        directory.add(infos);
        let mut runs = self.runs.clone();
        let mut ids = None;
        for ((definition, mut postings), runs) in INDEXES.iter().zip(postings).zip(&mut runs) {
            if postings.is_empty() {
                continue;
            }
            postings.sort_unstable();
            let terms = count_terms(&postings);
            let mut builder = RunBuilder::new(definition, manifest.next_run, 0, terms);
            for posting in postings {
                builder.push(posting);
            }
            let (run, run_writes) = builder.finish()?;
            manifest.next_run += 1;
            manifest.runs.push(run.info);
            writes.extend(run_writes);
            let run = Arc::new(run);
            if definition.index == Index::EventIds {
                ids = Some(Arc::clone(&run));
            }
            runs.push(run);
        }
        manifest.block_bytes += blocks.len() as u64;
        manifest.blocks = directory.next_number();
        manifest.applied = mark;
        Ok(Prepared {
            manifest,
            directory,
            runs,
            blocks,
            openings,
            ids,
            writes,
        })
    }

    /// Adds what was prepared since the last change, and which the journal holds on stable storage.
    pub(crate) fn commit(&mut self, prepared: Prepared) -> Result<(), TreeError> {
        let Prepared {
            manifest,
            directory,
            runs,
            blocks,
            openings,
            ids,
            mut writes,
        } = prepared;
        // Behind the blocks that count there may be some of an attempt that failed.
        self.file.append(self.manifest.block_bytes, &blocks)?;
        self.tell_ids(ids.as_deref(), &manifest.applied)?;
        self.remove_retired()?;
        writes.push(Write::insert(
            Tree::Meta,
            keys::MANIFEST,
            &manifest.encode(),
        ));
        // On stable storage before sled is, or a crash of the system leaves trees that miss their blocks.
        let (applied, synced) = beside(|| self.file.sync(), || self.engine.apply(&writes));
        applied.and(synced)?;
        self.engine.flush()?;
        // An older watermark is as true.
        let _ = watermark::write(&self.folder, manifest.applied.count);
        self.manifest = manifest;
        self.directory = Arc::new(directory);
        self.runs = runs;
        // What is new is asked for most.
        self.caches.pages.wrote(&writes);
        for (number, opening) in &openings {
            self.caches.keep_opening(*number, opening);
        }
        Ok(())
    }

    /// Has the file of ids tell of the events before `mark`, which the trees do not hold yet. `run` is of their ids.
    fn tell_ids(&mut self, run: Option<&Run>, mark: &Mark) -> Result<(), TreeError> {
        let runs = self.runs.get(Index::EventIds as usize);
        let filters = runs.into_iter().flatten().map(|run| run.filter());
        let (log_id, applied) = (self.manifest.log_id, &self.manifest.applied);
        let known = self.ids.take();
        let known = known.or_else(|| IdFile::open(&self.folder, log_id, applied));
        let file = match known {
            Some(file) if !file.is_worn() => file,
            known => match (IdFile::make(&self.folder, log_id, applied, filters), known) {
                (Ok(made), _) => made,
                // Without room for another, this one serves as before.
                (Err(_), Some(worn)) => worn,
                (Err(error), None) => return Err(error),
            },
        };
        self.ids.insert(file).append(run.map(Run::filter), mark)
    }

    /// Removes merged runs that no reader holds any more, in small transactions, which readers wait for: no manifest
    /// names such a run, so the next opening removes what a crash leaves.
    fn remove_retired(&mut self) -> Result<(), TreeError> {
        let mut writes = Vec::new();
        self.retired.retain(|run| {
            let held = Arc::strong_count(run) > 1;
            if !held && let Some(definition) = INDEXES.get(usize::from(run.info.index)) {
                writes.extend(removals(definition.index, &run.info));
            }
            held
        });
        let mut removals = writes.chunks(WRITES_AT_ONCE);
        removals.try_for_each(|writes| self.engine.apply(writes))
    }

    /// Removes what an unfinished merge left behind, before the first run that may get the same number. Looking for it
    /// takes some 10 ms of a first opening at a million events, so it waits until then.
    pub(super) fn remove_unknown_runs(&mut self) -> Result<(), TreeError> {
        if self.rid_of_unknown_runs {
            return Ok(());
        }
        for definition in &INDEXES {
            let tree = Tree::Index(definition.index);
            let mut removals = Vec::new();
            let mut from = Vec::new();
            while let Some(key) = self.engine.first_key_from(tree, &from)? {
                let number = keys::run_of_key(&key)
                    .ok_or_else(|| TreeError::new("a key of an index tree is too short"))?;
                let known = |run: &RunInfo| run.number == number && run.index == definition.code;
                if self.manifest.runs.iter().any(known) {
                    let Some(next) = number.checked_add(1) else {
                        break;
                    };
                    from = next.to_be_bytes().to_vec();
                    continue;
                }
                removals.push(Write::remove(tree, &key));
                if removals.len() >= WRITES_AT_ONCE {
                    self.engine.apply(&std::mem::take(&mut removals))?;
                }
                // The key that follows next in order.
                from = key;
                from.push(0);
            }
            self.engine.apply(&removals)?;
        }
        self.rid_of_unknown_runs = true;
        Ok(())
    }
}

/// Different hashes among sorted postings.
fn count_terms(postings: &[Posting]) -> u64 {
    postings
        .chunk_by(|one, other| one.hash == other.hash)
        .count() as u64
}

/// What removes a run.
pub(super) fn removals(index: Index, run: &RunInfo) -> Vec<Write> {
    let tree = Tree::Index(index);
    let guides = (0..run.guide_pieces()).map(|piece| keys::guide_key(run.number, piece));
    let pages = (0..run.pages).map(|page| keys::page_key(run.number, page));
    guides
        .chain(pages)
        .map(|key| Write::remove(tree, &key))
        .collect()
}

/// The key and the description of a block that lies at `place`.
fn describe(
    number: u32,
    entries: &[Arc<Entry>],
    place: BlockPlace,
) -> Option<(Vec<u8>, BlockInfo)> {
    let (first, last) = (entries.first()?, entries.last()?);
    let tenant = first.record.field(Field::Tenant);
    let key = keys::event_key(tenant, first.position, first.record.event_id());
    let info = BlockInfo {
        number,
        tenant: tenant.map(Arc::from),
        first: first.position,
        last: last.position,
        events: u32::try_from(entries.len()).ok()?,
        place,
    };
    Some((key, info))
}

/// The items of `events` that tell of new blocks. `keys` has the key of each block.
fn tell_of(blocks: &[BlockInfo], keys: &[Vec<u8>]) -> Vec<Write> {
    let of_tenants = blocks.chunk_by(|one, other| one.tenant == other.tenant);
    let groups = of_tenants.flat_map(|blocks| blocks.chunks(MAX_GROUP));
    let mut keys = keys;
    let item = |group: &[BlockInfo]| {
        let (of_group, rest) = keys.split_at_checked(group.len())?;
        keys = rest;
        let value = directory::encode_group(group);
        Some(Write::insert(Tree::Events, of_group.first()?, &value))
    };
    groups.filter_map(item).collect()
}

/// Appends the postings that a block adds to an index.
fn gather(
    definition: &Definition,
    block: u32,
    entries: &[Arc<Entry>],
    postings: &mut Vec<Posting>,
) {
    let others = postings.len();
    let terms = entries.iter().zip(0_u32..);
    for (hash, slot) in
        terms.filter_map(|(entry, slot)| Some((entry.hash(definition.index)?, slot)))
    {
        let slots = 1_u64 << slot;
        let of_block = postings.get_mut(others..).unwrap_or_default();
        // Within a block of 64, a linear search is the fastest.
        let found = if definition.unique {
            None
        } else {
            of_block.iter_mut().find(|posting| posting.hash == hash)
        };
        match found {
            Some(posting) => posting.slots |= slots,
            None => postings.push(Posting { hash, block, slots }),
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::instant::Instant;
    use crate::store::record::{Fields, Hints, NewRecord};

    fn entry() -> Arc<Entry> {
        let new = NewRecord {
            payload_format: 1,
            kind: 1,
            instant: Instant::new(0, 0).unwrap(),
            fields: Fields {
                event_id: "e",
                ..Fields::default()
            },
            hints: Hints::default(),
            payload: b"e",
        };
        Arc::new(Entry::of(&new, 0))
    }

    #[test]
    fn trees_do_not_tell_of_blocks_that_were_not_synced() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Mark {
            count: 1,
            ..Mark::START
        };
        // It takes what is written, and cannot be synced.
        std::os::unix::fs::symlink("/dev/null", folder.path().join("blocks")).unwrap();
        let mut trees = TreeWriter::open(folder.path(), [1; 16], 1 << 20).unwrap();
        let error = trees.apply(vec![entry()], mark).unwrap_err();
        assert!(error.reason().contains("file of blocks"), "{error}");
        assert_eq!(trees.applied(), Mark::START);
    }
}
