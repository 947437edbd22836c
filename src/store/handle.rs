//! The handle that owns an open log: its threads and its lock.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::append::Placed;
use super::maintenance;
use super::memtable::Memtable;
use super::options::{Durability, StoreOptions};
use super::prepare::Prepared;
use super::recover;
use super::shared::{Rebuild, Shared, mark_of};
use super::view::{Frozen, Trees, View};
use crate::error::{Error, Result};

/// An open log. Clones share it; it is closed with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<File>>,
    /// Held by whoever closes, so that no close returns before the log is closed.
    closing: Mutex<()>,
}

impl Store {
    pub(crate) fn open(path: &Path, options: StoreOptions) -> Result<Self> {
        let recover::Opened {
            shared,
            trees,
            lock,
        } = recover::open(path, options)?;
        let shared = Arc::new(shared);
        let owner = Owner {
            shared: Arc::clone(&shared),
            threads: Mutex::default(),
            lock: Mutex::new(Some(lock)),
            closing: Mutex::default(),
        };
        let for_maintenance = Arc::clone(&shared);
        owner.spawn("maintenance", move || {
            maintenance::run(for_maintenance, trees);
        })?;
        let for_syncs = Arc::clone(&shared);
        owner.spawn("sync", move || for_syncs.syncer.run(&for_syncs))?;
        Ok(Self {
            shared,
            owner: Arc::new(owner),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn append(&self, batch: Prepared) -> Result<Vec<Placed>> {
        self.shared.append(batch)
    }

    /// Appends without blocking on the sync: a thread of the log does it.
    pub(crate) async fn append_async(&self, batch: Prepared) -> Result<Vec<Placed>> {
        let written = self.shared.write(batch)?;
        if self.shared.options.durability == Durability::Sync {
            self.shared.syncer.request(written.count).await?;
        } else {
            self.shared.acknowledge(written.count)?;
        }
        Ok(written.placed)
    }

    /// Makes every event durable and brings all of them into the trees.
    pub(crate) fn flush(&self) -> Result<()> {
        let shared = &self.shared;
        {
            let writer = shared.lock_writer();
            shared.check_open()?;
            shared.freeze(&writer);
        }
        let written = shared.commit.written();
        shared.head.publish(shared.commit.sync_through(written)?);
        shared.wait_while(|_| {
            let view = shared.view_now();
            let of_these = |frozen: &Frozen| frozen.mark.count <= written;
            view.trees().is_none() || view.frozen.iter().any(of_these)
        })?;
        // A pause begins, in which no append would do it.
        shared.retired.free_all();
        Ok(())
    }

    /// Makes new trees from the journal.
    pub(crate) fn rebuild_trees(&self) -> Result<()> {
        let shared = &self.shared;
        shared.check_open()?;
        let before = {
            let mut tasks = shared.lock_tasks();
            tasks.rebuild.get_or_insert(Rebuild::Wanted);
            tasks.rebuilt
        };
        shared.wake_maintenance();
        shared.wait_while(|tasks| tasks.rebuilt == before)?;
        shared
            .lock_tasks()
            .rebuild_failure
            .take()
            .map_or(Ok(()), Err)
    }

    /// Closes the log, for all handles: makes every event durable, notes where the journal ends, lets go
    /// of the lock.
    pub(crate) fn close(&self) -> Result<()> {
        self.owner.close()
    }
}

impl Owner {
    fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let spawned = thread::Builder::new()
            .name(format!("explog {name}"))
            .spawn(body);
        let handle = spawned.map_err(Error::io("start a thread for", self.shared.layout.root()))?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(handle);
        Ok(())
    }

    fn close(&self) -> Result<()> {
        let _closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &self.shared;
        let result = {
            let mut writer = shared.lock_writer();
            if !shared.mark_closed() {
                return Ok(());
            }
            let mark = mark_of(&writer);
            let waiting = shared.view_now().active.size().0;
            if waiting >= shared.options.worth_a_flush() {
                shared.freeze(&writer);
            }
            shared.commit.sync_through(mark.count).and_then(|synced| {
                shared.head.publish(synced);
                writer.trim()?;
                Ok(mark)
            })
        };
        // Those who follow learn that nothing more comes.
        shared.head.wake();
        shared.syncer.stop();
        shared.lock_tasks().stopping = true;
        shared.tasks_changed.notify_all();
        for thread in self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            // A panic of the thread was turned into an error before.
            let _ = thread.join();
        }
        let result = result.and_then(|mark| shared.layout.write_head(shared.format.log_id, &mark));
        // Readers that are still about must not keep the trees open.
        shared.change_view(|_| View {
            active: Arc::new(Memtable::new()),
            frozen: Vec::new(),
            trees: Trees::Unusable,
        });
        let lock = self
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(lock) = lock {
            // A process that another thread starts just now has the file too, until it runs its program: closing alone
            // would leave the log locked until then.
            let _ = lock.unlock();
        }
        result
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Nobody is left to tell an error to; the next opening recovers.
        let _ = self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_log_is_free_though_another_process_inherited_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let lock = store.owner.lock.lock().unwrap();
        // What a process has that was forked and runs no program yet.
        let inherited = lock.as_ref().unwrap().try_clone().unwrap();
        drop(lock);
        store.close().unwrap();
        Store::open(folder.path(), StoreOptions::default()).unwrap();
        drop(inherited);
    }
}
