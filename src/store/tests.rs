//! After: an event that was written and not synced, or torn, whoever appends it again.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use super::foreknown::Foreknown;
use super::handle::Store;
use super::index::TermHasher;
use super::instant::Instant;
use super::journal::segment::{self, HEADER};
use super::journal_end::find_end;
use super::layout::{Found, Layout};
use super::look::Look;
use super::options::{Durability, StoreOptions};
use super::prepare::{BatchEncoder, Prepared};
use super::reader::StoreReader;
use super::record::{Fields, Hints, NewRecord};
use super::recover::Recovery;
use super::trees::engine::{Engine, Tree, Write};
use super::trees::keys;
use super::trees::writer::TreeWriter;
use super::verify::{self, TreesVerified};
use crate::error::Error;

fn new(event_id: &str) -> NewRecord<'_> {
    let fields = Fields {
        event_id,
        ..Fields::default()
    };
    NewRecord {
        payload_format: 1,
        kind: 8,
        instant: Instant::new(1, 0).unwrap(),
        fields,
        hints: Hints::default(),
        payload: event_id.as_bytes(),
    }
}

fn batch(hasher: &TermHasher, event_id: &str) -> Prepared {
    let mut batch = BatchEncoder::with_capacity(1);
    batch.push(&new(event_id)).unwrap();
    batch.finish(hasher).unwrap()
}

fn options(durability: Durability) -> StoreOptions {
    StoreOptions {
        durability,
        ..StoreOptions::default()
    }
}

/// The log as a process leaves it that is killed now.
fn killed(log: &Path, copy: &Path) {
    fs::create_dir_all(copy.join("journal")).unwrap();
    for name in ["FORMAT", "HEAD"] {
        fs::copy(log.join(name), copy.join(name)).unwrap();
    }
    for file in segment::list(&log.join("journal")).unwrap() {
        let name = file.path.file_name().unwrap();
        fs::copy(&file.path, copy.join("journal").join(name)).unwrap();
    }
}

#[test]
fn a_repeated_event_is_synced_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options(Durability::Sync)).unwrap();
    let shared = store.shared();
    // Whoever appended it first did not get as far as the sync.
    let first = shared.write(batch(&shared.hasher, "e1")).unwrap();
    assert_eq!((first.count, shared.commit.synced()), (1, 0));

    let placed = shared.append(batch(&shared.hasher, "e1")).unwrap();
    assert_eq!((placed[0].sequence, placed[0].written), (0, false));
    assert_eq!(shared.commit.synced(), 1);
    assert_eq!(shared.head.get(), 1);
}

#[test]
fn what_a_killed_process_wrote_unsynced_is_synced_before_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (log, copy) = (folder.path().join("log"), folder.path().join("copy"));
    let store = Store::open(&log, options(Durability::Os)).unwrap();
    for event in ["e1", "e2"] {
        store.append(batch(&store.shared().hasher, event)).unwrap();
    }
    killed(&log, &copy);
    let segment = segment::list(&copy.join("journal")).unwrap().remove(0);

    // Nothing proves that any frame is on the disk.
    let layout = Layout::new(&copy);
    let Found::Log(format) = layout.look().unwrap() else {
        panic!("no log")
    };
    let head = layout.read_head(format.log_id).unwrap();
    let end = find_end(&layout, &format, head, &mut Recovery::default()).unwrap();
    assert_eq!(end.mark.count, 2);
    assert_eq!(end.unproven.unwrap().offset, HEADER as u64);

    // So the opening writes them again, and the retry's answer is true.
    let long_ago = SystemTime::UNIX_EPOCH;
    let file = fs::File::options().write(true).open(&segment.path).unwrap();
    file.set_modified(long_ago).unwrap();
    let bytes = fs::read(&segment.path).unwrap();
    let again = Store::open(&copy, options(Durability::Sync)).unwrap();
    assert_eq!(fs::read(&segment.path).unwrap(), bytes);
    assert!(fs::metadata(&segment.path).unwrap().modified().unwrap() > long_ago);
    let placed = again.append(batch(&again.shared().hasher, "e2")).unwrap();
    assert_eq!((placed[0].sequence, placed[0].written), (1, false));

    // HEAD is written after that sync: it proves both.
    let head = layout.read_head(format.log_id).unwrap();
    assert_eq!(head.unwrap().count, 2);
    let end = find_end(&layout, &format, head, &mut Recovery::default()).unwrap();
    assert_eq!(end.unproven, None);
}

