//! A record: what the store keeps of one event. It knows the terms an event is found by and the bytes of
//! the event itself, never what those bytes mean.
//!
//! # Format, version 1
//!
//! ```text
//! +---------+---------+------+---------+-------------+----------+-----------------+---------+------+
//! | version | payload | kind | seconds | nanoseconds | presence | offset + length | payload | data |
//! | u8 = 1  | format  | var- | signed  | varint      | u8, bit  | two varints for | length  |      |
//! |         | u8      | int  | varint  |             | a field  | each field set  | varint  |      |
//! +---------+---------+------+---------+-------------+----------+-----------------+---------+------+
//! ```
//!
//! `data` is the payload, followed by an appendix. A field (bit 0 event id, 1 tenant, 2 correlation,
//! 3 chain, 4 artifact, 5 trace link) is a range of `data` that holds its UTF-8 text: an identifier that
//! stands in the payload anyway is not stored twice, and one that does not (because the payload escapes
//! it) stands in the appendix. The event id is always there.
//!
//! Example: the payload `02 65 31` (bincode's form of the string `e1`) of kind 8 at one second past
//! 1970 is `01 01 08 02 00 01 01 02 03 02 65 31`.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use super::bytes::{BytesError, Put, Reader};
use super::instant::Instant;

/// The version that a record starts with.
pub(crate) const RECORD_VERSION: u8 = 1;

/// The largest record, in bytes. Payload limits of the log stay below it.
pub(crate) const MAX_RECORD: usize = 64 << 20;

/// The longest field, in bytes: what bounds a record without its payload.
pub(crate) const MAX_FIELD: usize = 256;

/// A text that a record is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    EventId,
    Tenant,
    Correlation,
    Chain,
    Artifact,
    TraceLink,
}

/// Every field, in the order of its presence bit.
pub(crate) const FIELDS: [Field; 6] = [
    Field::EventId,
    Field::Tenant,
    Field::Correlation,
    Field::Chain,
    Field::Artifact,
    Field::TraceLink,
];

/// The texts of a record that is being written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) correlation: Option<&'a str>,
    pub(crate) chain: Option<&'a str>,
    pub(crate) artifact: Option<&'a str>,
    pub(crate) trace_link: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn get(&self, field: Field) -> Option<&'a str> {
        match field {
            Field::EventId => Some(self.event_id),
            Field::Tenant => self.tenant,
            Field::Correlation => self.correlation,
            Field::Chain => self.chain,
            Field::Artifact => self.artifact,
            Field::TraceLink => self.trace_link,
        }
    }
}

/// Everything a record is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRecord<'a> {
    /// What the payload's bytes mean; the store only keeps it.
    pub(crate) payload_format: u8,
    pub(crate) kind: u16,
    pub(crate) instant: Instant,
    pub(crate) fields: Fields<'a>,
    pub(crate) payload: &'a [u8],
}

impl NewRecord<'_> {
    /// Appends the record's bytes to `into`.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        let mut appendix = Vec::new();
        let mut presence = 0_u8;
        let mut places = Vec::with_capacity(24);
        for (bit, field) in FIELDS.into_iter().enumerate() {
            let Some(text) = self.fields.get(field) else {
                continue;
            };
            presence |= 1 << bit;
            let offset = memmem::find(self.payload, text.as_bytes()).unwrap_or_else(|| {
                let offset = self.payload.len() + appendix.len();
                appendix.put(text.as_bytes());
                offset
            });
            places.put_varint(offset as u64);
            places.put_varint(text.len() as u64);
        }
        into.reserve(self.payload.len() + appendix.len() + 48);
        into.put_u8(RECORD_VERSION);
        into.put_u8(self.payload_format);
        into.put_varint(u64::from(self.kind));
        self.instant.encode(into);
        into.put_u8(presence);
        into.put(&places);
        into.put_varint(self.payload.len() as u64);
        into.put(self.payload);
        into.put(&appendix);
    }
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordFlaw {
    #[error("record version {RECORD_VERSION} expected, {0} found")]
    Version(u8),
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error("no event id")]
    NoEventId,
    #[error("a field lies outside the record or is not UTF-8")]
    Field,
    #[error("a field of at most {MAX_FIELD} bytes expected, one of {0} found")]
    FieldLength(u32),
    #[error("a record of at most {MAX_RECORD} bytes expected, {0} found")]
    Size(usize),
}

/// A checked record: a range of shared bytes and where its parts lie.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
    head: Head,
}

/// The parsed head of a record. Offsets count from the record's first byte.
#[derive(Debug, Clone)]
struct Head {
    payload_format: u8,
    kind: u16,
    instant: Instant,
    fields: [Option<(u32, u32)>; FIELDS.len()],
    payload: (u32, u32),
}

impl Record {
    /// Checks the record in `range` of `bytes`.
    pub(crate) fn parse(bytes: &Arc<Vec<u8>>, range: Range<usize>) -> Result<Self, RecordFlaw> {
        let slice = bytes.get(range.clone()).ok_or(RecordFlaw::Field)?;
        let head = Head::parse(slice)?;
        Ok(Self {
            bytes: Arc::clone(bytes),
            range,
            head,
        })
    }

    /// The record's own bytes, as written.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }

    pub(crate) fn payload_format(&self) -> u8 {
        self.head.payload_format
    }

    pub(crate) fn kind(&self) -> u16 {
        self.head.kind
    }

    pub(crate) fn instant(&self) -> Instant {
        self.head.instant
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.slice(self.head.payload)
    }

