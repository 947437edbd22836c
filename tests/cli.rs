//! The command `explog`, as a shell runs it: what it prints, where, and with which exit code.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod command;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use experience_log::{
    ExperienceEvent, ExperienceEventEnvelope, ExperienceLog, ForeignEvent, LogReader, ProposalKind,
};
use jiff::Timestamp;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use command::{Bench, RUNS, Ran};

/// Which events a filter keeps.
type Keep<'a> = &'a dyn Fn(&Value) -> bool;

fn ids(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect()
}

fn instant(event: &Value) -> Timestamp {
    event["occurred_at"].as_str().unwrap().parse().unwrap()
}

/// The fixture's events as the log must order them: by instant, then as they were appended.
fn runs_in_order() -> Vec<Value> {
    let text = fs::read_to_string(RUNS).unwrap();
    let mut events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    events.sort_by_key(instant);
    events
}

fn event(id: &str) -> ExperienceEventEnvelope {
    let event = ExperienceEvent::BudgetExceeded {
        chain_id: "chain".into(),
        resource: "tokens".into(),
        limit: "1".into(),
        observed: None,
    };
    ExperienceEventEnvelope::new(id, event)
}

fn line(event: &ExperienceEventEnvelope) -> String {
    serde_json::to_string(event).unwrap()
}

/// Lines for events `first`, `first + 1`, …
fn many(first: u32, count: u32) -> String {
    (first..first + count).fold(String::new(), |mut text, number| {
        writeln!(text, "{}", line(&event(&format!("e{number}")))).unwrap();
        text
    })
}

#[test]
fn what_is_imported_comes_back_whole_and_in_order() {
    let bench = Bench::new();
    let ran = bench.run(&["import", RUNS, "log"]).exits(0);
    assert_eq!(ran.out, "");
    let complaint = ran.complaint();
    assert!(
        complaint.starts_with("208 imported, 0 already there, 0 refused, "),
        "{complaint}"
    );
    // In a pipe, JSON lines are the default.
    let dumped = bench.run(&["dump", "log"]).exits(0);
    assert_eq!(dumped.values(), runs_in_order());
    assert_eq!(dumped.err, "");

    let again = bench.run(&["import", RUNS, "log"]).exits(0);
    assert!(
        again
            .err
            .contains("0 imported, 208 already there, 0 refused")
    );
    // What is dumped can be imported, and then dumps the same.
    let copied = bench.run_with_input(&["import", "--strict", "-", "copy"], &dumped.out);
    assert_eq!(copied.exits(0).out, "");
    assert_eq!(bench.run(&["dump", "copy"]).out, dumped.out);
}

#[test]
fn either_durability_imports_from_a_pipe() {
    for durability in ["sync", "os"] {
        let bench = Bench::new();
        let text = fs::read_to_string(RUNS).unwrap();
        let arguments = ["import", "--durability", durability, "-", "log"];
        bench.run_with_input(&arguments, &text).exits(0);
        assert_eq!(bench.ids("log").len(), 208);
    }
}

#[test]
fn bad_lines_are_named_and_the_others_get_in() {
    let bench = Bench::new();
    let other_content = event("good-1").with_tenant("t").with_correlation("other");
    let lines = [
        line(&event("good-1").with_tenant("t")),
        "not json".to_owned(),
        "   ".to_owned(),
        r#"{"event_id":"no-event"}"#.to_owned(),
        line(&event("")),
        line(&event("bad-time").with_timestamp("yesterday")),
        line(&other_content),
        line(&event("bad-\u{1}-tenant").with_tenant("a\u{1b}b")),
        line(&event("good-2")),
        r#"{"event_id":"e","occurred_at":"1970-01-01T00:00:00Z","event":{"type":"\u001b[2J","data":{}}}"#.to_owned(),
        // Not ended by a line feed, and by a carriage return.
        format!("{}\r", line(&event("good-3"))),
    ];
    fs::write(bench.path("in.jsonl"), lines.join("\n")).unwrap();
    let ran = bench.run(&["import", "in.jsonl", "log"]).exits(1);
    let reports: Vec<&str> = ran.err.lines().collect();
    let expected = [
        "line 2: not JSON: expected ident, at column 2",
        "line 4: not an event envelope: missing field `occurred_at`, at column 23",
        "line 5: event \"\": event_id is empty",
        "line 6: event \"bad-time\": occurred_at \"yesterday\" is refused",
        "line 7: event \"good-1\" is already recorded in tenant \"t\" with other content",
        "line 8: event \"bad-\\u{1}-tenant\": event_id has",
        "line 10: not an event envelope: unknown variant `\\u{1b}[2J`",
        "explog: 3 imported, 0 already there, 7 refused, ",
    ];
    assert_eq!(reports.len(), expected.len(), "{ran:#?}");
    for (report, expected) in reports.iter().zip(expected) {
        assert!(report.starts_with(expected), "{report}\n{expected}");
    }
    assert_eq!(bench.ids("log"), ["good-1", "good-2", "good-3"]);
}

