//! A record: what the store keeps of one event. It knows the terms an event is found by and the bytes of
//! the event itself, never what those bytes mean.
//!
//! # Format, versions 1 and 2
//!
//! ```text
//! +---------+---------+------+---------+-------------+----------+-----------------+---------+------+
//! | version | payload | kind | seconds | nanoseconds | presence | offset + length | payload | data |
//! | u8 = 1  | format  | var- | signed  | varint      | u8, bit  | two varints for | length  |      |
//! | or 2    | u8      | int  | varint  |             | a field  | each field set  | varint  |      |
//! +---------+---------+------+---------+-------------+----------+-----------------+---------+------+
//! ```
//!
//! `data` is the payload, followed by an appendix. A field (bit 0 event id, 1 tenant, 2 correlation,
//! 3 chain, 4 artifact, 5 trace link, 6 contract, 7 kind's name) is a range of `data` that holds its UTF-8
//! text: an identifier that stands in the payload anyway is not stored twice, and one that does not (because
//! the payload escapes it) stands in the appendix. The event id is always there.
//!
//! A record of version 1 has neither of the last two fields: its payload is of the log's own contract, and
//! its kind is a number. One of version 2 has both: another contract's payload, whose kinds have names, and
//! the number 65535.
//!
//! Example: the payload `02 65 31` (bincode's form of the string `e1`) of kind 8 at one second past
//! 1970 is `01 01 08 02 00 01 01 02 03 02 65 31`. The payload `{"id":"e1","type":"K"}` of contract `c` and
//! kind `K`, at logical time 7 (see [`Instant`]), begins with
//! `02 02 ff ff 03 ff ff ff ff ff ff ff ff ff 01 07 c1 07 02 16 01 13 01 16`; the payload's 22 bytes follow,
//! then the appendix `63`.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use super::buffer::Buffer;
use super::bytes::{BytesError, Put, Reader};
use super::instant::Instant;

/// The version that a record of the log's own contract starts with.
pub(crate) const RECORD_VERSION: u8 = 1;
/// The version that a record of another contract starts with.
pub(crate) const FOREIGN_VERSION: u8 = 2;
/// The number in the place of a kind that has a name.
pub(crate) const NAMED_KIND: u16 = u16::MAX;

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
    /// Whose payload it is, where it is not the log's own contract.
    Contract,
    /// The kind's name in that contract.
    KindName,
}

/// Every field, in the order of its presence bit.
pub(crate) const FIELDS: [Field; 8] = [
    Field::EventId,
    Field::Tenant,
    Field::Correlation,
    Field::Chain,
    Field::Artifact,
    Field::TraceLink,
    Field::Contract,
    Field::KindName,
];

/// The bits of the fields that only a record of another contract has: both or neither.
const FOREIGN_BITS: u8 = 1 << Field::Contract as u8 | 1 << Field::KindName as u8;

/// What kind of event a record holds: a number in the log's own contract, a name in another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Number(u16),
    Named(Box<str>),
}

impl Kind {
    /// Whether `record` is of this kind.
    pub(crate) fn is_of(&self, record: &Record) -> bool {
        match self {
            Self::Number(number) => {
                record.kind() == *number && record.field(Field::KindName).is_none()
            }
            Self::Named(name) => record.field(Field::KindName) == Some(name),
        }
    }

    /// The kind of `record`.
    pub(crate) fn of(record: &Record) -> Self {
        match record.field(Field::KindName) {
            Some(name) => Self::Named(name.into()),
            None => Self::Number(record.kind()),
        }
    }
}

