//! A move from one state to another.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::state::GovernedArtifactState;

/// A move of an artifact from one state to another, as it was reported.
///
/// Whether the move is allowed is not checked here: see
/// [`GovernedArtifactState::can_transition_to`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct LifecycleEvent {
    /// The state it left.
    pub from_state: GovernedArtifactState,
    /// The state it entered.
    pub to_state: GovernedArtifactState,
    /// When, as an ISO 8601 timestamp.
    pub timestamp: String,
    /// Who or what moved it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The ticket that asked for it, if any.
    pub ticket_ref: Option<String>,
    /// The tenant it belongs to, if any.
    pub tenant_id: Option<String>,
}
