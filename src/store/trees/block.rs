//! A block: up to 64 events of one tenant, sorted by position.
//!
//! # Format, version 1
//!
//! ```text
//! +---------+-------+-----------+------------+--------------------------------------+
//! | version | codec | count     | raw length | stored bytes                         |
//! | u8 = 1  | u8    | u16       | u32        | (codec 1: an LZ4 block; codec 0: raw)|
//! +---------+-------+-----------+------------+--------------------------------------+
//! raw:  a slot table of `count` rows of 32 bytes, then the records
//! row:  seconds i64 | nanoseconds u32 | sequence number u64 | recorded at i64 (ns, 1970) | offset u32
//! record, at `offset` behind the table and up to the next row's offset:
//!       00, the record; or
//!       01, segment u64, offset u64 of the journal frame that holds it, and the record without payload
//! ```
//!
//! The second form is for records over [`INLINE_LIMIT`] bytes, which sled would put in a file of its own.

use std::sync::Arc;

use super::super::bytes::{BytesError, Put, Reader};
use super::super::instant::{Instant, Position};
use super::super::journal::reader::Place;
use super::super::memtable::Entry;
use super::super::record::{FIELDS, MAX_FIELD, Record, RecordFlaw};

/// The most events in a block: a posting's mask has one bit for each.
pub(crate) const MAX_SLOTS: usize = 64;
/// Records above this size stay in the journal only.
pub(crate) const INLINE_LIMIT: usize = 64 << 10;

const VERSION: u8 = 1;
const CODEC_RAW: u8 = 0;
const CODEC_LZ4: u8 = 1;
const ROW: usize = 32;
/// No block is larger: 64 records at the limit.
const MAX_RAW: usize = MAX_SLOTS * (ROW + 32 + INLINE_LIMIT);
/// Bytes of a record without its payload, at the most: its fields and their places.
const MAX_STUB: usize = FIELDS.len() * (MAX_FIELD + 8) + 32;

const _: () = assert!(MAX_STUB < INLINE_LIMIT);

const INLINE: u8 = 0;
const REFERENCE: u8 = 1;

/// Why bytes are no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlockFlaw {
    #[error("a block of version {0}")]
    Version(u8),
    #[error("a block of codec {0}")]
    Codec(u8),
    #[error("a block of {count} events and {raw} bytes")]
    Size { count: usize, raw: usize },
    #[error("a block that does not decompress")]
    Decompress,
    #[error("a block without slot {0}")]
    NoSlot(usize),
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error(transparent)]
    Record(#[from] RecordFlaw),
}

/// Bytes a record adds to its block.
pub(crate) fn size_in_block(entry: &Entry) -> usize {
    let record = entry.record.as_bytes().len();
    if record > INLINE_LIMIT {
        ROW + MAX_STUB
    } else {
        ROW + 1 + record
    }
}

/// The stored bytes of a block with these events, which are sorted and at most [`MAX_SLOTS`].
pub(crate) fn encode(entries: &[Arc<Entry>]) -> Vec<u8> {
    let mut table = Vec::with_capacity(entries.len() * ROW);
    let mut records = Vec::new();
    for entry in entries {
        let position = entry.position;
        table.put_i64(position.instant.seconds());
        table.put_u32(position.instant.nanoseconds());
        table.put_u64(position.sequence);
        table.put_i64(entry.recorded_at);
        table.put_u32(u32::try_from(records.len()).unwrap_or(u32::MAX));
        let record = entry.record.as_bytes();
        if record.len() > INLINE_LIMIT {
            records.put_u8(REFERENCE);
            records.put_u64(entry.place.segment);
            records.put_u64(entry.place.offset);
            entry.record.encode_stub(&mut records);
        } else {
            records.put_u8(INLINE);
            records.put(record);
        }
    }
    let raw = [table, records].concat();
    let compressed = lz4_flex::block::compress(&raw);
    let (codec, stored) = if compressed.len() < raw.len() {
        (CODEC_LZ4, compressed)
    } else {
        (CODEC_RAW, raw.clone())
    };
    let mut block = Vec::with_capacity(stored.len() + 8);
    block.put_u8(VERSION);
    block.put_u8(codec);
    block.put_u16(u16::try_from(entries.len()).unwrap_or(u16::MAX));
    block.put_u32(u32::try_from(raw.len()).unwrap_or(u32::MAX));
    block.put(&stored);
    block
}

/// An opened block. Records are checked as they are taken out.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    raw: Arc<Vec<u8>>,
    count: usize,
}

/// One event of a block.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) position: Position,
    pub(crate) recorded_at: i64,
    pub(crate) record: Record,
    /// Where the payload is, if it is not in the record.
    pub(crate) elsewhere: Option<Place>,
}

impl Block {
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, BlockFlaw> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(BlockFlaw::Version(version));
        }
        let codec = reader.u8()?;
        let count = usize::from(reader.u16()?);
        let raw_length = reader.u32()? as usize;
        let size = BlockFlaw::Size {
            count,
            raw: raw_length,
        };
        if count > MAX_SLOTS || raw_length > MAX_RAW || raw_length < count * ROW {
            return Err(size);
        }
        let stored = reader.take(reader.left())?;
        let raw = match codec {
            CODEC_RAW => stored.to_vec(),
            CODEC_LZ4 => lz4_flex::block::decompress(stored, raw_length)
                .map_err(|_| BlockFlaw::Decompress)?,
            other => return Err(BlockFlaw::Codec(other)),
        };
        if raw.len() != raw_length {
            return Err(size);
        }
        Ok(Self {
            raw: Arc::new(raw),
            count,
        })
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The position of the event in `slot`.
    pub(crate) fn position(&self, slot: usize) -> Result<Position, BlockFlaw> {
        Ok(self.row(slot)?.0)
    }

    /// The event in `slot`.
    pub(crate) fn slot(&self, slot: usize) -> Result<Slot, BlockFlaw> {
        let (position, recorded_at, offset) = self.row(slot)?;
        let end = if slot + 1 < self.count {
            self.row(slot + 1)?.2
        } else {
            self.raw.len()
        };
        let mut reader = Reader::new(self.raw.get(offset..end).ok_or(BlockFlaw::NoSlot(slot))?);
        let elsewhere = match reader.u8()? {
            INLINE => None,
            REFERENCE => Some(Place {
                segment: reader.u64()?,
                offset: reader.u64()?,
            }),
            other => return Err(BlockFlaw::Codec(other)),
        };
        let record = Record::parse(&self.raw, end - reader.left()..end)?;
        Ok(Slot {
            position,
            recorded_at,
            record,
            elsewhere,
        })
    }

    /// Position, time of recording, and where in `raw` the record starts.
    fn row(&self, slot: usize) -> Result<(Position, i64, usize), BlockFlaw> {
        if slot >= self.count {
            return Err(BlockFlaw::NoSlot(slot));
        }
        let row = self.raw.get(slot * ROW..).ok_or(BlockFlaw::NoSlot(slot))?;
        let mut reader = Reader::new(row);
        let seconds = reader.i64()?;
        let instant = Instant::new(seconds, reader.u32()?).ok_or(BytesError::Overlong)?;
        let sequence = reader.u64()?;
        let recorded_at = reader.i64()?;
        let offset = reader.u32()? as usize + self.count * ROW;
        Ok((Position { instant, sequence }, recorded_at, offset))
    }
}
