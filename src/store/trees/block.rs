//! A block: up to 64 events of one tenant, sorted by position.
//!
//! # Format, version 3
//!
//! ```text
//! +---------+-------+-------------------------------+-----------------------------+
//! | version | count | 1 + ⌈count / 32⌉ pieces:      | stored bytes of each piece: |
//! | u8 = 3  | u16   | codec u8, raw u32, stored u32 | codec 1: an LZ4 block; 0: raw |
//! +---------+-------+-------------------------------+-----------------------------+
//! piece 0:  a table of `count` rows
//! row:      signed varints: seconds, sequence number, recorded at (ns since 1970), each less the row before's;
//!           varints: nanoseconds, kind, length
//! piece n:  the records of slots 32(n-1) to 32n-1, one after the other, of their rows' lengths:
//!           00, the record; or
//!           01, segment u64, offset u64 of the journal frame that holds it, and the record without payload
//! ```
//!
//! Who wants one event unpacks the table and one piece. The second form is for records over
//! [`INLINE_LIMIT`] bytes, which would make the block too large.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::super::buffer::{Buffer, Spares};
use super::super::bytes::{BytesError, Put, Reader};
use super::super::instant::{Instant, Position};
use super::super::journal::reader::Place;
use super::super::memtable::Entry;
use super::super::record::{FIELDS, MAX_FIELD, Record, RecordFlaw};

/// The most events in a block: a posting's mask has one bit for each.
pub(crate) const MAX_SLOTS: usize = 64;
/// Records above this size stay in the journal only.
pub(crate) const INLINE_LIMIT: usize = 64 << 10;

const VERSION: u8 = 3;
const CODEC_RAW: u8 = 0;
const CODEC_LZ4: u8 = 1;
/// Bytes of a row, at the most.
const ROW: usize = 48;
/// Events whose records are packed together.
const PIECE_SLOTS: usize = 32;
/// No piece is larger: its records at the limit.
const MAX_RAW: usize = PIECE_SLOTS * (32 + INLINE_LIMIT);
/// The most bytes of a stored block.
pub(crate) const MAX_STORED: usize = 64 + MAX_SLOTS * ROW + MAX_SLOTS / PIECE_SLOTS * MAX_RAW;
/// Bytes of a record without its payload, at the most: its fields and their places.
const MAX_STUB: usize = FIELDS.len() * (MAX_FIELD + 8) + 32;

const _: () = assert!(MAX_STUB < INLINE_LIMIT && MAX_SLOTS * ROW < MAX_RAW);

const INLINE: u8 = 0;
const REFERENCE: u8 = 1;

/// Why bytes are no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlockFlaw {
    #[error("a block of version {0}")]
    Version(u8),
    #[error("a block of codec {0}")]
    Codec(u8),
    #[error("a block of {0} events")]
    Count(usize),
    #[error("a piece of {0} bytes")]
    Size(usize),
    #[error("a block that does not decompress")]
    Decompress,
    #[error("a block without slot {0}")]
    NoSlot(usize),
    #[error("a row of kind {row} for a record of kind {record}")]
    Kind { row: u16, record: u16 },
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
    let mut pieces = vec![Vec::new()];
    let mut before = TABLE_START;
    for entries in entries.chunks(PIECE_SLOTS) {
        let mut records =
            Vec::with_capacity(entries.iter().map(|entry| size_in_block(entry)).sum());
        for entry in entries {
            let start = records.len();
            put_record(&mut records, entry);
            put_row(&mut table, before, entry, records.len() - start);
            before = (entry.position, entry.recorded_at);
        }
        pieces.push(records);
    }
    if let Some(first) = pieces.first_mut() {
        *first = table;
    }
    let mut block = Vec::new();
    block.put_u8(VERSION);
    block.put_u16(u16::try_from(entries.len()).unwrap_or(u16::MAX));
    let mut packed = Vec::with_capacity(pieces.iter().map(Vec::len).sum());
    for raw in &pieces {
        let start = packed.len();
        let compressed = lz4_flex::block::compress(raw);
        let codec = if compressed.len() < raw.len() {
            packed.put(&compressed);
            CODEC_LZ4
        } else {
            packed.put(raw);
            CODEC_RAW
        };
        block.put_u8(codec);
        block.put_u32(u32::try_from(raw.len()).unwrap_or(u32::MAX));
        block.put_u32(u32::try_from(packed.len() - start).unwrap_or(u32::MAX));
    }
    block.put(&packed);
    block
}

