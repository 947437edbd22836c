//! How to open a log.

use std::path::Path;

use super::admit::Rules;
use super::experience_log::ExperienceLog;
use super::identifier::IdentifierRule;
use crate::error::{Error, Result};
use crate::store::options::{Durability, StoreOptions};

/// The largest limit for an event: what decoding is bounded by leaves room for it.
const MAX_EVENT_LIMIT: usize = 48 << 20;

/// Options for opening a log. The defaults are what most want.
///
/// ```
/// use std::time::Duration;
/// use experience_log::{Durability, ExperienceLog};
///
/// let folder = tempfile::tempdir()?;
/// let log = ExperienceLog::options()
///     .durability(Durability::Periodic(Duration::from_millis(50)))
///     .open(folder.path().join("agent.log"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "options do nothing until `open`"]
pub struct Options {
    pub(crate) store: StoreOptions,
    pub(crate) rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        let rules = Rules {
            identifiers: IdentifierRule::default(),
            max_event_bytes: 16 << 20,
        };
        Self {
            store: StoreOptions::default(),
            rules,
        }
    }
}

impl Options {
    /// What an acknowledged append survives. Default: [`Durability::Sync`], power loss.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.store.durability = durability;
        self
    }

    /// Events kept in memory before they go to the trees: 1 to 1,048,576, default 16,384. More absorb
    /// longer bursts, and take longer to read back after a crash.
    pub fn memtable_events(mut self, events: usize) -> Self {
        self.store.memtable_events = events;
        self
    }

    /// Bytes of a journal segment: 4 KiB to 1 GiB, default 8 MiB.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.store.segment_bytes = bytes;
        self
    }

    /// Bytes of memory that the trees may cache: 1 MiB or more, default 56 MiB.
    pub fn tree_cache_bytes(mut self, bytes: u64) -> Self {
        self.store.tree_cache_bytes = bytes;
        self
    }

    /// Which identifiers are taken. Default: [`IdentifierRule::Text`].
    pub fn identifier_rule(mut self, rule: IdentifierRule) -> Self {
        self.rules.identifiers = rule;
        self
    }

    /// The largest event, in stored bytes: 1 byte to 48 MiB, default 16 MiB.
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.rules.max_event_bytes = bytes;
        self
    }

    /// Whether a log is made where there is none. Default: yes.
    pub fn create(mut self, create: bool) -> Self {
        self.store.create = create;
        self
    }

    /// Whether there must be no log yet. Default: no.
    pub fn create_new(mut self, create_new: bool) -> Self {
        self.store.must_be_new = create_new;
        self
    }

    /// Opens the log in the directory `path`, recovering it if need be.
    ///
    /// The index trees may still be opening, in another thread, when this returns: single new events need not wait for
    /// them, readers do, and events that may be there already. Should the trees have to be made anew, and the journal be
    /// damaged where only that reads it, the first calls tell of the damage instead of the opening.
    ///
    /// # Errors
    ///
    /// - [`Error::Locked`]: another handle, of this or another process, writes it.
    /// - [`Error::NotALog`], [`Error::NoSuchLog`], [`Error::LogExists`]: the directory is not what was
    ///   expected.
    /// - [`Error::NewerFormat`]: a newer version of this crate wrote it.
    /// - [`Error::Damaged`]: the journal has lost events that it was known to hold.
    /// - [`Error::InvalidOption`]: an option is out of its range.
    /// - [`Error::Io`]: the file system refused.
    pub fn open(self, path: impl AsRef<Path>) -> Result<ExperienceLog> {
        if !(1..=MAX_EVENT_LIMIT).contains(&self.rules.max_event_bytes) {
            return Err(Error::InvalidOption {
                option: "max_event_bytes",
                found: self.rules.max_event_bytes.to_string(),
                expected: "1 byte to 48 MiB",
            });
        }
        ExperienceLog::open_with(path.as_ref(), &self)
    }
}
