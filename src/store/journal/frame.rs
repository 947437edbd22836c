//! A frame: one commit of the journal.
//!
//! # Format, version 1
//!
//! ```text
//!  0        4        8            12       16                24             32          40
//! +--------+--------+------------+--------+-----------------+--------------+-----------+------+------+-----+
//! | magic  | CRC32C | body       | events | first sequence  | recorded at  | synced    | body | hash | pad |
//! | "XFR1" | u32    | length u32 | u32    | number u64      | i64 ns, 1970 | up to u64 |      | 32   | 0-7 |
//! +--------+--------+------------+--------+-----------------+--------------+-----------+------+------+-----+
//! ```
//!
//! - `body`: the records, each preceded by its length as a varint.
//! - `CRC32C` covers the log's id, then byte 8 to the end of `hash`: it finds accidents. The id keeps a
//!   payload from posing as a frame, and a frame of another log from being taken for one of this log.
//! - `hash` = BLAKE3(hash of the frame before ‖ bytes 8 to 40 ‖ BLAKE3(body)): it finds tampering. The
//!   first frame of a log follows 32 zero bytes.
//! - `synced` says how many events of the log were on stable storage when this frame was written. What
//!   comes after that point may be torn by a crash; a bad frame before it is damage.
//! - Zeros fill the frame up to a multiple of eight bytes, so that every frame starts on one.

use super::super::bytes::Reader;
use super::super::digest;

/// The first bytes of a frame.
pub(crate) const MAGIC: [u8; 4] = *b"XFR1";
/// Bytes before the body.
pub(crate) const HEADER: usize = 40;
/// Bytes of the chain hash.
pub(crate) const HASH: usize = digest::DIGEST;
/// Frames start on multiples of this.
pub(crate) const ALIGNMENT: usize = 8;
/// The largest body, in bytes.
pub(crate) const MAX_BODY: usize = 256 << 20;

/// Where the CRC stops being and starts to cover.
const CRC_COVERS_FROM: usize = 8;
/// Bytes of the header that the CRC and the hash cover.
const COVERED_HEADER: usize = HEADER - CRC_COVERS_FROM;

const _: () = assert!(HEADER.is_multiple_of(ALIGNMENT) && HASH.is_multiple_of(ALIGNMENT));
const _: () = assert!(MAX_BODY < u32::MAX as usize);

/// A hash of the chain: of everything up to the end of a frame.
pub(crate) type ChainHash = [u8; HASH];

/// The hash before the first frame.
pub(crate) const CHAIN_START: ChainHash = [0; HASH];

/// Bytes a frame with such a body takes in its segment.
pub(crate) const fn frame_length(body: usize) -> usize {
    (HEADER + body + HASH).next_multiple_of(ALIGNMENT)
}

/// What the checksums of a log's frames start from: the CRC of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChecksumSeed(u32);

impl ChecksumSeed {
    pub(crate) fn new(log_id: &[u8; 16]) -> Self {
        Self(crc32c::crc32c(log_id))
    }

    fn checksum(self, covered_header: &[u8], body: &[u8], hash: &ChainHash) -> u32 {
        let crc = crc32c::crc32c_append(self.0, covered_header);
        let crc = crc32c::crc32c_append(crc, body);
        crc32c::crc32c_append(crc, hash)
    }
}

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) count: u32,
    pub(crate) first_sequence: u64,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub(crate) recorded_at: i64,
    /// The number of events known to be on stable storage when the frame was written.
    pub(crate) synced: u64,
}

impl FrameHeader {
    /// The sequence number after the frame's last event.
    pub(crate) fn end_sequence(&self) -> u64 {
        self.first_sequence.saturating_add(u64::from(self.count))
    }

    fn covered_bytes(&self, body_length: u32) -> [u8; COVERED_HEADER] {
        let mut bytes = [0; COVERED_HEADER];
        let (lengths, rest) = bytes.split_at_mut(8);
        let (sequence, rest) = rest.split_at_mut(8);
        let (recorded_at, synced) = rest.split_at_mut(8);
        let (length, count) = lengths.split_at_mut(4);
        length.copy_from_slice(&body_length.to_le_bytes());
        count.copy_from_slice(&self.count.to_le_bytes());
        sequence.copy_from_slice(&self.first_sequence.to_le_bytes());
        recorded_at.copy_from_slice(&self.recorded_at.to_le_bytes());
        synced.copy_from_slice(&self.synced.to_le_bytes());
        bytes
    }
}

/// The hash of a frame's body, which needs no lock and no predecessor.
pub(crate) fn body_hash(body: &[u8]) -> ChainHash {
    digest::blake3(body)
}

