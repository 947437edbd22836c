//! After: what `runs`, `show`, `event`, `artifacts`, `stats` and `explain` tell is what the events say, by a plain
//! reading of the same lines; beside a writer, after a crash, and of other contracts' events too.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

mod command;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use experience_log::{ExperienceEventEnvelope, ExperienceLog, ForeignEvent};
use jiff::Timestamp;
use serde_json::{Value, json};

use command::{Bench, RUNS};

fn events() -> Vec<Value> {
    let text = fs::read_to_string(RUNS).unwrap();
    let mut events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    events.sort_by_key(instant);
    events
}

fn instant(event: &Value) -> Timestamp {
    event["occurred_at"].as_str().unwrap().parse().unwrap()
}

fn kind(event: &Value) -> &str {
    event["event"]["type"].as_str().unwrap()
}

/// The events of each run, in the order of time.
fn runs() -> BTreeMap<String, Vec<Value>> {
    let mut runs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in events() {
        if let Some(run) = event["correlation_id"].as_str() {
            runs.entry(run.to_owned()).or_default().push(event);
        }
    }
    runs
}

/// What a run's line must say, read off its events one property at a time.
fn expected(run: &[Value]) -> BTreeMap<&'static str, Value> {
    let of = |wanted: &str| run.iter().filter(|event| kind(event) == wanted).count();
    let data = |event: &Value, field: &str| event["event"]["data"][field].clone();
    let outcomes: Vec<&Value> = run
        .iter()
        .filter(|e| kind(e) == "OutcomeRecorded")
        .collect();
    let sum = |field: &str| {
        let told: Vec<u64> = outcomes
            .iter()
            .filter_map(|e| data(e, field).as_u64())
            .collect();
        if told.is_empty() {
            Value::Null
        } else {
            json!(told.iter().sum::<u64>())
        }
    };
    let mut last: BTreeMap<String, bool> = BTreeMap::new();
    for outcome in &outcomes {
        let chain = data(outcome, "chain_id").as_str().unwrap().to_owned();
        last.insert(chain, data(outcome, "passed").as_bool().unwrap());
    }
    let outcome = match (last.is_empty(), last.values().all(|passed| *passed)) {
        (true, _) => "open",
        (false, true) => "passed",
        (false, false) => "failed",
    };
    let refused = run
        .iter()
        .filter(|e| kind(e) == "ProposalValidated" && data(e, "all_passed") == false);
    let chains: BTreeSet<String> = run
        .iter()
        .filter_map(|e| data(e, "chain_id").as_str().map(str::to_owned))
        .collect();
    let backends: BTreeSet<String> = run
        .iter()
        .filter_map(|e| match kind(e) {
            "BackendInvoked" => data(e, "backend_name").as_str().map(str::to_owned),
            "OutcomeRecorded" => data(e, "backend").as_str().map(str::to_owned),
            _ => None,
        })
        .collect();
    let span = instant(&run[run.len() - 1]).duration_since(instant(&run[0]));
    BTreeMap::from([
        ("tenant_id", run[0]["tenant_id"].clone()),
        ("started_at", json!(instant(&run[0]).to_string())),
        (
            "duration_us",
            json!(u64::try_from(span.as_micros()).unwrap()),
        ),
        ("events", json!(run.len())),
        ("proposals", json!(of("ProposalCreated"))),
        ("facts", json!(of("FactPromoted"))),
        ("budgets_exceeded", json!(of("BudgetExceeded"))),
        ("failed_validations", json!(refused.count())),
        ("chains", json!(chains.len())),
        ("backends", json!(backends)),
        ("outcome", json!(outcome)),
        ("tokens", sum("tokens")),
        ("cost_microdollars", sum("cost_microdollars")),
        ("unreadable", json!(0)),
    ])
}

fn ids(runs: &[Value]) -> Vec<&str> {
    let id = |run: &'_ Value| run["correlation_id"].as_str().map(str::len);
    assert!(runs.iter().all(|run| id(run).is_some()));
    runs.iter()
        .map(|run| run["correlation_id"].as_str().unwrap())
        .collect()
}

