//! FORMAT, HEAD, marks and instants.

use super::checksum::with_checksum;
use crate::store::bytes::Reader;
use crate::store::instant::Instant;
use crate::store::journal::reader::Mark;
use crate::store::small_file::{Format, encode_head, parse_head};

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
