//! After: what the log refuses, it refuses with an error that says what to do, and loses nothing by it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use experience_log::{
    ArtifactKind, Durability, Error, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
    ExperienceLog, GovernedArtifactState, IdentifierRule, LifecycleEvent, LogReader, ScanCursor,
    TimeRange,
};

fn event(event_id: &str) -> ExperienceEventEnvelope {
    budget(event_id, "1024")
}

fn budget(event_id: &str, limit: &str) -> ExperienceEventEnvelope {
    let event = ExperienceEvent::BudgetExceeded {
        chain_id: "chain-1".into(),
        resource: "tokens".into(),
        limit: limit.into(),
        observed: None,
    };
    ExperienceEventEnvelope::new(event_id, event)
}

/// A log with one event, which must still be there after every refusal.
fn log_of_one(path: &Path) -> ExperienceLog {
    let log = ExperienceLog::open(path).unwrap();
    log.append(&event("kept")).unwrap();
    log
}

/// Refused by `append`, and by a batch of which it is one event; nothing of either is written.
#[track_caller]
fn refused(log: &ExperienceLog, refused: &ExperienceEventEnvelope) -> String {
    let before = log.head().unwrap();
    let single = log.append(refused).unwrap_err();
    assert!(single.is_refusal(), "{single:?}");
    let batch = [event("bystander"), refused.clone()];
    assert_eq!(
        log.append_batch(&batch).unwrap_err().to_string(),
        single.to_string()
    );
    assert_eq!(log.head().unwrap(), before);
    assert!(log.get(None, "bystander").unwrap().is_none());
    single.to_string()
}

#[test]
fn identifiers_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_of_one(folder.path());
    let long = "x".repeat(257);
    assert_eq!(refused(&log, &event("")), "event \"\": event_id is empty");
    assert_eq!(
        refused(&log, &event("a").with_tenant("")),
        "event \"a\": tenant_id is empty"
    );
    assert_eq!(
        refused(&log, &event("a").with_correlation("")),
        "event \"a\": correlation_id is empty"
    );
    assert_eq!(
        refused(&log, &event("a").with_tenant(&long)),
        "event \"a\": tenant_id has 257 bytes, the limit is 256"
    );
    assert_eq!(
        refused(&log, &event(&long)),
        format!(
            "event \"{}\": event_id has 257 bytes, the limit is 256",
            "x".repeat(256)
        )
    );
    assert_eq!(
        refused(&log, &event("a").with_correlation("b\u{1b}[2J")),
        "event \"a\": correlation_id has '\\u{1b}' at byte 1, which the identifier rule refuses"
    );
    let ExperienceEvent::BudgetExceeded {
        resource,
        limit,
        observed,
        ..
    } = event("a").event
    else {
        panic!("another event");
    };
    let chain_id = long;
    let event = ExperienceEvent::BudgetExceeded {
        chain_id,
        resource,
        limit,
        observed,
    };
    assert_eq!(
        refused(&log, &ExperienceEventEnvelope::new("a", event)),
        "event \"a\": chain_id has 257 bytes, the limit is 256"
    );
    // The longest, and one that is not ASCII, are fine.
    log.append(&self::event(&"ü".repeat(128))).unwrap();
    log.close().unwrap();

    let strict = ExperienceLog::options().identifier_rule(IdentifierRule::Strict);
    let log = strict.open(folder.path()).unwrap();
    assert_eq!(
        refused(&log, &self::event("a b")),
        "event \"a b\": event_id has ' ' at byte 1, which the identifier rule refuses"
    );
    log.append(&self::event("a-b_c.D9")).unwrap();
    assert_eq!(log.head().unwrap(), 3);
}

#[test]
fn times_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_of_one(folder.path());
    for time in [
        "",
        "yesterday",
        "2026-01-21",
        "2026-01-21T12:00:00",
        "2026-13-01T00:00:00Z",
    ] {
        let error = refused(&log, &event("a").with_timestamp(time));
        assert!(
            error.starts_with(&format!("event \"a\": occurred_at {time:?} is refused: "))
                && error.ends_with("; write RFC 3339 with an offset, such as 2026-01-21T12:00:00Z"),
            "{error}"
        );
        let range = TimeRange {
            start: None,
            end: Some(time.into()),
        };
        let query = EventQuery {
            time_range: Some(range),
            ..EventQuery::default()
        };
        let error = log.query(&query).unwrap_err();
        assert!(
            matches!(
                error,
                Error::InvalidQuery {
                    field: "time_range.end",
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.is_refusal());
    }
    let lifecycle = LifecycleEvent {
        from_state: GovernedArtifactState::Draft,
        to_state: GovernedArtifactState::Approved,
        timestamp: "soon".into(),
        actor: "a".into(),
        reason: "b".into(),
        ticket_ref: None,
        tenant_id: None,
    };
    let refused = log.write_artifact_state_transition("artifact", ArtifactKind::Policy, lifecycle);
    assert!(matches!(refused, Err(Error::InvalidTimestamp { .. })));
    assert!("then/5".parse::<ScanCursor>().unwrap_err().is_refusal());
    assert_eq!(log.head().unwrap(), 1);
}

#[test]
fn events_over_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_of_one(folder.path());
    let large = budget("large", &"9".repeat(16 << 20));
    let error = refused(&log, &large);
    assert!(
        error.starts_with("event \"large\" has 16777") && error.contains("the limit is 16777216;"),
        "{error}"
    );
    // Just below it, an event is fine, and comes back.
    let fits = budget("fits", &"9".repeat((16 << 20) - 100));
    log.append(&fits).unwrap();
    log.flush().unwrap();
    assert_eq!(
        log.get(None, "fits").unwrap().unwrap().envelope().unwrap(),
        fits
    );
    log.close().unwrap();
    let log = ExperienceLog::options()
        .max_event_bytes(100)
        .open(folder.path())
        .unwrap();
    refused(&log, &budget("large", &"9".repeat(100)));
    assert_eq!(
        log.query(&EventQuery::new()).unwrap().len(),
        2,
        "what is there stays"
    );
}

