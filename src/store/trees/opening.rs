//! A block's opening: where and when its events stand, and where their records lie. The format is [`block`](super::block)'s.

use std::ops::Range;
use std::sync::Arc;

use super::super::buffer::Buffer;
use super::super::bytes::{BytesError, Reader};
use super::super::hit::Hit;
use super::super::instant::{Instant, Position};
use super::super::journal::reader::Place;
use super::super::record::{Record, RecordFlaw};
use super::block::{
    CODEC_LZ4, CODEC_RAW, COLUMNS, HEAD, INLINE, LINE, MAX_RAW, MAX_SLOTS, REFERENCE, VERSION,
    slots_of,
};
use super::column::Column;

/// Where in a piece's line the number of records stands.
const RECORDS_IN_LINE: usize = 9;

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
    #[error("a block whose {0} events share records")]
    Ranks(usize),
    #[error("pieces of {pieces} records in a block of {events} events")]
    Pieces { pieces: usize, events: usize },
    #[error("a table that tells kind {table} of a record of kind {record}")]
    Kind { table: u16, record: u16 },
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error(transparent)]
    Record(#[from] RecordFlaw),
}

/// Records that are packed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    codec: u8,
    raw: usize,
    crc: u32,
    /// Records of the pieces before it and its own.
    records: usize,
    /// Where its stored bytes lie in the block.
    start: usize,
    end: usize,
}

/// Where the record of an event lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordPlace {
    /// The number of its piece.
    pub(crate) piece: usize,
    /// Where in there, unpacked, with the byte before it.
    range: Range<usize>,
}

impl Piece {
    /// Where its stored bytes lie in the block.
    pub(crate) fn place(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Bytes of it once it is unpacked.
    pub(crate) fn raw_length(&self) -> usize {
        self.raw
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

/// The opening of a block.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Where its block lies in the file.
    block: Range<u64>,
    bytes: Box<[u8]>,
    events: usize,
    pieces: usize,
    /// Where the rows begin, each with a rank.
    rows: usize,
    /// Bytes of a row.
    stride: usize,
    seconds: Column,
    nanoseconds: Column,
    sequence: Column,
    recorded_at: Column,
    kind: Column,
    end: Column,
}

impl Opening {
    /// Reads the opening of the block that lies there in the file.
    pub(crate) fn parse(bytes: &[u8], block: Range<u64>) -> Result<Self, BlockFlaw> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(BlockFlaw::Version(version));
        }
        let (count, pieces) = (reader.u8()?, usize::from(reader.u8()?));
        let events = usize::from(count);
        if events > MAX_SLOTS {
            return Err(BlockFlaw::Count(events));
        }
        reader.take(pieces * LINE)?;
        let mut columns = [Column::default(); COLUMNS];
        for column in &mut columns {
            *column = Column::parse(&mut reader)?;
        }
        let rows = bytes.len() - reader.left();
        let stride = columns
            .iter()
            .fold(1, |stride, column| stride + column.width());
        if reader.left() != usize::from(stride) * events {
            return Err(BlockFlaw::Count(events));
        }
        let mut start = u16::try_from(rows).map_err(|_| BlockFlaw::Size(rows))? + 1;
        for column in &mut columns {
            column.place(start, stride);
            start += u16::from(column.width());
        }
        let ranks = reader
            .take(reader.left())?
            .iter()
            .step_by(usize::from(stride));
        check_ranks(ranks, events)?;
        let [seconds, nanoseconds, sequence, recorded_at, kind, end] = columns;
        let opening = Self {
            block,
            bytes: bytes.into(),
            events,
            pieces,
            rows,
            stride: usize::from(stride),
            seconds,
            nanoseconds,
            sequence,
            recorded_at,
            kind,
            end,
        };
        opening.check_pieces()?;
        Ok(opening)
    }

    /// Every piece has records and all have as many as there are events; their bytes are the rest of the block.
    fn check_pieces(&self) -> Result<(), BlockFlaw> {
        let (mut rank, mut end) = (0, self.length());
        for number in 0..self.pieces {
            let piece = self.piece(number)?;
            if piece.raw > MAX_RAW || piece.end < end {
                return Err(BlockFlaw::Size(piece.raw));
            }
            if piece.records <= rank {
                return Err(self.other_records(piece.records));
            }
            (rank, end) = (piece.records, piece.end);
        }
        if rank != self.events {
            return Err(self.other_records(rank));
        }
        if end as u64 != self.block_length() {
            return Err(BlockFlaw::Size(end));
        }
        Ok(())
    }

