//! A sealed segment: complete, compressed, never written again.
//!
//! # Format, version 1
//!
//! ```text
//!  0            8         10       12       16            20
//! +------------+---------+--------+--------+-------------+---------------+--------+
//! | "XLOGSEGZ" | version | codec  | CRC32C | chunk count | chunk table   | chunks |
//! |            | u16 = 1 | u16 =1 | u32    | u32         | 20 bytes each |        |
//! +------------+---------+--------+--------+-------------+---------------+--------+
//!  chunk table entry: raw length u32 | stored length u32 | CRC32C of the stored bytes u32 | first sequence number u64
//! ```
//!
//! The chunks, decompressed (codec 1: an LZ4 block) and put together, are the bytes of the plain segment
//! up to the end of its last frame: header, then frames. A chunk holds whole frames only. The CRC of the
//! file header covers byte 16 to the end of the chunk table. An offset into a sealed segment means an
//! offset into the bytes it stands for.

use std::io::{self, Write};

use super::super::bytes::{BytesError, Put, Reader};
use super::frame::{self, MAX_BODY};
use super::segment;

/// The first bytes of a sealed segment.
pub(crate) const MAGIC: [u8; 8] = *b"XLOGSEGZ";
/// The version this build writes.
pub(crate) const VERSION: u16 = 1;
/// Bytes before the chunk table.
pub(crate) const HEADER: usize = 20;
/// Bytes of a chunk table entry.
pub(crate) const ENTRY: usize = 20;

const CODEC_LZ4: u16 = 1;
const CRC_COVERS_FROM: usize = 16;
/// A chunk ends with the frame that reaches this many bytes.
const CHUNK_TARGET: usize = 128 << 10;
/// The largest chunk: a frame of the largest size on top of one that just misses the target.
pub(crate) const MAX_CHUNK: usize = CHUNK_TARGET + segment::HEADER + frame::frame_length(MAX_BODY);

/// An LZ4 block stands for at most so many times its own bytes. A chunk that claims more is refused before
/// anything is allocated for it.
const MAX_EXPANSION: usize = 255;

/// Where a chunk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Offset in the bytes that the segment stands for.
    pub(crate) raw_offset: u64,
    pub(crate) raw_length: usize,
    /// Offset in the file.
    pub(crate) stored_offset: u64,
    pub(crate) stored_length: usize,
    pub(crate) first_sequence: u64,
    crc: u32,
}

/// Why bytes are no sealed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealedFlaw {
    #[error("no sealed segment's header")]
    Magic,
    #[error("a sealed segment of version {0}")]
    Version(u16),
    #[error("a sealed segment of codec {0}")]
    Codec(u16),
    #[error("a header with checksum {found:08x} whose bytes give {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("a chunk of {0} bytes")]
    Length(usize),
    #[error("a chunk with checksum {found:08x} whose bytes give {computed:08x}")]
    ChunkChecksum { found: u32, computed: u32 },
    #[error("a chunk that does not decompress to its {0} bytes")]
    Decompress(usize),
    #[error("a header cut short: {0}")]
    Short(#[from] BytesError),
}

/// The chunk table of a sealed segment.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) chunks: Vec<Chunk>,
}

impl Table {
    /// How many bytes of the file the header and the table take, from the file's first [`HEADER`] bytes.
    pub(crate) fn length(header: &[u8]) -> Result<usize, SealedFlaw> {
        let mut reader = Reader::new(header);
        if reader.array()? != MAGIC {
            return Err(SealedFlaw::Magic);
        }
        let version = reader.u16()?;
        if version != VERSION {
            return Err(SealedFlaw::Version(version));
        }
        let codec = reader.u16()?;
        if codec != CODEC_LZ4 {
            return Err(SealedFlaw::Codec(codec));
        }
        let _crc = reader.u32()?;
        Ok(HEADER + reader.u32()? as usize * ENTRY)
    }

