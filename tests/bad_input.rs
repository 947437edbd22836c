//! What the log refuses: identifiers, times, sizes, conflicts, options, directories and second writers. Each gets a
//! typed error with the text that is written down here, and afterwards the log holds what it held and takes
//! more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use experience_log::experience_store::ArtifactKind;
use experience_log::governed_artifact::GovernedArtifactState;
use experience_log::{
    ArtifactQuery, DecisionStep, Durability, Error, EventQuery, ExperienceEvent,
    ExperienceEventEnvelope, ExperienceLog, IdentifierRule, KernelProposal, LifecycleEvent,
    LogReader, Options, ProposalKind, ReplayOptions, ScanCursor, TimeRange, TraceLink, codec,
};
use tempfile::TempDir;

use support::{budget, envelope, files_below, folder_in_memory};

fn options() -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .memtable_events(4)
        .segment_bytes(4096)
}

/// A log that holds something, of which nothing may be lost.
struct Kept {
    _folder: TempDir,
    path: PathBuf,
    log: ExperienceLog,
    events: Vec<ExperienceEventEnvelope>,
}

impl Kept {
    fn new(options: Options) -> Self {
        let folder = folder_in_memory();
        let path = folder.path().join("agent.log");
        let log = options.open(&path).unwrap();
        let events: Vec<_> = (0..6)
            .map(|number| envelope(&format!("kept-{number}")))
            .collect();
        for event in &events {
            log.append(event).unwrap();
        }
        Self {
            _folder: folder,
            path,
            log,
            events,
        }
    }

    /// The error of appending `event`, alone and in a batch of others that are fine.
    fn refused(&self, event: &ExperienceEventEnvelope) -> Error {
        let alone = self.log.append(event).unwrap_err();
        let batch = [envelope("before"), event.clone(), envelope("behind")];
        let in_batch = self.log.append_batch(&batch).unwrap_err();
        assert_eq!(alone.to_string(), in_batch.to_string());
        assert!(alone.is_refusal() && !alone.is_damage() && !alone.is_poisoned());
        assert_eq!(self.log.head().unwrap(), self.events.len() as u64);
        alone
    }

    /// Nothing was lost, nothing came in, and the log goes on.
    fn check_unharmed(mut self) {
        assert_eq!(self.log.query(&EventQuery::new()).unwrap(), self.events);
        for id in ["before", "behind"] {
            assert!(self.log.get(Some("tenant-a"), id).unwrap().is_none());
        }
        let more = envelope("one more");
        self.log.append(&more).unwrap();
        self.events.push(more);
        let verified = self.log.verify().unwrap();
        assert!(verified.is_intact(), "{:?}", verified.problems);
        self.log.close().unwrap();
        let again = options().create(false).open(&self.path).unwrap();
        assert_eq!(again.query(&EventQuery::new()).unwrap(), self.events);
    }
}

#[test]
fn identifiers_that_break_the_rule() {
    let kept = Kept::new(options());
    let long = "é".repeat(129);
    let event = |id: &str| envelope(id);
    let cases = [
        (event(""), "event \"\": event_id is empty".to_owned()),
        (
            event("e").with_tenant(""),
            "event \"e\": tenant_id is empty".to_owned(),
        ),
        (
            event("e").with_correlation(""),
            "event \"e\": correlation_id is empty".to_owned(),
        ),
        (
            event(&long),
            // The message is bounded, too.
            format!(
                "event {:?}: event_id has 258 bytes, the limit is 256",
                "é".repeat(128)
            ),
        ),
        (
            event("e").with_tenant(&long),
            "event \"e\": tenant_id has 258 bytes, the limit is 256".to_owned(),
        ),
        (
            event("e").with_correlation("x".repeat(257)),
            "event \"e\": correlation_id has 257 bytes, the limit is 256".to_owned(),
        ),
        (
            event("a\nb"),
            "event \"a\\nb\": event_id has '\\n' at byte 1, which the identifier rule refuses"
                .to_owned(),
        ),
        (
            event("e").with_tenant("né\0"),
            "event \"e\": tenant_id has '\\0' at byte 3, which the identifier rule refuses"
                .to_owned(),
        ),
        (
            event("e").with_correlation("\u{85}"),
            "event \"e\": correlation_id has '\\u{85}' at byte 0, which the identifier rule refuses"
                .to_owned(),
        ),
    ];
    for (event, expected) in &cases {
        let error = kept.refused(event);
        assert!(
            matches!(error, Error::InvalidIdentifier { .. }),
            "{error:?}"
        );
        assert_eq!(error.to_string(), *expected);
    }
    // As long as may be, and any text.
    let mut kept = kept;
    let longest = envelope(&"é".repeat(128))
        .with_tenant("Züge/№ 7 \u{202e}")
        .with_correlation(" ");
    kept.log.append(&longest).unwrap();
    kept.events.push(longest);
    kept.check_unharmed();
}

