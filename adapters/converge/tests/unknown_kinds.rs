//! Events that a later version of `converge_core` recorded: kept byte for byte, found by the names of their kinds,
//! and never taken for something else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use converge_core::{EventQuery, ExperienceEventKind, ExperienceStore, ExperienceStoreError};
use converge_experience_log::{UnknownKinds, mapping};
use experience_log::{EntryQuery, ForeignEvent, Payload, ScanOptions};
use support::{Store, engine, outcome, user, user_override};

/// Members that no type of this version has, in an order and a form that no serializer would choose.
const LATER: &str = r#"{"occurred_at":"2026-01-21T12:00:00Z", "event_id":"later-1",
  "event":{"type":"GoalReframed","data":{"chain_id":"chain-1","weight":1.50,"why":"\u00e9é"}}}"#;

fn with_later_events() -> Store {
    let store = Store::new();
    store
        .log
        .append_event(engine("e-1", outcome("chain-1")))
        .unwrap();
    for (contract, kind, id) in [
        (mapping::ENGINE, "GoalReframed", "later-1"),
        (mapping::USER, "UserShrugged", "later-2"),
    ] {
        let mut event = ForeignEvent::new(contract, kind, id, "2026-01-21T12:00:00Z", LATER);
        event.chain_id = Some("chain-1");
        store.log.log().append_foreign(&[event]).unwrap();
    }
    store
        .log
        .append_user_event(user("u-1", user_override("r")))
        .unwrap();
    store.reopened()
}

#[test]
fn they_are_kept_and_found() {
    let store = with_later_events();
    let query = EntryQuery {
        kinds: vec!["GoalReframed".to_owned()],
        chain_id: Some("chain-1".to_owned()),
        ..EntryQuery::default()
    };
    let found: Vec<_> = store
        .log
        .log()
        .scan_entries(&query, ScanOptions::default())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let [entry] = found.as_slice() else {
        panic!("{found:?}");
    };
    let Payload::Foreign { json, kind, .. } = entry.payload().unwrap() else {
        panic!("{entry:?}");
    };
    assert_eq!((kind, json), ("GoalReframed", LATER));
    // The runtime's own questions give them as JSON.
    let scan = store
        .log
        .reader()
        .scan(&EventQuery::default(), ScanOptions::default());
    let kinds: Vec<_> = scan
        .unwrap()
        .map(|entry| entry.unwrap().kind_name().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "OutcomeRecorded",
            "UserOverrideIssued",
            "GoalReframed",
            "UserShrugged"
        ]
    );
    let stats = store.log.log().stats().unwrap();
    assert_eq!(stats.kinds.get("GoalReframed"), Some(&1));
}

#[test]
fn an_answer_without_a_place_for_them_says_so() {
    let store = with_later_events();
    let query = EventQuery::default();
    let error = store.log.query_events(&query).unwrap_err();
    assert!(matches!(error, ExperienceStoreError::StorageError { .. }));
    assert!(error.to_string().contains("GoalReframed"), "{error}");
    let error = store.log.query_records(&query).unwrap_err();
    assert!(error.to_string().contains("sequence number 1"), "{error}");
    // Who asks for kinds does not meet them.
    let known = EventQuery {
        kinds: vec![ExperienceEventKind::OutcomeRecorded],
        ..query
    };
    assert_eq!(store.log.query_events(&known).unwrap().len(), 1);
}

#[test]
fn they_are_passed_over_for_who_wants_that() {
    let store = with_later_events();
    let log = store.log.clone().unknown_kinds(UnknownKinds::PassOver);
    let query = |limit| EventQuery {
        limit,
        ..EventQuery::default()
    };
    assert_eq!(log.query_events(&query(None)).unwrap().len(), 1);
    assert_eq!(log.query_records(&query(None)).unwrap().len(), 2);
    // They do not count for the limit.
    log.append_event(engine("e-9", outcome("c")).with_timestamp("2027-01-01T00:00:00Z"))
        .unwrap();
    let three = log.query_records(&query(Some(3))).unwrap();
    assert_eq!(three.len(), 3);
    assert!(log.query_records(&query(Some(0))).unwrap().is_empty());
}

/// A known kind whose JSON is something else is damage to the reader, not a kind to pass over.
#[test]
fn json_that_belies_its_kind_is_an_error_in_any_case() {
    let store = Store::new();
    let event = ForeignEvent::new(mapping::ENGINE, "OutcomeRecorded", "e-1", "lamport:1", "{}");
    store.log.log().append_foreign(&[event]).unwrap();
    let log = store.log.clone().unknown_kinds(UnknownKinds::PassOver);
    let error = log.query_events(&EventQuery::default()).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}