/// The texts of a record that is being written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) correlation: Option<&'a str>,
    pub(crate) chain: Option<&'a str>,
    pub(crate) artifact: Option<&'a str>,
    pub(crate) trace_link: Option<&'a str>,
    /// Both of these or neither.
    pub(crate) contract: Option<&'a str>,
    pub(crate) kind_name: Option<&'a str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn get(&self, field: Field) -> Option<&'a str> {
        match field {
            Field::EventId => Some(self.event_id),
            Field::Tenant => self.tenant,
            Field::Correlation => self.correlation,
            Field::Chain => self.chain,
            Field::Artifact => self.artifact,
            Field::TraceLink => self.trace_link,
            Field::Contract => self.contract,
            Field::KindName => self.kind_name,
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
    /// Where in the payload each field is likely to stand. Looked at first, so a wrong one costs time only.
    pub(crate) hints: Hints,
    pub(crate) payload: &'a [u8],
}

/// Offsets within a payload, in the order of [`FIELDS`].
pub(crate) type Hints = [Option<u32>; FIELDS.len()];

/// Where a field lies: offset and length.
type Span = (u32, u32);

impl NewRecord<'_> {
    /// Appends the record's bytes to `into`.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        let mut head = Vec::new();
        let places = self.places();
        self.encode_head(&places, &mut head);
        into.put(&head);
        self.encode_data(&places, into);
    }

    /// Appends the record's length and its bytes to `into`, and says what parsing them would. `scratch` is
    /// overwritten.
    pub(crate) fn encode_prefixed(
        &self,
        into: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<EncodedRecord, RecordFlaw> {
        let places = self.places();
        scratch.clear();
        self.encode_head(&places, scratch);
        let length = scratch.len() + self.payload.len() + self.appendix(&places);
        let narrow = |length: usize| u32::try_from(length).map_err(|_| RecordFlaw::Size(length));
        if length > MAX_RECORD {
            return Err(RecordFlaw::Size(length));
        }
        let data = narrow(scratch.len())?;
        let mut fields = places;
        for (place, length) in fields.iter_mut().flatten() {
            if *length as usize > MAX_FIELD {
                return Err(RecordFlaw::FieldLength(*length));
            }
            *place += data;
        }
        let head = Head {
            payload_format: self.payload_format,
            kind: self.kind,
            instant: self.instant,
            fields,
            payload: (data, narrow(self.payload.len())?),
        };
        into.put_varint(length as u64);
        let start = into.len();
        into.put(scratch);
        self.encode_data(&places, into);
        Ok(EncodedRecord {
            range: start..into.len(),
            head,
        })
    }

    /// Where in the data each field stands: in the payload, if it does, else in the appendix.
    fn places(&self) -> [Option<Span>; FIELDS.len()] {
        let mut end = self.payload.len();
        let mut places = [None; FIELDS.len()];
        for ((field, place), hint) in FIELDS.into_iter().zip(&mut places).zip(self.hints) {
            let Some(text) = self.fields.get(field) else {
                continue;
            };
            let hinted = hint.map(|hint| hint as usize).filter(|hint| {
                let there = self.payload.get(*hint..);
                there.is_some_and(|there| there.starts_with(text.as_bytes()))
            });
            let found = hinted.or_else(|| memmem::find(self.payload, text.as_bytes()));
            let offset = found.unwrap_or_else(|| {
                let offset = end;
                end += text.len();
                offset
            });
            let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            *place = Some((narrow(offset), narrow(text.len())));
        }
        places
    }

    fn encode_head(&self, places: &[Option<Span>], into: &mut Vec<u8>) {
        let presence = places.iter().enumerate().fold(0_u8, |bits, (bit, place)| {
            bits | (u8::from(place.is_some()) << bit)
        });
        into.put_u8(if presence & FOREIGN_BITS == 0 {
            RECORD_VERSION
        } else {
            FOREIGN_VERSION
        });
        into.put_u8(self.payload_format);
        into.put_varint(u64::from(self.kind));
        self.instant.encode(into);
        let presence = places.iter().enumerate().fold(0_u8, |bits, (bit, place)| {
            bits | (u8::from(place.is_some()) << bit)
        });
        into.put_u8(presence);
        for (offset, length) in places.iter().flatten() {
            into.put_varint(u64::from(*offset));
            into.put_varint(u64::from(*length));
        }
        into.put_varint(self.payload.len() as u64);
    }

    /// Appends the payload and what it lacks.
    fn encode_data(&self, places: &[Option<Span>], into: &mut Vec<u8>) {
        into.put(self.payload);
        for text in self.appended(places) {
            into.put(text.as_bytes());
        }
    }

    fn appendix(&self, places: &[Option<Span>]) -> usize {
        self.appended(places).map(str::len).sum()
    }

    /// The fields that the payload lacks. An empty one stands anywhere.
    fn appended(&self, places: &[Option<Span>]) -> impl Iterator<Item = &str> {
        let outside = |place: &Option<Span>| {
            place.is_some_and(|(offset, _)| offset as usize >= self.payload.len())
        };
        FIELDS
            .into_iter()
            .zip(places)
            .filter(move |(_, place)| outside(place))
            .filter_map(|(field, _)| self.fields.get(field))
    }
}