#[test]
fn the_strict_rule_takes_less() {
    let kept = Kept::new(options().identifier_rule(IdentifierRule::Strict));
    for (event, expected) in [
        (
            envelope("a/b"),
            "event \"a/b\": event_id has '/' at byte 1, which the identifier rule refuses",
        ),
        (
            envelope("e").with_tenant("tenant a"),
            "event \"e\": tenant_id has ' ' at byte 6, which the identifier rule refuses",
        ),
        (
            envelope("e").with_correlation("né"),
            "event \"e\": correlation_id has 'é' at byte 1, which the identifier rule refuses",
        ),
    ] {
        assert_eq!(kept.refused(&event).to_string(), expected);
    }
    let log = &kept.log;
    let fine = envelope("A-z_0.9").with_correlation("...");
    log.append(&fine).unwrap();
    let mut kept = kept;
    kept.events.push(fine);
    // The default rule takes "one more".
    kept.log.close().unwrap();
    kept.log = options().open(&kept.path).unwrap();
    kept.check_unharmed();
}

#[test]
fn terms_that_are_too_long() {
    let kept = Kept::new(options());
    let long = "x".repeat(257);
    let rollback = |id: &str| ExperienceEvent::ArtifactStateTransitioned {
        artifact_id: id.to_owned(),
        artifact_kind: ArtifactKind::Pack,
        event: lifecycle("2026-01-21T12:00:00Z"),
    };
    let link = |id: &str| ExperienceEvent::TraceLinkRecorded {
        trace_link_id: id.to_owned(),
        trace_link: trace_link(),
    };
    for (event, field) in [
        (budget(&long, "tokens"), "chain_id"),
        (rollback(&long), "artifact_id"),
        (link(&long), "trace_link_id"),
    ] {
        let event = ExperienceEventEnvelope::new("e", event);
        let expected = format!("event \"e\": {field} has 257 bytes, the limit is 256");
        assert_eq!(kept.refused(&event).to_string(), expected);
    }
    // Sixty-four events that are as large as their terms allow, in one block.
    let most = "x".repeat(256);
    let payload = "0123456789abcdef".repeat(5000);
    let mut kept = kept;
    for number in 0..64 {
        let event = budget(&most, &payload);
        let event = ExperienceEventEnvelope::new(format!("{number:0>256}"), event)
            .with_timestamp("2026-01-21T12:00:00Z")
            .with_tenant(&most)
            .with_correlation(&most);
        kept.events.push(event);
    }
    kept.log.append_batch(&kept.events[6..]).unwrap();
    kept.log.flush().unwrap();
    let found = kept.log.query(&EventQuery::new().chain(&most)).unwrap();
    assert_eq!(found, kept.events[6..]);
    let explained = kept
        .log
        .explain(
            &EventQuery::new().chain(&most),
            experience_log::ScanOptions::oldest_first(),
        )
        .unwrap();
    assert!(
        explained.to_string().contains("blocks by chains"),
        "{explained}"
    );
    kept.check_unharmed();
}

