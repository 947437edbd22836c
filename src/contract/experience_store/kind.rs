//! The twelve kinds of event, by name.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// The kind of an event, without what it carries.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum ExperienceEventKind {
    /// A kernel proposed something.
    ProposalCreated,
    /// A proposal was checked against its contracts.
    ProposalValidated,
    /// A proposal became a fact.
    FactPromoted,
    /// A recall searched a corpus.
    RecallExecuted,
    /// A trace link was recorded under an id.
    TraceLinkRecorded,
    /// A trace turned out to be less replayable than was thought.
    ReplayabilityDowngraded,
    /// A governed artifact moved to another state.
    ArtifactStateTransitioned,
    /// A governed artifact was rolled back.
    ArtifactRollbackRecorded,
    /// A model backend was called.
    BackendInvoked,
    /// A step of a chain came to an end.
    OutcomeRecorded,
    /// A chain went over one of its budgets.
    BudgetExceeded,
    /// The policy in force was captured.
    PolicySnapshotCaptured,
}

impl ExperienceEventKind {
    /// Every kind, in the order of the contract.
    pub const ALL: [Self; 12] = [
        Self::ProposalCreated,
        Self::ProposalValidated,
        Self::FactPromoted,
        Self::RecallExecuted,
        Self::TraceLinkRecorded,
        Self::ReplayabilityDowngraded,
        Self::ArtifactStateTransitioned,
        Self::ArtifactRollbackRecorded,
        Self::BackendInvoked,
        Self::OutcomeRecorded,
        Self::BudgetExceeded,
        Self::PolicySnapshotCaptured,
    ];

    /// The kind's name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProposalCreated => "ProposalCreated",
            Self::ProposalValidated => "ProposalValidated",
            Self::FactPromoted => "FactPromoted",
            Self::RecallExecuted => "RecallExecuted",
            Self::TraceLinkRecorded => "TraceLinkRecorded",
            Self::ReplayabilityDowngraded => "ReplayabilityDowngraded",
            Self::ArtifactStateTransitioned => "ArtifactStateTransitioned",
            Self::ArtifactRollbackRecorded => "ArtifactRollbackRecorded",
            Self::BackendInvoked => "BackendInvoked",
            Self::OutcomeRecorded => "OutcomeRecorded",
            Self::BudgetExceeded => "BudgetExceeded",
            Self::PolicySnapshotCaptured => "PolicySnapshotCaptured",
        }
    }
}

impl fmt::Display for ExperienceEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ExperienceEventKind {
    type Err = ParseEventKindError;

    /// Reads a name in any case, as one word or with `_` or `-` between its words.
    ///
    /// ```
    /// use experience_log::experience_store::ExperienceEventKind;
    ///
    /// let kind: ExperienceEventKind = "proposal-created".parse()?;
    /// assert_eq!(kind, ExperienceEventKind::ProposalCreated);
    /// assert!("proposal".parse::<ExperienceEventKind>().is_err());
    /// # Ok::<(), experience_log::experience_store::ParseEventKindError>(())
    /// ```
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| {
                let words = kind.as_str();
                name.eq_ignore_ascii_case(words)
                    || name.eq_ignore_ascii_case(&separated(words, '_'))
                    || name.eq_ignore_ascii_case(&separated(words, '-'))
            })
            .ok_or_else(|| ParseEventKindError {
                found: name.to_string(),
            })
    }
}

/// `ProposalCreated` becomes `Proposal_Created`.
fn separated(words: &str, separator: char) -> String {
    let mut spelled = String::with_capacity(words.len() + 4);
    for letter in words.chars() {
        if letter.is_ascii_uppercase() && !spelled.is_empty() {
            spelled.push(separator);
        }
        spelled.push(letter);
    }
    spelled
}

/// A text that names no kind of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event kind {found:?}; expected one of {}", expected_names())]
pub struct ParseEventKindError {
    /// The text that was given.
    pub found: String,
}

fn expected_names() -> String {
    ExperienceEventKind::ALL
        .map(ExperienceEventKind::as_str)
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_in_every_spelling() {
        for kind in ExperienceEventKind::ALL {
            let name = kind.as_str();
            let spellings = [
                name.to_string(),
                name.to_lowercase(),
                separated(name, '_').to_lowercase(),
                separated(name, '-').to_lowercase(),
                separated(name, '_').to_uppercase(),
            ];
            for spelling in spellings {
                assert_eq!(spelling.parse(), Ok(kind), "{spelling}");
            }
            assert_eq!(kind.to_string(), name);
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_valid_ones() {
        for name in [
            "",
            "proposal",
            "proposal created",
            "p-roposalcreated",
            "ProposalCreated ",
        ] {
            let error = name.parse::<ExperienceEventKind>().unwrap_err();
            assert_eq!(error.found, name);
            let message = error.to_string();
            for kind in ExperienceEventKind::ALL {
                assert!(message.contains(kind.as_str()), "{message}");
            }
        }
    }

    #[test]
    fn display_pads() {
        assert_eq!(
            format!("{:<16}|", ExperienceEventKind::FactPromoted),
            "FactPromoted    |"
        );
    }
}
