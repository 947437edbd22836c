//! After: opening, closing and rebuilding while others hold on to the log.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use experience_log::{
    DecisionStep, Durability, Error, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
    ExperienceLog, LogReader, Options, ScanOptions, TreesVerified,
};

fn event(number: usize) -> ExperienceEventEnvelope {
    let event = ExperienceEvent::OutcomeRecorded {
        chain_id: format!("chain-{}", number / 10),
        step: DecisionStep::Planning,
        passed: true,
        stop_reason: None,
        latency_ms: Some(number as u64),
        tokens: None,
        cost_microdollars: None,
        backend: None,
    };
    ExperienceEventEnvelope::new(format!("event-{number}"), event)
        .with_tenant(format!("tenant-{}", number % 3))
        .with_correlation(format!("run-{}", number / 40))
        .with_timestamp(format!(
            "2026-01-01T00:{:02}:{:02}Z",
            number / 60 % 60,
            number % 60
        ))
}

fn options() -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .memtable_events(100)
        .segment_bytes(16 << 10)
}

#[test]
fn a_scan_outlives_the_log_it_was_started_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = options().open(folder.path()).unwrap();
    let events: Vec<_> = (0..500).map(event).collect();
    log.append_batch(&events).unwrap();
    log.flush().unwrap();
    let mut scan = log
        .scan(&EventQuery::new(), ScanOptions::oldest_first())
        .unwrap();
    let mut replay = log.replay(0).unwrap();
    assert_eq!(scan.next().unwrap().unwrap().event_id(), "event-0");
    log.close().unwrap();

    // The trees are free at once: nothing is rebuilt because somebody still reads.
    let log = options().open(folder.path()).unwrap();
    assert_eq!(log.recovery().trees_rebuilt, None);
    assert_eq!(log.append(&event(500)).unwrap().sequence, 500);
    for expected in &events[1..] {
        assert_eq!(scan.next().unwrap().unwrap().envelope().unwrap(), *expected);
    }
    assert!(scan.next().is_none());
    for expected in &events {
        assert_eq!(
            replay.next().unwrap().unwrap().envelope().unwrap(),
            *expected
        );
    }
    assert!(matches!(replay.next(), Some(Err(Error::Closed))));
}

#[test]
fn verify_raises_no_false_alarm_while_events_are_appended() {
    let folder = tempfile::tempdir().unwrap();
    let log = options().open(folder.path()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (log, done) = (&log, &done);
        scope.spawn(move || {
            for first in (0..6_000).step_by(20) {
                let batch: Vec<_> = (first..first + 20).map(event).collect();
                log.append_batch(&batch).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        loop {
            let last = done.load(Ordering::Acquire);
            let live = log.verify().unwrap();
            assert_eq!(live.problems, Vec::<String>::new());
            let look = LogReader::open(folder.path()).unwrap().verify().unwrap();
            assert_eq!(look.problems, Vec::<String>::new());
            assert_eq!(look.trees, TreesVerified::HeldByWriter);
            if last {
                break;
            }
        }
    });
}

#[test]
fn trees_are_rebuilt_beside_readers_and_writers() {
    let folder = tempfile::tempdir().unwrap();
    let log = options().open(folder.path()).unwrap();
    let events: Vec<_> = (0..1_000).map(event).collect();
    log.append_batch(&events).unwrap();
    thread::scope(|scope| {
        let log = &log;
        scope.spawn(move || {
            for number in 1_000..1_500 {
                log.append(&event(number)).unwrap();
            }
        });
        scope.spawn(move || {
            for _ in 0..5 {
                log.rebuild_trees().unwrap();
            }
        });
        for round in 0..100 {
            let run = round % 25;
            let found = log
                .query(&EventQuery::new().correlation(format!("run-{run}")))
                .unwrap();
            assert_eq!(found, events[run * 40..(run + 1) * 40]);
        }
    });
    log.flush().unwrap();
    let verification = log.verify().unwrap();
    assert_eq!(verification.problems, Vec::<String>::new());
    assert_eq!(
        verification.trees,
        TreesVerified::Compared { events: 1_500 }
    );
}

#[test]
fn trees_found_broken_are_replaced_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<_> = (0..1_000).map(event).collect();
    let log = options().open(folder.path()).unwrap();
    log.append_batch(&events).unwrap();
    log.flush().unwrap();
    log.close().unwrap();
    let database = folder.path().join("trees/00000000/db");
    let length = fs::metadata(&database).unwrap().len();
    // Cut in half: sled opens what is left, or does not.
    fs::OpenOptions::new()
        .write(true)
        .open(&database)
        .unwrap()
        .set_len(length / 2)
        .unwrap();
    let log = options().open(folder.path()).unwrap();
    assert_eq!(log.query(&EventQuery::new()).unwrap(), {
        let mut sorted = events.clone();
        sorted.sort_by(|one, other| one.occurred_at.cmp(&other.occurred_at));
        sorted
    });
    assert!(log.append(&events[7]).unwrap().already_present);
    log.flush().unwrap();
    assert_eq!(log.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn an_abandoned_rebuild_does_not_cost_the_trees_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<_> = (0..1_000).map(event).collect();
    let log = options().open(folder.path()).unwrap();
    log.append_batch(&events).unwrap();
    log.flush().unwrap();
    log.close().unwrap();
    // What a rebuild leaves that was killed at its start.
    fs::create_dir(folder.path().join("trees/00000001")).unwrap();
    let log = options().open(folder.path()).unwrap();
    assert_eq!(log.recovery().trees_rebuilt, None);
    assert_eq!(log.recovery().replayed, 0);
    assert!(!folder.path().join("trees/00000001").exists());
    log.close().unwrap();

    // Trees that were found to be broken are not used again.
    fs::write(
        folder.path().join("trees/00000000/SET_ASIDE"),
        "a page is missing",
    )
    .unwrap();
    let log = options().open(folder.path()).unwrap();
    assert_eq!(
        log.recovery().trees_rebuilt.as_deref(),
        Some("a page is missing")
    );
    assert_eq!(log.recovery().replayed, 1_000);
}

#[test]
fn damage_of_a_closed_log_is_told_to_those_who_only_look() {
    let folder = tempfile::tempdir().unwrap();
    let log = options().open(folder.path()).unwrap();
    for number in 0..20 {
        log.append(&event(number)).unwrap();
    }
    log.close().unwrap();
    let segment = folder.path().join("journal/00000000000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();

    let reader = LogReader::open(folder.path()).unwrap();
    assert!(reader.head().unwrap_err().is_damage());
    assert!(reader.query(&EventQuery::new()).unwrap_err().is_damage());
    let replayed: Vec<_> = reader.replay(0).unwrap().take(30).collect();
    assert!(
        replayed.iter().any(Result::is_err),
        "the end is not where HEAD says"
    );
    assert!(!reader.verify().unwrap().is_intact());
    assert!(ExperienceLog::open(folder.path()).unwrap_err().is_damage());
}