#[test]
fn one_refusal_in_a_large_batch_refuses_one_event() {
    let bench = Bench::new();
    let mut text = many(0, 1_234);
    // The same id with other content, in a batch of its own and in that of the first.
    let conflict = |id: &str| line(&event(id).with_correlation("other"));
    writeln!(text, "{}", conflict("e7")).unwrap();
    writeln!(text, "{}", conflict("e1200")).unwrap();
    text += &many(1_234, 1_000);
    let ran = bench
        .run_with_input(&["import", "-", "log"], &text)
        .exits(1);
    let reports: Vec<&str> = ran.err.lines().collect();
    assert_eq!(reports.len(), 3, "{ran:?}");
    assert!(reports[0].starts_with("line 1235: event \"e7\""));
    assert!(reports[1].starts_with("line 1236: event \"e1200\""));
    assert!(reports[2].starts_with("explog: 2,234 imported, 0 already there, 2 refused"));
    let expected: Vec<String> = (0..2_234).map(|number| format!("e{number}")).collect();
    assert_eq!(bench.ids("log"), expected);
}

#[test]
fn a_strict_import_stops_at_the_first_bad_line_and_keeps_what_was_before() {
    // Refused by the log, and refused before it gets there.
    for bad in [line(&event("")), "{".to_owned()] {
        let bench = Bench::new();
        let text = format!("{}{bad}\n{{\n{}", many(0, 1_500), many(1_500, 10));
        let ran = bench.run_with_input(&["import", "--strict", "-", "log"], &text);
        let reports: Vec<&str> = ran.err.lines().collect();
        assert_eq!(ran.code, 1, "{ran:?}");
        assert_eq!(reports.len(), 3, "{ran:?}");
        assert!(reports[0].starts_with("line 1501: "), "{ran:?}");
        assert!(reports[1].starts_with("explog: 1,500 imported, 0 already there, 1 refused"));
        assert!(reports[2].starts_with("explog: stopped at line 1501; what was imported"));
        assert_eq!(bench.ids("log").len(), 1_500);
    }
}

#[test]
fn an_event_over_the_limit_is_refused_alone() {
    let bench = Bench::new();
    let mut large = event("large");
    large.event = ExperienceEvent::FactPromoted {
        proposal_id: "p".into(),
        fact_id: "f".into(),
        promoted_by: "somebody".into(),
        reason: "x".repeat(17 << 20),
        requires_human: false,
    };
    let text = [line(&event("a")), line(&large), line(&event("b"))].join("\n");
    let ran = bench
        .run_with_input(&["import", "-", "log"], &text)
        .exits(1);
    assert!(
        ran.err.starts_with("line 2: event \"large\" has "),
        "{ran:?}"
    );
    assert!(ran.err.len() < 1_000);
    assert_eq!(bench.ids("log"), ["a", "b"]);
}

