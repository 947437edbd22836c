//! Group commit: callers that wait for stable storage together share one sync.
//!
//! The first that finds no sync under way does one, for everything written so far; the others wait for it.
//! A sync that failed is never tried again: the kernel may have dropped the pages it could not write.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use crate::error::{Error, Result};

/// What can be brought to stable storage.
pub(crate) trait Syncs: Send + Sync {
    /// Returns once all that was written before is on stable storage.
    fn sync(&self) -> io::Result<()>;
}

impl Syncs for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// How far the journal was written, and how far it is synced.
#[derive(Debug)]
pub(crate) struct GroupCommit<F> {
    state: Mutex<State<F>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<F> {
    /// Events written to the journal.
    written: u64,
    /// Events on stable storage.
    synced: u64,
    syncing: bool,
    /// Callers that wait for a sync of another's.
    waiting: usize,
    file: Arc<F>,
    path: PathBuf,
    /// Why writing has ended: the first failure.
    failure: Option<String>,
    /// The same, until somebody is told: one caller hears of it as what it is, all after that one as
    /// [`Error::Poisoned`]. It is set in the same step as `failure`, or never.
    untold: Option<Error>,
}

impl<F> State<F> {
    /// Ends writing, unless it has ended.
    fn failed(&mut self, error: Error) {
        if self.failure.is_none() {
            self.failure = Some(error.to_string());
            self.untold = Some(error);
        }
    }

