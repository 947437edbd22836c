//! What all handles of one open log share.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::group_commit::GroupCommit;
use super::head::Head;
use super::index::TermHasher;
use super::journal::reader::Mark;
use super::journal::writer::JournalWriter;
use super::layout::Layout;
use super::options::StoreOptions;
use super::recover::Recovery;
use super::retired::Retired;
use super::small_file::Format;
use super::swap::Swap;
use super::syncer::Syncer;
use super::trees::engine::TreeError;
use super::trees::snapshot::TreeSnapshot;
use super::view::{Trees, View};
use crate::error::{Error, Result};

/// The state of an open log.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    pub(crate) format: Format,
    pub(crate) hasher: TermHasher,
    pub(crate) options: StoreOptions,
    /// What the opening found and did before it knew the trees.
    opened: Recovery,
    /// What it found and did.
    recovery: OnceLock<Recovery>,
    pub(crate) head: Head,
    pub(crate) commit: GroupCommit<File>,
    pub(super) syncer: Syncer,
    pub(super) writer: Mutex<JournalWriter>,
    view: Swap<View>,
    pub(super) retired: Retired,
    closed: AtomicBool,
    pub(super) tasks: Mutex<Tasks>,
    pub(super) tasks_changed: Condvar,
}

/// Why trees are rebuilt.
#[derive(Debug)]
pub(crate) enum Rebuild {
    /// Somebody asked for it: the old ones are good until the new ones are.
    Wanted,
    /// This was found in the old ones.
    Broken(TreeError),
}

/// What the maintenance thread is asked for, and how far it is.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// Something may be to do.
    pub(super) woken: bool,
    pub(super) stopping: bool,
    /// The trees are to be rebuilt, for this reason.
    pub(super) rebuild: Option<Rebuild>,
    /// Rebuilds finished so far.
    pub(super) rebuilt: u64,
    /// Why the last one that was asked for failed.
    pub(super) rebuild_failure: Option<Error>,
    /// The thread has ended: nothing more will be done.
    pub(super) ended: bool,
}

impl Shared {
    pub(super) fn new(
        layout: Layout,
        format: Format,
        options: StoreOptions,
        recovery: Recovery,
        writer: JournalWriter,
        view: View,
    ) -> Self {
        let count = writer.sequence();
        let (file, path) = writer.file();
        Self {
            layout,
            format,
            hasher: TermHasher::new(format.log_id),
            options,
            recovery: if view.awaits_trees() {
                OnceLock::new()
            } else {
                recovery.clone().into()
            },
            opened: recovery,
            head: Head::new(count),
            commit: GroupCommit::new(count, file, path),
            syncer: Syncer::default(),
            writer: Mutex::new(writer),
            view: Swap::new(view),
            retired: Retired::default(),
            closed: AtomicBool::new(false),
            tasks: Mutex::default(),
            tasks_changed: Condvar::new(),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed() {
            Err(Error::Closed)
        } else {
            Ok(())
        }
    }

    /// True for the first caller.
    pub(super) fn mark_closed(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// What readers see. Waits while the trees are being opened.
    pub(crate) fn view(&self) -> Arc<View> {
        let view = self.view_now();
        if !view.awaits_trees() {
            return view;
        }
        let mut tasks = self.lock_tasks();
        loop {
            let view = self.view_now();
            if !view.awaits_trees() {
                return view;
            }
            tasks = self.wait_for_tasks(tasks);
        }
    }

    /// What is known now, for who needs no trees.
    pub(super) fn view_now(&self) -> Arc<View> {
        self.view.get()
    }

    /// What the opening found and did. Waits until it has opened the trees.
    pub(crate) fn recovery(&self) -> &Recovery {
        let mut tasks = self.lock_tasks();
        loop {
            match self.recovery.get() {
                Some(recovery) => return recovery,
                None if tasks.ended => return &self.opened,
                None => tasks = self.wait_for_tasks(tasks),
            }
        }
    }

    /// States what became of the trees at the opening.
    pub(super) fn opened_trees(&self, replayed: u64, rebuilt: Option<String>) {
        let _ = self.recovery.set(Recovery {
            replayed,
            trees_rebuilt: rebuilt,
            ..self.opened.clone()
        });
        self.wake_maintenance();
    }

    /// Replaces the view by what `change` makes of it.
    pub(super) fn change_view(&self, change: impl FnOnce(&View) -> View) {
        self.view.change(change);
    }

    pub(super) fn lock_writer(&self) -> MutexGuard<'_, JournalWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_for_tasks<'a>(&self, tasks: MutexGuard<'a, Tasks>) -> MutexGuard<'a, Tasks> {
        self.tasks_changed
            .wait(tasks)
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_for_tasks_at_most<'a>(
        &self,
        most: Duration,
        tasks: MutexGuard<'a, Tasks>,
    ) -> MutexGuard<'a, Tasks> {
        self.tasks_changed
            .wait_timeout(tasks, most)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Tells the maintenance thread, and those who wait for it, to look again.
    pub(super) fn wake_maintenance(&self) {
        self.lock_tasks().woken = true;
        self.tasks_changed.notify_all();
    }

    /// Sets the trees that `snapshot` is of aside and asks for new ones, because of what was found in
    /// them. False if they were replaced meanwhile: what an older snapshot shows says nothing of the trees
    /// that there are now.
    pub(crate) fn report_trees(&self, snapshot: &TreeSnapshot, error: &TreeError) -> bool {
        let mut reported = false;
        self.change_view(|view| {
            let current = view.trees();
            reported = current.is_some_and(|trees| trees.is_of_same_trees(snapshot));
            // From here on the journal answers.
            let trees = if reported {
                Trees::Unusable
            } else {
                view.trees.clone()
            };
            View {
                trees,
                ..view.clone()
            }
        });
        if reported {
            self.lock_tasks()
                .rebuild
                .get_or_insert_with(|| Rebuild::Broken(error.clone()));
            self.wake_maintenance();
        }
        reported
    }

    /// Waits, while `pending` says so, for the maintenance thread.
    ///
    /// # Errors
    ///
    /// Writing has ended, or the log was closed.
    pub(super) fn wait_while(&self, mut pending: impl FnMut(&Tasks) -> bool) -> Result<()> {
        let mut tasks = self.lock_tasks();
        while pending(&tasks) {
            self.commit.check()?;
            if tasks.ended {
                return Err(Error::Closed);
            }
            tasks = self.wait_for_tasks(tasks);
        }
        Ok(())
    }

    /// Closes the active memtable and hands it on to the maintenance thread.
    pub(super) fn freeze(&self, writer: &JournalWriter) {
        let mark = mark_of(writer);
        self.change_view(|view| view.frozen_at(mark));
        self.wake_maintenance();
        self.sync_ahead();
    }

    /// Has what is written by now synced, unless it is.
    pub(super) fn sync_ahead(&self) {
        if self.commit.synced() < self.commit.written() {
            self.syncer.sync_ahead();
        }
    }
}

/// The journal's end.
pub(super) fn mark_of(writer: &JournalWriter) -> Mark {
    Mark {
        count: writer.sequence(),
        hash: writer.chain_hash(),
        place: writer.place(),
    }
}
