//! A run of postings: what one flush (or a merge of several) adds to one index, sorted by term hash.
//!
//! # Format, version 1
//!
//! ```text
//! page:  version u8 = 1 | count u16 | count × hash u64 | count × block u32 | count × slots
//!        slots: u8, the slot number, in an index of unique terms; else u64, a bit for each slot
//! guide: version u8 = 2 | pages u32 | pages × first hash u64 | lines u32 | lines × 64 bytes
//! ```
//!
//! Postings are sorted by hash, then by block. The guide tells what is needed to pass a run over, or to find
//! the page: the first hash of each page, and a Bloom filter of all hashes. It is stored in pieces and kept in
//! memory. See [`keys`](super::keys) for where pages and guides lie.

use std::ops::Range;

use super::super::bytes::{BytesError, Put, Reader};
use super::super::index::TermHash;
use super::filter::{BloomFilter, LINE, Probe};

/// Postings in a page.
pub(crate) const PAGE_POSTINGS: usize = 256;
/// Bytes of a piece of a guide: sixteen, which sled keeps in one page, are less than what it would put in a
/// file of its own.
pub(crate) const GUIDE_PIECE: usize = 8 << 10;

const VERSION: u8 = 1;
const GUIDE_VERSION: u8 = 2;

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
}

impl Run {
    pub(crate) fn new(info: RunInfo, guide: Guide) -> Result<Self, RunFlaw> {
        let (pages, lines) = (guide.firsts.len(), guide.filter.lines());
        if pages != info.pages as usize || lines != info.lines {
            return Err(RunFlaw::Guide { info, pages, lines });
        }
        Ok(Self { info, guide })
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
    let mut page = Vec::with_capacity(3 + postings.len() * 20);
    page.put_u8(VERSION);
    page.put_u16(u16::try_from(postings.len()).unwrap_or(u16::MAX));
    for posting in postings {
        page.put_u64(posting.hash.0);
    }
    for posting in postings {
        page.put_u32(posting.block);
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

/// A checked page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    hashes: &'a [[u8; 8]],
    blocks: &'a [[u8; 4]],
    slots: &'a [u8],
    unique: bool,
}

impl<'a> Page<'a> {
    pub(crate) fn parse(bytes: &'a [u8], unique: bool) -> Result<Self, RunFlaw> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(RunFlaw::Version(version));
        }
        let count = usize::from(reader.u16()?);
        let (hashes, _) = reader.take(count * 8)?.as_chunks();
        let (blocks, _) = reader.take(count * 4)?.as_chunks();
        let slots = reader.take(if unique { count } else { count * 8 })?;
        if let (true, Some(slot)) = (unique, slots.iter().find(|slot| **slot >= 64)) {
            return Err(RunFlaw::Slot(*slot));
        }
        Ok(Self {
            hashes,
            blocks,
            slots,
            unique,
        })
    }

    /// All postings, in order.
    pub(crate) fn postings(self) -> impl Iterator<Item = Posting> + 'a {
        (0..self.hashes.len()).filter_map(move |place| self.get(place))
    }

    /// The postings of one term.
    pub(crate) fn of_term(self, hash: TermHash) -> impl Iterator<Item = Posting> + 'a {
        let first = self
            .hashes
            .partition_point(|other| u64::from_le_bytes(*other) < hash.0);
        (first..self.hashes.len())
            .filter_map(move |place| self.get(place))
            .take_while(move |posting| posting.hash == hash)
    }

    fn get(&self, place: usize) -> Option<Posting> {
        let slots = if self.unique {
            1 << self.slots.get(place)?
        } else {
            u64::from_le_bytes(*self.slots.as_chunks().0.get(place)?)
        };
        Some(Posting {
            hash: TermHash(u64::from_le_bytes(*self.hashes.get(place)?)),
            block: u32::from_le_bytes(*self.blocks.get(place)?),
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

    fn posting(hash: u64, block: u32, slots: u64) -> Posting {
        Posting {
            hash: TermHash(hash),
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
            assert_eq!(page.of_term(TermHash(3)).collect::<Vec<_>>(), postings[..2]);
            assert_eq!(page.of_term(TermHash(4)).count(), 0);
            for cut in 0..bytes.len() {
                assert!(Page::parse(&bytes[..cut], unique).is_err());
            }
        }
        assert_eq!(encode_page(&postings, true).len(), 3 + 3 * 13);
        let mut bytes = encode_page(&postings, true);
        *bytes.last_mut().unwrap() = 64;
        assert_eq!(Page::parse(&bytes, true).unwrap_err(), RunFlaw::Slot(64));
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
        for hash in [1, 7, 8] {
            guide.filter.insert(TermHash(hash));
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
        let pages = |hash| {
            let hash = TermHash(hash);
            run.pages_of(hash, &Probe::new(hash)).collect::<Vec<_>>()
        };
        assert_eq!(pages(7), [1, 2, 3]);
        assert_eq!(pages(1), [0, 1]);
        assert_eq!(pages(8), [3, 4]);
        assert!(pages(0).is_empty());
        for info in [RunInfo { pages: 6, ..info }, RunInfo { lines: 2, ..info }] {
            assert!(Run::new(info, guide.clone()).is_err());
        }
    }
}