/// What a log knows of its newest trees before they are open.
fn foreknown(log: &Path) -> Option<Foreknown> {
    let layout = Layout::new(log);
    let Found::Log(format) = layout.look().unwrap() else {
        panic!("no log");
    };
    let head = layout.read_head(format.log_id).unwrap();
    let end = find_end(&layout, &format, head, &mut Recovery::default()).unwrap();
    let known = Foreknown::of(&layout, &format, &options(Durability::Os), 0, end.mark);
    known.map(|(known, _)| known)
}

/// Opens the log, appends these events, closes it.
fn append(log: &Path, flush: bool, ids: &[&str]) {
    let store = Store::open(log, options(Durability::Os)).unwrap();
    for id in ids {
        store.append(batch(&store.shared().hasher, id)).unwrap();
    }
    if flush {
        store.flush().unwrap();
    }
    store.close().unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.unwrap().file_name()),
        );
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn nothing_is_known_beforehand_of_trees_of_another_history() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    append(&one, true, &["e1"]);
    copy_folder(&one, &other);
    append(&one, true, &["here"]);
    append(&other, true, &["there"]);
    assert!(foreknown(&one).is_some());
    // The trees end where the journal ends, and before that.
    let swap_trees = || {
        fs::remove_dir_all(one.join("trees")).unwrap();
        copy_folder(&other.join("trees"), &one.join("trees"));
    };
    swap_trees();
    assert!(foreknown(&one).is_none());
    append(&one, false, &["more"]);
    assert!(foreknown(&one).is_none());
    swap_trees();
    assert!(foreknown(&one).is_none());
}

#[test]
fn a_torn_tail_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (log, copy) = (folder.path().join("log"), folder.path().join("copy"));
    let store = Store::open(&log, options(Durability::Os)).unwrap();
    store.append(batch(&store.shared().hasher, "e1")).unwrap();
    killed(&log, &copy);
    let segment = segment::list(&copy.join("journal")).unwrap().remove(0);
    let whole = fs::read(&segment.path).unwrap();
    fs::write(&segment.path, [&whole[..], &[0xff; 100]].concat()).unwrap();

    let again = Store::open(&copy, options(Durability::Os)).unwrap();
    assert_eq!(again.shared().recovery().torn_bytes, 100);
    assert_eq!(fs::read(&segment.path).unwrap(), whole);
}

#[test]
fn a_log_that_is_synced_at_an_interval_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let periodic = Durability::Periodic(Duration::from_millis(1));
    let store = Store::open(folder.path(), options(periodic)).unwrap();
    let shared = store.shared();
    store.append(batch(&shared.hasher, "e1")).unwrap();
    eventually("synced", || shared.commit.synced() == 1);
}

#[test]
fn a_segment_that_is_nearly_full_is_synced_before_anybody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        segment_bytes: 64 << 10,
        ..options(Durability::Os)
    };
    let store = Store::open(folder.path(), options).unwrap();
    let shared = store.shared();
    let mut appended = 0;
    while !shared.lock_writer().is_nearly_full() {
        assert_eq!(shared.commit.synced(), 0);
        appended += 1;
        let event = format!("e{appended}");
        store.append(batch(&shared.hasher, &event)).unwrap();
    }
    eventually("synced", || shared.commit.synced() == appended);
    let segments = segment::list(&folder.path().join("journal")).unwrap();
    assert_eq!(segments.len(), 1);
}

