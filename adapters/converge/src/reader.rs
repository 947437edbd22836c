//! The reading side.

use std::path::Path;

use converge_core::{
    EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceRecord, ExperienceStoreError,
    ExperienceStoreResult, ReplayTrace, TraceLinkId,
};
use experience_log::{LogEntry, LogReader, Payload, Result, Scan, ScanOptions};

use crate::error::{store_error, unknown_kind, unreadable};
use crate::mapping::{self, ENGINE, ENGINE_KINDS, USER, USER_KINDS};

/// What becomes of events that a later version of `converge_core` has recorded, in an answer whose type has no
/// place for them. [`ConvergeReader::scan`] gives them always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownKinds {
    /// The query fails, and says which event it was.
    #[default]
    Refuse,
    /// The answer is given without them.
    PassOver,
}

/// A handle that can read a log and cannot write it.
///
/// [`ConvergeReader::open`] looks at a log that another process may be writing, without its lock.
#[derive(Debug, Clone)]
pub struct ConvergeReader {
    reader: LogReader,
    unknown: UnknownKinds,
}

impl ConvergeReader {
    /// Looks at the log in `path`, which somebody may be writing. Nothing is changed.
    ///
    /// # Errors
    ///
    /// As for [`LogReader::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        LogReader::open(path).map(Self::from)
    }

    /// Says what becomes of events whose kind this version does not know.
    #[must_use]
    pub fn unknown_kinds(mut self, unknown: UnknownKinds) -> Self {
        self.unknown = unknown;
        self
    }

    /// The log's own reader.
    #[must_use]
    pub fn log(&self) -> &LogReader {
        &self.reader
    }

    /// The entries of both sides that `query` asks for, one by one: as JSON, so those of unknown kinds are among
    /// them.
    ///
    /// # Errors
    ///
    /// As for [`LogReader::scan_entries`].
    pub fn scan(&self, query: &EventQuery, options: ScanOptions) -> Result<Scan> {
        self.reader
            .scan_entries(&mapping::entry_query(query, true), options)
    }

    /// As [`ExperienceStore::query_events`](converge_core::ExperienceStore::query_events).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn query_events(
        &self,
        query: &EventQuery,
    ) -> ExperienceStoreResult<Vec<ExperienceEventEnvelope>> {
        let records = self.read(query, false)?;
        let engine = records.into_iter().filter_map(|record| match record {
            ExperienceRecord::Engine(envelope) => Some(envelope),
            ExperienceRecord::User(_) => None,
        });
        Ok(engine.collect())
    }

    /// As [`ExperienceStore::query_records`](converge_core::ExperienceStore::query_records).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn query_records(
        &self,
        query: &EventQuery,
    ) -> ExperienceStoreResult<Vec<ExperienceRecord>> {
        self.read(query, true)
    }

    /// As [`ExperienceStore::get_trace_link`](converge_core::ExperienceStore::get_trace_link): the one that was
    /// recorded last.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn get_trace_link(&self, id: &TraceLinkId) -> ExperienceStoreResult<Option<ReplayTrace>> {
        let found = self.reader.find_trace_link(ENGINE, id.as_str());
        let Some(entry) = found.map_err(store_error)? else {
            return Ok(None);
        };
        match record(&entry)? {
            Some(ExperienceRecord::Engine(ExperienceEventEnvelope {
                event: ExperienceEvent::ReplayTraceRecorded { trace_link, .. },
                ..
            })) => Ok(Some(trace_link)),
            _ => Ok(None),
        }
    }

    fn read(
        &self,
        query: &EventQuery,
        with_users: bool,
    ) -> ExperienceStoreResult<Vec<ExperienceRecord>> {
        let limit = query.limit.unwrap_or(usize::MAX);
        let mut asked = mapping::entry_query(query, with_users);
        if self.unknown == UnknownKinds::PassOver {
            // What is passed over does not count.
            asked.limit = query.limit.filter(|limit| *limit == 0);
        }
        let scan = self
            .reader
            .scan_entries(&asked, ScanOptions::oldest_first());
        let mut records = Vec::new();
        for entry in scan.map_err(store_error)? {
            let entry = entry.map_err(store_error)?;
            match (record(&entry)?, self.unknown) {
                (Some(record), _) => records.push(record),
                (None, UnknownKinds::PassOver) => {}
                (None, UnknownKinds::Refuse) => return Err(unknown(&entry)),
            }
            if records.len() >= limit {
                break;
            }
        }
        Ok(records)
    }
}

impl From<LogReader> for ConvergeReader {
    fn from(reader: LogReader) -> Self {
        Self {
            reader,
            unknown: UnknownKinds::default(),
        }
    }
}

/// The event of an entry; `None` if its kind is unknown.
fn record(entry: &LogEntry) -> ExperienceStoreResult<Option<ExperienceRecord>> {
    let Payload::Foreign {
        contract,
        kind,
        json,
    } = entry.payload().map_err(store_error)?
    else {
        return Ok(None);
    };
    let read = match contract {
        ENGINE
            if ENGINE_KINDS
                .iter()
                .any(|known| mapping::kind_name(*known) == kind) =>
        {
            serde_json::from_str(json).map(ExperienceRecord::Engine)
        }
        USER if USER_KINDS.contains(&kind) => {
            serde_json::from_str(json).map(ExperienceRecord::User)
        }
        _ => return Ok(None),
    };
    read.map(Some)
        .map_err(|error| unreadable(entry.sequence(), &error))
}

fn unknown(entry: &LogEntry) -> ExperienceStoreError {
    unknown_kind(
        entry.sequence(),
        entry.contract().unwrap_or_default(),
        entry.kind_name().unwrap_or_default(),
    )
}
