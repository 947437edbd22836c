//! One pass over the log, in the order of appending, up to where it ended when the pass began.

use crate::error::Result;
use crate::log::{EntryQuery, LogEntry, LogReader, Replay, request};

/// Which events are wanted: the filters of an [`EntryQuery`], checked on one entry at a time.
///
/// `limit` is not looked at.
#[derive(Debug, Clone)]
pub struct Selection {
    query: EntryQuery,
    /// Bounds of the instant, both included.
    instants: (i128, i128),
}

impl Selection {
    /// What `query` wants.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidQuery`](crate::Error::InvalidQuery) for a bound that is no time.
    pub fn new(query: &EntryQuery) -> Result<Self> {
        Ok(Self {
            instants: request::bounds(query.time_range.as_ref())?,
            query: query.clone(),
        })
    }

    /// Whether the entry is wanted. Nothing is decoded for it.
    #[must_use]
    pub fn takes(&self, entry: &LogEntry) -> bool {
        let wants = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        let EntryQuery {
            contracts,
            tenant_id,
            kinds,
            correlation_id,
            chain_id,
            artifact_id,
            ..
        } = &self.query;
        let named = |names: &[String], found: Option<&str>| {
            names.is_empty() || names.iter().any(|name| Some(name.as_str()) == found)
        };
        wants(tenant_id, entry.tenant_id())
            && wants(correlation_id, entry.correlation_id())
            && wants(chain_id, entry.chain_id())
            && wants(artifact_id, entry.artifact_id())
            && named(contracts, entry.contract())
            && named(kinds, entry.kind_name())
            && self.takes_instant(entry.instant_nanoseconds())
    }

    fn takes_instant(&self, instant: i128) -> bool {
        let (start, end) = self.instants;
        (start..=end).contains(&instant)
    }
}

/// Told now and then how many of how many events were read.
pub(super) type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// How many events lie between two reports of progress.
const REPORT: u64 = 4096;

/// The events of a log in the order of appending, up to its end when the pass began.
#[derive(Debug)]
pub struct Pass {
    replay: Replay,
    head: u64,
}

impl Pass {
    /// A pass over all that `log` holds now.
    ///
    /// # Errors
    ///
    /// Damage at the journal's end, or a closed log.
    pub fn new(log: &LogReader) -> Result<Self> {
        let head = log.head()?;
        Ok(Self {
            replay: log.replay(0)?,
            head,
        })
    }

    /// How many events the pass goes over.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.head
    }

    /// Hands every entry to `each`, and tells `progress` how far it has come.
    pub(super) fn each(
        self,
        progress: Progress<'_>,
        mut each: impl FnMut(&LogEntry),
    ) -> Result<u64> {
        let total = self.head;
        for entry in self {
            let entry = entry?;
            each(&entry);
            if entry.sequence() % REPORT == 0 {
                progress(entry.sequence(), total);
            }
        }
        progress(total, total);
        Ok(total)
    }
}

impl Iterator for Pass {
    type Item = Result<LogEntry>;

    fn next(&mut self) -> Option<Result<LogEntry>> {
        if self.replay.position() >= self.head {
            return None;
        }
        self.replay.next()
    }
}
