//! A block of events.

use std::sync::Arc;

use crate::store::hit::Hit;
use crate::store::journal::reader::Place;
use crate::store::memtable::Entry;
use crate::store::trees::block as blocks;
use crate::store::trees::opening::Opening;

/// A block of events, behind the length of its opening.
pub fn block(bytes: &[u8]) {
    if let Some((opening, block)) = bytes.split_first_chunk() {
        read_block(usize::from(u16::from_le_bytes(*opening)), block);
    }
    // The bytes as what a block stands for, since few inputs decompress.
    let Some((count, raw)) = bytes.split_first() else {
        return;
    };
    // Few events, so that their records may be one piece.
    let count = count % 13;
    let Some((table, raw)) = raw.split_first() else {
        return;
    };
    let (table, records) = raw.split_at(raw.len().min(usize::from(*table)));
    for codec in [0, 1] {
        let mut opening = vec![7, count, u8::from(count > 0)];
        let mut piece = Vec::new();
        if count > 0 {
            piece = match codec {
                0 => records.to_vec(),
                _ => lz4_flex::block::compress(records),
            };
            let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
            opening.push(codec);
            opening.extend(length(records));
            opening.extend(crc32c::crc32c(&piece).to_le_bytes());
            opening.push(count);
            opening.extend(length(&piece));
        }
        opening.extend_from_slice(table);
        read_block(opening.len(), &[opening, piece].concat());
    }
}

/// The number of events, and those that can be read.
fn slots_of(opening: usize, block: &[u8]) -> Option<(usize, Vec<Hit>)> {
    let opening = Opening::parse(block.get(..opening)?, 0..block.len() as u64).ok()?;
    let unpack = |number: usize| {
        let piece = opening.piece(number).unwrap();
        piece.unpack(&block[piece.place()]).map(Arc::new)
    };
    let pieces: Vec<_> = (0..opening.pieces()).map(unpack).collect();
    assert!(opening.piece(opening.pieces()).is_err());
    assert!(opening.place(opening.len()).is_err());
    let read = |slot: usize| {
        let place = opening.place(slot).ok()?;
        let piece = pieces[place.piece].as_ref().ok()?;
        let position = opening.position(slot).ok()?;
        let read = opening.hit(slot, position, place, piece).ok()?;
        assert_eq!(position, read.position);
        assert_eq!(opening.kind(slot).unwrap(), read.record.kind());
        Some(read)
    };
    Some((opening.len(), (0..opening.len()).filter_map(read).collect()))
}

fn read_block(opening: usize, block: &[u8]) {
    let Some((count, slots)) = slots_of(opening, block) else {
        return;
    };
    assert!(count <= blocks::MAX_SLOTS);
    let mut entries = Vec::new();
    for slot in slots {
        if slot.elsewhere.is_none() && slot.record.as_bytes().len() <= blocks::INLINE_LIMIT {
            entries.push(Arc::new(Entry {
                position: slot.position,
                recorded_at: slot.recorded_at,
                hashes: Default::default(),
                place: Place {
                    segment: 0,
                    offset: 0,
                },
                record: slot.record,
            }));
        }
    }
    let again = blocks::encode(&entries);
    let (count, again) = slots_of(again.opening, &again.bytes).unwrap();
    assert_eq!((count, again.len()), (entries.len(), entries.len()));
    for (slot, entry) in again.iter().zip(&entries) {
        assert_eq!(slot.position, entry.position);
        assert_eq!(slot.recorded_at, entry.recorded_at);
        assert_eq!(slot.record.as_bytes(), entry.record.as_bytes());
    }
}
