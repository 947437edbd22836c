//! The public promises of the contract's store, in the terms of `converge-experience`'s own tests, for a log that
//! is closed and opened between append and question; and what the issue of a durable store adds to them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;

use converge_core::recall::{CandidateSourceType, RecallPolicy, RecallQuery, recall_from_store};
use converge_core::{
    ArtifactId, ArtifactKind, EventQuery, ExperienceEvent, ExperienceEventKind, ExperienceRecord,
    ExperienceStore, ExperienceStoreError, GovernedArtifactState, LifecycleEvent, TimeRange,
    Timestamp, TraceLinkId,
};
use converge_experience::summarize_events;
use converge_experience_log::{ConvergeLog, ConvergeReader, mapping};
use experience_log::{ExperienceLog, ScanOptions};
use support::{
    Store, budget, engine, gate, hypothesis, many, outcome, outcome_with, promoted, says, trace,
    user, user_approval, user_override,
};

fn id(record: &ExperienceRecord) -> &str {
    match record {
        ExperienceRecord::Engine(envelope) => &envelope.event_id,
        ExperienceRecord::User(envelope) => &envelope.event_id,
    }
}

fn ids(records: &[ExperienceRecord]) -> Vec<&str> {
    records.iter().map(id).collect()
}

fn event_ids(store: &Store, query: &EventQuery) -> Vec<String> {
    let found = store.log.query_events(query).unwrap();
    found.iter().map(|e| e.event_id.to_string()).collect()
}

fn all() -> EventQuery {
    EventQuery::default()
}

fn chain(chain: &str) -> EventQuery {
    EventQuery {
        chain_id: Some(chain.into()),
        ..all()
    }
}

fn between(start: Option<&str>, end: Option<&str>) -> EventQuery {
    EventQuery {
        time_range: Some(TimeRange {
            start: start.map(Timestamp::new),
            end: end.map(Timestamp::new),
        }),
        ..all()
    }
}

/// The trait's default for user events is a refusal, and for records the engine's side alone: neither is left.
#[test]
fn every_method_is_there_behind_the_trait_object() {
    let store = Store::new();
    let object: &dyn ExperienceStore = &store.log;
    object.append_event(engine("e-1", outcome("c"))).unwrap();
    object
        .append_events(&[engine("e-2", outcome("c")), engine("e-3", budget("c"))])
        .unwrap();
    object
        .append_user_event(user("u-1", user_override("r")))
        .unwrap();
    object
        .write_artifact_state_transition(
            &ArtifactId::new("adapter-1"),
            ArtifactKind::Adapter,
            lifecycle("2026-01-21T12:00:00Z"),
        )
        .unwrap();
    assert_eq!(object.query_events(&all()).unwrap().len(), 4);
    assert_eq!(object.query_records(&all()).unwrap().len(), 5);
    assert!(
        object
            .get_trace_link(&TraceLinkId::new("t"))
            .unwrap()
            .is_none()
    );
}

fn lifecycle(timestamp: &str) -> LifecycleEvent {
    LifecycleEvent {
        from_state: GovernedArtifactState::Draft,
        to_state: GovernedArtifactState::Approved,
        timestamp: timestamp.to_owned(),
        actor: "host".to_owned(),
        reason: "reviewed".to_owned(),
        ticket_ref: None,
        tenant_id: Some("tenant-a".to_owned()),
    }
}

#[test]
fn a_user_event_is_a_record_of_the_user_s_side() {
    let store = Store::new();
    let event = user("user-evt-1", user_override("tighten"))
        .with_tenant("tenant-a")
        .with_correlation("corr-7");
    store.log.append_user_event(event.clone()).unwrap();
    let store = store.reopened();
    let records = store.log.query_records(&all()).unwrap();
    let [ExperienceRecord::User(found)] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!(says(found), says(&event));
    // The engine's side does not have it.
    assert!(store.log.query_events(&all()).unwrap().is_empty());
}

