//! The scan: carries out a plan over the trees and the memtables, in order, one event at a time.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::super::hit::Hit;
use super::super::index::{Index, TermHash};
use super::super::instant::Position;
use super::super::memtable::{Entry, Memtable};
use super::super::trees::directory::{BlockInfo, Walk};
use super::super::trees::engine::TreeError;
use super::super::trees::open_block::OpenBlock;
use super::super::trees::snapshot::{BlockSlots, TreeSnapshot, unite};
use super::super::view::View;
use super::filter::Filter;
use super::plan::Access;
use super::range::{Order, Range};

/// Events taken from a memtable at a time.
const FROM_MEMORY_AT_ONCE: usize = 256;

/// What a scan has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScanWork {
    /// Blocks of the trees that were read.
    pub blocks_read: u64,
    /// Events of those blocks, or of the journal, that were looked at.
    pub events_checked: u64,
    /// Events that came from memory.
    pub from_memory: u64,
    /// Commits of the journal that were read, to find results.
    pub commits_read: u64,
    /// Bytes of these commits, before compression.
    pub bytes_read: u64,
    /// Events given.
    pub given: u64,
}

/// Blocks still to come, in the order of the scan.
#[derive(Debug)]
enum Blocks {
    Walk(Walk),
    /// The next one last.
    List(Vec<(Arc<BlockInfo>, u64)>),
}

impl Blocks {
    fn next(&mut self) -> Option<(Arc<BlockInfo>, u64)> {
        match self {
            Self::Walk(walk) => walk.next().map(|info| (info, u64::MAX)),
            Self::List(list) => list.pop(),
        }
    }
}

/// Something that gives events in order.
#[derive(Debug)]
enum Source {
    Block {
        block: Arc<OpenBlock>,
        slots: u64,
    },
    Memory {
        memtable: Arc<Memtable>,
        ready: VecDeque<Arc<Entry>>,
        drained: bool,
    },
}

/// The next event of a source, as the heap orders it.
#[derive(Debug, PartialEq, Eq)]
struct Next {
    position: Position,
    order: Order,
    source: usize,
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the largest first; the scan wants the first of its order.
        self.order.compare(other.position, self.position)
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A scan under way.
#[derive(Debug)]
pub(crate) struct TreeScan {
    trees: TreeSnapshot,
    filter: Arc<Filter>,
    range: Range,
    order: Order,
    blocks: Blocks,
    next_block: Option<(Arc<BlockInfo>, u64)>,
    sources: Vec<Source>,
    free: Vec<usize>,
    heap: BinaryHeap<Next>,
    work: ScanWork,
}

impl TreeScan {
    /// Starts a scan; reads postings, where the plan has any, but no block yet.
    pub(crate) fn new(
        view: &View,
        trees: &TreeSnapshot,
        filter: &Arc<Filter>,
        range: Range,
        order: Order,
        access: &Access,
        limit: Option<usize>,
    ) -> Result<Self, TreeError> {
        let blocks = match access {
            Access::Nothing => Blocks::List(Vec::new()),
            Access::Time => Blocks::Walk(trees.directory.walk(filter.tenant(), range, order)),
            Access::Postings { terms, kinds } => {
                Blocks::List(blocks_of(trees, filter, range, order, terms, kinds)?)
            }
        };
        let mut scan = Self {
            trees: trees.clone(),
            filter: Arc::clone(filter),
            range,
            order,
            blocks,
            next_block: None,
            sources: Vec::new(),
            free: Vec::new(),
            heap: BinaryHeap::new(),
            work: ScanWork::default(),
        };
        scan.next_block = scan.blocks.next();
        if *access != Access::Nothing {
            let first = limit
                .unwrap_or(FROM_MEMORY_AT_ONCE)
                .min(FROM_MEMORY_AT_ONCE);
            for memtable in view.memtables() {
                scan.add_memtable(memtable, first);
            }
        }
        Ok(scan)
    }

    /// Puts the next event into `hit`, or nothing at the end.
    pub(crate) fn next_into(&mut self, hit: &mut Option<Hit>) -> Result<(), TreeError> {
        *hit = None;
        loop {
            self.open_blocks_before_next()?;
            let Some(next) = self.heap.pop() else {
                return Ok(());
            };
            self.take(&next, hit)?;
            self.push(next.source)?;
            if hit.is_some() {
                self.work.given += 1;
                return Ok(());
            }
        }
    }

    /// The trees that are scanned.
    pub(crate) fn trees(&self) -> &TreeSnapshot {
        &self.trees
    }

    pub(crate) fn work(&self) -> ScanWork {
        self.work
    }

    /// About how many events a scan just begun gives, where the plan tells.
    pub(crate) fn estimate(&self) -> Option<usize> {
        let Blocks::List(list) = &self.blocks else {
            return None;
        };
        let in_blocks = self.next_block.iter().chain(list);
        let in_blocks: u32 = in_blocks.map(|(_, slots)| slots.count_ones()).sum();
        let in_memory = self.sources.iter().map(|source| match source {
            Source::Memory { ready, .. } => ready.len(),
            Source::Block { .. } => 0,
        });
        Some(in_blocks as usize + in_memory.sum::<usize>())
    }

    /// Blocks that are still to be opened.
    pub(crate) fn count_blocks(self) -> usize {
        let rest = match self.blocks {
            Blocks::Walk(walk) => walk.count(),
            Blocks::List(list) => list.len(),
        };
        rest + usize::from(self.next_block.is_some())
    }