#[test]
fn an_id_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_of_one(folder.path());
    assert_eq!(
        refused(&log, &budget("kept", "2")),
        "event \"kept\" is already recorded with other content (sequence number 0)"
    );
    let twice = [budget("new", "1"), budget("new", "2")];
    let error = log.append_batch(&twice).unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(
        error.to_string(),
        "event \"new\" stands twice in the batch with different content"
    );
    // In another tenant it is another event.
    log.append(&budget("kept", "2").with_tenant("t")).unwrap();
    assert_eq!(
        log.append(&budget("kept", "3").with_tenant("t"))
            .unwrap_err()
            .to_string(),
        "event \"kept\" is already recorded in tenant \"t\" with other content (sequence number 1)"
    );
}

#[test]
fn directories_that_are_no_logs() {
    let folder = tempfile::tempdir().unwrap();
    let shown = |path: &Path| path.display().to_string();
    let text = |path: &Path| ExperienceLog::open(path).unwrap_err().to_string();

    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("notes.txt"), "mine").unwrap();
    assert_eq!(
        text(&other),
        format!(
            "{} is not a log: expected a FORMAT file, found notes.txt; choose an empty directory",
            shown(&other)
        )
    );
    assert_eq!(
        fs::read_dir(&other).unwrap().count(),
        1,
        "nothing was put there"
    );

    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(
        text(&file),
        format!(
            "{} is not a log: expected a directory, found a file; choose an empty directory",
            shown(&file)
        )
    );

    let none = folder.path().join("none");
    let missing = format!(
        "{} holds no log; check the path, or open it with `create(true)`",
        shown(&none)
    );
    let refused = ExperienceLog::options()
        .create(false)
        .open(&none)
        .unwrap_err();
    assert_eq!(refused.to_string(), missing);
    assert_eq!(LogReader::open(&none).unwrap_err().to_string(), missing);
    assert!(!none.exists());

    let log = folder.path().join("log");
    log_of_one(&log).close().unwrap();
    let refused = ExperienceLog::options()
        .create_new(true)
        .open(&log)
        .unwrap_err();
    assert!(matches!(refused, Error::LogExists { .. }));

    let format = fs::read(log.join("FORMAT")).unwrap();
    let mut newer = format.clone();
    newer[8] = 9;
    fs::write(log.join("FORMAT"), newer).unwrap();
    assert_eq!(
        text(&log),
        format!(
            "{} has format version 9, this build reads up to 1; use a newer experience-log",
            shown(&log.join("FORMAT"))
        )
    );
    fs::write(log.join("FORMAT"), format).unwrap();
    assert_eq!(ExperienceLog::open(&log).unwrap().head().unwrap(), 1);
}

#[test]
fn options_out_of_range() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let options = ExperienceLog::options;
    let refused = [
        (
            options().memtable_events(0),
            "option memtable_events is 0, expected 1 to 1,048,576 events",
        ),
        (
            options().segment_bytes(100),
            "option segment_bytes is 100, expected 4 KiB to 1 GiB",
        ),
        (
            options().tree_cache_bytes(5),
            "option tree_cache_bytes is 5, expected 1 MiB or more",
        ),
        (
            options().max_event_bytes(0),
            "option max_event_bytes is 0, expected 1 byte to 48 MiB",
        ),
        (
            options().durability(Durability::Periodic(Duration::ZERO)),
            "option durability is Periodic(0), expected an interval above zero",
        ),
    ];
    for (options, text) in refused {
        let error = options.open(&path).unwrap_err();
        assert!(matches!(error, Error::InvalidOption { .. }));
        assert_eq!(error.to_string(), text);
        assert!(!path.exists());
    }
}

const CHILD: &str = "EXPLOG_SECOND_WRITER";

/// Not a test of its own: the second process of the next one.
#[test]
fn second_writer_child() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    println!("refused: {}", ExperienceLog::open(path).unwrap_err());
}

#[test]
fn a_second_writer() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_of_one(folder.path());
    let expected = format!(
        "{} is being written by process {}; close that writer, or open the log read-only",
        folder.path().display(),
        std::process::id()
    );
    let error = ExperienceLog::open(folder.path()).unwrap_err();
    assert!(error.is_locked());
    assert_eq!(error.to_string(), expected);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "second_writer_child", "--nocapture"])
        .env(CHILD, folder.path())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let out = String::from_utf8(child.stdout).unwrap();
    assert!(out.contains(&format!("refused: {expected}")), "{out}");

    // Looking needs no lock, and the writer goes on.
    assert_eq!(LogReader::open(folder.path()).unwrap().head().unwrap(), 1);
    log.append(&event("next")).unwrap();
    let clone = log.clone();
    log.close().unwrap();
    assert!(matches!(clone.append(&event("late")), Err(Error::Closed)));
    assert!(matches!(
        clone.query(&EventQuery::new()),
        Err(Error::Closed)
    ));
    assert_eq!(
        ExperienceLog::open(folder.path()).unwrap().head().unwrap(),
        2
    );
}
