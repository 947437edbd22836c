//! The model: a plain `Vec`, a linear filter and a sort.

use std::collections::BTreeMap;

use experience_log::{
    ArtifactQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind,
    GovernedArtifactState, TraceLink,
};

use super::event::{Instant, TIMES};
use super::question::Question;
use crate::support::json;

/// An event of the model. Its place in the `Vec` is its sequence number.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) sequence: u64,
    pub(crate) instant: Instant,
    pub(crate) envelope: ExperienceEventEnvelope,
    pub(crate) json: String,
}

/// Why a batch must be refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Conflict {
        event_id: String,
        tenant: Option<String>,
        sequence: u64,
    },
    ConflictInBatch {
        event_id: String,
        tenant: Option<String>,
    },
}

/// Sequence number, and whether the log had the event.
pub(crate) type Placed = (u64, bool);

#[derive(Debug, Default)]
pub(crate) struct VecLog {
    pub(crate) events: Vec<Kept>,
    /// How many events there were after each batch.
    pub(crate) batch_ends: Vec<u64>,
}

/// An artifact: tenant, id, its last kind as JSON, its state, and the sequence numbers of its history.
pub(crate) type ArtifactRow = (
    Option<String>,
    String,
    Option<String>,
    GovernedArtifactState,
    Vec<(u64, bool)>,
);

impl VecLog {
    pub(crate) fn len(&self) -> u64 {
        self.events.len() as u64
    }

    pub(crate) fn append(
        &mut self,
        batch: &[ExperienceEventEnvelope],
    ) -> Result<Vec<Placed>, Refusal> {
        let same_id = |one: &ExperienceEventEnvelope, other: &ExperienceEventEnvelope| {
            one.event_id == other.event_id && one.tenant_id == other.tenant_id
        };
        let texts: Vec<String> = batch.iter().map(json).collect();
        let mut repeats = vec![None; batch.len()];
        for (place, event) in batch.iter().enumerate() {
            let Some(first) = batch[..place]
                .iter()
                .position(|other| same_id(other, event))
            else {
                continue;
            };
            if texts[first] != texts[place] {
                return Err(Refusal::ConflictInBatch {
                    event_id: event.event_id.clone(),
                    tenant: event.tenant_id.clone(),
                });
            }
            repeats[place] = Some(first);
        }
        let mut placed: Vec<Placed> = Vec::new();
        let mut new = Vec::new();
        for (place, event) in batch.iter().enumerate() {
            if let Some(first) = repeats[place] {
                placed.push((placed[first].0, true));
                continue;
            }
            let known = self
                .events
                .iter()
                .find(|kept| same_id(&kept.envelope, event));
            match known {
                Some(kept) if kept.json == texts[place] => placed.push((kept.sequence, true)),
                Some(kept) => {
                    return Err(Refusal::Conflict {
                        event_id: event.event_id.clone(),
                        tenant: event.tenant_id.clone(),
                        sequence: kept.sequence,
                    });
                }
                None => {
                    let sequence = self.len() + new.len() as u64;
                    placed.push((sequence, false));
                    new.push(Kept {
                        sequence,
                        instant: instant_of(&event.occurred_at),
                        envelope: event.clone(),
                        json: texts[place].clone(),
                    });
                }
            }
        }
        if !new.is_empty() {
            self.events.extend(new);
            self.batch_ends.push(self.len());
        }
        Ok(placed)
    }

    /// Forgets what came after the first `count` events, which must be the end of a batch.
    pub(crate) fn truncate(&mut self, count: u64) {
        assert!(
            count == 0 || self.batch_ends.contains(&count),
            "{count} events are no whole batches: {:?}",
            self.batch_ends
        );
        self.events.truncate(usize::try_from(count).unwrap());
        self.batch_ends.retain(|end| *end <= count);
    }

    /// The answer, oldest first, without regard to the limit.
    pub(crate) fn all_matches(&self, question: &Question) -> Vec<&Kept> {
        let mut found: Vec<&Kept> = self
            .events
            .iter()
            .filter(|kept| question.matches(kept))
            .collect();
        found.sort_by_key(|kept| (kept.instant, kept.sequence));
        found
    }

    pub(crate) fn trace_link(&self, id: &str) -> Option<&TraceLink> {
        self.events
            .iter()
            .rev()
            .find_map(|kept| match &kept.envelope.event {
                ExperienceEvent::TraceLinkRecorded {
                    trace_link_id,
                    trace_link,
                } if trace_link_id == id => Some(trace_link),
                _ => None,
            })
    }

    pub(crate) fn kinds(&self) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        for kept in &self.events {
            let kind: ExperienceEventKind = kept.envelope.event.kind();
            *kinds.entry(kind.to_string()).or_default() += 1;
        }
        kinds
    }

    pub(crate) fn tenants(&self) -> BTreeMap<Option<String>, u64> {
        let mut tenants = BTreeMap::new();
        for kept in &self.events {
            *tenants.entry(kept.envelope.tenant_id.clone()).or_default() += 1;
        }
        tenants
    }

    pub(crate) fn artifacts(&self, query: &ArtifactQuery) -> Vec<ArtifactRow> {
        let mut sorted: Vec<&Kept> = self.events.iter().collect();
        sorted.sort_by_key(|kept| (kept.instant, kept.sequence));
        let mut rows: Vec<ArtifactRow> = Vec::new();
        for kept in sorted {
            let tenant = &kept.envelope.tenant_id;
            let (id, kind, from, to) = match &kept.envelope.event {
                ExperienceEvent::ArtifactStateTransitioned {
                    artifact_id,
                    artifact_kind,
                    event,
                } => {
                    let kind = serde_json::to_string(artifact_kind).unwrap();
                    (artifact_id, Some(kind), event.from_state, event.to_state)
                }
                ExperienceEvent::ArtifactRollbackRecorded { rollback } => (
                    &rollback.artifact_id,
                    None,
                    rollback.previous_state,
                    GovernedArtifactState::RolledBack,
                ),
                _ => continue,
            };
            let change = (kept.sequence, from.can_transition_to(to));
            match rows.iter_mut().find(|row| &row.0 == tenant && &row.1 == id) {
                Some(row) => {
                    row.2 = kind.or(row.2.take());
                    row.3 = to;
                    row.4.push(change);
                }
                None => rows.push((tenant.clone(), id.clone(), kind, to, vec![change])),
            }
        }
        rows.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
        let wanted_kind = query
            .kind
            .as_ref()
            .map(|kind| serde_json::to_string(kind).unwrap());
        rows.retain(|(tenant, id, kind, state, _)| {
            (query.tenant_id.is_none() || query.tenant_id == *tenant)
                && query.artifact_id.as_ref().is_none_or(|wanted| wanted == id)
                && (wanted_kind.is_none() || wanted_kind == *kind)
                && query.state.is_none_or(|wanted| wanted == *state)
        });
        rows.truncate(query.limit.unwrap_or(usize::MAX));
        rows
    }
}

/// The instant of a time that the generator makes.
pub(crate) fn instant_of(text: &str) -> Instant {
    if let Some((_, instant)) = TIMES.iter().find(|(known, _)| *known == text) {
        return *instant;
    }
    let number = |from: usize| text[from..from + 2].parse::<i64>().unwrap();
    assert!(text.starts_with("2026-03-01T") && text.ends_with('Z'));
    let seconds = number(11) * 3600 + number(14) * 60 + number(17);
    (super::event::TICKING_FROM + seconds, 0)
}
