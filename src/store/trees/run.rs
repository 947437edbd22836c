//! A run of postings: what one flush (or a merge of several) adds to one index, sorted by term hash.
//!
//! # Format, version 1
//!
//! ```text
//! page:  version u8 = 1 | count u16 | count × hash u64 | count × block u32 | count × slots
//!        slots: u8, the slot number, in an index of unique terms; else u64, a bit for each slot
//! guide: version u8 = 1 | count u16 | count × ( first hash u64 | filter )
//! filter: varint number of lines, 64 bytes each
//! ```
//!
//! Postings are sorted by hash, then by block. A guide tells of up to 64 pages what is needed to pass them
//! over; guides are kept in memory. See [`keys`](super::keys) for where pages and guides lie.

use super::super::bytes::{BytesError, Put, Reader};
use super::super::index::TermHash;
use super::filter::BloomFilter;

/// Postings in a page.
pub(crate) const PAGE_POSTINGS: usize = 512;
/// Pages that a guide tells of.
pub(crate) const GUIDE_PAGES: usize = 64;

const VERSION: u8 = 1;

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
}

/// What is known of a page without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageGuide {
    first: TermHash,
    filter: BloomFilter,
}

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) info: RunInfo,
    guides: Vec<PageGuide>,
}

/// Why bytes are no part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunFlaw {
    #[error("postings of version {0}")]
    Version(u8),
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error("a run of {expected} pages with guides for {found}")]
    Guides { expected: u32, found: usize },
    #[error("a posting of slot {0}")]
    Slot(u8),
}

impl Run {
    pub(crate) fn new(info: RunInfo, guides: Vec<PageGuide>) -> Result<Self, RunFlaw> {
        if guides.len() != info.pages as usize {
            return Err(RunFlaw::Guides {
                expected: info.pages,
                found: guides.len(),
            });
        }
        Ok(Self { info, guides })
    }

    /// The pages that may hold postings of the term.
    pub(crate) fn pages_of(&self, hash: TermHash) -> impl Iterator<Item = u32> + '_ {
        // A term's postings may begin in the page before the first one that starts with it.
        let first = self
            .guides
            .partition_point(|guide| guide.first < hash)
            .saturating_sub(1);
        self.guides
            .iter()
            .zip(0_u32..)
            .skip(first)
            .take_while(move |(guide, _)| guide.first <= hash)
            .filter(move |(guide, _)| guide.filter.may_contain(hash))
            .map(|(_, page)| page)
    }
}

/// A page's bytes, and its guide. `postings` are sorted and at most [`PAGE_POSTINGS`].
pub(crate) fn encode_page(postings: &[Posting], unique: bool) -> (Vec<u8>, Option<PageGuide>) {
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
    let guide = postings.first().map(|first| PageGuide {
        first: first.hash,
        filter: BloomFilter::new(postings.iter().map(|posting| posting.hash)),
    });
    (page, guide)
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

/// The bytes of guides, for up to [`GUIDE_PAGES`] pages each.
pub(crate) fn encode_guides(guides: &[PageGuide]) -> impl Iterator<Item = Vec<u8>> + '_ {
    guides.chunks(GUIDE_PAGES).map(|guides| {
        let mut bytes = Vec::new();
        bytes.put_u8(VERSION);
        bytes.put_u16(u16::try_from(guides.len()).unwrap_or(u16::MAX));
        for guide in guides {
            bytes.put_u64(guide.first.0);
            guide.filter.encode(&mut bytes);
        }
        bytes
    })
}

/// Reads guides back and adds them to `into`.
pub(crate) fn decode_guides(bytes: &[u8], into: &mut Vec<PageGuide>) -> Result<(), RunFlaw> {
    let mut reader = Reader::new(bytes);
    let version = reader.u8()?;
    if version != VERSION {
        return Err(RunFlaw::Version(version));
    }
    for _ in 0..reader.u16()? {
        let first = TermHash(reader.u64()?);
        into.push(PageGuide {
            first,
            filter: BloomFilter::decode(&mut reader)?,
        });
    }
    Ok(())
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
            let (bytes, _) = encode_page(&postings, unique);
            let page = Page::parse(&bytes, unique).unwrap();
            assert_eq!(page.postings().collect::<Vec<_>>(), postings);
            assert_eq!(page.of_term(TermHash(3)).collect::<Vec<_>>(), postings[..2]);
            assert_eq!(page.of_term(TermHash(4)).count(), 0);
            for cut in 0..bytes.len() {
                assert!(Page::parse(&bytes[..cut], unique).is_err());
            }
        }
        assert_eq!(encode_page(&postings, true).0.len(), 3 + 3 * 13);
        let (mut bytes, _) = encode_page(&postings, true);
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
        let mut guides = Vec::new();
        for page in postings.chunks(8) {
            guides.extend(encode_page(page, false).1);
        }
        let bytes: Vec<_> = encode_guides(&guides).collect();
        let mut read = Vec::new();
        for bytes in &bytes {
            decode_guides(bytes, &mut read).unwrap();
        }
        assert_eq!(read, guides);
        let info = RunInfo {
            number: 1,
            index: 0,
            level: 0,
            pages: 5,
            postings: 33,
        };
        let run = Run::new(info, read).unwrap();
        assert_eq!(run.pages_of(TermHash(7)).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(run.pages_of(TermHash(1)).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(run.pages_of(TermHash(0)).count(), 0);
        let info = RunInfo { pages: 6, ..info };
        assert!(Run::new(info, guides).is_err());
    }
}
