//! One event whole: where it stands, its hashes, and its neighbours.

use serde::Serialize;

use super::event::{Event, kind_name};
use super::runs::microseconds;
use crate::contract::experience_store::EventQuery;
use crate::error::Result;
use crate::log::{LogEntry, LogReader, ScanOptions};

use super::pass::Pass;

/// One event whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EventDetail {
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// BLAKE3 of its stored bytes, in hexadecimal digits.
    pub content_hash: String,
    /// The journal's hash behind the commit that holds it: it covers that commit and all before it.
    pub chain_hash: String,
    /// The first sequence number of its segment, which names the segment's file.
    pub segment: u64,
    /// Where its commit begins in the segment, in bytes before compression.
    pub offset: u64,
    /// The first sequence number of its commit.
    pub commit_first_sequence: u64,
    /// The events of its commit.
    pub commit_events: u32,
    /// The event before it in its run, in the order of time.
    pub previous: Option<Neighbour>,
    /// The event after it.
    pub next: Option<Neighbour>,
}

/// An event beside another in its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Neighbour {
    /// Where it stands in the log.
    pub sequence: u64,
    /// Its id.
    pub event_id: String,
    /// Its kind.
    pub kind: String,
    /// What lies between the two, in microseconds.
    pub apart_us: u64,
}

/// The events of this id, one for each tenant that has it; only that of `tenant`, if one is named. An id that
/// is a number, or `#` and a number, and is no event's id, is taken for a sequence number.
///
/// # Errors
///
/// Damage, or a closed log. An event that is not there is an empty answer.
pub fn event(log: &LogReader, tenant: Option<&str>, id: &str) -> Result<Vec<EventDetail>> {
    let mut found = Vec::new();
    for entry in Pass::new(log)? {
        let entry = entry?;
        let of_tenant = tenant.is_none() || tenant == entry.tenant_id();
        if of_tenant && entry.event_id() == id {
            found.push(entry);
        }
    }
    let number = id.strip_prefix('#').unwrap_or(id).parse::<u64>();
    if let (true, Ok(sequence)) = (found.is_empty(), number)
        && sequence < log.head()?
    {
        let entry = log.replay(sequence)?.next().transpose()?;
        found.extend(entry.filter(|entry| tenant.is_none() || tenant == entry.tenant_id()));
    }
    found.iter().map(|entry| detail(log, entry)).collect()
}

fn detail(log: &LogReader, entry: &LogEntry) -> Result<EventDetail> {
    let commit = log.commit_of(entry.sequence())?;
    let (previous, next) = neighbours(log, entry)?;
    let commit = commit.as_ref();
    Ok(EventDetail {
        event: Event::new(entry),
        content_hash: hexadecimal(&entry.content_hash()),
        chain_hash: commit.map_or_else(String::new, |commit| hexadecimal(&commit.chain_hash)),
        segment: commit.map_or(0, |commit| commit.segment),
        offset: commit.map_or(0, |commit| commit.offset),
        commit_first_sequence: commit.map_or(0, |commit| commit.first_sequence),
        commit_events: commit.map_or(0, |commit| commit.events),
        previous,
        next,
    })
}

/// The events before and after `entry` in its run; none, if it belongs to no run.
fn neighbours(log: &LogReader, entry: &LogEntry) -> Result<(Option<Neighbour>, Option<Neighbour>)> {
    let Some(correlation_id) = entry.correlation_id() else {
        return Ok((None, None));
    };
    let mut query = EventQuery::new().correlation(correlation_id);
    query.tenant_id = entry.tenant_id().map(str::to_owned);
    let beside = |options: ScanOptions| -> Result<Option<Neighbour>> {
        // An untagged event has a neighbour without a tenant; a query for no tenant takes every one.
        for found in log.scan(&query, options.after(entry.cursor()))? {
            let found = found?;
            if found.tenant_id() == entry.tenant_id() {
                return Ok(Some(neighbour(entry, &found)));
            }
        }
        Ok(None)
    };
    Ok((
        beside(ScanOptions::newest_first())?,
        beside(ScanOptions::oldest_first())?,
    ))
}

fn neighbour(entry: &LogEntry, other: &LogEntry) -> Neighbour {
    let (one, two) = (entry.instant_nanoseconds(), other.instant_nanoseconds());
    Neighbour {
        sequence: other.sequence(),
        event_id: other.event_id().to_owned(),
        kind: kind_name(other),
        apart_us: microseconds(one.min(two), one.max(two)),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
