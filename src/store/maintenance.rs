//! The maintenance thread: brings memtables into the trees, merges runs, seals segments, rebuilds trees.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::awaited::{Arrived, AwaitedTrees};
use super::generation;
use super::journal::reader::Mark;
use super::journal::{seal, segment};
use super::recover::OpenedTrees;
use super::shared::{Rebuild, Shared, Tasks};
use super::trees::engine::TreeError;
use super::trees::merge::Step;
use super::trees::writer::TreeWriter;
use super::view::{Frozen, Trees, View};
use crate::error::{Error, Result};

/// Who has had nothing to do for so long may free what the appending threads would have freed.
const IDLE: Duration = Duration::from_secs(1);
/// While memtables wait, HEAD is written with every so many flushes.
const FLUSHES_WITHOUT_HEAD: u32 = 8;

/// The thread's own state.
struct Maintenance {
    shared: Arc<Shared>,
    /// `None` while they are being opened, and after a failed rebuild.
    trees: Option<TreeWriter>,
    generation: u64,
    /// How far the trees have got, where memtables begin.
    applied: Mark,
    /// Segments before this one need no look.
    sealed_before: u64,
    /// The end of the memtable that the trees did not take.
    refused: Option<u64>,
    flushes_since_head: u32,
}

enum Task {
    Rebuild(Rebuild),
    Flush(Frozen),
    Tidy,
    Stop,
}

/// Runs until the log is closed.
pub(super) fn run(shared: Arc<Shared>, opened: OpenedTrees) {
    let (trees, awaited, generation, applied) = match opened {
        OpenedTrees::Open(trees, generation) => {
            let applied = trees.applied();
            (Some(*trees), None, generation, applied)
        }
        OpenedTrees::Awaited(awaited) => {
            let (generation, begins) = (awaited.early.generation, awaited.known.begins);
            (None, Some(awaited), generation, begins)
        }
    };
    let mut maintenance = Maintenance {
        shared,
        trees,
        generation,
        applied,
        sealed_before: 0,
        refused: None,
        flushes_since_head: 0,
    };
    // A panic here would leave appends waiting for ever.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        if let Some(awaited) = awaited {
            maintenance.finish_opening(awaited)?;
        }
        maintenance.work()
    }));
    let shared = Arc::clone(&maintenance.shared);
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => shared.commit.fail(error),
        Err(_) => shared.commit.poison(&Error::Poisoned {
            cause: "maintenance panicked".to_owned(),
        }),
    }
    if shared.view_now().awaits_trees() {
        // There will be none: readers go on with the journal.
        shared.change_view(View::without_trees);
    }
    // Readers that are still about must not keep sled open: they go on with the journal.
    if let Some(trees) = maintenance.trees.take() {
        trees.close();
    }
    shared.lock_tasks().ended = true;
    shared.tasks_changed.notify_all();
}

impl Maintenance {
    /// Takes over the trees that the log was opened without, or replaces them.
    fn finish_opening(&mut self, awaited: AwaitedTrees) -> Result<()> {
        let end = awaited.known.end.count;
        match awaited.finish(&self.shared)? {
            Ok(Arrived {
                trees,
                frozen,
                replayed,
            }) => {
                self.applied = trees.applied();
                self.trees = Some(trees);
                self.show(|view| view.frozen.splice(..0, frozen).for_each(drop));
                self.shared.opened_trees(replayed, None);
            }
            Err(error) => {
                let reason = error.reason().to_owned();
                self.rebuild(&Rebuild::Broken(error))?;
                self.shared.opened_trees(end, Some(reason));
            }
        }
        Ok(())
    }

    /// Works until it is told to stop.
    fn work(&mut self) -> Result<()> {
        loop {
            match self.next_task() {
                Task::Stop => return self.merge(TreeWriter::merge_before_end).map(|_| ()),
                Task::Rebuild(reason) => self.rebuild(&reason)?,
                Task::Flush(frozen) => {
                    self.flush(frozen)?;
                    self.keep_up()?;
                }
                Task::Tidy => {
                    if !self.tidy()? {
                        self.rest();
                    }
                }
            }
        }
    }

    fn next_task(&self) -> Task {
        let mut tasks = self.shared.lock_tasks();
        tasks.woken = false;
        if let Some(reason) = tasks.rebuild.take() {
            return Task::Rebuild(reason);
        }
        let view = self.shared.view_now();
        match view.frozen.first() {
            Some(frozen) => Task::Flush(frozen.clone()),
            None if tasks.stopping => Task::Stop,
            None => Task::Tidy,
        }
    }

    /// Waits until there may be something to do. Where nobody appends, nobody else frees what is retired.
    fn rest(&self) {
        let mut tasks = self.shared.lock_tasks();
        let idle = |tasks: &Tasks| !tasks.woken && !tasks.stopping;
        if idle(&tasks) {
            tasks = self.shared.wait_for_tasks_at_most(IDLE, tasks);
        }
        if idle(&tasks) {
            drop(tasks);
            self.shared.retired.free_all();
            tasks = self.shared.lock_tasks();
        }
        while idle(&tasks) {
            tasks = self.shared.wait_for_tasks(tasks);
        }
    }

