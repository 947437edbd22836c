//! The parsers of stored bytes, one by one.

use std::ops::Range as Places;
use std::sync::Arc;

use crate::contract::codec;
use crate::store::body::{self, Records};
use crate::store::buffer::Buffer;
use crate::store::bytes::Reader;
use crate::store::hit::Hit;
use crate::store::index::TermHash;
use crate::store::instant::{Instant, Position};
use crate::store::journal::frame::{self as frames, CHAIN_START, ChecksumSeed, Frame, FrameHeader};
use crate::store::journal::reader::Mark;
use crate::store::journal::reader::Place;
use crate::store::journal::sealed::{self as sealed_segment, Sealer, Table};
use crate::store::journal::segment::SegmentHeader;
use crate::store::journal::tail;
use crate::store::layout::{Format, encode_head, parse_head};
use crate::store::memtable::Entry;
use crate::store::query::range::{Order, Range};
use crate::store::record::{FIELDS, Field, Fields, Hints, NewRecord, Record};
use crate::store::trees::block as blocks;
use crate::store::trees::directory::{BlockInfo, Directory, decode_group, encode_group};
use crate::store::trees::filter::Probe;
use crate::store::trees::keys;
use crate::store::trees::manifest::Manifest;
use crate::store::trees::opening::Opening;
use crate::store::trees::run::{self, Guide, Page, Run, RunInfo};

pub(super) const LOG_ID: [u8; 16] = [7; 16];