#[test]
fn a_run_s_line_says_what_its_events_say() {
    let bench = Bench::with_runs();
    let found = bench.run(&["runs", "log"]).exits(0).values();
    let runs = runs();
    assert_eq!(found.len(), runs.len());
    let mut outcomes = BTreeSet::new();
    for line in &found {
        let id = line["correlation_id"].as_str().unwrap();
        for (field, value) in expected(&runs[id]) {
            assert_eq!(line[field], value, "{id}: {field}");
        }
        outcomes.insert(line["outcome"].as_str().unwrap());
    }
    assert!(outcomes.contains("passed") && outcomes.contains("failed"));
}

#[test]
fn runs_are_sorted_filtered_and_summed_up() {
    let bench = Bench::with_runs();
    let runs = |arguments: &[&str]| {
        let all = [&["runs", "log"], arguments].concat();
        bench.run(&all).exits(0).values()
    };
    let keys = [
        ("start", "started_at"),
        ("cost", "cost_microdollars"),
        ("duration", "duration_us"),
        ("tokens", "tokens"),
        ("events", "events"),
    ];
    for (sort, field) in keys {
        let found = runs(&["--sort", sort]);
        let values: Vec<(i64, String)> = found
            .iter()
            .map(|run| match &run[field] {
                Value::String(text) => (
                    text.parse::<Timestamp>().unwrap().as_microsecond(),
                    String::new(),
                ),
                // Without a figure, last.
                number => (number.as_i64().unwrap_or(-1), String::new()),
            })
            .collect();
        assert!(
            values.is_sorted_by(|one, other| one >= other),
            "{sort}: {values:?}"
        );
        let turned = runs(&["--sort", sort, "--reverse"]);
        let backwards: Vec<&str> = ids(&turned).into_iter().rev().collect();
        assert_eq!(backwards, ids(&found), "{sort}");
        assert_eq!(
            runs(&["--sort", sort, "--limit", "3"]),
            found[..3],
            "{sort}"
        );
    }
    let failed = runs(&["--failed"]);
    assert_eq!(failed.len(), 5);
    assert!(failed.iter().all(|run| run["outcome"] == "failed"));
    let tenant = runs(&["--tenant", "tidewater-infra"]);
    assert_eq!(tenant.len(), 3);
    // A run counts that was under way in the range, with all its events.
    let within = runs(&[
        "--since",
        "2026-02-11T08:30:00Z",
        "--until",
        "2026-02-11T08:31:00Z",
    ]);
    assert_eq!(ids(&within), ["claims-7"]);
    assert_eq!(within[0]["events"], 18);

    let whole = bench.run(&[
        "runs", "log", "--failed", "--limit", "1", "--format", "json",
    ]);
    let whole = &whole.exits(0).values()[0];
    assert_eq!(whole["runs"].as_array().unwrap().len(), 1);
    assert_eq!(whole["totals"]["runs"], 5);
    assert_eq!(whole["events_without_run"], 23);
    let sum: u64 = failed
        .iter()
        .map(|run| run["events"].as_u64().unwrap())
        .sum();
    assert_eq!(whole["totals"]["events"], sum);
}

#[test]
fn a_timeline_has_every_event_in_its_place() {
    let bench = Bench::with_runs();
    for (id, run) in runs() {
        let shown = bench.run(&["show", "log", &id]).exits(0).values();
        let name = |event: &Value| event["event_id"].as_str().unwrap().to_owned();
        let expected: Vec<String> = run.iter().map(name).collect();
        assert_eq!(shown.iter().map(name).collect::<Vec<_>>(), expected, "{id}");
        for (shown, event) in shown.iter().zip(&run) {
            assert_eq!(shown["event"], event["event"]);
            assert_eq!(shown["occurred_at"], event["occurred_at"]);
            let offset = instant(event).duration_since(instant(&run[0])).as_micros();
            assert_eq!(shown["offset_us"], json!(u64::try_from(offset).unwrap()));
            let chain = &event["event"]["data"]["chain_id"];
            if chain.is_string() {
                assert_eq!(shown["chain"], *chain);
            }
        }
    }
}

