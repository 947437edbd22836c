//! What all handles of one open log share.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::group_commit::GroupCommit;
use super::head::Head;
use super::index::TermHasher;
use super::journal::writer::JournalWriter;
use super::layout::{Format, Layout};
use super::options::StoreOptions;
use super::recover::Recovery;
use super::swap::Swap;
use super::trees::engine::TreeError;
use super::trees::manifest::Mark;
use super::view::View;
use crate::error::{Error, Result};

/// The state of an open log.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    pub(crate) format: Format,
    pub(crate) hasher: TermHasher,
    pub(crate) options: StoreOptions,
    pub(crate) recovery: Recovery,
    pub(crate) head: Head,
    pub(crate) commit: GroupCommit<File>,
    pub(super) writer: Mutex<JournalWriter>,
    view: Swap<View>,
    closed: AtomicBool,
    pub(super) tasks: Mutex<Tasks>,
    pub(super) tasks_changed: Condvar,
}

/// What the maintenance thread is asked for, and how far it is.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// Something may be to do.
    pub(super) woken: bool,
    pub(super) stopping: bool,
    /// The trees are to be rebuilt, for this reason.
    pub(super) rebuild: Option<String>,
    /// Rebuilds finished so far.
    pub(super) rebuilt: u64,
    /// Why maintenance has ended before its time.
    pub(super) failed: Option<String>,
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
            recovery,
            head: Head::new(count),
            commit: GroupCommit::new(count, file, path),
            writer: Mutex::new(writer),
            view: Swap::new(view),
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

    pub(crate) fn view(&self) -> Arc<View> {
        self.view.get()
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

    /// Tells the maintenance thread, and those who wait for it, to look again.
    pub(super) fn wake_maintenance(&self) {
        self.lock_tasks().woken = true;
        self.tasks_changed.notify_all();
    }

    /// Asks for a rebuild of the trees, because of what a reader or the writer found in them.
    pub(crate) fn report_trees(&self, error: &TreeError) {
        // From here on the journal answers.
        self.change_view(|view| View {
            trees: None,
            ..view.clone()
        });
        self.lock_tasks()
            .rebuild
            .get_or_insert_with(|| error.to_string());
        self.wake_maintenance();
    }

    /// Closes the active memtable and hands it on to the maintenance thread.
    pub(super) fn freeze(&self, writer: &JournalWriter) {
        let mark = mark_of(writer);
        self.change_view(|view| view.frozen_at(mark));
        self.wake_maintenance();
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