#[test]
fn every_filter_gives_what_a_linear_one_gives() {
    let bench = Bench::with_runs();
    let all = runs_in_order();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (morning, noon) = (at("2026-05-04T08:30:00Z"), at("2026-05-04T12:00:00Z"));
    let kind = |event: &Value| event["event"]["type"].as_str().unwrap().to_owned();
    let chain = |event: &Value| event["event"]["data"]["chain_id"] == "claims-7-settlement";
    let cases: [(&[&str], Keep<'_>); 12] = [
        (&["--tenant", "st-anna-clinic"], &|e| {
            e["tenant_id"] == "st-anna-clinic"
        }),
        (&["--kind", "FactPromoted"], &|e| kind(e) == "FactPromoted"),
        (
            &["--kind", "fact-promoted", "--kind", "BUDGET_EXCEEDED"],
            &|e| ["FactPromoted", "BudgetExceeded"].contains(&kind(e).as_str()),
        ),
        (&["--kind", "factpromoted,outcome-recorded"], &|e| {
            ["FactPromoted", "OutcomeRecorded"].contains(&kind(e).as_str())
        }),
        (&["--chain", "claims-7-settlement"], &chain),
        (&["--correlation", "cat-188"], &|e| {
            e["correlation_id"] == "cat-188"
        }),
        (&["--since", "2026-05-04T08:30:00Z"], &|e| {
            instant(e) >= morning
        }),
        // The same instant, written elsewhere.
        (&["--until", "2026-05-04T14:00:00+05:30"], &|e| {
            instant(e) <= morning
        }),
        (
            &[
                "--since",
                "2026-05-04T03:30:00-05:00",
                "--until",
                "2026-05-04T12:00:00Z",
            ],
            &|e| (morning..=noon).contains(&instant(e)),
        ),
        (&["--since", "2026-05-04", "--until", "2026-05-04"], &|e| {
            (at("2026-05-04T00:00:00Z")..at("2026-05-05T00:00:00Z")).contains(&instant(e))
        }),
        (
            &[
                "--tenant",
                "nordhaven-insurance",
                "--correlation",
                "claims-7",
                "--kind",
                "proposal-validated",
                "--chain",
                "claims-7-settlement",
                "--since",
                "2026-01-01",
            ],
            &|e| chain(e) && kind(e) == "ProposalValidated",
        ),
        (&["--tenant", "nobody"], &|_| false),
    ];
    for (filter, keep) in cases {
        let ran = bench.run(&[&["dump", "log"], filter].concat()).exits(0);
        let expected: Vec<Value> = all.iter().filter(|e| keep(e)).cloned().collect();
        assert_eq!(ran.values(), expected, "{filter:?}");
        let nobody = filter.contains(&"nobody");
        assert_eq!(
            expected.is_empty(),
            nobody,
            "{filter:?} must find something"
        );
        assert!(
            expected.len() < all.len(),
            "{filter:?} must leave something out"
        );
    }
}

#[test]
fn limit_and_newest_take_from_either_end() {
    let bench = Bench::with_runs();
    let oldest_first = ids(&runs_in_order());
    let newest_first: Vec<String> = oldest_first.iter().rev().cloned().collect();
    let dumped = |arguments: &[&str]| {
        let ran = bench.run(&[&["dump", "log"], arguments].concat());
        ids(&ran.exits(0).values())
    };
    assert_eq!(dumped(&["--limit", "7"]), oldest_first[..7]);
    assert_eq!(dumped(&["--limit", "0"]), oldest_first[..0]);
    assert_eq!(dumped(&["--limit", "999"]), oldest_first);
    assert_eq!(dumped(&["--newest"]), newest_first);
    assert_eq!(dumped(&["--newest", "--limit", "7"]), newest_first[..7]);
}

#[test]
fn json_is_one_array_of_the_same() {
    let bench = Bench::with_runs();
    let array = |arguments: &[&str]| -> Value {
        let dump = ["dump", "log", "--format", "json"];
        let ran = bench.run(&[&dump, arguments].concat()).exits(0);
        serde_json::from_str(&ran.out).unwrap()
    };
    assert_eq!(array(&[]), Value::Array(runs_in_order()));
    assert_eq!(array(&["--limit", "1"]).as_array().unwrap().len(), 1);
    assert_eq!(array(&["--limit", "0"]), Value::Array(Vec::new()));
}

#[test]
fn jsonl_is_the_contracts_json_to_the_letter() {
    let bench = Bench::with_runs();
    let mut dumped: Vec<String> = bench
        .run(&["dump", "log", "--format", "jsonl"])
        .out
        .lines()
        .map(str::to_owned)
        .collect();
    let text = fs::read_to_string(RUNS).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    dumped.sort();
    lines.sort();
    assert_eq!(dumped, lines);
}

#[test]
fn the_table_has_a_line_for_each_event_and_fits() {
    let bench = Bench::with_runs();
    let arguments = ["dump", "log", "--format", "table"];
    let table = bench.run(&arguments).exits(0);
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 209);
    let names: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        names,
        ["seq", "time", "tenant", "correlation", "kind", "detail"]
    );
    // By its instant in UTC: it was written as 2026-02-11T09:14:02.601+01:00.
    let policy = "2026-02-11 08:14:02.601  nordhaven-insurance  claims-7 ";
    assert!(table.out.contains(policy), "{}", table.out);

    for columns in ["20", "60", "80", "100", "200"] {
        let mut command = bench.command(&arguments);
        let ran = Ran::from(command.env("COLUMNS", columns).output().unwrap()).exits(0);
        let most: usize = columns.parse().unwrap();
        let rows = ran.out.lines().filter(|line| !line.starts_with("-- "));
        assert_eq!(rows.count(), 209, "{columns}");
        for line in ran.out.lines() {
            assert!(line.width() <= most, "{columns}: {line}");
        }
    }
}

