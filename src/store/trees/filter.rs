//! A blocked Bloom filter: six bits in one line of 512 for each hash.

use super::super::bytes::{BytesError, Reader};
use super::super::index::TermHash;

const LINE_WORDS: usize = 8;
const PROBES: u32 = 6;

/// Bytes of a line.
pub(crate) const LINE: usize = LINE_WORDS * 8;

/// Says whether a hash may be in a run, without reading its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BloomFilter {
    lines: Vec<[u64; LINE_WORDS]>,
}

/// What a filter is asked: where a hash lies in a filter of any size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe {
    line: u64,
    bits: [u64; LINE_WORDS],
}

impl Probe {
    pub(crate) fn new(hash: TermHash) -> Self {
        let mut bits = [0; LINE_WORDS];
        let mut source = hash.0.rotate_left(17).wrapping_mul(0xd6e8_feb8_6659_fd93);
        for _ in 0..PROBES {
            let bit = source >> (64 - 9);
            if let Some(word) = bits.get_mut((bit >> 6) as usize) {
                *word |= 1 << (bit & 63);
            }
            source = source.rotate_left(9);
        }
        Self { line: hash.0, bits }
    }
}

impl BloomFilter {
    /// An empty filter with room for so many hashes, at `bits` bits each.
    pub(crate) fn with_room(hashes: u64, bits: u32) -> Self {
        let lines = hashes
            .saturating_mul(u64::from(bits))
            .div_ceil(LINE as u64 * 8)
            .clamp(1, u64::from(u32::MAX));
        Self {
            lines: vec![[0; LINE_WORDS]; usize::try_from(lines).unwrap_or(1)],
        }
    }

    pub(crate) fn insert(&mut self, hash: TermHash) {
        let probe = Probe::new(hash);
        let place = self.place(&probe);
        if let Some(line) = self.lines.get_mut(place) {
            for (word, mask) in line.iter_mut().zip(probe.bits) {
                *word |= mask;
            }
        }
    }

    pub(crate) fn may_contain(&self, probe: &Probe) -> bool {
        // All words at once: a branch for each would cost more.
        let missing = |line: &[u64; LINE_WORDS]| {
            let words = line.iter().zip(probe.bits);
            words.fold(0, |missing, (word, mask)| missing | (mask & !word))
        };
        let line = self.lines.get(self.place(probe));
        line.is_some_and(|line| missing(line) == 0)
    }

    /// Lines of 64 bytes.
    pub(crate) fn lines(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of all lines.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        self.lines
            .iter()
            .flatten()
            .flat_map(|word| word.to_le_bytes())
    }

    /// Reads so many lines.
    pub(crate) fn decode(reader: &mut Reader<'_>, lines: u32) -> Result<Self, BytesError> {
        let length = (lines as usize)
            .checked_mul(LINE)
            .ok_or(BytesError::Overlong)?;
        let (words, _) = reader.take(length)?.as_chunks::<8>();
        let (lines, _) = words.as_chunks::<LINE_WORDS>();
        let lines = lines.iter().map(|line| line.map(u64::from_le_bytes));
        Ok(Self {
            lines: lines.collect(),
        })
    }

    fn place(&self, probe: &Probe) -> usize {
        let place = (u128::from(probe.line) * self.lines.len() as u128) >> 64;
        usize::try_from(place).unwrap_or_default()
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
        for (bits, most) in [(10, 600), (16, 80)] {
            let mut filter = BloomFilter::with_room(512, bits);
            (0..512).for_each(|seed| filter.insert(hash(seed)));
            assert!((0..512).all(|seed| filter.may_contain(&Probe::new(hash(seed)))));
            let wrong = (1_000..21_000)
                .filter(|seed| filter.may_contain(&Probe::new(hash(*seed))))
                .count();
            assert!(wrong < most, "{wrong} of 20,000 at {bits} bits");
            let bytes: Vec<_> = filter.bytes().collect();
            let lines = filter.lines();
            assert_eq!(
                BloomFilter::decode(&mut Reader::new(&bytes), lines),
                Ok(filter)
            );
            assert!(BloomFilter::decode(&mut Reader::new(&bytes[1..]), lines).is_err());
        }
    }
}
