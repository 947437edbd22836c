//! A clock that all processes share, and patience that a pause does not use up.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the system's monotonic clock: the same for every process, Python's `monotonic_ns` included.
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A span on that clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
}

impl Span {
    /// Whether the two have a moment in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.began <= other.ended && other.began <= self.ended
    }
}

const TICK: Duration = Duration::from_millis(50);

/// How long something may take. Time in which this process and its children were stopped (SIGSTOP) does not count:
/// what is counted are ticks, however long each took.
#[derive(Debug, Clone, Copy)]
pub struct Patience(Duration);

impl Patience {
    /// So much of it.
    pub fn new(patience: Duration) -> Self {
        Self(patience)
    }

    /// Sleeps for a moment. False if there is none left.
    pub fn wait(&mut self) -> bool {
        let moment = Duration::from_millis(1);
        std::thread::sleep(moment);
        self.0 = self.0.saturating_sub(moment);
        !self.0.is_zero()
    }

    /// What comes next.
    ///
    /// # Errors
    ///
    /// Nothing came in time, or nothing can come any more.
    pub fn receive<T>(&mut self, from: &Receiver<T>) -> Result<T, RecvTimeoutError> {
        loop {
            match from.recv_timeout(TICK.min(self.0)) {
                Err(RecvTimeoutError::Timeout) if !self.0.is_zero() => {
                    self.0 = self.0.saturating_sub(TICK);
                }
                received => return received,
            }
        }
    }
}
