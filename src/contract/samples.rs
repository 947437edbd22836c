//! Envelopes of every kind for the tests, with every option both taken and left.

use std::collections::HashMap;

use serde_json::json;

use super::experience_store::{
    ArtifactKind, ContractResultSnapshot, ExperienceEvent, ExperienceEventEnvelope, PolicySnapshot,
};
use super::governed_artifact::{
    GovernedArtifactState, LifecycleEvent, RollbackImpact, RollbackRecord, RollbackSeverity,
};
use super::kernel_boundary::{
    AdapterTrace, ContractResult, DataClassification, DecisionStep, ExecutionEnv, KernelPolicy,
    KernelProposal, LocalTraceLink, ProposalKind, RecallTrace, RemoteTraceLink, Replayability,
    ReplayabilityDowngradeReason, RiskTier, RoutingPolicy, SamplerParams, TraceLink,
};
use super::recall::{
    CandidateScore, RecallBudgets, RecallConsumer, RecallPolicy, RecallProvenanceEnvelope,
    RecallQuery, RecallUse, StopReason,
};

/// One envelope for each of [`events`], `evt-0` onward; every other one is tagged.
pub(crate) fn envelopes() -> Vec<ExperienceEventEnvelope> {
    events()
        .into_iter()
        .enumerate()
        .map(|(i, event)| {
            let envelope = ExperienceEventEnvelope::new(format!("evt-{i}"), event);
            if i % 2 == 0 {
                envelope.with_tenant("tenant-a").with_correlation("run-1")
            } else {
                envelope
            }
        })
        .collect()
}

/// At least one event of every kind, in the order of the contract.
pub(crate) fn events() -> Vec<ExperienceEvent> {
    let mut events = proposals();
    events.extend(recalls_and_traces());
    events.extend(artifacts());
    events.extend(outcomes());
    events.extend(policies());
    events
}

pub(crate) fn proposal(trace_link: TraceLink) -> KernelProposal {
    KernelProposal {
        id: "proposal-1".into(),
        kind: ProposalKind::Plan,
        payload: "book it".into(),
        structured_payload: Some(json!({"a": {"k": "v"}, "b": [1, -2, 0.5, null, true]})),
        trace_link,
        contract_results: vec![ContractResult {
            name: "no-refund".into(),
            passed: false,
            failure_reason: Some("basic economy".into()),
        }],
        requires_human: true,
        confidence: Some(0.75),
    }
}

pub(crate) fn local_trace() -> LocalTraceLink {
    LocalTraceLink {
        base_model_hash: "base".into(),
        adapter: Some(AdapterTrace {
            adapter_id: "adapter-1".into(),
            adapter_hash: "hash".into(),
            merged: true,
        }),
        tokenizer_hash: "tokens".into(),
        seed: u64::MAX,
        sampler: SamplerParams {
            temperature: 0.1,
            top_p: 0.9,
            top_k: Some(40),
        },
        prompt_version: "v1".into(),
        recall: Some(RecallTrace {
            corpus_fingerprint: "corpus".into(),
            candidate_ids: vec!["c1".into(), "c2".into()],
            candidate_scores: vec![0.3, 0.1],
            injected_count: 1,
        }),
        weights_mutated: false,
        execution_env: ExecutionEnv::default(),
    }
}

pub(crate) fn remote_trace() -> RemoteTraceLink {
    RemoteTraceLink {
        provider_name: "openai".into(),
        provider_model_id: "gpt-4o".into(),
        request_fingerprint: "req".into(),
        response_fingerprint: "res".into(),
        temperature: 0.7,
        top_p: 1.0,
        max_tokens: 1024,
        provider_metadata: HashMap::from([
            ("region".into(), "eu".into()),
            ("id".into(), "7".into()),
        ]),
        retried: true,
        retry_reasons: vec!["429".into()],
        replayability: Replayability::BestEffort,
    }
}

