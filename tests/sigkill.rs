//! After: a process killed at any moment loses nothing that it was told is kept.
//!
//! A child process (this test's own binary) appends single events and batches to one directory and prints
//! what was acknowledged. It is killed with SIGKILL after a random time: while it opens, recovers, appends,
//! flushes or seals. Then everything it had acknowledged must be there, whole, and found by every index.
//!
//! `EXPLOG_KILLS` sets the number of kills.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use experience_log::{
    DecisionStep, EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind,
    ExperienceLog, LogReader, ScanOptions,
};

const CHILD: &str = "EXPLOG_SIGKILL_CHILD";
const KILLS: usize = 200;

/// A small generator, so that a run can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Event `number` of batch `batch` of life `life`: what it holds follows from its id.
fn event(life: usize, batch: usize, number: usize, size: usize) -> ExperienceEventEnvelope {
    let event = ExperienceEvent::OutcomeRecorded {
        chain_id: format!("chain-{life}-{batch}"),
        step: DecisionStep::Planning,
        passed: number.is_multiple_of(2),
        // Now and then one that is too large for the trees.
        stop_reason: (batch % 50 == 49).then(|| "x".repeat(70_000)),
        latency_ms: Some(number as u64),
        tokens: Some(size as u64),
        cost_microdollars: None,
        backend: None,
    };
    ExperienceEventEnvelope::new(format!("{life}-{batch}-{number}"), event)
        .with_tenant(format!("tenant-{}", batch % 3))
        .with_correlation(format!("life-{life}"))
        .with_timestamp(format!("2026-01-01T00:00:{:02}Z", batch % 60))
}

fn open(path: &Path) -> ExperienceLog {
    ExperienceLog::options()
        .memtable_events(64)
        .segment_bytes(32 << 10)
        .open(path)
        .unwrap()
}

/// Not a test of its own: what the child process does.
#[test]
fn child() {
    let Ok(arguments) = std::env::var(CHILD) else {
        return;
    };
    let (life, path) = arguments.split_once(' ').unwrap();
    let life = life.parse().unwrap();
    let log = open(Path::new(path));
    let mut out = std::io::stdout().lock();
    for batch in 0.. {
        let size = if batch % 4 == 3 { 17 } else { 1 };
        let events: Vec<_> = (0..size)
            .map(|number| event(life, batch, number, size))
            .collect();
        let sequence = log.append_batch(&events).unwrap().events[0].sequence;
        writeln!(out, "ack {batch} {size} {sequence}").unwrap();
        out.flush().unwrap();
    }
}

fn spawn(life: usize, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{life} {}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What one life was told is kept: batch, size, first sequence number.
fn live_and_die(life: usize, path: &Path, random: &mut Random) -> Vec<(usize, usize, u64)> {
    let mut child = spawn(life, path);
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let lines = out.lines().map_while(Result::ok);
        lines
            .filter_map(|line| {
                let mut words = line.strip_prefix("ack ")?.split(' ');
                let mut next = || words.next()?.parse::<u64>().ok();
                let batch = usize::try_from(next()?).unwrap();
                Some((batch, usize::try_from(next()?).unwrap(), next()?))
            })
            .collect::<Vec<_>>()
    });
    // One in four dies young: while it opens and recovers.
    let most = if random.below(4) == 0 { 12_000 } else { 60_000 };
    thread::sleep(Duration::from_micros(random.below(most)));
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(
        status.code(),
        None,
        "life {life} ended by itself: {}",
        stderr(&mut child)
    );
    reader.join().unwrap()
}

fn stderr(child: &mut Child) -> String {
    let mut text = String::new();
    let _ = std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut text);
    text
}

#[test]
fn nothing_acknowledged_is_lost_however_often_the_process_is_killed() {
    let kills = std::env::var("EXPLOG_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.log");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut acknowledged: HashMap<String, (u64, ExperienceEventEnvelope)> = HashMap::new();
    let mut torn = 0;
    for life in 0..kills {
        for (batch, size, sequence) in live_and_die(life, &path, &mut random) {
            for number in 0..size {
                let event = event(life, batch, number, size);
                acknowledged.insert(event.event_id.clone(), (sequence + number as u64, event));
            }
        }
        if life % 10 == 9 || life + 1 == kills {
            torn += check(&path, &acknowledged);
        } else if path.join("FORMAT").exists() {
            // A look needs no recovery, and does none.
            let reader = LogReader::open(&path).unwrap();
            assert!(reader.head().unwrap() >= acknowledged.len() as u64);
        }
    }
    println!(
        "{kills} kills, {} events acknowledged, {torn} torn bytes cut off",
        acknowledged.len()
    );
    assert!(
        acknowledged.len() > kills,
        "the lives were too short to show anything"
    );
}

/// Opens the log and compares it with what was acknowledged.
fn check(path: &Path, acknowledged: &HashMap<String, (u64, ExperienceEventEnvelope)>) -> u64 {
    let log = open(path);
    let torn = log.recovery().torn_bytes;
    assert_eq!(log.recovery().head_ignored, None);
    let verification = log.verify().unwrap();
    assert_eq!(verification.problems, Vec::<String>::new());

    let mut batches: HashMap<(String, String), usize> = HashMap::new();
    let mut seen = HashSet::new();
    for (expected, entry) in (0..).zip(log.replay(0).unwrap()) {
        let entry = entry.unwrap();
        assert_eq!(entry.sequence(), expected);
        assert!(
            seen.insert(entry.event_id().to_owned()),
            "{} is there twice",
            entry.event_id()
        );
        let mut parts = entry.event_id().split('-');
        let batch = (
            parts.next().unwrap().to_owned(),
            parts.next().unwrap().to_owned(),
        );
        *batches.entry(batch).or_default() += 1;
        if let Some((sequence, event)) = acknowledged.get(entry.event_id()) {
            assert_eq!(entry.sequence(), *sequence);
            assert_eq!(entry.envelope().unwrap(), *event);
        }
    }
    assert_eq!(log.head().unwrap(), seen.len() as u64);
    for event_id in acknowledged.keys() {
        assert!(
            seen.contains(event_id),
            "{event_id} was acknowledged and is lost"
        );
    }
    for ((life, batch), events) in &batches {
        let size = if batch.parse::<usize>().unwrap() % 4 == 3 {
            17
        } else {
            1
        };
        assert_eq!(*events, size, "batch {batch} of life {life} is torn");
        let chain = EventQuery::new().chain(format!("chain-{life}-{batch}"));
        assert_eq!(log.query(&chain).unwrap().len(), size);
    }
    let by_kind = EventQuery::new().kind(ExperienceEventKind::OutcomeRecorded);
    let all = log.scan(&by_kind, ScanOptions::newest_first()).unwrap();
    assert_eq!(all.count(), seen.len());
    for (event_id, (sequence, event)) in acknowledged.iter().take(200) {
        let entry = log
            .get(event.tenant_id.as_deref(), event_id)
            .unwrap()
            .unwrap();
        assert_eq!(entry.sequence(), *sequence);
    }
    log.close().unwrap();
    torn
}
