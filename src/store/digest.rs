//! BLAKE3 of what is mostly short.
//!
//! The blocks of a chunk are hashed one after the other, each with what the one before gave, so there is little for
//! wide registers to do: the library's AVX-512 code takes half as long again as plain arithmetic (`ARCHITECTURE.md`). So
//! what fits into one chunk, as an event appended by itself does, is hashed here, as the BLAKE3 paper specifies
//! (<https://github.com/BLAKE3-team/BLAKE3-specs>, sections 2.1 to 2.4), and what is longer by the library, which
//! hashes many chunks side by side.

#![expect(
    clippy::inline_always,
    reason = "a round that is called keeps its state in memory and takes longer than the library's"
)]

/// Bytes of a hash.
pub(crate) const DIGEST: usize = 32;

/// The longest input that is a tree of one chunk.
const CHUNK: usize = 1024;
const BLOCK: usize = 64;

const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const ROOT: u32 = 8;

/// The first chaining value of a chunk, whose first half is also in the state of each block: the fractions of the square
/// roots of the first eight primes.
const IV: ChainingValue = [
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a],
    [0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19],
];

type Row = [u32; 4];
type ChainingValue = [Row; 2];
type State = [Row; 4];
/// A block's words.
type Words = [u32; 16];

/// The BLAKE3 hash of `bytes`.
pub(crate) fn blake3(bytes: &[u8]) -> [u8; DIGEST] {
    if bytes.len() > CHUNK {
        return *::blake3::hash(bytes).as_bytes();
    }
    let (blocks, last) = all_but_last_block(bytes);
    let (mut value, mut flags) = (IV, CHUNK_START);
    for block in blocks {
        value = compress(value, block, BLOCK, flags);
        flags = 0;
    }
    let mut padded = [0; BLOCK];
    for (to, from) in padded.iter_mut().zip(last) {
        *to = *from;
    }
    value = compress(value, &padded, last.len(), flags | CHUNK_END | ROOT);
    let mut digest = [0; DIGEST];
    for (to, word) in digest
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(value.as_flattened())
    {
        *to = word.to_le_bytes();
    }
    digest
}

/// The blocks before the last one, which are whole, and the last one. It is empty only if `bytes` is.
fn all_but_last_block(bytes: &[u8]) -> (&[[u8; BLOCK]], &[u8]) {
    let before = bytes.len().saturating_sub(1) / BLOCK * BLOCK;
    let (blocks, last) = bytes.split_at_checked(before).unwrap_or_default();
    (blocks.as_chunks().0, last)
}

/// The chaining value after a block of `length` bytes of the first chunk.
fn compress(
    [top, bottom]: ChainingValue,
    block: &[u8; BLOCK],
    length: usize,
    flags: u32,
) -> ChainingValue {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let length = u32::try_from(length).unwrap_or_default();
    // The chunk's number, of two words, is 0.
    let mut state = [top, bottom, IV[0], [0, 0, length, flags]];
    // Written out, so that the words' new order costs nothing.
    state = round(state, words);
    words = permute(words);
    state = round(state, words);
    words = permute(words);
    state = round(state, words);
    words = permute(words);
    state = round(state, words);
    words = permute(words);
    state = round(state, words);
    words = permute(words);
    state = round(state, words);
    words = permute(words);
    let [a, b, c, d] = round(state, words);
    [xor(a, c), xor(b, d)]
}

/// Mixes the state's columns, then its diagonals.
#[inline(always)]
fn round(
    [
        [a0, a1, a2, a3],
        [b0, b1, b2, b3],
        [c0, c1, c2, c3],
        [d0, d1, d2, d3],
    ]: State,
    m: Words,
) -> State {
    let [a0, b0, c0, d0] = mix([a0, b0, c0, d0], m[0], m[1]);
    let [a1, b1, c1, d1] = mix([a1, b1, c1, d1], m[2], m[3]);
    let [a2, b2, c2, d2] = mix([a2, b2, c2, d2], m[4], m[5]);
    let [a3, b3, c3, d3] = mix([a3, b3, c3, d3], m[6], m[7]);
    let [a0, b1, c2, d3] = mix([a0, b1, c2, d3], m[8], m[9]);
    let [a1, b2, c3, d0] = mix([a1, b2, c3, d0], m[10], m[11]);
    let [a2, b3, c0, d1] = mix([a2, b3, c0, d1], m[12], m[13]);
    let [a3, b0, c1, d2] = mix([a3, b0, c1, d2], m[14], m[15]);
    [
        [a0, a1, a2, a3],
        [b0, b1, b2, b3],
        [c0, c1, c2, c3],
        [d0, d1, d2, d3],
    ]
}

/// A block's words as the next round takes them.
#[inline(always)]
fn permute(m: Words) -> Words {
    [
        m[2], m[6], m[3], m[10], m[7], m[0], m[4], m[13], m[1], m[11], m[12], m[5], m[9], m[14],
        m[15], m[8],
    ]
}

#[inline(always)]
fn xor([a0, a1, a2, a3]: Row, [b0, b1, b2, b3]: Row) -> Row {
    [a0 ^ b0, a1 ^ b1, a2 ^ b2, a3 ^ b3]
}

/// Mixes four words of the state with two of the block's: the function G.
#[inline(always)]
fn mix([a, b, c, d]: Row, first: u32, second: u32) -> Row {
    let a = a.wrapping_add(b).wrapping_add(first);
    let d = (d ^ a).rotate_right(16);
    let c = c.wrapping_add(d);
    let b = (b ^ c).rotate_right(12);
    let a = a.wrapping_add(b).wrapping_add(second);
    let d = (d ^ a).rotate_right(8);
    let c = c.wrapping_add(d);
    let b = (b ^ c).rotate_right(7);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_hashes_as_the_library_has_it() {
        let bytes: Vec<u8> = (0..3 * CHUNK)
            .map(|place| u8::try_from(place * 31 % 251).unwrap())
            .collect();
        for length in 0..=bytes.len() {
            let bytes = &bytes[..length];
            assert_eq!(
                blake3(bytes),
                *::blake3::hash(bytes).as_bytes(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn nothing_hashes_as_the_published_test_vectors_have_it() {
        let published = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(
            ::blake3::Hash::from(blake3(b"")).to_hex().as_str(),
            published
        );
    }
}