/// The bytes with the CRC32C of `covered` at `place`; as they are, if they are too short.
fn with_checksum(bytes: &[u8], place: usize, covered: Places<usize>, seed: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let crc = bytes
        .get(covered)
        .map(|covered| crc32c::crc32c_append(seed, covered));
    if let (Some(crc), Some(stored)) = (crc, bytes.get_mut(place..place + 4)) {
        stored.copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

fn number(bytes: &[u8], place: usize) -> u64 {
    let mut number = [0; 8];
    for (to, from) in number.iter_mut().zip(bytes.iter().skip(place)) {
        *to = *from;
    }
    u64::from_le_bytes(number)
}

/// A frame, what is looked for behind a bad one, and a segment's header.
pub fn frame(bytes: &[u8]) {
    let seed = ChecksumSeed::new(&LOG_ID);
    read_frame(bytes, seed);
    if let Ok(body) = frames::announced_body(bytes) {
        let end = (frames::HEADER + body + frames::HASH).min(bytes.len());
        read_frame(
            &with_checksum(bytes, 4, 8..end, crc32c::crc32c(&LOG_ID)),
            seed,
        );
    }
    write_frame(bytes, seed);
    for bytes in [bytes, &with_checksum(bytes, 12, 16..72, 0)] {
        if let Ok(header) = SegmentHeader::parse(bytes) {
            assert_eq!(header.encode(), bytes[..72]);
        }
    }
}

fn read_frame(bytes: &[u8], seed: ChecksumSeed) {
    let sequence = frames::announced_sequence(bytes).unwrap_or_default();
    if let Ok(frame) = Frame::parse(bytes, seed, sequence) {
        assert!(frame.body.len() <= bytes.len());
        assert!(frame.length() >= frame.body.len() + frames::HEADER + frames::HASH);
        assert!(frame.header.end_sequence() >= sequence);
        let _ = frame.follows(&CHAIN_START);
    }
    assert!(tail::written_length(bytes) <= bytes.len());
    if let Some(place) = tail::proof_of_sync(bytes, seed, sequence) {
        assert!(place < bytes.len());
    }
}

/// A frame made of the bytes comes back, and proves what it says of the sync behind a torn one.
fn write_frame(bytes: &[u8], seed: ChecksumSeed) {
    let header = FrameHeader {
        count: bytes.first().copied().unwrap_or_default().into(),
        first_sequence: number(bytes, 0),
        recorded_at: number(bytes, 3).cast_signed(),
        synced: number(bytes, 5),
    };
    let body = bytes.get(16..).unwrap_or_default();
    let mut encoded = vec![0xff; frames::ALIGNMENT];
    let mut frame = Vec::new();
    let hash = frames::body_hash(body);
    frames::encode(&header, body, &hash, &CHAIN_START, seed, &mut frame);
    encoded.extend_from_slice(&frame);
    let read = Frame::parse_anywhere(&frame, seed).unwrap();
    assert_eq!((read.header, read.body), (header, body));
    assert!(read.follows(&CHAIN_START) && read.length() == frame.len());
    let known = header.synced > 0 && header.synced <= header.first_sequence;
    // The frame before: anything that is not this log's next one.
    let proof = tail::proof_of_sync(&encoded, seed, header.synced.saturating_sub(1));
    assert!(!known || proof == Some(frames::ALIGNMENT));
}

/// The body of a frame: records.
pub fn record(bytes: &[u8]) {
    let (count, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let records = |body: &[u8]| {
        let body = Arc::new(Buffer::copy_of(body));
        Records::new(&body, u32::from(*count)).collect::<Result<Vec<_>, _>>()
    };
    if let Ok(found) = records(rest) {
        let mut again = Vec::new();
        for record in &found {
            read_record(record);
            body::push(&mut again, record.as_bytes());
        }
        let read = records(&again).unwrap();
        assert!(
            read.iter()
                .map(Record::as_bytes)
                .eq(found.iter().map(Record::as_bytes))
        );
    }
    // A record without the length that stands before it.
    let one = Arc::new(Buffer::copy_of(bytes));
    if let Ok(record) = Record::parse(&one, 0..one.len()) {
        read_record(&record);
    }
}

fn read_record(record: &Record) {
    let texts = |record: &Record| FIELDS.map(|field| record.field(field).map(str::to_owned));
    let fields = Fields {
        event_id: record.event_id(),
        tenant: record.field(Field::Tenant),
        correlation: record.field(Field::Correlation),
        chain: record.field(Field::Chain),
        artifact: record.field(Field::Artifact),
        trace_link: record.field(Field::TraceLink),
        contract: record.field(Field::Contract),
        kind_name: record.field(Field::KindName),
    };
    let new = NewRecord {
        payload_format: record.payload_format(),
        kind: record.kind(),
        instant: record.instant(),
        fields,
        hints: Hints::default(),
        payload: record.payload(),
    };
    let (mut encoded, mut stub) = (Vec::new(), Vec::new());
    new.encode(&mut encoded);
    record.encode_stub(&mut stub);
    for (bytes, payload) in [(encoded, record.payload()), (stub, &[][..])] {
        let bytes = Arc::new(Buffer::from(bytes));
        let read = Record::parse(&bytes, 0..bytes.len()).unwrap();
        assert_eq!(texts(&read), texts(record));
        assert_eq!(read.payload(), payload);
        assert_eq!(
            (read.kind(), read.instant(), read.payload_format()),
            (record.kind(), record.instant(), record.payload_format())
        );
    }
}

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
    let opening = Opening::parse(block.get(..opening)?, block.len()).ok()?;
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

/// A page of postings, and the guides that lead to pages.
pub fn posting(bytes: &[u8]) {
    for unique in [false, true] {
        let Ok(page) = Page::parse(bytes, unique) else {
            continue;
        };
        let postings: Vec<_> = page.postings().collect();
        let encoded = run::encode_page(&postings, unique);
        let again = Page::parse(&encoded, unique).unwrap();
        assert!(again.postings().eq(postings.iter().copied()));
        assert!(encoded.len() <= bytes.len(), "its widths are not the least");
        for hash in postings.iter().map(|posting| posting.hash).take(8) {
            assert!(page.of_term(hash).all(|posting| posting.hash == hash));
        }
        if postings.is_sorted() {
            let all = postings
                .iter()
                .take(64)
                .all(|posting| page.of_term(posting.hash).any(|other| other == *posting));
            assert!(all, "a posting is not found under its term");
        }
    }
    let Ok(guide) = Guide::decode(bytes) else {
        return;
    };
    assert_eq!(Guide::decode(&guide.encode().concat()), Ok(guide.clone()));
    let info = RunInfo {
        number: 0,
        index: 0,
        level: 0,
        pages: u32::try_from(guide.firsts.len()).unwrap(),
        postings: 0,
        terms: 0,
        lines: guide.filter.lines(),
    };
    let run = Run::new(info, guide).unwrap();
    for hash in [0, number(bytes, 3), u64::MAX].map(TermHash) {
        let mut pages = run.pages_of(hash, &Probe::new(hash));
        assert!(pages.all(|page| page < info.pages));
    }
}

/// What leads to blocks: keys of events, pages of the directory, the manifest.
pub fn key(bytes: &[u8]) {
    let Some((sort, bytes)) = bytes.split_first() else {
        return;
    };
    match sort % 3 {
        0 => event_key(bytes),
        1 => directory(bytes),
        _ => manifest(bytes),
    }
}

fn event_key(bytes: &[u8]) {
    let _ = keys::run_of_key(bytes);
    if let Ok((tenant, position)) = keys::parse_event_key(bytes) {
        let key = keys::event_key(tenant.as_deref(), position, "id");
        assert_eq!(keys::parse_event_key(&key), Ok((tenant, position)));
    }
}

/// Blocks told of: of each, the length of its key, the length of its value, and both.
fn directory(bytes: &[u8]) {
    let mut blocks: Vec<BlockInfo> = Vec::new();
    let mut rest = bytes;
    while let [key, value, after @ ..] = rest {
        let Some((key, after)) = after.split_at_checked(usize::from(*key)) else {
            break;
        };
        let Some((value, after)) = after.split_at_checked(usize::from(*value)) else {
            break;
        };
        rest = after;
        if let Ok(mut group) = decode_group(key, value) {
            for (info, number) in group.iter_mut().zip(blocks.len()..) {
                info.number = u32::try_from(number).unwrap();
            }
            assert_eq!(decode_group(key, &encode_group(&group)), Ok(group.clone()));
            blocks.extend(group);
        }
    }
    let mut directory = Directory::default();
    directory.add(blocks.clone());
    let directory = Arc::new(directory);
    let at = |place: usize| {
        blocks
            .get(place % blocks.len().max(1))
            .map_or(Position::MIN, |block| block.first)
    };
    let ranges = [
        Range::ALL,
        Range {
            start: at(bytes.len()),
            end: at(bytes.len() / 2),
        },
        Range {
            start: at(1),
            end: at(2),
        },
    ];
    let tenant = blocks.first().and_then(|block| block.tenant.clone());
    for tenant in [None, tenant.as_deref()] {
        for range in ranges {
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let mut expected: Vec<u32> = blocks
                    .iter()
                    .filter(|block| tenant.is_none() || block.tenant.as_deref() == tenant)
                    .filter(|block| range.overlaps(block.first, block.last))
                    .map(|block| block.number)
                    .collect();
                let mut found: Vec<u32> = directory
                    .walk(tenant, range, order)
                    .map(|block| block.number)
                    .collect();
                expected.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, expected);
            }
        }
    }
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::decode(bytes) {
        assert_eq!(Manifest::decode(&manifest.encode()).as_ref(), Ok(&manifest));
    }
}

/// The stored bytes of an envelope.
pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = codec::decode(bytes) else {
        return;
    };
    // Compared as bytes: a number that is none is not equal to itself.
    let encoded = codec::encode(&envelope).unwrap();
    let again = codec::decode(&encoded).unwrap();
    assert_eq!(codec::encode(&again).unwrap(), encoded);
    let json = serde_json::to_string(&envelope).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
}

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

