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

use std::collections::HashSet;
use std::iter::Peekable;
use std::sync::Arc;

use super::super::bytes::{BytesError, Put, Reader};
use super::super::instant::{Instant, Position};
use super::super::query::range::{Order, Range};
use super::block::MAX_STORED;
use super::block_file::BlockPlace;
use super::directory_part::{Part, PartWalk};
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

impl BlockInfo {
    /// Where its turn comes in a walk.
    pub(crate) fn place_in(&self, order: Order) -> Position {
        match order {
            Order::OldestFirst => self.first,
            Order::NewestFirst => self.last,
        }
    }
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

/// The number of the first block that an item of `events` tells of, if the item is whole.
pub(crate) fn first_number(value: &[u8]) -> Option<u32> {
    let (_, after_version) = value.split_first()?;
    Reader::new(after_version).u32().ok()
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

/// Every block. Cheap to clone: a change leaves most parts as they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    /// By number; each at least twice as large as the next, so that there are few, and each block is moved to a
    /// larger one a few times at most.
    parts: Vec<Arc<Part>>,
}

impl Directory {
    /// Adds blocks, which are numbered on from those there are.
    pub(crate) fn add(&mut self, blocks: impl IntoIterator<Item = BlockInfo>) {
        let mut names: HashSet<Arc<str>> = HashSet::new();
        let mut last: Option<Arc<str>> = None;
        // One copy of each tenant's name serves all its blocks.
        let mut share = |tenant: Arc<str>| {
            if let Some(last) = last.as_ref().filter(|last| **last == tenant) {
                return Arc::clone(last);
            }
            let known = names.get(&tenant).cloned();
            let elsewhere = || self.parts.iter().find_map(|part| part.name_of(&tenant));
            let name = known.or_else(elsewhere).unwrap_or(tenant);
            names.insert(Arc::clone(&name));
            last = Some(Arc::clone(&name));
            name
        };
        let share = |block: BlockInfo| {
            Arc::new(BlockInfo {
                tenant: block.tenant.map(&mut share),
                ..block
            })
        };
        let blocks: Vec<_> = blocks.into_iter().map(share).collect();
        if blocks.is_empty() {
            return;
        }
        let mut last = Part::new(blocks);
        while let Some(before) = self
            .parts
            .pop_if(|part| part.blocks().len() < 2 * last.blocks().len())
        {
            last = Part::new([before.blocks(), last.blocks()].concat());
        }
        self.parts.push(Arc::new(last));
    }

    pub(crate) fn next_number(&self) -> u32 {
        self.parts.last().map_or(0, |part| part.end())
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Arc<BlockInfo>> {
        let place = self.parts.partition_point(|part| part.end() <= number);
        self.parts.get(place)?.get(number)
    }

    /// All blocks, by number.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Arc<BlockInfo>> {
        self.parts.iter().flat_map(|part| part.blocks())
    }

    /// Tenants that have events here, and how many. A tenant may come more than once.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = (Option<&str>, u64)> {
        self.parts.iter().flat_map(|part| part.tenants())
    }

    /// The blocks of `tenant` (of every tenant, for `None`) that overlap `range`, in `order`: by first
    /// position for the oldest first, by last position, backwards, for the newest first.
    pub(crate) fn walk(&self, tenant: Option<&str>, range: Range, order: Order) -> Walk {
        let tenant = tenant.map(|tenant| Some(Arc::from(tenant)));
        let walk = |part: &Arc<Part>| Some(part.walk(tenant.as_ref(), range, order)?.peekable());
        Walk {
            parts: self.parts.iter().filter_map(walk).collect(),
            order,
        }
    }
}

/// Blocks in order, as [`Directory::walk`] finds them.
#[derive(Debug)]
pub(crate) struct Walk {
    parts: Vec<Peekable<PartWalk>>,
    order: Order,
}

impl Iterator for Walk {
    type Item = Arc<BlockInfo>;

    fn next(&mut self) -> Option<Arc<BlockInfo>> {
        let order = self.order;
        let next = |part: &mut Peekable<PartWalk>| Some(part.peek()?.place_in(order));
        let nexts = self.parts.iter_mut().enumerate();
        let (first, _) = nexts
            .filter_map(|(number, part)| Some((number, next(part)?)))
            .min_by(|(_, one), (_, other)| order.compare(*one, *other))?;
        self.parts.get_mut(first)?.next()
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
            (2, 99),
            (6, 12),
            (50, 60),
        ];
        for (place, (first, last)) in spans.into_iter().enumerate() {
            let tenant = [None, Some("a"), Some("b")][place % 3];
            let block = block(u32::try_from(place).unwrap(), tenant, first, last);
            // As when read back.
            let read = decode_group(&key(&block), &encode_group(std::slice::from_ref(&block)));
            assert_eq!(read, Ok(vec![block.clone()]));
            directory.add(read.unwrap());
        }
        let sizes: Vec<_> = directory
            .parts
            .iter()
            .map(|part| part.blocks().len())
            .collect();
        assert_eq!(sizes, [8, 2, 1]);
        for number in 0..=11 {
            let found = directory.get(number).map(|block| block.number);
            assert_eq!(found, (number < 11).then_some(number));
        }
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
