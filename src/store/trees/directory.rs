//! The directory: which blocks there are, of which tenant, over which time. It is in memory, some hundred
//! bytes a block, so that a query knows the blocks it needs before it reads one.
//!
//! # Format, version 3
//!
//! ```text
//! value in `events`: version u8 = 3 | first number u32 | varint offset | varint blocks | blocks × block
//! block:             first position, but of the first block | last position | varint events | varint length |
//!                    varint length of its opening | CRC32C of its opening u32
//! position:          instant (signed varint, varint) | varint sequence number
//! ```
//!
//! An item tells of up to [`MAX_GROUP`] blocks of one tenant that one flush wrote, one behind the other in the file of
//! blocks. The key tells the tenant and where the first of them begins ([`keys`]), the value the rest. Blocks are
//! numbered from 0 in the order in which they were flushed. An item for each block would take most of the time of an
//! opening.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::bytes::{BytesError, Put, Reader};
use super::super::instant::{Instant, Position};
use super::super::query::range::{Order, Range};
use super::block::MAX_STORED;
use super::block_file::BlockPlace;
use super::keys;

const VERSION: u8 = 3;
/// Blocks that one item tells of.
pub(crate) const MAX_GROUP: usize = 32;

/// What is known of a block without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockInfo {
    pub(crate) number: u32,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) events: u32,
    pub(crate) place: BlockPlace,
}

/// Why bytes do not tell of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DirectoryFlaw {
    #[error("a block told of in version {0}")]
    Version(u8),
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error("a block that ends before it starts")]
    Order,
    #[error("a block of {0} bytes")]
    Length(u32),
    #[error("an item of {0} blocks")]
    Count(usize),
}

/// The value in `events` for these blocks of one tenant: 1 to [`MAX_GROUP`] of them, numbered one after the other and
/// lying one behind the other.
pub(crate) fn encode_group(blocks: &[BlockInfo]) -> Vec<u8> {
    let mut value = Vec::with_capacity(16 + blocks.len() * 40);
    let (number, offset) = blocks
        .first()
        .map_or((0, 0), |first| (first.number, first.place.offset));
    value.put_u8(VERSION);
    value.put_u32(number);
    value.put_varint(offset);
    value.put_varint(blocks.len() as u64);
    for (place, block) in blocks.iter().enumerate() {
        if place > 0 {
            put_position(&mut value, block.first);
        }
        put_position(&mut value, block.last);
        value.put_varint(u64::from(block.events));
        value.put_varint(u64::from(block.place.length));
        value.put_varint(u64::from(block.place.opening));
        value.put_u32(block.place.crc);
    }
    value
}

/// The blocks that an item of `events` tells of.
pub(crate) fn decode_group(key: &[u8], value: &[u8]) -> Result<Vec<BlockInfo>, DirectoryFlaw> {
    let (tenant, first) = keys::parse_event_key(key)?;
    let tenant: Option<Arc<str>> = tenant.map(Arc::from);
    let mut reader = Reader::new(value);
    let version = reader.u8()?;
    if version != VERSION {
        return Err(DirectoryFlaw::Version(version));
    }
    let first_number = reader.u32()?;
    let mut offset: u64 = reader.varint()?;
    let count: usize = reader.varint_as()?;
    if !(1..=MAX_GROUP).contains(&count) {
        return Err(DirectoryFlaw::Count(count));
    }
    let mut blocks = Vec::with_capacity(count);
    for place in 0..count {
        let number = u32::try_from(place)
            .ok()
            .and_then(|place| first_number.checked_add(place))
            .ok_or(BytesError::Overlong)?;
        let first = if place == 0 {
            first
        } else {
            read_position(&mut reader)?
        };
        let last = read_position(&mut reader)?;
        if last < first {
            return Err(DirectoryFlaw::Order);
        }
        let events = reader.varint_as()?;
        let length: u32 = reader.varint_as()?;
        if length as usize > MAX_STORED {
            return Err(DirectoryFlaw::Length(length));
        }
        let opening = reader.varint_as()?;
        if opening > length {
            return Err(DirectoryFlaw::Length(opening));
        }
        let crc = reader.u32()?;
        blocks.push(BlockInfo {
            number,
            tenant: tenant.clone(),
            first,
            last,
            events,
            place: BlockPlace {
                offset,
                length,
                opening,
                crc,
            },
        });
        offset = offset.saturating_add(u64::from(length));
    }
    Ok(blocks)
}