fn chain(
    previous: &ChainHash,
    covered_header: &[u8; COVERED_HEADER],
    body_hash: &ChainHash,
) -> ChainHash {
    digest::blake3([*previous, *covered_header, *body_hash].as_flattened())
}

/// Writes a frame over `into` and returns its chain hash. `body` is at most [`MAX_BODY`] bytes long.
pub(crate) fn encode(
    header: &FrameHeader,
    body: &[u8],
    body_hash: &ChainHash,
    previous: &ChainHash,
    seed: ChecksumSeed,
    into: &mut Vec<u8>,
) -> ChainHash {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "callers bound the body by MAX_BODY"
    )]
    let covered_header = header.covered_bytes(body.len() as u32);
    let hash = chain(previous, &covered_header, body_hash);
    let crc = seed.checksum(&covered_header, body, &hash);
    into.clear();
    into.reserve(frame_length(body.len()));
    into.extend_from_slice(&MAGIC);
    into.extend_from_slice(&crc.to_le_bytes());
    into.extend_from_slice(&covered_header);
    into.extend_from_slice(body);
    into.extend_from_slice(&hash);
    into.resize(frame_length(body.len()), 0);
    hash
}

/// Why the bytes at a place are not the frame that should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameFlaw {
    /// Nothing was written here: the end of the segment, or zeros.
    #[error("nothing")]
    Empty,
    #[error("the bytes {0:02x?}, which start no frame")]
    Magic([u8; 4]),
    #[error("a frame of {needed} bytes of which {have} are there")]
    Short { needed: usize, have: usize },
    #[error("a frame with a body of {0} bytes")]
    Length(usize),
    #[error("a frame with checksum {found:08x} whose bytes give {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("a frame that starts at sequence number {found} instead of {expected}")]
    Sequence { expected: u64, found: u64 },
    #[error("a frame whose hash does not continue the chain")]
    Chain,
    #[error("a frame that claims {0} events are synced, more than were written before it")]
    Synced(u64),
}

/// A frame whose checksum and sequence number are right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) header: FrameHeader,
    pub(crate) body: &'a [u8],
    pub(crate) hash: ChainHash,
    covered_header: [u8; COVERED_HEADER],
}

impl<'a> Frame<'a> {
    /// Checks the frame at the start of `bytes`, which must continue the journal at `sequence`.
    pub(crate) fn parse(
        bytes: &'a [u8],
        seed: ChecksumSeed,
        sequence: u64,
    ) -> Result<Self, FrameFlaw> {
        let frame = Self::parse_anywhere(bytes, seed)?;
        if frame.header.first_sequence != sequence {
            return Err(FrameFlaw::Sequence {
                expected: sequence,
                found: frame.header.first_sequence,
            });
        }
        if frame.header.synced > sequence {
            return Err(FrameFlaw::Synced(frame.header.synced));
        }
        Ok(frame)
    }

    /// Checks the frame at the start of `bytes`, wherever in the log it belongs.
    pub(crate) fn parse_anywhere(bytes: &'a [u8], seed: ChecksumSeed) -> Result<Self, FrameFlaw> {
        let body_length = announced_body(bytes)?;
        let needed = HEADER + body_length + HASH;
        let short = FrameFlaw::Short {
            needed,
            have: bytes.len(),
        };
        let mut reader = Reader::new(bytes);
        let read = |reader: &mut Reader<'a>| {
            let _magic = reader.array::<4>()?;
            let crc = reader.u32()?;
            let covered_header = reader.array::<COVERED_HEADER>()?;
            let body = reader.take(body_length)?;
            let hash = reader.array::<HASH>()?;
            Ok::<_, super::super::bytes::BytesError>((crc, covered_header, body, hash))
        };
        let (found, covered_header, body, hash) = read(&mut reader).map_err(|_| short)?;
        let computed = seed.checksum(&covered_header, body, &hash);
        if computed != found {
            return Err(FrameFlaw::Checksum { found, computed });
        }
        let mut fields = Reader::new(&covered_header);
        let parse = |fields: &mut Reader<'_>| {
            let _body_length = fields.u32()?;
            let count = fields.u32()?;
            let first_sequence = fields.u64()?;
            let recorded_at = fields.i64()?;
            let synced = fields.u64()?;
            Ok::<_, super::super::bytes::BytesError>(FrameHeader {
                count,
                first_sequence,
                recorded_at,
                synced,
            })
        };
        let header = parse(&mut fields).map_err(|_| short)?;
        Ok(Self {
            header,
            body,
            hash,
            covered_header,
        })
    }

    /// Whether the frame continues the chain after `previous`.
    pub(crate) fn follows(&self, previous: &ChainHash) -> bool {
        chain(previous, &self.covered_header, &body_hash(self.body)) == self.hash
    }

    /// Bytes it takes in its segment.
    pub(crate) fn length(&self) -> usize {
        frame_length(self.body.len())
    }
}

