//! Events, their envelope, the queries over them and the traits of a store.
//!
//! An agent runtime wraps each [`ExperienceEvent`] in an [`ExperienceEventEnvelope`] and hands it
//! to an [`ExperienceAppender`]; whoever asks later holds an [`ExperienceReplayer`], which cannot
//! write.

mod capability;
mod envelope;
mod error;
mod event;
mod kind;
mod query;
mod store;

pub use capability::{
    ExperienceAppender, ExperienceReplayer, ReplayBatch, ReplayCursor, ReplayOptions, StoreError,
};
pub use envelope::ExperienceEventEnvelope;
pub use error::{ExperienceStoreError, ExperienceStoreResult};
pub use event::{ArtifactKind, ContractResultSnapshot, ExperienceEvent, PolicySnapshot};
pub use kind::{ExperienceEventKind, ParseEventKindError};
pub use query::{ArtifactQuery, EventQuery, TimeRange};
#[expect(
    deprecated,
    reason = "the contract still offers the trait it deprecates"
)]
pub use store::ExperienceStore;
