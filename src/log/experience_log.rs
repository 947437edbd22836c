//! The log, open for reading and writing.

use std::path::Path;
use std::sync::Arc;

use super::admit::{self, Rules};
use super::artifact::Artifact;
use super::capability::{Appender, Replayer};
use super::entry::LogEntry;
use super::entry_query::EntryQuery;
use super::follow::{Follow, Replay};
use super::foreign::{self, ForeignEvent};
use super::options::Options;
use super::outcome::{Appended, BatchOutcome};
use super::reader::LogReader;
use super::scan::{Scan, ScanOptions};
use super::stats::Stats;
use crate::contract::experience_store::{
    ArtifactKind, ArtifactQuery, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
};
use crate::contract::governed_artifact::LifecycleEvent;
use crate::contract::kernel_boundary::TraceLink;
use crate::error::Result;
use crate::store::append::Placed;
use crate::store::handle::Store;
use crate::store::prepare::Prepared;
use crate::store::query::plan::Explanation;
use crate::store::reader::StoreReader;
use crate::store::recover::Recovery;
use crate::store::verify::Verification;

/// An append-only log of agent events in a directory.
///
/// One process at a time writes a log; clones of the handle share it and may be used from any thread. The
/// log is closed by [`close`](Self::close), or with its last handle.
///
/// ```
/// use experience_log::{EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceLog};
///
/// let folder = tempfile::tempdir()?;
/// let log = ExperienceLog::open(folder.path().join("agent.log"))?;
/// let event = ExperienceEvent::BudgetExceeded {
///     chain_id: "chain-1".into(),
///     resource: "tokens".into(),
///     limit: "1024".into(),
///     observed: Some("2048".into()),
/// };
/// log.append(&ExperienceEventEnvelope::recorded_now(event).with_correlation("run-7"))?;
///
/// let run = log.query(&EventQuery::new().correlation("run-7"))?;
/// assert_eq!(run.len(), 1);
/// log.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ExperienceLog {
    pub(crate) store: Store,
    reader: LogReader,
    rules: Rules,
}

