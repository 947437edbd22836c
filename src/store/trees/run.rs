//! A run of postings: what one flush (or a merge of several) adds to one index, sorted by term hash.
//!
//! # Format, pages of version 2, guides of version 3
//!
//! ```text
//! page:  version u8 = 2 | count u16 | hash u64 | hash width u8 | block u32 | block width u8 |
//!        count × hash | count × block | count × slots
//!        hash:  40 bits, the upper ones, less those of the page's; as many bytes as the width says, at most 5
//!        block: the number, less the page's; likewise, at most 4 bytes
//!        slots: u8, the slot number, in an index of unique terms; else u64, a bit for each slot
//! guide: version u8 = 3 | pages u32 | pages × first hash u64 | lines u32 | lines × 64 bytes
//! ```
//!
//! Postings are sorted by hash, then by block. The guide tells what is needed to pass a run over, or to find
//! the page: the first hash of each page, and a [Bloom filter](super::filter) of all hashes. It is stored in
//! pieces and kept in memory. See [`keys`](super::keys) for where pages and guides lie.

use std::ops::Range;

use super::super::bytes::{BytesError, Put, Reader};
use super::super::index::{HASH_ZEROS, TermHash};
use super::filter::{BloomFilter, LINE, Probe};

/// Postings in a page.
pub(crate) const PAGE_POSTINGS: usize = 256;
/// Bytes of a piece of a guide: sixteen, which sled keeps in one page, are less than what it would put in a
/// file of its own.
pub(crate) const GUIDE_PIECE: usize = 8 << 10;

const VERSION: u8 = 2;
/// Bytes of the widest hash and the widest block.
const HASH_WIDTH: usize = 5;
const BLOCK_WIDTH: usize = 4;
const GUIDE_VERSION: u8 = 3;

/// The slots of one block at which one term stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posting {
    pub(crate) hash: TermHash,
    pub(crate) block: u32,
    pub(crate) slots: u64,
}

/// A run, as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunInfo {
    pub(crate) number: u64,
    /// The place of its index in [`INDEXES`](super::super::index::INDEXES).
    pub(crate) index: u8,
    /// How many merges it went through.
    pub(crate) level: u8,
    pub(crate) pages: u32,
    pub(crate) postings: u64,
    /// Different hashes among the postings.
    pub(crate) terms: u64,
    /// Lines of the guide's filter.
    pub(crate) lines: u32,
}

impl RunInfo {
    /// The pieces that the guide is stored in.
    pub(crate) fn guide_pieces(&self) -> u32 {
        let bytes = 9 + u64::from(self.pages) * 8 + u64::from(self.lines) * LINE as u64;
        u32::try_from(bytes.div_ceil(GUIDE_PIECE as u64)).unwrap_or(u32::MAX)
    }
}

/// What is known of a run without reading its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guide {
    /// The first hash of each page.
    pub(crate) firsts: Vec<TermHash>,
    pub(crate) filter: BloomFilter,
}

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) info: RunInfo,
    guide: Guide,
}

/// Why bytes are no part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunFlaw {
    #[error("postings of version {0}")]
    Version(u8),
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error("a guide of {pages} pages and {lines} lines to a run of {info:?}")]
    Guide {
        info: RunInfo,
        pages: usize,
        lines: u32,
    },
    #[error("a posting of slot {0}")]
    Slot(u8),
    #[error("numbers of {0} bytes")]
    Width(u8),
}

impl Run {
    pub(crate) fn new(info: RunInfo, guide: Guide) -> Result<Self, RunFlaw> {
        let (pages, lines) = (guide.firsts.len(), guide.filter.lines());
        if pages != info.pages as usize || lines != info.lines {
            return Err(RunFlaw::Guide { info, pages, lines });
        }
        Ok(Self { info, guide })
    }

    /// Which of some terms may be in here: a bit for each of the first 64.
    pub(crate) fn may_hold(&self, terms: &[Probe]) -> u64 {
        self.filter().may_contain_any(terms)
    }

    /// Says whether a term may be in here.
    pub(crate) fn filter(&self) -> &BloomFilter {
        &self.guide.filter
    }

