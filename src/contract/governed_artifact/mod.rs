//! Governed artifacts: the states they pass through, and what a rollback did.

mod lifecycle;
mod rollback;
mod state;

pub use lifecycle::LifecycleEvent;
pub use rollback::{RollbackImpact, RollbackRecord, RollbackSeverity};
pub use state::GovernedArtifactState;
