//! An event, as far as this build can read it.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{foreign, summary};
use crate::contract::experience_store::ExperienceEvent;
use crate::error::Error;
use crate::log::{LogEntry, Payload};

/// An event of the log with where it stands, as far as this build can read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Where it stands in the log.
    pub sequence: u64,
    /// Its id, unique within its tenant.
    pub event_id: String,
    /// Its kind, in whatever contract; `kind 37` for one of the log's own that this build does not know.
    pub kind: String,
    /// Its tenant.
    pub tenant_id: Option<String>,
    /// Its run.
    pub correlation_id: Option<String>,
    /// The chain it carries.
    pub chain_id: Option<String>,
    /// When it happened: as recorded for the log's own events, otherwise as `instant`.
    pub occurred_at: String,
    /// The same, in UTC as RFC 3339; or a logical time such as `lamport:7`.
    pub instant: String,
    /// When the log recorded it, in UTC as RFC 3339.
    pub recorded_at: String,
    /// Bytes it takes in the journal, before compression.
    pub stored_bytes: usize,
    /// What happened.
    #[serde(flatten)]
    pub content: Content,
}

/// What happened, if it can be told.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// An event of the log's own contract. As JSON: `"event": {"type": …, "data": …}`.
    Own(Box<ExperienceEvent>),
    /// An event of another contract. As JSON: `"contract": …, "event": …`, the event as it was appended.
    Foreign {
        /// Whose event it is.
        contract: String,
        /// The event: JSON on one line.
        json: String,
        /// The event of the log's own contract that it reads as, if there is one: contracts that are related write
        /// the same members.
        like: Option<Box<ExperienceEvent>>,
    },
    /// Something this build cannot decode, and why. As JSON: `"event": null, "unreadable": …`.
    Unreadable(String),
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap};
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Own(event) => map.serialize_entry("event", event)?,
            Self::Foreign { contract, json, .. } => {
                map.serialize_entry("contract", contract)?;
                let raw: &RawValue = serde_json::from_str(json).map_err(Error::custom)?;
                map.serialize_entry("event", raw)?;
            }
            Self::Unreadable(reason) => {
                map.serialize_entry("event", &None::<()>)?;
                map.serialize_entry("unreadable", reason)?;
            }
        }
        map.end()
    }
}

impl Event {
    /// What can be told of an entry of the log.
    #[must_use]
    pub fn new(entry: &LogEntry) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let instant = entry.instant_text();
        let (occurred_at, content) = match entry.payload() {
            Ok(Payload::Own(envelope)) => {
                (envelope.occurred_at, Content::Own(Box::new(envelope.event)))
            }
            Ok(Payload::Foreign {
                contract,
                kind,
                json,
            }) => {
                let content = Content::Foreign {
                    contract: contract.to_owned(),
                    json: foreign::on_one_line(json),
                    like: foreign::like(kind, json).map(Box::new),
                };
                (instant.clone(), content)
            }
            Err(error) => (instant.clone(), Content::Unreadable(why(&error))),
        };
        Self {
            sequence: entry.sequence(),
            event_id: entry.event_id().to_owned(),
            kind: kind_name(entry),
            tenant_id: own(entry.tenant_id()),
            correlation_id: own(entry.correlation_id()),
            chain_id: own(entry.chain_id()),
            occurred_at,
            instant,
            recorded_at: entry.recorded_at_text(),
            stored_bytes: entry.stored_bytes(),
            content,
        }
    }

    /// What happened, if it is an event of the log's own contract, or reads as one.
    #[must_use]
    pub fn known(&self) -> Option<&ExperienceEvent> {
        match &self.content {
            Content::Own(event) => Some(event),
            Content::Foreign { like, .. } => like.as_deref(),
            Content::Unreadable(_) => None,
        }
    }

    /// What to know about it at a glance, in one line of any length.
    #[must_use]
    pub fn summary(&self) -> String {
        match &self.content {
            Content::Own(event) => summary(event),
            Content::Foreign { json, like, .. } => match like {
                Some(like) => summary(like),
                None => summary::of_json(json),
            },
            Content::Unreadable(reason) => format!("unreadable: {reason}"),
        }
    }
}

/// What is wrong with an event, without its place, which is told beside.
fn why(error: &Error) -> String {
    match error {
        Error::Undecodable { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

/// The name of an entry's kind, or its number.
pub(super) fn kind_name(entry: &LogEntry) -> String {
    entry
        .kind_name()
        .map_or_else(|| format!("kind {}", entry.kind_number()), str::to_owned)
}
