//! What crosses the boundary of a kernel: proposals, traces of how they came about, and policies.

mod policy;
mod proposal;
mod replayability;
mod trace_link;

pub use policy::{DataClassification, KernelPolicy, RiskTier, RoutingPolicy};
pub use proposal::{ContractResult, DecisionStep, KernelProposal, ProposalKind};
pub use replayability::{Replayability, ReplayabilityDowngradeReason};
pub use trace_link::{
    AdapterTrace, ExecutionEnv, LocalTraceLink, RecallTrace, RemoteTraceLink, SamplerParams,
    TraceLink,
};