    fn other_records(&self, pieces: usize) -> BlockFlaw {
        BlockFlaw::Pieces {
            pieces,
            events: self.events,
        }
    }

    /// Where its block lies in the file.
    pub(crate) fn block(&self) -> &Range<u64> {
        &self.block
    }

    /// Bytes of its block.
    pub(crate) fn block_length(&self) -> u64 {
        self.block.end.saturating_sub(self.block.start)
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.events
    }

    /// The number of pieces.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces
    }

    /// A piece, in the order in which they lie.
    pub(crate) fn piece(&self, number: usize) -> Result<Piece, BlockFlaw> {
        if number >= self.pieces {
            return Err(BlockFlaw::NoSlot(number));
        }
        let line = |number: usize| {
            let line = self.bytes.get(HEAD + number * LINE..);
            Reader::new(line.unwrap_or_default())
        };
        let mut reader = line(number);
        let (codec, raw, crc) = (reader.u8()?, reader.u32()? as usize, reader.u32()?);
        let (records, end) = (usize::from(reader.u8()?), reader.u32()? as usize);
        let start = match number.checked_sub(1) {
            None => 0,
            Some(number) => {
                let mut reader = line(number);
                reader.take(RECORDS_IN_LINE + 1)?;
                reader.u32()? as usize
            }
        };
        Ok(Piece {
            codec,
            raw,
            crc,
            records,
            start: self.length().saturating_add(start),
            end: self.length().saturating_add(end),
        })
    }

    /// Where the record of `slot` lies.
    pub(crate) fn place(&self, slot: usize) -> Result<RecordPlace, BlockFlaw> {
        let rank = self.rank(slot)?;
        let (piece, before) = self.piece_of(rank);
        let end_at = |rank: usize| {
            let end = self.end.get(&self.bytes, rank)?;
            usize::try_from(end).map_err(|_| BytesError::Overlong)
        };
        let start = if rank > before { end_at(rank - 1)? } else { 0 };
        Ok(RecordPlace {
            piece,
            range: start..end_at(rank)?,
        })
    }

    /// Where in the block the pieces lie that hold these slots, and those between them.
    pub(crate) fn place_of(&self, slots: u64) -> Result<Range<usize>, BlockFlaw> {
        let (mut least, mut most) = (usize::MAX, 0);
        for slot in slots_of(slots).take_while(|slot| *slot < self.events) {
            let rank = self.rank(slot)?;
            (least, most) = (least.min(rank), most.max(rank));
        }
        if least > most {
            return Ok(0..0);
        }
        let piece = |rank| self.piece(self.piece_of(rank).0);
        Ok(piece(least)?.start..piece(most)?.end)
    }

    /// The place of an event's record in the order in which records lie.
    fn rank(&self, slot: usize) -> Result<usize, BlockFlaw> {
        let rank = self.byte(self.rows + self.stride * slot);
        rank.filter(|_| slot < self.events)
            .ok_or(BlockFlaw::NoSlot(slot))
    }

    /// The number of the piece that holds the record of that rank, and how many records are in those before.
    fn piece_of(&self, rank: usize) -> (usize, usize) {
        let (mut piece, mut before) = (0, 0);
        while let Some(with) = self.byte(HEAD + piece * LINE + RECORDS_IN_LINE)
            && piece < self.pieces
            && with <= rank
        {
            (piece, before) = (piece + 1, with);
        }
        (piece, before)
    }

    fn byte(&self, place: usize) -> Option<usize> {
        self.bytes.get(place).copied().map(usize::from)
    }

    /// Its length in bytes, which is where the pieces begin.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }

    /// The position of the event in `slot`.
    pub(crate) fn position(&self, slot: usize) -> Result<Position, BlockFlaw> {
        let nanoseconds = self.number(self.nanoseconds, slot)?;
        let nanoseconds = u32::try_from(nanoseconds).map_err(|_| BytesError::Overlong)?;
        let seconds = self.number(self.seconds, slot)?;
        Ok(Position {
            instant: Instant::new(seconds, nanoseconds).ok_or(BytesError::Overlong)?,
            sequence: self.number(self.sequence, slot)?.cast_unsigned(),
        })
    }

    /// The number of the kind of the event in `slot`.
    pub(crate) fn kind(&self, slot: usize) -> Result<u16, BlockFlaw> {
        let kind = self.number(self.kind, slot)?;
        Ok(u16::try_from(kind).map_err(|_| BytesError::Overlong)?)
    }

    /// The event in `slot`, which stands at `position` and whose record is at `place`, out of that unpacked piece.
    pub(crate) fn hit(
        &self,
        slot: usize,
        position: Position,
        place: RecordPlace,
        piece: &Arc<Buffer>,
    ) -> Result<Hit, BlockFlaw> {
        let end = place.range.end;
        let record = piece.get(place.range).ok_or(BlockFlaw::NoSlot(slot))?;
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
        let kind = self.kind(slot)?;
        if record.kind() != kind {
            return Err(BlockFlaw::Kind {
                table: kind,
                record: record.kind(),
            });
        }
        Ok(Hit {
            position,
            recorded_at: self.number(self.recorded_at, slot)?,
            record,
            elsewhere,
        })
    }

    #[inline]
    fn number(&self, column: Column, slot: usize) -> Result<i64, BlockFlaw> {
        if slot >= self.events {
            return Err(BlockFlaw::NoSlot(slot));
        }
        Ok(column.get(&self.bytes, slot)?)
    }
}

