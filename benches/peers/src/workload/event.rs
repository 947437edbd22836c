//! What each kind of event holds. 250 to 400 stored bytes; one proposal in twelve has 2 to 4 KB.

use std::collections::HashMap;

use experience_log::experience_store::{ContractResultSnapshot, PolicySnapshot};
use experience_log::governed_artifact::{RollbackImpact, RollbackSeverity};
use experience_log::kernel_boundary::{
    KernelPolicy, RemoteTraceLink, ReplayabilityDowngradeReason,
};
use experience_log::recall::{
    CandidateScore, RecallConsumer, RecallProvenanceEnvelope, RecallUse, StopReason,
};
use experience_log::{
    ArtifactKind, DecisionStep, ExperienceEvent, ExperienceEventKind as Kind,
    GovernedArtifactState, KernelProposal, LifecycleEvent, ProposalKind, RecallQuery,
    Replayability, RollbackRecord, TraceLink,
};
use fastrand::Rng;
use jiff::Timestamp;

use super::run::Run;
use super::text::{hex, one, prose};

const BACKENDS: [&str; 3] = ["openai/gpt-4o", "vllm/nordlys-13b", "helios/helios-large-2"];
const ACTORS: [&str; 4] = ["policy-gate", "model-board", "t.aasen", "deploy-bot"];
const CONTRACTS: [&str; 4] = [
    "no-refund",
    "within-fare-rules",
    "amount-matches",
    "cites-source",
];
const ADAPTER: &str = "claims-triage-lora-7";
/// One proposal in so many is long.
const LONG: u8 = 12;

/// The event of `kind` that `run` records at `time`.
pub(super) fn event(run: &Run, kind: Kind, rng: &mut Rng, time: Timestamp) -> ExperienceEvent {
    match kind {
        Kind::ProposalCreated => proposal_created(run, rng),
        Kind::ProposalValidated => proposal_validated(run, rng),
        Kind::FactPromoted => ExperienceEvent::FactPromoted {
            proposal_id: proposal_id(run),
            fact_id: format!("{}-fact", proposal_id(run)),
            promoted_by: one(rng, &ACTORS),
            reason: some_prose(rng, 90, 170),
            requires_human: rng.u8(0..10) == 0,
        },
        Kind::RecallExecuted => recall_executed(run, rng, time),
        Kind::TraceLinkRecorded => ExperienceEvent::TraceLinkRecorded {
            trace_link_id: run.link.clone(),
            trace_link: trace_link(rng, 64),
        },
        Kind::ReplayabilityDowngraded => ExperienceEvent::ReplayabilityDowngraded {
            trace_link_id: run.link.clone(),
            from: Replayability::Deterministic,
            to: Replayability::BestEffort,
            reason: ReplayabilityDowngradeReason::RemoteBackendUsed,
        },
        Kind::ArtifactStateTransitioned => transition(run, rng, time),
        Kind::ArtifactRollbackRecorded => rollback(run, rng, time),
        Kind::BackendInvoked => ExperienceEvent::BackendInvoked {
            backend_name: one(rng, &BACKENDS),
            adapter_id: Some(ADAPTER.into()),
            trace_link_id: run.link.clone(),
            step: step(rng),
            policy_snapshot_hash: Some(run.policy_hash.clone()),
        },
        Kind::OutcomeRecorded => ExperienceEvent::OutcomeRecorded {
            chain_id: run.chain(rng),
            step: step(rng),
            passed: rng.u8(0..8) != 0,
            stop_reason: Some(some_prose(rng, 70, 170)),
            latency_ms: Some(rng.u64(20..20_000)),
            tokens: Some(rng.u64(50..8_000)),
            cost_microdollars: Some(rng.u64(100..90_000)),
            backend: Some(one(rng, &BACKENDS)),
        },
        Kind::BudgetExceeded => ExperienceEvent::BudgetExceeded {
            chain_id: run.chain(rng),
            resource: format!("tokens of {}", some_prose(rng, 80, 140)),
            limit: "4096".into(),
            observed: Some(rng.u32(4097..9000).to_string()),
        },
        Kind::PolicySnapshotCaptured => ExperienceEvent::PolicySnapshotCaptured {
            policy_id: format!("{}-kernel-v{}", run.tenant, rng.u8(1..5)),
            policy: PolicySnapshot::Kernel(kernel_policy(rng)),
            snapshot_hash: run.policy_hash.clone(),
            captured_by: "kernel-gateway".into(),
        },
    }
}

fn proposal_id(run: &Run) -> String {
    format!("{}-p{}", &run.correlation[..12], run.proposal)
}

fn some_prose(rng: &mut Rng, least: usize, most: usize) -> String {
    let length = rng.usize(least..most);
    prose(rng, length)
}

fn step(rng: &mut Rng) -> DecisionStep {
    match rng.u8(0..3) {
        0 => DecisionStep::Reasoning,
        1 => DecisionStep::Evaluation,
        _ => DecisionStep::Planning,
    }
}

fn proposal_created(run: &Run, rng: &mut Rng) -> ExperienceEvent {
    let payload = if rng.u8(0..LONG) == 0 {
        some_prose(rng, 1_800, 3_700)
    } else {
        some_prose(rng, 30, 100)
    };
    let proposal = KernelProposal {
        id: proposal_id(run),
        kind: if rng.bool() {
            ProposalKind::Plan
        } else {
            ProposalKind::DraftDocument
        },
        payload,
        structured_payload: None,
        trace_link: trace_link(rng, 16),
        contract_results: Vec::new(),
        requires_human: false,
        confidence: Some(rng.f32()),
    };
    ExperienceEvent::ProposalCreated {
        proposal,
        chain_id: run.chain(rng),
        step: step(rng),
        policy_snapshot_hash: None,
    }
}

