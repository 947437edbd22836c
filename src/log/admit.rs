//! Admission: an envelope is checked, bounded and turned into a record before it may enter the log.

use super::foreign;
use super::identifier::{IdentifierRule, MAX_IDENTIFIER};
use super::kind_code;
use super::time::{self, MAX_TIME};
use crate::contract::codec;
use crate::contract::experience_store::{ExperienceEvent, ExperienceEventEnvelope};
use crate::error::{Error, IdentifierFlaw, Result};
use crate::store::index::TermHasher;
use crate::store::instant::Instant;
use crate::store::prepare::{BatchEncoder, Prepared, TYPICAL_RECORD};
use crate::store::record::{FIELDS, Field, Fields, Hints, MAX_FIELD, NewRecord, Record};

/// The payload format of an envelope in the encoding of [`codec`].
pub(crate) const PAYLOAD_ENVELOPE: u8 = 1;
/// The payload format of another contract's event: its JSON, as it came.
pub(crate) const PAYLOAD_JSON: u8 = 2;

const _: () = assert!(MAX_IDENTIFIER <= MAX_FIELD);

/// What an envelope must satisfy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) identifiers: IdentifierRule,
    pub(crate) max_event_bytes: usize,
}

/// Checks and encodes a batch of envelopes.
pub(crate) fn admit(
    events: &[ExperienceEventEnvelope],
    rules: Rules,
    hasher: &TermHasher,
) -> Result<Prepared> {
    let mut batch = BatchEncoder::with_capacity(events.len());
    let mut payload = Vec::with_capacity(TYPICAL_RECORD);
    for event in events {
        let instant = check(event, rules.identifiers)?;
        let fields = fields(event);
        payload.clear();
        let hints = encode(event, &fields, rules.max_event_bytes, &mut payload)?;
        batch.push(&NewRecord {
            payload_format: PAYLOAD_ENVELOPE,
            kind: kind_code::code(event.event.kind()),
            instant,
            fields,
            hints,
            payload: &payload,
        })?;
    }
    batch.finish(hasher)
}

/// What an envelope is found by. A trace link is found by the event that records it, not by those that
/// mention it.
pub(crate) fn fields(event: &ExperienceEventEnvelope) -> Fields<'_> {
    let trace_link = match &event.event {
        ExperienceEvent::TraceLinkRecorded { trace_link_id, .. } => Some(trace_link_id.as_str()),
        _ => None,
    };
    Fields {
        event_id: &event.event_id,
        tenant: event.tenant_id.as_deref(),
        correlation: event.correlation_id.as_deref(),
        chain: event.event.chain_id(),
        artifact: event.event.artifact_id(),
        trace_link,
        contract: None,
        kind_name: None,
    }
}

/// The envelope of a record.
pub(crate) fn decode(record: &Record, sequence: u64) -> Result<ExperienceEventEnvelope> {
    decode_then(record, sequence, |envelope| envelope)
}

/// The same, for a caller that has a place for it.
pub(crate) fn decode_then<T>(
    record: &Record,
    sequence: u64,
    then: impl FnOnce(ExperienceEventEnvelope) -> T,
) -> Result<T> {
    if let Some(contract) = record.field(Field::Contract) {
        return Err(Error::ForeignEvent {
            sequence,
            contract: contract.to_owned(),
            kind: record.field(Field::KindName).unwrap_or_default().to_owned(),
        });
    }
    decode_record(record, then, |reason| Error::Undecodable {
        sequence,
        reason,
    })
}

/// The payload of another contract's record.
pub(crate) fn foreign_payload(record: &Record, sequence: u64) -> Result<&str> {
    let reason = match (
        record.payload_format(),
        std::str::from_utf8(record.payload()),
    ) {
        (PAYLOAD_JSON, Ok(json)) => return Ok(json),
        (PAYLOAD_JSON, Err(error)) => error.to_string(),
        (other, _) => unknown_format(other, PAYLOAD_JSON),
    };
    Err(Error::Undecodable { sequence, reason })
}

