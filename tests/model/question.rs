//! Questions of every shape.

use experience_log::{ArtifactQuery, EventQuery, TimeRange};
use proptest::prelude::*;

use super::event::{
    ARTIFACTS, CHAINS, CORRELATIONS, Instant, STATES, TENANTS, TIMES, Time, artifact_kind, kind,
    longest, place_in,
};
use super::vec_log::{Kept, instant_of};

/// A query of the contract, which the model can answer too.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) query: EventQuery,
    start: Option<Instant>,
    end: Option<Instant>,
}

/// A question with every field set, out of which [`question`](Self::question) takes some.
#[derive(Debug, Clone)]
pub(crate) struct QuestionSpec {
    pub(crate) fields: u8,
    tenant: u8,
    start: Option<Bound>,
    end: Option<Bound>,
    kinds: Vec<u8>,
    correlation: u8,
    chain: u8,
    limit: usize,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    Known(u8),
    Ticking(u8),
}

/// All combinations of the six fields.
pub(crate) const SHAPES: u8 = 1 << 6;

pub(crate) fn question_spec() -> impl Strategy<Value = QuestionSpec> {
    let bound = || {
        prop::option::weighted(
            0.8,
            prop_oneof![
                place_in(&TIMES, 0).prop_map(Bound::Known),
                any::<u8>().prop_map(Bound::Ticking),
            ],
        )
    };
    // Each field is there in a third of the questions, so that answers are not all empty.
    let fields = prop::collection::vec(prop::bool::weighted(0.35), 6)
        .prop_map(|set| (0..).zip(set).map(|(bit, set)| u8::from(set) << bit).sum());
    (
        fields,
        place_in(&TENANTS, 1),
        bound(),
        bound(),
        prop::collection::vec(0..12_u8, 0..4),
        place_in(&CORRELATIONS, 1),
        place_in(&CHAINS, 2),
        prop_oneof![0..8_usize, Just(1000), Just(usize::MAX)],
    )
        .prop_map(
            |(fields, tenant, start, end, kinds, correlation, chain, limit)| QuestionSpec {
                fields,
                tenant,
                start,
                end,
                kinds,
                correlation,
                chain,
                limit,
            },
        )
}

impl QuestionSpec {
    /// The question with the fields whose bits are set in `fields`.
    pub(crate) fn with_fields(&self, fields: u8) -> Question {
        let set = |bit: u8| fields & (1 << bit) != 0;
        let bound = |bound: Option<Bound>| {
            bound.map(|bound| match bound {
                Bound::Known(place) => Time::Known(place).at(0).0,
                Bound::Ticking(number) => Time::Ticking.at(u64::from(number)).0,
            })
        };
        let range = set(1).then(|| TimeRange {
            start: bound(self.start),
            end: bound(self.end),
        });
        let instant = |text: Option<&String>| text.map(|text| instant_of(text));
        let start = instant(range.as_ref().and_then(|range| range.start.as_ref()));
        let end = instant(range.as_ref().and_then(|range| range.end.as_ref()));
        let query = EventQuery {
            tenant_id: set(0).then(|| name(&TENANTS, self.tenant)),
            time_range: range,
            kinds: if set(2) {
                self.kinds.iter().map(|place| kind(*place)).collect()
            } else {
                Vec::new()
            },
            correlation_id: set(3).then(|| name(&CORRELATIONS, self.correlation)),
            chain_id: set(4).then(|| match CHAINS.get(usize::from(self.chain)) {
                Some(chain) => (*chain).to_owned(),
                None if usize::from(self.chain) == CHAINS.len() => "no such chain".to_owned(),
                None => longest(CHAINS[0]),
            }),
            limit: set(5).then_some(self.limit),
        };
        Question { query, start, end }
    }

    pub(crate) fn question(&self) -> Question {
        self.with_fields(self.fields)
    }

    /// A question for artifacts, out of the same numbers.
    pub(crate) fn artifacts(&self) -> ArtifactQuery {
        let set = |bit: u8| self.fields & (1 << bit) != 0;
        ArtifactQuery {
            tenant_id: set(0).then(|| name(&TENANTS, self.tenant)),
            artifact_id: set(1).then(|| {
                ARTIFACTS
                    .get(usize::from(self.chain))
                    .map_or_else(|| "no such artifact".to_owned(), ToString::to_string)
            }),
            kind: set(2).then(|| artifact_kind(self.correlation)),
            state: set(3).then(|| STATES[usize::from(self.chain) % STATES.len()]),
            limit: set(5).then_some(self.limit),
        }
    }
}

/// A name out of a table; behind its end, one that no event has. `None` cannot be asked for.
fn name(table: &[Option<&str>], place: u8) -> String {
    match table.get(usize::from(place)) {
        Some(Some(name)) => (*name).to_owned(),
        Some(None) => "nobody".to_owned(),
        None => "no such name".to_owned(),
    }
}

impl Question {
    /// A query without bounds.
    pub(crate) fn unbounded(query: EventQuery) -> Self {
        Self {
            query,
            start: None,
            end: None,
        }
    }

    pub(crate) fn matches(&self, kept: &Kept) -> bool {
        let EventQuery {
            tenant_id,
            kinds,
            correlation_id,
            chain_id,
            ..
        } = &self.query;
        let envelope = &kept.envelope;
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        same(tenant_id, envelope.tenant_id.as_deref())
            && same(correlation_id, envelope.correlation_id.as_deref())
            && same(chain_id, envelope.event.chain_id())
            && (kinds.is_empty() || kinds.contains(&envelope.event.kind()))
            && self.start.is_none_or(|start| start <= kept.instant)
            && self.end.is_none_or(|end| kept.instant <= end)
    }
}
