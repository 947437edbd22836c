//! Small valid inputs of the formats, for a fuzzer to start from: target, name, bytes.

use std::sync::Arc;

use super::checksum::LOG_ID;
use super::template::{self, Template};
use crate::contract::codec;
use crate::contract::experience_store::ExperienceEventEnvelope;
use crate::store::body;
use crate::store::buffer::Buffer;
use crate::store::index::{HASH_ZEROS, TermHash};
use crate::store::instant::{Instant, Position};
use crate::store::journal::frame::{self as frames, CHAIN_START, ChecksumSeed, FrameHeader};
use crate::store::journal::reader::{Mark, Place};
use crate::store::journal::sealed::Sealer;
use crate::store::journal::segment::SegmentHeader;
use crate::store::memtable::Entry;
use crate::store::record::{Fields, Hints, Kind, NAMED_KIND, NewRecord, Record};
use crate::store::small_file::{Format, encode_head};
use crate::store::trees::block::{self as blocks, Encoded};
use crate::store::trees::block_file::BlockPlace;
use crate::store::trees::directory::{BlockInfo, encode_group};
use crate::store::trees::filter::{BloomFilter, Probe};
use crate::store::trees::ids;
use crate::store::trees::keys;
use crate::store::trees::manifest::Manifest;
use crate::store::trees::run::{self, Guide, Posting, RunInfo};

type Seed = (&'static str, &'static str, Vec<u8>);

/// Seeds of every target but `open`.
pub(super) fn of_formats() -> Vec<Seed> {
    let envelopes = one_of_each_kind();
    let payloads: Vec<_> = envelopes
        .iter()
        .map(|envelope| codec::encode(envelope).unwrap())
        .collect();
    let mut seeds: Vec<Seed> = Vec::new();
    for (envelope, payload) in envelopes.iter().zip(&payloads) {
        seeds.push(("envelope", envelope.event.kind().as_str(), payload.clone()));
    }
    let mut body = Vec::new();
    let mut entries = Vec::new();
    for (sequence, (envelope, payload)) in (0..).zip(envelopes.iter().zip(&payloads)).take(4) {
        let entry = entry(sequence, envelope, payload);
        body::push(&mut body, entry.record.as_bytes());
        entries.push(Arc::new(entry));
    }
    let packed = blocks::encode(&entries);
    seeds.extend([
        ("record", "body", [&[4][..], &body].concat()),
        ("record", "one", entries[0].record.as_bytes().to_vec()),
        ("record", "foreign", foreign_record()),
        ("block", "packed", with_opening_length(&packed)),
        ("block", "plain", unpacked(&packed)),
    ]);
    seeds.extend(of_the_journal(&body));
    seeds.extend(of_postings());
    seeds.extend(of_keys(&entries, &packed));
    seeds.extend(of_small_files());
    seeds
}

fn one_of_each_kind() -> Vec<ExperienceEventEnvelope> {
    let mut envelopes = template::fixture(usize::MAX);
    envelopes.sort_by_key(|envelope| envelope.event.kind() as u16);
    envelopes.dedup_by_key(|envelope| envelope.event.kind());
    envelopes
}

fn entry(sequence: i64, envelope: &ExperienceEventEnvelope, payload: &[u8]) -> Entry {
    let instant = Instant::new(1_700_000_000 + sequence, 5).unwrap();
    let new = NewRecord {
        payload_format: 1,
        kind: envelope.event.kind() as u16,
        instant,
        fields: Fields {
            event_id: &envelope.event_id,
            tenant: Some("tenant"),
            correlation: Some("run-1"),
            chain: envelope.event.chain_id(),
            artifact: envelope.event.artifact_id(),
            ..Fields::default()
        },
        hints: Hints::default(),
        payload: &payload[..payload.len().min(160)],
    };
    let mut record = Vec::new();
    new.encode(&mut record);
    let record = Arc::new(Buffer::from(record));
    let sequence = sequence.cast_unsigned();
    Entry {
        position: Position { instant, sequence },
        recorded_at: 1,
        hashes: Default::default(),
        place: Place {
            segment: 0,
            offset: 72,
        },
        record: Record::parse(&record, 0..record.len()).unwrap(),
    }
}

fn foreign_record() -> Vec<u8> {
    let mut record = Vec::new();
    let new = NewRecord {
        payload_format: 2,
        kind: NAMED_KIND,
        instant: Instant::logical(7),
        fields: Fields {
            event_id: "e-1",
            tenant: Some("tenant"),
            contract: Some("acme-runtime"),
            kind_name: Some("GoalReached"),
            ..Fields::default()
        },
        hints: Hints::default(),
        payload: br#"{"id":"e-1","type":"GoalReached"}"#,
    };
    new.encode(&mut record);
    record
}