/// A log of the fixture's events and, before them in time, two of another contract, whose kinds nobody knows.
fn with_foreign_events() -> Bench {
    let bench = Bench::with_runs();
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let json = "{\"event\":{\"type\":\"GoalReframed\",\n \"data\":{\"why\":\"\u{202e}x\",\"n\":1.50,\"of\":[1,2]}}}";
    let mut later = ForeignEvent::new("acme", "GoalReframed", "f-10", "lamport:10", json);
    later.chain_id = Some("chain-x");
    let first = ForeignEvent::new("acme", "GoalMet", "f-9", "lamport:9", "[1,2]");
    log.append_foreign(&[later, first]).unwrap();
    log.close().unwrap();
    bench
}

#[test]
fn events_of_another_contract_are_dumped_as_they_are() {
    let bench = with_foreign_events();
    let dumped = bench.run(&["dump", "log"]).exits(0);
    let values = dumped.values();
    assert_eq!(values.len(), 210);
    assert_eq!(ids(&values[..2]), ["f-9", "f-10"]);
    assert_eq!(values[2..], runs_in_order());
    let second = dumped.out.lines().nth(1).unwrap();
    assert_eq!(
        second,
        concat!(
            r#"{"contract":"acme","kind":"GoalReframed","event_id":"f-10","occurred_at":"lamport:10","#,
            r#""tenant_id":null,"correlation_id":null,"chain_id":"chain-x","artifact_id":null,"#,
            r#""trace_link_id":null,"payload":{"event":{"type":"GoalReframed", "#,
            " \"data\":{\"why\":\"\u{202e}x\",\"n\":1.50,\"of\":[1,2]}}}}"
        )
    );
    let whole = bench.run(&["dump", "log", "--format", "json"]).exits(0);
    let array: Value = serde_json::from_str(&whole.out).unwrap();
    assert_eq!(array.as_array().unwrap(), &values);

    for (filter, expected) in [
        (&["--kind", "GoalReframed"][..], &["f-10"][..]),
        (&["--chain", "chain-x"], &["f-10"]),
        (&["--until", "lamport:9"], &["f-9"]),
        (
            &["--kind", "GoalMet,GoalReframed", "--newest"],
            &["f-10", "f-9"],
        ),
        (&["--kind", "Never"], &[]),
    ] {
        let ran = bench.run(&[&["dump", "log"], filter].concat()).exits(0);
        assert_eq!(ids(&ran.values()), expected, "{filter:?}");
    }

    let table = bench.run(&["dump", "log", "--format", "table"]).exits(0);
    let row = table.out.lines().find(|line| line.contains("GoalReframed"));
    let row = row.unwrap();
    assert!(
        row.contains("lamport 10") && row.contains("n 1.5, of [2]"),
        "{row}"
    );
    assert!(!row.contains('\u{202e}'), "{row}");
    let verified = bench.run(&["verify", "log"]).exits(0);
    assert_eq!(verified.err, "");
    let stats = bench.run(&["stats", "log", "--format", "json"]).exits(0);
    let stats: Value = serde_json::from_str(&stats.out).unwrap();
    assert_eq!(stats["kinds"]["GoalReframed"], 1);
}