    /// Brings a memtable into the trees. The order matters: the trees never hold what the journal could
    /// still lose, and readers get the trees' new state and lose the memtable at once.
    fn flush(&mut self, frozen: Frozen) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let mark = frozen.mark;
        // The sync that was asked for with the freezing goes on meanwhile.
        let prepared = match &mut self.trees {
            Some(trees) => trees.prepare(frozen.memtable.entries(), mark),
            None => Err(TreeError::new("there are none")),
        };
        let synced = shared.commit.sync_through(mark.count)?;
        shared.head.publish(synced);
        let applied = match &mut self.trees {
            Some(trees) => prepared.and_then(|prepared| trees.commit(prepared)),
            None => prepared.map(|_| ()),
        };
        if let Err(error) = applied {
            if self.refused == Some(mark.count) {
                // Fresh trees did not take it either.
                return Err(generation::unusable(&shared.layout, &error));
            }
            self.refused = Some(mark.count);
            // The memtable stays where it is, and its turn comes again.
            return self.rebuild(&Rebuild::Broken(error));
        }
        self.refused = None;
        self.applied = mark;
        self.show(|view| view.frozen.retain(|other| other.mark.count > mark.count));
        if let Some(memtable) = Arc::into_inner(frozen.memtable) {
            shared.retired.add(memtable.into_entries());
        }
        shared.wake_maintenance();
        self.note_head(&mark);
        Ok(())
    }

    /// Writes HEAD, unless memtables wait: it only repeats what the journal says, so an older one is as true. But the
    /// older it is, the less it proves.
    fn note_head(&mut self, mark: &Mark) {
        self.flushes_since_head += 1;
        let waits = !self.shared.view_now().frozen.is_empty();
        if waits && self.flushes_since_head < FLUSHES_WITHOUT_HEAD {
            return;
        }
        self.flushes_since_head = 0;
        let shared = &self.shared;
        let _ = shared.layout.write_head(shared.format.log_id, mark);
    }

    /// Goes on with the merges that cannot wait for a rest.
    fn keep_up(&mut self) -> Result<()> {
        self.merge(TreeWriter::merge_beside_load).map(|_| ())
    }

    /// Does some merging. False if there is nothing to merge.
    fn merge(
        &mut self,
        step: impl FnOnce(&mut TreeWriter) -> Result<Step, TreeError>,
    ) -> Result<bool> {
        match self.trees.as_mut().map_or(Ok(Step::None), step) {
            Ok(Step::None) => return Ok(false),
            Ok(Step::Part) => {}
            Ok(Step::Whole) => self.publish(),
            Err(error) => self.rebuild(&Rebuild::Broken(error))?,
        }
        Ok(true)
    }

    /// Gives readers the trees' new state, and tells those who wait for it.
    fn publish(&self) {
        self.show(|_| {});
        self.shared.wake_maintenance();
    }

    /// Gives readers the trees' new state, and `change` with it.
    fn show(&self, change: impl FnOnce(&mut View)) {
        let snapshot = self.trees.as_ref().map(TreeWriter::snapshot);
        self.shared.change_view(|view| {
            let mut view = View {
                trees: snapshot.map_or(Trees::Unusable, Trees::Open),
                ..view.clone()
            };
            change(&mut view);
            view
        });
    }

    /// Makes new trees in place of those that there are.
    fn rebuild(&mut self, reason: &Rebuild) -> Result<()> {
        match reason {
            Rebuild::Broken(error) => {
                // From here on the journal answers.
                self.shared.change_view(View::without_trees);
                self.shared.wake_maintenance();
                // Before they are closed, which may bring to stable storage what tells of blocks that are not there.
                self.shared
                    .layout
                    .set_aside(self.generation, error.reason());
                if let Some(trees) = self.trees.take() {
                    trees.close();
                }
                self.replace_trees()?;
                self.finish_rebuild(Ok(()));
            }
            // Those that there are serve until the new ones do, and go on if that fails.
            Rebuild::Wanted => {
                let replaced = self.replace_trees();
                self.finish_rebuild(replaced);
            }
        }
        Ok(())
    }

    /// Makes the next generation of the trees from the journal, up to where the memtables begin.
    fn replace_trees(&mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let number = self.generation + 1;
        let trees = generation::rebuild(
            &shared.layout,
            &shared.format,
            &shared.options,
            number,
            self.applied,
        )?;
        let old = self.trees.replace(trees);
        self.publish();
        if let Some(old) = old {
            old.close();
        }
        shared.layout.remove_generation(self.generation);
        self.generation = number;
        Ok(())
    }

    /// Tells those who wait for a rebuild how it went.
    fn finish_rebuild(&self, result: Result<()>) {
        let mut tasks = self.shared.lock_tasks();
        // What was asked for meanwhile is done with this one.
        tasks.rebuild = None;
        tasks.rebuilt += 1;
        tasks.rebuild_failure = result.err();
        self.shared.tasks_changed.notify_all();
    }

    /// One piece of work that can wait. False if there is none.
    fn tidy(&mut self) -> Result<bool> {
        if self.merge(TreeWriter::merge_at_rest)? {
            return Ok(true);
        }
        Ok(self.seal_one())
    }

    /// Compresses the oldest segment that is complete and plain. A segment that cannot be compressed stays
    /// as it is: reading it tells what is wrong with it.
    fn seal_one(&mut self) -> bool {
        let folder = self.shared.layout.journal();
        let Ok(segments) = segment::list(&folder) else {
            return false;
        };
        for pair in segments.windows(2) {
            let [plain, next] = pair else { continue };
            if plain.sealed || plain.first_sequence < self.sealed_before {
                continue;
            }
            self.sealed_before = next.first_sequence;
            let log_id = &self.shared.format.log_id;
            // What a full disk or damage prevents here is tried again at the next opening.
            let _ = seal::seal(&folder, log_id, plain, next.first_sequence);
            return true;
        }
        false
    }
}
