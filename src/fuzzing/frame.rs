//! A frame of the journal, and the header of a segment.

use super::checksum::{LOG_ID, number, with_checksum};
use crate::store::journal::frame::{self as frames, CHAIN_START, ChecksumSeed, Frame, FrameHeader};
use crate::store::journal::segment::SegmentHeader;
use crate::store::journal::tail;

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
