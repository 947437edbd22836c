//! The one error type: what was expected, what was found, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
///
/// Match on a variant for its details, or ask one of the predicates
/// ([`is_damage`](Self::is_damage), [`is_refusal`](Self::is_refusal), …) when only the class matters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation on a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb: `read`, `write`, `sync`, …
        action: &'static str,
        /// The file or directory it was attempted on.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another handle has the log open for writing.
    #[error(
        "{} is being written by {}; close that writer, or open the log read-only",
        path.display(),
        Holder(*.pid)
    )]
    Locked {
        /// The log's directory.
        path: PathBuf,
        /// The process that holds it, where it could be read.
        pid: Option<u32>,
    },
    /// There is no log in this directory, and the options say not to create one.
    #[error("{} holds no log; check the path, or open it with `create(true)`", path.display())]
    NoSuchLog {
        /// The directory that was opened.
        path: PathBuf,
    },
    /// There is a log in this directory already, and the options say there must be none.
    #[error("{} holds a log already; open it without `create_new`, or choose another directory", path.display())]
    LogExists {
        /// The directory that was opened.
        path: PathBuf,
    },
    /// The directory holds something else than a log, so nothing was created in it.
    #[error("{} is not a log: expected {expected}, found {found}; choose an empty directory", path.display())]
    NotALog {
        /// The directory that was opened.
        path: PathBuf,
        /// What a log would have there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The log was written by a newer version of this crate.
    #[error("{} has format version {found}, this build reads up to {supported}; use a newer experience-log", path.display())]
    NewerFormat {
        /// The file that carries the version.
        path: PathBuf,
        /// The version it carries.
        found: u16,
        /// The newest version this build knows.
        supported: u16,
    },
    /// The journal does not hold what it must hold.
    #[error(transparent)]
    Damaged(Box<Damage>),
    /// An identifier of an event breaks the rule.
    #[error("event {event_id:?}: {field} {flaw}")]
    InvalidIdentifier {
        /// The event that carries it.
        event_id: String,
        /// Which of its identifiers.
        field: &'static str,
        /// What is wrong with it.
        flaw: IdentifierFlaw,
    },
    /// `occurred_at` is not a time this log can order by.
    #[error(
        "event {event_id:?}: occurred_at {value:?} is refused: {reason}; write RFC 3339 with an offset, such as 2026-01-21T12:00:00Z"
    )]
    InvalidTimestamp {
        /// The event that carries it.
        event_id: String,
        /// The text that was given, cut to 64 bytes.
        value: String,
        /// Why it is no time.
        reason: String,
    },
    /// An event is larger than the log was opened to take.
    #[error(
        "event {event_id:?} has {size} bytes, the limit is {limit}; store the payload elsewhere and log its hash, or raise `max_event_bytes`"
    )]
    EventTooLarge {
        /// The event.
        event_id: String,
        /// Its size in stored bytes.
        size: usize,
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// A batch is larger than one commit may be.
    #[error("the batch has {size} bytes, one commit takes {limit}; append it in smaller batches")]
    BatchTooLarge {
        /// The batch's size in stored bytes.
        size: usize,
        /// The largest commit, in bytes.
        limit: usize,
    },
    /// The tenant already has an event of this id, with other content. Nothing of the batch was written.
    #[error("event {event_id:?} is already recorded{} with other content (sequence number {sequence})", InTenant(.tenant.as_deref()))]
    Conflict {
        /// The id that is taken.
        event_id: String,
        /// The tenant in which it is taken.
        tenant: Option<String>,
        /// Where the recorded event stands.
        sequence: u64,
    },
    /// The batch itself carries one id twice in one tenant, with different content. Nothing of it was written.
    #[error("event {event_id:?} stands twice in the batch{} with different content", InTenant(.tenant.as_deref()))]
    ConflictInBatch {
        /// The id that stands twice.
        event_id: String,
        /// The tenant in which it does.
        tenant: Option<String>,
    },
    /// A query cannot be answered as it was put.
    #[error("{field} {value:?} cannot be queried: {reason}")]
    InvalidQuery {
        /// The field of the query.
        field: &'static str,
        /// What it held.
        value: String,
        /// Why it cannot be answered.
        reason: String,
    },
    /// An option has a value the log cannot be opened with.
    #[error("option {option} is {found}, expected {expected}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// What it was set to.
        found: String,
        /// What it takes.
        expected: &'static str,
    },
    /// An event cannot be turned into stored bytes.
    #[error("event {event_id:?} cannot be stored: {reason}")]
    Unencodable {
        /// The event.
        event_id: String,
        /// What the encoder said.
        reason: String,
    },
    /// Stored bytes passed their checksum but are no event this build can read.
    #[error("the event at sequence number {sequence} cannot be read: {reason}")]
    Undecodable {
        /// Where the event stands.
        sequence: u64,
        /// What the decoder said.
        reason: String,
    },
    /// An event of another contract was asked for as one of the log's own.
    #[error(
        "the event at sequence number {sequence} is a {kind:?} of the contract {contract:?}, not an envelope of this log's own; take its payload"
    )]
    ForeignEvent {
        /// Where the event stands.
        sequence: u64,
        /// Whose event it is.
        contract: String,
        /// The kind's name there.
        kind: String,
    },
    /// An earlier write or sync failed, so this handle takes no more events. Reads go on.
    #[error("the log takes no more events since {cause}; reopen it to go on")]
    Poisoned {
        /// The failure that ended writing.
        cause: String,
    },
    /// The handle was closed.
    #[error("the log is closed; open it again")]
    Closed,
}

