//! What an event of `converge_core` becomes in the log: its JSON as it is, and what it is found by.
//!
//! | in `converge_core` 3.9 | in the log |
//! | --- | --- |
//! | [`ExperienceEventEnvelope`] | contract [`ENGINE`], its JSON byte for byte |
//! | [`UserExperienceEventEnvelope`] | contract [`USER`], its JSON byte for byte |
//! | the event's `type` | the kind's name: any name is kept and found, also one of a later version |
//! | `event_id`, `tenant_id`, `correlation_id` | the same, under the log's strict identifier rule |
//! | `occurred_at` in RFC 3339 | its instant; the text stays in the JSON |
//! | `occurred_at` as `lamport:N` | the logical time `N`: by number, before every clock time |
//! | `occurred_at` as anything else | refused: it has no place in the order |
//! | `chain_id` of `ProposalCreated`, `ProposalValidated`, `OutcomeRecorded`, `BudgetExceeded`, `HypothesisResolved` | the chain |
//! | `GateDecisionRecorded`, which carries no `chain_id` | the gate's id is its chain |
//! | `UserApprovalGranted`, `UserApprovalRejected` | the id of the gate that they answer is their chain |
//! | every other event | no chain, so no query with a chain finds it |
//! | `artifact_id` of `ArtifactStateTransitioned`, `ArtifactRollbackRecorded` | the artifact |
//! | `trace_link_id` of `ReplayTraceRecorded` | the trace link, which [`get_trace_link`] gives back |
//! | [`EventQuery::kinds`](EventQuery), not empty | these kinds of engine events, and no user event: a user event has none of them |
//! | [`EventQuery::time_range`](EventQuery) | both ends included; either may be a logical time |
//! | [`EventQuery::limit`](EventQuery) | counts what is given, both sides together |
//! | the same id again in a tenant | the same event: nothing is written; another one: refused, with all of its batch |
//!
//! The engine names its gates alike in every run (`hitl-4-3-planner-1`), as hosts often do their intents: a query
//! for one run's gate names the run's correlation id as well.
//!
//! Where two events stand at the same time, they come in the order of appending, whichever side they are of.
//!
//! The JSON of a map depends on the order in which the map gives its entries. So events are compared by what
//! their JSON says, and those that say the same are the same event.
//!
//! [`get_trace_link`]: converge_core::ExperienceStore::get_trace_link

use converge_core::{
    EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind, UserExperienceEvent,
    UserExperienceEventEnvelope,
};
use experience_log::{EntryQuery, Error, ForeignEvent, LogEntry, Payload, Result, TimeRange};

/// The contract's name of engine events in the log.
pub const ENGINE: &str = "converge-engine";
/// The contract's name of user events in the log.
pub const USER: &str = "converge-user";

/// The kinds of engine events that this version of `converge_core` has.
pub(crate) const ENGINE_KINDS: [ExperienceEventKind; 14] = [
    ExperienceEventKind::ProposalCreated,
    ExperienceEventKind::ProposalValidated,
    ExperienceEventKind::FactPromoted,
    ExperienceEventKind::RecallExecuted,
    ExperienceEventKind::ReplayTraceRecorded,
    ExperienceEventKind::ReplayabilityDowngraded,
    ExperienceEventKind::ArtifactStateTransitioned,
    ExperienceEventKind::ArtifactRollbackRecorded,
    ExperienceEventKind::BackendInvoked,
    ExperienceEventKind::OutcomeRecorded,
    ExperienceEventKind::BudgetExceeded,
    ExperienceEventKind::PolicySnapshotCaptured,
    ExperienceEventKind::HypothesisResolved,
    ExperienceEventKind::GateDecisionRecorded,
];

/// The kinds of user events that this version of `converge_core` has.
pub(crate) const USER_KINDS: [&str; 5] = [
    "UserApprovalGranted",
    "UserApprovalRejected",
    "UserOverrideIssued",
    "UserCorrection",
    "UserBoundaryAdjusted",
];

