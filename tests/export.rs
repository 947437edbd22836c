//! After: an export says what the log says. jsonl comes back by `import` to the letter; csv and parquet have a row for
//! every event; the page holds every run, and nothing that an agent wrote can act in it.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

mod command;

use std::collections::BTreeMap;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use experience_log::inspect::Row;
use experience_log::{
    ExperienceEvent, ExperienceEventEnvelope, ExperienceLog, KernelProposal, LogReader,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use command::{Bench, RUNS};

fn envelopes() -> Vec<ExperienceEventEnvelope> {
    let text = fs::read_to_string(RUNS).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn a_proposal() -> (ExperienceEventEnvelope, KernelProposal) {
    let found = envelopes().into_iter().find_map(|envelope| {
        let ExperienceEvent::ProposalCreated { proposal, .. } = &envelope.event else {
            return None;
        };
        let proposal = proposal.clone();
        Some((envelope, proposal))
    });
    found.unwrap()
}

fn with_proposal(
    mut envelope: ExperienceEventEnvelope,
    new: KernelProposal,
) -> ExperienceEventEnvelope {
    if let ExperienceEvent::ProposalCreated { proposal, .. } = &mut envelope.event {
        *proposal = new;
    }
    envelope
}

#[test]
fn jsonl_is_the_log_in_the_order_of_appending() {
    let bench = Bench::with_runs();
    let exported = bench.run(&["export", "log", "--format", "jsonl"]).exits(0);
    assert_eq!(exported.out, fs::read_to_string(RUNS).unwrap());
    assert_eq!(exported.err, "");
    bench
        .run_with_input(&["import", "--strict", "-", "copy"], &exported.out)
        .exits(0);
    let ids = |log: &str| -> Vec<(u64, String)> {
        let reader = LogReader::open(bench.path(log)).unwrap();
        let entries = reader.replay(0).unwrap().map(Result::unwrap);
        entries
            .map(|entry| (entry.sequence(), entry.event_id().to_owned()))
            .collect()
    };
    assert_eq!(ids("copy"), ids("log"));

    let to_file = ["export", "log", "--format", "jsonl", "-o", "out.jsonl"];
    let ran = bench.run(&to_file).exits(0);
    assert_eq!(ran.out, "");
    assert_eq!(
        fs::read_to_string(bench.path("out.jsonl")).unwrap(),
        exported.out
    );
    assert!(!bench.path("out.jsonl.part").exists());
    let some = [
        "export",
        "log",
        "--format",
        "jsonl",
        "--tenant",
        "harrow-legal",
        "--limit",
        "4",
    ];
    let some = bench.run(&some).exits(0).values();
    assert_eq!(some.len(), 4);
    assert!(
        some.iter()
            .all(|event| event["tenant_id"] == "harrow-legal")
    );
}

#[test]
fn a_number_that_json_lacks_is_told_and_not_altered() {
    let bench = Bench::with_runs();
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let (mut envelope, mut proposal) = a_proposal();
    envelope.event_id = "not-a-number".into();
    proposal.confidence = Some(f32::NAN);
    log.append(&with_proposal(envelope, proposal)).unwrap();
    log.close().unwrap();
    let ran = bench.run(&["export", "log", "--format", "jsonl"]).exits(1);
    assert_eq!(ran.out, fs::read_to_string(RUNS).unwrap());
    assert!(ran.err.contains("\"not-a-number\""), "{}", ran.err);
    assert!(ran.err.contains("proposal.confidence"), "{}", ran.err);
    assert!(ran.err.contains("1 event left out"), "{}", ran.err);
}

#[test]
fn csv_has_a_row_for_every_event() {
    let bench = Bench::with_runs();
    let out = bench
        .run(&["export", "log", "--format", "csv"])
        .exits(0)
        .out;
    let mut reader = csv::Reader::from_reader(out.as_bytes());
    assert_eq!(reader.headers().unwrap(), Row::COLUMNS.as_slice());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let text = fs::read_to_string(RUNS).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), events.len());
    for (number, (row, event)) in rows.iter().zip(&events).enumerate() {
        assert_eq!(row["sequence"], number.to_string());
        for field in ["event_id", "occurred_at", "tenant_id", "correlation_id"] {
            assert_eq!(row[field], event[field].as_str().unwrap_or_default());
        }
        assert_eq!(row["kind"], event["event"]["type"].as_str().unwrap());
        let data = &event["event"]["data"];
        let payload: Value = serde_json::from_str(&row["payload"]).unwrap();
        assert_eq!(payload, *data);
        for field in ["chain_id", "step"] {
            let value = data[field].as_str();
            assert!(value.is_none_or(|value| row[field] == value), "{field}");
        }
        if row["kind"] == "OutcomeRecorded" {
            for field in ["latency_ms", "tokens", "cost_microdollars", "passed"] {
                let value = &data[field];
                let expected = if value.is_null() {
                    String::new()
                } else {
                    value.to_string()
                };
                assert_eq!(row[field], expected, "{field}");
            }
        }
    }
}