    /// The pages that may hold postings of the term, which `probe` is of.
    pub(crate) fn pages_of(&self, hash: TermHash, probe: &Probe) -> Range<u32> {
        if !self.guide.filter.may_contain(probe) {
            return 0..0;
        }
        let firsts = &self.guide.firsts;
        let end = firsts.partition_point(|first| *first <= hash);
        // A term's postings may begin in the page before the first one that starts with it.
        let start = firsts.partition_point(|first| *first < hash);
        let page = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        page(start.saturating_sub(1))..page(end)
    }
}

/// A page's bytes. `postings` are sorted and at most [`PAGE_POSTINGS`].
pub(crate) fn encode_page(postings: &[Posting], unique: bool) -> Vec<u8> {
    let hash = |posting: &Posting| posting.hash.0 >> HASH_ZEROS;
    let block = |posting: &Posting| u64::from(posting.block);
    let hashes = Column::of(postings.iter().map(hash));
    let blocks = Column::of(postings.iter().map(block));
    let mut page = Vec::with_capacity(32 + postings.len() * 17);
    page.put_u8(VERSION);
    page.put_u16(u16::try_from(postings.len()).unwrap_or(u16::MAX));
    page.put_u64(hashes.least << HASH_ZEROS);
    page.put_u8(hashes.width);
    page.put_u32(u32::try_from(blocks.least).unwrap_or(u32::MAX));
    page.put_u8(blocks.width);
    for posting in postings {
        hashes.put(hash(posting), &mut page);
    }
    for posting in postings {
        blocks.put(block(posting), &mut page);
    }
    for posting in postings {
        if unique {
            page.put_u8(u8::try_from(posting.slots.trailing_zeros()).unwrap_or(u8::MAX));
        } else {
            page.put_u64(posting.slots);
        }
    }
    page
}

/// How a column of numbers is told: by their distance from the least, in so many bytes each.
#[derive(Debug, Clone, Copy)]
struct Column {
    least: u64,
    width: u8,
}

impl Column {
    fn of(numbers: impl Iterator<Item = u64> + Clone) -> Self {
        let least = numbers.clone().min().unwrap_or_default();
        let bits = u64::BITS
            - numbers
                .map(|number| number - least)
                .max()
                .unwrap_or_default()
                .leading_zeros();
        let width = u8::try_from(bits.div_ceil(8)).unwrap_or(u8::MAX);
        Self { least, width }
    }

    fn put(self, number: u64, into: &mut Vec<u8>) {
        let distance = (number - self.least).to_le_bytes();
        into.put(distance.get(..usize::from(self.width)).unwrap_or_default());
    }

    /// The number in `place` of the column's bytes.
    #[inline]
    fn get(self, bytes: &[u8], place: usize) -> Option<u64> {
        let width = usize::from(self.width);
        let stored = bytes.get(place * width..)?.get(..width)?;
        let mut distance = [0; 8];
        distance.get_mut(..width)?.copy_from_slice(stored);
        // Only a page that nobody wrote goes beyond.
        Some(self.least.saturating_add(u64::from_le_bytes(distance)))
    }
}

/// A page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    count: usize,
    hash: Column,
    hashes: &'a [u8],
    block: Column,
    blocks: &'a [u8],
    slots: &'a [u8],
    unique: bool,
}

impl<'a> Page<'a> {
    pub(crate) fn parse(bytes: &'a [u8], unique: bool) -> Result<Self, RunFlaw> {
        let page = Self::known(bytes, unique)?;
        if let (true, Some(slot)) = (unique, page.slots.iter().find(|slot| **slot >= 64)) {
            return Err(RunFlaw::Slot(*slot));
        }
        Ok(page)
    }