/// The name of a kind of engine events: the `type` in an event's JSON.
#[must_use]
pub fn kind_name(kind: ExperienceEventKind) -> &'static str {
    match kind {
        ExperienceEventKind::ProposalCreated => "ProposalCreated",
        ExperienceEventKind::ProposalValidated => "ProposalValidated",
        ExperienceEventKind::FactPromoted => "FactPromoted",
        ExperienceEventKind::RecallExecuted => "RecallExecuted",
        ExperienceEventKind::ReplayTraceRecorded => "ReplayTraceRecorded",
        ExperienceEventKind::ReplayabilityDowngraded => "ReplayabilityDowngraded",
        ExperienceEventKind::ArtifactStateTransitioned => "ArtifactStateTransitioned",
        ExperienceEventKind::ArtifactRollbackRecorded => "ArtifactRollbackRecorded",
        ExperienceEventKind::BackendInvoked => "BackendInvoked",
        ExperienceEventKind::OutcomeRecorded => "OutcomeRecorded",
        ExperienceEventKind::BudgetExceeded => "BudgetExceeded",
        ExperienceEventKind::PolicySnapshotCaptured => "PolicySnapshotCaptured",
        ExperienceEventKind::HypothesisResolved => "HypothesisResolved",
        ExperienceEventKind::GateDecisionRecorded => "GateDecisionRecorded",
    }
}

/// The name of a user event's kind: the `type` in its JSON.
#[must_use]
pub fn user_kind_name(event: &UserExperienceEvent) -> &'static str {
    match event {
        UserExperienceEvent::UserApprovalGranted { .. } => "UserApprovalGranted",
        UserExperienceEvent::UserApprovalRejected { .. } => "UserApprovalRejected",
        UserExperienceEvent::UserOverrideIssued { .. } => "UserOverrideIssued",
        UserExperienceEvent::UserCorrection { .. } => "UserCorrection",
        UserExperienceEvent::UserBoundaryAdjusted { .. } => "UserBoundaryAdjusted",
    }
}

/// The chain by which an engine event is found.
#[must_use]
pub fn chain_of(event: &ExperienceEvent) -> Option<&str> {
    match event {
        ExperienceEvent::ProposalCreated { chain_id, .. }
        | ExperienceEvent::ProposalValidated { chain_id, .. }
        | ExperienceEvent::OutcomeRecorded { chain_id, .. }
        | ExperienceEvent::BudgetExceeded { chain_id, .. }
        | ExperienceEvent::HypothesisResolved { chain_id, .. } => Some(chain_id),
        ExperienceEvent::GateDecisionRecorded { request, .. } => Some(&request.gate_id),
        ExperienceEvent::FactPromoted { .. }
        | ExperienceEvent::RecallExecuted { .. }
        | ExperienceEvent::ReplayTraceRecorded { .. }
        | ExperienceEvent::ReplayabilityDowngraded { .. }
        | ExperienceEvent::ArtifactStateTransitioned { .. }
        | ExperienceEvent::ArtifactRollbackRecorded { .. }
        | ExperienceEvent::BackendInvoked { .. }
        | ExperienceEvent::PolicySnapshotCaptured { .. } => None,
    }
}

/// The chain by which a user event is found.
#[must_use]
pub fn user_chain_of(event: &UserExperienceEvent) -> Option<&str> {
    match event {
        UserExperienceEvent::UserApprovalGranted {
            gate_request_id, ..
        }
        | UserExperienceEvent::UserApprovalRejected {
            gate_request_id, ..
        } => Some(gate_request_id),
        UserExperienceEvent::UserOverrideIssued { .. }
        | UserExperienceEvent::UserCorrection { .. }
        | UserExperienceEvent::UserBoundaryAdjusted { .. } => None,
    }
}

fn artifact_of(event: &ExperienceEvent) -> Option<&str> {
    match event {
        ExperienceEvent::ArtifactStateTransitioned { artifact_id, .. } => Some(artifact_id),
        ExperienceEvent::ArtifactRollbackRecorded { rollback } => Some(&rollback.artifact_id),
        _ => None,
    }
}

fn trace_link_of(event: &ExperienceEvent) -> Option<&str> {
    match event {
        ExperienceEvent::ReplayTraceRecorded { trace_link_id, .. } => Some(trace_link_id),
        _ => None,
    }
}

/// An event on its way into the log.
#[derive(Debug)]
pub(crate) struct Mapped<'a> {
    event: ForeignEvent<'a>,
    json: String,
}