#[test]
fn records_of_both_sides_come_in_one_order() {
    let store = Store::new();
    let at = |second: u32| Timestamp::new(format!("2026-01-21T12:00:{second:02}Z"));
    // Appended in another order than that of time; two share a time.
    let engines = [("e-3", 3), ("e-1", 1), ("e-5", 5)];
    let users = [("u-4", 4), ("u-2", 2), ("u-3", 3)];
    for ((e, e_second), (u, u_second)) in engines.into_iter().zip(users) {
        store
            .log
            .append_event(engine(e, outcome("c")).with_timestamp(at(e_second)))
            .unwrap();
        store
            .log
            .append_user_event(user(u, user_override("r")).with_timestamp(at(u_second)))
            .unwrap();
    }
    let store = store.reopened();
    let records = store.log.query_records(&all()).unwrap();
    assert_eq!(ids(&records), ["e-1", "u-2", "e-3", "u-3", "u-4", "e-5"]);
    // The limit is of the merged records, not of a side.
    for limit in 0..=7 {
        let query = EventQuery {
            limit: Some(limit),
            ..all()
        };
        let limited = store.log.query_records(&query).unwrap();
        assert_eq!(ids(&limited), ids(&records)[..limit.min(6)]);
        let engine_side = store.log.query_events(&query).unwrap();
        assert_eq!(engine_side.len(), limit.min(3));
    }
}

#[test]
fn user_events_are_filtered_by_tenant_run_and_time() {
    let store = Store::new();
    let event = |id, tenant: &str, run: &str, time: &str| {
        user(id, user_override("r"))
            .with_tenant(tenant)
            .with_correlation(run)
            .with_timestamp(time)
    };
    for event in [
        event("u-1", "tenant-a", "corr-x", "2026-01-01T00:00:00Z"),
        event("u-2", "tenant-b", "corr-x", "2026-01-02T00:00:00Z"),
        event("u-3", "tenant-a", "corr-y", "2026-01-03T00:00:00Z"),
    ] {
        store.log.append_user_event(event).unwrap();
    }
    let store = store.reopened();
    let found = |query: &EventQuery| {
        let records = store.log.query_records(query).unwrap();
        ids(&records)
            .iter()
            .map(|id| (*id).to_owned())
            .collect::<Vec<_>>()
    };
    let tenant = EventQuery {
        tenant_id: Some("tenant-a".into()),
        ..all()
    };
    assert_eq!(found(&tenant), ["u-1", "u-3"]);
    let run = EventQuery {
        correlation_id: Some("corr-x".into()),
        ..all()
    };
    assert_eq!(found(&run), ["u-1", "u-2"]);
    assert_eq!(
        found(&between(Some("2026-01-02T00:00:00Z"), None)),
        ["u-2", "u-3"]
    );
}

#[test]
fn user_events_have_none_of_the_kinds_and_only_the_chain_of_their_gate() {
    let store = Store::new();
    store
        .log
        .append_event(engine("e-1", outcome("chain-1")))
        .unwrap();
    store
        .log
        .append_event(engine("e-2", gate("gate-1")))
        .unwrap();
    store
        .log
        .append_user_event(user("u-1", user_override("r")))
        .unwrap();
    store
        .log
        .append_user_event(user("u-2", user_approval("gate-1")))
        .unwrap();
    let store = store.reopened();
    let kinds = EventQuery {
        kinds: vec![
            ExperienceEventKind::OutcomeRecorded,
            ExperienceEventKind::GateDecisionRecorded,
        ],
        ..all()
    };
    let records = |query: &EventQuery| store.log.query_records(query).unwrap();
    assert_eq!(ids(&records(&kinds)), ["e-1", "e-2"]);
    assert_eq!(ids(&records(&chain("chain-1"))), ["e-1"]);
    assert_eq!(ids(&records(&chain("gate-1"))), ["e-2", "u-2"]);
    assert!(records(&chain("elsewhere")).is_empty());
}

#[test]
fn events_are_found_by_their_chain_and_only_if_they_have_one() {
    let store = Store::new();
    for (id, event) in [
        ("e-1", outcome("chain-target")),
        ("e-2", outcome("chain-other")),
        ("e-3", budget("chain-target")),
        ("e-4", hypothesis("chain-target")),
        ("e-5", promoted("chain-target")),
        ("e-6", gate("gate-1")),
    ] {
        store.log.append_event(engine(id, event)).unwrap();
    }
    let store = store.reopened();
    assert_eq!(
        event_ids(&store, &chain("chain-target")),
        ["e-1", "e-3", "e-4"]
    );
    assert_eq!(event_ids(&store, &chain("gate-1")), ["e-6"]);
    assert!(event_ids(&store, &chain("chain-x")).is_empty());
    let both = EventQuery {
        kinds: vec![ExperienceEventKind::HypothesisResolved],
        ..chain("chain-target")
    };
    assert_eq!(event_ids(&store, &both), ["e-4"]);
}