    /// A page whose slots were checked before.
    pub(crate) fn known(bytes: &'a [u8], unique: bool) -> Result<Self, RunFlaw> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(RunFlaw::Version(version));
        }
        let count = usize::from(reader.u16()?);
        let hash = Column {
            least: reader.u64()? >> HASH_ZEROS,
            width: reader.u8()?,
        };
        let block = Column {
            least: u64::from(reader.u32()?),
            width: reader.u8()?,
        };
        for (column, widest) in [(hash, HASH_WIDTH), (block, BLOCK_WIDTH)] {
            if usize::from(column.width) > widest {
                return Err(RunFlaw::Width(column.width));
            }
        }
        let hashes = reader.take(count * usize::from(hash.width))?;
        let blocks = reader.take(count * usize::from(block.width))?;
        let slots = reader.take(if unique { count } else { count * 8 })?;
        Ok(Self {
            count,
            hash,
            hashes,
            block,
            blocks,
            slots,
            unique,
        })
    }

    /// All postings, in order.
    pub(crate) fn postings(self) -> impl Iterator<Item = Posting> + 'a {
        (0..self.count).filter_map(move |place| self.get(place))
    }

    /// The postings of one term.
    pub(crate) fn of_term(self, hash: TermHash) -> impl Iterator<Item = Posting> + 'a {
        (self.first_of(hash)..self.count)
            .filter_map(move |place| self.get(place))
            .take_while(move |posting| posting.hash == hash)
    }

    /// The first place whose hash is not below `hash`.
    fn first_of(self, hash: TermHash) -> usize {
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.hash_at(middle).is_some_and(|other| other < hash) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    fn hash_at(self, place: usize) -> Option<TermHash> {
        let hash = self.hash.get(self.hashes, place)?;
        Some(TermHash(hash.min(u64::MAX >> HASH_ZEROS) << HASH_ZEROS))
    }

    fn get(self, place: usize) -> Option<Posting> {
        let slots = if self.unique {
            1_u64.checked_shl(u32::from(*self.slots.get(place)?))?
        } else {
            u64::from_le_bytes(*self.slots.as_chunks().0.get(place)?)
        };
        Some(Posting {
            hash: self.hash_at(place)?,
            block: u32::try_from(self.block.get(self.blocks, place)?).unwrap_or(u32::MAX),
            slots,
        })
    }
}

impl Guide {
    /// The pieces it is stored in.
    pub(crate) fn encode(&self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::with_capacity(9 + self.firsts.len() * 8);
        bytes.put_u8(GUIDE_VERSION);
        bytes.put_u32(u32::try_from(self.firsts.len()).unwrap_or(u32::MAX));
        for first in &self.firsts {
            bytes.put_u64(first.0);
        }
        bytes.put_u32(self.filter.lines());
        bytes.extend(self.filter.bytes());
        bytes.chunks(GUIDE_PIECE).map(<[u8]>::to_vec).collect()
    }

