//! A rollback and what it did.

use std::fmt;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::state::GovernedArtifactState;

/// An artifact was taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct RollbackRecord {
    /// The artifact.
    pub artifact_id: String,
    /// The state it was in before.
    pub previous_state: GovernedArtifactState,
    /// When, as an ISO 8601 timestamp.
    pub rolled_back_at: String,
    /// Who or what did it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// What it affected.
    pub impact: RollbackImpact,
    /// The incident that led to it, if any.
    pub incident_ref: Option<String>,
    /// The tenant it belongs to, if any.
    pub tenant_id: Option<String>,
}

/// What a rollback affected.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct RollbackImpact {
    /// How many outputs are affected, if known.
    pub affected_count: Option<u64>,
    /// What was wrong with them.
    pub quality_issues: Vec<String>,
    /// Whether they no longer hold.
    pub invalidates_outputs: bool,
    /// How bad it is.
    pub severity: RollbackSeverity,
    /// The tenants that are affected.
    pub affected_tenants: Vec<String>,
}

/// How bad a rollback is.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum RollbackSeverity {
    /// Hardly noticed.
    #[default]
    Low,
    /// Noticed by some.
    Medium,
    /// Noticed by many.
    High,
    /// Outputs did harm.
    Critical,
}

impl fmt::Display for RollbackSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_is_displayed_in_lower_case() {
        use RollbackSeverity::{Critical, High, Low, Medium};
        let shown = [Low, Medium, High, Critical].map(|severity| severity.to_string());
        assert_eq!(shown, ["low", "medium", "high", "critical"]);
        assert_eq!(RollbackSeverity::default(), Low);
    }
}
