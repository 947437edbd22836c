//! What a peer stores of an event: its bytes, and the columns it is found by.

use anyhow::{Context, Result};
use experience_log::{ExperienceEvent, ExperienceEventEnvelope, codec};
use jiff::Timestamp;

/// The columns of an event.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Row<'a> {
    pub tenant: &'a str,
    pub id: &'a str,
    /// Nanoseconds since 1970.
    pub instant: i64,
    pub kind: u8,
    pub correlation: Option<&'a str>,
    pub chain: Option<&'a str>,
    /// The id of the trace link that the event records.
    pub link: Option<&'a str>,
    pub payload: Vec<u8>,
}

impl<'a> Row<'a> {
    /// Encodes `event` with the crate's own codec, as every contestant does.
    ///
    /// # Errors
    ///
    /// An event that cannot be encoded, or a time that is none.
    pub fn new(event: &'a ExperienceEventEnvelope) -> Result<Self> {
        Ok(Self {
            tenant: event.tenant_id.as_deref().unwrap_or_default(),
            id: &event.event_id,
            instant: instant(&event.occurred_at)?,
            kind: event.event.kind() as u8,
            correlation: event.correlation_id.as_deref(),
            chain: event.event.chain_id(),
            link: match &event.event {
                ExperienceEvent::TraceLinkRecorded { trace_link_id, .. } => Some(trace_link_id),
                _ => None,
            },
            payload: codec::encode(event)?,
        })
    }
}

/// The nanoseconds since 1970 of an RFC 3339 time.
///
/// # Errors
///
/// A text that is no time.
pub fn instant(text: &str) -> Result<i64> {
    let time: Timestamp = text.parse()?;
    i64::try_from(time.as_nanosecond()).context("a time beyond 2262")
}
