//! One event as one row: the common columns, for tables that other programs read.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event::{Content, Event};
use crate::contract::experience_store::ExperienceEvent;
use crate::contract::kernel_boundary::{DecisionStep, TraceLink};

/// An event as a row. A column that a kind does not have is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// Where it stands in the log.
    pub sequence: u64,
    /// Its id.
    pub event_id: String,
    /// When it happened, as recorded.
    pub occurred_at: String,
    /// The same, in UTC as RFC 3339.
    pub instant: String,
    /// When the log recorded it, in UTC as RFC 3339.
    pub recorded_at: String,
    /// Its tenant.
    pub tenant_id: Option<String>,
    /// Its run.
    pub correlation_id: Option<String>,
    /// The contract it is of, if not the log's own.
    pub contract: Option<String>,
    /// Its kind.
    pub kind: String,
    /// The chain it carries.
    pub chain_id: Option<String>,
    /// The step it carries.
    pub step: Option<&'static str>,
    /// The proposal it is or tells of.
    pub proposal_id: Option<String>,
    /// The trace link it carries.
    pub trace_link_id: Option<String>,
    /// The artifact it tells of.
    pub artifact_id: Option<String>,
    /// Whether a validation or an outcome passed.
    pub passed: Option<bool>,
    /// Milliseconds, of an outcome or a recall.
    pub latency_ms: Option<u64>,
    /// Tokens of an outcome.
    pub tokens: Option<u64>,
    /// Millionths of a US dollar, of an outcome.
    pub cost_microdollars: Option<u64>,
    /// The backend that was called, that served an outcome, or that a trace tells of.
    pub backend: Option<String>,
    /// The event's `data` as JSON; of another contract's event, its JSON whole; `None` if this build cannot decode
    /// it.
    pub payload: Option<String>,
}

impl Row {
    /// The names of the columns, in order.
    pub const COLUMNS: [&'static str; 20] = [
        "sequence",
        "event_id",
        "occurred_at",
        "instant",
        "recorded_at",
        "tenant_id",
        "correlation_id",
        "contract",
        "kind",
        "chain_id",
        "step",
        "proposal_id",
        "trace_link_id",
        "artifact_id",
        "passed",
        "latency_ms",
        "tokens",
        "cost_microdollars",
        "backend",
        "payload",
    ];

    /// The row of an event.
    #[must_use]
    pub fn new(event: Event) -> Self {
        let known = event.known();
        let own = |text: Option<&str>| text.map(str::to_owned);
        let figures = known.map(Figures::of).unwrap_or_default();
        Self {
            step: figures.step.map(step_name),
            proposal_id: figures.proposal_id,
            trace_link_id: own(known.and_then(ExperienceEvent::trace_link_id)),
            artifact_id: own(known.and_then(ExperienceEvent::artifact_id)),
            passed: figures.passed,
            latency_ms: figures.latency_ms,
            tokens: figures.tokens,
            cost_microdollars: figures.cost_microdollars,
            backend: figures.backend,
            contract: match &event.content {
                Content::Foreign { contract, .. } => Some(contract.clone()),
                Content::Own(_) | Content::Unreadable(_) => None,
            },
            payload: payload(&event.content),
            sequence: event.sequence,
            event_id: event.event_id,
            occurred_at: event.occurred_at,
            instant: event.instant,
            recorded_at: event.recorded_at,
            tenant_id: event.tenant_id,
            correlation_id: event.correlation_id,
            kind: event.kind,
            chain_id: event.chain_id,
        }
    }
}

/// What stands under `data` in the contract's JSON of an event, in its order.
#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

fn payload(content: &Content) -> Option<String> {
    let event = match content {
        Content::Own(event) => event,
        Content::Foreign { json, .. } => return Some(json.clone()),
        Content::Unreadable(_) => return None,
    };
    let json = serde_json::to_string(event).ok()?;
    let data: Data<'_> = serde_json::from_str(&json).ok()?;
    Some(data.data.get().to_owned())
}

fn step_name(step: DecisionStep) -> &'static str {
    match step {
        DecisionStep::Reasoning => "Reasoning",
        DecisionStep::Evaluation => "Evaluation",
        DecisionStep::Planning => "Planning",
    }
}

/// What kinds tell, each its part.
#[derive(Debug, Default)]
struct Figures {
    step: Option<DecisionStep>,
    proposal_id: Option<String>,
    passed: Option<bool>,
    latency_ms: Option<u64>,
    tokens: Option<u64>,
    cost_microdollars: Option<u64>,
    backend: Option<String>,
}

impl Figures {
    fn of(event: &ExperienceEvent) -> Self {
        let none = Self::default();
        match event {
            ExperienceEvent::ProposalCreated { proposal, step, .. } => Self {
                step: Some(*step),
                proposal_id: Some(proposal.id.clone()),
                ..none
            },
            ExperienceEvent::ProposalValidated {
                proposal_id,
                step,
                all_passed,
                ..
            } => Self {
                step: Some(*step),
                proposal_id: Some(proposal_id.clone()),
                passed: Some(*all_passed),
                ..none
            },
            ExperienceEvent::FactPromoted { proposal_id, .. } => Self {
                proposal_id: Some(proposal_id.clone()),
                ..none
            },
            ExperienceEvent::RecallExecuted {
                query, provenance, ..
            } => Self {
                step: query.step_context,
                latency_ms: Some(provenance.latency_ms),
                ..none
            },
            ExperienceEvent::TraceLinkRecorded { trace_link, .. } => Self {
                backend: Some(match trace_link {
                    TraceLink::Local(local) => local.execution_env.backend.clone(),
                    TraceLink::Remote(remote) => {
                        format!("{}/{}", remote.provider_name, remote.provider_model_id)
                    }
                }),
                ..none
            },
            ExperienceEvent::BackendInvoked {
                backend_name, step, ..
            } => Self {
                step: Some(*step),
                backend: Some(backend_name.clone()),
                ..none
            },
            ExperienceEvent::OutcomeRecorded {
                step,
                passed,
                latency_ms,
                tokens,
                cost_microdollars,
                backend,
                ..
            } => Self {
                step: Some(*step),
                passed: Some(*passed),
                latency_ms: *latency_ms,
                tokens: *tokens,
                cost_microdollars: *cost_microdollars,
                backend: backend.clone(),
                ..none
            },
            ExperienceEvent::ReplayabilityDowngraded { .. }
            | ExperienceEvent::ArtifactStateTransitioned { .. }
            | ExperienceEvent::ArtifactRollbackRecorded { .. }
            | ExperienceEvent::BudgetExceeded { .. }
            | ExperienceEvent::PolicySnapshotCaptured { .. } => none,
        }
    }
}
