//! An event as one JSON object: what `import` reads. One of another contract has what the log knows of it around
//! its own JSON.

use std::io::Write;

use experience_log::{ForeignEvent, LogEntry, Payload};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::output::json;

/// What the log knows of the event, in the order of its members.
#[derive(Serialize)]
struct Around<'a> {
    contract: &'a str,
    kind: &'a str,
    event_id: &'a str,
    occurred_at: String,
    tenant_id: Option<&'a str>,
    correlation_id: Option<&'a str>,
    chain_id: Option<&'a str>,
    artifact_id: Option<&'a str>,
    trace_link_id: Option<&'a str>,
}

/// Writes the event as one object on one line, without an end of line.
pub(crate) fn write(
    output: &mut impl Write,
    entry: &LogEntry,
    for_terminal: bool,
) -> Result<(), Failure> {
    write_payload(output, entry, &entry.payload()?, for_terminal)
}

/// The same of an event whose payload was read already.
pub(crate) fn write_payload(
    output: &mut impl Write,
    entry: &LogEntry,
    payload: &Payload<'_>,
    for_terminal: bool,
) -> Result<(), Failure> {
    match payload {
        Payload::Own(envelope) => json::write(output, envelope, for_terminal),
        Payload::Foreign {
            contract,
            kind,
            json,
        } => write_foreign(output, entry, (contract, kind, json), for_terminal),
    }
}

fn write_foreign(
    output: &mut impl Write,
    entry: &LogEntry,
    (contract, kind, payload): (&str, &str, &str),
    for_terminal: bool,
) -> Result<(), Failure> {
    let around = Around {
        contract,
        kind,
        event_id: entry.event_id(),
        occurred_at: entry.instant_text(),
        tenant_id: entry.tenant_id(),
        correlation_id: entry.correlation_id(),
        chain_id: entry.chain_id(),
        artifact_id: entry.artifact_id(),
        trace_link_id: entry.trace_link_id(),
    };
    let mut line = Vec::new();
    json::write(&mut line, &around, for_terminal)?;
    // In place of the closing brace.
    line.pop();
    line.extend_from_slice(br#","payload":"#);
    output.write_all(&line).map_err(Failure::output)?;
    json::write_text(output, payload, for_terminal)?;
    output.write_all(b"}").map_err(Failure::output)
}

/// The same, read back.
#[derive(Debug, Deserialize)]
pub(crate) struct ForeignLine {
    contract: String,
    kind: String,
    event_id: String,
    occurred_at: String,
    tenant_id: Option<String>,
    correlation_id: Option<String>,
    chain_id: Option<String>,
    artifact_id: Option<String>,
    trace_link_id: Option<String>,
    payload: Box<RawValue>,
}

impl ForeignLine {
    /// The event that the line tells of.
    pub(crate) fn event(&self) -> ForeignEvent<'_> {
        let mut event = ForeignEvent::new(
            &self.contract,
            &self.kind,
            &self.event_id,
            &self.occurred_at,
            self.payload.get(),
        );
        event.tenant_id = self.tenant_id.as_deref();
        event.correlation_id = self.correlation_id.as_deref();
        event.chain_id = self.chain_id.as_deref();
        event.artifact_id = self.artifact_id.as_deref();
        event.trace_link_id = self.trace_link_id.as_deref();
        event
    }
}
