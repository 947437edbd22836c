//! Governed artifacts, as the log tells of them.

use std::collections::BTreeMap;

use super::entry::LogEntry;
use crate::contract::experience_store::{ArtifactKind, ArtifactQuery, ExperienceEvent};
use crate::contract::governed_artifact::{GovernedArtifactState, RollbackRecord};
use crate::error::{Error, Result};

/// An artifact: its state by the last event that tells of it, and how it came there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Artifact {
    /// The artifact's id, unique within its tenant.
    pub artifact_id: String,
    /// The tenant of the events that tell of it.
    pub tenant_id: Option<String>,
    /// Its kind, by the last transition; a rollback does not tell it.
    pub kind: Option<ArtifactKind>,
    /// Its state now.
    pub state: GovernedArtifactState,
    /// Every change, in the order of results: by time, then in the order of appending.
    pub history: Vec<ArtifactChange>,
}

/// A change of an artifact's state.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArtifactChange {
    /// Where the event stands in the log.
    pub sequence: u64,
    /// The event's id.
    pub event_id: String,
    /// When it happened, as recorded.
    pub occurred_at: String,
    /// The state before, by the event.
    pub from: GovernedArtifactState,
    /// The state after.
    pub to: GovernedArtifactState,
    /// Who did it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Whether the contract's table of transitions allows it. One that it does not is kept all the same.
    pub allowed: bool,
    /// The rollback's record, if it was one.
    pub rollback: Option<RollbackRecord>,
}

/// Puts together what the events tell, and keeps what `query` asks for. `entries` come in order.
pub(crate) fn collect(
    entries: impl Iterator<Item = Result<LogEntry>>,
    query: &ArtifactQuery,
) -> Result<Vec<Artifact>> {
    let mut artifacts: BTreeMap<(Option<String>, String), Artifact> = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let envelope = match entry.envelope() {
            Ok(envelope) => envelope,
            // What a newer version wrote of an artifact cannot be told; the others can.
            Err(Error::Undecodable { .. }) => continue,
            Err(error) => return Err(error),
        };
        let place = (entry.sequence(), envelope.event_id, envelope.occurred_at);
        let Some((artifact_id, kind, change)) = change(envelope.event, place) else {
            continue;
        };
        let key = (envelope.tenant_id.clone(), artifact_id.clone());
        let artifact = artifacts.entry(key).or_insert_with(|| Artifact {
            artifact_id,
            tenant_id: envelope.tenant_id,
            kind: None,
            state: change.to,
            history: Vec::new(),
        });
        artifact.state = change.to;
        artifact.kind = kind.or(artifact.kind.take());
        artifact.history.push(change);
    }
    let ArtifactQuery {
        kind, state, limit, ..
    } = query;
    let wanted = |artifact: &Artifact| {
        (kind.is_none() || artifact.kind == *kind)
            && state.is_none_or(|state| artifact.state == state)
    };
    let found = artifacts.into_values().filter(wanted);
    Ok(found.take(limit.unwrap_or(usize::MAX)).collect())
}

fn change(
    event: ExperienceEvent,
    (sequence, event_id, occurred_at): (u64, String, String),
) -> Option<(String, Option<ArtifactKind>, ArtifactChange)> {
    let (artifact_id, kind, from, to, actor, reason, rollback) = match event {
        ExperienceEvent::ArtifactStateTransitioned {
            artifact_id,
            artifact_kind,
            event,
        } => (
            artifact_id,
            Some(artifact_kind),
            event.from_state,
            event.to_state,
            event.actor,
            event.reason,
            None,
        ),
        ExperienceEvent::ArtifactRollbackRecorded { rollback } => (
            rollback.artifact_id.clone(),
            None,
            rollback.previous_state,
            GovernedArtifactState::RolledBack,
            rollback.actor.clone(),
            rollback.reason.clone(),
            Some(rollback),
        ),
        _ => return None,
    };
    let allowed = from.can_transition_to(to);
    let change = ArtifactChange {
        sequence,
        event_id,
        occurred_at,
        from,
        to,
        actor,
        reason,
        allowed,
        rollback,
    };
    Some((artifact_id, kind, change))
}
