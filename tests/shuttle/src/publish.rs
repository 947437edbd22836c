//! The swap of memtables and the order of publishing: what a reader sees while events come in and go over into
//! the trees.

use std::path::PathBuf;
use std::time::Duration;

use shuttle::thread;

use crate::disk::{Disk, Segment};
use crate::error::{Error, Result};
use crate::group_commit::GroupCommit;
use crate::head::Head;
use crate::journal::reader::Mark;
use crate::memtable::Memtable;
use crate::swap::Swap;
use crate::sync::{Arc, Condvar, Mutex};
use crate::trees::ids::KnownIds;
use crate::trees::snapshot::TreeSnapshot;
use crate::view::{Frozen, Trees, View};

const WRITERS: u64 = 2;
const EVENTS_EACH: u64 = 2;
const MEMTABLE_EVENTS: usize = 2;
const LOOKS: u32 = 2;
/// Events of a log that is opened.
const RECORDED: u64 = 3;

/// In which order it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As the log does it.
    Right,
    /// A reader takes the view, then the head.
    ViewBeforeHead,
    /// A writer publishes an event before it is in the memtable.
    PublishBeforeInsert,
    /// A writer publishes an event before it is synced.
    PublishBeforeSync,
    /// The flush takes the memtable out of the view, then puts the new trees in.
    DropBeforeTrees,
    /// The flush puts the new trees in, then takes the memtable out of the view.
    TreesBeforeDrop,
    /// Trees that arrive are shown, then the memtables forget what those have.
    TreesBeforeForgetting,
    /// Trees that arrive are shown, then what they lack.
    TreesBeforeLacking,
}

/// How a log is opened whose trees are awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// How far the trees turn out to be.
    pub applied: u64,
    /// Where the memtable begins.
    pub begins: u64,
}

#[derive(Debug)]
struct Log {
    order: Order,
    awaited: Option<Awaited>,
    disk: Arc<Disk>,
    segment: Arc<Segment>,
    commit: GroupCommit<Segment>,
    head: Head,
    view: Swap<View>,
    /// The sequence number of the next event.
    writer: Mutex<u64>,
    tasks: Mutex<Tasks>,
    tasks_changed: Condvar,
}

#[derive(Debug, Default)]
struct Tasks {
    woken: bool,
    stopping: bool,
}

/// A reader that takes the head, then the view, sees every event before the head once, each of them on stable
/// storage; a follower is woken; the maintenance thread flushes what was frozen and ends.
pub fn publish(order: Order) {
    run(order, &Disk::that_never_fails(), None);
}

/// The same from the opening of a log on, whose trees come while events are appended.
pub fn publish_before_the_trees(order: Order, awaited: Awaited) {
    run(order, &Disk::that_never_fails(), Some(awaited));
}

/// The same with a disk that may fail: what readers saw stays true, and nobody waits for ever.
pub fn publish_on_a_failing_disk(order: Order) {
    run(order, &Disk::that_may_fail(4), None);
}

