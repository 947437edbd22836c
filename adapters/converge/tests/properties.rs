//! The properties of `converge-experience`'s store, for a log that is closed and opened between append and question;
//! and random histories of both sides against a plain vector that is filtered and sorted.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

mod support;

use std::collections::HashMap;

use converge_core::{
    BudgetResource, DecisionStep, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
    ExperienceEventKind, ExperienceRecord, ExperienceStore, TimeRange, Timestamp,
    UserExperienceEvent, UserExperienceEventEnvelope,
};
use converge_experience::InMemoryExperienceStore;
use converge_experience_log::{ConvergeReader, mapping};
use proptest::prelude::*;
use support::{Store, gate, hypothesis, outcome, promoted, says, user_approval, user_override};

fn id() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}"
}

fn metadata() -> impl Strategy<Value = HashMap<String, String>> {
    prop::collection::hash_map("[a-z][a-z0-9._-]{0,31}", ".{0,20}", 0..5)
}

fn step() -> impl Strategy<Value = DecisionStep> {
    prop::sample::select(vec![
        DecisionStep::Reasoning,
        DecisionStep::Evaluation,
        DecisionStep::Planning,
    ])
}

fn outcomes() -> impl Strategy<Value = ExperienceEvent> {
    (id(), step(), any::<bool>(), metadata()).prop_map(|(chain, step, passed, metadata)| {
        ExperienceEvent::OutcomeRecorded {
            chain_id: chain.into(),
            step,
            passed,
            stop_reason: None,
            latency_ms: None,
            tokens: None,
            cost_microdollars: None,
            backend: None,
            metadata,
        }
    })
}

fn budgets() -> impl Strategy<Value = ExperienceEvent> {
    (id(), id()).prop_map(|(chain, resource)| ExperienceEvent::BudgetExceeded {
        chain_id: chain.into(),
        resource: BudgetResource::Other(resource),
        limit: "100".into(),
        observed: Some("150".into()),
    })
}

