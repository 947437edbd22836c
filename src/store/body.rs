//! The body of a frame: records, each preceded by its length as a varint.

use std::sync::Arc;

use super::buffer::Buffer;
use super::bytes::{BytesError, Put, Reader};
use super::hit::Hit;
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

/// The records of a body, one by one: each is checked when it is its turn.
#[derive(Debug)]
pub(crate) struct Records {
    body: Arc<Buffer>,
    /// Where the next one's length stands.
    place: usize,
    given: usize,
    expected: u32,
}

impl Records {
    /// The records of `body`, which must be `count`.
    pub(crate) fn new(body: &Arc<Buffer>, count: u32) -> Self {
        Self {
            body: Arc::clone(body),
            place: 0,
            given: 0,
            expected: count,
        }
    }

    fn parse_next(&mut self) -> Result<Record, BodyFlaw> {
        let mut reader = Reader::new(self.body.get(self.place..).unwrap_or_default());
        let length = reader.prefixed()?.len();
        let end = self.body.len() - reader.left();
        self.place = end;
        self.given += 1;
        Ok(Record::parse(&self.body, end - length..end)?)
    }

    /// Nothing more comes.
    fn end(&mut self) {
        self.place = self.body.len();
        self.given = self.expected as usize;
    }
}

impl Iterator for Records {
    type Item = Result<Record, BodyFlaw>;

    fn next(&mut self) -> Option<Self::Item> {
        let at_end = self.place == self.body.len();
        let complete = self.given == self.expected as usize;
        if at_end && complete {
            return None;
        }
        if at_end || complete {
            let flaw = BodyFlaw::Count {
                expected: self.expected,
                found: self.given + usize::from(!at_end),
            };
            self.end();
            return Some(Err(flaw));
        }
        let record = self.parse_next();
        if record.is_err() {
            self.end();
        }
        Some(record)
    }
}

/// The events of a frame, one by one.
#[derive(Debug)]
pub(crate) struct Events {
    records: Records,
    sequence: u64,
    recorded_at: i64,
}

impl Events {
    pub(crate) fn of(frame: &OwnedFrame) -> Self {
        Self {
            records: Records::new(&frame.body, frame.header.count),
            sequence: frame.header.first_sequence,
            recorded_at: frame.header.recorded_at,
        }
    }
}

impl Iterator for Events {
    type Item = Result<Hit>;

    fn next(&mut self) -> Option<Result<Hit>> {
        let sequence = self.sequence;
        let hit = self.records.next()?.map(|record| Hit {
            position: Position {
                instant: record.instant(),
                sequence,
            },
            recorded_at: self.recorded_at,
            record,
            elsewhere: None,
        });
        self.sequence += 1;
        Some(hit.map_err(|flaw| Error::Undecodable {
            sequence,
            reason: flaw.to_string(),
        }))
    }
}

/// The events of a frame with what they are found by.
pub(crate) fn entries(frame: &OwnedFrame, hasher: &TermHasher) -> Result<Vec<Entry>> {
    let entry = |hit: Result<Hit>| {
        let hit = hit?;
        Ok(Entry {
            position: hit.position,
            recorded_at: hit.recorded_at,
            hashes: hasher.record(&hit.record),
            record: hit.record,
            place: frame.place,
        })
    };
    Events::of(frame).map(entry).collect()
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
        let records = |body: &[u8], count| {
            let body = Arc::new(Buffer::from(body.to_vec()));
            Records::new(&body, count).collect::<Result<Vec<_>, _>>()
        };
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
        assert_eq!(
            records(&body, 1).unwrap_err(),
            BodyFlaw::Count {
                expected: 1,
                found: 2
            }
        );
        assert!(records(&body[..body.len() - 1], 2).is_err());
    }
}
