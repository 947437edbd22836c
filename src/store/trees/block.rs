//! A block: up to 64 events of one tenant, sorted by position.
//!
//! # Format, version 5
//!
//! ```text
//! opening:  version u8 = 5 | count u16 | pieces u8 | table: codec u8, raw u32, stored u32 |
//!           of each piece: records u8, codec u8, raw u32, stored u32, CRC32C of the stored bytes u32 |
//!           the table's stored bytes
//! block:    opening | the stored bytes of each piece
//!           codec 1: an LZ4 block; 0: raw
//! table:    a row of each event, by slot | a line of each record, in the order in which they lie
//! row:      signed varints: seconds, sequence number, recorded at (ns since 1970), each less the row before's;
//!           varints: nanoseconds, kind
//! line:     slot u8, varint: length
//! piece:    so many records, one after the other:
//!           00, the record; or
//!           01, segment u64, offset u64 of the journal frame that holds it, and the record without payload
//! ```
//!
//! Rows are in the order of positions, which answers have. Records lie by run and chain, so that a chain is in few
//! pieces, and who wants one event unpacks one. The directory has the opening's length and checksum. The second form
//! of a record is for those over [`INLINE_LIMIT`] bytes, which would make the block too large.

use std::ops::Range;
use std::sync::Arc;

use super::super::buffer::{Buffer, Spares};
use super::super::bytes::{BytesError, Put, Reader};
use super::super::index::Index;
use super::super::instant::{Instant, Position};
use super::super::journal::reader::Place;
use super::super::memtable::Entry;
use super::super::record::{FIELDS, MAX_FIELD, Record, RecordFlaw};

/// The most events in a block: a posting's mask has one bit for each.
pub(crate) const MAX_SLOTS: usize = 64;
/// Records above this size stay in the journal only.
pub(crate) const INLINE_LIMIT: usize = 64 << 10;

const VERSION: u8 = 5;
const CODEC_RAW: u8 = 0;
const CODEC_LZ4: u8 = 1;
/// Bytes of a row, at the most.
const ROW: usize = 48;
/// The most records that are packed together.
const PIECE_RECORDS: usize = 20;
/// No piece is larger: its records at the limit.
const MAX_RAW: usize = PIECE_RECORDS * (32 + INLINE_LIMIT);
/// Bytes of an opening before what it tells of the pieces.
const OPENING_HEAD: usize = 13;
/// Bytes of what it tells of one.
const PIECE_HEAD: usize = 14;
/// The most bytes of a stored block.
pub(crate) const MAX_STORED: usize =
    OPENING_HEAD + MAX_SLOTS * (PIECE_HEAD + ROW + 32 + INLINE_LIMIT);
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
    #[error("a piece with checksum {found:08x} whose bytes give {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("a block without slot {0}")]
    NoSlot(usize),
    #[error("a block with another record for slot {0}")]
    SameSlot(usize),
    #[error("pieces of {pieces} records in a block of {events} events")]
    Pieces { pieces: usize, events: usize },
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

/// A block's stored bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// How many of them are the opening.
    pub(crate) opening: usize,
}

/// The stored bytes of a block with these events, which are sorted and at most [`MAX_SLOTS`].
pub(crate) fn encode(entries: &[Arc<Entry>]) -> Encoded {
    let mut table = Vec::with_capacity(entries.len() * ROW);
    let mut before = TABLE_START;
    for entry in entries {
        put_row(&mut table, before, entry);
        before = (entry.position, entry.recorded_at);
    }
    let pieces = cut_pieces(entries);
    let (mut places, mut packed) = (Vec::new(), Vec::new());
    let mut records = Vec::new();
    for piece in &pieces {
        records.clear();
        for (slot, entry) in piece {
            let start = records.len();
            put_record(&mut records, entry);
            table.put_u8(*slot);
            table.put_varint((records.len() - start) as u64);
        }
        places.put_u8(u8::try_from(piece.len()).unwrap_or(u8::MAX));
        let start = packed.len();
        pack(&records, &mut places, &mut packed);
        places.put_u32(crc32c::crc32c(packed.get(start..).unwrap_or_default()));
    }
    let mut bytes = Vec::with_capacity(OPENING_HEAD + places.len() + table.len() + packed.len());
    bytes.put_u8(VERSION);
    bytes.put_u16(u16::try_from(entries.len()).unwrap_or(u16::MAX));
    bytes.put_u8(u8::try_from(pieces.len()).unwrap_or(u8::MAX));
    let mut packed_table = Vec::new();
    pack(&table, &mut bytes, &mut packed_table);
    bytes.put(&places);
    bytes.put(&packed_table);
    let opening = bytes.len();
    bytes.put(&packed);
    Encoded { bytes, opening }
}

