//! A blocked Bloom filter: six bits in one line of 512 for each hash, some ten bits a hash in all, so that
//! one look in a hundred at a page is in vain.

use super::super::bytes::{BytesError, Put, Reader};
use super::super::index::TermHash;

const LINE_WORDS: usize = 8;
const BITS_PER_HASH: usize = 10;
const PROBES: u32 = 6;

/// Says whether a hash may be in a page of postings, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BloomFilter {
    lines: Box<[[u64; LINE_WORDS]]>,
}

impl BloomFilter {
    /// Makes a filter for these hashes.
    pub(crate) fn new(hashes: impl ExactSizeIterator<Item = TermHash>) -> Self {
        let count = (hashes.len() * BITS_PER_HASH)
            .div_ceil(LINE_WORDS * 64)
            .max(1);
        let mut filter = Self {
            lines: vec![[0; LINE_WORDS]; count].into_boxed_slice(),
        };
        for hash in hashes {
            let (line, bits) = filter.place(hash);
            if let Some(line) = filter.lines.get_mut(line) {
                for (word, mask) in line.iter_mut().zip(bits) {
                    *word |= mask;
                }
            }
        }
        filter
    }

    pub(crate) fn may_contain(&self, hash: TermHash) -> bool {
        let (line, bits) = self.place(hash);
        self.lines.get(line).is_some_and(|line| {
            line.iter()
                .zip(bits)
                .all(|(word, mask)| word & mask == mask)
        })
    }

    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        into.put_varint(self.lines.len() as u64);
        for word in self.lines.iter().flatten() {
            into.put_u64(*word);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, BytesError> {
        let count: usize = reader.varint_as()?;
        let length = count
            .checked_mul(LINE_WORDS * 8)
            .ok_or(BytesError::Overlong)?;
        let mut words = Reader::new(reader.take(length)?);
        let mut lines = vec![[0; LINE_WORDS]; count];
        for word in lines.iter_mut().flatten() {
            *word = words.u64()?;
        }
        Ok(Self {
            lines: lines.into_boxed_slice(),
        })
    }

    /// The line of a hash, and the bits it sets there.
    fn place(&self, hash: TermHash) -> (usize, [u64; LINE_WORDS]) {
        // A page holds hashes of one range, so their high bits are alike: mix them.
        let mixed = hash.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = mixed ^ (mixed >> 32);
        let line = (u128::from(mixed) * self.lines.len() as u128) >> 64;
        let mut bits = [0; LINE_WORDS];
        let mut source = hash.0.rotate_left(17).wrapping_mul(0xd6e8_feb8_6659_fd93);
        for _ in 0..PROBES {
            let bit = source >> (64 - 9);
            if let Some(word) = bits.get_mut((bit >> 6) as usize) {
                *word |= 1 << (bit & 63);
            }
            source = source.rotate_left(9);
        }
        (usize::try_from(line).unwrap_or_default(), bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_little_else() {
        let hash = |seed: u64| {
            TermHash(u64::from_le_bytes(
                blake3::hash(&seed.to_le_bytes()).as_bytes()[..8]
                    .try_into()
                    .unwrap(),
            ))
        };
        // As in a page: all hashes of a narrow range.
        for shift in [0, 12, 20] {
            let narrow =
                |seed| TermHash((0xabc << 52) | (hash(seed).0 >> shift) & (u64::MAX >> 12));
            let filter = BloomFilter::new((0..512_u32).map(|seed| narrow(u64::from(seed))));
            assert!((0..512).all(|seed| filter.may_contain(narrow(seed))));
            let wrong = (1_000..21_000)
                .filter(|seed| filter.may_contain(narrow(*seed)))
                .count();
            assert!(wrong < 600, "{wrong} of 20,000 at shift {shift}");
            let mut bytes = Vec::new();
            filter.encode(&mut bytes);
            assert_eq!(BloomFilter::decode(&mut Reader::new(&bytes)), Ok(filter));
            assert!(BloomFilter::decode(&mut Reader::new(&bytes[..bytes.len() - 1])).is_err());
        }
    }
}
