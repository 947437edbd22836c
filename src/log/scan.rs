//! A scan of the log: lazy, in either order, from a cursor on.

use super::entry::{LogEntry, ScanCursor};
use crate::error::Result;
use crate::store::query::range::Order;
use crate::store::query::scan::ScanWork;
use crate::store::reader;

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
