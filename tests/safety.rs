//! After: safety lines that no other test would miss (docs/safety-lines.md).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use experience_log::{
    DecisionStep, Durability, EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceLog,
    LogReader, Options, TreesVerified,
};

use support::{copy_folder, files_below, segments};

fn event(id: &str) -> ExperienceEventEnvelope {
    let event = ExperienceEvent::OutcomeRecorded {
        chain_id: "chain".to_owned(),
        step: DecisionStep::Planning,
        passed: true,
        stop_reason: Some(id.repeat(100)),
        latency_ms: None,
        tokens: None,
        cost_microdollars: None,
        backend: None,
    };
    ExperienceEventEnvelope::new(id, event).with_timestamp("2026-01-01T00:00:00Z")
}

fn options() -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .segment_bytes(4096)
}

fn cut(segment: &Path, bytes: u64) {
    let file = fs::OpenOptions::new().write(true).open(segment).unwrap();
    file.set_len(file.metadata().unwrap().len() - bytes)
        .unwrap();
}

#[test]
fn a_tampered_segment_is_not_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let log_path = folder.path().join("agent.log");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1/damaged");
    copy_folder(&fixtures.join("tampered-event"), &log_path);
    let tampered = segments(&log_path).pop().unwrap();
    assert_eq!(tampered.extension().unwrap(), "seg");

    let log = options().open(&log_path).unwrap();
    for number in 0..20 {
        log.append(&event(&format!("more-{number}"))).unwrap();
    }
    log.flush().unwrap();
    // A later segment is sealed: this one had its turn.
    let deadline = Instant::now() + Duration::from_secs(10);
    let sealed = |path: &PathBuf| *path > tampered && path.extension().unwrap() == "segz";
    while !segments(&log_path).iter().any(sealed) {
        assert!(Instant::now() < deadline, "nothing is sealed");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(tampered.exists());
    assert!(!tampered.with_extension("segz").exists());
    assert!(!log.verify().unwrap().is_intact());
}

#[test]
fn a_journal_behind_its_trees_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let log = options().open(folder.path()).unwrap();
    for number in 0..3 {
        log.append(&event(&format!("event-{number}"))).unwrap();
    }
    log.flush().unwrap();
    let older = fs::read(watermark(folder.path())).unwrap();
    log.append(&event("last")).unwrap();
    log.flush().unwrap();
    log.close().unwrap();
    // Nothing but the trees still tells of the last event.
    fs::remove_file(folder.path().join("HEAD")).unwrap();
    cut(segments(folder.path()).last().unwrap(), 8);
    assert!(options().open(folder.path()).unwrap_err().is_damage());
    // Not even how far they had got when they were last flushed.
    fs::write(watermark(folder.path()), older).unwrap();
    assert!(options().open(folder.path()).unwrap_err().is_damage());
}

#[test]
fn trees_of_another_history_are_not_believed() {
    another_history(&[]);
    // The trees say that they have not got as far as the journal.
    another_history(&["later", "latest"]);
}

fn another_history(later: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let log = options().open(&one).unwrap();
    log.append(&event("first")).unwrap();
    log.close().unwrap();
    copy_folder(&one, &other);
    for (path, id) in [(&one, "here"), (&other, "there")] {
        let log = options().open(path).unwrap();
        log.append(&event(id)).unwrap();
        log.flush().unwrap();
        log.close().unwrap();
    }
    let log = options().open(&one).unwrap();
    for id in later {
        log.append(&event(id)).unwrap();
    }
    log.close().unwrap();
    fs::remove_dir_all(one.join("trees")).unwrap();
    copy_folder(&other.join("trees"), &one.join("trees"));

    let log = options().open(&one).unwrap();
    assert!(log.recovery().trees_rebuilt.is_some());
    let found = log.query(&EventQuery::new().chain("chain")).unwrap();
    let all = ["first", "here"].iter().chain(later).map(|id| event(id));
    assert_eq!(found, all.collect::<Vec<_>>());
    assert!(log.verify().unwrap().is_intact());
}

/// What the trees lack is read before they are open, from where the watermark says that they end.
#[test]
fn what_the_trees_lack_is_read_whatever_the_watermark_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    append(&path, &["1", "2"]);
    let older = fs::read(watermark(&path)).unwrap();
    append(&path, &["3", "4"]);
    let log = options().open(&path).unwrap();
    for id in ["5", "6", "7"] {
        log.append(&event(id)).unwrap();
    }
    log.close().unwrap();

    let true_one = fs::read(watermark(&path)).unwrap();
    assert_ne!(older, true_one);
    for told in [Some(true_one), Some(older), Some(vec![7; 16]), None] {
        match told {
            Some(bytes) => fs::write(watermark(&path), bytes).unwrap(),
            None => fs::remove_file(watermark(&path)).unwrap(),
        }
        let log = options().open(&path).unwrap();
        assert_eq!(log.recovery().trees_rebuilt, None);
        assert_eq!(log.recovery().replayed, 3);
        let found = log.query(&EventQuery::new().chain("chain")).unwrap();
        let all = ["1", "2", "3", "4", "5", "6", "7"].map(event);
        assert_eq!(found, all);
        log.close().unwrap();
    }
}

