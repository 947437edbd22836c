//! The log, open for reading and writing.

use std::collections::HashMap;
use std::path::Path;

use converge_core::{ExperienceEventEnvelope, ExperienceStoreResult, UserExperienceEventEnvelope};
use experience_log::{ExperienceLog, IdentifierRule, Options, Result};

use crate::error::store_error;
use crate::mapping::Mapped;
use crate::observer::ObserverOptions;
use crate::reader::{ConvergeReader, UnknownKinds};

/// An experience store in a directory: durable, ordered, append-only.
///
/// One process at a time writes a log; clones of the handle share it and may be used from any thread. The log is
/// closed by [`close`](Self::close), or with its last handle.
///
/// ```
/// use converge_core::{BudgetResource, EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceStore};
/// use converge_experience_log::ConvergeLog;
///
/// let folder = tempfile::tempdir()?;
/// let log = ConvergeLog::open(folder.path().join("agent.log"))?;
/// let event = ExperienceEvent::BudgetExceeded {
///     chain_id: "chain-1".into(),
///     resource: BudgetResource::Tokens,
///     limit: "1024".into(),
///     observed: None,
/// };
/// log.append_event(ExperienceEventEnvelope::new("evt-1", event).with_correlation("run-7"))?;
///
/// let query = EventQuery { correlation_id: Some("run-7".into()), ..EventQuery::default() };
/// assert_eq!(log.query_events(&query)?.len(), 1);
/// log.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConvergeLog {
    log: ExperienceLog,
    reader: ConvergeReader,
}

impl ConvergeLog {
    /// Opens the log in the directory `path`, creating it if there is none. An acknowledged append survives power
    /// loss.
    ///
    /// # Errors
    ///
    /// As for [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, ExperienceLog::options())
    }

    /// The same with other options. The rule of identifiers is the contract's strict one in any case.
    ///
    /// # Errors
    ///
    /// As for [`Options::open`].
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        options
            .identifier_rule(IdentifierRule::Strict)
            .open(path)
            .map(Self::from)
    }

    /// Says what becomes of events whose kind this version does not know, in answers that have no place for them.
    #[must_use]
    pub fn unknown_kinds(mut self, unknown: UnknownKinds) -> Self {
        self.reader = self.reader.unknown_kinds(unknown);
        self
    }

    /// The log below: for what `converge_core`'s trait has no words for, such as replay from a sequence number,
    /// following, statistics and verification.
    #[must_use]
    pub fn log(&self) -> &ExperienceLog {
        &self.log
    }

    /// A handle that can read and nothing else.
    #[must_use]
    pub fn reader(&self) -> &ConvergeReader {
        &self.reader
    }

    /// How to record what an engine does.
    pub fn observer(&self) -> ObserverOptions {
        ObserverOptions::new(self.clone())
    }

    /// Appends engine events, all or none.
    ///
    /// # Errors
    ///
    /// As for [`ExperienceLog::append_foreign`].
    pub fn append_batch(&self, events: &[ExperienceEventEnvelope]) -> Result<()> {
        let mapped: Vec<_> = events.iter().map(Mapped::engine).collect::<Result<_>>()?;
        self.append_mapped(&mapped)
    }

    /// Appends user events, all or none.
    ///
    /// # Errors
    ///
    /// As for [`ExperienceLog::append_foreign`].
    pub fn append_user_batch(&self, events: &[UserExperienceEventEnvelope]) -> Result<()> {
        let mapped: Vec<_> = events.iter().map(Mapped::user).collect::<Result<_>>()?;
        self.append_mapped(&mapped)
    }

    /// Closes the log for all its handles.
    ///
    /// # Errors
    ///
    /// As for [`ExperienceLog::close`].
    pub fn close(self) -> Result<()> {
        self.log.close()
    }

    fn append_mapped(&self, mapped: &[Mapped<'_>]) -> Result<()> {
        let events: Vec<_> = mapped.iter().map(Mapped::event).collect();
        match self.log.append_foreign(&events) {
            Err(error) if error.is_conflict() => self.append_what_is_new(mapped),
            appended => appended.map(drop),
        }
    }

    /// Some of the events bear an id that is taken. Those that say what is recorded, in other bytes, are left out;
    /// if another one is among them, the log refuses again.
    fn append_what_is_new(&self, mapped: &[Mapped<'_>]) -> Result<()> {
        let mut events = Vec::with_capacity(mapped.len());
        let mut new: HashMap<_, &Mapped<'_>> = HashMap::new();
        for one in mapped {
            let event = one.event();
            let id = (event.tenant_id, event.event_id);
            let known = match self.log.get(event.tenant_id, event.event_id)? {
                Some(entry) => one.is_recorded_as(&entry)?,
                None => new.get(&id).is_some_and(|other| other.says_the_same(one)),
            };
            if !known {
                new.insert(id, one);
                events.push(event);
            }
        }
        self.log.append_foreign(&events).map(drop)
    }

    pub(crate) fn append_engine(
        &self,
        events: &[ExperienceEventEnvelope],
    ) -> ExperienceStoreResult<()> {
        self.append_batch(events).map_err(store_error)
    }

    pub(crate) fn append_user(
        &self,
        events: &[UserExperienceEventEnvelope],
    ) -> ExperienceStoreResult<()> {
        self.append_user_batch(events).map_err(store_error)
    }
}

/// The log as it was opened, with its own rule of identifiers.
impl From<ExperienceLog> for ConvergeLog {
    fn from(log: ExperienceLog) -> Self {
        let reader = ConvergeReader::from(log.reader());
        Self { log, reader }
    }
}
