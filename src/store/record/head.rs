//! A record's head: what precedes its data, checked against it.

use super::super::bytes::{BytesError, Reader};
use super::super::instant::Instant;
use super::field::{FIELDS, FOREIGN_BITS, MAX_FIELD};

/// The version that a record of the log's own contract starts with.
pub(crate) const RECORD_VERSION: u8 = 1;
/// The version that a record of another contract starts with.
pub(crate) const FOREIGN_VERSION: u8 = 2;

/// The largest record, in bytes. Payload limits of the log stay below it.
pub(crate) const MAX_RECORD: usize = 64 << 20;

/// Where a field lies: offset and length.
pub(super) type Span = (u32, u32);

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

/// The parsed head of a record. Offsets count from the record's first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) payload_format: u8,
    pub(super) kind: u16,
    pub(super) instant: Instant,
    pub(super) fields: [Option<Span>; FIELDS.len()],
    pub(super) payload: Span,
}

impl Head {
    pub(super) fn parse(record: &[u8]) -> Result<Self, RecordFlaw> {
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
