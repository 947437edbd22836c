//! What can happen: the twelve events and the snapshots they carry.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::kind::ExperienceEventKind;
use crate::contract::governed_artifact::{LifecycleEvent, RollbackRecord};
use crate::contract::kernel_boundary::{
    ContractResult, DecisionStep, KernelPolicy, KernelProposal, Replayability,
    ReplayabilityDowngradeReason, RoutingPolicy, TraceLink,
};
use crate::contract::recall::{RecallPolicy, RecallProvenanceEnvelope, RecallQuery};

/// Something an agent runtime did, decided or observed.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
#[serde(tag = "type", content = "data")]
pub enum ExperienceEvent {
    /// A kernel proposed something.
    ProposalCreated {
        /// The proposal in full.
        proposal: KernelProposal,
        /// The chain of decisions it belongs to.
        chain_id: String,
        /// The step of the chain that made it.
        step: DecisionStep,
        /// The hash of the policy in force, if one was captured.
        policy_snapshot_hash: Option<String>,
    },
    /// A proposal was checked against its contracts.
    ProposalValidated {
        /// The proposal that was checked.
        proposal_id: String,
        /// The chain of decisions it belongs to.
        chain_id: String,
        /// The step of the chain that made it.
        step: DecisionStep,
        /// The result of each contract.
        contract_results: Vec<ContractResultSnapshot>,
        /// Whether every contract passed.
        all_passed: bool,
        /// Who or what did the check.
        validator: String,
    },
    /// A proposal became a fact.
    FactPromoted {
        /// The proposal that was promoted.
        proposal_id: String,
        /// The fact that came of it.
        fact_id: String,
        /// Who or what promoted it.
        promoted_by: String,
        /// Why.
        reason: String,
        /// Whether a human had to agree.
        requires_human: bool,
    },
    /// A recall searched a corpus.
    RecallExecuted {
        /// What was asked.
        query: RecallQuery,
        /// How the answer came about.
        provenance: RecallProvenanceEnvelope,
        /// The trace link of the call that used it, if any.
        trace_link_id: Option<String>,
    },
    /// A trace link was recorded under an id.
    TraceLinkRecorded {
        /// The id that other events refer to.
        trace_link_id: String,
        /// The trace link in full.
        trace_link: TraceLink,
    },
    /// A trace turned out to be less replayable than was thought.
    ReplayabilityDowngraded {
        /// The trace link it is about.
        trace_link_id: String,
        /// What was thought before.
        from: Replayability,
        /// What holds now.
        to: Replayability,
        /// Why.
        reason: ReplayabilityDowngradeReason,
    },
    /// A governed artifact moved to another state.
    ArtifactStateTransitioned {
        /// The artifact that moved.
        artifact_id: String,
        /// What kind of artifact it is.
        artifact_kind: ArtifactKind,
        /// The transition.
        event: LifecycleEvent,
    },
    /// A governed artifact was rolled back.
    ArtifactRollbackRecorded {
        /// The rollback, which names the artifact.
        rollback: RollbackRecord,
    },
    /// A model backend was called.
    BackendInvoked {
        /// The backend's name.
        backend_name: String,
        /// The adapter that was loaded, if any.
        adapter_id: Option<String>,
        /// The trace link of this call.
        trace_link_id: String,
        /// The step of the chain that called it.
        step: DecisionStep,
        /// The hash of the policy in force, if one was captured.
        policy_snapshot_hash: Option<String>,
    },
    /// A step of a chain came to an end.
    OutcomeRecorded {
        /// The chain of decisions.
        chain_id: String,
        /// The step that ended.
        step: DecisionStep,
        /// Whether it succeeded.
        passed: bool,
        /// Why it stopped, if that was recorded.
        stop_reason: Option<String>,
        /// How long it took, in milliseconds.
        latency_ms: Option<u64>,
        /// How many tokens it used.
        tokens: Option<u64>,
        /// What it cost, in millionths of a US dollar.
        cost_microdollars: Option<u64>,
        /// The backend that served it.
        backend: Option<String>,
    },
    /// A chain went over one of its budgets.
    BudgetExceeded {
        /// The chain of decisions.
        chain_id: String,
        /// What ran out, such as `tokens`.
        resource: String,
        /// The budget, as text in the resource's unit.
        limit: String,
        /// What was used, as text in the same unit.
        observed: Option<String>,
    },
    /// The policy in force was captured.
    PolicySnapshotCaptured {
        /// The policy's id.
        policy_id: String,
        /// The policy in full.
        policy: PolicySnapshot,
        /// The hash that other events refer to.
        snapshot_hash: String,
        /// Who or what captured it.
        captured_by: String,
    },
}

