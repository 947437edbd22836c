//! Events of other contracts: checked, bounded and kept byte for byte.
//!
//! # Stored form
//!
//! A record of version 2 (see `store/record.rs`) with payload format 2. The payload is the event's JSON as it was
//! given; the record's fields say whose it is, of which kind, and by which terms it is found.
//!
//! ```text
//! 02 | 02 | ff ff 03 | time | presence | places | length | {"event_id":"e1", … } | what the JSON lacks
//! ```

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::admit::{self, PAYLOAD_JSON, Rules};
use super::identifier::IdentifierRule;
use super::time;
use crate::error::{Error, IdentifierFlaw, Result};
use crate::store::index::TermHasher;
use crate::store::prepare::{BatchEncoder, Prepared};
use crate::store::record::{Fields, Hints, NAMED_KIND, NewRecord};

/// The most bytes of the name of a contract or of a kind.
const MAX_NAME: usize = 64;

/// An event of another contract than the log's own, for
/// [`append_foreign`](crate::ExperienceLog::append_foreign).
///
/// The log keeps its JSON byte for byte, and finds it by what the other fields say. It does not look into the
/// JSON: which of its members is the chain, for one, is for the caller to know.
///
/// ```
/// use experience_log::{ExperienceLog, ForeignEvent, Payload};
///
/// let folder = tempfile::tempdir()?;
/// let log = ExperienceLog::open(folder.path().join("agent.log"))?;
/// let json = r#"{"id":"e-1","type":"GoalReached","goal":"g-7"}"#;
/// let mut event = ForeignEvent::new("acme-runtime", "GoalReached", "e-1", "lamport:12", json);
/// event.chain_id = Some("g-7");
/// log.append_foreign(&[event])?;
///
/// let entry = log.get(None, "e-1")?.expect("appended");
/// assert_eq!(entry.kind_name(), Some("GoalReached"));
/// assert!(matches!(entry.payload()?, Payload::Foreign { json: kept, .. } if kept == json));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignEvent<'a> {
    /// Whose event it is: 1 to 64 bytes without control characters, the same for all events of one contract.
    pub contract: &'a str,
    /// The kind's name in that contract: 1 to 64 bytes without control characters.
    pub kind: &'a str,
    /// The event's id, unique within its tenant, also among the events of other contracts.
    pub event_id: &'a str,
    /// When it happened: RFC 3339 with an offset, or `lamport:` and a number of 64 bits. Logical times come
    /// before all others.
    pub occurred_at: &'a str,
    /// Its tenant.
    pub tenant_id: Option<&'a str>,
    /// The run or chain of work it belongs to.
    pub correlation_id: Option<&'a str>,
    /// The chain it carries: at most 256 bytes, as the next two.
    pub chain_id: Option<&'a str>,
    /// The artifact it tells of.
    pub artifact_id: Option<&'a str>,
    /// The trace link it records.
    pub trace_link_id: Option<&'a str>,
    /// The event itself: JSON, nested no deeper than 128.
    pub json: &'a str,
}

impl<'a> ForeignEvent<'a> {
    /// An event without tenant, run, chain, artifact and trace link.
    #[must_use]
    pub fn new(
        contract: &'a str,
        kind: &'a str,
        event_id: &'a str,
        occurred_at: &'a str,
        json: &'a str,
    ) -> Self {
        Self {
            contract,
            kind,
            event_id,
            occurred_at,
            tenant_id: None,
            correlation_id: None,
            chain_id: None,
            artifact_id: None,
            trace_link_id: None,
            json,
        }
    }

    fn fields(&self) -> Fields<'a> {
        Fields {
            event_id: self.event_id,
            tenant: self.tenant_id,
            correlation: self.correlation_id,
            chain: self.chain_id,
            artifact: self.artifact_id,
            trace_link: self.trace_link_id,
            contract: Some(self.contract),
            kind_name: Some(self.kind),
        }
    }
}

/// Checks and encodes a batch of events of other contracts.
pub(crate) fn admit(
    events: &[ForeignEvent<'_>],
    rules: Rules,
    hasher: &TermHasher,
) -> Result<Prepared> {
    let mut batch = BatchEncoder::with_capacity(events.len());
    for event in events {
        batch.push(&record(event, rules)?)?;
    }
    batch.finish(hasher)
}

fn record<'a>(event: &ForeignEvent<'a>, rules: Rules) -> Result<NewRecord<'a>> {
    let fields = event.fields();
    admit::check_fields(&fields, rules.identifiers)?;
    for (field, name) in [("contract", event.contract), ("kind", event.kind)] {
        check_name(name).map_err(|flaw| Error::InvalidIdentifier {
            event_id: event.event_id.to_owned(),
            field,
            flaw,
        })?;
    }
    let instant = time::parse_any(event.occurred_at)
        .map_err(|reason| admit::invalid_timestamp(event.event_id, event.occurred_at, reason))?;
    let payload = event.json.as_bytes();
    if payload.len() > rules.max_event_bytes {
        return Err(Error::EventTooLarge {
            event_id: event.event_id.to_owned(),
            size: payload.len(),
            limit: rules.max_event_bytes,
        });
    }
    check_json(payload).map_err(|reason| Error::Unencodable {
        event_id: event.event_id.to_owned(),
        reason,
    })?;
    Ok(NewRecord {
        payload_format: PAYLOAD_JSON,
        kind: NAMED_KIND,
        instant,
        fields,
        hints: Hints::default(),
        payload,
    })
}

fn check_name(name: &str) -> Result<(), IdentifierFlaw> {
    if name.len() > MAX_NAME {
        return Err(IdentifierFlaw::TooLong {
            found: name.len(),
            limit: MAX_NAME,
        });
    }
    IdentifierRule::Text.check(name)
}

/// Whether the bytes are one JSON value that every reader of this crate can take apart.
pub(crate) fn check_json(json: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<AnyJson>(json)
        .map(|AnyJson| ())
        .map_err(|error| format!("its payload is no JSON: {error}"))
}

/// Any JSON, looked at to the last byte and kept nowhere. Its depth is bounded by `serde_json`.
struct AnyJson;

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for AnyJson {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_looked_at_whole() {
        for json in [
            "null",
            " [1,-2,3.5,1e300,18446744073709551615,true,\"\\u00e9\"] ",
            r#"{"a":{"b":[{}]},"a":2}"#,
        ] {
            assert_eq!(check_json(json.as_bytes()), Ok(()), "{json}");
        }
        for json in [
            "",
            "{",
            "{}{}",
            "[1,]",
            r#"{"a" 1}"#,
            r#""\ud800""#,
            "nul",
            "1e999",
        ] {
            assert!(check_json(json.as_bytes()).is_err(), "{json}");
        }
        assert!(check_json(b"\"\xff\"").is_err());
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(check_json(nested(100).as_bytes()).is_ok());
        assert!(check_json(nested(1_000_000).as_bytes()).is_err());
    }
}
