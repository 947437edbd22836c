//! After: what a log does while its trees are still being opened.
//!
//! The trees are held up by a named pipe in place of sled's file: who opens one waits until somebody writes to it.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use experience_log::{
    Appended, Durability, EventQuery, ExperienceEventEnvelope, ExperienceLog, Options, ScanOptions,
};

use tempfile::TempDir;

use support::envelope;

/// A test that waits for longer has failed.
const LONG: Duration = Duration::from_mins(1);

/// A log that is open, whose trees are held up until they are let go or this is dropped, which comes before the log's turn.
struct Waiting {
    held: Held,
    log: ExperienceLog,
    path: PathBuf,
    _folder: TempDir,
}

impl Waiting {
    /// Opens the log that is made in a folder.
    fn open(make: impl FnOnce(&Path) -> PathBuf, memtable_events: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = make(folder.path());
        let held = Held::hold(&path);
        Self {
            log: open(&path, memtable_events),
            held,
            path,
            _folder: folder,
        }
    }
}

/// The trees of a closed log, which nobody can open for now.
struct Held {
    /// sled's file in its place, and where it is kept meanwhile.
    database: PathBuf,
    kept: PathBuf,
    /// Keeps those from waiting who opened the pipe instead.
    pipe: Option<File>,
}

impl Held {
    fn hold(log: &Path) -> Self {
        let database = generation(log).join("db");
        let kept = log.with_extension("db");
        fs::rename(&database, &kept).unwrap();
        let made = Command::new("mkfifo").arg(&database).status().unwrap();
        assert!(made.success());
        Self {
            database,
            kept,
            pipe: None,
        }
    }

    /// Lets those go on who wait, and everybody else open the trees.
    fn release(&mut self) {
        if self.pipe.is_some() {
            return;
        }
        let pipe = self.kept.with_extension("pipe");
        fs::rename(&self.database, &pipe).unwrap();
        fs::rename(&self.kept, &self.database).unwrap();
        let open = OpenOptions::new().read(true).write(true).open(pipe);
        self.pipe = Some(open.unwrap());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

fn generation(log: &Path) -> PathBuf {
    log.join("trees/00000000")
}

fn options(memtable_events: usize) -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .memtable_events(memtable_events)
}

/// With the second, the three events that the trees lack are worth a flush.
const MEMTABLES: [usize; 2] = [100, 10];

fn event(id: u32) -> ExperienceEventEnvelope {
    envelope(&format!("event-{id}"))
}

/// A log whose trees have the events 0 to 3, and whose journal has 4 to 6 as well.
fn log_with_a_tail(folder: &Path) -> PathBuf {
    let path = folder.join("log");
    let log = options(100).open(&path).unwrap();
    for id in [0, 1] {
        log.append(&event(id)).unwrap();
    }
    log.flush().unwrap();
    fs::copy(
        generation(&path).join("watermark"),
        folder.join("older watermark"),
    )
    .unwrap();
    for id in [2, 3] {
        log.append(&event(id)).unwrap();
    }
    log.flush().unwrap();
    for id in [4, 5, 6] {
        log.append(&event(id)).unwrap();
    }
    log.close().unwrap();
    path
}

/// The same, as if the process had ended between the last flush and its watermark.
fn log_further_than_told(folder: &Path) -> PathBuf {
    let path = log_with_a_tail(folder);
    let watermark = generation(&path).join("watermark");
    fs::copy(folder.join("older watermark"), watermark).unwrap();
    path
}

/// Does it in another thread, and waits for that.
fn at_once<T: Send + 'static>(action: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(action()));
    told.recv_timeout(LONG).unwrap()
}

fn open(path: &Path, memtable_events: usize) -> ExperienceLog {
    let path = path.to_path_buf();
    at_once(move || options(memtable_events).open(path).unwrap())
}

fn append(log: &ExperienceLog, id: u32) -> Appended {
    let log = log.clone();
    at_once(move || log.append(&event(id)).unwrap())
}

/// Appends an event in another thread, which has to wait if the log may have it.
fn repeat(log: &ExperienceLog, id: u32) -> JoinHandle<Appended> {
    let log = log.clone();
    let repeat = thread::spawn(move || log.append(&event(id)).unwrap());
    // Time for it to do what it should not.
    thread::sleep(Duration::from_millis(100));
    repeat
}

/// The log has these events, once each, by every way in which they are asked for.
fn check(log: &ExperienceLog, ids: std::ops::RangeInclusive<u32>) {
    let expected: Vec<_> = ids.clone().map(event).collect();
    assert_eq!(log.query(&EventQuery::new()).unwrap(), expected);
    assert_eq!(
        log.query(&EventQuery::new().chain("chain-1")).unwrap(),
        expected
    );
    let newest = log
        .scan(&EventQuery::new(), ScanOptions::newest_first())
        .unwrap();
    assert_eq!(newest.count(), expected.len());
    for id in ids {
        let found = log.get(Some("tenant-a"), &format!("event-{id}")).unwrap();
        assert_eq!(found.unwrap().sequence(), u64::from(id));
        assert!(log.append(&event(id)).unwrap().already_present);
    }
    let verified = log.verify().unwrap();
    assert!(verified.is_intact(), "{:?}", verified.problems);
}