#[test]
fn nothing_an_agent_wrote_reaches_the_terminal_raw() {
    let bench = Bench::new();
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{2066}\u{200f}\r\nline\u{7f}";
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let mut proposal = None;
    for line in fs::read_to_string(RUNS).unwrap().lines() {
        let envelope: ExperienceEventEnvelope = serde_json::from_str(line).unwrap();
        if let ExperienceEvent::ProposalCreated { .. } = &envelope.event {
            proposal = Some(envelope);
        }
    }
    let mut envelope = proposal.unwrap();
    // Identifiers cannot carry control characters, but they can carry these.
    envelope.tenant_id = Some("tenant\u{202e}\u{2069}".into());
    if let ExperienceEvent::ProposalCreated { proposal, .. } = &mut envelope.event {
        proposal.id = hostile.into();
        proposal.payload = hostile.into();
        proposal.kind = ProposalKind::Plan;
    }
    log.append(&envelope).unwrap();
    let backend = ExperienceEvent::BackendInvoked {
        backend_name: hostile.into(),
        adapter_id: Some(hostile.into()),
        trace_link_id: hostile.into(),
        step: experience_log::DecisionStep::Planning,
        policy_snapshot_hash: None,
    };
    log.append(&ExperienceEventEnvelope::new("b", backend))
        .unwrap();
    log.close().unwrap();
    for arguments in [&["dump", "log", "--format", "table"][..], &["stats", "log"]] {
        let out = bench.run(arguments).exits(0).out;
        let raw = |c: &char| {
            (c.is_control() && *c != '\n') || "\u{202e}\u{2066}\u{2069}\u{200f}".contains(*c)
        };
        assert_eq!(out.chars().find(raw), None, "{out:?}");
        assert!(out.contains("tenant\\u{202e}\\u{2069}"), "{out}");
    }
    let table = bench.run(&["dump", "log", "--format", "table"]).out;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("\\u{1b}]0;owned\\u{7}\\u{9b}2J\\u{202e}"));
    // JSON in a pipe is for programs: the text is as it was.
    let event = &bench.run(&["dump", "log"]).values()[0];
    let backend = &event["event"]["data"]["backend_name"];
    assert_eq!(backend.as_str().unwrap(), hostile);
}

#[test]
fn stats_count_what_was_imported() {
    let bench = Bench::with_runs();
    let ran = bench.run(&["stats", "log", "--format", "json"]).exits(0);
    let stats: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(stats["events"], 208);
    assert_eq!(stats["kinds"]["ProposalCreated"], 31);
    assert_eq!(stats["oldest"], "1970-01-01T00:00:00Z");
    assert_eq!(stats["log_id"].as_str().unwrap().len(), 36);
    assert_eq!(stats["segments"], 1);
    assert!(stats["journal_bytes"].as_u64().unwrap() > 0);
    let mut tenants = BTreeMap::new();
    for tenant in stats["tenants"].as_array().unwrap() {
        let name = tenant["tenant_id"].as_str().map(str::to_owned);
        tenants.insert(name, tenant["events"].as_u64().unwrap());
    }
    assert_eq!(tenants[&Some("nordhaven-insurance".to_owned())], 62);
    assert_eq!(tenants[&None], 31);
    assert_eq!(tenants.values().sum::<u64>(), 208);

    let text = bench.run(&["stats", "log"]).exits(0).out;
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for expected in [
        &["events", "208"][..],
        &["31", "ProposalCreated"],
        &["62", "nordhaven-insurance"],
    ] {
        assert!(rows.iter().any(|row| row.starts_with(expected)), "{text}");
    }
}

