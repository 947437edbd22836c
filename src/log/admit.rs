//! Admission: an envelope is checked, bounded and turned into a record before it may enter the log.

use super::identifier::{IdentifierRule, MAX_IDENTIFIER};
use super::kind_code;
use super::time::{self, MAX_TIME};
use crate::contract::codec;
use crate::contract::experience_store::{ExperienceEvent, ExperienceEventEnvelope};
use crate::error::{Error, IdentifierFlaw, Result};
use crate::store::index::TermHasher;
use crate::store::instant::Instant;
use crate::store::prepare::Prepared;
use crate::store::record::{Field, Fields, MAX_FIELD, NewRecord, Record};

/// The payload format of an envelope in the encoding of [`codec`].
pub(crate) const PAYLOAD_ENVELOPE: u8 = 1;

const _: () = assert!(MAX_IDENTIFIER <= MAX_FIELD);

/// What an envelope must satisfy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) identifiers: IdentifierRule,
    pub(crate) max_event_bytes: usize,
}

/// Checks and encodes a batch.
pub(crate) fn admit(
    events: &[ExperienceEventEnvelope],
    rules: Rules,
    hasher: &TermHasher,
) -> Result<Prepared> {
    let mut admitted = Vec::with_capacity(events.len());
    for event in events {
        admitted.push((
            check(event, rules.identifiers)?,
            encode(event, rules.max_event_bytes)?,
        ));
    }
    let records: Vec<_> = events
        .iter()
        .zip(&admitted)
        .map(|(event, (instant, payload))| NewRecord {
            payload_format: PAYLOAD_ENVELOPE,
            kind: kind_code::code(event.event.kind()),
            instant: *instant,
            fields: fields(event),
            payload,
        })
        .collect();
    Prepared::new(&records, hasher)
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
    }
}

/// The envelope of a record.
pub(crate) fn decode(record: &Record, sequence: u64) -> Result<ExperienceEventEnvelope> {
    decode_record(record).map_err(|reason| Error::Undecodable { sequence, reason })
}

/// Checks that a record says what its envelope says.
pub(crate) fn check_record(record: &Record) -> Result<(), String> {
    let envelope = decode_record(record)?;
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

fn decode_record(record: &Record) -> Result<ExperienceEventEnvelope, String> {
    match record.payload_format() {
        PAYLOAD_ENVELOPE => codec::decode(record.payload()).map_err(|error| error.to_string()),
        other => Err(format!(
            "its payload has format {other}, this build reads {PAYLOAD_ENVELOPE}"
        )),
    }
}

fn check(event: &ExperienceEventEnvelope, rule: IdentifierRule) -> Result<Instant> {
    let identifiers = [
        ("event_id", Some(&event.event_id)),
        ("tenant_id", event.tenant_id.as_ref()),
        ("correlation_id", event.correlation_id.as_ref()),
    ];
    let refuse = |field, flaw| Error::InvalidIdentifier {
        event_id: shown(&event.event_id, MAX_IDENTIFIER),
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
    let Fields {
        chain,
        artifact,
        trace_link,
        ..
    } = fields(event);
    let terms = [
        ("chain_id", chain),
        ("artifact_id", artifact),
        ("trace_link_id", trace_link),
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
    time::parse(&event.occurred_at).map_err(|reason| Error::InvalidTimestamp {
        event_id: event.event_id.clone(),
        value: shown(&event.occurred_at, MAX_TIME),
        reason,
    })
}

fn encode(event: &ExperienceEventEnvelope, limit: usize) -> Result<Vec<u8>> {
    let payload = codec::encode(event).map_err(|error| Error::Unencodable {
        event_id: event.event_id.clone(),
        reason: error.to_string(),
    })?;
    if payload.len() > limit {
        return Err(Error::EventTooLarge {
            event_id: event.event_id.clone(),
            size: payload.len(),
            limit,
        });
    }
    Ok(payload)
}

/// The start of a text that may be of any length.
fn shown(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}