/// Checks that a record says what its payload says, as far as this build can read that.
pub(crate) fn check_record(record: &Record) -> Result<(), String> {
    if record.field(Field::Contract).is_some() {
        let json = foreign_payload(record, 0).map_err(|error| error.to_string())?;
        return foreign::check_json(json.as_bytes());
    }
    let envelope = decode_record(record, |envelope| envelope, |reason| reason)?;
    let expected = fields(&envelope);
    let same = record.kind() == kind_code::code(envelope.event.kind())
        && Ok(record.instant()) == time::parse(&envelope.occurred_at)
        && record.event_id() == expected.event_id
        && record.field(Field::Tenant) == expected.tenant
        && record.field(Field::Correlation) == expected.correlation
        && record.field(Field::Chain) == expected.chain
        && record.field(Field::Artifact) == expected.artifact
        && record.field(Field::TraceLink) == expected.trace_link;
    if same {
        Ok(())
    } else {
        Err("it is indexed by other terms than it carries".to_owned())
    }
}

fn decode_record<T, E>(
    record: &Record,
    then: impl FnOnce(ExperienceEventEnvelope) -> T,
    fail: impl FnOnce(String) -> E,
) -> Result<T, E> {
    match record.payload_format() {
        PAYLOAD_ENVELOPE => {
            codec::decode_then(record.payload(), then, |error| fail(error.to_string()))
        }
        other => Err(fail(unknown_format(other, PAYLOAD_ENVELOPE))),
    }
}

fn unknown_format(found: u8, expected: u8) -> String {
    format!("its payload has format {found}, this build reads {expected}")
}

fn check(event: &ExperienceEventEnvelope, rule: IdentifierRule) -> Result<Instant> {
    check_fields(&fields(event), rule)?;
    time::parse(&event.occurred_at)
        .map_err(|reason| invalid_timestamp(&event.event_id, &event.occurred_at, reason))
}

/// Checks what an event is found by.
pub(crate) fn check_fields(fields: &Fields<'_>, rule: IdentifierRule) -> Result<()> {
    let identifiers = [
        ("event_id", Some(fields.event_id)),
        ("tenant_id", fields.tenant),
        ("correlation_id", fields.correlation),
    ];
    let refuse = |field, flaw| Error::InvalidIdentifier {
        event_id: shown(fields.event_id, MAX_IDENTIFIER),
        field,
        flaw,
    };
    for (field, identifier) in identifiers {
        let Some(identifier) = identifier else {
            continue;
        };
        rule.check(identifier).map_err(|flaw| refuse(field, flaw))?;
    }
    // What an event is found by besides is the producer's own, but bounded as well.
    let terms = [
        ("chain_id", fields.chain),
        ("artifact_id", fields.artifact),
        ("trace_link_id", fields.trace_link),
    ];
    for (field, term) in terms {
        if let Some(found) = term.map(str::len).filter(|length| *length > MAX_IDENTIFIER) {
            return Err(refuse(
                field,
                IdentifierFlaw::TooLong {
                    found,
                    limit: MAX_IDENTIFIER,
                },
            ));
        }
    }
    Ok(())
}

pub(crate) fn invalid_timestamp(event_id: &str, value: &str, reason: String) -> Error {
    Error::InvalidTimestamp {
        event_id: event_id.to_owned(),
        value: shown(value, MAX_TIME),
        reason,
    }
}

/// Encodes an envelope, and says where its fields ended up.
fn encode(
    event: &ExperienceEventEnvelope,
    fields: &Fields<'_>,
    limit: usize,
    into: &mut Vec<u8>,
) -> Result<Hints> {
    let texts = FIELDS.map(|field| fields.get(field));
    let hints = codec::encode_into(event, into, texts).map_err(|error| Error::Unencodable {
        event_id: event.event_id.clone(),
        reason: error.to_string(),
    })?;
    if into.len() > limit {
        return Err(Error::EventTooLarge {
            event_id: event.event_id.clone(),
            size: into.len(),
            limit,
        });
    }
    Ok(hints)
}

/// The start of a text that may be of any length.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}
