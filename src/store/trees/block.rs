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

use std::sync::Arc;

use super::super::bytes::Put;
use super::super::index::Index;
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

impl Encoded {
    pub(crate) fn opening_bytes(&self) -> &[u8] {
        self.bytes.get(..self.opening).unwrap_or_default()
    }
}

/// The stored bytes of a block with these events, which are sorted and at most [`MAX_SLOTS`].
pub(crate) fn encode(entries: &[Arc<Entry>]) -> Encoded {
    let pieces = cut_pieces(entries);
    let mut bytes = Vec::new();
    bytes.put_u8(VERSION);
    bytes.put_u8(u8::try_from(entries.len()).unwrap_or(u8::MAX));
    bytes.put_u8(u8::try_from(pieces.len()).unwrap_or(u8::MAX));
    let mut ranks = vec![0; entries.len()];
    let (mut ends, mut packed) = (Vec::with_capacity(entries.len()), Vec::new());
    let mut records = Vec::new();
    for piece in &pieces {
        records.clear();
        for (slot, entry) in piece {
            if let Some(rank) = ranks.get_mut(*slot) {
                *rank = u8::try_from(ends.len()).unwrap_or(u8::MAX);
            }
            put_record(&mut records, entry);
            ends.push(i64::try_from(records.len()).unwrap_or(i64::MAX));
        }
        pack(&records, ends.len(), &mut bytes, &mut packed);
    }
    put_table(entries, &ranks, &ends, &mut bytes);
    let opening = bytes.len();
    bytes.put(&packed);
    Encoded { bytes, opening }
}

/// Events and their slots, whose records are packed together.
type NewPiece<'a> = Vec<(usize, &'a Entry)>;

/// Cuts a block into pieces of at most [`PIECE_RECORDS`], by run and chain. A chain that is longer is cut evenly;
/// short ones share a piece.
fn cut_pieces(entries: &[Arc<Entry>]) -> Vec<NewPiece<'_>> {
    let chain = |entry: &Entry| (entry.hash(Index::Correlations), entry.hash(Index::Chains));
    let mut ordered: NewPiece<'_> = entries.iter().map(|entry| &**entry).enumerate().collect();
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

/// Appends `raw` to `packed`, as short as may be, and to `lines` how it lies there. With it, there are so many records.
fn pack(raw: &[u8], records: usize, lines: &mut Vec<u8>, packed: &mut Vec<u8>) {
    let compressed = lz4_flex::block::compress(raw);
    let (codec, stored) = if compressed.len() < raw.len() {
        (CODEC_LZ4, compressed.as_slice())
    } else {
        (CODEC_RAW, raw)
    };
    packed.put(stored);
    lines.put_u8(codec);
    lines.put_u32(u32::try_from(raw.len()).unwrap_or(u32::MAX));
    lines.put_u32(crc32c::crc32c(stored));
    lines.put_u8(u8::try_from(records).unwrap_or(u8::MAX));
    lines.put_u32(u32::try_from(packed.len()).unwrap_or(u32::MAX));
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
