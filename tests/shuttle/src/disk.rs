//! A disk that fails one sync, as Linux tells it: pages that could not be written are dropped, and the error is
//! reported once for each open file, to whichever sync of it asks first.

use std::collections::BTreeSet;
use std::io;

use shuttle::rand::{Rng, thread_rng};

use crate::group_commit::Syncs;
use crate::sync::{Arc, Mutex};

/// What outlives a power cut, and which write-back fails.
#[derive(Debug)]
pub(crate) struct Disk {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    durable: BTreeSet<u64>,
    /// Write-backs until one fails; `None` for a disk that never fails.
    fails_after: Option<u32>,
    overlapped: bool,
}

impl Disk {
    /// A disk of which one of the first `most` write-backs fails; the scheduler chooses which, if any.
    pub(crate) fn that_may_fail(most: u32) -> Arc<Self> {
        let after = thread_rng().gen_range(0..=most);
        Self::new((after < most).then_some(after))
    }

    pub(crate) fn that_never_fails() -> Arc<Self> {
        Self::new(None)
    }

    fn new(fails_after: Option<u32>) -> Arc<Self> {
        let state = State {
            durable: BTreeSet::new(),
            fails_after,
            overlapped: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    /// Whether the first `count` events outlive a power cut.
    pub(crate) fn holds(&self, count: u64) -> bool {
        let state = self.state.lock().expect("no model panics under it");
        (0..count).all(|event| state.durable.contains(&event))
    }

    /// Whether two syncs of one file ever ran at once: one of them would miss the other's error.
    pub(crate) fn overlapped(&self) -> bool {
        self.state
            .lock()
            .expect("no model panics under it")
            .overlapped
    }

    fn note_overlap(&self) {
        self.state
            .lock()
            .expect("no model panics under it")
            .overlapped = true;
    }

    fn write_back(&self, events: &BTreeSet<u64>) -> io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut state = self.state.lock().expect("no model panics under it");
        let failed = state.fails_after == Some(0);
        state.fails_after = match state.fails_after {
            None | Some(0) => None,
            Some(more) => Some(more - 1),
        };
        if failed {
            return Err(io::Error::other("the disk is broken"));
        }
        state.durable.extend(events);
        Ok(())
    }
}

/// An open file of the journal.
#[derive(Debug)]
pub(crate) struct Segment {
    disk: Arc<Disk>,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    dirty: BTreeSet<u64>,
    unreported: bool,
    syncs_under_way: u32,
}

impl Segment {
    pub(crate) fn new(disk: &Arc<Disk>) -> Arc<Self> {
        Arc::new(Self {
            disk: Arc::clone(disk),
            pages: Mutex::new(Pages::default()),
        })
    }

    pub(crate) fn write(&self, event: u64) {
        let mut pages = self.pages.lock().expect("no model panics under it");
        pages.dirty.insert(event);
    }
}

impl Syncs for Segment {
    fn sync(&self) -> io::Result<()> {
        {
            let mut pages = self.pages.lock().expect("no model panics under it");
            let dirty = std::mem::take(&mut pages.dirty);
            if self.disk.write_back(&dirty).is_err() {
                pages.unreported = true;
            }
            pages.syncs_under_way += 1;
            if pages.syncs_under_way > 1 {
                self.disk.note_overlap();
            }
        }
        // Others run here: taking a lock is a step. A `yield_now` would keep PCT from holding others back.
        let mut pages = self.pages.lock().expect("no model panics under it");
        pages.syncs_under_way -= 1;
        if std::mem::take(&mut pages.unreported) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }
}