pub(crate) fn routing_policy() -> RoutingPolicy {
    let backends = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    RoutingPolicy {
        truth_preferences: HashMap::from([
            ("price".into(), "local".into()),
            ("date".into(), "remote".into()),
        ]),
        risk_tier_backends: HashMap::from([
            (RiskTier::Critical, backends(&[])),
            (RiskTier::High, backends(&["local"])),
            (RiskTier::Low, backends(&["local", "remote"])),
            (RiskTier::Medium, backends(&["remote"])),
        ]),
        data_classification_backends: HashMap::from([
            (DataClassification::Restricted, backends(&[])),
            (DataClassification::Public, backends(&["remote"])),
            (DataClassification::Confidential, backends(&["local"])),
            (DataClassification::Internal, backends(&["local"])),
        ]),
        default_backend: "local".into(),
    }
}

fn proposals() -> Vec<ExperienceEvent> {
    let sparse = KernelProposal {
        kind: ProposalKind::default(),
        structured_payload: None,
        contract_results: Vec::new(),
        confidence: None,
        ..proposal(TraceLink::Remote(RemoteTraceLink {
            provider_metadata: HashMap::new(),
            ..remote_trace()
        }))
    };
    vec![
        ExperienceEvent::ProposalCreated {
            proposal: proposal(TraceLink::Local(local_trace())),
            chain_id: "chain-1".into(),
            step: DecisionStep::Planning,
            policy_snapshot_hash: Some("policy".into()),
        },
        ExperienceEvent::ProposalCreated {
            proposal: sparse,
            chain_id: "chain-1".into(),
            step: DecisionStep::Reasoning,
            policy_snapshot_hash: None,
        },
        ExperienceEvent::ProposalValidated {
            proposal_id: "proposal-1".into(),
            chain_id: "chain-1".into(),
            step: DecisionStep::Evaluation,
            contract_results: vec![ContractResultSnapshot {
                name: "no-refund".into(),
                passed: true,
                failure_reason: None,
            }],
            all_passed: true,
            validator: "gate".into(),
        },
        ExperienceEvent::FactPromoted {
            proposal_id: "proposal-1".into(),
            fact_id: "fact-1".into(),
            promoted_by: "gate".into(),
            reason: "all passed".into(),
            requires_human: false,
        },
    ]
}

fn recalls_and_traces() -> Vec<ExperienceEvent> {
    let query = RecallQuery {
        query_text: "refund rules".into(),
        top_k: 3,
        step_context: Some(DecisionStep::Evaluation),
        tenant_scope: Some("tenant-a".into()),
    };
    let provenance = RecallProvenanceEnvelope {
        query_hash: "q".into(),
        embedding_input_hash: "i".into(),
        embedding_hash: "e".into(),
        embedder_id: "embedder".into(),
        embedder_settings_hash: "s".into(),
        corpus_fingerprint: "corpus".into(),
        policy_snapshot_hash: "policy".into(),
        purpose: RecallUse::TrainingCandidateSelection,
        consumers: vec![
            RecallConsumer::Kernel,
            RecallConsumer::Analytics,
            RecallConsumer::Trainer,
        ],
        candidate_scores: vec![CandidateScore {
            id: "c1".into(),
            score: 0.1 + 0.2,
        }],
        candidates_searched: 100,
        candidates_returned: 1,
        stop_reason: Some(StopReason::BelowThreshold),
        latency_ms: 12,
        timestamp: "2026-01-21T12:00:00Z".into(),
        signature: "unsigned".into(),
    };
    let sparse_query = RecallQuery {
        step_context: None,
        tenant_scope: None,
        ..query.clone()
    };
    let sparse_provenance = RecallProvenanceEnvelope {
        consumers: Vec::new(),
        candidate_scores: Vec::new(),
        stop_reason: None,
        ..provenance.clone()
    };
    let sparse_local = LocalTraceLink {
        adapter: None,
        sampler: SamplerParams::default(),
        recall: None,
        ..local_trace()
    };
    let recorded = |trace_link| ExperienceEvent::TraceLinkRecorded {
        trace_link_id: "trace-1".into(),
        trace_link,
    };
    vec![
        ExperienceEvent::RecallExecuted {
            query,
            provenance,
            trace_link_id: Some("trace-1".into()),
        },
        ExperienceEvent::RecallExecuted {
            query: sparse_query,
            provenance: sparse_provenance,
            trace_link_id: None,
        },
        recorded(TraceLink::Local(local_trace())),
        recorded(TraceLink::Local(sparse_local)),
        recorded(TraceLink::Remote(remote_trace())),
        ExperienceEvent::ReplayabilityDowngraded {
            trace_link_id: "trace-1".into(),
            from: Replayability::Deterministic,
            to: Replayability::None,
            reason: ReplayabilityDowngradeReason::MultipleReasons,
        },
    ]
}

