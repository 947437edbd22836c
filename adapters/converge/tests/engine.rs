//! The example, in two processes on one directory: what the engine did in each is there for whoever asks.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

#[allow(
    dead_code,
    clippy::unnecessary_literal_bound,
    reason = "the example's main is not called here"
)]
#[path = "../examples/engine.rs"]
mod example;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use converge_core::{
    EventQuery, ExperienceEvent, ExperienceEventKind, ExperienceRecord, UserExperienceEvent,
};
use converge_experience_log::ConvergeReader;

/// Where the other process finds the log.
const LOG: &str = "CONVERGE_TEST_LOG";

#[test]
#[ignore = "started by the other test, as another process"]
fn the_process() {
    let path = std::env::var_os(LOG).unwrap();
    example::work(Path::new(&path)).unwrap();
}

fn run_process(path: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_process", "--nocapture"])
        .env(LOG, path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn two_processes_leave_two_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.log");
    let first = run_process(&path);
    assert!(first.contains("recalled from earlier runs: 0"), "{first}");
    let second = run_process(&path);
    // The approval, and the outcome that ran out of cycles.
    assert!(second.contains("recalled from earlier runs: 2"), "{second}");
    assert!(second.contains("outcome failed"), "{second}");

    let log = ConvergeReader::open(&path).unwrap();
    let records = log.query_records(&EventQuery::default()).unwrap();
    let runs: BTreeSet<_> = records
        .iter()
        .map(|record| record.correlation_id().unwrap().to_string())
        .collect();
    assert_eq!(runs.len(), 2);
    let mut sizes = Vec::new();
    for run in runs {
        let query = EventQuery {
            correlation_id: Some(run.into()),
            ..EventQuery::default()
        };
        let records = log.query_records(&query).unwrap();
        sizes.push(records.len());
        let kinds: BTreeSet<_> = records
            .iter()
            .filter_map(|record| match record {
                ExperienceRecord::Engine(envelope) => Some(format!("{:?}", envelope.event.kind())),
                ExperienceRecord::User(_) => None,
            })
            .collect();
        let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
        let expected = [
            "BudgetExceeded",
            "FactPromoted",
            "GateDecisionRecorded",
            "OutcomeRecorded",
        ];
        assert_eq!(kinds, expected);
        check_gate(&log, &query, &records);
    }
    // The second one had something to remember.
    assert!(sizes.iter().max() > sizes.iter().min());
    assert!(log.log().verify().unwrap().problems.is_empty());
}

/// The human's approval and the engine's record of it are found by the gate.
fn check_gate(log: &ConvergeReader, run: &EventQuery, records: &[ExperienceRecord]) {
    let gate = records.iter().find_map(|record| match record {
        ExperienceRecord::Engine(envelope) => match &envelope.event {
            ExperienceEvent::GateDecisionRecorded { request, .. } => Some(request.gate_id.clone()),
            _ => None,
        },
        ExperienceRecord::User(_) => None,
    });
    let query = EventQuery {
        chain_id: Some(gate.unwrap().as_str().into()),
        ..run.clone()
    };
    let of_gate = log.query_records(&query).unwrap();
    assert_eq!(of_gate.len(), 2);
    let approved = of_gate.iter().any(|record| {
        matches!(record, ExperienceRecord::User(envelope)
            if matches!(envelope.event, UserExperienceEvent::UserApprovalGranted { .. }))
    });
    let decided = of_gate.iter().any(|record| {
        matches!(record, ExperienceRecord::Engine(envelope)
            if envelope.event.kind() == ExperienceEventKind::GateDecisionRecorded)
    });
    assert!(approved && decided, "{of_gate:?}");
}