fn watermark(log: &Path) -> PathBuf {
    log.join("trees").join("00000000").join("watermark")
}

/// Opens the log, appends so many events, brings them into the trees, closes it.
fn append(log: &Path, ids: &[&str]) {
    let log = options().open(log).unwrap();
    for id in ids {
        log.append(&event(id)).unwrap();
    }
    log.flush().unwrap();
    log.close().unwrap();
}

/// The files of the trees that are not sled's.
const BESIDE_SLED: [&str; 3] = ["blocks", "ids", "watermark"];

fn files_of_sled(log: &Path) -> Vec<PathBuf> {
    let mut files = files_below(&log.join("trees"));
    files.retain(|path| !BESIDE_SLED.iter().any(|name| path.ends_with(name)));
    files
}

/// sled goes on writing a segment whose header is broken, and reads nothing of it at the next opening.
#[test]
fn what_is_written_after_the_trees_were_damaged_stays_in_them() {
    let spoilings: [fn(&mut [u8]); 3] = [
        |bytes| bytes[0] ^= 1,
        |bytes| bytes[..20].fill(0),
        |bytes| bytes.iter_mut().take(512).for_each(|byte| *byte = 0),
    ];
    for before in [[].as_slice(), &["first"]] {
        // sled's configuration, its segments, its snapshot.
        for (file, spoil) in (0..3).flat_map(|file| spoilings.map(|spoil| (file, spoil))) {
            let folder = tempfile::tempdir().unwrap();
            append(folder.path(), before);
            // A second opening has sled write a snapshot.
            append(folder.path(), &[]);
            let files = files_of_sled(folder.path());
            assert_eq!(files.len(), 3, "{files:?}");
            let mut bytes = fs::read(&files[file]).unwrap();
            spoil(&mut bytes);
            fs::write(&files[file], bytes).unwrap();

            append(folder.path(), &["second"]);
            let events = before.len() as u64 + 1;
            let verified = LogReader::open(folder.path()).unwrap().verify().unwrap();
            assert!(
                verified.is_intact(),
                "{:?}: {:?}",
                files[file],
                verified.problems
            );
            let expected = TreesVerified::Compared { events };
            assert_eq!(verified.trees, expected, "{:?}", files[file]);
        }
    }
}

#[test]
fn trees_that_went_back_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (log, older) = (folder.path().join("log"), folder.path().join("older"));
    append(&log, &["first"]);
    copy_folder(&log.join("trees"), &older);
    append(&log, &["second"]);
    // sled's own files as they were: a state that sled flushed, and that is whole.
    let generation = log.join("trees/00000000");
    let beside = BESIDE_SLED.map(|name| fs::read(generation.join(name)).unwrap());
    fs::remove_dir_all(log.join("trees")).unwrap();
    copy_folder(&older, &log.join("trees"));
    for (name, bytes) in BESIDE_SLED.iter().zip(beside) {
        fs::write(generation.join(name), bytes).unwrap();
    }

    let opened = options().open(&log).unwrap();
    let reason = opened.recovery().trees_rebuilt.clone().unwrap();
    assert!(reason.contains("they held 2 events"), "{reason}");
    assert!(opened.verify().unwrap().is_intact());
    let found = opened.query(&EventQuery::new().chain("chain")).unwrap();
    assert_eq!(found, [event("first"), event("second")]);
}

#[test]
fn a_journal_that_does_not_continue_head_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let log = options().open(&one).unwrap();
    log.append(&event("first")).unwrap();
    log.close().unwrap();
    copy_folder(&one, &other);
    for (path, id) in [(&one, "here"), (&other, "then")] {
        let log = options().open(path).unwrap();
        log.append(&event(id)).unwrap();
        log.close().unwrap();
    }
    // Both are as long: HEAD of one names the end of the same frame in the other.
    let head = fs::read(one.join("HEAD")).unwrap();
    let log = options().open(&other).unwrap();
    log.append(&event("more")).unwrap();
    log.close().unwrap();
    fs::write(other.join("HEAD"), head).unwrap();
    fs::remove_dir_all(other.join("trees")).unwrap();
    assert!(options().open(&other).unwrap_err().is_damage());
}
