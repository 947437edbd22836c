//! A record as it is read: its bytes have passed their check.

use std::ops::Range;
use std::sync::Arc;

use super::super::buffer::Buffer;
use super::super::instant::Instant;
use super::head::{Head, Span};
use super::{Field, Fields, Hints, NewRecord, RecordFlaw};

/// A checked record: a range of shared bytes and where its parts lie.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(super) bytes: Arc<Buffer>,
    pub(super) range: Range<usize>,
    pub(super) head: Head,
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

    /// All its texts.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields {
            event_id: self.event_id(),
            tenant: self.field(Field::Tenant),
            correlation: self.field(Field::Correlation),
            chain: self.field(Field::Chain),
            artifact: self.field(Field::Artifact),
            trace_link: self.field(Field::TraceLink),
            contract: self.field(Field::Contract),
            kind_name: self.field(Field::KindName),
        }
    }

    /// The same record without its payload: all fields, in the appendix.
    pub(crate) fn encode_stub(&self, into: &mut Vec<u8>) {
        let stub = NewRecord {
            payload_format: self.payload_format(),
            kind: self.kind(),
            instant: self.instant(),
            fields: self.fields(),
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