    /// Checks the header and the table, which `bytes` holds whole.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SealedFlaw> {
        let length = Self::length(bytes)?;
        let mut reader = Reader::new(bytes);
        let _magic_version_codec = reader.take(12)?;
        let found = reader.u32()?;
        let covered = reader.take(length - CRC_COVERS_FROM)?;
        let computed = crc32c::crc32c(covered);
        if computed != found {
            return Err(SealedFlaw::Checksum { found, computed });
        }
        let mut reader = Reader::new(covered);
        let count = reader.u32()?;
        let mut chunks = Vec::with_capacity(reader.left() / ENTRY);
        let (mut raw_offset, mut stored_offset) = (0, length as u64);
        for _ in 0..count {
            let raw_length = reader.u32()? as usize;
            let stored_length = reader.u32()? as usize;
            let crc = reader.u32()?;
            let first_sequence = reader.u64()?;
            if raw_length > MAX_CHUNK.min(stored_length.saturating_mul(MAX_EXPANSION)) {
                return Err(SealedFlaw::Length(raw_length));
            }
            chunks.push(Chunk {
                raw_offset,
                raw_length,
                stored_offset,
                stored_length,
                first_sequence,
                crc,
            });
            raw_offset += raw_length as u64;
            stored_offset += stored_length as u64;
        }
        Ok(Self { chunks })
    }

    /// The chunk that holds the byte at `raw_offset`.
    pub(crate) fn chunk_at(&self, raw_offset: u64) -> Option<&Chunk> {
        let after = self
            .chunks
            .partition_point(|chunk| chunk.raw_offset <= raw_offset);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        (raw_offset - chunk.raw_offset < chunk.raw_length as u64).then_some(chunk)
    }

    /// The length of the bytes that all chunks stand for.
    pub(crate) fn length_of_plain_form(&self) -> u64 {
        self.chunks
            .last()
            .map_or(0, |chunk| chunk.raw_offset + chunk.raw_length as u64)
    }

    /// The last chunk that starts at or before `sequence`.
    pub(crate) fn chunk_of(&self, sequence: u64) -> Option<&Chunk> {
        let after = self
            .chunks
            .partition_point(|chunk| chunk.first_sequence <= sequence);
        self.chunks.get(after.checked_sub(1)?)
    }
}

impl Chunk {
    /// Writes the bytes that the chunk stands for over `into`.
    pub(crate) fn decompress(&self, stored: &[u8], into: &mut Vec<u8>) -> Result<(), SealedFlaw> {
        let computed = crc32c::crc32c(stored);
        if computed != self.crc {
            return Err(SealedFlaw::ChunkChecksum {
                found: self.crc,
                computed,
            });
        }
        into.resize(self.raw_length, 0);
        match lz4_flex::block::decompress_into(stored, into) {
            Ok(length) if length == self.raw_length => Ok(()),
            _ => Err(SealedFlaw::Decompress(self.raw_length)),
        }
    }
}

/// Builds a sealed segment, frame by frame.
#[derive(Debug)]
pub(crate) struct Sealer {
    pending: Vec<u8>,
    pending_first: u64,
    table: Vec<u8>,
    chunks: Vec<Vec<u8>>,
}

impl Sealer {
    /// Starts with the plain segment's header.
    pub(crate) fn new(segment_header: &[u8], first_sequence: u64) -> Self {
        Self {
            pending: segment_header.to_vec(),
            pending_first: first_sequence,
            table: Vec::new(),
            chunks: Vec::new(),
        }
    }

    /// Adds the bytes of a whole frame that starts at `first_sequence`.
    pub(crate) fn push(&mut self, frame: &[u8], first_sequence: u64) {
        if self.pending.len() >= CHUNK_TARGET {
            self.end_chunk(first_sequence);
        }
        self.pending.put(frame);
    }