#[test]
fn events_are_found_by_a_set_of_kinds() {
    let store = Store::new();
    for (id, event) in [
        ("e-1", outcome("c")),
        ("e-2", budget("c")),
        ("e-3", gate("g")),
        ("e-4", promoted("f")),
    ] {
        store.log.append_event(engine(id, event)).unwrap();
    }
    let store = store.reopened();
    let query = EventQuery {
        kinds: vec![
            ExperienceEventKind::BudgetExceeded,
            ExperienceEventKind::GateDecisionRecorded,
        ],
        ..all()
    };
    let found = store.log.query_events(&query).unwrap();
    let kinds: Vec<_> = found.iter().map(|e| e.event.kind()).collect();
    assert_eq!(kinds, query.kinds);
    // The contract's own summary counts them.
    let summary = summarize_events(&store.log.query_events(&all()).unwrap());
    assert_eq!(summary.total_events, 4);
    assert_eq!(summary.gate_decision_recorded, 1);
    assert_eq!(summary.by_kind.get("budget_exceeded"), Some(&1));
}

#[test]
fn a_time_range_includes_both_its_ends() {
    let store = Store::new();
    let event = engine("evt-early", outcome("c"));
    let time = event.occurred_at.clone();
    store.log.append_event(event).unwrap();
    let store = store.reopened();
    let inside = between(Some(time.as_str()), Some(time.as_str()));
    assert_eq!(event_ids(&store, &inside), ["evt-early"]);
    assert!(event_ids(&store, &between(Some("9999-01-01T00:00:00Z"), None)).is_empty());
    assert!(
        event_ids(
            &store,
            &between(Some("9999-01-01T00:00:00Z"), Some(time.as_str()))
        )
        .is_empty()
    );
    let error = store
        .log
        .query_events(&between(Some("yesterday"), None))
        .unwrap_err();
    assert!(matches!(error, ExperienceStoreError::InvalidQuery { .. }));
}

#[test]
fn logical_times_sort_by_number_before_those_of_the_clock() {
    let store = Store::new();
    for (id, time) in [
        ("clock", Timestamp::epoch()),
        ("l-10", Timestamp::lamport(10)),
        ("l-9", Timestamp::lamport(9)),
        ("old", Timestamp::new("0000-01-01T00:00:00Z")),
        ("l-max", Timestamp::lamport(u64::MAX)),
        ("l-0", Timestamp::now()),
    ] {
        store
            .log
            .append_event(engine(id, outcome("c")).with_timestamp(time))
            .unwrap();
    }
    let store = store.reopened();
    let order = ["l-0", "l-9", "l-10", "l-max", "old", "clock"];
    assert_eq!(event_ids(&store, &all()), order);
    let found = |start, end| event_ids(&store, &between(start, end));
    assert_eq!(found(Some("lamport:9"), Some("lamport:10")), order[1..3]);
    assert_eq!(found(Some("lamport:10"), None), order[2..]);
    assert_eq!(found(None, Some("0000-01-01T00:00:00Z")), order[..5]);
    assert_eq!(found(Some("1970-01-01T00:00:00Z"), None), order[5..]);
    // The text comes back as it was.
    let first = &store.log.query_events(&all()).unwrap()[0];
    assert_eq!(first.occurred_at, "lamport:0");
}

