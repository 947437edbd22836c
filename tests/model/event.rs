//! Events as the generator makes them: from few terms and times, so that they meet.

use std::collections::HashMap;

use experience_log::experience_store::ArtifactKind;
use experience_log::governed_artifact::{GovernedArtifactState, RollbackImpact};
use experience_log::kernel_boundary::{
    ExecutionEnv, KernelPolicy, LocalTraceLink, RemoteTraceLink, ReplayabilityDowngradeReason,
    SamplerParams,
};
use experience_log::recall::{RecallConsumer, RecallUse};
use experience_log::{
    DecisionStep, ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind, KernelProposal,
    LifecycleEvent, PolicySnapshot, ProposalKind, RecallProvenanceEnvelope, RecallQuery,
    Replayability, RollbackRecord, TraceLink,
};
use proptest::prelude::*;

/// An instant: seconds since 1970 and nanoseconds.
pub(crate) type Instant = (i64, u32);

/// Times as text, and the instants they name. Some are equal, written with other offsets.
pub(crate) const TIMES: [(&str, Instant); 12] = [
    ("1970-01-01T00:00:00Z", (0, 0)),
    ("2026-01-21T12:00:00Z", (1_768_996_800, 0)),
    ("2026-01-21T13:00:00+01:00", (1_768_996_800, 0)),
    ("2026-01-21t07:00:00.000-05:00", (1_768_996_800, 0)),
    ("2026-01-21T12:00:00.000000001Z", (1_768_996_800, 1)),
    (
        "2026-01-21T17:29:59.999999999+05:30",
        (1_768_996_799, 999_999_999),
    ),
    ("2026-01-21T12:00:01Z", (1_768_996_801, 0)),
    ("1969-12-31T23:59:59.5Z", (-1, 500_000_000)),
    ("1969-12-31T23:59:59Z", (-1, 0)),
    ("0000-01-01T00:00:00Z", (-62_167_219_200, 0)),
    (
        "9999-12-31T23:59:59.999999999Z",
        (253_402_300_799, 999_999_999),
    ),
    ("9999-12-31T23:59:59-23:59", (253_402_387_139, 0)),
];
pub(crate) const TENANTS: [Option<&str>; 4] = [None, Some("a"), Some("ab"), Some("Züge/№ 7")];
pub(crate) const CORRELATIONS: [Option<&str>; 4] = [None, Some("run-1"), Some("b"), Some("ab")];
/// The contract puts no rule on these.
pub(crate) const CHAINS: [&str; 4] = ["run-1", "chain-2", "", "two\nlines \"quoted\" ü"];
pub(crate) const ARTIFACTS: [&str; 3] = ["artifact-1", "ab", "artifact-3"];
pub(crate) const TRACE_LINKS: [&str; 3] = ["trace-1", "run-1", "trace-3"];
pub(crate) const STATES: [GovernedArtifactState; 6] = [
    GovernedArtifactState::Draft,
    GovernedArtifactState::Approved,
    GovernedArtifactState::Active,
    GovernedArtifactState::Quarantined,
    GovernedArtifactState::Deprecated,
    GovernedArtifactState::RolledBack,
];

/// 2026-03-01T00:00:00Z, where the ticking clock starts.
pub(crate) const TICKING_FROM: i64 = 1_772_323_200;

/// Which id an event gets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identity {
    /// One of its own.
    Fresh,
    /// It is an event of the log once more.
    Again(u16),
    /// It has the id and tenant of an event of the log, with other content.
    Conflicting(u16),
    /// It has the id of an event of the log, in another tenant.
    ElsewhereToo(u16),
    /// It is an event of the same batch once more.
    AgainInBatch(u16),
    /// It has the id and tenant of an event of the same batch, with other content.
    ConflictingInBatch(u16),
}

/// When an event happened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Time {
    /// One of [`TIMES`].
    Known(u8),
    /// Later than every other ticking one.
    Ticking,
}