/// Events and their slots, whose records are packed together.
type NewPiece<'a> = Vec<(u8, &'a Entry)>;

/// Cuts a block into pieces of at most [`PIECE_RECORDS`], by run and chain. A chain that is longer is cut evenly;
/// short ones share a piece.
fn cut_pieces(entries: &[Arc<Entry>]) -> Vec<NewPiece<'_>> {
    let chain = |entry: &Entry| (entry.hash(Index::Correlations), entry.hash(Index::Chains));
    let mut ordered: NewPiece<'_> = (0..).zip(entries.iter().map(|entry| &**entry)).collect();
    // Events of a kind resemble each other, which makes the pieces smaller.
    ordered.sort_unstable_by_key(|(slot, entry)| (chain(entry), entry.record.kind(), *slot));
    let mut pieces: Vec<NewPiece<'_>> = Vec::new();
    for events in ordered.chunk_by(|(_, one), (_, other)| chain(one) == chain(other)) {
        match pieces.last_mut() {
            Some(open) if open.len() + events.len() <= PIECE_RECORDS => {
                open.extend_from_slice(events);
            }
            _ => {
                let parts = events.len().div_ceil(PIECE_RECORDS);
                let most = events.len().div_ceil(parts);
                pieces.extend(events.chunks(most).map(<[_]>::to_vec));
            }
        }
    }
    pieces
}

/// Appends `raw` to `packed`, as short as may be, and to `places` how it lies there.
fn pack(raw: &[u8], places: &mut Vec<u8>, packed: &mut Vec<u8>) {
    let compressed = lz4_flex::block::compress(raw);
    let (codec, stored) = if compressed.len() < raw.len() {
        (CODEC_LZ4, compressed.as_slice())
    } else {
        (CODEC_RAW, raw)
    };
    packed.put(stored);
    places.put_u8(codec);
    places.put_u32(u32::try_from(raw.len()).unwrap_or(u32::MAX));
    places.put_u32(u32::try_from(stored.len()).unwrap_or(u32::MAX));
}

/// What the first row is told against.
const TABLE_START: (Position, i64) = (
    Position {
        instant: Instant::EPOCH,
        sequence: 0,
    },
    0,
);

fn put_row(table: &mut Vec<u8>, before: (Position, i64), entry: &Entry) {
    let (position, recorded_at) = (entry.position, entry.recorded_at);
    let step = |now: i64, before: i64| now.wrapping_sub(before);
    let seconds = (position.instant.seconds(), before.0.instant.seconds());
    table.put_signed_varint(step(seconds.0, seconds.1));
    let sequence = position.sequence.wrapping_sub(before.0.sequence);
    table.put_signed_varint(sequence.cast_signed());
    table.put_signed_varint(step(recorded_at, before.1));
    table.put_varint(u64::from(position.instant.nanoseconds()));
    table.put_varint(u64::from(entry.record.kind()));
}

