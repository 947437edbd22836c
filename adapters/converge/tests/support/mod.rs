//! What the test files share: a store that is closed and opened between appends and questions, and events.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a test fails by them"
)]
#![allow(
    dead_code,
    reason = "each test file is a crate of its own and uses its part"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use converge_core::gates::hitl::{GateDecision, GateRequest, TimeoutPolicy};
use converge_core::{
    BudgetResource, DecisionStep, ExperienceEvent, ExperienceEventEnvelope, GateId,
    HypothesisOutcome, OverrideTarget, RemoteReplayTrace, ReplayTrace, Replayability, Timestamp,
    UnitInterval, UserExperienceEvent, UserExperienceEventEnvelope,
};
use converge_experience_log::ConvergeLog;
use experience_log::{Durability, ExperienceLog, Options};
use tempfile::TempDir;

/// A store in a folder of its own.
pub(crate) struct Store {
    pub(crate) log: ConvergeLog,
    path: PathBuf,
    _folder: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let path = folder.path().join("agent.log");
        Self {
            log: ConvergeLog::open_with(&path, options()).unwrap(),
            path,
            _folder: folder,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the log and opens it again: what is asked now, the disk must tell.
    pub(crate) fn reopened(self) -> Self {
        self.log.close().unwrap();
        Self {
            log: ConvergeLog::open_with(&self.path, options()).unwrap(),
            ..self
        }
    }
}

/// A small memtable, so that questions go to the trees as well.
pub(crate) fn options() -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .memtable_events(16)
}

pub(crate) fn outcome(chain: &str) -> ExperienceEvent {
    outcome_with(chain, true, HashMap::new())
}

pub(crate) fn outcome_with(
    chain: &str,
    passed: bool,
    metadata: HashMap<String, String>,
) -> ExperienceEvent {
    ExperienceEvent::OutcomeRecorded {
        chain_id: chain.into(),
        step: DecisionStep::Planning,
        passed,
        stop_reason: (!passed).then(|| {
            converge_core::StopReason::error("no venue", converge_core::ErrorCategory::Internal)
        }),
        latency_ms: None,
        tokens: Some(42),
        cost_microdollars: None,
        backend: None,
        metadata,
    }
}

pub(crate) fn budget(chain: &str) -> ExperienceEvent {
    ExperienceEvent::BudgetExceeded {
        chain_id: chain.into(),
        resource: BudgetResource::Other("patience".into()),
        limit: "100".into(),
        observed: Some("150".into()),
    }
}

pub(crate) fn promoted(fact: &str) -> ExperienceEvent {
    ExperienceEvent::FactPromoted {
        proposal_id: "p-1".into(),
        fact_id: fact.into(),
        promoted_by: "agent-1".into(),
        reason: "validated".into(),
        requires_human: false,
    }
}

pub(crate) fn hypothesis(chain: &str) -> ExperienceEvent {
    ExperienceEvent::HypothesisResolved {
        chain_id: chain.into(),
        fact_id: "f-1".into(),
        domain: "venues".into(),
        claim: "the boathouse holds 80".into(),
        confidence: UnitInterval::clamped(0.85),
        outcome: HypothesisOutcome::Confirmed,
        contradiction_id: None,
        formed_cycle: 1,
        resolved_cycle: 3,
    }
}

pub(crate) fn gate(gate: &str) -> ExperienceEvent {
    let gate_id = GateId::new(gate);
    ExperienceEvent::GateDecisionRecorded {
        request: GateRequest {
            gate_id: gate_id.clone(),
            proposal_id: "p-42".into(),
            summary: "rent a tent".into(),
            agent_id: "planner".into(),
            rationale: None,
            context_data: Vec::new(),
            cycle: 5,
            requested_at: Timestamp::lamport(3),
            timeout: TimeoutPolicy::default(),
        },
        decision: GateDecision::approve(gate_id, "host"),
    }
}

pub(crate) fn trace(fingerprint: &str) -> ReplayTrace {
    ReplayTrace::Remote(RemoteReplayTrace {
        provider_name: "provider".into(),
        provider_model_id: "model".into(),
        request_fingerprint: fingerprint.into(),
        response_fingerprint: "response".into(),
        temperature: 0.7,
        top_p: 1.0,
        max_tokens: 512,
        provider_metadata: many(),
        retried: false,
        retry_reasons: Vec::new(),
        replayability: Replayability::BestEffort,
    })
}

/// A map with enough entries that two equal ones seldom agree on their order.
pub(crate) fn many() -> HashMap<String, String> {
    (0..12)
        .map(|number| (format!("key-{number}"), format!("value {number}")))
        .collect()
}

pub(crate) fn user_override(reason: &str) -> UserExperienceEvent {
    UserExperienceEvent::UserOverrideIssued {
        target: OverrideTarget::Constraint("budget".into()),
        actor: "operator-1".into(),
        policy_snapshot_hash: None,
        reason: reason.into(),
    }
}

pub(crate) fn user_approval(gate: &str) -> UserExperienceEvent {
    UserExperienceEvent::UserApprovalGranted {
        gate_request_id: gate.into(),
        actor: "operator-1".into(),
        policy_snapshot_hash: None,
        reason: None,
    }
}

pub(crate) fn engine(id: &str, event: ExperienceEvent) -> ExperienceEventEnvelope {
    ExperienceEventEnvelope::new(id, event)
}

pub(crate) fn user(id: &str, event: UserExperienceEvent) -> UserExperienceEventEnvelope {
    UserExperienceEventEnvelope::new(id, event)
}

/// What an envelope says, by which envelopes are compared: they have no equality of their own.
pub(crate) fn says(envelope: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(envelope).unwrap()
}