    /// Writes the file.
    pub(crate) fn finish(mut self, file: &mut impl Write) -> io::Result<()> {
        self.end_chunk(0);
        let mut covered = Vec::with_capacity(self.table.len() + HEADER);
        covered.put_u32(u32::try_from(self.chunks.len()).unwrap_or(u32::MAX));
        covered.put(&self.table);
        let mut head = Vec::with_capacity(HEADER + self.table.len());
        head.put(&MAGIC);
        head.put_u16(VERSION);
        head.put_u16(CODEC_LZ4);
        head.put_u32(crc32c::crc32c(&covered));
        head.put(&covered);
        file.write_all(&head)?;
        self.chunks
            .iter()
            .try_for_each(|chunk| file.write_all(chunk))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a chunk is at most MAX_CHUNK bytes"
    )]
    fn end_chunk(&mut self, next_first: u64) {
        let mut stored = lz4_flex::block::compress(&self.pending);
        stored.shrink_to_fit();
        self.table.put_u32(self.pending.len() as u32);
        self.table.put_u32(stored.len() as u32);
        self.table.put_u32(crc32c::crc32c(&stored));
        self.table.put_u64(self.pending_first);
        self.chunks.push(stored);
        self.pending.clear();
        self.pending_first = next_first;
    }
}

const _: () = assert!(MAX_CHUNK < u32::MAX as usize / 2);

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(frames: usize) -> (Vec<u8>, Vec<u8>) {
        let mut raw = vec![1; 72];
        let mut sealer = Sealer::new(&raw, 10);
        for number in 0..frames {
            let frame = vec![u8::try_from(number % 251).unwrap(); 40_000];
            sealer.push(&frame, 10 + number as u64);
            raw.extend(frame);
        }
        let mut file = Vec::new();
        sealer.finish(&mut file).unwrap();
        (file, raw)
    }

    #[test]
    fn chunks_put_together_are_the_plain_segment() {
        let (file, raw) = sealed(20);
        let table = Table::parse(&file).unwrap();
        assert!(table.chunks.len() > 3 && file.len() < raw.len() / 10);
        let (mut out, mut raw_chunk) = (Vec::new(), vec![7; 3]);
        for chunk in &table.chunks {
            let start = usize::try_from(chunk.stored_offset).unwrap();
            let stored = &file[start..start + chunk.stored_length];
            chunk.decompress(stored, &mut raw_chunk).unwrap();
            out.extend_from_slice(&raw_chunk);
        }
        assert_eq!(out, raw);
        assert_eq!(table.chunk_at(0).unwrap().raw_offset, 0);
        assert_eq!(table.chunk_at(raw.len() as u64), None);
        assert_eq!(table.chunk_of(10).unwrap().first_sequence, 10);
        assert_eq!(table.chunk_of(9), None);
        assert_eq!(table.chunk_of(999).unwrap(), table.chunks.last().unwrap());
    }

    #[test]
    fn a_chunk_claims_no_more_than_its_bytes_can_stand_for() {
        // What expands most is accepted.
        let mut sealer = Sealer::new(&[0; 72], 0);
        sealer.push(&vec![0; 64 << 20], 0);
        let mut file = Vec::new();
        sealer.finish(&mut file).unwrap();
        assert!(Table::parse(&file).is_ok());
        let mut forged = file[..HEADER + ENTRY].to_vec();
        forged[HEADER + 4..HEADER + 8].copy_from_slice(&1_u32.to_le_bytes());
        let crc = crc32c::crc32c(&forged[CRC_COVERS_FROM..]);
        forged[12..16].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(Table::parse(&forged), Err(SealedFlaw::Length(_))));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (file, _) = sealed(2);
        let table = Table::parse(&file).unwrap();
        for place in 0..file.len() {
            let mut flipped = file.clone();
            flipped[place] ^= 0x10;
            let Ok(read) = Table::parse(&flipped) else {
                continue;
            };
            assert_eq!(read.chunks, table.chunks, "byte {place}");
            let whole = read.chunks.iter().all(|chunk| {
                let start = usize::try_from(chunk.stored_offset).unwrap();
                chunk
                    .decompress(
                        &flipped[start..start + chunk.stored_length],
                        &mut Vec::new(),
                    )
                    .is_ok()
            });
            assert!(!whole, "byte {place}");
        }
    }
}