/// Each rank is there once, so that every record belongs to one event.
fn check_ranks<'a>(ranks: impl Iterator<Item = &'a u8>, events: usize) -> Result<(), BlockFlaw> {
    let bit = |rank: &u8| 1_u64.checked_shl(u32::from(*rank)).unwrap_or_default();
    let found = ranks.fold(0, |found, rank| found | bit(rank));
    let wanted = (0..events).fold(0, |all, rank| all | 1_u64 << rank);
    if found == wanted {
        Ok(())
    } else {
        Err(BlockFlaw::Ranks(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two events at one second and at two, whose records, of three bytes and of five, lie the other way round.
    const EXAMPLE: [u8; 37] = [
        7, 2, 1, // version, events, pieces
        0, 8, 0, 0, 0, 1, 2, 3, 4, 2, 8, 0, 0,
        0, // raw, 8 bytes, checksum, 2 records, 8 bytes
        1, 2, 0, 0, 1, 18, 0, 14, 0, 16, 1, 6, // heads: from 1, 0, 9, 7, 8 and 3 on
        1, 0, 1, 0, // rank, second, sequence number, end
        0, 1, 0, 5,
    ];

    fn parse(bytes: &[u8], block: u64) -> Result<Opening, BlockFlaw> {
        Opening::parse(bytes, 7..7 + block)
    }

    #[test]
    fn the_example_is_read() {
        let opening = parse(&EXAMPLE, 45).unwrap();
        assert_eq!((opening.len(), opening.pieces()), (2, 1));
        assert_eq!(*opening.block(), 7..52);
        let piece = opening.piece(0).unwrap();
        assert_eq!((piece.place(), piece.raw_length()), (37..45, 8));
        assert_eq!(piece.crc, 0x0403_0201);
        for (slot, second, sequence, range) in [(0, 1, 10, 3..8), (1, 2, 9, 0..3)] {
            let position = opening.position(slot).unwrap();
            assert_eq!(position.instant, Instant::new(second, 0).unwrap());
            assert_eq!(position.sequence, sequence);
            assert_eq!(opening.kind(slot), Ok(8));
            assert_eq!(opening.number(opening.recorded_at, slot), Ok(7));
            let place = RecordPlace { piece: 0, range };
            assert_eq!(opening.place(slot), Ok(place));
        }
        assert_eq!(opening.place(2), Err(BlockFlaw::NoSlot(2)));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let changed = |place: usize, byte: u8| {
            let mut bytes = EXAMPLE;
            bytes[place] = byte;
            parse(&bytes, 45).unwrap_err()
        };
        assert_eq!(changed(0, 6), BlockFlaw::Version(6));
        assert_eq!(changed(1, 65), BlockFlaw::Count(65));
        assert_eq!(
            changed(12, 1),
            BlockFlaw::Pieces {
                pieces: 1,
                events: 2
            }
        );
        assert_eq!(changed(13, 9), BlockFlaw::Size(46));
        assert_eq!(changed(15, 1), BlockFlaw::Size(65581));
        assert_eq!(changed(29, 0), BlockFlaw::Ranks(2));
        assert_eq!(changed(29, 200), BlockFlaw::Ranks(2));
        assert_eq!(changed(17, 2), BlockFlaw::Count(2));
        assert_eq!(parse(&EXAMPLE, 44).unwrap_err(), BlockFlaw::Size(45));
        for length in 0..EXAMPLE.len() {
            assert!(parse(&EXAMPLE[..length], 45).is_err());
        }
    }
}
