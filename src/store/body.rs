//! The body of a frame: records, each preceded by its length as a varint.

use std::sync::Arc;

use super::bytes::{BytesError, Put, Reader};
use super::index::TermHasher;
use super::instant::Position;
use super::journal::reader::OwnedFrame;
use super::memtable::Entry;
use super::record::{Record, RecordFlaw};
use crate::error::{Error, Result};

/// Adds a record's bytes to a body.
pub(crate) fn push(body: &mut Vec<u8>, record: &[u8]) {
    body.put_prefixed(record);
}

/// Why a body does not hold what its frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFlaw {
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error(transparent)]
    Record(#[from] RecordFlaw),
    #[error("{found} records where the frame announces {expected}")]
    Count { expected: u32, found: usize },
}

/// The records of a body, which must be `count`.
pub(crate) fn records(body: &Arc<Vec<u8>>, count: u32) -> Result<Vec<Record>, BodyFlaw> {
    let mut records = Vec::new();
    let mut reader = Reader::new(body);
    while reader.left() > 0 {
        let record = reader.prefixed()?;
        let end = body.len() - reader.left();
        records.push(Record::parse(body, end - record.len()..end)?);
    }
    if records.len() != count as usize {
        return Err(BodyFlaw::Count {
            expected: count,
            found: records.len(),
        });
    }
    Ok(records)
}

/// The events of a frame.
pub(crate) fn entries(frame: &OwnedFrame, hasher: &TermHasher) -> Result<Vec<Entry>> {
    let header = frame.header;
    let records = records(&frame.body, header.count).map_err(|flaw| Error::Undecodable {
        sequence: header.first_sequence,
        reason: flaw.to_string(),
    })?;
    let entry = |(sequence, record): (u64, Record)| Entry {
        position: Position {
            instant: record.instant(),
            sequence,
        },
        recorded_at: header.recorded_at,
        hashes: hasher.record(&record),
        record,
        place: frame.place,
    };
    Ok((header.first_sequence..).zip(records).map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::super::instant::Instant;
    use super::super::record::{Fields, Hints, NewRecord};
    use super::*;

    #[test]
    fn records_come_back_and_their_number_is_checked() {
        let mut body = Vec::new();
        for event_id in ["a", "b"] {
            let mut record = Vec::new();
            let new = NewRecord {
                payload_format: 1,
                kind: 0,
                instant: Instant::new(0, 0).unwrap(),
                fields: Fields {
                    event_id,
                    ..Fields::default()
                },
                hints: Hints::default(),
                payload: b"p",
            };
            new.encode(&mut record);
            push(&mut body, &record);
        }
        let body = Arc::new(body);
        let read = records(&body, 2).unwrap();
        assert_eq!(
            read.iter().map(Record::event_id).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(
            records(&body, 3).unwrap_err(),
            BodyFlaw::Count {
                expected: 3,
                found: 2
            }
        );
        let cut = Arc::new(body[..body.len() - 1].to_vec());
        assert!(records(&cut, 2).is_err());
    }
}