    /// Why nothing is written any more.
    fn ended(&mut self) -> Option<Error> {
        let cause = self.failure.clone()?;
        let untold = self.untold.take();
        Some(untold.unwrap_or(Error::Poisoned { cause }))
    }
}

impl<F: Syncs> GroupCommit<F> {
    /// Starts with `count` events, all of them on stable storage.
    pub(crate) fn new(count: u64, file: Arc<F>, path: PathBuf) -> Self {
        let state = State {
            written: count,
            synced: count,
            syncing: false,
            waiting: 0,
            file,
            path,
            failure: None,
            untold: None,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Notes that the journal now has `count` events.
    pub(crate) fn wrote(&self, count: u64) {
        self.lock().written = count;
    }

    /// Notes that what is written from now on goes to another file. All that was written before must be
    /// synced, by [`sync_through`](Self::sync_through): the one place that syncs, since the system reports
    /// an error to the first that asks.
    pub(crate) fn switched(&self, file: Arc<F>, path: PathBuf) {
        let mut state = self.lock();
        state.file = file;
        state.path = path;
    }

    /// Events on stable storage.
    pub(crate) fn synced(&self) -> u64 {
        self.lock().synced
    }

    /// Events written to the journal.
    pub(crate) fn written(&self) -> u64 {
        self.lock().written
    }

    /// Returns once `count` events are on stable storage, with the number that is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] for the first caller after a sync that failed, which is the one that did it unless it was done
    /// ahead; [`Error::Poisoned`] for all others.
    pub(crate) fn sync_through(&self, count: u64) -> Result<u64> {
        let mut state = self.lock();
        while state.synced < count {
            if let Some(error) = state.ended() {
                return Err(error);
            }
            state = self.advance(state);
        }
        Ok(state.synced)
    }

    /// Syncs what is written by now, for those who will need it.
    pub(crate) fn sync_ahead(&self) {
        let mut state = self.lock();
        let count = state.written;
        while state.synced < count && state.failure.is_none() {
            state = self.advance(state);
        }
    }

    /// Waits for the sync that is under way, or does one. Who did one still holds the lock, and so is the first who can
    /// ask for its failure.
    fn advance<'a>(&'a self, mut state: MutexGuard<'a, State<F>>) -> MutexGuard<'a, State<F>> {
        if state.syncing {
            state.waiting += 1;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
            return state;
        }
        state.syncing = true;
        let target = state.written;
        let (file, path) = (Arc::clone(&state.file), state.path.clone());
        drop(state);
        let result = file.sync();
        state = self.lock();
        state.syncing = false;
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        match result {
            Ok(()) => state.synced = state.synced.max(target),
            Err(error) => state.failed(Error::io("sync", &path)(error)),
        }
        state
    }

    /// Ends writing for good, because of what no caller was told yet: the first who asks is.
    pub(crate) fn fail(&self, error: Error) {
        self.lock().failed(error);
        self.changed.notify_all();
    }

    /// Ends writing for good. The caller is told of `cause`, so nobody is told of another failure as the first.
    pub(crate) fn poison(&self, cause: &Error) {
        let mut state = self.lock();
        state.failure.get_or_insert_with(|| cause.to_string());
        state.untold = None;
        self.changed.notify_all();
    }

    /// An error once writing has ended.
    pub(crate) fn check(&self) -> Result<()> {
        self.lock().ended().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[derive(Debug, Default)]
    struct Disk {
        syncs: AtomicU64,
        broken: AtomicBool,
        /// A sync of this disk waits for the lock.
        gate: Mutex<()>,
        at_gate: AtomicBool,
    }

    impl Syncs for Disk {
        fn sync(&self) -> io::Result<()> {
            self.at_gate.store(true, Ordering::SeqCst);
            drop(self.gate.lock().unwrap());
            self.syncs.fetch_add(1, Ordering::SeqCst);
            if self.broken.load(Ordering::SeqCst) {
                return Err(io::Error::other("no more"));
            }
            Ok(())
        }
    }

    #[test]
    fn callers_that_wait_together_share_a_sync() {
        let disk = Arc::new(Disk::default());
        let commit = GroupCommit::new(0, Arc::clone(&disk), PathBuf::from("x"));
        let callers = 8;
        let gate = disk.gate.lock().unwrap();
        thread::scope(|scope| {
            commit.wrote(1);
            scope.spawn(|| assert!(commit.sync_through(1).unwrap() >= 1));
            while !disk.at_gate.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            // While that sync is under way, the others have written: one more does for all of them, whenever
            // each comes to wait.
            commit.wrote(callers);
            for mine in 2..=callers {
                let commit = &commit;
                scope.spawn(move || assert!(commit.sync_through(mine).unwrap() >= mine));
            }
            drop(gate);
        });
        assert_eq!(commit.synced(), callers);
        assert_eq!(disk.syncs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn the_failure_of_a_sync_ahead_is_told_to_the_first_who_asks() {
        let disk = Arc::new(Disk::default());
        let commit = GroupCommit::new(0, Arc::clone(&disk), PathBuf::from("x"));
        commit.wrote(1);
        commit.sync_ahead();
        assert_eq!((commit.synced(), disk.syncs.load(Ordering::SeqCst)), (1, 1));
        disk.broken.store(true, Ordering::SeqCst);
        commit.wrote(2);
        commit.sync_ahead();
        assert_eq!(commit.sync_through(1).unwrap(), 1);
        assert!(matches!(commit.check(), Err(Error::Io { .. })));
        assert!(matches!(commit.check(), Err(Error::Poisoned { .. })));
        assert!(matches!(
            commit.sync_through(2),
            Err(Error::Poisoned { .. })
        ));
        commit.sync_ahead();
        assert_eq!(disk.syncs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_failed_sync_is_never_tried_again() {
        let disk = Arc::new(Disk::default());
        let commit = GroupCommit::new(3, Arc::clone(&disk), PathBuf::from("x"));
        assert_eq!(commit.sync_through(3).unwrap(), 3);
        disk.broken.store(true, Ordering::SeqCst);
        commit.wrote(4);
        assert!(matches!(commit.sync_through(4), Err(Error::Io { .. })));
        disk.broken.store(false, Ordering::SeqCst);
        assert!(matches!(
            commit.sync_through(4),
            Err(Error::Poisoned { .. })
        ));
        assert!(commit.check().is_err());
        assert_eq!(disk.syncs.load(Ordering::SeqCst), 1);
        // What was synced before stays so.
        assert_eq!(commit.sync_through(3).unwrap(), 3);
    }
}