/// The length of the body that the frame at the start of `bytes` announces. Needs the first
/// [`HEADER`] bytes only; the answer is at most [`MAX_BODY`], and unchecked otherwise.
pub(crate) fn announced_body(bytes: &[u8]) -> Result<usize, FrameFlaw> {
    let mut reader = Reader::new(bytes);
    let Ok(magic) = reader.array::<4>() else {
        return Err(if bytes.iter().all(|byte| *byte == 0) {
            FrameFlaw::Empty
        } else {
            FrameFlaw::Short {
                needed: HEADER,
                have: bytes.len(),
            }
        });
    };
    if magic != MAGIC {
        let header = bytes.get(..HEADER).unwrap_or(bytes);
        return Err(if header.iter().all(|byte| *byte == 0) {
            FrameFlaw::Empty
        } else {
            FrameFlaw::Magic(magic)
        });
    }
    let lengths = |reader: &mut Reader<'_>| {
        let _crc = reader.u32()?;
        reader.u32()
    };
    match lengths(&mut reader) {
        Ok(length) if length as usize <= MAX_BODY => Ok(length as usize),
        Ok(length) => Err(FrameFlaw::Length(length as usize)),
        Err(_) => Err(FrameFlaw::Short {
            needed: HEADER,
            have: bytes.len(),
        }),
    }
}

/// The first sequence number that the frame at the start of `bytes` announces, unchecked.
pub(crate) fn announced_sequence(bytes: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(bytes);
    reader.take(16).ok()?;
    reader.u64().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> ChecksumSeed {
        ChecksumSeed::new(&[9; 16])
    }

    fn header() -> FrameHeader {
        FrameHeader {
            count: 2,
            first_sequence: 7,
            recorded_at: -1,
            synced: 5,
        }
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(
            &header(),
            body,
            &body_hash(body),
            &CHAIN_START,
            seed(),
            &mut bytes,
        );
        bytes
    }

    #[test]
    fn a_frame_comes_back() {
        for length in [0, 1, 7, 8, 300] {
            let body = vec![0xab; length];
            let bytes = frame(&body);
            assert_eq!(bytes.len() % ALIGNMENT, 0);
            let parsed = Frame::parse(&bytes, seed(), 7).unwrap();
            assert_eq!(parsed.header, header());
            assert_eq!(parsed.body, body);
            assert_eq!(parsed.length(), bytes.len());
            assert!(parsed.follows(&CHAIN_START));
            assert!(!parsed.follows(&[1; HASH]));
            let other_log = ChecksumSeed::new(&[8; 16]);
            assert!(matches!(
                Frame::parse(&bytes, other_log, 7),
                Err(FrameFlaw::Checksum { .. })
            ));
        }
    }

    #[test]
    fn every_flipped_bit_before_the_padding_is_found() {
        let body = b"some records";
        let bytes = frame(body);
        for place in 0..HEADER + body.len() + HASH {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                assert!(
                    Frame::parse(&flipped, seed(), 7).is_err(),
                    "byte {place} bit {bit}"
                );
            }
        }
    }

    #[test]
    fn each_flaw_is_named() {
        let bytes = frame(b"abc");
        assert_eq!(
            Frame::parse(&bytes, seed(), 8).unwrap_err(),
            FrameFlaw::Sequence {
                expected: 8,
                found: 7
            }
        );
        assert_eq!(
            Frame::parse(&[0; 64], seed(), 7).unwrap_err(),
            FrameFlaw::Empty
        );
        assert_eq!(Frame::parse(&[], seed(), 7).unwrap_err(), FrameFlaw::Empty);
        assert_eq!(
            Frame::parse(b"what is this", seed(), 7).unwrap_err(),
            FrameFlaw::Magic(*b"what")
        );
        assert_eq!(
            Frame::parse(&bytes[..60], seed(), 7).unwrap_err(),
            FrameFlaw::Short {
                needed: 75,
                have: 60
            }
        );
        let mut long = bytes.clone();
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            Frame::parse(&long, seed(), 7).unwrap_err(),
            FrameFlaw::Length(u32::MAX as usize)
        );
        for cut in 1..75 {
            assert!(Frame::parse(&bytes[..cut], seed(), 7).is_err());
        }
    }

    #[test]
    fn a_frame_cannot_claim_that_itself_was_synced() {
        let header = FrameHeader {
            synced: 8,
            ..header()
        };
        let mut bytes = Vec::new();
        encode(
            &header,
            b"",
            &body_hash(b""),
            &CHAIN_START,
            seed(),
            &mut bytes,
        );
        assert_eq!(
            Frame::parse(&bytes, seed(), 7).unwrap_err(),
            FrameFlaw::Synced(8)
        );
    }
}
