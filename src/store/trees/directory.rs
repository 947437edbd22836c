//! The directory: which blocks there are, of which tenant, over which time. It is in memory, some hundred
//! bytes a block, so that a query knows the blocks it needs before it reads one.
//!
//! # Format, version 1
//!
//! ```text
//! page:  version u8 = 1 | varint count | count × block
//! block: varint length, key in `events` | last instant (signed varint, varint) | varint last sequence
//!        number | varint events
//! ```
//!
//! Each flush writes one page. Blocks are numbered from 0 in the order in which they were flushed.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::bytes::{BytesError, Put, Reader};
use super::super::instant::{Instant, Position};
use super::super::query::range::{Order, Range};
use super::keys;

const VERSION: u8 = 1;

/// What is known of a block without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockInfo {
    pub(crate) number: u32,
    pub(crate) key: Box<[u8]>,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) events: u32,
}

/// Why bytes are no directory page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DirectoryFlaw {
    #[error("a directory page of version {0}")]
    Version(u8),
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error("a block that ends before it starts")]
    Order,
}

/// A page that lists these blocks.
pub(crate) fn encode_page(blocks: &[BlockInfo]) -> Vec<u8> {
    let mut page = Vec::with_capacity(blocks.len() * 100);
    page.put_u8(VERSION);
    page.put_varint(blocks.len() as u64);
    for block in blocks {
        page.put_prefixed(&block.key);
        block.last.instant.encode(&mut page);
        page.put_varint(block.last.sequence);
        page.put_varint(u64::from(block.events));
    }
    page
}

/// All blocks of one tenant, or of all, in both orders that scans need.
#[derive(Debug, Clone, Default)]
struct Sequence {
    /// Block numbers by first position.
    by_first: Vec<u32>,
    /// For each place in `by_first`, the largest last position up to there: sorted, so that a range's
    /// first block is found by bisection although blocks overlap.
    latest_so_far: Vec<Position>,
    /// Block numbers by last position.
    by_last: Vec<u32>,
    /// For each place in `by_last`, the smallest first position from there on.
    earliest_from_here: Vec<Position>,
    events: u64,
}

/// Every block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    blocks: Vec<Arc<BlockInfo>>,
    all: Arc<Sequence>,
    tenants: HashMap<Option<Arc<str>>, Arc<Sequence>>,
}

impl Directory {
    /// Reads the blocks of a page, for [`add`](Self::add).
    pub(crate) fn decode_page(page: &[u8]) -> Result<Vec<BlockInfo>, DirectoryFlaw> {
        let mut reader = Reader::new(page);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(DirectoryFlaw::Version(version));
        }
        let mut blocks = Vec::new();
        for _ in 0..reader.varint()? {
            let key = reader.prefixed()?;
            let (tenant, first) = keys::parse_event_key(key)?;
            let instant = Instant::decode(&mut reader)?;
            let last = Position {
                instant,
                sequence: reader.varint()?,
            };
            let events = reader.varint_as()?;
            if last < first {
                return Err(DirectoryFlaw::Order);
            }
            let tenant = tenant.map(Arc::from);
            blocks.push(BlockInfo {
                number: 0,
                key: key.into(),
                tenant,
                first,
                last,
                events,
            });
        }
        Ok(blocks)
    }

    /// Adds blocks and numbers them, from the number of blocks there are.
    pub(crate) fn add(&mut self, blocks: Vec<BlockInfo>) {
        let mut added: HashMap<Option<Arc<str>>, Vec<u32>> = HashMap::new();
        let mut numbers = Vec::with_capacity(blocks.len());
        for mut block in blocks {
            block.number = self.next_number();
            // One copy of each tenant's name serves all its blocks.
            if let Some((tenant, _)) = self.tenants.get_key_value(&block.tenant) {
                block.tenant.clone_from(tenant);
            }
            numbers.push(block.number);
            added
                .entry(block.tenant.clone())
                .or_default()
                .push(block.number);
            self.blocks.push(Arc::new(block));
        }
        for (tenant, numbers) in added {
            let sequence = self.tenants.entry(tenant).or_default();
            Arc::make_mut(sequence).extend(&numbers, &self.blocks);
        }
        Arc::make_mut(&mut self.all).extend(&numbers, &self.blocks);
    }

    pub(crate) fn next_number(&self) -> u32 {
        u32::try_from(self.blocks.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Arc<BlockInfo>> {
        self.blocks.get(number as usize)
    }

    pub(crate) fn blocks(&self) -> &[Arc<BlockInfo>] {
        &self.blocks
    }

    /// Tenants that have events here, and how many.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = (Option<&str>, u64)> {
        self.tenants
            .iter()
            .map(|(tenant, sequence)| (tenant.as_deref(), sequence.events))
    }

    /// The blocks of `tenant` (of every tenant, for `None`) that overlap `range`, in `order`: by first
    /// position for the oldest first, by last position, backwards, for the newest first.
    pub(crate) fn walk(self: &Arc<Self>, tenant: Option<&str>, range: Range, order: Order) -> Walk {
        let sequence = match tenant {
            None => Arc::clone(&self.all),
            Some(tenant) => self
                .tenants
                .get(&Some(Arc::from(tenant)))
                .map(Arc::clone)
                .unwrap_or_default(),
        };
        let place = match order {
            Order::OldestFirst => sequence
                .latest_so_far
                .partition_point(|last| *last < range.start),
            Order::NewestFirst => sequence
                .earliest_from_here
                .partition_point(|first| *first < range.end),
        };
        Walk {
            directory: Arc::clone(self),
            sequence,
            place,
            range,
            order,
        }
    }
}

