//! The head: how many events of the log readers may see. It only ever grows.

use std::time::{Duration, Instant};

use super::sync::atomic::{AtomicU64, Ordering};
use super::sync::{Condvar, Mutex, PoisonError};

/// The published end of the log, and those who wait for it to move.
#[derive(Debug)]
pub(crate) struct Head {
    count: AtomicU64,
    /// How many wait: to wake nobody is a system call all the same.
    waiting: Mutex<usize>,
    moved: Condvar,
}

impl Head {
    pub(crate) fn new(count: u64) -> Self {
        Self {
            count: AtomicU64::new(count),
            waiting: Mutex::new(0),
            moved: Condvar::new(),
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Lets readers see the first `count` events.
    pub(crate) fn publish(&self, count: u64) {
        self.count.fetch_max(count, Ordering::AcqRel);
        self.wake();
    }

    /// Wakes those who wait, whether or not the head moved.
    pub(crate) fn wake(&self) {
        // A waiter looks at the count under the lock, so it cannot miss this.
        let waiting = *self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting > 0 {
            self.moved.notify_all();
        }
    }

    /// Waits until there are more than `count` events, `stop` says so, or the time is over.
    pub(crate) fn wait_beyond(
        &self,
        count: u64,
        timeout: Duration,
        stop: impl Fn() -> bool,
    ) -> u64 {
        let deadline = Instant::now().checked_add(timeout);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let head = self.get();
            let left = deadline.map_or(Duration::from_hours(1), |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if head > count || stop() || left.is_zero() {
                return head;
            }
            *waiting += 1;
            waiting = self
                .moved
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            *waiting -= 1;
        }
    }
}