    /// Reads a guide whose pieces are put together.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RunFlaw> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != GUIDE_VERSION {
            return Err(RunFlaw::Version(version));
        }
        let length = (reader.u32()? as usize)
            .checked_mul(8)
            .ok_or(BytesError::Overlong)?;
        let (firsts, _) = reader.take(length)?.as_chunks();
        let firsts = firsts
            .iter()
            .map(|first| TermHash(u64::from_le_bytes(*first)));
        let lines = reader.u32()?;
        Ok(Self {
            firsts: firsts.collect(),
            filter: BloomFilter::decode(&mut reader, lines)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> TermHash {
        TermHash(number << HASH_ZEROS)
    }

    fn posting(number: u64, block: u32, slots: u64) -> Posting {
        Posting {
            hash: hash(number),
            block,
            slots,
        }
    }

    #[test]
    fn pages_come_back_in_both_widths() {
        let postings = [
            posting(3, 0, 1 << 5),
            posting(3, 1, 1),
            posting(9, 0, 1 << 63),
        ];
        for unique in [false, true] {
            let bytes = encode_page(&postings, unique);
            let page = Page::parse(&bytes, unique).unwrap();
            assert_eq!(page.postings().collect::<Vec<_>>(), postings);
            assert_eq!(page.of_term(hash(3)).collect::<Vec<_>>(), postings[..2]);
            for absent in [0, 4, 10] {
                assert_eq!(page.of_term(hash(absent)).count(), 0);
            }
            for cut in 0..bytes.len() {
                assert!(Page::parse(&bytes[..cut], unique).is_err());
            }
        }
        assert_eq!(encode_page(&postings, true).len(), 17 + 3 * 3);
        let mut bytes = encode_page(&postings, true);
        *bytes.last_mut().unwrap() = 64;
        assert_eq!(Page::parse(&bytes, true).unwrap_err(), RunFlaw::Slot(64));
        assert_eq!(Page::known(&bytes, true).unwrap().postings().count(), 2);
    }

    #[test]
    fn a_page_takes_as_few_bytes_as_its_numbers_need() {
        let widest = (1 << 40) - 1;
        let page = |postings: &[Posting]| encode_page(postings, true).len() - 17;
        assert_eq!(page(&[posting(widest, u32::MAX, 1)]), 1);
        assert_eq!(page(&[posting(7, 9, 1); 4]), 4);
        assert_eq!(
            page(&[posting(7, 9, 1), posting(7 + 255, 9 + 256, 1)]),
            2 * 4
        );
        let postings = [posting(0, u32::MAX, 1), posting(widest, 0, 1)];
        let bytes = encode_page(&postings, true);
        assert_eq!(bytes.len(), 17 + 2 * 10);
        let read: Vec<_> = Page::parse(&bytes, true).unwrap().postings().collect();
        assert_eq!(read, postings);
        for (place, width) in [(11, 6), (16, 5)] {
            let mut bytes = bytes.clone();
            bytes[place] = width;
            let flaw = Page::parse(&bytes, true).unwrap_err();
            assert_eq!(flaw, RunFlaw::Width(width));
        }
        // Distances beyond the largest number there is.
        let mut bytes = bytes.clone();
        bytes[3..11].fill(0xff);
        bytes[12..16].fill(0xff);
        assert_eq!(Page::parse(&bytes, true).unwrap().postings().count(), 2);
    }

    #[test]
    fn a_term_that_spans_pages_is_found_in_all_of_them() {
        let postings: Vec<_> = (0..10)
            .map(|block| posting(1, block, 1))
            .chain((0..20).map(|block| posting(7, block, 1)))
            .chain((0..3).map(|block| posting(8, block, 1)))
            .collect();
        let mut guide = Guide {
            firsts: postings.chunks(8).map(|page| page[0].hash).collect(),
            filter: BloomFilter::with_room(3, 10),
        };
        for hash in [1, 7, 8].map(hash) {
            guide.filter.insert(hash);
        }
        let bytes = guide.encode().concat();
        assert_eq!(Guide::decode(&bytes), Ok(guide.clone()));
        for cut in 0..bytes.len() {
            assert!(Guide::decode(&bytes[..cut]).is_err());
        }
        let info = RunInfo {
            number: 1,
            index: 0,
            level: 0,
            pages: 5,
            postings: 33,
            terms: 3,
            lines: 1,
        };
        assert_eq!(info.guide_pieces(), 1);
        let run = Run::new(info, guide.clone()).unwrap();
        let pages = |number| {
            let hash = hash(number);
            run.pages_of(hash, &Probe::new(hash)).collect::<Vec<_>>()
        };
        assert_eq!(pages(7), [1, 2, 3]);
        assert_eq!(pages(1), [0, 1]);
        assert_eq!(pages(8), [3, 4]);
        assert!(pages(0).is_empty());
        let asked: Vec<_> = [0, 7, 2, 8, 1]
            .map(|number| Probe::new(hash(number)))
            .into();
        assert_eq!(run.may_hold(&asked), 0b11010);
        let of_first_64 = (0..64).filter(|place| 0b11010 & (1 << (place % 5)) != 0);
        let of_first_64 = of_first_64.fold(0, |held, place| held | 1 << place);
        assert_eq!(run.may_hold(&asked.repeat(20)), of_first_64);
        for info in [RunInfo { pages: 6, ..info }, RunInfo { lines: 2, ..info }] {
            assert!(Run::new(info, guide.clone()).is_err());
        }
    }
}
