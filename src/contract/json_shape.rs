//! The JSON of the contract, compared with literal text: field names, their order, and tags.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::experience_store::{
    ArtifactKind, ArtifactQuery, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
    ExperienceEventKind, PolicySnapshot, ReplayBatch, ReplayCursor, ReplayOptions, TimeRange,
};
use super::governed_artifact::{GovernedArtifactState, RollbackSeverity};
use super::kernel_boundary::{
    DataClassification, DecisionStep, ProposalKind, Replayability, ReplayabilityDowngradeReason,
    RiskTier, TraceLink,
};
use super::recall::{RecallConsumer, RecallUse, StopReason};
use super::samples;

const LOCAL: &str = concat!(
    r#"{"type":"Local","base_model_hash":"base","#,
    r#""adapter":{"adapter_id":"adapter-1","adapter_hash":"hash","merged":true},"#,
    r#""tokenizer_hash":"tokens","seed":18446744073709551615,"#,
    r#""sampler":{"temperature":0.1,"top_p":0.9,"top_k":40},"prompt_version":"v1","#,
    r#""recall":{"corpus_fingerprint":"corpus","candidate_ids":["c1","c2"],"#,
    r#""candidate_scores":[0.3,0.1],"injected_count":1},"weights_mutated":false,"#,
    r#""execution_env":{"device":"cpu","backend":"ndarray","precision":"f32"}}"#
);

const REMOTE: &str = concat!(
    r#"{"type":"Remote","provider_name":"openai","provider_model_id":"gpt-4o","#,
    r#""request_fingerprint":"req","response_fingerprint":"res","temperature":0.7,"top_p":1.0,"#,
    r#""max_tokens":1024,"provider_metadata":{"id":"7","region":"eu"},"retried":true,"#,
    r#""retry_reasons":["429"],"replayability":"BestEffort"}"#
);

const PROVENANCE: &str = concat!(
    r#"{"query_hash":"q","embedding_input_hash":"i","embedding_hash":"e","embedder_id":"embedder","#,
    r#""embedder_settings_hash":"s","corpus_fingerprint":"corpus","policy_snapshot_hash":"policy","#,
    r#""purpose":"TrainingCandidateSelection","consumers":["Kernel","Analytics","Trainer"],"#,
    r#""candidate_scores":[{"id":"c1","score":0.30000000000000004}],"candidates_searched":100,"#,
    r#""candidates_returned":1,"stop_reason":"BelowThreshold","latency_ms":12,"#,
    r#""timestamp":"2026-01-21T12:00:00Z","signature":"unsigned"}"#
);

/// The value gives this JSON, and this JSON gives the value.
fn assert_json<T>(value: &T, expected: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    assert_eq!(serde_json::to_string(value).unwrap(), expected);
    assert_eq!(&serde_json::from_str::<T>(expected).unwrap(), value);
}

/// The fieldless variants of `T` are these names, and no other.
fn assert_names<T>(names: &[&str])
where
    T: Serialize + DeserializeOwned,
{
    for name in names {
        let text = format!("\"{name}\"");
        let value: T = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }
    let Err(error) = serde_json::from_str::<T>("\"no such name\"") else {
        panic!("an unknown name was read");
    };
    assert_eq!(
        error.to_string().matches('`').count(),
        2 * (names.len() + 1)
    );
}

/// The `nth` sample of a kind.
fn sample(kind: ExperienceEventKind, nth: usize) -> ExperienceEvent {
    samples::events()
        .into_iter()
        .filter(|event| event.kind() == kind)
        .nth(nth)
        .unwrap()
}

#[test]
fn the_samples_cover_every_kind() {
    let mut kinds: Vec<_> = samples::events()
        .iter()
        .map(ExperienceEvent::kind)
        .collect();
    kinds.dedup();
    assert_eq!(kinds, ExperienceEventKind::ALL);
}

#[test]
fn every_sample_reads_back_from_json() {
    for envelope in samples::envelopes() {
        let text = serde_json::to_string(&envelope).unwrap();
        assert_json(&envelope, &text);
        // Through a value too: tagged enums take another way in serde there.
        let value: Value = serde_json::to_value(&envelope).unwrap();
        let back: ExperienceEventEnvelope = serde_json::from_value(value).unwrap();
        assert_eq!(back, envelope);
    }
}

#[test]
fn envelope() {
    let event = sample(ExperienceEventKind::BudgetExceeded, 0);
    let bare = ExperienceEventEnvelope::new("evt-1", event);
    let data = concat!(
        r#"{"type":"BudgetExceeded","data":{"chain_id":"chain-1","resource":"tokens","#,
        r#""limit":"1024","observed":"2048"}}"#
    );
    assert_json(
        &bare,
        &format!(
            r#"{{"event_id":"evt-1","occurred_at":"1970-01-01T00:00:00Z","tenant_id":null,"correlation_id":null,"event":{data}}}"#
        ),
    );
    assert_json(
        &bare.with_tenant("t").with_correlation("c"),
        &format!(
            r#"{{"event_id":"evt-1","occurred_at":"1970-01-01T00:00:00Z","tenant_id":"t","correlation_id":"c","event":{data}}}"#
        ),
    );
}

