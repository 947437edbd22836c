//! What a log holds and takes, in numbers.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::event::kind_name;
use super::pass::{Pass, Progress};
use crate::error::Result;
use crate::log::{LogEntry, LogReader, time};

/// What a log holds and takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Statistics {
    /// The log's id, a UUID assigned at its creation.
    pub log_id: String,
    /// When the log was created, in UTC as RFC 3339.
    pub created_at: String,
    /// Events.
    pub events: u64,
    /// Runs: correlation ids, counted once in each tenant.
    pub runs: u64,
    /// The earliest `occurred_at`, in UTC as RFC 3339.
    pub oldest: Option<String>,
    /// The latest `occurred_at`, in UTC as RFC 3339.
    pub newest: Option<String>,
    /// When the last event was recorded.
    pub last_recorded_at: Option<String>,
    /// Segments of the journal.
    pub segments: u64,
    /// Segments that are complete and compressed.
    pub sealed_segments: u64,
    /// Bytes of the journal on disk, with what is filled ahead.
    pub journal_bytes: u64,
    /// Bytes of the trees on disk.
    pub tree_bytes: u64,
    /// Bytes of all events as stored, before compression.
    pub stored_bytes: u64,
    /// The same, for one event on average.
    pub bytes_per_event: f64,
    /// Bytes of journal and trees on disk, for one event on average.
    pub disk_bytes_per_event: f64,
    /// The largest event as stored.
    pub largest_event: u64,
    /// Events in memory that the trees do not have yet; `None` for a read-only handle.
    pub in_memory: Option<u64>,
    /// Blocks of the trees; `None` for a read-only handle.
    pub blocks: Option<u64>,
    /// Events by the name of their kind, in whatever contract.
    pub kinds: BTreeMap<String, u64>,
    /// Events by tenant, by name; `None` for those without.
    pub tenants: Vec<Count>,
    /// Events by day of their `occurred_at`, in UTC; those with a logical time as `logical`.
    pub days: BTreeMap<String, u64>,
}

/// Events of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Count {
    /// The tenant.
    pub tenant_id: Option<String>,
    /// Its events.
    pub events: u64,
}

/// Counts and measures a log in one pass. `progress` is told how many of how many events were read.
///
/// # Errors
///
/// Damage, a closed log, or an error of the file system.
pub fn statistics(log: &LogReader, progress: Progress<'_>) -> Result<Statistics> {
    let mut tally = Tally::default();
    let events = Pass::new(log)?.each(progress, |entry| tally.add(entry))?;
    let sizes = log.sizes()?;
    let per_event = |bytes: u64| {
        if events == 0 {
            return 0.0;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "an average of a log that exists"
        )]
        let average = bytes as f64 / events as f64;
        (average * 10.0).round() / 10.0
    };
    Ok(Statistics {
        log_id: sizes.log_id,
        created_at: sizes.created_at,
        events,
        runs: tally.runs.values().map(|runs| runs.len() as u64).sum(),
        oldest: tally
            .span
            .map(|(oldest, _)| time::format_nanoseconds(oldest)),
        newest: tally
            .span
            .map(|(_, newest)| time::format_nanoseconds(newest)),
        last_recorded_at: tally.last_recorded_at,
        segments: sizes.segments,
        sealed_segments: sizes.sealed_segments,
        journal_bytes: sizes.journal_bytes,
        tree_bytes: sizes.tree_bytes,
        stored_bytes: tally.stored_bytes,
        bytes_per_event: per_event(tally.stored_bytes),
        disk_bytes_per_event: per_event(sizes.journal_bytes + sizes.tree_bytes),
        largest_event: tally.largest_event,
        in_memory: sizes.in_memory,
        blocks: sizes.blocks,
        kinds: tally.kinds,
        tenants: tally
            .tenants
            .into_iter()
            .map(|(tenant_id, events)| Count { tenant_id, events })
            .collect(),
        days: tally
            .days
            .into_iter()
            .map(|(day, events)| (day_name(day), events))
            .collect(),
    })
}

/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;

#[derive(Debug, Default)]
struct Tally {
    kinds: BTreeMap<String, u64>,
    tenants: BTreeMap<Option<String>, u64>,
    days: BTreeMap<i128, u64>,
    runs: HashMap<Option<Box<str>>, std::collections::HashSet<Box<str>>>,
    span: Option<(i128, i128)>,
    last_recorded_at: Option<String>,
    stored_bytes: u64,
    largest_event: u64,
}

impl Tally {
    fn add(&mut self, entry: &LogEntry) {
        let known = entry.kind_name().and_then(|kind| self.kinds.get_mut(kind));
        match known {
            Some(count) => *count += 1,
            None => *self.kinds.entry(kind_name(entry)).or_default() += 1,
        }
        let tenant = entry.tenant_id().map(str::to_owned);
        if let Some(run) = entry.correlation_id() {
            let runs = self
                .runs
                .entry(tenant.as_deref().map(Into::into))
                .or_default();
            if !runs.contains(run) {
                runs.insert(run.into());
            }
        }
        *self.tenants.entry(tenant).or_default() += 1;
        let instant = entry.instant_nanoseconds();
        let day = if time::is_logical(instant) {
            i128::MIN
        } else {
            instant.div_euclid(DAY)
        };
        *self.days.entry(day).or_default() += 1;
        self.span = Some(self.span.map_or((instant, instant), |(oldest, newest)| {
            (oldest.min(instant), newest.max(instant))
        }));
        let bytes = entry.stored_bytes() as u64;
        self.stored_bytes += bytes;
        self.largest_event = self.largest_event.max(bytes);
        self.last_recorded_at = Some(entry.recorded_at_text());
    }
}

fn day_name(day: i128) -> String {
    if day == i128::MIN {
        return "logical".to_owned();
    }
    let text = time::format_nanoseconds(day * DAY);
    match text.split_once('T') {
        Some((date, _)) => date.to_owned(),
        None => text,
    }
}
