//! The group commit: writers that share syncs, a disk that fails one of them, segments that fill up.

use std::io;
use std::path::PathBuf;

use shuttle::thread;

use crate::disk::{Disk, Segment};
use crate::error::{Error, Result};
use crate::group_commit::{GroupCommit, Syncs};
use crate::sync::{Arc, Mutex};

const WRITERS: u64 = 3;
const EVENTS_EACH: u64 = 2;
const EVENTS_IN_A_SEGMENT: u64 = 2;

/// How a writer goes on to the next segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// As the log does: the group commit has synced everything before.
    ThroughTheGroup,
    /// By a sync of its own, beside the group commit's.
    ByItself,
}

#[derive(Debug)]
struct Journal {
    disk: Arc<Disk>,
    commit: GroupCommit<Segment>,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    sequence: u64,
    segment: Arc<Segment>,
    segment_start: u64,
}

/// No event is acknowledged before it is on stable storage, nor after a failure; no caller waits for ever
/// (shuttle calls that a deadlock); one sync runs at a time; one caller hears of the failure itself.
pub fn group_commit(rotation: Rotation) {
    let disk = Disk::that_may_fail(6);
    let segment = Segment::new(&disk);
    let journal = Arc::new(Journal {
        disk: Arc::clone(&disk),
        commit: GroupCommit::new(0, Arc::clone(&segment), PathBuf::from("0")),
        writer: Mutex::new(Writer {
            sequence: 0,
            segment,
            segment_start: 0,
        }),
    });
    let threads: Vec<_> = (0..WRITERS)
        .map(|_| {
            let journal = Arc::clone(&journal);
            thread::spawn(move || journal.append_all(rotation))
        })
        .collect();
    let mut failures = 0;
    for thread in threads {
        if let Err(Error::Io { .. }) = thread.join().expect("writers do not panic") {
            failures += 1;
        }
    }
    assert!(failures <= 1, "{failures} callers met one failure");
    let failed = journal.commit.check().is_err();
    assert_eq!(
        failed,
        failures == 1,
        "a failure ends writing, and only that"
    );
    if failed {
        let end = journal.commit.written();
        journal.commit.wrote(end + 1);
        assert!(journal.commit.sync_through(end + 1).is_err());
    } else {
        assert!(disk.holds(WRITERS * EVENTS_EACH));
    }
    if rotation == Rotation::ThroughTheGroup {
        assert!(!disk.overlapped(), "two syncs of one file at once");
    }
}

impl Journal {
    fn append_all(&self, rotation: Rotation) -> Result<()> {
        for _ in 0..EVENTS_EACH {
            let count = self.write(rotation)?;
            let synced = self.commit.sync_through(count)?;
            assert!(synced >= count);
            assert!(
                self.disk.holds(synced),
                "acknowledged and not on stable storage: an event before {synced}"
            );
        }
        Ok(())
    }

    /// As `Shared::write`, `commit_batch` and `JournalWriter::append`.
    fn write(&self, rotation: Rotation) -> Result<u64> {
        let mut writer = self.writer.lock().expect("no model panics under it");
        self.commit.check()?;
        let first = writer.sequence;
        let full = first - writer.segment_start == EVENTS_IN_A_SEGMENT;
        if full {
            match rotation {
                Rotation::ThroughTheGroup => {
                    self.commit.sync_through(first)?;
                }
                Rotation::ByItself => writer
                    .segment
                    .sync()
                    .map_err(Error::io("sync", &PathBuf::from("segment")))
                    .inspect_err(|error| self.commit.poison(error))?,
            }
            writer.segment = Segment::new(&self.disk);
            writer.segment_start = first;
            self.commit
                .switched(Arc::clone(&writer.segment), PathBuf::from("segment"));
        }
        // What the frame says of the ones before it.
        let synced = if full { first } else { self.commit.synced() };
        assert!(
            self.disk.holds(synced),
            "a frame says that {synced} events are synced, and one is not on stable storage"
        );
        writer.segment.write(first);
        writer.sequence += 1;
        self.commit.wrote(writer.sequence);
        Ok(writer.sequence)
    }
}

/// A failure is told as what it is to one caller at most, and to none after another was told that writing has ended,
/// whether it was a caller's own sync that failed, one done ahead, or a write.
pub fn told_once() {
    let disk = Disk::that_may_fail(3);
    let segment = Segment::new(&disk);
    let commit = Arc::new(GroupCommit::new(
        0,
        Arc::clone(&segment),
        PathBuf::from("0"),
    ));
    let answers = Arc::new(Mutex::new(Vec::new()));
    let ahead = {
        let commit = Arc::clone(&commit);
        thread::spawn(move || {
            commit.sync_ahead();
            commit.sync_ahead();
        })
    };
    let callers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (commit, segment) = (Arc::clone(&commit), Arc::clone(&segment));
            let answers = Arc::clone(&answers);
            thread::spawn(move || {
                // Appends go one after the other: the journal's writer has a lock, as `answers` has here.
                let mut answers = answers.lock().expect("no model panics under it");
                let written = commit.written();
                let asked = commit.check().and_then(|()| {
                    segment.write(written);
                    commit.wrote(written + 1);
                    if writer == 0 {
                        let full = io::Error::other("no space");
                        let error = Error::io("write", &PathBuf::from("0"))(full);
                        commit.poison(&error);
                        return Err(error);
                    }
                    commit.sync_through(written + 1)
                });
                answers.push(asked.map(|_| ()));
            })
        })
        .collect();
    ahead.join().expect("it does not panic");
    for caller in callers {
        caller.join().expect("callers do not panic");
    }
    let mut answers = answers.lock().expect("no model panics under it");
    answers.push(commit.check());
    let first = answers.iter().position(Result::is_err);
    for (place, answer) in answers.iter().enumerate() {
        let later = first.is_some_and(|first| place > first);
        assert!(
            !later || matches!(answer, Err(Error::Poisoned { .. })),
            "told after another had been: {answers:?}"
        );
    }
}