/// How large an event is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Small,
    /// Several fill a segment.
    Medium,
    /// The trees keep it without its payload.
    Large,
    /// The terms it is found by are as long as they may be.
    LargeTerm,
}

#[derive(Debug, Clone)]
pub(crate) struct EventSpec {
    pub(crate) identity: Identity,
    pub(crate) tenant: u8,
    pub(crate) correlation: u8,
    pub(crate) time: Time,
    pub(crate) kind: u8,
    pub(crate) term: u8,
    pub(crate) detail: u8,
    pub(crate) size: Size,
}

/// A place in a table, or one of `more` behind its end.
pub(crate) fn place_in<T>(table: &[T], more: u8) -> std::ops::Range<u8> {
    0..u8::try_from(table.len()).unwrap() + more
}

pub(crate) fn event_spec() -> impl Strategy<Value = EventSpec> {
    let identity = prop_oneof![
        60 => Just(Identity::Fresh),
        4 => any::<u16>().prop_map(Identity::Again),
        1 => any::<u16>().prop_map(Identity::Conflicting),
        3 => any::<u16>().prop_map(Identity::ElsewhereToo),
        2 => any::<u16>().prop_map(Identity::AgainInBatch),
        1 => any::<u16>().prop_map(Identity::ConflictingInBatch),
    ];
    let time = prop_oneof![
        2 => Just(Time::Known(0)),
        5 => place_in(&TIMES, 0).prop_map(Time::Known),
        4 => Just(Time::Ticking),
    ];
    let size = prop_oneof![
        90 => Just(Size::Small),
        12 => Just(Size::Medium),
        1 => Just(Size::Large),
        1 => Just(Size::LargeTerm),
    ];
    (
        identity,
        place_in(&TENANTS, 0),
        place_in(&CORRELATIONS, 0),
        time,
        0..12_u8,
        any::<u8>(),
        any::<u8>(),
        size,
    )
        .prop_map(
            |(identity, tenant, correlation, time, kind, term, detail, size)| EventSpec {
                identity,
                tenant,
                correlation,
                time,
                kind,
                term,
                detail,
                size,
            },
        )
}

impl EventSpec {
    /// The event, with `number` for its id and, if it ticks, its time.
    pub(crate) fn envelope(&self, number: u64) -> ExperienceEventEnvelope {
        let (occurred_at, _) = self.time.at(number);
        ExperienceEventEnvelope {
            event_id: format!("e-{number}"),
            occurred_at,
            tenant_id: tenant(self.tenant).map(str::to_owned),
            correlation_id: CORRELATIONS[usize::from(self.correlation) % CORRELATIONS.len()]
                .map(str::to_owned),
            event: self.event(),
        }
    }