/// Valid envelopes. Ids are made distinct: unlike the store in memory, a log refuses another event under a taken id.
fn envelopes(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<ExperienceEventEnvelope>> {
    let one = (
        id(),
        prop_oneof![outcomes(), budgets()],
        prop::option::of(id()),
        prop::option::of(id()),
    );
    prop::collection::vec(one, count).prop_map(|parts| {
        let envelope = |(number, (id, event, tenant, run)): (usize, (String, _, _, _))| {
            let id = format!("{}-{number}", id.chars().take(40).collect::<String>());
            let tenant: Option<String> = tenant;
            let run: Option<String> = run;
            ExperienceEventEnvelope {
                tenant_id: tenant.map(Into::into),
                correlation_id: run.map(Into::into),
                ..ExperienceEventEnvelope::new(id, event)
            }
        };
        parts.into_iter().enumerate().map(envelope).collect()
    })
}

fn numbered(prefix: &str, events: Vec<ExperienceEvent>) -> Vec<ExperienceEventEnvelope> {
    let envelope =
        |(number, event)| ExperienceEventEnvelope::new(format!("{prefix}-{number}"), event);
    events.into_iter().enumerate().map(envelope).collect()
}

fn asked(store: &Store, query: &EventQuery) -> Vec<serde_json::Value> {
    let found = store.log.query_events(query).unwrap();
    found.iter().map(says).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_appended_comes_back_in_the_order_of_appending(events in envelopes(1..20)) {
        let store = Store::new();
        for event in &events {
            store.log.append_event(event.clone()).unwrap();
        }
        let store = store.reopened();
        // All bear the placeholder's time.
        let expected: Vec<_> = events.iter().map(says).collect();
        prop_assert_eq!(asked(&store, &EventQuery::default()), expected);
    }

    #[test]
    fn tenants_are_kept_apart(
        first in prop::collection::vec(outcomes(), 1..10),
        second in prop::collection::vec(outcomes(), 1..10),
    ) {
        let store = Store::new();
        let sizes = [first.len(), second.len()];
        for (tenant, events) in [("tenant-alpha", first), ("tenant-beta", second)] {
            // The same ids in both.
            for event in numbered("e", events) {
                store.log.append_event(event.with_tenant(tenant)).unwrap();
            }
        }
        let store = store.reopened();
        for (tenant, size) in ["tenant-alpha", "tenant-beta"].into_iter().zip(sizes) {
            let query = EventQuery { tenant_id: Some(tenant.into()), ..Default::default() };
            let found = store.log.query_events(&query).unwrap();
            prop_assert_eq!(found.len(), size);
            prop_assert!(found.iter().all(|e| e.tenant_id.as_deref() == Some(tenant)));
        }
    }

    #[test]
    fn a_kind_is_found_and_no_other(
        outcomes in prop::collection::vec(outcomes(), 1..10),
        budgets in prop::collection::vec(budgets(), 1..10),
    ) {
        let store = Store::new();
        let sizes = [outcomes.len(), budgets.len()];
        store.log.append_events(&numbered("out", outcomes)).unwrap();
        store.log.append_events(&numbered("bud", budgets)).unwrap();
        let store = store.reopened();
        let kinds = [ExperienceEventKind::OutcomeRecorded, ExperienceEventKind::BudgetExceeded];
        for (kind, size) in kinds.into_iter().zip(sizes) {
            let query = EventQuery { kinds: vec![kind], ..Default::default() };
            let found = store.log.query_events(&query).unwrap();
            prop_assert_eq!(found.len(), size);
            prop_assert!(found.iter().all(|e| e.event.kind() == kind));
        }
    }

    #[test]
    fn a_limit_gives_the_first(events in envelopes(5..20), limit in 0_usize..25) {
        let store = Store::new();
        store.log.append_events(&events).unwrap();
        let store = store.reopened();
        let query = EventQuery { limit: Some(limit), ..Default::default() };
        let expected: Vec<_> = events.iter().take(limit).map(says).collect();
        prop_assert_eq!(asked(&store, &query), expected);
    }

    #[test]
    fn a_run_is_found_and_no_other(
        target in prop::collection::vec(outcomes(), 1..8),
        other in prop::collection::vec(outcomes(), 1..8),
    ) {
        let store = Store::new();
        let size = target.len();
        for (run, events) in [("corr-target", target), ("corr-other", other)] {
            for event in numbered(run, events) {
                store.log.append_event(event.with_correlation(run)).unwrap();
            }
        }
        let store = store.reopened();
        let query = EventQuery { correlation_id: Some("corr-target".into()), ..Default::default() };
        let found = store.log.query_events(&query).unwrap();
        prop_assert_eq!(found.len(), size);
        prop_assert!(found.iter().all(|e| e.correlation_id.as_deref() == Some("corr-target")));
    }

    #[test]
    fn metadata_of_any_text_survives(events in prop::collection::vec(outcomes(), 1..10)) {
        let store = Store::new();
        store.log.append_events(&numbered("m", events.clone())).unwrap();
        let store = store.reopened();
        let found = store.log.query_events(&EventQuery::default()).unwrap();
        prop_assert_eq!(found.len(), events.len());
        for (found, event) in found.iter().zip(&events) {
            let (
                ExperienceEvent::OutcomeRecorded { metadata: found, .. },
                ExperienceEvent::OutcomeRecorded { metadata, .. },
            ) = (&found.event, event) else { unreachable!("outcomes only") };
            prop_assert_eq!(found, metadata);
        }
    }
}

/// An event of either side, of few tenants, runs, chains and times, so that they coincide.
#[derive(Debug, Clone)]
struct Drawn {
    user: bool,
    shape: u8,
    tenant: u8,
    run: u8,
    chain: u8,
    time: u8,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (any::<bool>(), 0_u8..5, 0_u8..3, 0_u8..4, 0_u8..3, 0_u8..9).prop_map(
        |(user, shape, tenant, run, chain, time)| Drawn {
            user,
            shape,
            tenant,
            run,
            chain,
            time,
        },
    )
}

/// Times and where they stand: logical ones by number, then the clock's by instant.
const TIMES: [(&str, usize); 9] = [
    ("lamport:9", 1),
    ("lamport:10", 2),
    ("lamport:0", 0),
    ("1969-12-31T23:59:59Z", 3),
    ("1970-01-01T00:00:00Z", 4),
    ("1970-01-01T01:00:00+01:00", 4),
    ("2026-01-21T12:00:00.5Z", 6),
    ("2026-01-21T12:00:00Z", 5),
    ("2026-01-21T10:00:00-02:00", 5),
];

fn one_of(prefix: &str, number: u8) -> Option<String> {
    (number > 0).then(|| format!("{prefix}-{number}"))
}

impl Drawn {
    fn record(&self, number: usize) -> ExperienceRecord {
        let chain = format!("chain-{}", self.chain);
        let id = format!("e-{number}");
        let tenant = one_of("tenant", self.tenant).map(Into::into);
        let run = one_of("run", self.run).map(Into::into);
        let time = Timestamp::new(TIMES[usize::from(self.time)].0);
        if self.user {
            let event = if self.shape < 2 {
                user_approval(&chain)
            } else {
                user_override(&chain)
            };
            return ExperienceRecord::User(UserExperienceEventEnvelope {
                tenant_id: tenant,
                correlation_id: run,
                ..UserExperienceEventEnvelope::new(id, event).with_timestamp(time)
            });
        }
        let event = match self.shape {
            0 => outcome(&chain),
            1 => hypothesis(&chain),
            2 => gate(&chain),
            3 => promoted(&chain),
            _ => support::budget(&chain),
        };
        ExperienceRecord::Engine(ExperienceEventEnvelope {
            tenant_id: tenant,
            correlation_id: run,
            ..ExperienceEventEnvelope::new(id, event).with_timestamp(time)
        })
    }
}

/// A question over few values, so that it finds something.
#[derive(Debug, Clone)]
struct Asked {
    tenant: u8,
    run: u8,
    chain: Option<u8>,
    kinds: Vec<usize>,
    start: Option<u8>,
    end: Option<u8>,
    limit: Option<usize>,
}

fn question() -> impl Strategy<Value = Asked> {
    (
        0_u8..3,
        0_u8..4,
        prop::option::of(0_u8..3),
        prop::collection::vec(0_usize..14, 0..4),
        prop::option::of(0_u8..9),
        prop::option::of(0_u8..9),
        prop::option::of(0_usize..12),
    )
        .prop_map(|(tenant, run, chain, kinds, start, end, limit)| Asked {
            tenant,
            run,
            chain,
            kinds,
            start,
            end,
            limit,
        })
}

const KINDS: [ExperienceEventKind; 14] = [
    ExperienceEventKind::OutcomeRecorded,
    ExperienceEventKind::HypothesisResolved,
    ExperienceEventKind::GateDecisionRecorded,
    ExperienceEventKind::FactPromoted,
    ExperienceEventKind::BudgetExceeded,
    ExperienceEventKind::ProposalCreated,
    ExperienceEventKind::OutcomeRecorded,
    ExperienceEventKind::HypothesisResolved,
    ExperienceEventKind::GateDecisionRecorded,
    ExperienceEventKind::FactPromoted,
    ExperienceEventKind::BudgetExceeded,
    ExperienceEventKind::OutcomeRecorded,
    ExperienceEventKind::HypothesisResolved,
    ExperienceEventKind::BackendInvoked,
];

impl Asked {
    fn query(&self) -> EventQuery {
        let time = |time: Option<u8>| time.map(|time| Timestamp::new(TIMES[usize::from(time)].0));
        EventQuery {
            tenant_id: one_of("tenant", self.tenant).map(Into::into),
            time_range: (self.start.is_some() || self.end.is_some()).then(|| TimeRange {
                start: time(self.start),
                end: time(self.end),
            }),
            kinds: self.kinds.iter().map(|kind| KINDS[*kind]).collect(),
            correlation_id: one_of("run", self.run).map(Into::into),
            chain_id: self.chain.map(|chain| format!("chain-{chain}").into()),
            limit: self.limit,
        }
    }

    fn matches(&self, drawn: &Drawn, record: &ExperienceRecord) -> bool {
        let place = |time: u8| TIMES[usize::from(time)].1;
        let chained = match record {
            ExperienceRecord::Engine(_) => drawn.shape != 3,
            ExperienceRecord::User(envelope) => {
                matches!(
                    envelope.event,
                    UserExperienceEvent::UserApprovalGranted { .. }
                )
            }
        };
        let of_kind = match record {
            ExperienceRecord::Engine(envelope) => {
                self.kinds.is_empty()
                    || self
                        .kinds
                        .iter()
                        .any(|k| KINDS[*k] == envelope.event.kind())
            }
            ExperienceRecord::User(_) => self.kinds.is_empty(),
        };
        of_kind
            && (self.tenant == 0 || self.tenant == drawn.tenant)
            && (self.run == 0 || self.run == drawn.run)
            && self
                .chain
                .is_none_or(|chain| chained && chain == drawn.chain)
            && self
                .start
                .is_none_or(|start| place(start) <= place(drawn.time))
            && self.end.is_none_or(|end| place(drawn.time) <= place(end))
    }

    /// The answer, by a filter, a stable sort and a limit.
    fn answer(&self, history: &[Drawn], with_users: bool) -> Vec<serde_json::Value> {
        let mut found: Vec<_> = history
            .iter()
            .enumerate()
            .map(|(number, drawn)| (drawn, drawn.record(number)))
            .filter(|(drawn, record)| self.matches(drawn, record) && (with_users || !drawn.user))
            .collect();
        found.sort_by_key(|(drawn, _)| TIMES[usize::from(drawn.time)].1);
        found.truncate(self.limit.unwrap_or(usize::MAX));
        found.iter().map(|(_, record)| says(record)).collect()
    }
}

fn check(reader: &ConvergeReader, history: &[Drawn], asked: &Asked) {
    let query = asked.query();
    let records = reader.query_records(&query).unwrap();
    let found: Vec<_> = records.iter().map(says).collect();
    assert_eq!(found, asked.answer(history, true), "{query:?}");
    let events = reader.query_events(&query).unwrap();
    let found: Vec<_> = events
        .into_iter()
        .map(|envelope| says(&ExperienceRecord::Engine(envelope)))
        .collect();
    assert_eq!(found, asked.answer(history, false), "{query:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn histories_of_both_sides_answer_as_a_vector_does(
        history in prop::collection::vec(drawn(), 1..80),
        questions in prop::collection::vec(question(), 1..12),
        cuts in prop::collection::vec((0_usize..80, 0_u8..3), 0..4),
    ) {
        let mut store = Store::new();
        for (number, drawn) in history.iter().enumerate() {
            match drawn.record(number) {
                ExperienceRecord::Engine(envelope) => store.log.append_event(envelope).unwrap(),
                ExperienceRecord::User(envelope) => store.log.append_user_event(envelope).unwrap(),
            }
            for (_, way) in cuts.iter().filter(|(cut, _)| *cut == number) {
                match way {
                    0 => store = store.reopened(),
                    1 => store.log.log().flush().unwrap(),
                    _ => store.log.log().rebuild_trees().unwrap(),
                }
            }
        }
        let looking = ConvergeReader::open(store.path()).unwrap();
        for asked in &questions {
            check(store.log.reader(), &history, asked);
            check(&looking, &history, asked);
        }
        store.log.log().flush().unwrap();
        let store = store.reopened();
        for asked in &questions {
            check(store.log.reader(), &history, asked);
        }
    }

    /// Where the two contracts agree, so do the two stores: events of the engine, with the clock's times in one
    /// offset, appended in the order of time, asked for what both index.
    #[test]
    fn the_store_in_memory_answers_the_same(
        mut history in prop::collection::vec(drawn(), 1..40),
        mut questions in prop::collection::vec(question(), 1..8),
    ) {
        for drawn in &mut history {
            drawn.user = false;
            // An outcome, a budget or a fact: the store in memory finds the others by no chain.
            drawn.shape = [0, 3, 4][usize::from(drawn.shape) % 3];
            drawn.time = [3, 4, 7][usize::from(drawn.time) % 3];
        }
        history.sort_by_key(|drawn| TIMES[usize::from(drawn.time)].1);
        for asked in &mut questions {
            for bound in [&mut asked.start, &mut asked.end] {
                *bound = bound.map(|time| [3, 4, 7][usize::from(time) % 3]);
            }
        }
        let (store, memory) = (Store::new(), InMemoryExperienceStore::new());
        for (number, drawn) in history.iter().enumerate() {
            if let ExperienceRecord::Engine(envelope) = drawn.record(number) {
                store.log.append_event(envelope.clone()).unwrap();
                memory.append_event(envelope).unwrap();
            }
        }
        let store = store.reopened();
        for asked in &questions {
            let query = asked.query();
            let expected = memory.query_events(&query).unwrap();
            let expected: Vec<_> = expected.iter().map(says).collect();
            let found = store.log.query_events(&query).unwrap();
            let found: Vec<_> = found.iter().map(says).collect();
            prop_assert_eq!(found, expected, "{:?}", query);
        }
    }
}

#[test]
fn the_drawn_kinds_have_the_chains_that_the_oracle_expects() {
    let drawn = |shape| Drawn {
        user: false,
        shape,
        tenant: 0,
        run: 0,
        chain: 1,
        time: 0,
    };
    for shape in 0..5 {
        let ExperienceRecord::Engine(envelope) = drawn(shape).record(0) else {
            unreachable!("of the engine");
        };
        let expected = (shape != 3).then_some("chain-1");
        assert_eq!(mapping::chain_of(&envelope.event), expected);
    }
}
