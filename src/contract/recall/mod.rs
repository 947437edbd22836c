//! Recall: what was searched for, under which policy, and how the answer came about.

mod policy;
mod provenance;
mod query;

pub use policy::{RecallBudgets, RecallConsumer, RecallPolicy, RecallUse};
pub use provenance::{CandidateScore, RecallProvenanceEnvelope, StopReason};
pub use query::RecallQuery;