impl Sequence {
    fn extend(&mut self, numbers: &[u32], blocks: &[Arc<BlockInfo>]) {
        let info = |number: &u32| blocks.get(*number as usize);
        let first = |number: &u32| info(number).map_or(Position::MIN, |block| block.first);
        let last = |number: &u32| info(number).map_or(Position::MIN, |block| block.last);
        self.events += numbers
            .iter()
            .filter_map(info)
            .map(|block| u64::from(block.events))
            .sum::<u64>();
        self.by_first.extend_from_slice(numbers);
        self.by_first.sort_by_key(first);
        self.by_last.extend_from_slice(numbers);
        self.by_last.sort_by_key(last);
        self.latest_so_far.clear();
        self.latest_so_far
            .extend(
                self.by_first
                    .iter()
                    .map(last)
                    .scan(Position::MIN, |latest, last| {
                        *latest = last.max(*latest);
                        Some(*latest)
                    }),
            );
        self.earliest_from_here.clear();
        self.earliest_from_here
            .extend(
                self.by_last
                    .iter()
                    .rev()
                    .map(first)
                    .scan(Position::MAX, |earliest, first| {
                        *earliest = first.min(*earliest);
                        Some(*earliest)
                    }),
            );
        self.earliest_from_here.reverse();
    }
}

/// Blocks in order, as [`Directory::walk`] finds them.
#[derive(Debug)]
pub(crate) struct Walk {
    directory: Arc<Directory>,
    sequence: Arc<Sequence>,
    place: usize,
    range: Range,
    order: Order,
}

impl Iterator for Walk {
    type Item = Arc<BlockInfo>;

    fn next(&mut self) -> Option<Arc<BlockInfo>> {
        loop {
            let number = match self.order {
                Order::OldestFirst => {
                    let number = *self.sequence.by_first.get(self.place)?;
                    self.place += 1;
                    number
                }
                Order::NewestFirst => {
                    self.place = self.place.checked_sub(1)?;
                    *self.sequence.by_last.get(self.place)?
                }
            };
            let block = self.directory.get(number)?;
            let past = match self.order {
                Order::OldestFirst => block.first >= self.range.end,
                Order::NewestFirst => block.last < self.range.start,
            };
            if past {
                return None;
            }
            if self.range.overlaps(block.first, block.last) {
                return Some(Arc::clone(block));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Position {
        Position {
            instant: Instant::new(seconds, 0).unwrap(),
            sequence: 0,
        }
    }

    fn block(tenant: Option<&str>, first: i64, last: i64) -> BlockInfo {
        BlockInfo {
            number: 0,
            key: keys::event_key(tenant, at(first), "e").into(),
            tenant: tenant.map(Arc::from),
            first: at(first),
            last: at(last),
            events: 2,
        }
    }

    #[test]
    fn walks_agree_with_a_linear_search() {
        let mut directory = Directory::default();
        let spans = [
            (0, 10),
            (5, 6),
            (3, 100),
            (20, 25),
            (7, 8),
            (90, 95),
            (1, 2),
            (40, 41),
        ];
        for (place, (first, last)) in spans.into_iter().enumerate() {
            let tenant = [None, Some("a"), Some("b")][place % 3];
            // As when read back from stored pages.
            let page = encode_page(&[block(tenant, first, last)]);
            directory.add(Directory::decode_page(&page).unwrap());
        }
        let directory = Arc::new(directory);
        for tenant in [None, Some("a"), Some("b"), Some("nobody")] {
            for start in 0..101 {
                for end in start..102 {
                    let range = Range {
                        start: at(start),
                        end: at(end),
                    };
                    for order in [Order::OldestFirst, Order::NewestFirst] {
                        let mut expected: Vec<_> = directory
                            .blocks()
                            .iter()
                            .filter(|block| tenant.is_none() || block.tenant.as_deref() == tenant)
                            .filter(|block| range.overlaps(block.first, block.last))
                            .cloned()
                            .collect();
                        match order {
                            Order::OldestFirst => expected.sort_by_key(|block| block.first),
                            Order::NewestFirst => {
                                expected.sort_by_key(|block| std::cmp::Reverse(block.last));
                            }
                        }
                        let found: Vec<_> = directory.walk(tenant, range, order).collect();
                        assert_eq!(found, expected, "{tenant:?} {range:?} {order:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn damaged_pages_are_refused() {
        let page = encode_page(&[block(Some("a"), 1, 5)]);
        for cut in 0..page.len() {
            assert!(Directory::decode_page(&page[..cut]).is_err());
        }
        let page = encode_page(&[block(Some("a"), 5, 1)]);
        assert_eq!(Directory::decode_page(&page), Err(DirectoryFlaw::Order));
    }
}
