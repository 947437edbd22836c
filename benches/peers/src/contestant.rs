//! What every contestant does, and who they are.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use experience_log::{ExperienceEventEnvelope, TraceLink};
use serde::{Deserialize, Serialize};

use crate::contestants::{fjall, floor, heed, ours, redb, sled, sqlite};
#[cfg(feature = "event-stores")]
use crate::contestants::{sierradb, umadb};
use crate::work::Work;
use crate::workload::Question;

/// When an append is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Once it survives power loss.
    Sync,
    /// Once it survives the end of the process.
    Os,
}

/// What a question gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Decoded envelopes, in the order the question asks for.
    Events(Vec<ExperienceEventEnvelope>),
    /// A decoded trace link, if there is one.
    Link(Option<Box<TraceLink>>),
}

/// A store of events. All encode the same bytes, refuse another event under a known id, and answer with
/// decoded envelopes.
pub trait Contestant: Send + Sync {
    /// Appends `events` in one commit; events that are there already are not written again. Gives how
    /// many were written.
    ///
    /// # Errors
    ///
    /// A conflict of ids, or a failure of the store.
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize>;

    /// Brings the store into the state that it keeps: what is in memory or in a log goes where it is
    /// read from.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn settle(&self) -> Result<()>;

    /// The answer to `question`; `None` if the contestant does not answer questions.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn ask(&self, question: &Question) -> Result<Option<Answer>>;

    /// Gives every event, decoded, in order of appending.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()>;

    /// Prepares for commits of single events, outside of what is measured.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn prepare_for_singles(&self) -> Result<()> {
        Ok(())
    }

    /// Counts every event, decoded, on all cores; `None` if the contestant has no way of its own.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn replay_on_all_cores(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Closes the store as its documentation says.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn close(self: Box<Self>) -> Result<()>;
}

/// A contestant by name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Peer {
    /// This crate.
    Ours,
    Sqlite,
    Redb,
    Fjall,
    Heed,
    Sled,
    Umadb,
    Sierradb,
    /// The same bytes, appended to one file.
    Floor,
}

impl Peer {
    /// As the outputs and the options write it.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it is fast enough for a run of a minute.
    #[must_use]
    pub const fn is_quick(self) -> bool {
        !matches!(self, Self::Sled | Self::Umadb | Self::Sierradb)
    }

    /// Whether it refuses another event under a known id.
    #[must_use]
    pub const fn checks_ids(self) -> bool {
        !matches!(self, Self::Floor | Self::Sierradb)
    }

    /// Why it does not do `work`; `None` if it does.
    #[must_use]
    pub fn lacks(self, work: Work) -> Option<&'static str> {
        let asks = Work::QUESTIONS.contains(&work) || work == Work::OpenQuery;
        let unsynced = matches!(work, Work::BatchOs | Work::SingleOs);
        let built = cfg!(feature = "event-stores");
        match self {
            Self::Umadb | Self::Sierradb if !built => {
                Some("built without the feature event-stores")
            }
            Self::Umadb | Self::Sierradb if unsynced => Some("it syncs every commit"),
            Self::Umadb if matches!(work, Work::TenantKindsRange | Work::Newest) => {
                Some("it has no index on time")
            }
            Self::Sierradb if asks => Some("its append path alone is measured"),
            Self::Floor if work == Work::OpenQuery => Some("it answers out of memory"),
            _ => None,
        }
    }

    /// The weakest level it has.
    #[must_use]
    pub fn weakest(self) -> Level {
        match self.lacks(Work::BatchOs) {
            None => Level::Os,
            Some(_) => Level::Sync,
        }
    }

    /// Opens the contestant's store in the directory `path`, which exists.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub fn open(self, path: &Path, level: Level) -> Result<Box<dyn Contestant>> {
        Ok(match self {
            Self::Ours => Box::new(ours::Ours::open(path, level)?),
            Self::Sqlite => Box::new(sqlite::Sqlite::open(path, level)?),
            Self::Redb => Box::new(redb::Redb::open(path, level)?),
            Self::Fjall => Box::new(fjall::Fjall::open(path, level)?),
            Self::Heed => Box::new(heed::Heed::open(path, level)?),
            Self::Sled => Box::new(sled::Sled::open(path, level)?),
            #[cfg(feature = "event-stores")]
            Self::Umadb => Box::new(umadb::Umadb::open(path)?),
            #[cfg(feature = "event-stores")]
            Self::Sierradb => Box::new(sierradb::Sierradb::open(path)?),
            #[cfg(not(feature = "event-stores"))]
            Self::Umadb | Self::Sierradb => anyhow::bail!("built without the feature event-stores"),
            Self::Floor => Box::new(floor::Floor::open(path, level)?),
        })
    }
}