impl<'a> Mapped<'a> {
    /// An engine event.
    pub(crate) fn engine(envelope: &'a ExperienceEventEnvelope) -> Result<Self> {
        let json = to_json(&envelope.event_id, envelope)?;
        // What is acknowledged must be readable: JSON has no NaN, and its depth is bounded.
        check::<ExperienceEventEnvelope>(&envelope.event_id, &json)?;
        let kind = kind_name(envelope.event.kind());
        let mut event = bare(
            ENGINE,
            kind,
            &envelope.event_id,
            envelope.occurred_at.as_str(),
        );
        event.tenant_id = envelope.tenant_id.as_deref();
        event.correlation_id = envelope.correlation_id.as_deref();
        event.chain_id = chain_of(&envelope.event);
        event.artifact_id = artifact_of(&envelope.event);
        event.trace_link_id = trace_link_of(&envelope.event);
        Ok(Self { event, json })
    }

    /// A user event.
    pub(crate) fn user(envelope: &'a UserExperienceEventEnvelope) -> Result<Self> {
        let json = to_json(&envelope.event_id, envelope)?;
        check::<UserExperienceEventEnvelope>(&envelope.event_id, &json)?;
        let kind = user_kind_name(&envelope.event);
        let mut event = bare(
            USER,
            kind,
            &envelope.event_id,
            envelope.occurred_at.as_str(),
        );
        event.tenant_id = envelope.tenant_id.as_deref();
        event.correlation_id = envelope.correlation_id.as_deref();
        event.chain_id = user_chain_of(&envelope.event);
        Ok(Self { event, json })
    }

    /// What the log takes.
    pub(crate) fn event(&self) -> ForeignEvent<'_> {
        let mut event = self.event;
        event.json = &self.json;
        event
    }

    /// Whether both say the same.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.event.contract == other.event.contract && same_json(&self.json, &other.json)
    }

    /// Whether the recorded event says the same.
    pub(crate) fn is_recorded_as(&self, entry: &LogEntry) -> Result<bool> {
        let Payload::Foreign { contract, json, .. } = entry.payload()? else {
            return Ok(false);
        };
        Ok(contract == self.event.contract && same_json(json, &self.json))
    }
}

fn bare<'a>(
    contract: &'a str,
    kind: &'a str,
    event_id: &'a str,
    occurred_at: &'a str,
) -> ForeignEvent<'a> {
    ForeignEvent::new(contract, kind, event_id, occurred_at, "")
}

fn to_json(event_id: &str, envelope: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(envelope).map_err(|error| unencodable(event_id, &error))
}

fn check<T: serde::de::DeserializeOwned>(event_id: &str, json: &str) -> Result<()> {
    serde_json::from_str::<T>(json)
        .map(drop)
        .map_err(|error| unencodable(event_id, &error))
}

fn unencodable(event_id: &str, error: &serde_json::Error) -> Error {
    Error::Unencodable {
        event_id: event_id.to_owned(),
        reason: format!("its JSON could not be read back: {error}"),
    }
}

fn same_json(one: &str, other: &str) -> bool {
    let value = |json| serde_json::from_str::<serde_json::Value>(json).ok();
    one == other || value(one).is_some_and(|one| value(other) == Some(one))
}

/// The question that the log is asked for a query of `converge_core`: about both sides, or about the engine's.
pub(crate) fn entry_query(query: &EventQuery, with_users: bool) -> EntryQuery {
    let mut contracts = vec![ENGINE.to_owned()];
    // No user event is of a kind that a query can name.
    if with_users && query.kinds.is_empty() {
        contracts.push(USER.to_owned());
    }
    let text = |time: &converge_core::Timestamp| time.as_str().to_owned();
    EntryQuery {
        contracts,
        tenant_id: query.tenant_id.as_deref().map(str::to_owned),
        time_range: query.time_range.as_ref().map(|range| TimeRange {
            start: range.start.as_ref().map(text),
            end: range.end.as_ref().map(text),
        }),
        kinds: query
            .kinds
            .iter()
            .map(|kind| kind_name(*kind).to_owned())
            .collect(),
        correlation_id: query.correlation_id.as_deref().map(str::to_owned),
        chain_id: query.chain_id.as_deref().map(str::to_owned),
        limit: query.limit,
        ..EntryQuery::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_name_that_its_json_has() {
        for kind in ENGINE_KINDS {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind_name(kind)));
        }
    }

    #[test]
    fn json_is_compared_by_what_it_says() {
        assert!(same_json(r#"{"a":1,"b":2.5}"#, r#"{ "b":2.50, "a":1 }"#));
        assert!(!same_json(r#"{"a":1}"#, r#"{"a":2}"#));
        assert!(!same_json(r"[1,2]", r"[2,1]"));
        assert!(!same_json("", " "));
    }
}
