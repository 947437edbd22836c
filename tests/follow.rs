//! After: `follow` and `tail -f` print each event that another process appends, once, in order, and end without half a
//! line.
#![cfg(all(unix, feature = "cli"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

mod command;
mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout};

use experience_log::ExperienceLog;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use command::Bench;

struct Follower {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Follower {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut child = bench.command(arguments).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next_id(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        event["event_id"].as_str().unwrap().to_owned()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// What it printed besides, and its exit code.
    fn end(mut self) -> (String, Option<i32>) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().code())
    }
}

fn id(number: usize) -> String {
    format!("e{number:04}")
}

#[test]
fn a_follower_gets_each_event_once_and_ends_on_ctrl_c() {
    let bench = Bench::new();
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    log.append(&support::envelope("before")).unwrap();
    let mut follower = Follower::start(&bench, &["follow", "log", "--from", "0"]);
    assert_eq!(follower.next_id(), "before");
    for number in 0..300 {
        log.append(&support::envelope(&id(number))).unwrap();
    }
    for number in 0..300 {
        assert_eq!(follower.next_id(), id(number));
    }
    // Also what comes after it waited.
    log.append(&support::envelope("after")).unwrap();
    assert_eq!(follower.next_id(), "after");
    follower.signal(Signal::INT);
    assert_eq!(follower.end(), (String::new(), Some(130)));
    // The writer knows nothing of it.
    log.append(&support::envelope("later")).unwrap();
    log.close().unwrap();
}

#[test]
fn a_follower_ends_after_what_was_asked_for() {
    let bench = Bench::with_runs();
    let arguments = [
        "follow",
        "log",
        "--from",
        "0",
        "--kind",
        "fact-promoted",
        "--limit",
        "5",
    ];
    let ran = bench.run(&arguments).exits(0);
    let events = ran.values();
    assert_eq!(events.len(), 5);
    assert!(
        events
            .iter()
            .all(|event| event["event"]["type"] == "FactPromoted")
    );
    assert_eq!(ran.err, "");
}

#[test]
fn tail_begins_with_the_last_events() {
    let bench = Bench::with_runs();
    let all = bench
        .run(&["export", "log", "--format", "jsonl"])
        .exits(0)
        .out;
    let lines: Vec<&str> = all.lines().collect();
    let tail = |arguments: &[&str]| bench.run(arguments).exits(0).out;
    assert_eq!(
        tail(&["tail", "log"]).lines().collect::<Vec<_>>(),
        lines[198..]
    );
    assert_eq!(
        tail(&["tail", "log", "-n", "3"])
            .lines()
            .collect::<Vec<_>>(),
        lines[205..]
    );
    assert_eq!(tail(&["tail", "log", "-n", "0"]), "");
    let of_tenant = tail(&["tail", "log", "-n", "2", "--tenant", "harrow-legal"]);
    assert_eq!(of_tenant.lines().count(), 2);
    assert!(of_tenant.lines().all(|line| line.contains("harrow-legal")));

    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let mut follower = Follower::start(&bench, &["tail", "-f", "log", "-n", "1"]);
    let last: Value = serde_json::from_str(lines[207]).unwrap();
    assert_eq!(follower.next_id(), last["event_id"].as_str().unwrap());
    log.append(&support::envelope("new")).unwrap();
    assert_eq!(follower.next_id(), "new");
    follower.signal(Signal::INT);
    assert_eq!(follower.end().1, Some(130));
    log.close().unwrap();
}

#[test]
fn a_follower_whose_reader_left_ends_quietly() {
    let bench = Bench::new();
    let log = ExperienceLog::open(bench.path("log")).unwrap();
    let mut child = bench
        .command(&["follow", "log", "--from", "0"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    log.append(&support::envelope("e")).unwrap();
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), errors.as_str()),
        (Some(0), "")
    );
    log.close().unwrap();
}
