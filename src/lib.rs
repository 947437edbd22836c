//! An embedded, persistent, append-only log of what AI agents proposed, recalled, decided and spent.
//!
//! Open a directory with [`ExperienceLog::open`], [`append`](ExperienceLog::append) envelopes, and ask with
//! [`query`](ExperienceLog::query), [`scan`](ExperienceLog::scan), [`replay`](ExperienceLog::replay) or
//! [`follow`](ExperienceLog::follow). [`LogReader::open`] looks at a log that another process is writing.
//!
//! ```text
//! in:   envelope → check, encode → journal (one frame a commit, synced) → memtable → visible
//!                                                                           │ when full
//! out:  answer ← decode ← merge in order ← memtable and ─────────────────── trees (blocks, postings)
//! ```
//!
//! # What the answers mean
//!
//! - Results are ordered by instant (UTC, nanoseconds), then by sequence number: append order among equal
//!   times. The same across tenants.
//! - A time range includes both ends; one that starts after it ends is empty. A field that is `None`, or an
//!   empty `kinds`, restricts nothing; `limit: Some(0)` gives nothing.
//! - `occurred_at` is RFC 3339 with any offset; it is given back as it was. The log adds its own
//!   [`recorded_at`](LogEntry::recorded_at) and a gap-free [sequence number](LogEntry::sequence).
//! - An event id is unique within its tenant. The same event again is not written again.
//! - A batch is appended whole or not at all, also across a crash.
//!
//! # Errors
//!
//! One type, [`Error`], with what was expected, what was found and where. Ask
//! [`is_refusal`](Error::is_refusal), [`is_damage`](Error::is_damage) or
//! [`is_poisoned`](Error::is_poisoned) when only the class matters. sled is called behind a guard that
//! catches its panics, which takes unwinding: with `panic = "abort"` a broken tree ends the process instead
//! of being rebuilt, and is rebuilt at the next opening.

mod contract;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod inspect;
mod log;
mod store;

pub use contract::codec;
pub use contract::{experience_store, governed_artifact, kernel_boundary, recall};
pub use error::{Damage, Error, IdentifierFlaw, Result};
pub use log::{
    Appended, Appender, Artifact, ArtifactChange, BatchOutcome, Commit, EntryQuery, ExperienceLog,
    Follow, ForeignEvent, IdentifierRule, LogEntry, LogReader, Options, Payload, Replay, Replayer,
    Scan, ScanCursor, ScanOptions, Sizes, Stats,
};
pub use store::options::Durability;
pub use store::query::plan::{AccessPath, Explanation};
pub use store::query::range::Order;
pub use store::query::scan::ScanWork;
pub use store::recover::Recovery;
pub use store::verify::{TreesVerified, Verification};

#[expect(
    deprecated,
    reason = "the contract still offers the trait it deprecates"
)]
pub use experience_store::ExperienceStore;
pub use experience_store::{
    ArtifactKind, ArtifactQuery, ContractResultSnapshot, EventQuery, ExperienceAppender,
    ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind, ExperienceReplayer,
    ExperienceStoreError, ExperienceStoreResult, PolicySnapshot, ReplayBatch, ReplayCursor,
    ReplayOptions, StoreError, TimeRange,
};
pub use governed_artifact::{GovernedArtifactState, LifecycleEvent, RollbackRecord};
pub use kernel_boundary::{DecisionStep, KernelProposal, ProposalKind, Replayability, TraceLink};
pub use recall::{RecallProvenanceEnvelope, RecallQuery};

/// The README's code is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
