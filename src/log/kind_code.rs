//! The numbers by which the store knows the kinds.

use crate::contract::experience_store::ExperienceEventKind;
use crate::store::record::{Kind, NAMED_KIND};

const _: () = assert!(ExperienceEventKind::ALL.len() < NAMED_KIND as usize);

/// The number of a kind: its place in the contract. Part of the stored format, so it never changes.
pub(crate) fn code(kind: ExperienceEventKind) -> u16 {
    kind as u16
}

/// The kind as the store is asked for it.
pub(crate) fn wanted(kind: ExperienceEventKind) -> Kind {
    Kind::Number(code(kind))
}

/// Kinds of this name, in the log's own contract and in others.
pub(crate) fn named(name: &str) -> impl Iterator<Item = Kind> {
    let own = ExperienceEventKind::ALL
        .iter()
        .find(|kind| kind.as_str() == name)
        .map(|kind| wanted(*kind));
    own.into_iter().chain([Kind::Named(name.into())])
}

/// The kind of a number.
pub(crate) fn kind(code: u16) -> Option<ExperienceEventKind> {
    ExperienceEventKind::ALL.get(usize::from(code)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_fixed() {
        let names = [
            "ProposalCreated",
            "ProposalValidated",
            "FactPromoted",
            "RecallExecuted",
            "TraceLinkRecorded",
            "ReplayabilityDowngraded",
            "ArtifactStateTransitioned",
            "ArtifactRollbackRecorded",
            "BackendInvoked",
            "OutcomeRecorded",
            "BudgetExceeded",
            "PolicySnapshotCaptured",
        ];
        for (number, name) in (0..).zip(names) {
            let kind = kind(number).unwrap();
            assert_eq!(kind.as_str(), name);
            assert_eq!(code(kind), number);
        }
        assert_eq!(kind(12), None);
    }
}