impl Error {
    /// True when stored data is not what it must be.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Undecodable { .. })
    }

    /// True when the id is already taken by another content.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::ConflictInBatch { .. })
    }

    /// True when the caller's input was refused, and the log is as it was.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.is_conflict()
            || matches!(
                self,
                Self::InvalidIdentifier { .. }
                    | Self::InvalidTimestamp { .. }
                    | Self::EventTooLarge { .. }
                    | Self::BatchTooLarge { .. }
                    | Self::InvalidQuery { .. }
                    | Self::InvalidOption { .. }
                    | Self::Unencodable { .. }
            )
    }

    /// True when another process or handle holds the log.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    /// True when this handle takes no more events, and reopening may help.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        matches!(self, Self::Poisoned { .. } | Self::Closed)
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn damaged(
        path: &Path,
        offset: u64,
        sequence: Option<u64>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Damaged(Box::new(Damage {
            path: path.to_path_buf(),
            offset,
            sequence,
            expected: expected.into(),
            found: found.into(),
        }))
    }
}

/// A place of the log that does not hold what it must hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged at byte {offset}{}: expected {expected}, found {found}", path.display(), AtSequence(*.sequence))]
#[non_exhaustive]
pub struct Damage {
    /// The damaged file.
    pub path: PathBuf,
    /// Byte offset in the file; in a compressed segment, in the bytes it stands for.
    pub offset: u64,
    /// The first sequence number that cannot be read because of it, where known.
    pub sequence: Option<u64>,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// What is wrong with an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierFlaw {
    /// It has no characters.
    #[error("is empty")]
    Empty,
    /// It is longer than the limit.
    #[error("has {found} bytes, the limit is {limit}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It has a character that the rule in force does not take.
    #[error("has {character:?} at byte {position}, which the identifier rule refuses")]
    Character {
        /// The character.
        character: char,
        /// Where it stands, in bytes.
        position: usize,
    },
}

struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another handle"),
        }
    }
}

struct InTenant<'a>(Option<&'a str>);

impl fmt::Display for InTenant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(tenant) => write!(f, " in tenant {tenant:?}"),
            None => Ok(()),
        }
    }
}

struct AtSequence(Option<u64>);

impl fmt::Display for AtSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(sequence) => write!(f, " (sequence number {sequence})"),
            None => Ok(()),
        }
    }
}
