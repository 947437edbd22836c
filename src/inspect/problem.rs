//! What went wrong in a run: the events that say so.

use serde::Serialize;

use crate::contract::experience_store::ExperienceEvent;

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The event that says so.
    pub sequence: u64,
    /// When it happened, in microseconds after the run's first event.
    pub offset_us: u64,
    /// What sort of thing.
    pub kind: ProblemKind,
    /// What it is about: a contract, a resource, a chain.
    pub subject: String,
    /// What the proposal wanted, for a contract that failed, where the run has it.
    pub proposal: Option<String>,
    /// Why, as recorded.
    pub reason: Option<String>,
}

/// What sort of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// A contract refused a proposal.
    ContractFailed,
    /// A budget was exceeded.
    BudgetExceeded,
    /// A step of a chain ended without success.
    OutcomeFailed,
}

/// What went wrong, by one event.
pub(super) fn problems(event: &ExperienceEvent, sequence: u64, offset_us: u64) -> Vec<Problem> {
    let problem = |kind, subject: &str, reason: Option<String>| Problem {
        sequence,
        offset_us,
        kind,
        subject: subject.to_owned(),
        proposal: None,
        reason,
    };
    match event {
        ExperienceEvent::ProposalValidated {
            contract_results,
            all_passed: false,
            validator,
            ..
        } => {
            let failed: Vec<_> = contract_results
                .iter()
                .filter(|result| !result.passed)
                .map(|result| {
                    let reason = result.failure_reason.clone();
                    problem(ProblemKind::ContractFailed, &result.name, reason)
                })
                .collect();
            if failed.is_empty() {
                // The event says that something failed, and not what.
                return vec![problem(ProblemKind::ContractFailed, validator, None)];
            }
            failed
        }
        ExperienceEvent::BudgetExceeded {
            resource,
            limit,
            observed,
            ..
        } => {
            let reason = match observed {
                Some(observed) => format!("{observed}, limit {limit}"),
                None => format!("limit {limit}"),
            };
            vec![problem(ProblemKind::BudgetExceeded, resource, Some(reason))]
        }
        ExperienceEvent::OutcomeRecorded {
            chain_id,
            passed: false,
            stop_reason,
            ..
        } => {
            let reason = stop_reason.clone().filter(|reason| !reason.is_empty());
            vec![problem(ProblemKind::OutcomeFailed, chain_id, reason)]
        }
        _ => Vec::new(),
    }
}
