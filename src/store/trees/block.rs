//! A block: up to 64 events of one tenant, sorted by position. Here it is written; [`Opening`](super::opening) reads.
//!
//! # Format, version 7
//!
//! ```text
//! block:    opening | the stored bytes of each piece
//!           codec 1: an LZ4 block; 0: raw
//! opening:  version u8 = 7 | events u8 | pieces u8 | line of each piece | heads of six columns | row of each event
//! line:     codec u8, raw u32, CRC32C of the stored bytes u32;
//!           with all pieces before: records u8, stored bytes u32
//! row:      rank u8, values of the columns: seconds, nanoseconds, sequence number, recorded at (ns since 1970), kind;
//!           in the nth row, where the record of rank n ends in its piece
//! piece:    records, one after the other:
//!           00, the record; or
//!           01, segment u64, offset u64 of the journal frame that holds it, and the record without payload
//! ```
//!
//! Events are in the order of positions, which answers have, and any of them is read without the others. Records lie
//! by run and chain, so that a chain is in few pieces, and who wants one event unpacks one; an event's rank is the
//! place of its record in that order. The directory has the opening's length and checksum. The second form of a
//! record is for those over [`INLINE_LIMIT`] bytes, which would make the block too large.

use std::fmt;
use std::sync::Arc;

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

use super::super::bytes::Put;
use super::super::index::{Index, TermHash};
use super::super::memtable::Entry;
use super::super::record::{FIELDS, MAX_FIELD};
use super::column::{self, Shape};

/// The most events in a block: a posting's mask has one bit for each.
pub(crate) const MAX_SLOTS: usize = 64;
/// Records above this size stay in the journal only.
pub(crate) const INLINE_LIMIT: usize = 64 << 10;

pub(super) const VERSION: u8 = 7;
pub(super) const CODEC_RAW: u8 = 0;
pub(super) const CODEC_LZ4: u8 = 1;
pub(super) const INLINE: u8 = 0;
pub(super) const REFERENCE: u8 = 1;
/// The columns of a table, in their order.
pub(super) const COLUMNS: usize = 6;
/// What all columns but the last tell of an event.
const COLUMN_NUMBERS: [fn(&Entry) -> i64; COLUMNS - 1] = [
    |entry| entry.position.instant.seconds(),
    |entry| i64::from(entry.position.instant.nanoseconds()),
    |entry| entry.position.sequence.cast_signed(),
    |entry| entry.recorded_at,
    |entry| i64::from(entry.record.kind()),
];
/// The most records that are packed together.
const PIECE_RECORDS: usize = 12;
/// No piece is larger: its records at the limit.
pub(super) const MAX_RAW: usize = PIECE_RECORDS * (32 + INLINE_LIMIT);
/// Bytes of an opening before its lines.
pub(super) const HEAD: usize = 3;
/// Bytes of a piece's line.
pub(super) const LINE: usize = 14;
/// Bytes that an event adds to the table, at the most.
const ROW: usize = 1 + COLUMNS * column::MAX_VALUE;
/// The most bytes of a stored block.
pub(crate) const MAX_STORED: usize =
    HEAD + COLUMNS * column::MAX_HEAD + MAX_SLOTS * (LINE + ROW + 32 + INLINE_LIMIT);
/// Bytes of a record without its payload, at the most: its fields and their places.
const MAX_STUB: usize = FIELDS.len() * (MAX_FIELD + 8) + 32;

const _: () = assert!(MAX_STUB < INLINE_LIMIT);