#[test]
fn an_empty_log_is_no_error() {
    let bench = Bench::new();
    bench
        .run_with_input(&["import", "-", "log"], "\n\n")
        .exits(0);
    assert_eq!(bench.run(&["dump", "log"]).exits(0).out, "");
    assert_eq!(
        bench.run(&["dump", "log", "--format", "json"]).exits(0).out,
        "[]\n"
    );
    bench.run(&["dump", "log", "--format", "table"]).exits(0);
    bench.run(&["verify", "log"]).exits(0);
    let stats = bench.run(&["stats", "log"]).exits(0).out;
    assert!(stats.contains("events   0\n"), "{stats}");
}

fn first_segment(log: &Path) -> PathBuf {
    let mut segments: Vec<PathBuf> = fs::read_dir(log.join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    segments.remove(0)
}

#[test]
fn a_flipped_byte_is_found_and_its_segment_named() {
    let bench = Bench::with_runs();
    let intact = bench.run(&["verify", "log"]).exits(0);
    assert_eq!(intact.err, "");
    assert!(intact.out.contains("208 events"), "{intact:?}");
    assert!(intact.out.ends_with("intact\n"), "{intact:?}");

    let segment = first_segment(&bench.path("log"));
    let mut bytes = fs::read(&segment).unwrap();
    bytes[5_000] ^= 0x40;
    fs::write(&segment, bytes).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    for command in ["verify", "dump", "stats"] {
        let ran = bench.run(&[command, "log"]).exits(1);
        assert!(ran.err.contains(name), "{command}: {ran:?}");
        assert!(!ran.out.contains("intact"), "{command}: {ran:?}");
    }
}

/// Trees are sacrificed only for a journal that is whole: they hold the events too.
#[test]
fn a_damaged_journal_does_not_cost_the_trees() {
    let bench = Bench::new();
    let log = ExperienceLog::options()
        .segment_bytes(16 << 10)
        .open(bench.path("log"))
        .unwrap();
    for number in 0..1_000 {
        log.append(&event(&format!("e{number}"))).unwrap();
    }
    log.flush().unwrap();
    log.close().unwrap();
    let segment = first_segment(&bench.path("log"));
    let mut bytes = fs::read(&segment).unwrap();
    bytes[1_000] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();

    let verified = bench.run(&["verify", "log"]).exits(1);
    assert!(verified.err.contains(name), "{verified:?}");
    let advice = verified.err.lines().last().unwrap();
    assert!(advice.contains("do not rebuild before"), "{verified:?}");

    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    let trees = bench.path("log/trees");
    let before = files(&trees);
    let ran = bench.run(&["rebuild", "log"]).exits(1);
    assert!(ran.complaint().contains(name), "{ran:?}");
    assert!(ran.complaint().contains("the trees were left as they are"));
    assert_eq!(files(&trees), before);
}

#[test]
fn rebuild_makes_the_trees_anew() {
    let bench = Bench::with_runs();
    fs::remove_dir_all(bench.path("log/trees")).unwrap();
    let ran = bench.run(&["rebuild", "log"]).exits(0);
    assert_eq!(ran.err, "");
    assert!(ran.out.contains("208 events"), "{ran:?}");
    let verified = bench.run(&["verify", "log"]).exits(0);
    assert!(
        verified.out.contains("compared with 208 of these events"),
        "{verified:?}"
    );
    assert_eq!(bench.run(&["dump", "log"]).values(), runs_in_order());
}

#[test]
fn a_log_in_use_can_be_looked_at_but_not_written() {
    let bench = Bench::new();
    let path = bench.path("log");
    let log = ExperienceLog::open(&path).unwrap();
    for number in 0..10 {
        log.append(&event(&format!("e{number}"))).unwrap();
        let dumped = bench.ids("log");
        assert_eq!(dumped.len(), number + 1);
    }
    let stats = bench.run(&["stats", "log", "--format", "json"]).exits(0);
    assert!(stats.out.contains("\"events\":10,"), "{stats:?}");
    let verified = bench.run(&["verify", "log"]).exits(0);
    assert!(
        verified.out.contains("a writer holds the log"),
        "{verified:?}"
    );

    for arguments in [&["rebuild", "log"][..], &["import", RUNS, "log"]] {
        let ran = bench.run(arguments).exits(1);
        let holder = format!("is being written by process {}", std::process::id());
        assert!(ran.complaint().contains(&holder), "{ran:?}");
    }
    assert_eq!(log.head().unwrap(), 10);
    log.close().unwrap();
    assert_eq!(LogReader::open(&path).unwrap().head().unwrap(), 10);
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let bench = Bench::new();
    // More than a pipe holds.
    bench
        .run_with_input(&["import", "-", "log"], &many(0, 5_000))
        .exits(0);
    for format in ["jsonl", "json", "table"] {
        let mut child = bench
            .command(&["dump", "log", "--format", format])
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 100]).unwrap();
        drop(stdout);
        let ran = Ran::from(child.wait_with_output().unwrap()).exits(0);
        assert_eq!(ran.err, "", "{format}");
    }
}

