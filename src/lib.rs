//! An embedded, persistent, append-only log of what AI agents proposed, recalled, decided and spent.

mod contract;
mod error;
mod log;
mod store;

pub use contract::codec;
pub use contract::{experience_store, governed_artifact, kernel_boundary, recall};
pub use error::{Damage, Error, IdentifierFlaw, Result};
pub use log::{
    Appended, Appender, Artifact, ArtifactChange, BatchOutcome, ExperienceLog, Follow,
    IdentifierRule, LogEntry, LogReader, Options, Replay, Replayer, Scan, ScanCursor, ScanOptions,
    Stats,
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