fn put_position(value: &mut Vec<u8>, position: Position) {
    position.instant.encode(value);
    value.put_varint(position.sequence);
}

fn read_position(reader: &mut Reader<'_>) -> Result<Position, BytesError> {
    Ok(Position {
        instant: Instant::decode(reader)?,
        sequence: reader.varint()?,
    })
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
    /// Adds blocks, which are numbered on from those there are.
    pub(crate) fn add(&mut self, blocks: Vec<BlockInfo>) {
        let mut added: HashMap<Option<Arc<str>>, Vec<u32>> = HashMap::new();
        let mut numbers = Vec::with_capacity(blocks.len());
        for mut block in blocks {
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

    fn block(number: u32, tenant: Option<&str>, first: i64, last: i64) -> BlockInfo {
        BlockInfo {
            number,
            tenant: tenant.map(Arc::from),
            first: at(first),
            last: at(last),
            events: 2,
            place: BlockPlace {
                offset: 1 << 40,
                length: 300,
                opening: 60,
                crc: 7,
            },
        }
    }

    fn key(block: &BlockInfo) -> Vec<u8> {
        keys::event_key(block.tenant.as_deref(), block.first, "e")
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
            let block = block(u32::try_from(place).unwrap(), tenant, first, last);
            // As when read back.
            let read = decode_group(&key(&block), &encode_group(std::slice::from_ref(&block)));
            assert_eq!(read, Ok(vec![block.clone()]));
            directory.add(read.unwrap());
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
    fn a_group_comes_back_and_damaged_ones_are_refused() {
        let mut good = vec![
            block(3, Some("a"), 1, 5),
            block(4, Some("a"), 0, 9),
            block(5, Some("a"), 2, 2),
        ];
        for place in 1..good.len() {
            let before = good[place - 1].place;
            good[place].place.offset = before.offset + u64::from(before.length);
        }
        let (key, value) = (key(&good[0]), encode_group(&good));
        assert_eq!(decode_group(&key, &value), Ok(good.clone()));
        for cut in 0..value.len() {
            assert!(decode_group(&key, &value[..cut]).is_err());
        }
        let refused = |change: fn(&mut BlockInfo)| {
            let mut bad = good.clone();
            change(&mut bad[1]);
            decode_group(&key, &encode_group(&bad))
        };
        assert_eq!(
            refused(|block| block.last = at(-1)),
            Err(DirectoryFlaw::Order)
        );
        assert_eq!(
            refused(|block| block.place.length = u32::MAX),
            Err(DirectoryFlaw::Length(u32::MAX))
        );
        assert_eq!(
            refused(|block| block.place.opening = 301),
            Err(DirectoryFlaw::Length(301))
        );
        let many = vec![good[0].clone(); MAX_GROUP + 1];
        assert_eq!(
            decode_group(&key, &encode_group(&many)),
            Err(DirectoryFlaw::Count(MAX_GROUP + 1))
        );
        let last = block(u32::MAX, Some("a"), 1, 5);
        assert!(decode_group(&key, &encode_group(std::slice::from_ref(&last))).is_ok());
        assert!(decode_group(&key, &encode_group(&[last.clone(), last])).is_err());
        assert_eq!(
            decode_group(&key, &encode_group(&[])),
            Err(DirectoryFlaw::Count(0))
        );
    }
}
