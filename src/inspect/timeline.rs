//! A run, step by step.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::event::Event;
use super::problem::{Problem, problems};
use super::run::RunSummary;
use super::runs::{microseconds, summarize};
use crate::contract::experience_store::{EventQuery, ExperienceEvent};
use crate::contract::kernel_boundary::{DecisionStep, TraceLink};
use crate::error::Result;
use crate::log::{LogEntry, LogReader, ScanOptions};

/// A run and its events, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The run in one line.
    pub run: RunSummary,
    /// What went wrong, in order.
    pub problems: Vec<Problem>,
    /// Its events, by time, then in the order of appending.
    pub events: Vec<TimelineEvent>,
}

/// An event of a run, and its place in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TimelineEvent {
    /// When it happened, in microseconds after the run's first event; 0 if either has a logical time.
    pub offset_us: u64,
    /// How long what it tells of took, in microseconds: as recorded for a recall and an outcome; for a trace
    /// link, the time since its backend was called.
    pub latency_us: Option<u64>,
    /// The chain it belongs to: the one it carries, or else that of its proposal or trace link, or the run's
    /// only one.
    pub chain: Option<String>,
    /// The step of that chain: its own, or else that of the event it belongs to.
    pub step: Option<DecisionStep>,
    /// What to know about it at a glance.
    pub summary: String,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// The runs of this correlation id, one for each tenant that has it; only that of `tenant`, if one is named.
///
/// # Errors
///
/// Damage, or a closed log. A run that is not there is an empty answer.
pub fn timelines(
    log: &LogReader,
    tenant: Option<&str>,
    correlation_id: &str,
) -> Result<Vec<Timeline>> {
    let mut query = EventQuery::new().correlation(correlation_id);
    query.tenant_id = tenant.map(str::to_owned);
    let mut runs: BTreeMap<Option<String>, Vec<LogEntry>> = BTreeMap::new();
    for entry in log.scan(&query, ScanOptions::oldest_first())? {
        let entry = entry?;
        let tenant = entry.tenant_id().map(str::to_owned);
        runs.entry(tenant).or_default().push(entry);
    }
    Ok(runs
        .into_values()
        .filter_map(|run| Timeline::new(&run))
        .collect())
}

impl Timeline {
    /// The timeline of the entries of one run, which are in the order of time; `None` if there are none, or
    /// they belong to no run.
    #[must_use]
    pub fn new(entries: &[LogEntry]) -> Option<Self> {
        let run = summarize(entries)?;
        let start = entries.first()?.instant_nanoseconds();
        let events: Vec<(u64, Event)> = entries
            .iter()
            .map(|entry| {
                let offset = microseconds(start, entry.instant_nanoseconds());
                (offset, Event::new(entry))
            })
            .collect();
        let places = Places::of(events.iter().map(|(_, event)| event));
        let mut problems = Vec::new();
        let mut told = Teller::new(&places);
        let events = events
            .into_iter()
            .map(|(offset_us, event)| {
                problems.extend(places.problems(&event, offset_us));
                told.place(offset_us, event)
            })
            .collect();
        Some(Self {
            run,
            problems,
            events,
        })
    }
}

/// What events of a run say of others.
#[derive(Debug, Default)]
struct Places {
    /// Proposals: their chain, and what they want.
    proposals: HashMap<String, (String, String)>,
    /// The chain whose first proposal came of a trace, by the trace's JSON.
    traces: HashMap<String, String>,
    /// The JSON of the first trace recorded under a link's id.
    links: HashMap<String, String>,
    /// The chain of a run that has only one.
    only: Option<String>,
}