#[test]
fn times_that_name_no_instant() {
    let kept = Kept::new(options());
    let mine = [
        ("", "it is empty"),
        ("2026-01-21", "it has no time of day"),
        ("2026-01-21T12:00:00", "it has no offset"),
        (
            "2026-01-21T12:00:00+01:00[Europe/Berlin]",
            "it names a time zone in brackets",
        ),
    ];
    for (time, reason) in mine {
        let error = kept.refused(&envelope("e").with_timestamp(time));
        assert!(matches!(error, Error::InvalidTimestamp { .. }), "{error:?}");
        let expected = format!(
            "event \"e\": occurred_at {time:?} is refused: {reason}; write RFC 3339 with an offset, such as 2026-01-21T12:00:00Z"
        );
        assert_eq!(error.to_string(), expected);
        let queries = [
            ("time_range.start", EventQuery::new().since(time)),
            ("time_range.end", EventQuery::new().until(time)),
            (
                "time_range.end",
                EventQuery::new()
                    .time_range(TimeRange::between("2026-01-21T12:00:00Z", time))
                    .limit(0),
            ),
        ];
        for (field, query) in queries {
            let error = kept.log.query(&query).unwrap_err();
            assert!(matches!(error, Error::InvalidQuery { .. }) && error.is_refusal());
            let expected = format!("{field} {time:?} cannot be queried: {reason}");
            assert_eq!(error.to_string(), expected);
        }
    }
    // Here the parser tells the reason.
    for time in [
        "yesterday",
        "2026-02-30T12:00:00Z",
        "2026-01-21T25:00:00Z",
        "2026-01-21T12:00:00Z ",
        "2026-01-21T12:00:00.0000000001Z",
        "20260121T120000.5.5Z",
        "1768996800",
        "२०२६-०१-२१T12:00:00Z",
    ] {
        let error = kept
            .refused(&envelope("e").with_timestamp(time))
            .to_string();
        let start = format!("event \"e\": occurred_at {time:?} is refused: ");
        assert!(error.starts_with(&start), "{error}");
        assert!(!error.contains('\n'));
        let error = kept.log.query(&EventQuery::new().since(time)).unwrap_err();
        assert!(matches!(error, Error::InvalidQuery { .. }), "{error:?}");
    }
    let long = format!("2026-01-21T12:00:00Z{}", "0".repeat(1000));
    let error = kept.refused(&envelope("e").with_timestamp(&long));
    let expected = format!(
        "event \"e\": occurred_at {:?} is refused: it has 1020 bytes, the limit is 64; write RFC 3339 with an offset, such as 2026-01-21T12:00:00Z",
        &long[..64]
    );
    assert_eq!(error.to_string(), expected);
    kept.check_unharmed();
}