    /// Opens every block that may hold an event before the first one of the heap.
    fn open_blocks_before_next(&mut self) -> Result<(), TreeError> {
        while let Some((info, slots)) = &self.next_block {
            let bound = info.place_in(self.order);
            if let Some(next) = self.heap.peek()
                && self.order.compare(next.position, bound).is_lt()
            {
                break;
            }
            let block = self.trees.block(info.number, *slots)?;
            self.work.blocks_read += 1;
            let present = u64::MAX.checked_shr(64 - info.events.min(64)).unwrap_or(0);
            let slots = slots & present;
            let source = self.add(Source::Block { block, slots });
            self.push(source)?;
            self.next_block = self.blocks.next();
        }
        Ok(())
    }

    fn add_memtable(&mut self, memtable: &Arc<Memtable>, most: usize) {
        let entries = memtable.select(&self.filter, self.range, self.order, most);
        let drained = entries.len() < most;
        let Some(first) = entries.first() else { return };
        let position = first.position;
        let source = Source::Memory {
            memtable: Arc::clone(memtable),
            ready: entries.into(),
            drained,
        };
        let source = self.add(source);
        self.heap.push(Next {
            position,
            order: self.order,
            source,
        });
    }

    fn add(&mut self, source: Source) -> usize {
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.sources.get_mut(place)
        {
            *slot = source;
            return place;
        }
        self.sources.push(source);
        self.sources.len() - 1
    }

    /// Puts the next event of a source on the heap, or gives the source up.
    fn push(&mut self, place: usize) -> Result<(), TreeError> {
        let Some(source) = self.sources.get_mut(place) else {
            return Ok(());
        };
        let next = match source {
            Source::Block { block, slots } => {
                let mut next = None;
                while let Some(slot) = first_slot(*slots, self.order) {
                    // The kind is one number, the position three; and the kind decides more often.
                    if self.filter.may_match_kind(|| block.kind(slot))? {
                        let position = block.position(slot)?;
                        if self.range.contains(position) {
                            next = Some(position);
                            break;
                        }
                    }
                    *slots &= !(1 << slot);
                }
                next
            }
            Source::Memory { ready, .. } => ready.front().map(|entry| entry.position),
        };
        match next {
            Some(position) => self.heap.push(Next {
                position,
                order: self.order,
                source: place,
            }),
            None => self.free.push(place),
        }
        Ok(())
    }

    /// Takes the next event out of its source, and puts it into `hit` if it is one that was asked for.
    fn take(&mut self, next: &Next, hit: &mut Option<Hit>) -> Result<(), TreeError> {
        match self.sources.get_mut(next.source) {
            Some(Source::Block { block, slots }) => {
                let Some(slot) = first_slot(*slots, self.order) else {
                    return Ok(());
                };
                *slots &= !(1 << slot);
                self.work.events_checked += 1;
                let found = hit.insert(block.hit_at(slot, next.position)?);
                if !self.filter.matches(found.position, &found.record) {
                    *hit = None;
                }
            }
            Some(Source::Memory {
                memtable,
                ready,
                drained,
            }) => {
                let Some(entry) = ready.pop_front() else {
                    return Ok(());
                };
                self.work.from_memory += 1;
                if ready.is_empty() && !*drained {
                    let rest = self.range.after(entry.position, self.order);
                    let more = memtable.select(&self.filter, rest, self.order, FROM_MEMORY_AT_ONCE);
                    *drained = more.len() < FROM_MEMORY_AT_ONCE;
                    *ready = more.into();
                }
                *hit = Some(Hit::from(&*entry));
            }
            None => {}
        }
        Ok(())
    }
}

/// The slot whose turn it is.
fn first_slot(slots: u64, order: Order) -> Option<usize> {
    let slot = match order {
        Order::OldestFirst => slots.trailing_zeros(),
        Order::NewestFirst => 63_u32.wrapping_sub(slots.leading_zeros()),
    };
    (slots != 0).then_some(slot as usize)
}

/// The blocks and slots that all terms point to, the next one last.
fn blocks_of(
    trees: &TreeSnapshot,
    filter: &Filter,
    range: Range,
    order: Order,
    terms: &[(Index, TermHash)],
    kinds: &[TermHash],
) -> Result<Vec<(Arc<BlockInfo>, u64)>, TreeError> {
    let mut found: Option<Vec<BlockSlots>> = None;
    for (index, hash) in terms {
        let postings = trees.postings(*index, *hash)?;
        intersect(&mut found, postings);
    }
    if !kinds.is_empty() {
        let mut any = Vec::new();
        for kind in kinds {
            any.extend(trees.postings(Index::Kinds, *kind)?);
        }
        unite(&mut any);
        intersect(&mut found, any);
    }
    let mut blocks = Vec::new();
    for (number, slots) in found.unwrap_or_default() {
        let info = trees.block_info(number)?;
        let of_tenant = filter
            .tenant()
            .is_none_or(|tenant| info.tenant.as_deref() == Some(tenant));
        if of_tenant && range.overlaps(info.first, info.last) {
            blocks.push((Arc::clone(info), slots));
        }
    }
    blocks.sort_unstable_by(|(one, _), (other, _)| {
        order.compare(other.place_in(order), one.place_in(order))
    });
    Ok(blocks)
}

/// Keeps of `found` what `postings` point to as well. Both are sorted by block.
fn intersect(found: &mut Option<Vec<BlockSlots>>, postings: Vec<BlockSlots>) {
    let Some(found) = found else {
        *found = Some(postings);
        return;
    };
    let mut postings = postings.into_iter().peekable();
    found.retain_mut(|(block, slots)| {
        while postings.next_if(|(other, _)| other < block).is_some() {}
        let there = postings.next_if(|(other, _)| other == block);
        *slots &= there.map_or(0, |(_, slots)| slots);
        *slots != 0
    });
}