/// A record that was just encoded: where its bytes lie, and what they say.
#[derive(Debug)]
pub(crate) struct EncodedRecord {
    range: Range<usize>,
    head: Head,
}

impl EncodedRecord {
    /// The record, now that the buffer it was encoded into is complete.
    pub(crate) fn within(self, bytes: &Arc<Buffer>) -> Record {
        Record {
            bytes: Arc::clone(bytes),
            range: self.range,
            head: self.head,
        }
    }
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordFlaw {
    #[error("record version {RECORD_VERSION} or {FOREIGN_VERSION} expected, {0} found")]
    Version(u8),
    #[error(transparent)]
    Bytes(#[from] BytesError),
    #[error("no event id")]
    NoEventId,
    #[error("a record of version {0} without its contract and kind, or with another's")]
    Contract(u8),
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
    bytes: Arc<Buffer>,
    range: Range<usize>,
    head: Head,
}

/// The parsed head of a record. Offsets count from the record's first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    payload_format: u8,
    kind: u16,
    instant: Instant,
    fields: [Option<Span>; FIELDS.len()],
    payload: Span,
}

impl Record {
    /// Checks the record in `range` of `bytes`.
    pub(crate) fn parse(bytes: &Arc<Buffer>, range: Range<usize>) -> Result<Self, RecordFlaw> {
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

    /// Whether a field is there and says `text`.
    pub(crate) fn carries(&self, field: Field, text: &str) -> bool {
        let place = self.head.fields.get(field as usize).copied().flatten();
        place.is_some_and(|place| self.slice(place) == text.as_bytes())
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
                contract: self.field(Field::Contract),
                kind_name: self.field(Field::KindName),
            },
            hints: Hints::default(),
            payload: &[],
        };
        stub.encode(into);
    }

    fn slice(&self, (offset, length): Span) -> &[u8] {
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
        let foreign = match version {
            RECORD_VERSION => 0,
            FOREIGN_VERSION => FOREIGN_BITS,
            other => return Err(RecordFlaw::Version(other)),
        };
        let payload_format = reader.u8()?;
        let kind = reader.varint_as()?;
        let instant = Instant::decode(&mut reader)?;
        let presence = reader.u8()?;
        if presence & 1 == 0 {
            return Err(RecordFlaw::NoEventId);
        }
        if presence & FOREIGN_BITS != foreign {
            return Err(RecordFlaw::Contract(version));
        }
        let mut fields = [None; FIELDS.len()];
        let mut left = presence;
        while let Some(place) = fields.get_mut(left.trailing_zeros() as usize) {
            *place = Some((reader.varint_as::<u32>()?, reader.varint_as::<u32>()?));
            left &= left - 1;
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
            // Nearly all are ASCII, which is found sooner.
            if !text.is_ascii() && std::str::from_utf8(text).is_err() {
                return Err(RecordFlaw::Field);
            }
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
            hints: Hints::default(),
            payload: b"\x02e1",
        }
    }

    fn encoded(record: &NewRecord<'_>) -> Arc<Buffer> {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        Arc::new(bytes.into())
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
        let stub = Arc::new(Buffer::from(stub));
        let stub = Record::parse(&stub, 0..stub.len()).unwrap();
        assert_eq!(stub.payload(), b"");
        assert_eq!(stub.field(Field::Tenant), Some("t\"enant"));
        assert_eq!(stub.event_id(), "e1");
    }