fn run(order: Order, disk: &Arc<Disk>, awaited: Option<Awaited>) {
    let segment = Segment::new(disk);
    let commit = GroupCommit::new(0, Arc::clone(&segment), PathBuf::from("0"));
    let active = Memtable::new();
    let recorded = if awaited.is_some() { RECORDED } else { 0 };
    let trees = awaited.map_or_else(
        || Trees::Open(holding(0)),
        |_| Trees::Awaited(Arc::new(KnownIds)),
    );
    if let Some(awaited) = awaited {
        (0..recorded).for_each(|sequence| segment.write(sequence));
        (awaited.begins..recorded).for_each(|sequence| active.insert(sequence));
        commit.wrote(recorded);
        commit.sync_through(recorded).expect("the disk never fails");
    }
    let log = Arc::new(Log {
        order,
        awaited,
        disk: Arc::clone(disk),
        commit,
        segment,
        head: Head::new(recorded),
        view: Swap::new(View {
            active: Arc::new(active),
            frozen: Vec::new(),
            trees,
        }),
        writer: Mutex::new(recorded),
        tasks: Mutex::default(),
        tasks_changed: Condvar::new(),
    });
    let spawn = |body: fn(&Log)| {
        let log = Arc::clone(&log);
        thread::spawn(move || body(&log))
    };
    let maintenance = spawn(|log| log.maintain());
    let readers = [
        spawn(|log| (0..LOOKS).for_each(|_| log.look())),
        spawn(|log| log.follow()),
    ];
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| spawn(|log| log.append_all()))
        .collect();
    for thread in writers {
        thread.join().expect("writers do not panic");
    }
    // As a close does it: followers learn that nothing more comes.
    log.lock_tasks().stopping = true;
    log.tasks_changed.notify_all();
    log.head.wake();
    for thread in readers {
        thread.join().expect("readers do not panic");
    }
    maintenance.join().expect("maintenance does not panic");
    log.look();
    if log.commit.check().is_ok() {
        assert_eq!(log.head.get(), recorded + WRITERS * EVENTS_EACH);
        assert!(log.view.get().frozen.is_empty(), "a memtable was left");
    }
}

/// Trees that hold the first events.
fn holding(events: u64) -> TreeSnapshot {
    TreeSnapshot {
        events: Arc::new((0..events).collect()),
    }
}

impl Log {
    fn append_all(&self) {
        for _ in 0..EVENTS_EACH {
            if self.append().is_err() {
                return;
            }
        }
    }

    /// As `Shared::append`: write, remember, sync, publish.
    fn append(&self) -> Result<()> {
        let count = {
            let mut writer = self.writer.lock().expect("no model panics under it");
            self.commit.check()?;
            let sequence = *writer;
            self.segment.write(sequence);
            *writer += 1;
            let count = *writer;
            if self.order == Order::PublishBeforeInsert {
                self.commit.wrote(count);
                self.head.publish(self.commit.sync_through(count)?);
            }
            let memtable = Arc::clone(&self.view.get().active);
            memtable.insert(sequence);
            self.commit.wrote(count);
            if self.order == Order::PublishBeforeSync {
                self.head.publish(count);
            }
            if memtable.size().0 >= MEMTABLE_EVENTS {
                self.view.change(|view| view.frozen_at(Mark { count }));
                self.wake_maintenance();
            }
            count
        };
        self.head.publish(self.commit.sync_through(count)?);
        Ok(())
    }

    /// As `StoreReader::scan`: the head, then the view.
    fn look(&self) {
        let (head, view) = if self.order == Order::ViewBeforeHead {
            let view = self.view();
            (self.head.get(), view)
        } else {
            let head = self.head.get();
            (head, self.view())
        };
        let mut seen: Vec<u64> = Vec::new();
        for memtable in view.memtables() {
            seen.extend(memtable.entries().iter().map(|entry| **entry));
        }
        seen.extend(view.trees().iter().flat_map(|trees| trees.events.iter()));
        seen.retain(|sequence| *sequence < head);
        seen.sort_unstable();
        assert!(
            seen.iter().copied().eq(0..head),
            "a reader saw {seen:?} of the events before {head}"
        );
        assert!(
            self.disk.holds(head),
            "a reader saw an event before {head} that a power cut would take back"
        );
    }

    /// As `Shared::view`.
    fn view(&self) -> Arc<View> {
        let mut tasks = self.lock_tasks();
        loop {
            let view = self.view.get();
            if !view.awaits_trees() {
                return view;
            }
            tasks = self
                .tasks_changed
                .wait(tasks)
                .expect("no model panics under it");
        }
    }

    fn change_view(&self, change: &dyn Fn(&mut View)) {
        self.view.change(|view| {
            let mut view = view.clone();
            change(&mut view);
            view
        });
    }