    pub(crate) fn event_id(&self) -> &str {
        self.field(Field::EventId).unwrap_or_default()
    }

    pub(crate) fn field(&self, field: Field) -> Option<&str> {
        let place = self.head.fields.get(field as usize).copied().flatten()?;
        // `Head::parse` has checked that this is UTF-8.
        std::str::from_utf8(self.slice(place)).ok()
    }

    /// The same record without its payload: all fields, in the appendix.
    pub(crate) fn encode_stub(&self, into: &mut Vec<u8>) {
        let stub = NewRecord {
            payload_format: self.payload_format(),
            kind: self.kind(),
            instant: self.instant(),
            fields: Fields {
                event_id: self.event_id(),
                tenant: self.field(Field::Tenant),
                correlation: self.field(Field::Correlation),
                chain: self.field(Field::Chain),
                artifact: self.field(Field::Artifact),
                trace_link: self.field(Field::TraceLink),
            },
            payload: &[],
        };
        stub.encode(into);
    }

    fn slice(&self, (offset, length): (u32, u32)) -> &[u8] {
        let start = self.range.start + offset as usize;
        self.bytes
            .get(start..start + length as usize)
            .unwrap_or_default()
    }
}

impl Head {
    fn parse(record: &[u8]) -> Result<Self, RecordFlaw> {
        if record.len() > MAX_RECORD {
            return Err(RecordFlaw::Size(record.len()));
        }
        let mut reader = Reader::new(record);
        let version = reader.u8()?;
        if version != RECORD_VERSION {
            return Err(RecordFlaw::Version(version));
        }
        let payload_format = reader.u8()?;
        let kind = reader.varint_as()?;
        let instant = Instant::decode(&mut reader)?;
        let presence = reader.u8()?;
        if presence & 1 == 0 {
            return Err(RecordFlaw::NoEventId);
        }
        if presence >> FIELDS.len() != 0 {
            return Err(RecordFlaw::Field);
        }
        let mut fields = [None; FIELDS.len()];
        for (bit, place) in fields.iter_mut().enumerate() {
            if presence & (1 << bit) != 0 {
                *place = Some((reader.varint_as::<u32>()?, reader.varint_as::<u32>()?));
            }
        }
        let payload_length: u32 = reader.varint_as()?;
        let data = reader.take(reader.left())?;
        if payload_length as usize > data.len() {
            return Err(RecordFlaw::Field);
        }
        let data_offset =
            u32::try_from(record.len() - data.len()).map_err(|_| RecordFlaw::Size(record.len()))?;
        for place in fields.iter_mut().flatten() {
            let (offset, length) = *place;
            if length as usize > MAX_FIELD {
                return Err(RecordFlaw::FieldLength(length));
            }
            let text = data
                .get(offset as usize..)
                .and_then(|rest| rest.get(..length as usize))
                .ok_or(RecordFlaw::Field)?;
            std::str::from_utf8(text).map_err(|_| RecordFlaw::Field)?;
            *place = (data_offset + offset, length);
        }
        Ok(Self {
            payload_format,
            kind,
            instant,
            fields,
            payload: (data_offset, payload_length),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> NewRecord<'static> {
        NewRecord {
            payload_format: 1,
            kind: 8,
            instant: Instant::new(1, 0).unwrap(),
            fields: Fields {
                event_id: "e1",
                ..Fields::default()
            },
            payload: b"\x02e1",
        }
    }

    fn encoded(record: &NewRecord<'_>) -> Arc<Vec<u8>> {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        Arc::new(bytes)
    }

    #[test]
    fn the_documented_example_holds() {
        let bytes = encoded(&example());
        assert_eq!(**bytes, [1, 1, 8, 2, 0, 1, 1, 2, 3, 2, 0x65, 0x31]);
        let record = Record::parse(&bytes, 0..bytes.len()).unwrap();
        assert_eq!(record.event_id(), "e1");
        assert_eq!(record.kind(), 8);
        assert_eq!(record.payload(), b"\x02e1");
        assert_eq!(record.field(Field::Tenant), None);
    }

    #[test]
    fn a_field_that_the_payload_lacks_stands_in_the_appendix() {
        let mut new = example();
        new.fields.tenant = Some("t\"enant");
        new.fields.chain = Some("e1");
        let bytes = encoded(&new);
        let record = Record::parse(&bytes, 0..bytes.len()).unwrap();
        assert_eq!(record.field(Field::Tenant), Some("t\"enant"));
        assert_eq!(record.field(Field::Chain), Some("e1"));
        assert_eq!(record.payload(), b"\x02e1");

        let mut stub = Vec::new();
        record.encode_stub(&mut stub);
        let stub = Arc::new(stub);
        let stub = Record::parse(&stub, 0..stub.len()).unwrap();
        assert_eq!(stub.payload(), b"");
        assert_eq!(stub.field(Field::Tenant), Some("t\"enant"));
        assert_eq!(stub.event_id(), "e1");
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_but_never_panic() {
        let bytes = encoded(&example());
        for cut in 0..bytes.len() {
            assert!(Record::parse(&bytes, 0..cut).is_err());
        }
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[place] ^= 1 << bit;
                let flipped = Arc::new(flipped);
                if let Ok(record) = Record::parse(&flipped, 0..flipped.len()) {
                    let _ = (
                        record.event_id(),
                        record.payload(),
                        record.field(Field::Tenant),
                    );
                }
            }
        }
    }
}