fn proposal_validated(run: &Run, rng: &mut Rng) -> ExperienceEvent {
    let results: Vec<ContractResultSnapshot> = CONTRACTS
        .iter()
        .take(rng.usize(1..=2))
        .map(|name| {
            let passed = rng.u8(0..6) != 0;
            ContractResultSnapshot {
                name: (*name).to_owned(),
                passed,
                failure_reason: (!passed).then(|| some_prose(rng, 30, 80)),
            }
        })
        .collect();
    ExperienceEvent::ProposalValidated {
        proposal_id: proposal_id(run),
        chain_id: run.chain(rng),
        step: DecisionStep::Evaluation,
        all_passed: results.iter().all(|result| result.passed),
        contract_results: results,
        validator: format!("validator {}", some_prose(rng, 60, 110)),
    }
}

fn trace_link(rng: &mut Rng, digits: usize) -> TraceLink {
    let request = format!("req_{}", hex(rng, 8));
    TraceLink::Remote(RemoteTraceLink {
        provider_name: "helios".into(),
        provider_model_id: "helios-large-2".into(),
        request_fingerprint: hex(rng, digits),
        response_fingerprint: hex(rng, digits),
        temperature: 0.3,
        top_p: 0.95,
        max_tokens: 2048,
        provider_metadata: HashMap::from([("request_id".into(), request)]),
        retried: false,
        retry_reasons: Vec::new(),
        replayability: Replayability::BestEffort,
    })
}

fn recall_executed(run: &Run, rng: &mut Rng, time: Timestamp) -> ExperienceEvent {
    let query = RecallQuery {
        query_text: some_prose(rng, 30, 60),
        top_k: 5,
        step_context: Some(DecisionStep::Reasoning),
        tenant_scope: Some(run.tenant.clone()),
    };
    let candidates = (0..rng.usize(0..3)).map(|_| CandidateScore {
        id: format!("doc-{}", rng.u32(0..100_000)),
        score: rng.f64(),
    });
    let candidate_scores: Vec<CandidateScore> = candidates.collect();
    let provenance = RecallProvenanceEnvelope {
        query_hash: hex(rng, 16),
        embedding_input_hash: hex(rng, 16),
        embedding_hash: hex(rng, 16),
        embedder_id: "minilm-l6".into(),
        embedder_settings_hash: run.policy_hash[..16].to_owned(),
        corpus_fingerprint: run.policy_hash[16..32].to_owned(),
        policy_snapshot_hash: run.policy_hash[..16].to_owned(),
        purpose: RecallUse::RuntimeAugmentation,
        consumers: vec![RecallConsumer::Kernel],
        candidates_searched: 500,
        candidates_returned: candidate_scores.len(),
        candidate_scores,
        stop_reason: Some(StopReason::ReachedTopK),
        latency_ms: rng.u64(2..90),
        timestamp: format!("{time:.3}"),
        signature: "unsigned".into(),
    };
    ExperienceEvent::RecallExecuted {
        query,
        provenance,
        trace_link_id: None,
    }
}

fn artifact(rng: &mut Rng) -> String {
    format!("claims-triage-lora-{}", rng.u32(0..2_000))
}

fn transition(run: &Run, rng: &mut Rng, time: Timestamp) -> ExperienceEvent {
    ExperienceEvent::ArtifactStateTransitioned {
        artifact_id: artifact(rng),
        artifact_kind: ArtifactKind::Adapter,
        event: LifecycleEvent {
            from_state: GovernedArtifactState::Approved,
            to_state: GovernedArtifactState::Active,
            timestamp: format!("{time:.6}"),
            actor: one(rng, &ACTORS),
            reason: some_prose(rng, 40, 120),
            ticket_ref: Some(format!("GOV-{}", rng.u32(1..2_000))),
            tenant_id: Some(run.tenant.clone()),
        },
    }
}

fn rollback(run: &Run, rng: &mut Rng, time: Timestamp) -> ExperienceEvent {
    let impact = RollbackImpact {
        affected_count: Some(rng.u64(1..400)),
        quality_issues: vec![some_prose(rng, 20, 60)],
        invalidates_outputs: false,
        severity: RollbackSeverity::Medium,
        affected_tenants: vec![run.tenant.clone()],
    };
    ExperienceEvent::ArtifactRollbackRecorded {
        rollback: RollbackRecord {
            artifact_id: artifact(rng),
            previous_state: GovernedArtifactState::Active,
            rolled_back_at: format!("{time:.6}"),
            actor: one(rng, &ACTORS),
            reason: some_prose(rng, 40, 100),
            impact,
            incident_ref: Some(format!("INC-{}", rng.u32(1..900))),
            tenant_id: Some(run.tenant.clone()),
        },
    }
}

fn kernel_policy(rng: &mut Rng) -> KernelPolicy {
    KernelPolicy {
        adapter_id: Some(ADAPTER.into()),
        recall_enabled: true,
        recall_max_candidates: 12,
        recall_min_score: 0.4,
        seed: Some(rng.u64(..)),
        requires_human: false,
        required_truths: vec!["delay-proven".into()],
    }
}