#[test]
fn what_an_event_does_not_say_of_its_place_is_found_out() {
    let bench = Bench::with_runs();
    let shown = bench.run(&["show", "log", "claims-11"]).exits(0).values();
    let of = |id: &str| shown.iter().find(|e| e["event_id"] == id).unwrap();
    let fact = shown.iter().find(|e| e["kind"] == "FactPromoted").unwrap();
    assert_eq!(fact["chain"], "claims-11-assess");
    assert_eq!(fact["chain_id"], Value::Null);
    // The call's trace came 9.2 seconds after the call.
    let (call, trace) = (of("claims-11-0002"), of("claims-11-0003"));
    assert_eq!(call["chain"], "claims-11-assess");
    assert_eq!(trace["chain"], "claims-11-assess");
    assert_eq!(trace["latency_us"], 9_200_000);
    assert_eq!(trace["step"], call["step"]);

    let whole = bench.run(&["show", "log", "claims-11", "--format", "json"]);
    let whole = &whole.exits(0).values()[0];
    let problems = whole["problems"].as_array().unwrap();
    let kinds: Vec<&str> = problems
        .iter()
        .map(|p| p["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["contract_failed", "outcome_failed"]);
    assert_eq!(problems[0]["subject"], "no-accusation-without-evidence");
    let proposal = problems[0]["proposal"].as_str().unwrap();
    assert!(
        proposal.starts_with("Photos 3 and 4 were taken"),
        "{proposal}"
    );
    assert_eq!(whole["run"]["correlation_id"], "claims-11");
}

#[test]
fn one_id_in_two_tenants_is_two_runs() {
    let bench = Bench::new();
    let text = fs::read_to_string(RUNS).unwrap();
    let other = text.replace("\"nordhaven-insurance\"", "\"nordhaven-two\"");
    bench.run_with_input(&["import", "-", "log"], &format!("{text}{other}"));
    let runs = bench.run(&["runs", "log"]).exits(0).values();
    let of_claims = runs
        .iter()
        .filter(|run| run["correlation_id"] == "claims-7");
    let tenants: BTreeSet<&str> = of_claims
        .map(|run| run["tenant_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        tenants,
        BTreeSet::from(["nordhaven-insurance", "nordhaven-two"])
    );
    let both = bench.run(&["show", "log", "claims-7"]).exits(0).values();
    let one = ["show", "log", "claims-7", "--tenant", "nordhaven-two"];
    let one = bench.run(&one).exits(0).values();
    assert_eq!((both.len(), one.len()), (36, 18));
    let events = bench
        .run(&["event", "log", "claims-11-0002"])
        .exits(0)
        .values();
    assert_eq!(events.len(), 2);
}

#[test]
fn an_event_is_told_with_its_place_and_neighbours() {
    let bench = Bench::with_runs();
    let event = |id: &str| bench.run(&["event", "log", id]).exits(0).values().remove(0);
    let found = event("claims-11-0002");
    assert_eq!(found["previous"]["event_id"], "claims-11-0001");
    assert_eq!(found["previous"]["apart_us"], 1_100_000);
    assert_eq!(found["next"]["event_id"], "claims-11-0003");
    assert_eq!(found["commit_first_sequence"], 0);
    assert_eq!(found["commit_events"], 208);
    assert_eq!(found["content_hash"].as_str().unwrap().len(), 64);
    let line = fs::read_to_string(RUNS).unwrap();
    let line = line
        .lines()
        .find(|line| line.contains("\"claims-11-0002\""))
        .unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(found["event"], line["event"]);

    let sequence = found["sequence"].to_string();
    assert_eq!(event(&sequence), found);
    assert_eq!(event(&format!("#{sequence}")), found);
    // The chain's hash is the one that `verify` prints, for the last commit.
    let verified = bench.run(&["verify", "log"]).exits(0).out;
    assert!(
        verified.contains(found["chain_hash"].as_str().unwrap()),
        "{verified}"
    );
    // The same event has the same hash in another log; the chain does not.
    bench.run(&["import", RUNS, "other"]).exits(0);
    let other = bench.run(&["event", "other", "claims-11-0002"]).exits(0);
    let other = other.values().remove(0);
    assert_eq!(other["content_hash"], found["content_hash"]);
    assert_ne!(other["chain_hash"], found["chain_hash"]);
}

#[test]
fn artifacts_are_told_with_what_the_table_forbids() {
    let bench = Bench::with_runs();
    let found = bench.run(&["artifacts", "log"]).exits(0).values();
    let of = |id: &str| found.iter().find(|a| a["artifact_id"] == id).unwrap();
    let index = of("notebook-index");
    assert_eq!(index["irregular"], 1);
    let history = index["history"].as_array().unwrap();
    let forbidden: Vec<&Value> = history
        .iter()
        .filter(|step| step["allowed"] == false)
        .collect();
    assert_eq!(forbidden.len(), 1);
    assert_eq!(
        (&forbidden[0]["from"], &forbidden[0]["to"]),
        (&json!("deprecated"), &json!("active"))
    );
    // A rollback's record behind the transition that it tells of is no second change.
    let lora = of("claims-triage-lora")["history"].as_array().unwrap();
    let last: Vec<&Value> = lora.iter().rev().take(2).map(|step| &step["to"]).collect();
    assert_eq!(last, ["rolled_back", "rolled_back"]);
    assert_eq!(of("claims-triage-lora")["irregular"], 0);
    let gate = of("judge-prompt-gate");
    assert_eq!(
        (gate["state"].as_str(), gate["kind"].clone()),
        (Some("rolled_back"), Value::Null)
    );

    let changes = events()
        .iter()
        .filter(|e| kind(e).starts_with("Artifact"))
        .count();
    let told: usize = found
        .iter()
        .map(|a| a["history"].as_array().unwrap().len())
        .sum();
    assert_eq!(told, changes);
    let active = bench
        .run(&["artifacts", "log", "--state", "active"])
        .exits(0)
        .values();
    assert!(!active.is_empty() && active.len() < found.len());
    assert!(active.iter().all(|artifact| artifact["state"] == "active"));
    let one = bench
        .run(&["artifacts", "log", "notebook-index"])
        .exits(0)
        .values();
    assert_eq!(one.as_slice(), std::slice::from_ref(index));
    let table = ["artifacts", "log", "notebook-index", "--format", "table"];
    assert!(bench.run(&table).exits(0).out.contains("not allowed"));
}

#[test]
fn what_is_not_there_is_wrong_usage() {
    let bench = Bench::with_runs();
    for arguments in [
        &["show", "log", "no-such-run"][..],
        &["show", "log", "claims-7", "--tenant", "tidewater-infra"],
        &["event", "log", "no-such-event"],
        &["event", "log", "208"],
        &["artifacts", "log", "no-such-artifact"],
        &["artifacts", "log", "--state", "sideways"],
        &["runs", "log", "--since", "yesterday"],
        &["runs", "no-such-log"],
        &["man", "no-such-command"],
    ] {
        let ran = bench.run(arguments).exits(2);
        assert_eq!(ran.out, "", "{arguments:?}");
        assert!(!ran.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn stats_count_by_kind_tenant_and_day() {
    let bench = Bench::with_runs();
    let stats = bench
        .run(&["stats", "log", "--format", "json"])
        .exits(0)
        .values()
        .remove(0);
    let days = stats["days"].as_object().unwrap();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for event in events() {
        let day = instant(&event).to_string()[..10].to_owned();
        *expected.entry(day).or_default() += 1;
    }
    let found: BTreeMap<String, u64> = days
        .iter()
        .map(|(day, events)| (day.clone(), events.as_u64().unwrap()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(stats["runs"], 14);
    assert_eq!(stats["in_memory"], Value::Null);
    let bytes = stats["stored_bytes"].as_u64().unwrap();
    assert!(bytes > 208 * 100 && stats["largest_event"].as_u64().unwrap() < bytes);
}

#[test]
fn explain_tells_the_plan_and_the_work() {
    let bench = Bench::with_runs();
    let explain = |arguments: &[&str]| {
        let all = [&["explain", "log", "--correlation", "claims-7"], arguments].concat();
        bench.run(&all).exits(0).values().remove(0)
    };
    let journal = explain(&[]);
    assert_eq!(journal["access"], "journal");
    assert_eq!(journal["found"], 18);
    assert_eq!(journal["events_checked"], 208);
    assert_eq!(journal["commits_read"], 1);
    let before = fs::read_dir(bench.path("log")).unwrap().count();
    let trees = explain(&["--trees"]);
    assert_eq!(trees["access"], "postings");
    assert_eq!(trees["indexes"], json!(["correlations"]));
    assert_eq!(trees["found"], 18);
    assert!(trees["events_checked"].as_u64().unwrap() < 208);
    assert_eq!(trees["commits_read"], 0);
    // The log itself was only read.
    assert_eq!(fs::read_dir(bench.path("log")).unwrap().count(), before);
}

/// Every command that lists something, in each of its forms.
const LISTINGS: [&[&str]; 8] = [
    &["runs", "log"],
    &["show", "log", "claims-11"],
    &["show", "log", "claims-11", "--full"],
    &["event", "log", "claims-11-0002"],
    &["artifacts", "log"],
    &["tail", "log", "-n", "300"],
    &["dump", "log"],
    &["explain", "log"],
];

#[test]
fn everything_works_beside_a_writer_and_changes_nothing() {
    let bench = Bench::with_runs();
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let line = fs::read_to_string(RUNS)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let mut envelope: ExperienceEventEnvelope = serde_json::from_str(&line).unwrap();
    envelope.event_id = "while-open".into();
    envelope.correlation_id = Some("run-while-open".into());
    log.append(&envelope).unwrap();
    for listing in LISTINGS {
        bench.run(listing).exits(0);
    }
    let runs = bench.run(&["runs", "log"]).exits(0).values();
    assert!(ids(&runs).contains(&"run-while-open"));
    bench.run(&["show", "log", "run-while-open"]).exits(0);
    bench.run(&["explain", "log", "--trees"]).exits(0);
    // The writer was not disturbed.
    envelope.event_id = "and-after".into();
    log.append(&envelope).unwrap();
    log.close().unwrap();
}

#[test]
fn a_torn_tail_hides_nothing_that_is_whole() {
    let bench = Bench::with_runs();
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let journal = bench.path("log/journal");
    let before = newest(&journal);
    log.close().unwrap();
    drop(before);
    // What a crash leaves behind the last commit.
    let segment = newest(&journal);
    let mut bytes = fs::read(&segment).unwrap();
    bytes.extend_from_slice(b"XFR1 torn");
    fs::write(&segment, bytes).unwrap();
    for listing in LISTINGS {
        bench.run(listing).exits(0);
    }
    assert_eq!(bench.run(&["runs", "log"]).exits(0).values().len(), 14);
}

fn newest(journal: &Path) -> std::path::PathBuf {
    let mut segments: Vec<_> = fs::read_dir(journal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    segments.sort();
    segments.pop().unwrap()
}

/// An event of a contract that is a relative of the log's own.
fn related(kind: &str, data: &Value) -> String {
    json!({"event_id": "x", "event": {"type": kind, "data": data}}).to_string()
}

#[test]
fn events_of_other_contracts_are_part_of_their_runs() {
    let bench = Bench::with_runs();
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let outcome = related(
        "OutcomeRecorded",
        &json!({"chain_id": "claims-12-delay", "step": "Evaluation", "passed": false,
            "stop_reason": {"Error": {"message": "\u{1b}[2Jno"}}, "latency_ms": 5, "tokens": 30,
            "cost_microdollars": 100, "backend": "other/model", "metadata": {}}),
    );
    let strange = "{\n\t\"goal\": \"g\u{1b}\",\r\n \"n\": 1.50\n}".replace('\u{1b}', "\\u001b");
    let mut events = [
        ForeignEvent::new(
            "acme",
            "OutcomeRecorded",
            "f1",
            "2026-06-18T20:00:00Z",
            &outcome,
        ),
        ForeignEvent::new("acme", "GoalReached", "f2", "lamport:7", &strange),
    ];
    for event in &mut events {
        event.tenant_id = Some("nordhaven-insurance");
        event.correlation_id = Some("claims-12");
    }
    events[0].chain_id = Some("claims-12-delay");
    log.append_foreign(&events).unwrap();
    log.close().unwrap();

    let runs = bench.run(&["runs", "log"]).exits(0).values();
    let run = runs
        .iter()
        .find(|run| run["correlation_id"] == "claims-12")
        .unwrap();
    assert_eq!(run["outcome"], "failed");
    assert_eq!(run["tokens"], 19_970 + 30);
    assert_eq!(run["events"], 14);
    assert_eq!(run["unreadable"], 0);
    let shown = bench.run(&["show", "log", "claims-12"]).exits(0).values();
    assert_eq!(shown[0]["kind"], "GoalReached");
    assert_eq!(shown[0]["contract"], "acme");
    assert_eq!(shown[0]["instant"], "lamport:7");
    assert_eq!(shown[0]["event"], json!({"goal": "g\u{1b}", "n": 1.50}));
    let problems = bench
        .run(&["show", "log", "claims-12", "--format", "json"])
        .exits(0);
    let problems = problems.values()[0]["problems"].as_array().unwrap().len();
    assert_eq!(problems, 3);
    for listing in [
        &["show", "log", "claims-12", "--full"][..],
        &["event", "log", "f2"],
        &["event", "log", "f1"],
        &["tail", "log"],
        &["stats", "log"],
        &["runs", "log"],
    ] {
        let out = bench
            .run(&[listing, &["--format", "table"]].concat())
            .exits(0)
            .out;
        assert!(!out.contains('\u{1b}'), "{listing:?}: {out:?}");
    }
    let stats = bench
        .run(&["stats", "log", "--format", "json"])
        .exits(0)
        .values();
    assert_eq!(stats[0]["kinds"]["GoalReached"], 1);
    assert_eq!(stats[0]["days"]["logical"], 1);

    // And they are copied like the others.
    let exported = bench
        .run(&["export", "log", "--format", "jsonl"])
        .exits(0)
        .out;
    assert!(
        exported.contains(r#""n": 1.50"#),
        "numbers keep their digits"
    );
    bench
        .run_with_input(&["import", "--strict", "-", "copy"], &exported)
        .exits(0);
    assert_eq!(
        bench
            .run(&["export", "copy", "--format", "jsonl"])
            .exits(0)
            .out,
        exported
    );
}

#[test]
fn the_real_runs_are_told_whole() {
    let real =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/airline-agent-runs.jsonl");
    if !real.exists() {
        eprintln!("skipped: {} is not there", real.display());
        return;
    }
    let bench = Bench::new();
    bench
        .run(&["import", real.to_str().unwrap(), "log"])
        .exits(0);
    let runs = bench
        .run(&["runs", "log", "--format", "json"])
        .exits(0)
        .values()
        .remove(0);
    let text = fs::read_to_string(&real).unwrap();
    assert_eq!(runs["totals"]["events"], text.lines().count());
    let dearest = bench.run(&["runs", "log", "--failed", "--sort", "cost", "--limit", "1"]);
    let dearest = dearest.exits(0).values().remove(0);
    let id = dearest["correlation_id"].as_str().unwrap();
    let shown = bench
        .run(&["show", "log", id, "--format", "json"])
        .exits(0)
        .values()
        .remove(0);
    let problems = shown["problems"].as_array().unwrap();
    assert!(
        problems
            .iter()
            .any(|problem| problem["kind"] == "contract_failed")
    );
    let exported = bench
        .run(&["export", "log", "--format", "jsonl"])
        .exits(0)
        .out;
    let values = |text: &str| -> Vec<Value> {
        let parsed = text.lines().map(serde_json::from_str);
        parsed.map(Result::unwrap).collect()
    };
    assert!(
        values(&exported) == values(&text),
        "in the order of appending"
    );
}