#[test]
fn what_breaks_the_rules_is_refused_at_the_door() {
    let store = Store::new();
    let long = "a".repeat(257);
    let envelopes = [
        engine("", outcome("c")),
        engine("../../admin:hack", outcome("c")),
        engine("evt 001", outcome("c")),
        engine("table:record", outcome("c")),
        engine(&long, outcome("c")),
        engine("e", outcome("c")).with_tenant("tenant'; DROP TABLE event;--"),
        engine("e", outcome("c")).with_correlation("corr\0id"),
        engine("e", outcome("c")).with_timestamp(""),
        engine("e", outcome("c")).with_timestamp("1".repeat(65)),
        engine("e", outcome("c")).with_timestamp("lamport:many"),
        engine("e", outcome(&long)),
    ];
    for envelope in envelopes {
        let error = store.log.append_event(envelope.clone()).unwrap_err();
        let ExperienceStoreError::InvalidQuery { message } = &error else {
            panic!("{error:?}");
        };
        assert!(!message.is_empty());
        // Nothing of its batch is there either.
        let batch = [engine("fine", outcome("c")), envelope];
        store.log.append_events(&batch).unwrap_err();
    }
    let refused = user("../../admin:hack", user_override("r"));
    let error = store.log.append_user_event(refused).unwrap_err();
    assert!(error.to_string().contains("invalid characters"), "{error}");
    let error = store
        .log
        .append_event(engine("a/b", outcome("c")))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("event_id contains invalid characters")
    );
    assert_eq!(store.log.log().head().unwrap(), 0);
    store
        .log
        .append_event(
            engine("evt_001.abc-x", outcome("c"))
                .with_tenant("tenant-abc")
                .with_correlation("corr-xyz-123"),
        )
        .unwrap();
}

#[test]
fn the_trace_link_is_the_one_that_was_recorded_last() {
    let store = Store::new();
    let recorded = |id: &str, fingerprint: &str| {
        engine(
            id,
            ExperienceEvent::ReplayTraceRecorded {
                trace_link_id: "trace-1".into(),
                trace_link: trace(fingerprint),
            },
        )
    };
    store.log.append_event(recorded("e-1", "first")).unwrap();
    store.log.append_event(recorded("e-2", "second")).unwrap();
    let store = store.reopened();
    let found = store
        .log
        .get_trace_link(&TraceLinkId::new("trace-1"))
        .unwrap();
    assert_eq!(says(&found.unwrap()), says(&trace("second")));
    let other = store
        .log
        .get_trace_link(&TraceLinkId::new("trace-2"))
        .unwrap();
    assert!(other.is_none());
}

#[test]
fn a_transition_takes_its_time_and_tenant_from_the_lifecycle() {
    let store = Store::new();
    let id = ArtifactId::new("adapter-1");
    for second in ["05", "01"] {
        let event = lifecycle(&format!("2026-01-21T12:00:{second}Z"));
        store
            .log
            .write_artifact_state_transition(&id, ArtifactKind::Adapter, event)
            .unwrap();
    }
    let store = store.reopened();
    let found = store.log.query_events(&all()).unwrap();
    assert_eq!(found[0].occurred_at, "2026-01-21T12:00:01Z");
    assert_eq!(found[0].tenant_id.as_deref(), Some("tenant-a"));
    assert_ne!(found[0].event_id, found[1].event_id);
    let scan = store.log.log().scan_entries(
        &experience_log::EntryQuery {
            artifact_id: Some("adapter-1".to_owned()),
            ..Default::default()
        },
        ScanOptions::default(),
    );
    assert_eq!(scan.unwrap().count(), 2);
    let untimed = lifecycle("soon");
    let refused = store
        .log
        .write_artifact_state_transition(&id, ArtifactKind::Adapter, untimed);
    assert!(matches!(
        refused,
        Err(ExperienceStoreError::InvalidQuery { .. })
    ));
}

#[test]
fn an_event_that_says_the_same_is_written_once() {
    let store = Store::new();
    let event = |value: &str| {
        let mut metadata = many();
        metadata.insert("key-0".to_owned(), value.to_owned());
        engine("e-1", outcome_with("c", true, metadata))
    };
    store.log.append_event(event("a")).unwrap();
    let mut store = store.reopened();
    // The maps of equal events give their entries in many orders, and so does their JSON.
    for round in 0..20 {
        store.log.append_event(event("a")).unwrap();
        let fresh = format!("fresh-{round}");
        let batch = [event("a"), engine(&fresh, outcome("c")), event("a")];
        store.log.append_events(&batch).unwrap();
        assert_eq!(store.log.log().head().unwrap(), 2 + round);
        if round == 10 {
            store = store.reopened();
        }
    }
    let twice = engine("e-2", outcome_with("c", true, many()));
    let again = engine("e-2", outcome_with("c", true, many()));
    store.log.append_events(&[twice, again]).unwrap();
    let head = store.log.log().head().unwrap();
    assert_eq!(head, 22);
    // Another event under its id is none of it, and takes its batch with it.
    let batch = [engine("unheard", outcome("c")), event("b")];
    let error = store.log.append_events(&batch).unwrap_err();
    assert!(matches!(error, ExperienceStoreError::StorageError { .. }));
    assert!(error.to_string().contains("e-1"), "{error}");
    let twice = [engine("e-3", outcome("c")), engine("e-3", outcome("d"))];
    store.log.append_events(&twice).unwrap_err();
    // An id is taken for both sides.
    store
        .log
        .append_user_event(user("e-1", user_override("r")))
        .unwrap_err();
    assert_eq!(store.log.log().head().unwrap(), head);
}