impl Places {
    fn of<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        let mut places = Self::default();
        let mut chains: Vec<&str> = Vec::new();
        for event in events {
            if let Some(chain) = &event.chain_id
                && !chains.contains(&chain.as_str())
                && chains.len() < 2
            {
                chains.push(chain);
            }
            match event.known() {
                Some(ExperienceEvent::ProposalCreated {
                    proposal, chain_id, ..
                }) => {
                    let wanted = wanted(&proposal.payload, proposal.structured_payload.as_ref());
                    places
                        .proposals
                        .insert(proposal.id.clone(), (chain_id.clone(), wanted));
                    // Several proposals may come of one call; the first shows where it was made.
                    let trace = places.traces.entry(trace_key(&proposal.trace_link));
                    trace.or_insert_with(|| chain_id.clone());
                }
                Some(ExperienceEvent::TraceLinkRecorded {
                    trace_link_id,
                    trace_link,
                }) => {
                    let key = trace_key(trace_link);
                    places.links.entry(trace_link_id.clone()).or_insert(key);
                }
                _ => {}
            }
        }
        if let [only] = chains.as_slice() {
            places.only = Some((*only).to_owned());
        }
        places
    }

    fn chain(&self, event: &Event) -> Option<String> {
        let of_link = |id: &str| self.traces.get(self.links.get(id)?).cloned();
        let by_content = match event.known() {
            Some(ExperienceEvent::FactPromoted { proposal_id, .. }) => self
                .proposals
                .get(proposal_id)
                .map(|(chain, _)| chain.clone()),
            Some(ExperienceEvent::TraceLinkRecorded { trace_link, .. }) => {
                self.traces.get(&trace_key(trace_link)).cloned()
            }
            _ => None,
        };
        let link = event.known().and_then(ExperienceEvent::trace_link_id);
        event
            .chain_id
            .clone()
            .or(by_content)
            .or_else(|| link.and_then(of_link))
            .or_else(|| self.only.clone())
    }

    fn problems(&self, event: &Event, offset_us: u64) -> Vec<Problem> {
        let Some(content) = event.known() else {
            return Vec::new();
        };
        let mut problems = problems(content, event.sequence, offset_us);
        if let ExperienceEvent::ProposalValidated { proposal_id, .. } = content {
            for problem in &mut problems {
                let wanted = self.proposals.get(proposal_id);
                problem.proposal = wanted.map(|(_, wanted)| wanted.clone());
            }
        }
        problems
    }
}

/// The most characters of what a proposal wants.
const MAX_WANTED: usize = 400;

fn wanted(payload: &str, structured: Option<&serde_json::Value>) -> String {
    let text = match structured {
        Some(structured) => format!("{payload} {structured}"),
        None => payload.to_owned(),
    };
    text.chars().take(MAX_WANTED).collect()
}

/// What makes two traces the same: all they say.
fn trace_key(link: &TraceLink) -> String {
    serde_json::to_string(link).unwrap_or_default()
}

/// Gives each event its place, in order.
struct Teller<'a> {
    places: &'a Places,
    /// When and in which step a backend was called, by trace link.
    calls: HashMap<String, (u64, DecisionStep)>,
    /// The step that each chain is in.
    steps: HashMap<Option<String>, DecisionStep>,
}

impl<'a> Teller<'a> {
    fn new(places: &'a Places) -> Self {
        Self {
            places,
            calls: HashMap::new(),
            steps: HashMap::new(),
        }
    }

    fn place(&mut self, offset_us: u64, event: Event) -> TimelineEvent {
        let chain = self.places.chain(&event);
        let (latency_us, own_step) = event.known().map_or((None, None), |known| {
            self.latency_and_step(known, offset_us)
        });
        let step = own_step.or_else(|| self.steps.get(&chain).copied());
        if let Some(step) = step {
            self.steps.insert(chain.clone(), step);
        }
        TimelineEvent {
            offset_us,
            latency_us,
            chain,
            step,
            summary: event.summary(),
            event,
        }
    }

    fn latency_and_step(
        &mut self,
        event: &ExperienceEvent,
        offset_us: u64,
    ) -> (Option<u64>, Option<DecisionStep>) {
        let from_ms = |ms: u64| ms.saturating_mul(1_000);
        match event {
            ExperienceEvent::ProposalCreated { step, .. }
            | ExperienceEvent::ProposalValidated { step, .. } => (None, Some(*step)),
            ExperienceEvent::BackendInvoked {
                trace_link_id,
                step,
                ..
            } => {
                self.calls.insert(trace_link_id.clone(), (offset_us, *step));
                (None, Some(*step))
            }
            ExperienceEvent::TraceLinkRecorded { trace_link_id, .. } => {
                let call = self.calls.get(trace_link_id);
                let latency = call.map(|(called, _)| offset_us.saturating_sub(*called));
                (latency, call.map(|(_, step)| *step))
            }
            ExperienceEvent::OutcomeRecorded {
                step, latency_ms, ..
            } => (latency_ms.map(from_ms), Some(*step)),
            ExperienceEvent::RecallExecuted {
                query, provenance, ..
            } => (Some(from_ms(provenance.latency_ms)), query.step_context),
            _ => (None, None),
        }
    }
}