fn artifacts() -> Vec<ExperienceEvent> {
    let kinds = [
        ArtifactKind::Adapter,
        ArtifactKind::Pack,
        ArtifactKind::Policy,
        ArtifactKind::TruthFile,
        ArtifactKind::EvalSuite,
        ArtifactKind::Other("prompt".into()),
    ];
    let moved = kinds.map(|artifact_kind| ExperienceEvent::ArtifactStateTransitioned {
        artifact_id: "artifact-1".into(),
        artifact_kind,
        event: LifecycleEvent {
            from_state: GovernedArtifactState::Draft,
            to_state: GovernedArtifactState::Approved,
            timestamp: "2026-01-21T12:00:00Z".into(),
            actor: "ops".into(),
            reason: "reviewed".into(),
            ticket_ref: Some("T-1".into()),
            tenant_id: None,
        },
    });
    let rolled_back = [
        RollbackImpact::default(),
        RollbackImpact {
            affected_count: Some(3),
            quality_issues: vec!["wrong fare".into()],
            invalidates_outputs: true,
            severity: RollbackSeverity::Critical,
            affected_tenants: vec!["tenant-a".into()],
        },
    ]
    .map(|impact| ExperienceEvent::ArtifactRollbackRecorded {
        rollback: RollbackRecord {
            artifact_id: "artifact-1".into(),
            previous_state: GovernedArtifactState::Active,
            rolled_back_at: "2026-01-21T12:00:00Z".into(),
            actor: "ops".into(),
            reason: "wrong fare".into(),
            impact,
            incident_ref: None,
            tenant_id: Some("tenant-a".into()),
        },
    });
    moved.into_iter().chain(rolled_back).collect()
}

fn outcomes() -> Vec<ExperienceEvent> {
    vec![
        ExperienceEvent::BackendInvoked {
            backend_name: "openai/gpt-4o".into(),
            adapter_id: None,
            trace_link_id: "trace-1".into(),
            step: DecisionStep::Reasoning,
            policy_snapshot_hash: None,
        },
        ExperienceEvent::OutcomeRecorded {
            chain_id: "chain-1".into(),
            step: DecisionStep::Planning,
            passed: true,
            stop_reason: None,
            latency_ms: Some(12),
            tokens: Some(u64::MAX),
            cost_microdollars: Some(0),
            backend: Some("local".into()),
        },
        ExperienceEvent::BudgetExceeded {
            chain_id: "chain-1".into(),
            resource: "tokens".into(),
            limit: "1024".into(),
            observed: Some("2048".into()),
        },
    ]
}

fn policies() -> Vec<ExperienceEvent> {
    let kernel = KernelPolicy {
        adapter_id: None,
        recall_enabled: true,
        recall_max_candidates: 5,
        recall_min_score: 0.7,
        seed: Some(7),
        requires_human: true,
        required_truths: vec!["confirmed".into()],
    };
    let recall = RecallPolicy {
        enabled: true,
        max_k_total: 5,
        max_tokens_injection: 100,
        min_score_threshold: 0.3,
        budgets: RecallBudgets {
            max_latency_ms: 10,
            max_embedding_calls: 1,
            max_tokens_per_candidate: 50,
        },
        allowed_uses: vec![
            RecallUse::RuntimeAugmentation,
            RecallUse::TrainingCandidateSelection,
        ],
    };
    [
        PolicySnapshot::Kernel(kernel),
        PolicySnapshot::Routing(routing_policy()),
        PolicySnapshot::Recall(recall),
    ]
    .map(|policy| ExperienceEvent::PolicySnapshotCaptured {
        policy_id: "policy-1".into(),
        policy,
        snapshot_hash: "policy".into(),
        captured_by: "gate".into(),
    })
    .into()
}