fn with_opening_length(packed: &Encoded) -> Vec<u8> {
    let length = u16::try_from(packed.opening).unwrap().to_le_bytes();
    [&length[..], &packed.bytes].concat()
}

/// A block of one piece as it is before it is packed.
fn unpacked(packed: &Encoded) -> Vec<u8> {
    let (head, line) = (3, 14);
    let (table, piece) = packed.bytes.split_at(packed.opening);
    let raw = u32::from_le_bytes(table[head + 1..head + 5].try_into().unwrap());
    let records = match table[head] {
        0 => piece.to_vec(),
        _ => lz4_flex::block::decompress(piece, raw as usize).unwrap(),
    };
    let (events, table) = (table[1], &table[head + line..]);
    let length = u8::try_from(table.len()).unwrap();
    [&[events, length], table, &records].concat()
}

fn of_the_journal(body: &[u8]) -> Vec<Seed> {
    let header = FrameHeader {
        count: 4,
        first_sequence: 9,
        recorded_at: 1,
        synced: 8,
    };
    let mut frame = Vec::new();
    let seed = ChecksumSeed::new(&LOG_ID);
    let hash = frames::body_hash(body);
    frames::encode(&header, body, &hash, &CHAIN_START, seed, &mut frame);
    let segment = SegmentHeader {
        log_id: LOG_ID,
        first_sequence: 9,
        previous: CHAIN_START,
    };
    let mut sealer = Sealer::new(&segment.encode(), 9);
    sealer.push(&frame, 9);
    let mut sealed = Vec::new();
    sealer.finish(&mut sealed).unwrap();
    vec![
        ("frame", "segment", segment.encode()),
        ("frame", "torn", [&[0xff; 64][..], &frame].concat()),
        ("frame", "frame", frame),
        ("sealed", "one", sealed),
    ]
}

fn of_postings() -> Vec<Seed> {
    let postings: Vec<_> = (0..20)
        .map(|place| Posting {
            hash: TermHash((place / 3 * 0x12_3456_789a) << HASH_ZEROS),
            block: u32::try_from(place % 3).unwrap(),
            slots: 1 << (place % 64),
        })
        .collect();
    let mut filter = BloomFilter::with_room(20, 10);
    for posting in &postings {
        filter.insert(posting.hash);
        assert!(filter.may_contain(&Probe::new(posting.hash)));
    }
    let firsts = postings.iter().map(|posting| posting.hash).collect();
    let ids = ids::encode(&LOG_ID, Some(&filter), &Mark::START);
    let guide = Guide { firsts, filter };
    vec![
        ("posting", "masks", run::encode_page(&postings, false)),
        ("posting", "slots", run::encode_page(&postings, true)),
        ("posting", "guides", guide.encode().concat()),
        ("posting", "ids", ids),
    ]
}

fn of_keys(entries: &[Arc<Entry>], packed: &Encoded) -> Vec<Seed> {
    let (first, last) = (entries[0].position, entries[3].position);
    let info = |tenant: Option<&str>| BlockInfo {
        number: 0,
        tenant: tenant.map(Arc::from),
        first,
        last,
        events: 4,
        place: BlockPlace {
            offset: 300,
            length: u32::try_from(packed.bytes.len()).unwrap(),
            opening: u32::try_from(packed.opening).unwrap(),
            crc: crc32c::crc32c(packed.opening_bytes()),
        },
    };
    let mut page = Vec::new();
    for tenant in [None, Some("tenant"), Some("a\0b")] {
        let (key, value) = (
            keys::event_key(tenant, first, "evt-0"),
            encode_group(&[info(tenant)]),
        );
        page.extend([&key, &value].map(|part| u8::try_from(part.len()).unwrap()));
        page.extend([key, value].concat());
    }
    let mut manifest = Manifest::new(LOG_ID);
    manifest.runs.push(RunInfo {
        number: 3,
        index: 1,
        level: 2,
        pages: 4,
        postings: 1600,
        terms: 90,
        lines: 2,
    });
    for kind in [Kind::Number(8), Kind::Named("GoalReached".into())] {
        manifest.kinds.count(std::iter::repeat_n(kind, 40));
    }
    let key = keys::event_key(Some("a\0b"), first, "evt-0");
    vec![
        ("key", "event", [&[0][..], &key].concat()),
        ("key", "directory", [&[1][..], &page].concat()),
        ("key", "manifest", [&[2][..], &manifest.encode()].concat()),
    ]
}

