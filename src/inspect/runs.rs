//! The runs of a log, put together in one pass: one small account per run.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::foreign;
use super::pass::{Pass, Progress};
use super::run::{Outcome, RunSummary, Totals};
use crate::contract::experience_store::{ExperienceEvent, TimeRange};
use crate::error::Result;
use crate::log::{LogEntry, LogReader, Payload, request, time};

/// The most backends that a run names.
const MAX_BACKENDS: usize = 16;

/// Which runs, in which order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunQuery {
    /// Only runs of this tenant.
    pub tenant_id: Option<String>,
    /// Only the run of this correlation id.
    pub correlation_id: Option<String>,
    /// Only runs that were under way at some time in this range, both ends included. Their figures are those
    /// of the whole run all the same.
    pub time_range: Option<TimeRange>,
    /// Only runs that stand so.
    pub outcome: Option<Outcome>,
    /// In which order.
    pub order: RunOrder,
    /// That order backwards.
    pub reverse: bool,
    /// At most so many; the totals count the others too.
    pub limit: Option<usize>,
}

/// The order of runs. Among equals, the one that started last comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunOrder {
    /// The one that started last first.
    #[default]
    Start,
    /// The one that cost most first; those without a cost last.
    Cost,
    /// The longest first.
    Duration,
    /// The one with the most tokens first.
    Tokens,
    /// The one with the most events first.
    Events,
}

/// The runs of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Runs {
    /// Those that were asked for, in order.
    pub runs: Vec<RunSummary>,
    /// All that match, whatever the limit.
    pub totals: Totals,
    /// Events of the log that belong to no run.
    pub events_without_run: u64,
}

/// Puts together the runs that `query` asks for, in one pass over the log. `progress` is told how many of
/// how many events were read. Memory grows with the number of runs, not with that of events.
///
/// # Errors
///
/// [`Error::InvalidQuery`](crate::Error::InvalidQuery) for a bound that is no time; damage.
///
/// ```
/// use experience_log::inspect::{RunOrder, RunQuery, runs};
/// # use experience_log::{ExperienceEvent, ExperienceEventEnvelope, ExperienceLog};
/// # let folder = tempfile::tempdir()?;
/// # let log = ExperienceLog::open(folder.path().join("agent.log"))?;
/// # let event = ExperienceEvent::BudgetExceeded {
/// #     chain_id: "c".into(), resource: "tokens".into(), limit: "1".into(), observed: None,
/// # };
/// # log.append(&ExperienceEventEnvelope::recorded_now(event).with_correlation("run-1"))?;
///
/// let query = RunQuery { order: RunOrder::Cost, ..RunQuery::default() };
/// let found = runs(&log.reader(), &query, &mut |_, _| {})?;
/// assert_eq!(found.runs[0].correlation_id, "run-1");
/// assert_eq!(found.totals.runs, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn runs(log: &LogReader, query: &RunQuery, progress: Progress<'_>) -> Result<Runs> {
    let bounds = request::bounds(query.time_range.as_ref())?;
    let mut accounts = Accounts::default();
    let mut without_run = 0;
    Pass::new(log)?.each(progress, |entry| {
        let Some(correlation_id) = entry.correlation_id() else {
            without_run += 1;
            return;
        };
        let wants = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        if wants(&query.tenant_id, entry.tenant_id())
            && wants(&query.correlation_id, Some(correlation_id))
        {
            accounts.add(correlation_id, entry);
        }
    })?;
    let mut found = accounts.finish(bounds);
    found.retain(|(_, run)| query.outcome.is_none_or(|outcome| run.outcome == outcome));
    sort(&mut found, query.order);
    if query.reverse {
        found.reverse();
    }
    let mut totals = Totals::default();
    for (_, run) in &found {
        totals.add(run);
    }
    let most = query.limit.unwrap_or(usize::MAX);
    Ok(Runs {
        runs: found.into_iter().map(|(_, run)| run).take(most).collect(),
        totals,
        events_without_run: without_run,
    })
}