#[test]
fn cursors_that_nobody_gave() {
    for text in [
        "",
        "7",
        "1768996800.000000000",
        "1.2.3/4",
        "1.1000000000/4",
        "1.0/-1",
    ] {
        let error = text.parse::<ScanCursor>().unwrap_err();
        let expected =
            format!("cursor {text:?} cannot be queried: it is not seconds.nanoseconds/sequence");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_event_over_the_limit() {
    let size = |event: &ExperienceEventEnvelope| codec::encode(event).unwrap().len();
    let fitting = envelope("fitting");
    let kept = Kept::new(options().max_event_bytes(size(&fitting)));
    let larger = envelope("fitting!");
    let error = kept.refused(&larger);
    let expected = format!(
        "event \"fitting!\" has {} bytes, the limit is {}; store the payload elsewhere and log its hash, or raise `max_event_bytes`",
        size(&larger),
        size(&fitting)
    );
    assert_eq!(error.to_string(), expected);
    let mut kept = kept;
    kept.log.append(&fitting).unwrap();
    kept.events.push(fitting);
    kept.log.close().unwrap();

    // The default limit, from both sides.
    kept.log = ExperienceLog::open(&kept.path).unwrap();
    let limit = 16 << 20;
    let of_size = |bytes: usize| {
        let mut event = ExperienceEventEnvelope::new("large", budget("chain-1", ""));
        let rest = bytes - size(&event) - 4;
        event.event = budget("chain-1", &"x".repeat(rest));
        assert_eq!(size(&event), bytes);
        event
    };
    let error = kept.refused(&of_size(limit + 1));
    let expected = "event \"large\" has 16777217 bytes, the limit is 16777216; store the payload elsewhere and log its hash, or raise `max_event_bytes`";
    assert_eq!(error.to_string(), expected);
    let largest = of_size(limit);
    kept.log.append(&largest).unwrap();
    kept.log.flush().unwrap();
    let found = kept.log.get(None, "large").unwrap().unwrap();
    assert_eq!(found.envelope().unwrap(), largest);
    assert!(kept.log.append(&largest).unwrap().already_present);
    // It comes first: its time is the placeholder.
    kept.events.insert(0, largest);
    kept.check_unharmed();
}

#[test]
#[ignore = "takes more than a gigabyte of memory"]
fn a_batch_over_the_limit() {
    let kept = Kept::new(options().max_event_bytes(48 << 20));
    let payload = "x".repeat(47 << 20);
    let batch: Vec<_> = (0..6)
        .map(|number| {
            ExperienceEventEnvelope::new(format!("large-{number}"), budget("chain-1", &payload))
        })
        .collect();
    let error = kept.log.append_batch(&batch).unwrap_err();
    assert!(matches!(error, Error::BatchTooLarge { .. }) && error.is_refusal());
    let text = error.to_string();
    let end = " bytes, one commit takes 268435456; append it in smaller batches";
    assert!(
        text.starts_with("the batch has ") && text.ends_with(end),
        "{text}"
    );
    kept.check_unharmed();
}

#[test]
fn a_payload_that_is_too_deep() {
    let kept = Kept::new(options());
    let nested = |depth: usize| {
        let mut value = serde_json::Value::Null;
        for _ in 0..depth {
            value = serde_json::Value::Array(vec![value]);
        }
        let event = ExperienceEvent::ProposalCreated {
            proposal: KernelProposal {
                id: "p".into(),
                kind: ProposalKind::Plan,
                payload: String::new(),
                structured_payload: Some(value),
                trace_link: trace_link(),
                contract_results: Vec::new(),
                requires_human: false,
                confidence: None,
            },
            chain_id: "chain-1".into(),
            step: DecisionStep::Planning,
            policy_snapshot_hash: None,
        };
        ExperienceEventEnvelope::new("deep", event).with_timestamp("2026-01-21T12:00:00Z")
    };
    let error = kept.refused(&nested(codec::MAX_JSON_DEPTH + 1));
    assert!(matches!(error, Error::Unencodable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with("event \"deep\" cannot be stored: "),
        "{text}"
    );
    let mut kept = kept;
    let deep = nested(codec::MAX_JSON_DEPTH);
    kept.log.append(&deep).unwrap();
    kept.events.push(deep);
    kept.check_unharmed();
}

#[test]
fn an_id_that_is_taken() {
    let kept = Kept::new(options());
    let other = |id: &str| envelope(id).with_correlation("another run");
    for flushed in [false, true] {
        if flushed {
            kept.log.flush().unwrap();
        }
        let error = kept.refused(&other("kept-2"));
        assert!(error.is_conflict());
        let expected = "event \"kept-2\" is already recorded in tenant \"tenant-a\" with other content (sequence number 2)";
        assert_eq!(error.to_string(), expected);
    }
    let batch = [envelope("before"), other("before")];
    let error = kept.log.append_batch(&batch).unwrap_err();
    assert!(error.is_conflict() && error.is_refusal());
    let expected =
        "event \"before\" stands twice in the batch in tenant \"tenant-a\" with different content";
    assert_eq!(error.to_string(), expected);
    // The same once more is no conflict, nor is the id in another tenant.
    let again = kept.log.append(&envelope("kept-2")).unwrap();
    assert_eq!((again.sequence, again.already_present), (2, true));
    let mut kept = kept;
    let mut untagged = other("kept-2");
    untagged.tenant_id = None;
    kept.log.append(&untagged).unwrap();
    let mut different = untagged.clone();
    different.occurred_at = "2026-01-21T13:00:00+01:00".into();
    let error = kept.log.append(&different).unwrap_err().to_string();
    let expected =
        "event \"kept-2\" is already recorded with other content (sequence number 6)".to_owned();
    assert_eq!(error, expected);
    kept.events.push(untagged);
    kept.check_unharmed();
}

#[test]
fn a_transition_without_a_time() {
    let kept = Kept::new(options());
    let error = kept
        .log
        .write_artifact_state_transition("artifact-1", ArtifactKind::Pack, lifecycle("now"))
        .unwrap_err();
    assert!(matches!(error, Error::InvalidTimestamp { .. }), "{error:?}");
    assert!(
        kept.log
            .query_artifacts(&ArtifactQuery::default())
            .unwrap()
            .is_empty()
    );
    kept.check_unharmed();
}

/// The deprecated trait tells the same, in its own error.
#[test]
#[expect(deprecated, reason = "the contract still offers the trait")]
fn the_deprecated_trait_is_atomic_and_typed() {
    use experience_log::{ExperienceStore, ExperienceStoreError};

    let kept = Kept::new(options());
    let store: &dyn ExperienceStore = &kept.log;
    let batch = [
        envelope("before"),
        envelope("kept-1").with_correlation("another run"),
    ];
    let message = "event \"kept-1\" is already recorded in tenant \"tenant-a\" with other content (sequence number 1)";
    assert_eq!(
        store.append_events(&batch),
        Err(ExperienceStoreError::StorageError {
            message: message.into()
        })
    );
    let message = "event \"\": event_id is empty".to_owned();
    assert_eq!(
        store.append_event(envelope("")),
        Err(ExperienceStoreError::InvalidQuery { message })
    );
    let message = "time_range.start \"\" cannot be queried: it is empty".to_owned();
    assert_eq!(
        store.query_events(&EventQuery::new().since("")),
        Err(ExperienceStoreError::InvalidQuery { message })
    );
    assert_eq!(store.get_trace_link("none"), Ok(None));
    kept.check_unharmed();
}

#[test]
fn options_out_of_range() {
    let folder = folder_in_memory();
    let path = folder.path().join("agent.log");
    let options = ExperienceLog::options;
    let cases = [
        (
            options().memtable_events(0),
            "option memtable_events is 0, expected 1 to 1,048,576 events",
        ),
        (
            options().memtable_events((1 << 20) + 1),
            "option memtable_events is 1048577, expected 1 to 1,048,576 events",
        ),
        (
            options().segment_bytes(4095),
            "option segment_bytes is 4095, expected 4 KiB to 1 GiB",
        ),
        (
            options().segment_bytes((1 << 30) + 1),
            "option segment_bytes is 1073741825, expected 4 KiB to 1 GiB",
        ),
        (
            options().tree_cache_bytes((1 << 20) - 1),
            "option tree_cache_bytes is 1048575, expected 1 MiB or more",
        ),
        (
            options().durability(Durability::Periodic(Duration::ZERO)),
            "option durability is Periodic(0), expected an interval above zero",
        ),
        (
            options().max_event_bytes(0),
            "option max_event_bytes is 0, expected 1 byte to 48 MiB",
        ),
        (
            options().max_event_bytes((48 << 20) + 1),
            "option max_event_bytes is 50331649, expected 1 byte to 48 MiB",
        ),
    ];
    for (options, expected) in cases {
        let error = options.open(&path).unwrap_err();
        assert!(matches!(error, Error::InvalidOption { .. }) && error.is_refusal());
        assert_eq!(error.to_string(), expected);
        assert!(!path.exists());
    }
    // The ends of the ranges are in them.
    for options in [
        options().memtable_events(1).segment_bytes(4096),
        options().memtable_events(1 << 20).segment_bytes(1 << 30),
        options()
            .tree_cache_bytes(1 << 20)
            .max_event_bytes(48 << 20),
        options().tree_cache_bytes(u64::MAX),
    ] {
        options.open(&path).unwrap().close().unwrap();
    }
}

fn shown(error: &Error, path: &Path) -> String {
    error.to_string().replace(path.to_str().unwrap(), "LOG")
}

#[test]
fn a_log_that_is_not_there_and_one_that_is() {
    let folder = folder_in_memory();
    let path = folder.path().join("agent.log");
    let expected = "LOG holds no log; check the path, or open it with `create(true)`";
    for made in [false, true] {
        if made {
            fs::create_dir(&path).unwrap();
        }
        let errors = [
            options().create(false).open(&path).unwrap_err(),
            LogReader::open(&path).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, Error::NoSuchLog { .. }), "{error:?}");
            assert_eq!(shown(&error, &path), expected);
        }
        assert_eq!(path.exists(), made);
        assert_eq!(files_below(&path), Vec::<PathBuf>::new());
    }
    options()
        .create_new(true)
        .open(&path)
        .unwrap()
        .close()
        .unwrap();

    let mut kept = Kept::new(options());
    let path = kept.path.clone();
    let error = options().create_new(true).open(&path).unwrap_err();
    assert!(error.is_locked(), "{error:?}");
    kept.log.close().unwrap();
    let error = options().create_new(true).open(&path).unwrap_err();
    assert!(matches!(error, Error::LogExists { .. }), "{error:?}");
    let expected =
        "LOG holds a log already; open it without `create_new`, or choose another directory";
    assert_eq!(shown(&error, &path), expected);
    kept.log = options().open(&path).unwrap();
    kept.check_unharmed();
}

#[test]
fn a_directory_of_something_else() {
    let folder = folder_in_memory();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "notes").unwrap();
    let cases = [
        (
            folder.path(),
            "LOG is not a log: expected a FORMAT file, found notes.txt; choose an empty directory",
        ),
        (
            &file,
            "LOG is not a log: expected a directory, found a file; choose an empty directory",
        ),
    ];
    for (path, expected) in cases {
        for error in [
            options().open(path).unwrap_err(),
            options().create_new(true).open(path).unwrap_err(),
            LogReader::open(path).unwrap_err(),
        ] {
            assert!(matches!(error, Error::NotALog { .. }), "{error:?}");
            assert_eq!(shown(&error, path), expected);
        }
    }
    assert_eq!(files_below(folder.path()), std::slice::from_ref(&file));
    assert_eq!(fs::read_to_string(&file).unwrap(), "notes");
    // A path through a file leads nowhere.
    assert!(options().open(file.join("agent.log")).is_err());
}

