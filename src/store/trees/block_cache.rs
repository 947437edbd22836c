//! Blocks that are asked for again and again, opened: those with the newest events, above all.
//!
//! A block is kept once it is read for the second time within a while, so that questions all over the log do not
//! wash out the few blocks that are worth it. What is kept longest without being asked for goes first (clock).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::open_block::OpenBlock;

/// Blocks that are remembered as read once: more than are worth keeping, and few of all that there are.
const REMEMBERED: usize = 512;
/// No block's number.
const NONE: u32 = u32::MAX;

/// Opened blocks by their number.
#[derive(Debug)]
pub(crate) struct BlockCache {
    state: Mutex<State>,
    most_bytes: usize,
}

#[derive(Debug)]
struct State {
    kept: HashMap<u32, Kept>,
    /// Numbers of the kept blocks, in the order in which their turn to go comes.
    clock: VecDeque<u32>,
    bytes: usize,
    /// Numbers of blocks that were read, each at its remainder.
    seen: [u32; REMEMBERED],
}

#[derive(Debug)]
struct Kept {
    block: Arc<OpenBlock>,
    asked_for: bool,
}

impl BlockCache {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                kept: HashMap::new(),
                clock: VecDeque::new(),
                bytes: 0,
                seen: [NONE; REMEMBERED],
            }),
            most_bytes,
        }
    }

    pub(crate) fn get(&self, number: u32) -> Option<Arc<OpenBlock>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = state.kept.get_mut(&number)?;
        kept.asked_for = true;
        Some(Arc::clone(&kept.block))
    }

    /// Keeps a block that was just read, if it is worth it.
    pub(crate) fn offer(&self, number: u32, block: &Arc<OpenBlock>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = state.seen.get_mut(number as usize % REMEMBERED) else {
            return;
        };
        let before = std::mem::replace(seen, number);
        if before != number || state.kept.contains_key(&number) {
            return;
        }
        let kept = Kept {
            block: Arc::clone(block),
            // Or it would be the first to go.
            asked_for: true,
        };
        state.bytes += block.bytes();
        state.clock.push_back(number);
        state.kept.insert(number, kept);
        while state.bytes > self.most_bytes && state.let_one_go() {}
    }
}

impl State {
    /// Gives the next block up, or puts it off if it was asked for since its last turn. False if there is none.
    fn let_one_go(&mut self) -> bool {
        let Some(number) = self.clock.pop_front() else {
            return false;
        };
        if let Some(kept) = self.kept.get_mut(&number)
            && std::mem::take(&mut kept.asked_for)
        {
            self.clock.push_back(number);
        } else if let Some(gone) = self.kept.remove(&number) {
            self.bytes -= gone.block.bytes();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::block;
    use super::super::block_file::{BlockFile, BlockPlace};
    use super::super::directory::BlockInfo;
    use super::*;
    use crate::store::instant::Position;

    /// An empty one.
    fn block() -> Arc<OpenBlock> {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(BlockFile::open(folder.path(), 0).unwrap());
        let stored = block::encode(&[]);
        file.append(0, &stored.bytes).unwrap();
        let length = u32::try_from(stored.opening).unwrap();
        let info = BlockInfo {
            number: 0,
            tenant: None,
            first: Position::MIN,
            last: Position::MIN,
            events: 0,
            place: BlockPlace {
                offset: 0,
                length,
                opening: length,
                crc: crc32c::crc32c(&stored.bytes),
            },
        };
        Arc::new(OpenBlock::read(&file, &info, 0).unwrap())
    }

    #[test]
    fn what_is_read_twice_is_kept_and_what_is_asked_for_stays() {
        let block = block();
        let cache = BlockCache::new(3 * block.bytes());
        cache.offer(7, &block);
        assert!(cache.get(7).is_none());
        for number in [7, 8, 9] {
            cache.offer(number, &block);
            cache.offer(number, &block);
            assert!(cache.get(number).is_some());
        }
        // All were asked for: the first goes once each had its turn.
        for _ in 0..2 {
            cache.offer(10, &block);
        }
        assert!(cache.get(7).is_none());
        assert!(cache.get(8).is_some());
        // 9 and 10 were not asked for since.
        for _ in 0..2 {
            cache.offer(11, &block);
        }
        assert!(cache.get(8).is_some() && cache.get(9).is_none());
        let state = cache.state.lock().unwrap();
        assert_eq!(state.bytes, 3 * block.bytes());
        assert_eq!(state.clock.len(), state.kept.len());
    }

    #[test]
    fn one_block_that_is_too_large_is_not_kept() {
        let block = block();
        let cache = BlockCache::new(block.bytes() - 1);
        cache.offer(1, &block);
        cache.offer(1, &block);
        assert!(cache.get(1).is_none());
        assert_eq!(cache.state.lock().unwrap().bytes, 0);
    }
}
