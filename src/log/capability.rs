//! The contract's traits, and handles that have one capability only.

use std::future::Future;

use super::experience_log::{ExperienceLog, outcome};
use super::outcome::BatchOutcome;
use super::reader::LogReader;
use super::scan::ScanOptions;
#[expect(
    deprecated,
    reason = "the contract still offers the trait it deprecates"
)]
use crate::contract::experience_store::ExperienceStore;
use crate::contract::experience_store::{
    ArtifactKind, EventQuery, ExperienceAppender, ExperienceEventEnvelope, ExperienceReplayer,
    ExperienceStoreResult, ReplayBatch, ReplayCursor, ReplayOptions, StoreError,
};
use crate::contract::governed_artifact::LifecycleEvent;
use crate::contract::kernel_boundary::TraceLink;
use crate::error::{Error, Result};

/// Events of a replay batch, unless the options say otherwise.
const DEFAULT_BATCH: usize = 1000;

/// A handle that can append to a log and cannot read it.
#[derive(Debug, Clone)]
pub struct Appender {
    log: ExperienceLog,
}

impl Appender {
    pub(crate) fn new(log: ExperienceLog) -> Self {
        Self { log }
    }

    /// As [`ExperienceLog::append_batch`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn append_batch(&self, events: &[ExperienceEventEnvelope]) -> Result<BatchOutcome> {
        self.log.append_batch(events)
    }
}

/// A handle that can read a log and cannot append to it, for code that takes the contract's
/// [`ExperienceReplayer`]. [`LogReader`] is the richer one.
#[derive(Debug, Clone)]
pub struct Replayer {
    reader: LogReader,
}

impl Replayer {
    pub(crate) fn new(reader: LogReader) -> Self {
        Self { reader }
    }
}

/// All events or none. Under `Durability::Sync` the batch is written when the future is first polled, and a
/// thread of the log syncs it: no executor waits for the disk's sync. An event that is there already, with
/// the same content, is silently fine; with other content it is a conflict.
impl ExperienceAppender for ExperienceLog {
    fn append(
        &self,
        events: &[ExperienceEventEnvelope],
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let prepared = self.prepare(events);
        async move {
            let placed = self.store.append_async(prepared?).await?;
            drop(outcome(&placed));
            Ok(())
        }
    }
}

/// As for [`ExperienceLog`].
impl ExperienceAppender for Appender {
    fn append(
        &self,
        events: &[ExperienceEventEnvelope],
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        ExperienceAppender::append(&self.log, events)
    }
}

/// Batches come in the order of appending; the cursor's position is a sequence number. The work is done when
/// the future is polled.
impl ExperienceReplayer for LogReader {
    async fn replay(
        &self,
        options: &ReplayOptions,
        cursor: &ReplayCursor,
    ) -> Result<ReplayBatch, StoreError> {
        Ok(replay_batch(self, options, cursor)?)
    }

    async fn query(&self, query: &EventQuery) -> Result<Vec<ExperienceEventEnvelope>, StoreError> {
        Ok(Self::query(self, query)?)
    }
}

/// As for [`LogReader`].
impl ExperienceReplayer for Replayer {
    async fn replay(
        &self,
        options: &ReplayOptions,
        cursor: &ReplayCursor,
    ) -> Result<ReplayBatch, StoreError> {
        ExperienceReplayer::replay(&self.reader, options, cursor).await
    }

    async fn query(&self, query: &EventQuery) -> Result<Vec<ExperienceEventEnvelope>, StoreError> {
        ExperienceReplayer::query(&self.reader, query).await
    }
}

/// As for [`LogReader`].
impl ExperienceReplayer for ExperienceLog {
    async fn replay(
        &self,
        options: &ReplayOptions,
        cursor: &ReplayCursor,
    ) -> Result<ReplayBatch, StoreError> {
        Ok(replay_batch(&self.reader(), options, cursor)?)
    }

    async fn query(&self, query: &EventQuery) -> Result<Vec<ExperienceEventEnvelope>, StoreError> {
        Ok(Self::query(self, query)?)
    }
}

#[expect(
    deprecated,
    reason = "the contract still offers the trait it deprecates"
)]
impl ExperienceStore for ExperienceLog {
    fn append_event(&self, event: ExperienceEventEnvelope) -> ExperienceStoreResult<()> {
        self.append(&event)?;
        Ok(())
    }

    /// All events or none.
    fn append_events(&self, events: &[ExperienceEventEnvelope]) -> ExperienceStoreResult<()> {
        self.append_batch(events)?;
        Ok(())
    }

    fn query_events(
        &self,
        query: &EventQuery,
    ) -> ExperienceStoreResult<Vec<ExperienceEventEnvelope>> {
        Ok(self.query(query)?)
    }

    fn write_artifact_state_transition(
        &self,
        artifact_id: &str,
        artifact_kind: ArtifactKind,
        event: LifecycleEvent,
    ) -> ExperienceStoreResult<()> {
        Self::write_artifact_state_transition(self, artifact_id, artifact_kind, event)?;
        Ok(())
    }

    fn get_trace_link(&self, trace_link_id: &str) -> ExperienceStoreResult<Option<TraceLink>> {
        Ok(Self::get_trace_link(self, trace_link_id)?)
    }
}

fn replay_batch(
    reader: &LogReader,
    options: &ReplayOptions,
    cursor: &ReplayCursor,
) -> Result<ReplayBatch> {
    if !cursor.has_more {
        return Ok(ReplayBatch {
            events: Vec::new(),
            cursor: cursor.clone(),
        });
    }
    let size = options.batch_size.unwrap_or(DEFAULT_BATCH);
    if size == 0 {
        return Err(Error::InvalidQuery {
            field: "batch_size",
            value: "0".to_owned(),
            reason: "such a replay never ends".to_owned(),
        });
    }
    let from = position(cursor)?;
    let head = reader.head()?;
    let query = EventQuery {
        limit: None,
        ..options.to_event_query()
    };
    // Everything asked for lies among the matches; with a run named, these are few.
    let mut events = Vec::new();
    let mut next = from;
    if query.correlation_id.is_some() || query.time_range.is_some() {
        let mut found = reader
            .scan_own(&query, ScanOptions::oldest_first())?
            .filter(|entry| {
                entry
                    .as_ref()
                    .map_or(true, |entry| entry.sequence() >= from)
            })
            .collect::<Result<Vec<_>>>()?;
        found.sort_unstable_by_key(super::entry::LogEntry::sequence);
        let more = found.len() > size;
        for entry in found.into_iter().take(size) {
            next = entry.sequence() + 1;
            events.push(entry.envelope()?);
        }
        if !more {
            next = head.max(next);
        }
    } else {
        let mut replay = reader.replay(from)?;
        while events.len() < size && replay.position() < head {
            let Some(entry) = replay.next() else { break };
            let entry = entry?;
            let wanted = query.tenant_id.as_deref();
            if entry.contract().is_none() && (wanted.is_none() || entry.tenant_id() == wanted) {
                events.push(entry.envelope()?);
            }
        }
        next = replay.position();
    }
    let cursor = ReplayCursor {
        position: next.to_string(),
        has_more: next < head,
    };
    Ok(ReplayBatch { events, cursor })
}

fn position(cursor: &ReplayCursor) -> Result<u64> {
    if cursor.position.is_empty() {
        return Ok(0);
    }
    cursor.position.parse().map_err(|_| Error::InvalidQuery {
        field: "cursor",
        value: cursor.position.clone(),
        reason: "it is not a position that a replay gave".to_owned(),
    })
}