impl ExperienceEvent {
    /// Which of the twelve kinds this is.
    #[must_use]
    pub fn kind(&self) -> ExperienceEventKind {
        match self {
            Self::ProposalCreated { .. } => ExperienceEventKind::ProposalCreated,
            Self::ProposalValidated { .. } => ExperienceEventKind::ProposalValidated,
            Self::FactPromoted { .. } => ExperienceEventKind::FactPromoted,
            Self::RecallExecuted { .. } => ExperienceEventKind::RecallExecuted,
            Self::TraceLinkRecorded { .. } => ExperienceEventKind::TraceLinkRecorded,
            Self::ReplayabilityDowngraded { .. } => ExperienceEventKind::ReplayabilityDowngraded,
            Self::ArtifactStateTransitioned { .. } => {
                ExperienceEventKind::ArtifactStateTransitioned
            }
            Self::ArtifactRollbackRecorded { .. } => ExperienceEventKind::ArtifactRollbackRecorded,
            Self::BackendInvoked { .. } => ExperienceEventKind::BackendInvoked,
            Self::OutcomeRecorded { .. } => ExperienceEventKind::OutcomeRecorded,
            Self::BudgetExceeded { .. } => ExperienceEventKind::BudgetExceeded,
            Self::PolicySnapshotCaptured { .. } => ExperienceEventKind::PolicySnapshotCaptured,
        }
    }

    /// The chain that the event carries; only four kinds carry one.
    ///
    /// ```
    /// use experience_log::experience_store::ExperienceEvent;
    ///
    /// let event = ExperienceEvent::BudgetExceeded {
    ///     chain_id: "chain-1".into(),
    ///     resource: "tokens".into(),
    ///     limit: "1024".into(),
    ///     observed: None,
    /// };
    /// assert_eq!(event.chain_id(), Some("chain-1"));
    /// assert_eq!(event.trace_link_id(), None);
    /// ```
    #[must_use]
    pub fn chain_id(&self) -> Option<&str> {
        // Every kind is named, here and below: a new one must decide what it carries.
        match self {
            Self::ProposalCreated { chain_id, .. }
            | Self::ProposalValidated { chain_id, .. }
            | Self::OutcomeRecorded { chain_id, .. }
            | Self::BudgetExceeded { chain_id, .. } => Some(chain_id),
            Self::FactPromoted { .. }
            | Self::RecallExecuted { .. }
            | Self::TraceLinkRecorded { .. }
            | Self::ReplayabilityDowngraded { .. }
            | Self::ArtifactStateTransitioned { .. }
            | Self::ArtifactRollbackRecorded { .. }
            | Self::BackendInvoked { .. }
            | Self::PolicySnapshotCaptured { .. } => None,
        }
    }

    /// The trace link that the event carries: always for three kinds, optionally for a recall.
    #[must_use]
    pub fn trace_link_id(&self) -> Option<&str> {
        match self {
            Self::TraceLinkRecorded { trace_link_id, .. }
            | Self::ReplayabilityDowngraded { trace_link_id, .. }
            | Self::BackendInvoked { trace_link_id, .. } => Some(trace_link_id),
            Self::RecallExecuted { trace_link_id, .. } => trace_link_id.as_deref(),
            Self::ProposalCreated { .. }
            | Self::ProposalValidated { .. }
            | Self::FactPromoted { .. }
            | Self::ArtifactStateTransitioned { .. }
            | Self::ArtifactRollbackRecorded { .. }
            | Self::OutcomeRecorded { .. }
            | Self::BudgetExceeded { .. }
            | Self::PolicySnapshotCaptured { .. } => None,
        }
    }