#[test]
fn a_segment_is_synced_before_the_next_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        segment_bytes: 64 << 10,
        ..options(Durability::Os)
    };
    let store = Store::open(folder.path(), options).unwrap();
    let shared = store.shared();
    // Neither fills three quarters of a segment: nobody syncs ahead.
    let payload = vec![b'x'; 40 << 10];
    for event in ["e1", "e2"] {
        assert_eq!(shared.commit.synced(), 0);
        let mut batch = BatchEncoder::with_capacity(1);
        let record = NewRecord {
            payload: &payload,
            ..new(event)
        };
        batch.push(&record).unwrap();
        store.append(batch.finish(&shared.hasher).unwrap()).unwrap();
    }
    let segments = segment::list(&folder.path().join("journal")).unwrap();
    assert_eq!(segments.len(), 2);
    assert_eq!(shared.commit.synced(), 1);
}

#[test]
fn the_trees_get_nothing_that_the_journal_may_lose() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options(Durability::Os)).unwrap();
    let shared = store.shared();
    store.append(batch(&shared.hasher, "e1")).unwrap();
    shared.commit.poison(&Error::Closed);
    shared.freeze(&shared.lock_writer());
    eventually("ended", || shared.lock_tasks().ended);
    let generation = shared.layout.generation(0);
    let trees = TreeWriter::open(&generation, shared.format.log_id, 1 << 20).unwrap();
    assert_eq!(trees.applied().count, 0);
}

#[test]
fn a_flush_is_noted_in_head() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options(Durability::Os)).unwrap();
    let shared = store.shared();
    store.append(batch(&shared.hasher, "e1")).unwrap();
    store.flush().unwrap();
    let head = || shared.layout.read_head(shared.format.log_id).unwrap();
    eventually("noted", || head().is_some_and(|mark| mark.count == 1));
}

/// Waits for what another thread does.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it is not {what}");
}

/// The ids of a batch are looked for some at a time, in memory and in the trees.
#[test]
fn every_repeated_id_of_a_long_batch_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options(Durability::Os)).unwrap();
    let hasher = &store.shared().hasher;
    for number in [3, 7, 8, 31] {
        store.append(batch(hasher, &format!("e{number}"))).unwrap();
        if number == 8 {
            // From here on in memory; the others in the trees.
            store.flush().unwrap();
        }
    }
    let mut long = BatchEncoder::with_capacity(40);
    let ids: Vec<_> = (0..40).map(|number| format!("e{number}")).collect();
    for id in &ids {
        long.push(&new(id)).unwrap();
    }
    let placed = store.append(long.finish(hasher).unwrap()).unwrap();
    let known: Vec<_> = (0..40).filter(|place| !placed[*place].written).collect();
    assert_eq!(known, [3, 7, 8, 31]);
    let sequences: Vec<_> = known.iter().map(|place| placed[*place].sequence).collect();
    assert_eq!(sequences, [0, 1, 2, 3]);
    assert_eq!(placed[39].sequence, 39);
}

#[test]
fn trees_of_another_version_are_no_flaw() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let write = |event: &str| {
        let store = Store::open(&log, options(Durability::Sync)).unwrap();
        store.append(batch(&store.shared().hasher, event)).unwrap();
        store.flush().unwrap();
        store.close().unwrap();
    };
    let change_manifest = |change: fn(&mut Vec<u8>)| {
        let engine = Engine::open(&Layout::new(&log).generation(0), 1 << 20).unwrap();
        let stored = engine.require(Tree::Meta, keys::MANIFEST).unwrap();
        let mut manifest = stored.to_vec();
        change(&mut manifest);
        let changed = Write::insert(Tree::Meta, keys::MANIFEST, &manifest);
        engine.apply(&[changed]).unwrap();
    };
    let look = || {
        let reader = StoreReader::Look(Arc::new(Look::open(&log).unwrap()));
        let found = verify::verify(&reader, &|_| Ok(()), &mut |_, _| ()).unwrap();
        (found.trees, found.problems.len())
    };
    write("e1");
    assert_eq!(look(), (TreesVerified::Compared { events: 1 }, 0));
    change_manifest(|manifest| manifest[0] -= 1);
    assert_eq!(look(), (TreesVerified::Outdated, 0));
    change_manifest(|manifest| {
        manifest[0] += 1;
        manifest.truncate(20);
    });
    assert_eq!(look(), (TreesVerified::Unusable, 1));
    write("e2");
    assert_eq!(look(), (TreesVerified::Compared { events: 2 }, 0));
}
