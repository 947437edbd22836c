//! The reading side of a log.

use std::path::Path;
use std::sync::Arc;

use super::artifact::{self, Artifact};
use super::commit::Commit;
use super::entry::LogEntry;
use super::entry_query::EntryQuery;
use super::follow::{Follow, Replay};
use super::request;
use super::scan::{Scan, ScanOptions};
use super::stats::{Sizes, Stats};
use super::{admit, kind_code};
use crate::contract::experience_store::{
    ArtifactQuery, EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind,
};
use crate::contract::kernel_boundary::TraceLink;
use crate::error::Result;
use crate::store::copy;
use crate::store::look::Look;
use crate::store::query::filter::{Contracts, Wanted};
use crate::store::query::plan::Explanation;
use crate::store::query::range::{Order, Range};
use crate::store::reader::{Request, StoreReader};
use crate::store::verify::{self, Verification};

/// A handle that can read a log and cannot write it.
///
/// [`LogReader::open`] looks at a log that another process may be writing, without its lock: it reads the
/// journal, so a query costs a pass over it. A reader made by
/// [`ExperienceLog::reader`](crate::ExperienceLog::reader) uses the trees.
#[derive(Debug, Clone)]
pub struct LogReader {
    pub(crate) store: StoreReader,
}

impl LogReader {
    /// Looks at the log in `path`, which somebody may be writing. Nothing is changed.
    ///
    /// It sees every whole commit in the journal, also one that its writer has not synced yet: after a
    /// power cut, an event that was seen but never acknowledged may be gone.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchLog`](crate::Error::NoSuchLog), [`Error::NotALog`](crate::Error::NotALog) or
    /// [`Error::NewerFormat`](crate::Error::NewerFormat). Damage of the journal is told by what reads it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            store: StoreReader::Look(Arc::new(Look::open(path.as_ref())?)),
        })
    }

    /// How many events there are. The next one gets this sequence number.
    ///
    /// # Errors
    ///
    /// Damage at the journal's end, or a closed log.
    pub fn head(&self) -> Result<u64> {
        self.store.head()
    }

    /// The events that `query` asks for: by instant, then in the order of appending. Events of other contracts
    /// are not among them, nor counted by its limit.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidQuery`](crate::Error::InvalidQuery) for a bound that is no time; damage.
    pub fn query(&self, query: &EventQuery) -> Result<Vec<ExperienceEventEnvelope>> {
        self.scan_own(query, ScanOptions::oldest_first())?
            .into_envelopes()
    }

    pub(crate) fn scan_own(&self, query: &EventQuery, options: ScanOptions) -> Result<Scan> {
        let mut request = request::request(query, options)?;
        request.wanted.contract = Contracts::Own;
        Ok(Scan {
            inner: self.store.scan(request)?,
        })
    }

    /// The entries that `query` asks for, one by one, in either order, from a cursor on. `query.limit` holds for
    /// the scan. Without `query.kinds`, events of other contracts are among them.
    ///
    /// # Errors
    ///
    /// As for [`query`](Self::query); what is found later comes as an item.
    pub fn scan(&self, query: &EventQuery, options: ScanOptions) -> Result<Scan> {
        Ok(Scan {
            inner: self.store.scan(request::request(query, options)?)?,
        })
    }

    /// The entries of whatever contract that `query` asks for, one by one, in either order, from a cursor on.
    ///
    /// # Errors
    ///
    /// As for [`query`](Self::query); what is found later comes as an item.
    pub fn scan_entries(&self, query: &EntryQuery, options: ScanOptions) -> Result<Scan> {
        Ok(Scan {
            inner: self.store.scan(request::entries(query, options)?)?,
        })
    }

    /// How [`scan`](Self::scan) would find the same.
    ///
    /// # Errors
    ///
    /// As for [`query`](Self::query).
    pub fn explain(&self, query: &EventQuery, options: ScanOptions) -> Result<Explanation> {
        self.store.explain(request::request(query, options)?)
    }

    /// How [`scan_entries`](Self::scan_entries) would find the same.
    ///
    /// # Errors
    ///
    /// As for [`query`](Self::query).
    pub fn explain_entries(&self, query: &EntryQuery, options: ScanOptions) -> Result<Explanation> {
        self.store.explain(request::entries(query, options)?)
    }

    /// All events in the order of appending, from the sequence number `from` on.
    ///
    /// # Errors
    ///
    /// A closed log; damage comes as an item.
    pub fn replay(&self, from: u64) -> Result<Replay> {
        Ok(Replay {
            inner: self.store.replay(from)?,
        })
    }

    /// The same, and then what is appended later: each event once, in order.
    ///
    /// # Errors
    ///
    /// As for [`replay`](Self::replay).
    pub fn follow(&self, from: u64) -> Result<Follow> {
        Ok(Follow {
            inner: self.store.replay(from)?,
            ended: false,
        })
    }

    /// The event of this id in this tenant.
    ///
    /// # Errors
    ///
    /// Damage, or a closed log.
    pub fn get(&self, tenant_id: Option<&str>, event_id: &str) -> Result<Option<LogEntry>> {
        Ok(self
            .store
            .find_event(tenant_id, event_id)?
            .map(LogEntry::new))
    }

    /// The trace link that was recorded last under this id.
    ///
    /// # Errors
    ///
    /// Damage, or a closed log.
    pub fn get_trace_link(&self, trace_link_id: &str) -> Result<Option<TraceLink>> {
        let found = self
            .store
            .latest_trace_link(trace_link_id, &Contracts::Own)?;
        let Some(hit) = found else {
            return Ok(None);
        };
        let envelope = admit::decode(&hit.record, hit.position.sequence)?;
        Ok(match envelope.event {
            ExperienceEvent::TraceLinkRecorded { trace_link, .. } => Some(trace_link),
            _ => None,
        })
    }

    /// The event of `contract` that was recorded last under this trace link's id.
    ///
    /// # Errors
    ///
    /// Damage, or a closed log.
    pub fn find_trace_link(&self, contract: &str, trace_link_id: &str) -> Result<Option<LogEntry>> {
        let contracts = Contracts::Named(vec![contract.to_owned()]);
        Ok(self
            .store
            .latest_trace_link(trace_link_id, &contracts)?
            .map(LogEntry::new))
    }

    /// The artifacts that `query` asks for, by tenant and id.
    ///
    /// # Errors
    ///
    /// Damage, or a closed log.
    pub fn query_artifacts(&self, query: &ArtifactQuery) -> Result<Vec<Artifact>> {
        let kinds = [
            ExperienceEventKind::ArtifactStateTransitioned,
            ExperienceEventKind::ArtifactRollbackRecorded,
        ];
        let request = Request {
            wanted: Wanted {
                tenant: query.tenant_id.clone(),
                kinds: kinds.map(kind_code::wanted).to_vec(),
                artifact: query.artifact_id.clone(),
                ..Wanted::default()
            },
            range: Range::ALL,
            order: Order::OldestFirst,
            limit: None,
        };
        artifact::collect(
            Scan {
                inner: self.store.scan(request)?,
            },
            query,
        )
    }

    /// Counts and sizes. A read-only handle reads the whole journal for them.
    ///
    /// # Errors
    ///
    /// Damage, a closed log, or an error of the file system.
    pub fn stats(&self) -> Result<Stats> {
        Ok(Stats::new(self.store.format(), self.store.stats()?))
    }

    /// Sizes on disk and in memory, told without reading the events.
    ///
    /// # Errors
    ///
    /// A closed log, or an error of the file system.
    pub fn sizes(&self) -> Result<Sizes> {
        Ok(Sizes::new(self.store.format(), &self.store.sizes()?))
    }

    /// Copies the record of the log, which is its journal, to a new directory: a log of its own, whose trees
    /// its first opening makes. Somebody may be writing the log meanwhile: the copy holds whole commits, at
    /// least those that are there now. It is not synced.
    ///
    /// # Errors
    ///
    /// [`Error::NotALog`](crate::Error::NotALog) if the directory is not empty; an error of the file system.
    pub fn copy_to(&self, path: impl AsRef<Path>) -> Result<()> {
        copy::copy(
            self.store.layout(),
            self.store.format().log_id,
            path.as_ref(),
        )
    }

    /// The commit that event `sequence` was appended in; `None` if there is no such event.
    ///
    /// # Errors
    ///
    /// Damage, or a closed log.
    pub fn commit_of(&self, sequence: u64) -> Result<Option<Commit>> {
        Ok(self.store.frame_of(sequence)?.as_ref().map(Commit::new))
    }

    /// Reads everything again and compares journal, hashes and trees. Nothing is changed: a read-only
    /// handle compares a copy of the trees, made in the system's folder for temporary files.
    ///
    /// # Errors
    ///
    /// An error of the file system. Damage is not an error here: it is in the answer.
    pub fn verify(&self) -> Result<Verification> {
        self.verify_with(&mut |_, _| {})
    }

    /// The same, telling `progress` how many of how many events were read.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify).
    pub fn verify_with(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification> {
        verify::verify(&self.store, &admit::check_record, progress)
    }
}