#[test]
fn trace_links_are_tagged_inside() {
    assert_json(&TraceLink::Local(samples::local_trace()), LOCAL);
    assert_json(&TraceLink::Remote(samples::remote_trace()), REMOTE);
}

#[test]
fn events_are_tagged_beside_their_data() {
    use ExperienceEventKind as Kind;
    let proposal = format!(
        r#"{{"id":"proposal-1","kind":"Plan","payload":"book it","structured_payload":{{"a":{{"k":"v"}},"b":[1,-2,0.5,null,true]}},"trace_link":{LOCAL},"contract_results":[{{"name":"no-refund","passed":false,"failure_reason":"basic economy"}}],"requires_human":true,"confidence":0.75}}"#
    );
    let lifecycle = r#"{"from_state":"Draft","to_state":"Approved","timestamp":"2026-01-21T12:00:00Z","actor":"ops","reason":"reviewed","ticket_ref":"T-1","tenant_id":null}"#;
    let impact = r#"{"affected_count":3,"quality_issues":["wrong fare"],"invalidates_outputs":true,"severity":"Critical","affected_tenants":["tenant-a"]}"#;
    let cases = [
        (
            Kind::ProposalCreated,
            0,
            format!(
                r#"{{"proposal":{proposal},"chain_id":"chain-1","step":"Planning","policy_snapshot_hash":"policy"}}"#
            ),
        ),
        (
            Kind::ProposalValidated,
            0,
            r#"{"proposal_id":"proposal-1","chain_id":"chain-1","step":"Evaluation","contract_results":[{"name":"no-refund","passed":true,"failure_reason":null}],"all_passed":true,"validator":"gate"}"#.into(),
        ),
        (
            Kind::FactPromoted,
            0,
            r#"{"proposal_id":"proposal-1","fact_id":"fact-1","promoted_by":"gate","reason":"all passed","requires_human":false}"#.into(),
        ),
        (
            Kind::RecallExecuted,
            0,
            format!(
                r#"{{"query":{{"query_text":"refund rules","top_k":3,"step_context":"Evaluation","tenant_scope":"tenant-a"}},"provenance":{PROVENANCE},"trace_link_id":"trace-1"}}"#
            ),
        ),
        (
            Kind::TraceLinkRecorded,
            0,
            format!(r#"{{"trace_link_id":"trace-1","trace_link":{LOCAL}}}"#),
        ),
        (
            Kind::TraceLinkRecorded,
            2,
            format!(r#"{{"trace_link_id":"trace-1","trace_link":{REMOTE}}}"#),
        ),
        (
            Kind::ReplayabilityDowngraded,
            0,
            r#"{"trace_link_id":"trace-1","from":"Deterministic","to":"None","reason":"MultipleReasons"}"#.into(),
        ),
        (
            Kind::ArtifactStateTransitioned,
            0,
            format!(r#"{{"artifact_id":"artifact-1","artifact_kind":"Adapter","event":{lifecycle}}}"#),
        ),
        (
            Kind::ArtifactStateTransitioned,
            5,
            format!(
                r#"{{"artifact_id":"artifact-1","artifact_kind":{{"Other":"prompt"}},"event":{lifecycle}}}"#
            ),
        ),
        (
            Kind::ArtifactRollbackRecorded,
            1,
            format!(
                r#"{{"rollback":{{"artifact_id":"artifact-1","previous_state":"Active","rolled_back_at":"2026-01-21T12:00:00Z","actor":"ops","reason":"wrong fare","impact":{impact},"incident_ref":null,"tenant_id":"tenant-a"}}}}"#
            ),
        ),
        (
            Kind::BackendInvoked,
            0,
            r#"{"backend_name":"openai/gpt-4o","adapter_id":null,"trace_link_id":"trace-1","step":"Reasoning","policy_snapshot_hash":null}"#.into(),
        ),
        (
            Kind::OutcomeRecorded,
            0,
            r#"{"chain_id":"chain-1","step":"Planning","passed":true,"stop_reason":null,"latency_ms":12,"tokens":18446744073709551615,"cost_microdollars":0,"backend":"local"}"#.into(),
        ),
    ];
    for (kind, nth, data) in cases {
        assert_json(
            &sample(kind, nth),
            &format!(r#"{{"type":"{kind}","data":{data}}}"#),
        );
    }
}

#[test]
fn policies_are_tagged_beside_the_policy() {
    let cases = [
        r#"{"type":"Kernel","policy":{"adapter_id":null,"recall_enabled":true,"recall_max_candidates":5,"recall_min_score":0.7,"seed":7,"requires_human":true,"required_truths":["confirmed"]}}"#,
        r#"{"type":"Routing","policy":{"truth_preferences":{"date":"remote","price":"local"},"risk_tier_backends":{"Low":["local","remote"],"Medium":["remote"],"High":["local"],"Critical":[]},"data_classification_backends":{"Public":["remote"],"Internal":["local"],"Confidential":["local"],"Restricted":[]},"default_backend":"local"}}"#,
        r#"{"type":"Recall","policy":{"enabled":true,"max_k_total":5,"max_tokens_injection":100,"min_score_threshold":0.3,"budgets":{"max_latency_ms":10,"max_embedding_calls":1,"max_tokens_per_candidate":50},"allowed_uses":["RuntimeAugmentation","TrainingCandidateSelection"]}}"#,
    ];
    for (nth, expected) in cases.into_iter().enumerate() {
        let event = sample(ExperienceEventKind::PolicySnapshotCaptured, nth);
        assert_json(
            &event,
            &format!(
                r#"{{"type":"PolicySnapshotCaptured","data":{{"policy_id":"policy-1","policy":{expected},"snapshot_hash":"policy","captured_by":"gate"}}}}"#
            ),
        );
        assert!(serde_json::from_str::<PolicySnapshot>(expected).is_ok());
    }
}

#[test]
fn fieldless_variants_are_their_names() {
    assert_names::<ExperienceEventKind>(&ExperienceEventKind::ALL.map(ExperienceEventKind::as_str));
    assert_names::<ProposalKind>(&[
        "Claims",
        "Plan",
        "Classification",
        "Evaluation",
        "DraftDocument",
        "Reasoning",
    ]);
    assert_names::<DecisionStep>(&["Reasoning", "Evaluation", "Planning"]);
    assert_names::<Replayability>(&["Deterministic", "BestEffort", "None"]);
    assert_names::<ReplayabilityDowngradeReason>(&[
        "RecallEmbedderNotDeterministic",
        "RecallCorpusNotContentAddressed",
        "RemoteBackendUsed",
        "NoSeedProvided",
        "MultipleReasons",
    ]);
    assert_names::<RiskTier>(&["Low", "Medium", "High", "Critical"]);
    assert_names::<DataClassification>(&["Public", "Internal", "Confidential", "Restricted"]);
    assert_names::<RecallUse>(&["RuntimeAugmentation", "TrainingCandidateSelection"]);
    assert_names::<RecallConsumer>(&["Kernel", "Analytics", "Trainer"]);
    assert_names::<StopReason>(&[
        "ReachedTopK",
        "BudgetExhausted",
        "BelowThreshold",
        "TokenLimitReached",
        "LatencyExceeded",
        "EmbedderNotDeterministic",
        "TenantScopeMissing",
    ]);
    assert_names::<GovernedArtifactState>(&[
        "Draft",
        "Approved",
        "Active",
        "Quarantined",
        "Deprecated",
        "RolledBack",
    ]);
    assert_names::<RollbackSeverity>(&["Low", "Medium", "High", "Critical"]);
}

#[test]
fn defaults_are_those_of_the_contract() {
    assert_eq!(ProposalKind::default(), ProposalKind::Reasoning);
    assert_eq!(DecisionStep::default(), DecisionStep::Reasoning);
    assert_eq!(Replayability::default(), Replayability::None);
    assert_eq!(RecallUse::default(), RecallUse::RuntimeAugmentation);
    assert_eq!(RecallConsumer::default(), RecallConsumer::Kernel);
}

#[test]
fn queries_and_replays() {
    assert_json(
        &EventQuery::new()
            .tenant("t")
            .since("1")
            .kind(ExperienceEventKind::FactPromoted)
            .limit(5),
        r#"{"tenant_id":"t","time_range":{"start":"1","end":null},"kinds":["FactPromoted"],"correlation_id":null,"chain_id":null,"limit":5}"#,
    );
    assert_json(
        &ArtifactQuery::new()
            .artifact("a")
            .kind(ArtifactKind::TruthFile)
            .state(GovernedArtifactState::RolledBack),
        r#"{"tenant_id":null,"artifact_id":"a","kind":"TruthFile","state":"RolledBack","limit":null}"#,
    );
    assert_json(
        &ReplayOptions::new().with_time_range(TimeRange::between("1", "2")),
        r#"{"batch_size":null,"time_range":{"start":"1","end":"2"},"tenant_id":null,"correlation_id":null}"#,
    );
    assert_json(
        &ReplayBatch {
            events: Vec::new(),
            cursor: ReplayCursor::at("9"),
        },
        r#"{"events":[],"cursor":{"position":"9","has_more":true}}"#,
    );
}
