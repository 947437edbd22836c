//! What of the trees is kept in memory because it was read or written lately.

use std::sync::Arc;

use super::block_cache::BlockCache;
use super::engine::Engine;
use super::opening::Opening;
use super::pages::Pages;
use super::place_cache::PlaceCache;

/// The memory granted is in so many parts: some for blocks, some for openings, some for pages of runs, the rest sled's.
const PARTS: u64 = 7;
const FOR_BLOCKS: u64 = 1;
const FOR_OPENINGS: u64 = 3;
const FOR_PAGES: u64 = 2;
/// What an opening of some forty events takes, with what keeps it.
const TYPICAL_OPENING: usize = 1200;

/// How many bytes each cache gets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    blocks: usize,
    openings: usize,
    pages: usize,
    pub(super) sled: u64,
}

impl Shares {
    /// Shares out so many bytes.
    pub(super) fn of(bytes: u64) -> Self {
        let parts = |parts: u64| bytes / PARTS * parts;
        let in_memory = |share: u64| usize::try_from(parts(share)).unwrap_or(usize::MAX);
        Self {
            blocks: in_memory(FOR_BLOCKS),
            openings: in_memory(FOR_OPENINGS),
            pages: in_memory(FOR_PAGES),
            sled: bytes - parts(FOR_BLOCKS + FOR_OPENINGS + FOR_PAGES),
        }
    }
}

/// The caches, which the writer and all snapshots share.
#[derive(Debug)]
pub(super) struct Caches {
    pub(super) blocks: BlockCache,
    /// By the numbers of their blocks.
    openings: PlaceCache<Arc<Opening>>,
    pub(super) pages: Pages,
}

impl Caches {
    pub(super) fn new(engine: &Arc<Engine>, shares: Shares) -> Self {
        Self {
            blocks: BlockCache::new(shares.blocks),
            openings: PlaceCache::new(shares.openings, TYPICAL_OPENING),
            pages: Pages::new(Arc::clone(engine), shares.pages),
        }
    }

    pub(super) fn opening(&self, block: u32) -> Option<Arc<Opening>> {
        self.openings.get((0, block))
    }

    pub(super) fn keep_opening(&self, block: u32, opening: &Arc<Opening>) {
        self.openings.keep((0, block), opening, opening.bytes());
    }
}