#[test]
fn new_events_need_no_trees_and_everything_else_waits_for_them() {
    // An event that the trees have, and one that they lack.
    for (memtable_events, repeated) in MEMTABLES
        .into_iter()
        .flat_map(|most| [(most, 1), (most, 5)])
    {
        let mut waiting = Waiting::open(log_with_a_tail, memtable_events);
        let log = waiting.log.clone();
        for id in [7, 8] {
            let appended = append(&log, id);
            assert_eq!(
                (appended.sequence, appended.already_present),
                (id.into(), false)
            );
        }
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let log = log.clone();
                thread::spawn(move || log.query(&EventQuery::new()).unwrap().len())
            })
            .collect();
        let repeat = repeat(&log, repeated);
        // Nobody waits for who waits.
        assert!(!append(&log, 9).already_present);
        waiting.held.release();
        for reader in readers {
            assert!([9, 10].contains(&reader.join().unwrap()));
        }
        assert!(repeat.join().unwrap().already_present);
        assert_eq!(log.recovery().trees_rebuilt, None);
        assert_eq!(log.recovery().replayed, 3);
        check(&log, 0..=9);
        log.close().unwrap();
        check(
            &options(memtable_events).open(&waiting.path).unwrap(),
            0..=9,
        );
    }
}

#[test]
fn trees_that_are_further_than_they_told_lose_nothing_and_double_nothing() {
    for memtable_events in MEMTABLES {
        let mut waiting = Waiting::open(log_further_than_told, memtable_events);
        let log = waiting.log.clone();
        assert!(!append(&log, 7).already_present);
        let repeat = repeat(&log, 2);
        waiting.held.release();
        assert!(repeat.join().unwrap().already_present);
        assert_eq!(log.recovery().trees_rebuilt, None);
        assert_eq!(log.recovery().replayed, 3);
        check(&log, 0..=7);
    }
}

#[test]
fn trees_of_which_the_file_of_ids_does_not_tell_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_further_than_told(folder.path());
    let ids = generation(&path).join("ids");
    let length = fs::metadata(&ids).unwrap().len();
    let file = OpenOptions::new().write(true).open(&ids).unwrap();
    file.set_len(length - 1).unwrap();

    let log = open(&path, 100);
    assert!(!append(&log, 7).already_present);
    let reason = log.recovery().trees_rebuilt.clone().unwrap();
    assert!(reason.contains("they hold 4 events"), "{reason}");
    check(&log, 0..=7);
    log.close().unwrap();
    let log = options(100).open(&path).unwrap();
    assert_eq!(log.recovery().trees_rebuilt, None);
    check(&log, 0..=7);
}

#[test]
fn trees_that_turn_out_to_be_broken_are_made_anew() {
    for memtable_events in MEMTABLES {
        let mut waiting = Waiting::open(log_with_a_tail, memtable_events);
        let log = waiting.log.clone();
        assert!(!append(&log, 7).already_present);
        fs::write(&waiting.held.kept, vec![7; 4096]).unwrap();
        waiting.held.release();
        assert!(log.recovery().trees_rebuilt.is_some());
        assert_eq!(log.recovery().replayed, 7);
        check(&log, 0..=7);
        log.close().unwrap();
        let log = options(memtable_events).open(&waiting.path).unwrap();
        assert_eq!(log.recovery().trees_rebuilt, None);
        check(&log, 0..=7);
    }
}

#[test]
fn a_flush_while_the_trees_open_brings_them_everything() {
    for memtable_events in MEMTABLES {
        let mut waiting = Waiting::open(log_with_a_tail, memtable_events);
        let log = waiting.log.clone();
        let flushing = log.clone();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(flushing.flush()));
        // Time for it to return too early.
        let early = told.recv_timeout(Duration::from_millis(100));
        assert!(early.is_err(), "the trees cannot have it yet");
        waiting.held.release();
        told.recv_timeout(LONG).unwrap().unwrap();
        assert_eq!(log.stats().unwrap().in_memory, Some(0));
        check(&log, 0..=6);
    }
}

#[test]
fn a_log_that_is_closed_while_its_trees_open_is_closed_then() {
    for memtable_events in MEMTABLES {
        let mut waiting = Waiting::open(log_with_a_tail, memtable_events);
        let log = waiting.log.clone();
        assert!(!append(&log, 7).already_present);
        let closing = log.clone();
        let closing = thread::spawn(move || closing.close());
        waiting.held.release();
        closing.join().unwrap().unwrap();
        check(
            &options(memtable_events).open(&waiting.path).unwrap(),
            0..=7,
        );
    }
}

/// A file of ids that does not tell of everything is made anew with the next flush; until then the trees are asked.
#[test]
fn a_damaged_file_of_ids_costs_no_event_and_is_mended() {
    for (damage, memtable_events) in (0..4).zip(MEMTABLES.into_iter().cycle()) {
        let folder = tempfile::tempdir().unwrap();
        let path = log_with_a_tail(folder.path());
        let ids = generation(&path).join("ids");
        let whole = fs::read(&ids).unwrap();
        match damage {
            0 => fs::remove_file(&ids).unwrap(),
            1 => fs::write(&ids, &whole[..whole.len() - 1]).unwrap(),
            2 => fs::write(&ids, []).unwrap(),
            _ => {
                let mut flipped = whole.clone();
                flipped[70] ^= 1;
                fs::write(&ids, flipped).unwrap();
            }
        }
        let log = open(&path, memtable_events);
        assert_eq!(log.recovery().trees_rebuilt, None);
        check(&log, 0..=6);
        log.append(&event(7)).unwrap();
        log.flush().unwrap();
        log.close().unwrap();

        let mut waiting = Waiting::open(|_| path, memtable_events);
        let log = waiting.log.clone();
        assert!(!append(&log, 8).already_present, "damage {damage}");
        waiting.held.release();
        check(&log, 0..=8);
    }
}