/// Reads a table of `count` rows, whose records lie in `pieces`.
fn read_table(table: &[u8], count: usize, pieces: &[Piece]) -> Result<Rows, BlockFlaw> {
    let mut reader = Reader::new(table);
    let mut rows = Rows::default();
    let (mut position, mut recorded_at) = TABLE_START;
    for _ in 0..count {
        let seconds = position
            .instant
            .seconds()
            .wrapping_add(reader.signed_varint()?);
        let sequence = reader.signed_varint()?.cast_unsigned();
        position.sequence = position.sequence.wrapping_add(sequence);
        recorded_at = recorded_at.wrapping_add(reader.signed_varint()?);
        position.instant =
            Instant::new(seconds, reader.varint_as()?).ok_or(BytesError::Overlong)?;
        rows.0.push(Row {
            position,
            recorded_at,
            kind: reader.varint_as()?,
            piece: 0,
            record: 0..0,
        });
    }
    for (number, piece) in (0..).zip(pieces) {
        let mut end = 0_u32;
        for _ in 0..piece.records {
            let slot = usize::from(reader.u8()?);
            let row = rows.0.get_mut(slot).ok_or(BlockFlaw::NoSlot(slot))?;
            let start = end;
            end = start
                .checked_add(reader.varint_as()?)
                .ok_or(BytesError::Overlong)?;
            // A record has one byte at least. There are as many records as rows, so no row is left out if none comes
            // twice.
            if row.record.end > 0 || start == end {
                return Err(BlockFlaw::SameSlot(slot));
            }
            row.piece = number;
            row.record = start..end;
        }
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
    /// The place among the pieces of the one that its record lies in.
    piece: u8,
    /// Where in there.
    record: Range<u32>,
}

/// How a part of a block is packed, and where it lies.
#[derive(Debug, Clone, Copy)]
struct Packed {
    codec: u8,
    raw: usize,
    /// Offset in the block.
    start: usize,
    stored: usize,
}

/// Records that are packed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    /// How many.
    records: u8,
    packed: Packed,
    crc: u32,
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

impl Packed {
    /// Reads how it is packed; it lies at `start`.
    fn parse(reader: &mut Reader<'_>, start: usize) -> Result<Self, BlockFlaw> {
        let packed = Self {
            codec: reader.u8()?,
            raw: reader.u32()? as usize,
            start,
            stored: reader.u32()? as usize,
        };
        if packed.raw > MAX_RAW {
            return Err(BlockFlaw::Size(packed.raw));
        }
        Ok(packed)
    }

    fn unpack(self, stored: &[u8]) -> Result<Buffer, BlockFlaw> {
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

impl Piece {
    /// Where its stored bytes lie in the block.
    pub(crate) fn place(&self) -> Range<usize> {
        let start = self.packed.start;
        start..start.saturating_add(self.packed.stored)
    }

    /// Bytes of it once it is unpacked.
    pub(crate) fn raw_length(&self) -> usize {
        self.packed.raw
    }

    /// Checks its stored bytes, and unpacks them.
    pub(crate) fn unpack(&self, stored: &[u8]) -> Result<Buffer, BlockFlaw> {
        let computed = crc32c::crc32c(stored);
        if computed != self.crc {
            return Err(BlockFlaw::Checksum {
                found: self.crc,
                computed,
            });
        }
        self.packed.unpack(stored)
    }
}

/// What a block's opening tells: where and when its events stand, and where their records lie.
#[derive(Debug)]
pub(crate) struct Opening {
    rows: Rows,
    pieces: Vec<Piece>,
}

impl Opening {
    /// Reads the opening of a block of so many bytes.
    pub(crate) fn parse(opening: &[u8], block: usize) -> Result<Self, BlockFlaw> {
        let mut reader = Reader::new(opening);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(BlockFlaw::Version(version));
        }
        let count = usize::from(reader.u16()?);
        if count > MAX_SLOTS {
            return Err(BlockFlaw::Count(count));
        }
        let pieces_count = usize::from(reader.u8()?);
        let table = Packed::parse(&mut reader, 0)?;
        let mut pieces = Vec::with_capacity(pieces_count);
        let mut end = opening.len();
        let mut records_of_all = 0;
        for _ in 0..pieces_count {
            let records = reader.u8()?;
            let packed = Packed::parse(&mut reader, end)?;
            let crc = reader.u32()?;
            end = end.saturating_add(packed.stored);
            records_of_all += usize::from(records);
            pieces.push(Piece {
                records,
                packed,
                crc,
            });
        }
        if records_of_all != count {
            return Err(BlockFlaw::Pieces {
                pieces: records_of_all,
                events: count,
            });
        }
        if end != block || reader.left() != table.stored {
            return Err(BlockFlaw::Size(end));
        }
        let table = table.unpack(reader.take(table.stored)?)?;
        let rows = read_table(&table, count, &pieces)?;
        Ok(Self { rows, pieces })
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.rows.0.len()
    }

    /// The pieces, in the order in which they lie.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The place among the pieces of the one that holds the record of `slot`.
    pub(crate) fn piece_of(&self, slot: usize) -> Result<usize, BlockFlaw> {
        Ok(usize::from(self.row(slot)?.piece))
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.0.capacity() * size_of::<Row>() + self.pieces.len() * size_of::<Piece>()
    }

    /// The position of the event in `slot`.
    pub(crate) fn position(&self, slot: usize) -> Result<Position, BlockFlaw> {
        Ok(self.row(slot)?.position)
    }

    /// The number of the kind of the event in `slot`.
    pub(crate) fn kind(&self, slot: usize) -> Result<u16, BlockFlaw> {
        Ok(self.row(slot)?.kind)
    }

    /// The event in `slot`, out of its unpacked piece.
    pub(crate) fn slot(&self, slot: usize, piece: &Arc<Buffer>) -> Result<Slot, BlockFlaw> {
        let row = self.row(slot)?;
        let (start, end) = (row.record.start as usize, row.record.end as usize);
        let record = piece.get(start..end).ok_or(BlockFlaw::NoSlot(slot))?;
        let mut reader = Reader::new(record);
        let elsewhere = match reader.u8()? {
            INLINE => None,
            REFERENCE => Some(Place {
                segment: reader.u64()?,
                offset: reader.u64()?,
            }),
            other => return Err(BlockFlaw::Codec(other)),
        };
        let record = Record::parse(piece, end - reader.left()..end)?;
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

    fn row(&self, slot: usize) -> Result<&Row, BlockFlaw> {
        self.rows.0.get(slot).ok_or(BlockFlaw::NoSlot(slot))
    }
}
