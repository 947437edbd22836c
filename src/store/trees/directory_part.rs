//! A part of the directory: the blocks of some flushes, in both orders that scans need.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::super::instant::Position;
use super::super::query::range::{Order, Range};
use super::directory::BlockInfo;

/// Blocks numbered one after the other.
#[derive(Debug)]
pub(crate) struct Part {
    blocks: Vec<Arc<BlockInfo>>,
    all: OnceLock<Arc<Sequence>>,
    tenants: HashMap<Option<Arc<str>>, OfTenant>,
}

/// The blocks of one tenant.
#[derive(Debug, Default)]
struct OfTenant {
    /// Their places in the part.
    places: Vec<u32>,
    events: u64,
    sequence: OnceLock<Arc<Sequence>>,
}

/// All blocks of one tenant, or of all, by their places in the part. Made when a scan asks for it: an opening need
/// not wait for it, nor a flush.
#[derive(Debug)]
struct Sequence {
    /// By first position.
    by_first: Vec<u32>,
    /// For each place in `by_first`, the largest last position up to there: sorted, so that a range's
    /// first block is found by bisection although blocks overlap.
    latest_so_far: Vec<Position>,
    /// By last position.
    by_last: Vec<u32>,
    /// For each place in `by_last`, the smallest first position from there on.
    earliest_from_here: Vec<Position>,
}

impl Part {
    /// The part of these blocks, of which there is at least one.
    pub(super) fn new(blocks: Vec<Arc<BlockInfo>>) -> Self {
        let mut tenants: HashMap<Option<Arc<str>>, OfTenant> = HashMap::new();
        let mut places = 0..;
        // A flush writes the blocks of a tenant one after the other.
        for blocks in blocks.chunk_by(|one, other| one.tenant == other.tenant) {
            let Some(first) = blocks.first() else {
                continue;
            };
            let of_tenant = tenants.entry(first.tenant.clone()).or_default();
            of_tenant.places.extend(places.by_ref().take(blocks.len()));
            of_tenant.events += blocks
                .iter()
                .map(|block| u64::from(block.events))
                .sum::<u64>();
        }
        Self {
            all: OnceLock::new(),
            tenants,
            blocks,
        }
    }

    pub(super) fn blocks(&self) -> &[Arc<BlockInfo>] {
        &self.blocks
    }

    /// The number after its last block.
    pub(super) fn end(&self) -> u32 {
        self.blocks
            .last()
            .map_or(0, |last| last.number.saturating_add(1))
    }

    pub(super) fn get(&self, number: u32) -> Option<&Arc<BlockInfo>> {
        let place = number.checked_sub(self.blocks.first()?.number)?;
        self.blocks.get(place as usize)
    }

    /// The tenant's name as the blocks here have it, if there are any.
    pub(super) fn name_of(&self, tenant: &Arc<str>) -> Option<Arc<str>> {
        let (name, _) = self.tenants.get_key_value(&Some(Arc::clone(tenant)))?;
        name.clone()
    }

    /// Tenants that have events here, and how many.
    pub(super) fn tenants(&self) -> impl Iterator<Item = (Option<&str>, u64)> {
        self.tenants
            .iter()
            .map(|(tenant, of_tenant)| (tenant.as_deref(), of_tenant.events))
    }

    /// The blocks of `tenant` (of every tenant, for `None`) that overlap `range`, in `order`. `None` if the tenant
    /// has none.
    pub(super) fn walk(
        self: &Arc<Self>,
        tenant: Option<&Option<Arc<str>>>,
        range: Range,
        order: Order,
    ) -> Option<PartWalk> {
        let sequence = match tenant {
            None => self.all.get_or_init(|| {
                let places = (0..).zip(&self.blocks).map(|(place, _)| place);
                Arc::new(Sequence::new(&places.collect::<Vec<_>>(), &self.blocks))
            }),
            Some(tenant) => {
                let OfTenant {
                    places, sequence, ..
                } = self.tenants.get(tenant)?;
                let new = || Arc::new(Sequence::new(places, &self.blocks));
                sequence.get_or_init(new)
            }
        };
        let place = match order {
            Order::OldestFirst => sequence
                .latest_so_far
                .partition_point(|last| *last < range.start),
            Order::NewestFirst => sequence
                .earliest_from_here
                .partition_point(|first| *first < range.end),
        };
        Some(PartWalk {
            part: Arc::clone(self),
            sequence: Arc::clone(sequence),
            place,
            range,
            order,
        })
    }
}

impl Sequence {
    fn new(places: &[u32], blocks: &[Arc<BlockInfo>]) -> Self {
        // Sorted with their keys beside them: looking each one up anew takes ten times as long.
        let keyed = |key: fn(&BlockInfo) -> Position| {
            let mut keyed: Vec<_> = places
                .iter()
                .filter_map(|place| Some((key(blocks.get(*place as usize)?), *place)))
                .collect();
            keyed.sort_unstable();
            keyed.into_iter().map(|(_, place)| place).collect()
        };
        let (by_first, by_last): (Vec<u32>, Vec<u32>) =
            (keyed(|block| block.first), keyed(|block| block.last));
        let info = |place: &u32| blocks.get(*place as usize);
        let latest_so_far = by_first
            .iter()
            .filter_map(info)
            .scan(Position::MIN, |latest, block| {
                *latest = block.last.max(*latest);
                Some(*latest)
            })
            .collect();
        let mut earliest_from_here: Vec<_> = by_last
            .iter()
            .rev()
            .filter_map(info)
            .scan(Position::MAX, |earliest, block| {
                *earliest = block.first.min(*earliest);
                Some(*earliest)
            })
            .collect();
        earliest_from_here.reverse();
        Self {
            by_first,
            latest_so_far,
            by_last,
            earliest_from_here,
        }
    }
}

/// Blocks of one part, in order.
#[derive(Debug)]
pub(crate) struct PartWalk {
    part: Arc<Part>,
    sequence: Arc<Sequence>,
    place: usize,
    range: Range,
    order: Order,
}

impl Iterator for PartWalk {
    type Item = Arc<BlockInfo>;

    fn next(&mut self) -> Option<Arc<BlockInfo>> {
        loop {
            let place = match self.order {
                Order::OldestFirst => {
                    let place = *self.sequence.by_first.get(self.place)?;
                    self.place += 1;
                    place
                }
                Order::NewestFirst => {
                    self.place = self.place.checked_sub(1)?;
                    *self.sequence.by_last.get(self.place)?
                }
            };
            let block = self.part.blocks.get(place as usize)?;
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