/// What the first row is told against.
const TABLE_START: (Position, i64) = (
    Position {
        instant: Instant::EPOCH,
        sequence: 0,
    },
    0,
);

fn put_row(table: &mut Vec<u8>, before: (Position, i64), entry: &Entry, length: usize) {
    let (position, recorded_at) = (entry.position, entry.recorded_at);
    let step = |now: i64, before: i64| now.wrapping_sub(before);
    let seconds = (position.instant.seconds(), before.0.instant.seconds());
    table.put_signed_varint(step(seconds.0, seconds.1));
    let sequence = position.sequence.wrapping_sub(before.0.sequence);
    table.put_signed_varint(sequence.cast_signed());
    table.put_signed_varint(step(recorded_at, before.1));
    table.put_varint(u64::from(position.instant.nanoseconds()));
    table.put_varint(u64::from(entry.record.kind()));
    table.put_varint(length as u64);
}

/// Reads a table of `count` rows.
fn read_table(table: &[u8], count: usize) -> Result<Rows, BlockFlaw> {
    let mut reader = Reader::new(table);
    let mut rows = Rows::default();
    let (mut position, mut recorded_at) = TABLE_START;
    let mut end = 0_usize;
    for slot in 0..count {
        if slot.is_multiple_of(PIECE_SLOTS) {
            end = 0;
        }
        let seconds = position
            .instant
            .seconds()
            .wrapping_add(reader.signed_varint()?);
        let sequence = reader.signed_varint()?.cast_unsigned();
        position.sequence = position.sequence.wrapping_add(sequence);
        recorded_at = recorded_at.wrapping_add(reader.signed_varint()?);
        position.instant =
            Instant::new(seconds, reader.varint_as()?).ok_or(BytesError::Overlong)?;
        let kind = reader.varint_as()?;
        let start = end;
        end = start
            .checked_add(reader.varint_as()?)
            .ok_or(BytesError::Overlong)?;
        rows.0.push(Row {
            position,
            recorded_at,
            kind,
            record: start..end,
        });
    }
    if reader.left() > 0 {
        return Err(BlockFlaw::Count(count));
    }
    Ok(rows)
}

fn put_record(records: &mut Vec<u8>, entry: &Entry) {
    let record = entry.record.as_bytes();
    if record.len() > INLINE_LIMIT {
        records.put_u8(REFERENCE);
        records.put_u64(entry.place.segment);
        records.put_u64(entry.place.offset);
        entry.record.encode_stub(records);
    } else {
        records.put_u8(INLINE);
        records.put(record);
    }
}

/// An opened block. Pieces are unpacked, and records checked, as they are asked for.
#[derive(Debug)]
pub(crate) struct Block {
    stored: Buffer,
    rows: Rows,
    pieces: Vec<Piece>,
}

thread_local! {
    static SPARE_ROWS: Spares<Row> = const { Spares::new() };
}

/// A table's rows, in memory that is used again.
#[derive(Debug)]
struct Rows(Vec<Row>);

impl Default for Rows {
    fn default() -> Self {
        let mut rows = SPARE_ROWS.try_with(Spares::take).unwrap_or_default();
        rows.clear();
        rows.reserve(MAX_SLOTS);
        Self(rows)
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        let rows = std::mem::take(&mut self.0);
        let _ = SPARE_ROWS.try_with(|spares| spares.give(rows));
    }
}

/// What the table tells of one event.
#[derive(Debug, Clone)]
struct Row {
    position: Position,
    recorded_at: i64,
    kind: u16,
    /// Where its record lies in its piece.
    record: Range<usize>,
}

/// Records that are packed together.
#[derive(Debug)]
struct Piece {
    place: PiecePlace,
    raw: OnceLock<Result<Arc<Buffer>, BlockFlaw>>,
}

