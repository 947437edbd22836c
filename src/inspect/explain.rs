//! How a query is answered, and what that took.

use serde::Serialize;

use crate::error::Result;
use crate::log::{EntryQuery, LogReader, ScanOptions};
use crate::{AccessPath, Order};

/// The plan of a query and the work it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explained {
    /// The plan in one line.
    pub plan: String,
    /// Where results are looked for: `nothing`, `postings`, `time_range` or `journal`.
    pub access: &'static str,
    /// The indexes whose postings narrow the search.
    pub indexes: Vec<&'static str>,
    /// Conditions checked on each event found.
    pub checks: Vec<&'static str>,
    /// `oldest_first` or `newest_first`.
    pub order: &'static str,
    /// The most results given.
    pub limit: Option<usize>,
    /// Blocks of the trees that would be opened if every result was taken.
    pub blocks_planned: usize,
    /// Events in memory that are looked at there.
    pub in_memory: usize,
    /// Events in the log.
    pub events: u64,
    /// Blocks of the trees that were read.
    pub blocks_read: u64,
    /// Commits of the journal that were read.
    pub commits_read: u64,
    /// Bytes of these commits, before compression.
    pub bytes_read: u64,
    /// Events that were looked at.
    pub events_checked: u64,
    /// Events that were found.
    pub found: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// Answers `query`, and tells how and what it took.
///
/// # Errors
///
/// [`Error::InvalidQuery`](crate::Error::InvalidQuery) for a bound that is no time; damage.
pub fn explain(log: &LogReader, query: &EntryQuery, options: ScanOptions) -> Result<Explained> {
    let plan = log.explain_entries(query, options)?;
    let started = std::time::Instant::now();
    let mut scan = log.scan_entries(query, options)?;
    let mut found = 0;
    for entry in scan.by_ref() {
        entry?;
        found += 1;
    }
    let took = started.elapsed();
    let work = scan.work();
    let (access, indexes) = match &plan.access {
        AccessPath::Nothing => ("nothing", Vec::new()),
        AccessPath::Postings(indexes) => ("postings", indexes.clone()),
        AccessPath::TimeRange => ("time_range", Vec::new()),
        AccessPath::Journal => ("journal", Vec::new()),
    };
    Ok(Explained {
        plan: plan.to_string(),
        access,
        indexes,
        checks: plan.checks,
        order: match plan.order {
            Order::OldestFirst => "oldest_first",
            Order::NewestFirst => "newest_first",
        },
        limit: plan.limit,
        blocks_planned: plan.blocks,
        in_memory: plan.in_memory,
        events: log.head()?,
        blocks_read: work.blocks_read,
        commits_read: work.commits_read,
        bytes_read: work.bytes_read,
        events_checked: work.events_checked + work.from_memory,
        found,
        took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    })
}