#[test]
fn a_second_writer_in_this_process() {
    let kept = Kept::new(options());
    let error = options().open(&kept.path).unwrap_err();
    assert!(error.is_locked() && !error.is_refusal());
    let expected = format!(
        "LOG is being written by process {}; close that writer, or open the log read-only",
        std::process::id()
    );
    assert_eq!(shown(&error, &kept.path), expected);
    // To look, no lock is needed.
    let looking = LogReader::open(&kept.path).unwrap();
    assert_eq!(looking.query(&EventQuery::new()).unwrap(), kept.events);
    kept.check_unharmed();
}

/// The log that a child process is to open.
const CHILD_LOG: &str = "EXPLOG_BAD_INPUT_CHILD_LOG";

/// The other process: opens the log, says so, and holds it until its input ends.
#[test]
#[ignore = "started by the tests of this file, as another process"]
fn the_other_process() {
    let path = std::env::var_os(CHILD_LOG).unwrap();
    match options().open(path) {
        Ok(log) => {
            log.append(&envelope("by the child")).unwrap();
            println!("\nchild: open");
            let _ = std::io::stdin().read(&mut [0]);
        }
        Err(error) => println!("\nchild: {error}"),
    }
}

/// The other process, and what it says first.
struct Other {
    child: Child,
    output: BufReader<ChildStdout>,
    said: String,
}