fn of_small_files() -> Vec<Seed> {
    let format = Format {
        log_id: LOG_ID,
        created_at: 1,
    };
    let numbers = [0x80, 1, 2, 3, 0xff, 0xff, 3, 0];
    vec![
        ("small_file", "format", format.encode()),
        ("small_file", "head", encode_head(LOG_ID, &Mark::START)),
        ("small_file", "numbers", numbers.to_vec()),
    ]
}

/// Changes of every kind to the log that the target `open` opens.
pub(super) fn of_open() -> Vec<Seed> {
    let log = Template::new();
    let inline = codec::encode(&log.events[0]).unwrap();
    let mut record = Vec::new();
    template::record(&log.events[0], &inline).encode(&mut record);
    let mut body = Vec::new();
    body::push(&mut body, &record);
    let seed = |name, bytes: &[&[u8]]| ("open", name, bytes.concat());
    vec![
        // The second byte is the file, the third the change, three more the place.
        seed("sealed-flip", &[&[0, 0, 1, 200, 0, 0, 0x10]]),
        seed("sealed-cut", &[&[0, 1, 2, 50, 1, 0]]),
        seed("plain-flip", &[&[0, 2, 1, 200, 0, 0, 0x10]]),
        seed("plain-gone", &[&[0, 2, 5]]),
        seed("last-flip", &[&[0, 3, 1, 200, 0, 0, 0x10]]),
        seed("last-cut", &[&[0, 3, 2, 50, 1, 0]]),
        seed("last-longer", &[&[0, 3, 3, 0, 1, 0], b"XFR1 and more"]),
        seed("format-other", &[&[0, 4, 4, 0, 0, 0], b"a text"]),
        seed("head-flip", &[&[0, 5, 1, 20, 0, 0, 1]]),
        seed("head-gone", &[&[0, 5, 5]]),
        seed("head-gone-looked-at", &[&[6, 5, 5]]),
        seed("head-gone-rebuilt", &[&[12, 5, 5]]),
        seed("tree-file-flip", &[&[0, 7, 1, 0, 1, 0, 0xff, 0xff]]),
        seed("tree-file-cut", &[&[0, 7, 2, 0, 16, 0]]),
        seed("tree-conf-gone", &[&[0, 6, 5]]),
        // The second byte says what of the frame is not as it should be.
        seed("frame-good", &[&[2, 0], &body]),
        seed("frame-empty", &[&[2, 0]]),
        seed("frame-count", &[&[2, 1, 9, 0, 0, 0, 0, 0, 0, 0], &body]),
        seed("frame-synced", &[&[2, 4, 9, 0, 0, 0, 0, 0, 0, 0], &body]),
        seed("frame-sequence", &[&[2, 2, 9, 0, 0, 0, 0, 0, 0, 0], &body]),
        seed("segment-good", &[&[2, 8], &body]),
        seed("segment-far", &[&[2, 10, 0, 0, 0, 0, 0, 0, 0, 9], &body]),
        seed("segment-no-head", &[&[2, 104], &body]),
        seed("head-count", &[&[3, 1, 9, 0, 0, 0, 0, 0, 0, 0]]),
        seed("head-offset", &[&[3, 4, 9, 0, 0, 0, 0, 0, 0, 0]]),
        seed("head-segment", &[&[3, 2, 9, 0, 0, 0, 0, 0, 0, 0]]),
        seed("head-hash-no-trees", &[&[3, 24]]),
        // The second byte is the item, the third the change, three more the place.
        seed("directory", &[&[4, 0, 0, 9, 0, 0, 0x10]]),
        seed("directory-gone", &[&[4, 0, 0x80]]),
        seed("manifest", &[&[4, 4, 1, 60, 0, 0, 1]]),
        seed("manifest-cut", &[&[4, 4, 2, 90, 0, 0]]),
        seed("block", &[&[4, 6, 1, 20, 0, 0, 1]]),
        seed("run", &[&[4, 25, 1, 6, 0, 0, 1]]),
        seed("chunk-count", &[&[5, 0, 16, 0, 0, 2]]),
        seed("chunk-length", &[&[5, 0, 20, 0, 0, 0xff, 0xff, 0xff, 1]]),
        seed("chunk-bytes", &[&[5, 1, 200, 0, 0, 1, 2, 3]]),
    ]
}
