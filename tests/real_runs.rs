//! 80 real customer-service runs, through the library and through the command: what comes back must be what
//! went in. The file lies beside the crate's repository; where it is not, these tests say so and pass.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use experience_log::{
    EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceLog, LogReader, ScanOptions,
};
use jiff::Timestamp;
use serde_json::Value;

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/data/airline-agent-runs.jsonl"
);

/// The file's text, if it is there.
fn real_runs() -> Option<String> {
    if !Path::new(FILE).exists() {
        println!("skipped: {FILE} is not there");
        return None;
    }
    Some(fs::read_to_string(FILE).unwrap())
}

fn instant(event: &Value) -> Timestamp {
    event["occurred_at"].as_str().unwrap().parse().unwrap()
}

fn values(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn in_order(text: &str) -> Vec<Value> {
    let mut events = values(text);
    events.sort_by_key(instant);
    events
}

/// As JSON text and back, so that numbers are compared as a reader sees them.
fn as_value(event: &ExperienceEventEnvelope) -> Value {
    serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap()
}

fn imported(text: &str, path: &Path) -> ExperienceLog {
    let log = ExperienceLog::open(path).unwrap();
    let events: Vec<ExperienceEventEnvelope> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for batch in events.chunks(1_000) {
        assert_eq!(log.append_batch(batch).unwrap().written(), batch.len());
    }
    log
}

#[test]
fn the_library_gives_them_back() {
    let Some(text) = real_runs() else { return };
    let expected = in_order(&text);
    assert_eq!(expected.len(), 4_022);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = imported(&text, &path);

    // From memory, from the trees, and from the journal.
    let check = |entries: experience_log::Scan| {
        let mut sequences = BTreeSet::new();
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.unwrap();
            sequences.insert(entry.sequence());
            found.push(as_value(&entry.envelope().unwrap()));
        }
        assert!(found == expected, "other events, or in another order");
        assert!(sequences.into_iter().eq(0..4_022));
    };
    let everything = EventQuery::new();
    check(log.scan(&everything, ScanOptions::oldest_first()).unwrap());
    log.flush().unwrap();
    check(log.scan(&everything, ScanOptions::oldest_first()).unwrap());
    let reader = LogReader::open(&path).unwrap();
    check(
        reader
            .scan(&everything, ScanOptions::oldest_first())
            .unwrap(),
    );
    assert_eq!(log.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn each_run_is_reconstructed_and_each_trace_link_found() {
    let Some(text) = real_runs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = imported(&text, &path);
    log.flush().unwrap();
    let mut runs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in in_order(&text) {
        let run = event["correlation_id"].as_str().unwrap().to_owned();
        runs.entry(run).or_default().push(event);
    }
    assert_eq!(runs.len(), 80);
    let reader = LogReader::open(&path).unwrap();
    for (run, expected) in &runs {
        let query = EventQuery::new().correlation(run);
        let found: Vec<Value> = log.query(&query).unwrap().iter().map(as_value).collect();
        assert!(found == *expected, "{run}");
    }
    // A reader passes over the whole journal for each: some are enough.
    for (run, expected) in runs.iter().step_by(9) {
        let query = EventQuery::new().correlation(run);
        let found = reader.query(&query).unwrap();
        assert!(found.iter().map(as_value).eq(expected.iter().cloned()));
    }

    let mut links = 0;
    for line in text.lines() {
        let event: ExperienceEventEnvelope = serde_json::from_str(line).unwrap();
        if let ExperienceEvent::TraceLinkRecorded {
            trace_link_id,
            trace_link,
        } = event.event
        {
            let found = log.get_trace_link(&trace_link_id).unwrap();
            assert_eq!(found, Some(trace_link), "{trace_link_id}");
            links += 1;
        }
    }
    assert!(links > 1_000, "{links} trace links");
    assert_eq!(log.get_trace_link("no-such-trace").unwrap(), None);
}

#[cfg(feature = "cli")]
#[test]
fn the_command_gives_them_back() {
    use std::process::Command;

    let Some(text) = real_runs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let run = |command: &mut Command| {
        let output = command.arg(&path).output().unwrap();
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{messages}");
        (String::from_utf8(output.stdout).unwrap(), messages)
    };
    let explog = || Command::new(env!("CARGO_BIN_EXE_explog"));
    let (_, messages) = run(explog().args(["import", "--strict", FILE]));
    let summary = "explog: 4,022 imported, 0 already there, 0 refused";
    assert!(messages.starts_with(summary), "{messages}");
    let (dumped, _) = run(explog().arg("dump"));
    assert!(
        values(&dumped) == in_order(&text),
        "other events, or in another order"
    );
    run(explog().arg("verify"));
}