    fn foreign_example() -> NewRecord<'static> {
        NewRecord {
            payload_format: 2,
            kind: NAMED_KIND,
            instant: Instant::logical(7),
            fields: Fields {
                event_id: "e1",
                contract: Some("c"),
                kind_name: Some("K"),
                ..Fields::default()
            },
            hints: Hints::default(),
            payload: br#"{"id":"e1","type":"K"}"#,
        }
    }

    #[test]
    fn the_documented_example_of_another_contract_holds() {
        let new = foreign_example();
        let bytes = encoded(&new);
        let head = [
            2, 2, 0xff, 0xff, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 7, 0xc1,
            7, 2, 22, 1, 19, 1, 22,
        ];
        assert_eq!(**bytes, [&head[..], new.payload, b"c"].concat());
        let record = Record::parse(&bytes, 0..bytes.len()).unwrap();
        assert_eq!(record.field(Field::Contract), Some("c"));
        assert_eq!(record.field(Field::KindName), Some("K"));
        assert_eq!(record.payload(), new.payload);
        assert_eq!(record.instant().as_logical(), Some(7));
        assert_eq!(Kind::of(&record), Kind::Named("K".into()));
        assert!(Kind::of(&record).is_of(&record));
        assert!(!Kind::Number(NAMED_KIND).is_of(&record));

        let mut stub = Vec::new();
        record.encode_stub(&mut stub);
        let stub = Arc::new(Buffer::from(stub));
        let stub = Record::parse(&stub, 0..stub.len()).unwrap();
        assert_eq!(Kind::of(&stub), Kind::Named("K".into()));
        assert_eq!(stub.field(Field::Contract), Some("c"));
    }

    #[test]
    fn version_and_contract_belong_together() {
        let mut native = encoded(&foreign_example()).to_vec();
        native[0] = RECORD_VERSION;
        let native = Arc::new(Buffer::from(native));
        assert_eq!(
            Record::parse(&native, 0..native.len()).unwrap_err(),
            RecordFlaw::Contract(RECORD_VERSION)
        );
        let mut foreign = encoded(&example()).to_vec();
        foreign[0] = FOREIGN_VERSION;
        let foreign = Arc::new(Buffer::from(foreign));
        assert_eq!(
            Record::parse(&foreign, 0..foreign.len()).unwrap_err(),
            RecordFlaw::Contract(FOREIGN_VERSION)
        );
    }

    #[test]
    fn what_encoding_says_is_what_parsing_finds() {
        let mut new = example();
        let payload = [b"\x02e1".as_slice(), &[7; 300], b"chain"].concat();
        new.payload = &payload;
        new.fields.chain = Some("chain");
        new.fields.tenant = Some("elsewhere");
        new.fields.artifact = Some("");
        let mut right = Hints::default();
        (right[0], right[3]) = (Some(1), Some(303));
        let wrong = [Some(2), Some(9), Some(u32::MAX), Some(400)];
        let wrong = std::array::from_fn(|place| wrong[place % 4]);
        for hints in [Hints::default(), right, wrong] {
            new.hints = hints;
            let mut bytes = vec![1, 2, 3];
            let encoded = new.encode_prefixed(&mut bytes, &mut vec![9]).unwrap();
            let bytes = Arc::new(Buffer::from(bytes));
            let record = encoded.within(&bytes);
            let parsed = Record::parse(&bytes, record.range.clone()).unwrap();
            assert_eq!(record.head, parsed.head, "{hints:?}");
            assert_eq!(record.field(Field::Tenant), Some("elsewhere"));
            assert_eq!(record.field(Field::Chain), Some("chain"));
            let mut reader = Reader::new(&bytes[3..]);
            assert_eq!(reader.prefixed().unwrap(), record.as_bytes());
            let mut plain = Vec::new();
            new.encode(&mut plain);
            assert_eq!(plain, record.as_bytes());
        }
        let long = "x".repeat(MAX_FIELD + 1);
        new.fields.tenant = Some(&long);
        let refused = new.encode_prefixed(&mut Vec::new(), &mut Vec::new());
        assert!(matches!(refused, Err(RecordFlaw::FieldLength(257))));
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_but_never_panic() {
        for example in [example(), foreign_example()] {
            damage(&encoded(&example));
        }
    }

    fn damage(bytes: &Arc<Buffer>) {
        for cut in 0..bytes.len() {
            assert!(Record::parse(bytes, 0..cut).is_err());
        }
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[place] ^= 1 << bit;
                let flipped = Arc::new(Buffer::from(flipped));
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
