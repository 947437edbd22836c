//! A scan of the log: lazy, in either order, from a cursor on.

use super::admit;
use super::entry::{LogEntry, ScanCursor};
use crate::contract::experience_store::ExperienceEventEnvelope;
use crate::error::Result;
use crate::store::query::range::Order;
use crate::store::query::scan::ScanWork;
use crate::store::reader;

/// Room for envelopes that is made before any was seen.
const MOST_AT_FIRST: usize = 256;

/// How a scan goes: in which order, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "options do nothing until they are given to `scan`"]
pub struct ScanOptions {
    pub(crate) order: Order,
    pub(crate) after: Option<ScanCursor>,
}

impl ScanOptions {
    /// By instant, then in the order of appending.
    pub fn oldest_first() -> Self {
        Self::default()
    }

    /// The same order backwards.
    pub fn newest_first() -> Self {
        Self {
            order: Order::NewestFirst,
            after: None,
        }
    }

    /// Starts behind the event that gave the cursor, in the order of the scan.
    pub fn after(mut self, cursor: ScanCursor) -> Self {
        self.after = Some(cursor);
        self
    }
}

/// The results of a scan, one by one. It sees the log as it was when it began.
#[derive(Debug)]
pub struct Scan {
    pub(crate) inner: reader::Scan,
}

impl Scan {
    /// What was read to give the results so far.
    #[must_use]
    pub fn work(&self) -> ScanWork {
        self.inner.work()
    }

    /// The envelopes of all that is still to come, as [`LogEntry::envelope`] gives each.
    ///
    /// # Errors
    ///
    /// What an item of the scan would tell; [`Error::ForeignEvent`](crate::Error::ForeignEvent) for an event of another
    /// contract.
    pub fn into_envelopes(mut self) -> Result<Vec<ExperienceEventEnvelope>> {
        // Envelopes are large: a vector that grows would copy them again and again.
        let room = self.inner.estimate().min(MOST_AT_FIRST);
        let mut envelopes = Vec::with_capacity(room);
        while let Some(hit) = self.inner.look_at_next()? {
            envelopes.push(admit::decode(&hit.record, hit.position.sequence)?);
        }
        Ok(envelopes)
    }
}

impl Iterator for Scan {
    type Item = Result<LogEntry>;

    fn next(&mut self) -> Option<Result<LogEntry>> {
        self.inner
            .next()
            .map(|hit| hit.map(LogEntry::new))
            .transpose()
    }
}