    /// The artifact that a transition or a rollback is about.
    #[must_use]
    pub fn artifact_id(&self) -> Option<&str> {
        match self {
            Self::ArtifactStateTransitioned { artifact_id, .. } => Some(artifact_id),
            Self::ArtifactRollbackRecorded { rollback } => Some(&rollback.artifact_id),
            Self::ProposalCreated { .. }
            | Self::ProposalValidated { .. }
            | Self::FactPromoted { .. }
            | Self::RecallExecuted { .. }
            | Self::TraceLinkRecorded { .. }
            | Self::ReplayabilityDowngraded { .. }
            | Self::BackendInvoked { .. }
            | Self::OutcomeRecorded { .. }
            | Self::BudgetExceeded { .. }
            | Self::PolicySnapshotCaptured { .. } => None,
        }
    }
}

/// The result of one contract, as it was when a proposal was validated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct ContractResultSnapshot {
    /// The contract's name.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// Why it failed, if it did.
    pub failure_reason: Option<String>,
}

impl From<ContractResult> for ContractResultSnapshot {
    fn from(result: ContractResult) -> Self {
        Self {
            name: result.name,
            passed: result.passed,
            failure_reason: result.failure_reason,
        }
    }
}

/// What sort of thing is governed.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum ArtifactKind {
    /// A model adapter.
    Adapter,
    /// A pack of agents and rules.
    Pack,
    /// A policy.
    Policy,
    /// A file of truths.
    TruthFile,
    /// A suite of evaluations.
    EvalSuite,
    /// Anything else, by name.
    Other(String),
}

/// A policy as it was when captured.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
#[serde(tag = "type", content = "policy")]
pub enum PolicySnapshot {
    /// What a kernel may do.
    Kernel(KernelPolicy),
    /// Which backend serves what.
    Routing(RoutingPolicy),
    /// What a recall may do.
    Recall(RecallPolicy),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    #[test]
    fn event_kind_mapping() {
        let event = ExperienceEvent::BudgetExceeded {
            chain_id: "chain-1".to_string(),
            resource: "tokens".to_string(),
            limit: "1024".to_string(),
            observed: Some("2048".to_string()),
        };
        assert_eq!(event.kind(), ExperienceEventKind::BudgetExceeded);
    }

    #[test]
    fn each_id_is_carried_by_the_kinds_the_contract_names() {
        use ExperienceEventKind as Kind;
        for event in samples::events() {
            let kind = event.kind();
            let carries_chain = matches!(
                kind,
                Kind::ProposalCreated
                    | Kind::ProposalValidated
                    | Kind::OutcomeRecorded
                    | Kind::BudgetExceeded
            );
            assert_eq!(
                event.chain_id(),
                carries_chain.then_some("chain-1"),
                "{kind}"
            );

            let carries_link = matches!(
                kind,
                Kind::TraceLinkRecorded | Kind::ReplayabilityDowngraded | Kind::BackendInvoked
            ) || matches!(
                &event,
                ExperienceEvent::RecallExecuted {
                    trace_link_id: Some(_),
                    ..
                }
            );
            assert_eq!(
                event.trace_link_id(),
                carries_link.then_some("trace-1"),
                "{kind}"
            );

            let carries_artifact = matches!(
                kind,
                Kind::ArtifactStateTransitioned | Kind::ArtifactRollbackRecorded
            );
            assert_eq!(
                event.artifact_id(),
                carries_artifact.then_some("artifact-1"),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_snapshot_keeps_what_the_result_said() {
        let snapshot = ContractResultSnapshot::from(ContractResult {
            name: "no-refund".into(),
            passed: false,
            failure_reason: Some("basic economy".into()),
        });
        assert_eq!(snapshot.name, "no-refund");
        assert!(!snapshot.passed);
        assert_eq!(snapshot.failure_reason.as_deref(), Some("basic economy"));
    }
}
