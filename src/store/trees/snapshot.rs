//! A snapshot of the trees, as of one flush: what readers hold while the next one is written.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::super::index::{Definition, INDEXES, Index, TermHash};
use super::super::journal::reader::Mark;
use super::block_file::BlockFile;
use super::caches::Caches;
use super::directory::{BlockInfo, Directory};
use super::engine::TreeError;
use super::filter::Probe;
use super::manifest::KindCounts;
use super::open_block::OpenBlock;
use super::run::{Page, Posting, Run};

/// The runs of every index, oldest first.
pub(crate) type Runs = [Vec<Arc<Run>>; INDEXES.len()];

/// A block's number, and a bit for each of its slots.
pub(crate) type BlockSlots = (u32, u64);

/// Sorts by block, and puts together what is said of the same one.
pub(crate) fn unite(slots: &mut Vec<BlockSlots>) {
    slots.sort_unstable();
    slots.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 |= next.1;
        }
        same
    });
}

/// The trees at one point of the log. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct TreeSnapshot {
    pub(crate) file: Arc<BlockFile>,
    pub(super) caches: Arc<Caches>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) kinds: Arc<KindCounts>,
    pub(crate) applied: Mark,
}

impl TreeSnapshot {
    /// Whether the other one is of the same opened trees, as of whatever flush.
    pub(crate) fn is_of_same_trees(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.caches, &other.caches)
    }

    /// The blocks and slots at which a term may stand, sorted by block. Another term of the same hash is there
    /// too, so the records decide.
    pub(crate) fn postings(
        &self,
        index: Index,
        hash: TermHash,
    ) -> Result<Vec<BlockSlots>, TreeError> {
        let mut found = Vec::new();
        self.visit(index, hash, |slots| {
            found.push(slots);
            Ok(ControlFlow::Continue(()))
        })?;
        unite(&mut found);
        Ok(found)
    }

    /// Every posting of an index, as sled has them.
    pub(crate) fn all_postings(
        &self,
        definition: &Definition,
        mut each: impl FnMut(Posting),
    ) -> Result<(), TreeError> {
        for run in self
            .runs
            .get(definition.index as usize)
            .into_iter()
            .flatten()
        {
            for page in 0..run.info.pages {
                let bytes = self
                    .caches
                    .pages
                    .stored(definition, run.info.number, page)?;
                let page = Page::known(&bytes, definition.unique).map_err(TreeError::new)?;
                page.postings().for_each(&mut each);
            }
        }
        Ok(())
    }

    /// Gives the blocks and slots at which a term may stand, each once, until `each` has enough.
    pub(crate) fn visit(
        &self,
        index: Index,
        hash: TermHash,
        mut each: impl FnMut(BlockSlots) -> Result<ControlFlow<()>, TreeError>,
    ) -> Result<(), TreeError> {
        let place = index as usize;
        let (Some(runs), Some(definition)) = (self.runs.get(place), INDEXES.get(place)) else {
            return Ok(());
        };
        let probe = Probe::new(hash);
        for run in runs {
            for page in run.pages_of(hash, &probe) {
                let bytes = self.caches.pages.get(definition, run.info.number, page)?;
                let page = Page::known(&bytes, definition.unique).map_err(TreeError::new)?;
                for posting in page.of_term(hash) {
                    if each((posting.block, posting.slots))?.is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Which of some terms may stand in an index, by its filters: a bit for each of the first 64.
    pub(crate) fn may_hold(&self, index: Index, terms: &[TermHash]) -> u64 {
        let probes: Vec<_> = terms.iter().map(|term| Probe::new(*term)).collect();
        let runs = self.runs.get(index as usize).into_iter().flatten();
        runs.fold(0, |held, run| held | run.may_hold(&probes))
    }

    pub(crate) fn block_info(&self, number: u32) -> Result<&Arc<BlockInfo>, TreeError> {
        self.directory
            .get(number)
            .ok_or_else(|| TreeError::new(format_args!("the directory has no block {number}")))
    }

    /// A block, to read about the slots that `wanted` has bits of.
    pub(crate) fn block(&self, number: u32, wanted: u64) -> Result<Arc<OpenBlock>, TreeError> {
        if let Some(block) = self.caches.blocks.get(number) {
            return Ok(block);
        }
        let block = if let Some(opening) = self.caches.opening(number) {
            OpenBlock::known(&self.file, opening, wanted)?
        } else {
            let block = OpenBlock::read(&self.file, self.block_info(number)?, wanted)?;
            self.caches.keep_opening(number, block.opening());
            block
        };
        let block = Arc::new(block);
        self.caches.blocks.offer(number, &block);
        Ok(block)
    }

    /// A block as it lies on disk, whole.
    pub(crate) fn read_block(&self, info: &BlockInfo) -> Result<OpenBlock, TreeError> {
        OpenBlock::read(&self.file, info, u64::MAX)
    }
}