/// Where a piece lies among a block's stored bytes, and how.
#[derive(Debug, Clone, Copy)]
struct PiecePlace {
    codec: u8,
    raw: usize,
    start: usize,
    stored: usize,
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

impl PiecePlace {
    fn unpack(self, block: &[u8]) -> Result<Buffer, BlockFlaw> {
        let stored = block
            .get(self.start..)
            .and_then(|rest| rest.get(..self.stored))
            .ok_or(BlockFlaw::Decompress)?;
        let mut raw = Buffer::scratch(self.raw);
        let into = raw.as_mut_slice();
        let length = match self.codec {
            CODEC_RAW if stored.len() == self.raw => {
                into.copy_from_slice(stored);
                stored.len()
            }
            CODEC_RAW => stored.len(),
            CODEC_LZ4 => {
                let unpacked = lz4_flex::block::decompress_into(stored, into);
                unpacked.map_err(|_| BlockFlaw::Decompress)?
            }
            other => return Err(BlockFlaw::Codec(other)),
        };
        if length == self.raw {
            Ok(raw)
        } else {
            Err(BlockFlaw::Size(self.raw))
        }
    }
}

impl Block {
    pub(crate) fn open(stored: Buffer) -> Result<Self, BlockFlaw> {
        let mut reader = Reader::new(&stored);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(BlockFlaw::Version(version));
        }
        let count = usize::from(reader.u16()?);
        if count > MAX_SLOTS {
            return Err(BlockFlaw::Count(count));
        }
        let mut places = Vec::with_capacity(1 + count.div_ceil(PIECE_SLOTS));
        let mut offset = 0_usize;
        for _ in 0..=count.div_ceil(PIECE_SLOTS) {
            let place = PiecePlace {
                codec: reader.u8()?,
                raw: reader.u32()? as usize,
                start: offset,
                stored: reader.u32()? as usize,
            };
            if place.raw > MAX_RAW {
                return Err(BlockFlaw::Size(place.raw));
            }
            offset = offset.saturating_add(place.stored);
            places.push(place);
        }
        if offset != reader.left() {
            return Err(BlockFlaw::Size(offset));
        }
        let head = stored.len() - reader.left();
        let mut places = places.into_iter().map(|place| PiecePlace {
            start: place.start + head,
            ..place
        });
        let table = match places.next() {
            Some(place) => place.unpack(&stored)?,
            None => return Err(BlockFlaw::Count(count)),
        };
        let pieces = places.map(|place| Piece {
            place,
            raw: OnceLock::new(),
        });
        Ok(Self {
            pieces: pieces.collect(),
            rows: read_table(&table, count)?,
            stored,
        })
    }

    /// Bytes of memory that it takes once all of it is unpacked.
    pub(crate) fn bytes(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| piece.place.raw).sum();
        size_of::<Self>() + self.stored.len() + self.rows.0.capacity() * size_of::<Row>() + pieces
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.rows.0.len()
    }

    /// The position of the event in `slot`.
    pub(crate) fn position(&self, slot: usize) -> Result<Position, BlockFlaw> {
        Ok(self.row(slot)?.position)
    }

    /// The number of the kind of the event in `slot`.
    pub(crate) fn kind(&self, slot: usize) -> Result<u16, BlockFlaw> {
        Ok(self.row(slot)?.kind)
    }

    /// The event in `slot`.
    pub(crate) fn slot(&self, slot: usize) -> Result<Slot, BlockFlaw> {
        let row = self.row(slot)?;
        let raw = self.piece(slot)?;
        let end = row.record.end;
        let record = raw.get(row.record.clone()).ok_or(BlockFlaw::NoSlot(slot))?;
        let mut reader = Reader::new(record);
        let elsewhere = match reader.u8()? {
            INLINE => None,
            REFERENCE => Some(Place {
                segment: reader.u64()?,
                offset: reader.u64()?,
            }),
            other => return Err(BlockFlaw::Codec(other)),
        };
        let record = Record::parse(raw, end - reader.left()..end)?;
        if record.kind() != row.kind {
            return Err(BlockFlaw::Kind {
                row: row.kind,
                record: record.kind(),
            });
        }
        Ok(Slot {
            position: row.position,
            recorded_at: row.recorded_at,
            record,
            elsewhere,
        })
    }

    /// The unpacked records among which `slot` is.
    fn piece(&self, slot: usize) -> Result<&Arc<Buffer>, BlockFlaw> {
        let piece = self
            .pieces
            .get(slot / PIECE_SLOTS)
            .ok_or(BlockFlaw::NoSlot(slot))?;
        let unpack = || piece.place.unpack(&self.stored).map(Arc::new);
        piece.raw.get_or_init(unpack).as_ref().map_err(|flaw| *flaw)
    }

    fn row(&self, slot: usize) -> Result<&Row, BlockFlaw> {
        self.rows.0.get(slot).ok_or(BlockFlaw::NoSlot(slot))
    }
}