/// The slots that a posting's mask has bits of, in order.
pub(crate) fn slots_of(mask: u64) -> impl Iterator<Item = usize> {
    (0..MAX_SLOTS).filter(move |slot| mask >> slot & 1 == 1)
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

/// Encodes blocks, in memory that is used again: a block makes some forty allocations otherwise, which take the longer
/// the more holes the heap has.
#[derive(Default)]
pub(crate) struct Encoder {
    /// In the order of their records.
    ordered: Vec<Ordered>,
    /// How many records are in this piece and those before it.
    pieces: Vec<usize>,
    ranks: Vec<u8>,
    ends: Vec<i64>,
    records: Vec<u8>,
    packer: Packer,
}

/// The chain of a run that an event belongs to.
type Chain = (Option<TermHash>, Option<TermHash>);

/// What the order of records goes by: an event's chain, its kind, its slot. Events of a kind resemble each other, which
/// makes the pieces smaller.
type Ordered = (Chain, u16, usize);

/// Packs pieces.
#[derive(Default)]
struct Packer {
    table: CompressTable,
    compressed: Vec<u8>,
    packed: Vec<u8>,
}

impl Encoder {
    /// Appends the stored bytes of a block with these events, which are sorted and at most [`MAX_SLOTS`]. Gives how
    /// many of them are the opening.
    pub(crate) fn encode(&mut self, entries: &[Arc<Entry>], into: &mut Vec<u8>) -> usize {
        self.cut_pieces(entries);
        let start = into.len();
        into.put_u8(VERSION);
        into.put_u8(u8::try_from(entries.len()).unwrap_or(u8::MAX));
        into.put_u8(u8::try_from(self.pieces.len()).unwrap_or(u8::MAX));
        self.ranks.clear();
        self.ranks.resize(entries.len(), 0);
        self.ends.clear();
        self.packer.packed.clear();
        let mut first = 0;
        for end in &self.pieces {
            self.records.clear();
            for (.., slot) in self.ordered.get(first..*end).unwrap_or_default() {
                if let (Some(rank), Some(entry)) = (self.ranks.get_mut(*slot), entries.get(*slot)) {
                    *rank = u8::try_from(self.ends.len()).unwrap_or(u8::MAX);
                    put_record(&mut self.records, entry);
                    self.ends
                        .push(i64::try_from(self.records.len()).unwrap_or(i64::MAX));
                }
            }
            self.packer.pack(&self.records, *end, into);
            first = *end;
        }
        put_table(entries, &self.ranks, &self.ends, into);
        let opening = into.len() - start;
        into.put(&self.packer.packed);
        opening
    }

    /// Cuts a block into pieces of at most [`PIECE_RECORDS`], by run and chain. A chain that is longer is cut evenly;
    /// short ones share a piece.
    fn cut_pieces(&mut self, entries: &[Arc<Entry>]) {
        let ordered = |(slot, entry): (usize, &Arc<Entry>)| {
            let chain = (entry.hash(Index::Correlations), entry.hash(Index::Chains));
            (chain, entry.record.kind(), slot)
        };
        self.ordered.clear();
        self.ordered.extend(entries.iter().enumerate().map(ordered));
        self.ordered.sort_unstable();
        self.pieces.clear();
        let (mut start, mut end) = (0, 0);
        for events in self.ordered.chunk_by(|(one, ..), (other, ..)| one == other) {
            if let Some(last) = self.pieces.last_mut()
                && end - start + events.len() <= PIECE_RECORDS
            {
                end += events.len();
                *last = end;
                continue;
            }
            let parts = events.len().div_ceil(PIECE_RECORDS);
            for part in events.chunks(events.len().div_ceil(parts)) {
                start = end;
                end += part.len();
                self.pieces.push(end);
            }
        }
    }
}

impl Packer {
    /// Appends `raw` to what is packed, as short as may be, and to `lines` how it lies there. With it, there are so
    /// many records.
    fn pack(&mut self, raw: &[u8], records: usize, lines: &mut Vec<u8>) {
        let most = get_maximum_output_size(raw.len());
        if self.compressed.len() < most {
            self.compressed.resize(most, 0);
        }
        let length = compress_into_with_table(raw, &mut self.compressed, &mut self.table);
        let compressed = length.ok().and_then(|length| self.compressed.get(..length));
        let (codec, stored) = match compressed {
            Some(compressed) if compressed.len() < raw.len() => (CODEC_LZ4, compressed),
            _ => (CODEC_RAW, raw),
        };
        self.packed.put(stored);
        lines.put_u8(codec);
        lines.put_u32(u32::try_from(raw.len()).unwrap_or(u32::MAX));
        lines.put_u32(crc32c::crc32c(stored));
        lines.put_u8(u8::try_from(records).unwrap_or(u8::MAX));
        lines.put_u32(u32::try_from(self.packed.len()).unwrap_or(u32::MAX));
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

/// A block's stored bytes.
#[cfg(any(test, feature = "fuzzing"))]
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// How many of them are the opening.
    pub(crate) opening: usize,
}

#[cfg(test)]
impl Encoded {
    pub(crate) fn opening_bytes(&self) -> &[u8] {
        self.bytes.get(..self.opening).unwrap_or_default()
    }
}

/// The stored bytes of one block.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn encode(entries: &[Arc<Entry>]) -> Encoded {
    let mut bytes = Vec::new();
    let opening = Encoder::default().encode(entries, &mut bytes);
    Encoded { bytes, opening }
}

/// Appends the table of these events: a row of each, with its rank and where the record of that rank ends.
fn put_table(entries: &[Arc<Entry>], ranks: &[u8], ends: &[i64], into: &mut Vec<u8>) {
    let shapes = COLUMN_NUMBERS.map(|number| Shape::of(entries.iter().map(|entry| number(entry))));
    let shape_of_ends = Shape::of(ends.iter().copied());
    for shape in shapes.iter().chain([&shape_of_ends]) {
        shape.put_head(into);
    }
    for ((entry, rank), end) in entries.iter().zip(ranks).zip(ends) {
        into.put_u8(*rank);
        for (shape, number) in shapes.iter().zip(COLUMN_NUMBERS) {
            shape.put_value(number(entry), into);
        }
        shape_of_ends.put_value(*end, into);
    }
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