/// FORMAT and HEAD, and the numbers that all formats are made of.
pub fn small_file(bytes: &[u8]) {
    for bytes in [bytes, &with_checksum(bytes, 12, 16..bytes.len(), 0)] {
        if let Ok(format) = Format::parse(bytes) {
            assert_eq!(Format::parse(&format.encode()), Ok(format));
        }
        let log_id = bytes
            .get(16..)
            .and_then(|id| id.first_chunk().copied())
            .unwrap_or_default();
        if let Ok(mark) = parse_head(log_id, bytes) {
            assert_eq!(parse_head(log_id, &encode_head(log_id, &mark)), Ok(mark));
        }
    }
    let mut reader = Reader::new(bytes);
    if let Ok(mark) = Mark::decode(&mut reader) {
        let mut encoded = Vec::new();
        mark.encode(&mut encoded);
        assert_eq!(encoded, bytes[..encoded.len()]);
    }
    let mut reader = Reader::new(bytes);
    while let Ok(instant) = Instant::decode(&mut reader) {
        let mut encoded = Vec::new();
        instant.encode(&mut encoded);
        assert_eq!(Instant::decode(&mut Reader::new(&encoded)), Ok(instant));
        let sortable = instant.to_sortable();
        assert_eq!(
            Instant::from_sortable(&mut Reader::new(&sortable)),
            Ok(instant)
        );
    }
}