/// A run, and when it started.
type Started = (i128, RunSummary);

fn sort(runs: &mut [Started], order: RunOrder) {
    runs.sort_by(|(one_start, one), (other_start, other)| {
        let key = |run: &RunSummary| {
            Reverse(match order {
                RunOrder::Start => None,
                RunOrder::Cost => run.cost_microdollars,
                RunOrder::Duration => Some(run.duration_us),
                RunOrder::Tokens => run.tokens,
                RunOrder::Events => Some(run.events),
            })
        };
        key(one)
            .cmp(&key(other))
            .then_with(|| other_start.cmp(one_start))
            .then_with(|| one.correlation_id.cmp(&other.correlation_id))
            .then_with(|| one.tenant_id.cmp(&other.tenant_id))
    });
}

/// The accounts by tenant and correlation id.
#[derive(Debug, Default)]
struct Accounts {
    untagged: HashMap<Box<str>, Account>,
    tagged: HashMap<Box<str>, HashMap<Box<str>, Account>>,
}

impl Accounts {
    /// Counts an event in its run's account.
    fn add(&mut self, correlation: &str, entry: &LogEntry) {
        let accounts = match entry.tenant_id() {
            None => &mut self.untagged,
            Some(tenant) => {
                if !self.tagged.contains_key(tenant) {
                    self.tagged.insert(tenant.into(), HashMap::new());
                }
                match self.tagged.get_mut(tenant) {
                    Some(accounts) => accounts,
                    None => return,
                }
            }
        };
        if let Some(account) = accounts.get_mut(correlation) {
            account.add(entry);
        } else {
            let mut account = Account::default();
            account.add(entry);
            accounts.insert(correlation.into(), account);
        }
    }

    /// The runs that were under way within `bounds`.
    fn finish(self, (start, end): (i128, i128)) -> Vec<Started> {
        let untagged = self.untagged.into_iter().map(|run| (None, run));
        let tagged = self.tagged.into_iter().flat_map(|(tenant, runs)| {
            runs.into_iter().map(move |run| (Some(tenant.clone()), run))
        });
        untagged
            .chain(tagged)
            .filter(|(_, (_, account))| account.first <= end && account.last >= start)
            .map(|(tenant, (correlation, account))| {
                (account.first, account.finish(tenant, correlation))
            })
            .collect()
    }
}

/// What is known of a run so far.
#[derive(Debug)]
struct Account {
    first: i128,
    last: i128,
    events: u64,
    proposals: u64,
    failed_validations: u64,
    facts: u64,
    budgets_exceeded: u64,
    tokens: Option<u64>,
    cost: Option<u64>,
    unreadable: u64,
    backends: BTreeSet<Box<str>>,
    /// Each chain with its last outcome, and where that stands in the order of results.
    chains: HashMap<Box<str>, Option<(i128, u64, bool)>>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            first: i128::MAX,
            last: i128::MIN,
            events: 0,
            proposals: 0,
            failed_validations: 0,
            facts: 0,
            budgets_exceeded: 0,
            tokens: None,
            cost: None,
            unreadable: 0,
            backends: BTreeSet::new(),
            chains: HashMap::new(),
        }
    }
}