impl Other {
    fn start(path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--ignored", "--nocapture"])
            .env(CHILD_LOG, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let said = loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "it says nothing");
            if let Some(said) = line.strip_prefix("child: ") {
                break said.trim_end().to_owned();
            }
        };
        Self {
            child,
            output,
            said,
        }
    }

    /// Waits for its end.
    fn ended(mut self) -> bool {
        std::io::copy(&mut self.output, &mut std::io::sink()).unwrap();
        self.child.wait().unwrap().success()
    }
}

#[test]
fn a_second_writer_in_another_process() {
    let kept = Kept::new(options());
    let other = Other::start(&kept.path);
    let expected = format!(
        "{} is being written by process {}; close that writer, or open the log read-only",
        kept.path.display(),
        std::process::id()
    );
    assert_eq!(other.said, expected);
    assert!(other.ended());

    let mut kept = kept;
    kept.log.close().unwrap();
    let mut other = Other::start(&kept.path);
    assert_eq!(other.said, "open");
    let error = options().open(&kept.path).unwrap_err();
    let expected = format!(
        "LOG is being written by process {}; close that writer, or open the log read-only",
        other.child.id()
    );
    assert_eq!(shown(&error, &kept.path), expected);
    kept.events.push(envelope("by the child"));
    let looking = LogReader::open(&kept.path).unwrap();
    assert_eq!(looking.query(&EventQuery::new()).unwrap(), kept.events);
    // Its end, however it comes, sets the log free.
    other.child.kill().unwrap();
    assert!(!other.ended());
    kept.log = options().open(&kept.path).unwrap();
    kept.check_unharmed();
}

/// Options that a replay refuses are told before anything is read.
#[test]
fn a_replay_with_a_bad_range() {
    let query = ReplayOptions::new()
        .with_time_range(TimeRange::unbounded().since("soon"))
        .to_event_query();
    let kept = Kept::new(options());
    let error = kept.log.query(&query).unwrap_err();
    assert!(matches!(
        error,
        Error::InvalidQuery {
            field: "time_range.start",
            ..
        }
    ));
    kept.check_unharmed();
}

fn lifecycle(timestamp: &str) -> LifecycleEvent {
    LifecycleEvent {
        from_state: GovernedArtifactState::Draft,
        to_state: GovernedArtifactState::Approved,
        timestamp: timestamp.into(),
        actor: "ops".into(),
        reason: "reviewed".into(),
        ticket_ref: None,
        tenant_id: None,
    }
}

fn trace_link() -> TraceLink {
    serde_json::from_value(serde_json::json!({
        "type": "Local",
        "base_model_hash": "m",
        "adapter": null,
        "tokenizer_hash": "t",
        "seed": 7,
        "sampler": {"temperature": 0.0, "top_p": 1.0, "top_k": null},
        "prompt_version": "v1",
        "recall": null,
        "weights_mutated": false,
        "execution_env": {"device": "cpu", "backend": "ndarray", "precision": "f32"}
    }))
    .unwrap()
}
