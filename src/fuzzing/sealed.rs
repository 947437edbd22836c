//! A sealed segment.

use super::checksum::{number, with_checksum};
use crate::store::journal::sealed::{self as sealed_segment, Sealer, Table};

/// A sealed segment: its chunk table and its chunks.
pub fn sealed(bytes: &[u8]) {
    read_sealed(bytes);
    if let Ok(length) = Table::length(bytes) {
        let mut forged = with_checksum(bytes, 12, 16..length, 0);
        // Every chunk gets the checksum of the bytes where it lies.
        if let Ok(table) = Table::parse(&forged) {
            for (place, chunk) in table.chunks.iter().enumerate() {
                let start = usize::try_from(chunk.stored_offset).unwrap();
                let end = start.saturating_add(chunk.stored_length);
                let entry = sealed_segment::HEADER + place * sealed_segment::ENTRY;
                forged = with_checksum(&forged, entry + 8, start..end, 0);
            }
            read_sealed(&with_checksum(&forged, 12, 16..length, 0));
        }
    }
    // Slow, and few inputs tell more than others.
    if bytes.len() % 16 == 3 {
        write_sealed(bytes);
    }
}

fn read_sealed(bytes: &[u8]) {
    let Ok(table) = Table::parse(bytes) else {
        return;
    };
    let mut raw_offset = 0;
    for chunk in &table.chunks {
        assert_eq!(chunk.raw_offset, raw_offset);
        assert!(chunk.raw_length <= sealed_segment::MAX_CHUNK);
        raw_offset += chunk.raw_length as u64;
        let start = usize::try_from(chunk.stored_offset).unwrap();
        let stored = bytes
            .get(start..start.saturating_add(chunk.stored_length))
            .unwrap_or_default();
        let mut raw = Vec::new();
        if chunk.decompress(stored, &mut raw).is_ok() {
            assert_eq!(raw.len(), chunk.raw_length);
        }
    }
    assert_eq!(table.length_of_plain_form(), raw_offset);
    for place in [0, 1, raw_offset / 2, raw_offset.saturating_sub(1)] {
        let chunk = table.chunk_at(place);
        assert!(chunk.is_none_or(|chunk| chunk.raw_offset <= place));
        assert!(chunk.is_some() || raw_offset <= place || table.chunks.is_empty());
    }
    assert_eq!(table.chunk_at(raw_offset), None);
    let _ = table.chunk_of(number(bytes, 36));
}

fn write_sealed(bytes: &[u8]) {
    let size = usize::from(bytes.first().copied().unwrap_or_default()) * 16 + 8;
    // Chunks end at 128 KiB: each piece stands for a long frame.
    let pieces: Vec<Vec<u8>> = bytes
        .chunks(size)
        .take(8)
        .map(|piece| piece.iter().copied().cycle().take(48 << 10).collect())
        .collect();
    let mut sealer = Sealer::new(bytes, 0);
    for (piece, number) in pieces.iter().zip(0..) {
        sealer.push(piece, number);
    }
    let mut file = Vec::new();
    sealer.finish(&mut file).unwrap();
    let table = Table::parse(&file).unwrap();
    let mut raw = Vec::new();
    for chunk in &table.chunks {
        let start = usize::try_from(chunk.stored_offset).unwrap();
        let stored = &file[start..start + chunk.stored_length];
        let mut part = Vec::new();
        chunk.decompress(stored, &mut part).unwrap();
        raw.extend(part);
    }
    assert_eq!(raw, [bytes, &pieces.concat()].concat());
}