    /// Text that compresses badly, so that sizes mean something.
    fn text(&self) -> String {
        let words = match self.size {
            Size::Small | Size::LargeTerm => 1,
            Size::Medium => 60,
            Size::Large => 4200,
        };
        let mut state = u64::from(self.detail) + 1;
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            format!("{:016x}", state ^ (state >> 29))
        };
        (0..words).map(|_| word()).collect()
    }

    fn event(&self) -> ExperienceEvent {
        match self.kind {
            0 | 1 | 9 | 10 => self.event_of_a_chain(),
            3 | 4 | 5 | 8 => self.event_of_a_trace(),
            6 | 7 => self.event_of_an_artifact(),
            _ => self.event_of_nothing(),
        }
    }

    /// A term out of a table, or one as long as may be.
    fn term(&self, table: &[&str]) -> String {
        let term = table[usize::from(self.term) % table.len()];
        match self.size {
            Size::LargeTerm => longest(term),
            _ => term.to_owned(),
        }
    }

    fn step(&self) -> DecisionStep {
        match self.detail % 3 {
            0 => DecisionStep::Reasoning,
            1 => DecisionStep::Evaluation,
            _ => DecisionStep::Planning,
        }
    }

    fn event_of_a_chain(&self) -> ExperienceEvent {
        let (text, step, chain_id) = (self.text(), self.step(), self.term(&CHAINS));
        match self.kind {
            0 => ExperienceEvent::ProposalCreated {
                proposal: KernelProposal {
                    id: text,
                    kind: ProposalKind::Plan,
                    payload: chain_id.clone(),
                    structured_payload: Some(
                        // Members come back sorted, also where another crate turns on `preserve_order`.
                        serde_json::json!({"deep": [null, {"k": []}], "f": 0.1 + 0.2, "n": self.detail}),
                    ),
                    trace_link: self.trace_link(String::new()),
                    contract_results: Vec::new(),
                    requires_human: self.detail & 1 == 0,
                    confidence: Some(0.3),
                },
                chain_id,
                step,
                policy_snapshot_hash: None,
            },
            1 => ExperienceEvent::ProposalValidated {
                proposal_id: text,
                chain_id,
                step,
                contract_results: Vec::new(),
                all_passed: true,
                validator: "gate".into(),
            },
            9 => ExperienceEvent::OutcomeRecorded {
                chain_id,
                step,
                passed: false,
                stop_reason: Some(text),
                latency_ms: Some(u64::from(self.detail)),
                tokens: Some(u64::MAX),
                cost_microdollars: None,
                backend: None,
            },
            _ => ExperienceEvent::BudgetExceeded {
                chain_id,
                resource: text,
                limit: "1".into(),
                observed: None,
            },
        }
    }

    fn event_of_a_trace(&self) -> ExperienceEvent {
        let (text, step, trace_link_id) = (self.text(), self.step(), self.term(&TRACE_LINKS));
        match self.kind {
            3 => ExperienceEvent::RecallExecuted {
                query: RecallQuery {
                    query_text: text,
                    top_k: usize::from(self.detail),
                    step_context: Some(step),
                    tenant_scope: None,
                },
                provenance: provenance(),
                // It mentions the link and does not record it.
                trace_link_id: Some(trace_link_id),
            },
            4 => ExperienceEvent::TraceLinkRecorded {
                trace_link_id,
                trace_link: self.trace_link(text),
            },
            5 => ExperienceEvent::ReplayabilityDowngraded {
                trace_link_id,
                from: Replayability::Deterministic,
                to: Replayability::None,
                reason: ReplayabilityDowngradeReason::RemoteBackendUsed,
            },
            _ => ExperienceEvent::BackendInvoked {
                backend_name: text,
                adapter_id: None,
                trace_link_id,
                step,
                policy_snapshot_hash: None,
            },
        }
    }

    fn event_of_an_artifact(&self) -> ExperienceEvent {
        let (text, artifact_id) = (self.text(), self.term(&ARTIFACTS));
        let state = |place: u8| STATES[usize::from(place) % STATES.len()];
        match self.kind {
            6 => ExperienceEvent::ArtifactStateTransitioned {
                artifact_id,
                artifact_kind: artifact_kind(self.detail),
                event: LifecycleEvent {
                    from_state: state(self.detail / 8),
                    to_state: state(self.detail / 3),
                    timestamp: "whenever".into(),
                    actor: "ops".into(),
                    reason: text,
                    ticket_ref: None,
                    tenant_id: None,
                },
            },
            _ => ExperienceEvent::ArtifactRollbackRecorded {
                rollback: RollbackRecord {
                    artifact_id,
                    previous_state: state(self.detail),
                    rolled_back_at: "whenever".into(),
                    actor: "ops".into(),
                    reason: text,
                    impact: RollbackImpact::default(),
                    incident_ref: Some("I-1".into()),
                    tenant_id: None,
                },
            },
        }
    }

    fn event_of_nothing(&self) -> ExperienceEvent {
        let text = self.text();
        match self.kind {
            2 => ExperienceEvent::FactPromoted {
                proposal_id: "p".into(),
                fact_id: text,
                promoted_by: "gate".into(),
                reason: "all passed".into(),
                requires_human: false,
            },
            _ => ExperienceEvent::PolicySnapshotCaptured {
                policy_id: "policy".into(),
                policy: PolicySnapshot::Kernel(KernelPolicy {
                    adapter_id: None,
                    recall_enabled: true,
                    recall_max_candidates: 5,
                    recall_min_score: 0.7,
                    seed: Some(u64::from(self.detail)),
                    requires_human: true,
                    required_truths: Vec::new(),
                }),
                snapshot_hash: text,
                captured_by: "gate".into(),
            },
        }
    }

    fn trace_link(&self, text: String) -> TraceLink {
        if self.detail & 1 == 0 {
            TraceLink::Local(LocalTraceLink {
                base_model_hash: text,
                adapter: None,
                tokenizer_hash: "t".into(),
                seed: u64::from(self.detail),
                sampler: SamplerParams::default(),
                prompt_version: "v1".into(),
                recall: None,
                weights_mutated: false,
                execution_env: ExecutionEnv::default(),
            })
        } else {
            let metadata = [("z", "1"), ("a", "2"), ("m", "3")];
            TraceLink::Remote(RemoteTraceLink {
                provider_name: "openai".into(),
                provider_model_id: "gpt-4o".into(),
                request_fingerprint: text,
                response_fingerprint: self.detail.to_string(),
                temperature: 0.7,
                top_p: 1.0,
                max_tokens: 1024,
                provider_metadata: metadata
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into_iter()
                    .collect::<HashMap<_, _>>(),
                retried: false,
                retry_reasons: Vec::new(),
                replayability: Replayability::BestEffort,
            })
        }
    }
}

