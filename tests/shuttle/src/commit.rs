//! The group commit: writers that share syncs, a disk that fails one of them, segments that fill up.

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