#[test]
fn formulas_are_guarded_on_demand_only() {
    let bench = Bench::new();
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let mut envelope = envelopes().remove(0);
    envelope.event_id = "=HYPERLINK(\"x\")".into();
    log.append(&envelope).unwrap();
    log.close().unwrap();
    let id = |arguments: &[&str]| {
        let out = bench.run(arguments).exits(0).out;
        let mut reader = csv::Reader::from_reader(out.as_bytes());
        let row: BTreeMap<String, String> = reader.deserialize().next().unwrap().unwrap();
        row["event_id"].clone()
    };
    let plain = ["export", "log", "--format", "csv"];
    assert_eq!(id(&plain), "=HYPERLINK(\"x\")");
    let guarded = [&plain[..], &["--guard-formulas"]].concat();
    assert_eq!(id(&guarded), "'=HYPERLINK(\"x\")");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let bench = Bench::with_runs();
    for arguments in [
        &["--format", "csv", "--failed"][..],
        &["--format", "jsonl", "--guard-formulas"],
        &["--format", "html", "--kind", "fact-promoted"],
        &["--format", "csv", "-o", "no-such-folder/out.csv"],
        &["--format", "yaml"],
    ] {
        let all = [&["export", "log"], arguments].concat();
        assert_eq!(bench.run(&all).exits(2).out, "");
    }
    #[cfg(not(feature = "parquet"))]
    {
        let ran = bench
            .run(&["export", "log", "--format", "parquet"])
            .exits(2);
        assert!(ran.err.contains("--features parquet"), "{}", ran.err);
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_has_the_rows_of_csv() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let bench = Bench::with_runs();
    bench
        .run(&["export", "log", "--format", "parquet", "-o", "out.parquet"])
        .exits(0);
    let file = fs::File::open(bench.path("out.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let text = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        other => other.to_string(),
    };
    let rows: Vec<Vec<String>> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            row.unwrap()
                .get_column_iter()
                .map(|(_, field)| text(field))
                .collect()
        })
        .collect();
    let out = bench
        .run(&["export", "log", "--format", "csv"])
        .exits(0)
        .out;
    let mut csv = csv::Reader::from_reader(out.as_bytes());
    let expected: Vec<Vec<String>> = csv
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(rows, expected);
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<&str> = schema
        .get_fields()
        .iter()
        .map(|field| field.name())
        .collect();
    assert_eq!(names, Row::COLUMNS);
}

/// What stands between two texts that are there once.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

