//! A record as it is written.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use super::super::buffer::Buffer;
use super::super::bytes::Put;
use super::super::instant::Instant;
use super::checked::Record;
use super::field::{FIELDS, FOREIGN_BITS, Fields, MAX_FIELD};
use super::head::{FOREIGN_VERSION, Head, MAX_RECORD, RECORD_VERSION, RecordFlaw, Span};

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