impl Time {
    /// The time as text, and the instant it names.
    pub(crate) fn at(self, number: u64) -> (String, Instant) {
        match self {
            Self::Known(place) => {
                let (text, instant) = TIMES[usize::from(place) % TIMES.len()];
                (text.to_owned(), instant)
            }
            Self::Ticking => {
                // Below a day's seconds, whatever a case appends.
                let second = i64::try_from(number % 86_400).unwrap();
                let (hour, minute) = (second / 3600, second / 60 % 60);
                let text = format!("2026-03-01T{hour:02}:{minute:02}:{:02}Z", second % 60);
                (text, (TICKING_FROM + second, 0))
            }
        }
    }
}

/// A term as long as terms may be.
pub(crate) fn longest(term: &str) -> String {
    term.to_owned() + &"x".repeat(256 - term.len())
}

pub(crate) fn tenant(place: u8) -> Option<&'static str> {
    TENANTS[usize::from(place) % TENANTS.len()]
}

pub(crate) fn artifact_kind(place: u8) -> ArtifactKind {
    match place % 3 {
        0 => ArtifactKind::Adapter,
        1 => ArtifactKind::Policy,
        _ => ArtifactKind::Other("prompt".into()),
    }
}

pub(crate) fn kind(place: u8) -> ExperienceEventKind {
    ExperienceEventKind::ALL[usize::from(place) % ExperienceEventKind::ALL.len()]
}

fn provenance() -> RecallProvenanceEnvelope {
    RecallProvenanceEnvelope {
        query_hash: "q".into(),
        embedding_input_hash: "i".into(),
        embedding_hash: "e".into(),
        embedder_id: "embedder".into(),
        embedder_settings_hash: "s".into(),
        corpus_fingerprint: "corpus".into(),
        policy_snapshot_hash: "policy".into(),
        purpose: RecallUse::RuntimeAugmentation,
        consumers: vec![RecallConsumer::Kernel],
        candidate_scores: Vec::new(),
        candidates_searched: 1,
        candidates_returned: 0,
        stop_reason: None,
        latency_ms: 1,
        timestamp: "whenever".into(),
        signature: "unsigned".into(),
    }
}
