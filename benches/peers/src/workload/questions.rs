//! What is asked, and with which keys.

use experience_log::{ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind};
use fastrand::Rng;

use crate::work::Work;

/// Events of a tenant, of some kinds, in a range of time: at most so many.
const KINDS_LIMIT: usize = 50;
/// The newest of a tenant: so many.
const NEWEST: usize = 20;
/// A range of time is this part of the whole.
const RANGE_PART: usize = 20;

/// One question.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Question {
    /// The events of a run, oldest first.
    Correlation(String),
    /// The events of a chain, oldest first.
    Chain(String),
    /// The first `limit` events of a tenant of these kinds, from one time to another, both included.
    Kinds {
        tenant: String,
        kinds: Vec<ExperienceEventKind>,
        from: String,
        to: String,
        limit: usize,
    },
    /// The trace link that was recorded last under an id.
    TraceLink(String),
    /// The event of a tenant with an id.
    Event { tenant: String, id: String },
    /// The newest events of a tenant, newest first.
    Newest { tenant: String, limit: usize },
}

/// The keys of what was appended, and a source of chance.
#[derive(Debug)]
pub struct Questions<'a> {
    events: &'a [ExperienceEventEnvelope],
    rng: Rng,
}

impl<'a> Questions<'a> {
    /// Questions about `events`.
    #[must_use]
    pub fn new(seed: u64, events: &'a [ExperienceEventEnvelope]) -> Self {
        Self {
            events,
            rng: Rng::with_seed(seed ^ 0x5175_6573),
        }
    }

    fn event(&mut self) -> &'a ExperienceEventEnvelope {
        &self.events[self.rng.usize(0..self.events.len())]
    }

    fn key<T>(&mut self, of: impl Fn(&'a ExperienceEventEnvelope) -> Option<T>) -> T {
        loop {
            if let Some(key) = of(self.event()) {
                return key;
            }
        }
    }

    /// A question of `work`; `None` if the work asks none.
    pub fn ask(&mut self, work: Work) -> Option<Question> {
        Some(match work {
            Work::ByCorrelation => {
                Question::Correlation(self.key(|event| event.correlation_id.clone()))
            }
            Work::ByChain => {
                Question::Chain(self.key(|event| event.event.chain_id().map(str::to_owned)))
            }
            Work::TenantKindsRange => self.kinds(),
            Work::TraceLink => Question::TraceLink(self.key(|event| match &event.event {
                ExperienceEvent::TraceLinkRecorded { trace_link_id, .. } => {
                    Some(trace_link_id.clone())
                }
                _ => None,
            })),
            Work::EventById => {
                let event = self.event();
                Question::Event {
                    tenant: event.tenant_id.clone().unwrap_or_default(),
                    id: event.event_id.clone(),
                }
            }
            Work::Newest => Question::Newest {
                tenant: self.key(|event| event.tenant_id.clone()),
                limit: NEWEST,
            },
            _ => return None,
        })
    }

    fn kinds(&mut self) -> Question {
        let tenant = self.key(|event| event.tenant_id.clone());
        let mut kinds = Vec::new();
        while kinds.len() < 3 {
            let kind = self.event().event.kind();
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let part = self.events.len() / RANGE_PART;
        let first = self.rng.usize(0..self.events.len() - part);
        Question::Kinds {
            tenant,
            kinds,
            from: self.events[first].occurred_at.clone(),
            to: self.events[first + part].occurred_at.clone(),
            limit: KINDS_LIMIT,
        }
    }
}