#[test]
fn recall_works_on_what_an_earlier_process_has_left() {
    let store = Store::new();
    let tenant = "tenant-a";
    store
        .log
        .append_event(
            engine("e-1", outcome_with("c", false, many()))
                .with_tenant(tenant)
                .with_timestamp("2026-01-21T12:00:00Z"),
        )
        .unwrap();
    store
        .log
        .append_event(
            engine("e-2", outcome("c"))
                .with_tenant(tenant)
                .with_timestamp("2026-01-21T12:00:01Z"),
        )
        .unwrap();
    store
        .log
        .append_user_event(
            user("u-1", user_override("no tents"))
                .with_tenant(tenant)
                .with_timestamp("2026-01-21T11:00:00Z"),
        )
        .unwrap();
    store
        .log
        .append_user_event(user("u-2", user_approval("gate-1")).with_tenant("tenant-b"))
        .unwrap();
    let store = store.reopened();
    let mut policy = RecallPolicy::enabled();
    let query = RecallQuery::new("a venue", 5).with_tenant_scope(tenant);
    let found = recall_from_store(&store.log, &query, &policy).unwrap();
    // The latest first.
    let ids: Vec<_> = found
        .iter()
        .map(|candidate| candidate.id.as_str())
        .collect();
    assert_eq!(ids, ["e-1", "u-1"]);
    assert!(found[0].summary.starts_with("outcome failed"));
    assert_eq!(found[1].source_type, CandidateSourceType::AntiPattern);
    policy.max_k_total = 1;
    assert_eq!(
        recall_from_store(&store.log, &query, &policy)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn another_process_may_look_meanwhile() {
    let store = Store::new();
    store.log.append_event(engine("e-1", outcome("c"))).unwrap();
    store
        .log
        .append_user_event(user("u-1", user_override("r")))
        .unwrap();
    let looking = ConvergeReader::open(store.path()).unwrap();
    assert_eq!(ids(&looking.query_records(&all()).unwrap()), ["e-1", "u-1"]);
    store.log.append_event(engine("e-2", outcome("c"))).unwrap();
    assert_eq!(looking.query_events(&all()).unwrap().len(), 2);
    assert!(looking.log().verify().unwrap().problems.is_empty());
}

/// One log may hold events of the log's own contract as well: the runtime's store has none of them.
#[test]
fn the_log_s_own_events_are_no_records_of_the_runtime() {
    let store = Store::new();
    let own = experience_log::ExperienceEvent::BudgetExceeded {
        chain_id: "c".to_owned(),
        resource: "tokens".to_owned(),
        limit: "1".to_owned(),
        observed: None,
    };
    let own = experience_log::ExperienceEventEnvelope::new("own-1", own);
    store.log.log().append(&own).unwrap();
    store.log.append_event(engine("e-1", budget("c"))).unwrap();
    let store = store.reopened();
    assert_eq!(event_ids(&store, &all()), ["e-1"]);
    assert_eq!(event_ids(&store, &chain("c")), ["e-1"]);
    assert_eq!(
        store
            .log
            .log()
            .query(&experience_log::EventQuery::new())
            .unwrap(),
        [own]
    );
}

#[test]
fn a_log_opened_elsewhere_keeps_its_own_rule() {
    let folder = tempfile::tempdir().unwrap();
    let log = ConvergeLog::from(ExperienceLog::open(folder.path()).unwrap());
    log.append_event(engine("table:record", outcome("c")))
        .unwrap();
    assert_eq!(log.query_events(&all()).unwrap().len(), 1);
    assert_eq!(
        mapping::kind_name(ExperienceEventKind::FactPromoted),
        "FactPromoted"
    );
}