impl ExperienceLog {
    /// Opens the log in the directory `path` with default options, creating it if there is none.
    ///
    /// # Errors
    ///
    /// As for [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(path)
    }

    /// Options for opening a log.
    pub fn options() -> Options {
        Options::default()
    }

    pub(crate) fn open_with(path: &Path, options: &Options) -> Result<Self> {
        let store = Store::open(path, options.store)?;
        let reader = LogReader {
            store: StoreReader::Live(Arc::clone(store.shared())),
        };
        Ok(Self {
            store,
            reader,
            rules: options.rules,
        })
    }

    /// What opening the log found and did. Waits until the index trees are open, which the first appends need not.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        self.store.shared().recovery()
    }

    /// Appends one event and returns once it is as durable as the options say.
    ///
    /// # Errors
    ///
    /// - Refused, the log being as before: [`Error::InvalidIdentifier`](crate::Error::InvalidIdentifier),
    ///   [`Error::InvalidTimestamp`](crate::Error::InvalidTimestamp),
    ///   [`Error::EventTooLarge`](crate::Error::EventTooLarge),
    ///   [`Error::Conflict`](crate::Error::Conflict), [`Error::Unencodable`](crate::Error::Unencodable).
    /// - The end of writing by this handle: [`Error::Io`](crate::Error::Io) for the caller that met it,
    ///   [`Error::Poisoned`](crate::Error::Poisoned) from then on. The event may or may not be there
    ///   after the log is reopened; appending it again is safe.
    pub fn append(&self, event: &ExperienceEventEnvelope) -> Result<Appended> {
        let placed = self
            .store
            .append(self.prepare(std::slice::from_ref(event))?)?;
        // One event gives one answer.
        placed.first().map(appended).ok_or(crate::Error::Closed)
    }

    /// Appends all events or none, also across a crash. Those that are written get consecutive sequence
    /// numbers.
    ///
    /// # Errors
    ///
    /// As for [`append`](Self::append), and [`Error::BatchTooLarge`](crate::Error::BatchTooLarge) for
    /// more than 256 MiB, [`Error::ConflictInBatch`](crate::Error::ConflictInBatch) for an id that
    /// stands twice in it.
    pub fn append_batch(&self, events: &[ExperienceEventEnvelope]) -> Result<BatchOutcome> {
        Ok(outcome(&self.store.append(self.prepare(events)?)?))
    }

    /// Appends events of another contract, all or none, in every other respect as
    /// [`append_batch`](Self::append_batch) does.
    ///
    /// An event is the same as a recorded one if contract, kind, instant, run and JSON are.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn append_foreign(&self, events: &[ForeignEvent<'_>]) -> Result<BatchOutcome> {
        let prepared = foreign::admit(events, self.rules, &self.store.shared().hasher)?;
        Ok(outcome(&self.store.append(prepared)?))
    }

    /// Records a transition of an artifact's state as a new event: its id is a fresh `UUIDv7`, its time and
    /// tenant are those of `event`.
    ///
    /// # Errors
    ///
    /// As for [`append`](Self::append).
    pub fn write_artifact_state_transition(
        &self,
        artifact_id: &str,
        artifact_kind: ArtifactKind,
        event: LifecycleEvent,
    ) -> Result<Appended> {
        let (occurred_at, tenant_id) = (event.timestamp.clone(), event.tenant_id.clone());
        let event = ExperienceEvent::ArtifactStateTransitioned {
            artifact_id: artifact_id.to_owned(),
            artifact_kind,
            event,
        };
        let envelope = ExperienceEventEnvelope::recorded_now(event).with_timestamp(occurred_at);
        self.append(&ExperienceEventEnvelope {
            tenant_id,
            ..envelope
        })
    }

    pub(crate) fn prepare(&self, events: &[ExperienceEventEnvelope]) -> Result<Prepared> {
        admit::admit(events, self.rules, &self.store.shared().hasher)
    }

    /// Makes every event durable and brings those in memory into the trees.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) or [`Error::Poisoned`](crate::Error::Poisoned), if that fails.
    pub fn flush(&self) -> Result<()> {
        self.store.flush()
    }

    /// Makes new trees from the journal, in place of those that there are. Reads and appends go on
    /// meanwhile. Events that are still in memory stay there: see [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// Damage of the journal, or an error of the file system: the old trees go on serving then.
    pub fn rebuild_trees(&self) -> Result<()> {
        self.store.rebuild_trees()
    }

    /// Closes the log for all its handles: makes every event durable, notes where the journal ends, and
    /// lets go of the lock. Later calls, by any handle, give [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io), if the events could not be made durable. The log is closed all the
    /// same.
    pub fn close(self) -> Result<()> {
        self.store.close()
    }

    /// A handle that can append and nothing else.
    #[must_use]
    pub fn appender(&self) -> Appender {
        Appender::new(self.clone())
    }

    /// A handle that can read and nothing else, with the contract's trait.
    #[must_use]
    pub fn replayer(&self) -> Replayer {
        Replayer::new(self.reader.clone())
    }

    /// A handle that can read and nothing else. It does not keep the log open.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        self.reader.clone()
    }

    /// As [`LogReader::head`].
    ///
    /// # Errors
    ///
    /// [`Error::Closed`](crate::Error::Closed).
    pub fn head(&self) -> Result<u64> {
        self.reader.head()
    }

    /// As [`LogReader::query`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn query(&self, query: &EventQuery) -> Result<Vec<ExperienceEventEnvelope>> {
        self.reader.query(query)
    }

    /// As [`LogReader::scan`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn scan(&self, query: &EventQuery, options: ScanOptions) -> Result<Scan> {
        self.reader.scan(query, options)
    }

    /// As [`LogReader::scan_entries`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn scan_entries(&self, query: &EntryQuery, options: ScanOptions) -> Result<Scan> {
        self.reader.scan_entries(query, options)
    }

    /// As [`LogReader::explain`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn explain(&self, query: &EventQuery, options: ScanOptions) -> Result<Explanation> {
        self.reader.explain(query, options)
    }

    /// As [`LogReader::replay`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn replay(&self, from: u64) -> Result<Replay> {
        self.reader.replay(from)
    }

    /// As [`LogReader::follow`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn follow(&self, from: u64) -> Result<Follow> {
        self.reader.follow(from)
    }

    /// As [`LogReader::get`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn get(&self, tenant_id: Option<&str>, event_id: &str) -> Result<Option<LogEntry>> {
        self.reader.get(tenant_id, event_id)
    }

    /// As [`LogReader::get_trace_link`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn get_trace_link(&self, trace_link_id: &str) -> Result<Option<TraceLink>> {
        self.reader.get_trace_link(trace_link_id)
    }

    /// As [`LogReader::query_artifacts`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn query_artifacts(&self, query: &ArtifactQuery) -> Result<Vec<Artifact>> {
        self.reader.query_artifacts(query)
    }

    /// As [`LogReader::stats`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn stats(&self) -> Result<Stats> {
        self.reader.stats()
    }

    /// As [`LogReader::verify`], with the trees themselves instead of a copy.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn verify(&self) -> Result<Verification> {
        self.reader.verify()
    }
}

pub(crate) fn outcome(placed: &[Placed]) -> BatchOutcome {
    BatchOutcome {
        events: placed.iter().map(appended).collect(),
    }
}

fn appended(placed: &Placed) -> Appended {
    Appended {
        sequence: placed.sequence,
        already_present: !placed.written,
    }
}
