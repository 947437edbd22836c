//! One run of an agent: what it does, in which order.

use std::collections::VecDeque;

use experience_log::{ExperienceEventEnvelope, ExperienceEventKind as Kind};
use fastrand::Rng;
use jiff::Timestamp;

use super::{event, text};

/// What follows a step of an agent, and how often, in percent. A round of them is some five events.
const ROUND: [(Kind, u8); 12] = [
    (Kind::RecallExecuted, 12),
    (Kind::BackendInvoked, 100),
    (Kind::TraceLinkRecorded, 27),
    (Kind::ProposalCreated, 100),
    (Kind::ProposalCreated, 25),
    (Kind::ProposalValidated, 100),
    (Kind::FactPromoted, 30),
    (Kind::OutcomeRecorded, 100),
    (Kind::BudgetExceeded, 12),
    (Kind::ReplayabilityDowngraded, 8),
    (Kind::ArtifactStateTransitioned, 6),
    (Kind::ArtifactRollbackRecorded, 2),
];

/// A run that is under way. What it names (chains, trace links, proposals) is named after it, as agents
/// do.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) tenant: String,
    pub(super) correlation: String,
    chains: Vec<String>,
    /// The hash of the policy in force, of the tenant.
    pub(super) policy_hash: String,
    /// The trace link and the proposal that were named last.
    pub(super) link: String,
    pub(super) proposal: u32,
    calls: u32,
    left: u32,
    coming: VecDeque<Kind>,
}

impl Run {
    pub(super) fn new(rng: &mut Rng, tenant: usize) -> Self {
        let correlation = format!("run-{}", text::hex(rng, 24));
        let chains = 1..=rng.usize(1..=3);
        Self {
            tenant: format!("tenant-{tenant:02}"),
            chains: chains
                .map(|number| format!("chain-{correlation}-{number}"))
                .collect(),
            policy_hash: text::hex(&mut Rng::with_seed(tenant as u64), 64),
            link: format!("{correlation}-trace-0"),
            correlation,
            calls: 0,
            proposal: 0,
            left: rng.u32(20..=60),
            coming: VecDeque::from([Kind::PolicySnapshotCaptured]),
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.left == 0
    }

    /// The chain that the run works on just now.
    pub(super) fn chain(&self, rng: &mut Rng) -> String {
        self.chains[rng.usize(0..self.chains.len())].clone()
    }

    pub(super) fn next_event(&mut self, rng: &mut Rng, time: Timestamp) -> ExperienceEventEnvelope {
        while self.coming.is_empty() {
            let round = ROUND
                .iter()
                .filter(|(_, percent)| rng.u8(0..100) < *percent);
            self.coming.extend(round.map(|(kind, _)| *kind));
        }
        let kind = self.coming.pop_front().unwrap_or(Kind::OutcomeRecorded);
        self.left -= 1;
        match kind {
            Kind::BackendInvoked => {
                self.calls += 1;
                self.link = format!("{}-trace-{}", self.correlation, self.calls);
            }
            Kind::ProposalCreated => self.proposal += 1,
            _ => {}
        }
        let event = event::event(self, kind, rng, time);
        ExperienceEventEnvelope::new(text::uuid(rng, time), event)
            .with_tenant(&self.tenant)
            .with_correlation(&self.correlation)
            .with_timestamp(format!("{time:.6}"))
    }
}
