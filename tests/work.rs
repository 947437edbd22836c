//! After: the cost of a question grows with its answer, not with the log. Counted in blocks read and events
//! looked at, never in time.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use experience_log::{
    AccessPath, DecisionStep, Durability, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
    ExperienceEventKind, ExperienceLog, ScanOptions, ScanWork,
};

/// Events of a run, and runs under way at a time.
const RUN: u64 = 40;
const AT_ONCE: u64 = 10;

/// Runs of forty events; ten tenants with ten runs at a time each, interleaved.
fn event(number: u64) -> ExperienceEventEnvelope {
    let lane = number % (AT_ONCE * 10);
    let step = number / (AT_ONCE * 10);
    let run = (step / RUN) * AT_ONCE * 10 + lane;
    let event = if number % 10_000 == 77 {
        ExperienceEvent::BudgetExceeded {
            chain_id: format!("chain-{run}"),
            resource: "tokens".into(),
            limit: "10".into(),
            observed: None,
        }
    } else {
        ExperienceEvent::OutcomeRecorded {
            chain_id: format!("chain-{run}"),
            step: DecisionStep::Planning,
            passed: true,
            stop_reason: None,
            latency_ms: Some(number),
            tokens: None,
            cost_microdollars: None,
            backend: None,
        }
    };
    let time = format!(
        "2026-01-{:02}T{:02}:{:02}:{:02}Z",
        1 + step / 86_400,
        step / 3600 % 24,
        step / 60 % 60,
        step % 60
    );
    ExperienceEventEnvelope::new(format!("event-{number}"), event)
        .with_tenant(format!("tenant-{}", lane % 10))
        .with_correlation(format!("run-{run}"))
        .with_timestamp(time)
}

fn log_of(path: &std::path::Path, events: u64) -> ExperienceLog {
    let log = ExperienceLog::options()
        .durability(Durability::Os)
        .memtable_events(4096)
        .open(path)
        .unwrap();
    for first in (0..events).step_by(1000) {
        let batch: Vec<_> = (first..(first + 1000).min(events)).map(event).collect();
        log.append_batch(&batch).unwrap();
    }
    log.flush().unwrap();
    log
}

fn work(log: &ExperienceLog, query: &EventQuery, options: ScanOptions) -> (usize, ScanWork) {
    let mut scan = log.scan(query, options).unwrap();
    let mut found = 0;
    for entry in scan.by_ref() {
        entry.unwrap();
        found += 1;
    }
    (found, scan.work())
}

#[test]
fn work_grows_with_the_answer_not_with_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut works = Vec::new();
    for events in [20_000, 100_000] {
        let log = log_of(&folder.path().join(events.to_string()), events);

        let run = EventQuery::new().correlation("run-123");
        let explained = log.explain(&run, ScanOptions::oldest_first()).unwrap();
        assert_eq!(explained.access, AccessPath::Postings(vec!["correlations"]));
        let (found, by_run) = work(&log, &run, ScanOptions::oldest_first());
        assert_eq!(found, 40);
        assert_eq!(
            by_run.events_checked, 40,
            "only the slots that the postings name"
        );
        assert!(by_run.blocks_read <= 4, "{by_run:?}");
        assert_eq!(explained.blocks as u64, by_run.blocks_read);

        let both = run.clone().chain("chain-124");
        let (found, nothing) = work(&log, &both, ScanOptions::oldest_first());
        assert_eq!(
            (found, nothing.blocks_read),
            (0, 0),
            "the postings exclude each other"
        );

        let newest = EventQuery::new().tenant("tenant-3").limit(20);
        let (found, latest) = work(&log, &newest, ScanOptions::newest_first());
        assert_eq!(found, 20);
        assert!(latest.blocks_read <= 16, "{latest:?}");

        let range = EventQuery::new()
            .tenant("tenant-3")
            .kind(ExperienceEventKind::OutcomeRecorded)
            .since("2026-01-01T00:01:00Z")
            .until("2026-01-01T00:01:05Z");
        let (found, ranged) = work(&log, &range, ScanOptions::oldest_first());
        assert_eq!(found, 60);
        assert!(ranged.blocks_read <= 16, "{ranged:?}");

        // One event in ten thousand: the kinds' own tree finds it.
        let rare = EventQuery::new()
            .kind(ExperienceEventKind::BudgetExceeded)
            .limit(2);
        let explained = log.explain(&rare, ScanOptions::oldest_first()).unwrap();
        assert_eq!(explained.access, AccessPath::Postings(vec!["kinds"]));
        let (found, rare) = work(&log, &rare, ScanOptions::oldest_first());
        assert_eq!((found, rare.events_checked), (2, 2), "{rare:?}");

        works.push((by_run, latest, ranged));
    }
    let [small, large] = works.try_into().unwrap();
    assert_eq!(small.0, large.0, "five times the log, the same work");
    assert!(large.1.blocks_read <= small.1.blocks_read + 8);
    assert!(large.2.blocks_read <= small.2.blocks_read + 8);
}

#[test]
fn a_limit_ends_the_reading() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_of(folder.path(), 20_000);
    let (found, few) = work(
        &log,
        &EventQuery::new().limit(1),
        ScanOptions::oldest_first(),
    );
    assert_eq!(found, 1);
    let (found, all) = work(&log, &EventQuery::new(), ScanOptions::oldest_first());
    assert_eq!(found, 20_000);
    assert!(few.blocks_read * 4 <= all.blocks_read, "{few:?} of {all:?}");
}
