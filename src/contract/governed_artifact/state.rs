//! The states of an artifact, and the moves between them.

use std::fmt;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// The state of a governed artifact.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum GovernedArtifactState {
    /// Being written.
    #[default]
    Draft,
    /// Agreed to, not yet in use.
    Approved,
    /// In use.
    Active,
    /// Taken out of use until it is clear what is wrong.
    Quarantined,
    /// No longer to be used; final.
    Deprecated,
    /// Taken back; final.
    RolledBack,
}

impl GovernedArtifactState {
    /// Whether an artifact may move from this state to `to`.
    ///
    /// A recorded move that breaks this table is still a fact: a log keeps it and reports it.
    ///
    /// | from | to |
    /// | --- | --- |
    /// | `Draft` | `Approved`, `Deprecated` |
    /// | `Approved` | `Active`, `Quarantined`, `RolledBack` |
    /// | `Active` | `Quarantined`, `Deprecated`, `RolledBack` |
    /// | `Quarantined` | `Active`, `RolledBack`, `Deprecated` |
    /// | `Deprecated`, `RolledBack` | none |
    ///
    /// ```
    /// use experience_log::governed_artifact::GovernedArtifactState::{Active, Approved, Draft};
    ///
    /// assert!(Draft.can_transition_to(Approved));
    /// assert!(!Draft.can_transition_to(Active));
    /// ```
    #[must_use]
    pub const fn can_transition_to(self, to: Self) -> bool {
        match self {
            Self::Draft => matches!(to, Self::Approved | Self::Deprecated),
            Self::Approved => matches!(to, Self::Active | Self::Quarantined | Self::RolledBack),
            Self::Active => matches!(to, Self::Quarantined | Self::Deprecated | Self::RolledBack),
            Self::Quarantined => matches!(to, Self::Active | Self::RolledBack | Self::Deprecated),
            Self::Deprecated | Self::RolledBack => false,
        }
    }
}

impl fmt::Display for GovernedArtifactState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Draft => "draft",
            Self::Approved => "approved",
            Self::Active => "active",
            Self::Quarantined => "quarantined",
            Self::Deprecated => "deprecated",
            Self::RolledBack => "rolled_back",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::GovernedArtifactState::{
        Active, Approved, Deprecated, Draft, Quarantined, RolledBack,
    };
    use super::*;

    const ALL: [GovernedArtifactState; 6] =
        [Draft, Approved, Active, Quarantined, Deprecated, RolledBack];

    #[test]
    fn exactly_the_moves_of_the_contract_are_allowed() {
        let allowed = [
            (Draft, Approved),
            (Draft, Deprecated),
            (Approved, Active),
            (Approved, Quarantined),
            (Approved, RolledBack),
            (Active, Quarantined),
            (Active, Deprecated),
            (Active, RolledBack),
            (Quarantined, Active),
            (Quarantined, RolledBack),
            (Quarantined, Deprecated),
        ];
        for from in ALL {
            for to in ALL {
                assert_eq!(
                    from.can_transition_to(to),
                    allowed.contains(&(from, to)),
                    "{from} to {to}"
                );
            }
        }
    }

    #[test]
    fn states_are_displayed_as_in_the_contract() {
        let shown = ALL.map(|state| state.to_string());
        assert_eq!(
            shown,
            [
                "draft",
                "approved",
                "active",
                "quarantined",
                "deprecated",
                "rolled_back"
            ]
        );
        assert_eq!(GovernedArtifactState::default(), Draft);
    }
}
