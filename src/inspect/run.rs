//! A run in one line, and many of them summed up.

use serde::Serialize;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The last outcome of every chain that has one is a success.
    Passed,
    /// The last outcome of some chain is a failure. One that a later outcome of the chain made good does not
    /// count.
    Failed,
    /// No outcome is recorded: the run goes on, or ended without one.
    Open,
}

impl Outcome {
    /// Its name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }
}

/// A run: the events of one correlation id in one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// The correlation id.
    pub correlation_id: String,
    /// The tenant; the same correlation id in two tenants is two runs.
    pub tenant_id: Option<String>,
    /// When its first event happened, in UTC as RFC 3339.
    pub started_at: String,
    /// When its last event happened.
    pub ended_at: String,
    /// What lies between, in microseconds; 0 if either is a logical time.
    pub duration_us: u64,
    /// Events.
    pub events: u64,
    /// Chains that an event carries.
    pub chains: u64,
    /// Proposals that were created.
    pub proposals: u64,
    /// Validations in which some contract failed.
    pub failed_validations: u64,
    /// Facts that were promoted.
    pub facts: u64,
    /// Budgets that were exceeded.
    pub budgets_exceeded: u64,
    /// How it stands.
    pub outcome: Outcome,
    /// Tokens, summed over its outcomes; `None` if no outcome tells any.
    pub tokens: Option<u64>,
    /// Millionths of a US dollar, summed over its outcomes; `None` if no outcome tells any.
    pub cost_microdollars: Option<u64>,
    /// The backends that were called or that served an outcome, by name; at most sixteen of them.
    pub backends: Vec<String>,
    /// Events that this build cannot decode.
    pub unreadable: u64,
}

/// Runs summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Runs by how they stand.
    pub passed: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those without an outcome.
    pub open: u64,
    /// Events of these runs.
    pub events: u64,
    /// Their proposals.
    pub proposals: u64,
    /// Their validations in which some contract failed.
    pub failed_validations: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Their cost in millionths of a US dollar.
    pub cost_microdollars: u64,
}

impl Totals {
    /// Counts a run.
    pub fn add(&mut self, run: &RunSummary) {
        self.runs += 1;
        match run.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Open => self.open += 1,
        }
        self.events += run.events;
        self.proposals += run.proposals;
        self.failed_validations += run.failed_validations;
        self.tokens = self.tokens.saturating_add(run.tokens.unwrap_or(0));
        let cost = run.cost_microdollars.unwrap_or(0);
        self.cost_microdollars = self.cost_microdollars.saturating_add(cost);
    }
}
