//! An event, as far as this build can read it.

use serde::{Serialize, Serializer};

use crate::contract::experience_store::{ExperienceEvent, ExperienceEventEnvelope};
use crate::log::LogEntry;

/// An event of the log with where it stands, as far as this build can read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Where it stands in the log.
    pub sequence: u64,
    /// Its id, unique within its tenant.
    pub event_id: String,
    /// Its kind; `kind 37` for one that this build does not know.
    pub kind: String,
    /// Its tenant.
    pub tenant_id: Option<String>,
    /// Its run.
    pub correlation_id: Option<String>,
    /// The chain it carries.
    pub chain_id: Option<String>,
    /// When it happened, as recorded; in UTC where the event cannot be decoded.
    pub occurred_at: String,
    /// The same, in UTC as RFC 3339.
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
    /// An event of the contract. As JSON: `"event": {"type": …, "data": …}`.
    Known(Box<ExperienceEvent>),
    /// Something this build cannot decode, and why. As JSON: `"event": null, "unreadable": …`.
    Unreadable(String),
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Known(event) => map.serialize_entry("event", event)?,
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
        let (occurred_at, content) = match entry.envelope() {
            Ok(envelope) => (
                envelope.occurred_at,
                Content::Known(Box::new(envelope.event)),
            ),
            Err(error) => (instant.clone(), Content::Unreadable(error.to_string())),
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

    /// What happened, if this build can decode it.
    #[must_use]
    pub fn known(&self) -> Option<&ExperienceEvent> {
        match &self.content {
            Content::Known(event) => Some(event),
            Content::Unreadable(_) => None,
        }
    }

    /// The envelope as it was appended, if this build can decode it.
    #[must_use]
    pub fn envelope(&self) -> Option<ExperienceEventEnvelope> {
        Some(ExperienceEventEnvelope {
            event_id: self.event_id.clone(),
            occurred_at: self.occurred_at.clone(),
            tenant_id: self.tenant_id.clone(),
            correlation_id: self.correlation_id.clone(),
            event: self.known()?.clone(),
        })
    }

    /// What to know about it at a glance, in one line of any length.
    #[must_use]
    pub fn summary(&self) -> String {
        match &self.content {
            Content::Known(event) => super::summary(event),
            Content::Unreadable(reason) => format!("unreadable: {reason}"),
        }
    }
}

/// The name of an entry's kind, or its number.
pub(super) fn kind_name(entry: &LogEntry) -> String {
    entry.kind().map_or_else(
        || format!("kind {}", entry.kind_number()),
        |kind| kind.to_string(),
    )
}