    /// Waits for the first event, or the end.
    fn follow(&self) {
        let hour = Duration::from_hours(1);
        let head = self
            .head
            .wait_beyond(0, hour, || self.lock_tasks().stopping);
        assert!(head > 0 || self.lock_tasks().stopping);
        self.look();
    }

    /// As `AwaitedTrees::finish` and what the maintenance thread makes of it.
    fn take_trees(&self, awaited: Awaited) {
        let Awaited { applied, begins } = awaited;
        let show = |view: &mut View| view.trees = Trees::Open(holding(applied));
        let forget = || {
            for memtable in self.view.get().memtables() {
                memtable.forget_before(applied);
            }
        };
        let lacking = Memtable::new();
        (applied..begins).for_each(|sequence| lacking.insert(sequence));
        let lacking = Frozen {
            memtable: Arc::new(lacking),
            mark: Mark { count: begins },
        };
        let add = |view: &mut View| {
            if applied < begins {
                view.frozen.insert(0, lacking.clone());
            }
        };
        match self.order {
            Order::TreesBeforeForgetting => {
                self.change_view(&show);
                forget();
            }
            Order::TreesBeforeLacking => {
                self.change_view(&show);
                self.change_view(&add);
            }
            _ => {
                forget();
                self.change_view(&|view| {
                    show(view);
                    add(view);
                });
            }
        }
        self.wake_maintenance();
    }

    /// As the maintenance thread: flush what is frozen, rest, stop.
    fn maintain(&self) {
        if let Some(awaited) = self.awaited {
            self.take_trees(awaited);
        }
        loop {
            let frozen = {
                let mut tasks = self.lock_tasks();
                tasks.woken = false;
                match self.view.get().frozen.first() {
                    Some(frozen) => Some(frozen.clone()),
                    None if tasks.stopping => return,
                    None => None,
                }
            };
            match frozen {
                Some(frozen) => {
                    if let Err(error) = self.flush(&frozen) {
                        self.commit.poison(&error);
                        return;
                    }
                }
                None => self.rest(),
            }
        }
    }

    fn flush(&self, frozen: &Frozen) -> Result<(), Error> {
        let mark = frozen.mark;
        self.head.publish(self.commit.sync_through(mark.count)?);
        let view = self.view.get();
        let before = view
            .trees()
            .into_iter()
            .flat_map(|trees| trees.events.iter());
        let added = frozen.memtable.entries();
        let events: Vec<u64> = before
            .copied()
            .chain(added.iter().map(|entry| **entry))
            .collect();
        assert!(
            self.disk.holds(mark.count),
            "the trees hold what the journal may lose"
        );
        let trees = Trees::Open(TreeSnapshot {
            events: Arc::new(events),
        });
        let drop_frozen =
            |view: &mut View| view.frozen.retain(|other| other.mark.count > mark.count);
        let change = |change: &dyn Fn(&mut View)| self.change_view(change);
        match self.order {
            Order::DropBeforeTrees => {
                change(&drop_frozen);
                change(&|view| view.trees = trees.clone());
            }
            Order::TreesBeforeDrop => {
                change(&|view| view.trees = trees.clone());
                change(&drop_frozen);
            }
            _ => change(&|view| {
                view.trees = trees.clone();
                drop_frozen(view);
            }),
        }
        self.wake_maintenance();
        Ok(())
    }

    fn rest(&self) {
        let mut tasks = self.lock_tasks();
        while !tasks.woken && !tasks.stopping {
            tasks = self
                .tasks_changed
                .wait(tasks)
                .expect("no model panics under it");
        }
    }

    fn wake_maintenance(&self) {
        self.lock_tasks().woken = true;
        self.tasks_changed.notify_all();
    }

    fn lock_tasks(&self) -> shuttle::sync::MutexGuard<'_, Tasks> {
        self.tasks.lock().expect("no model panics under it")
    }
}