#[test]
fn wrong_usage_is_told_apart_from_trouble() {
    let bench = Bench::with_runs();
    fs::create_dir(bench.path("folder")).unwrap();
    fs::write(bench.path("folder/notes.txt"), "mine").unwrap();
    fs::write(bench.path("file"), "mine").unwrap();
    // What clap finds.
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["import", RUNS],
        &["dump"],
        &["dump", "log", "--kind", "nonsense"],
        &["dump", "log", "--limit", "some"],
        &["dump", "log", "--format", "xml"],
        &["import", RUNS, "log", "--durability", "maybe"],
    ] {
        let ran = bench.run(arguments).exits(2);
        assert!(!ran.err.is_empty(), "{ran:?}");
    }
    let unknown = bench.run(&["dump", "log", "--kind", "nonsense"]);
    assert!(unknown.err.contains("BudgetExceeded"), "{unknown:?}");
    // What the library finds.
    let cases: [(&[&str], &str); 9] = [
        (
            &["dump", "log", "--since", "yesterday"],
            "--since \"yesterday\" is refused",
        ),
        (
            &["dump", "log", "--until", "2026-02-30"],
            "--until \"2026-02-30T",
        ),
        (&["dump", "nowhere"], "nowhere holds no log"),
        (&["stats", "nowhere"], "nowhere holds no log"),
        (&["verify", "folder"], "folder is not a log"),
        (&["rebuild", "nowhere"], "nowhere holds no log"),
        (&["import", RUNS, "folder"], "folder is not a log"),
        (
            &["import", "missing.jsonl", "new"],
            "cannot read missing.jsonl",
        ),
        (&["import", "folder", "new"], "cannot read folder"),
    ];
    for (arguments, expected) in cases {
        let ran = bench.run(arguments).exits(2);
        assert!(ran.complaint().starts_with(expected), "{ran:?}");
        assert_eq!(ran.out, "");
    }
    assert!(
        bench
            .run(&["stats", "file"])
            .exits(2)
            .complaint()
            .contains("file")
    );
    // Nothing was made or changed on the way.
    assert!(!bench.path("new").exists());
    assert!(!bench.path("nowhere").exists());
    assert_eq!(fs::read_dir(bench.path("folder")).unwrap().count(), 1);
}

#[test]
fn help_has_examples_and_the_exit_codes() {
    let bench = Bench::new();
    let help = bench.run(&["--help"]).exits(0).out;
    assert!(
        help.contains("Examples:") && help.contains("Exit codes:"),
        "{help}"
    );
    for command in ["import", "dump", "stats", "verify", "rebuild"] {
        assert!(help.contains(command), "{help}");
        let help = bench.run(&[command, "--help"]).exits(0).out;
        assert!(help.contains("Examples:"), "{help}");
    }
    let version = bench.run(&["--version"]).exits(0).out;
    assert_eq!(version, concat!("explog ", env!("CARGO_PKG_VERSION"), "\n"));
}