fn data(page: &str) -> Value {
    let json = between(
        page,
        r#"<script type="application/json" id="data">"#,
        "</script>",
    );
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_page_holds_every_run_and_its_events() {
    let bench = Bench::with_runs();
    let page = bench
        .run(&["export", "log", "--format", "html"])
        .exits(0)
        .out;
    let lines = bench.run(&["runs", "log"]).exits(0).values();
    let data = data(&page);
    let runs = data["runs"].as_array().unwrap();
    assert_eq!(runs.len(), lines.len());
    for (run, line) in runs.iter().zip(&lines) {
        assert_eq!(run["id"], line["correlation_id"]);
        assert_eq!(run["count"], line["events"]);
        assert_eq!(run["cost"], line["cost_microdollars"]);
        let events = run["events"].as_array().unwrap().len();
        assert_eq!(line["events"], events);
        // The list is there without scripts, too.
        let row = format!(
            r#"<button type="button">{}</button>"#,
            line["correlation_id"].as_str().unwrap()
        );
        assert!(page.contains(&row));
    }
    let failed = bench
        .run(&["export", "log", "--format", "html", "--failed"])
        .exits(0)
        .out;
    assert_eq!(self::data(&failed)["runs"].as_array().unwrap().len(), 5);
    // No more than asked for, and the page says so.
    let few = bench
        .run(&["export", "log", "--format", "html", "--limit", "30"])
        .exits(0);
    assert_eq!(self::data(&few.out)["runs"].as_array().unwrap().len(), 2);
    assert!(few.out.contains("12 earlier runs are left out"));
    assert!(few.err.contains("12 runs left out"), "{}", few.err);
}

#[test]
fn the_page_needs_no_network_and_allows_none() {
    let bench = Bench::with_runs();
    let page = bench
        .run(&["export", "log", "--format", "html"])
        .exits(0)
        .out;
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let style = between(&page, "<style>", "</style>");
    let (_, script) = page.rsplit_once("<script>").unwrap();
    let (script, _) = script.split_once("</script>").unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(
        policy.contains(&format!("style-src {}", hash(style))),
        "{policy}"
    );
    assert!(
        policy.contains(&format!("script-src {}", hash(script))),
        "{policy}"
    );
    let around = page
        .replace(script, "")
        .replace(between(&page, "id=\"data\">", "</script>"), "");
    for way in [
        "http:",
        "https:",
        "src=",
        "url(",
        "@import",
        " style=",
        " onclick=",
    ] {
        assert!(!around.contains(way), "{way}");
    }
}

#[test]
fn nothing_an_agent_wrote_is_markup() {
    let bench = Bench::new();
    let hostile =
        "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&<!--\u{2028}\u{202e}";
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let (mut envelope, mut proposal) = a_proposal();
    envelope.event_id = "<b>id</b>".into();
    envelope.tenant_id = Some("<i>tenant</i>".into());
    envelope.correlation_id = Some("<u>run</u>\"'".into());
    proposal.id = hostile.into();
    proposal.payload = hostile.into();
    let mut outcome = envelope.clone();
    log.append(&with_proposal(envelope, proposal)).unwrap();
    outcome.event_id = "o".into();
    outcome.event = ExperienceEvent::OutcomeRecorded {
        chain_id: hostile.into(),
        step: experience_log::DecisionStep::Planning,
        passed: false,
        stop_reason: Some(hostile.into()),
        latency_ms: None,
        tokens: None,
        cost_microdollars: None,
        backend: Some(hostile.into()),
    };
    log.append(&outcome).unwrap();
    log.close().unwrap();
    let page = bench
        .run(&["export", "log", "--format", "html"])
        .exits(0)
        .out;
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    for raw in ["<img", "<b>", "<i>", "<u>", "<!--", "\u{202e}", "\u{2028}"] {
        let script = page.rsplit_once("<script>").unwrap().0;
        assert!(!script.contains(raw), "{raw}");
    }
    assert!(page.contains("&lt;u&gt;run&lt;/u&gt;&quot;&#39;"));
    // And still it says what was written.
    let data = data(&page);
    assert_eq!(data["runs"][0]["id"], "<u>run</u>\"'");
    let payload = data["runs"][0]["events"][0][10].as_str().unwrap();
    let payload: Value = serde_json::from_str(payload).unwrap();
    assert_eq!(payload["data"]["proposal"]["payload"], hostile);
}