impl Account {
    /// Counts an event. Only kinds whose content counts are decoded.
    fn add(&mut self, entry: &LogEntry) {
        let instant = entry.instant_nanoseconds();
        self.first = self.first.min(instant);
        self.last = self.last.max(instant);
        self.events += 1;
        if let Some(chain) = entry.chain_id()
            && !self.chains.contains_key(chain)
        {
            self.chains.insert(chain.into(), None);
        }
        // By name, so that what other contracts record of the same counts as well.
        let Some(kind) = entry.kind_name() else {
            self.unreadable += 1;
            return;
        };
        match kind {
            "ProposalCreated" => self.proposals += 1,
            "FactPromoted" => self.facts += 1,
            "BudgetExceeded" => self.budgets_exceeded += 1,
            "ProposalValidated" | "BackendInvoked" | "OutcomeRecorded" => match entry.payload() {
                Ok(Payload::Own(envelope)) => {
                    self.add_content(envelope.event, instant, entry.sequence());
                }
                Ok(Payload::Foreign { kind, json, .. }) => {
                    if let Some(like) = foreign::like(kind, json) {
                        self.add_content(like, instant, entry.sequence());
                    }
                }
                Err(_) => self.unreadable += 1,
            },
            _ => {}
        }
    }

    fn add_content(&mut self, event: ExperienceEvent, instant: i128, sequence: u64) {
        match event {
            ExperienceEvent::ProposalValidated { all_passed, .. } => {
                self.failed_validations += u64::from(!all_passed);
            }
            ExperienceEvent::BackendInvoked { backend_name, .. } => self.name(&backend_name),
            ExperienceEvent::OutcomeRecorded {
                chain_id,
                passed,
                tokens,
                cost_microdollars,
                backend,
                ..
            } => {
                let sum = |sum: Option<u64>, more: Option<u64>| match (sum, more) {
                    (sum, None) => sum,
                    (sum, Some(more)) => Some(sum.unwrap_or(0).saturating_add(more)),
                };
                self.tokens = sum(self.tokens, tokens);
                self.cost = sum(self.cost, cost_microdollars);
                if let Some(backend) = backend {
                    self.name(&backend);
                }
                let last = self.chains.entry(chain_id.into()).or_default();
                if last.is_none_or(|(at, number, _)| (at, number) < (instant, sequence)) {
                    *last = Some((instant, sequence, passed));
                }
            }
            _ => {}
        }
    }

    fn name(&mut self, backend: &str) {
        if !self.backends.contains(backend) && self.backends.len() < MAX_BACKENDS {
            self.backends.insert(backend.into());
        }
    }

    fn outcome(&self) -> Outcome {
        let mut outcomes = self.chains.values().flatten().map(|(_, _, passed)| *passed);
        match outcomes.next() {
            None => Outcome::Open,
            Some(first) => {
                if outcomes.fold(first, |all, passed| all && passed) {
                    Outcome::Passed
                } else {
                    Outcome::Failed
                }
            }
        }
    }

    fn finish(self, tenant: Option<Box<str>>, correlation: Box<str>) -> RunSummary {
        RunSummary {
            correlation_id: correlation.into(),
            tenant_id: tenant.map(Into::into),
            started_at: time::format_nanoseconds(self.first),
            ended_at: time::format_nanoseconds(self.last),
            duration_us: microseconds(self.first, self.last),
            events: self.events,
            chains: self.chains.len() as u64,
            proposals: self.proposals,
            failed_validations: self.failed_validations,
            facts: self.facts,
            budgets_exceeded: self.budgets_exceeded,
            outcome: self.outcome(),
            tokens: self.tokens,
            cost_microdollars: self.cost,
            backends: self.backends.into_iter().map(Into::into).collect(),
            unreadable: self.unreadable,
        }
    }
}

/// The summary of entries that belong to one run; `None` if there are none.
pub(super) fn summarize(entries: &[LogEntry]) -> Option<RunSummary> {
    let first = entries.first()?;
    let correlation = first.correlation_id()?;
    let mut account = Account::default();
    for entry in entries {
        account.add(entry);
    }
    Some(account.finish(first.tenant_id().map(Into::into), correlation.into()))
}

/// What lies between two instants in nanoseconds, as whole microseconds. Logical times are no distance apart.
pub(super) fn microseconds(from: i128, to: i128) -> u64 {
    if time::is_logical(from) || time::is_logical(to) {
        return 0;
    }
    u64::try_from((to - from).max(0) / 1_000).unwrap_or(u64::MAX)
}
