//! A blocked Bloom filter: seven bits in one line of 512 for each hash.
//!
//! The upper bits of a hash choose its line: `hash × lines ÷ 2^64`. The bits in there are told by the hash once more
//! mixed, as the last step of `MurmurHash3` does it: nine bits of that for each, from the top. Hashes that share a line
//! of many differ in their lower bits only, so every bit has to count for each of the seven.

use super::super::bytes::{BytesError, Reader};
use super::super::index::TermHash;

const LINE_WORDS: usize = 8;
const PROBES: u32 = 7;

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
        let mut source = mix(hash.0);
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

/// Has every bit of a number say something of each bit of the result.
fn mix(mut number: u64) -> u64 {
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        number = (number ^ (number >> 33)).wrapping_mul(factor);
    }
    number ^ (number >> 33)
}

impl BloomFilter {
    /// An empty filter with room for so many hashes, at `bits` bits each.
    pub(crate) fn with_room(hashes: u64, bits: u32) -> Self {
        Self {
            lines: vec![[0; LINE_WORDS]; Self::lines_for(hashes, bits) as usize],
        }
    }

    /// Lines of a filter with room for so many hashes, at `bits` bits each.
    pub(crate) fn lines_for(hashes: u64, bits: u32) -> u32 {
        let lines = hashes
            .saturating_mul(u64::from(bits))
            .div_ceil(LINE as u64 * 8)
            .clamp(1, u64::from(u32::MAX));
        u32::try_from(lines).unwrap_or(u32::MAX)
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

    /// Which of some hashes may be in here: a bit for each of the first 64.
    pub(crate) fn may_contain_any(&self, probes: &[Probe]) -> u64 {
        // No branch depends on what is found, so the memory has many lines on their way at a time.
        let held = probes.iter().take(64).zip(0_u32..);
        held.fold(0, |held, (probe, place)| {
            held | u64::from(self.may_contain(probe)) << place
        })
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
    use crate::store::index::TermHasher;

    fn hash(hasher: &TermHasher, number: u64) -> TermHash {
        hasher.event_id(Some("tenant"), &number.to_string())
    }

    #[test]
    fn what_was_put_in_is_found() {
        let hasher = TermHasher::new([7; 16]);
        for bits in [10, 16] {
            let mut filter = BloomFilter::with_room(512, bits);
            (0..512).for_each(|number| filter.insert(hash(&hasher, number)));
            assert!((0..512).all(|number| filter.may_contain(&Probe::new(hash(&hasher, number)))));
            let bytes: Vec<_> = filter.bytes().collect();
            let lines = filter.lines();
            assert_eq!(
                BloomFilter::decode(&mut Reader::new(&bytes), lines),
                Ok(filter)
            );
            assert!(BloomFilter::decode(&mut Reader::new(&bytes[1..]), lines).is_err());
        }
    }

    /// As often as lines of independent bits would be wrong (0.96 % at 10 bits a hash, 0.10 % at 16, 0.03 % at 20, by
    /// the Poisson distribution of hashes over lines), and half as often again: whether a filter has few lines or many.
    #[test]
    fn little_else_is_found() {
        let hasher = TermHasher::new([7; 16]);
        for (hashes, bits, most) in [
            (512, 16, 145),
            (1_000, 10, 1_350),
            (200_000, 10, 1_350),
            (16_384, 20, 45),
            (300_000, 20, 45),
        ] {
            let mut filter = BloomFilter::with_room(hashes, bits);
            (0..hashes).for_each(|number| filter.insert(hash(&hasher, number)));
            let others = hashes..hashes + 100_000;
            let wrong = others
                .filter(|number| filter.may_contain(&Probe::new(hash(&hasher, *number))))
                .count();
            assert!(
                wrong <= most,
                "{wrong} of 100,000 with {hashes} at {bits} bits"
            );
        }
    }

    /// Filters are stored, so this may not change without a new version.
    #[test]
    fn the_bits_of_a_hash_are_these() {
        let probe = Probe::new(TermHash(0x0123_4567_8900_0000));
        assert_eq!(
            probe.bits,
            [0, 0x0040_2008_0000_4000, 0, 0, 0x200, 0x8000_0080, 0, 0]
        );
    }
}
