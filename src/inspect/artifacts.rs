//! Governed artifacts and how they came to their state.

use serde::{Serialize, Serializer};

use crate::contract::experience_store::{ArtifactKind, ArtifactQuery};
use crate::contract::governed_artifact::{GovernedArtifactState, RollbackRecord};
use crate::error::Result;
use crate::log::{Artifact, ArtifactChange, LogReader};

/// An artifact, its state by the last event that tells of it, and every change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ArtifactHistory {
    /// Its id, unique within its tenant.
    pub artifact_id: String,
    /// Its tenant.
    pub tenant_id: Option<String>,
    /// Its kind, by the last transition; a rollback does not tell it.
    pub kind: Option<ArtifactKind>,
    /// Its state.
    #[serde(serialize_with = "state")]
    pub state: GovernedArtifactState,
    /// When it last changed, as recorded.
    pub changed_at: Option<String>,
    /// Who changed it last.
    pub actor: Option<String>,
    /// Changes that the contract's table of transitions does not allow, or that leave a state the artifact was
    /// not in.
    pub irregular: usize,
    /// Every change, by time, then in the order of appending.
    pub history: Vec<ArtifactStep>,
}

/// A change of an artifact's state.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ArtifactStep {
    /// Where the event stands in the log.
    pub sequence: u64,
    /// The event's id.
    pub event_id: String,
    /// When it happened, as recorded.
    pub occurred_at: String,
    /// The state before, by the event.
    #[serde(serialize_with = "state")]
    pub from: GovernedArtifactState,
    /// The state after.
    #[serde(serialize_with = "state")]
    pub to: GovernedArtifactState,
    /// Who did it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Whether the contract's table of transitions allows it.
    pub allowed: bool,
    /// Whether it leaves the state that the change before it led to, or is the rollback's record of that same
    /// change; true for the first.
    pub continues: bool,
    /// The rollback's record, if it was one.
    pub rollback: Option<RollbackRecord>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn state<S: Serializer>(state: &GovernedArtifactState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(state)
}

/// The artifacts that `query` asks for, by tenant and id. Events that this build cannot decode are passed
/// over.
///
/// # Errors
///
/// Damage, or a closed log.
pub fn artifacts(log: &LogReader, query: &ArtifactQuery) -> Result<Vec<ArtifactHistory>> {
    let found = log.query_artifacts(query)?;
    Ok(found.into_iter().map(ArtifactHistory::new).collect())
}

impl ArtifactHistory {
    fn new(artifact: Artifact) -> Self {
        let mut before: Option<(GovernedArtifactState, GovernedArtifactState)> = None;
        let history: Vec<_> = artifact
            .history
            .into_iter()
            .map(|change| {
                // The record of a rollback may follow the transition that it tells of.
                let continues = before.is_none_or(|(from, to)| {
                    let same_move = (from, to) == (change.from, change.to);
                    to == change.from || (same_move && change.rollback.is_some())
                });
                before = Some((change.from, change.to));
                ArtifactStep::new(change, continues)
            })
            .collect();
        let last = history.last();
        Self {
            artifact_id: artifact.artifact_id,
            tenant_id: artifact.tenant_id,
            kind: artifact.kind,
            state: artifact.state,
            changed_at: last.map(|step| step.occurred_at.clone()),
            actor: last.map(|step| step.actor.clone()),
            irregular: history.iter().filter(|step| !step.is_regular()).count(),
            history,
        }
    }
}

impl ArtifactStep {
    fn new(change: ArtifactChange, continues: bool) -> Self {
        Self {
            sequence: change.sequence,
            event_id: change.event_id,
            occurred_at: change.occurred_at,
            from: change.from,
            to: change.to,
            actor: change.actor,
            reason: change.reason,
            allowed: change.allowed,
            continues,
            rollback: change.rollback,
        }
    }

    /// Whether the table allows it, and it leaves the state the artifact was in.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        self.allowed && self.continues
    }
}
