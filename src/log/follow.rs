//! Events in the order of appending: what is there, and what comes.

use std::time::{Duration, Instant};

use super::entry::LogEntry;
use crate::error::Result;
use crate::store::reader;

/// Events by sequence number. After the last one it gives `None`; ask again, and it gives what came since.
#[derive(Debug)]
pub struct Replay {
    pub(crate) inner: reader::Replay,
}

impl Replay {
    /// The sequence number that comes next: where another replay would go on.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.inner.position()
    }
}

impl Iterator for Replay {
    type Item = Result<LogEntry>;

    fn next(&mut self) -> Option<Result<LogEntry>> {
        self.inner
            .next()
            .map(|hit| hit.map(LogEntry::new))
            .transpose()
    }
}

/// Events by sequence number, each exactly once: first what is there, then what comes. As an iterator it
/// waits for the next event; it ends when the log is closed in this process, or after an error.
#[derive(Debug)]
pub struct Follow {
    pub(crate) inner: reader::Replay,
    pub(crate) ended: bool,
}

impl Follow {
    /// The sequence number that comes next: where another follower would go on.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.inner.position()
    }

    /// The next event, if one comes within `timeout`.
    ///
    /// # Errors
    ///
    /// Damage of the journal, or [`Error::Closed`](crate::Error::Closed) once the log is closed.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<LogEntry>> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(hit) = self.inner.next()? {
                return Ok(Some(LogEntry::new(hit)));
            }
            let left = deadline.map_or(Duration::MAX, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Ok(None);
            }
            self.inner.wait(left)?;
        }
    }
}

impl Iterator for Follow {
    type Item = Result<LogEntry>;

    fn next(&mut self) -> Option<Result<LogEntry>> {
        if self.ended {
            return None;
        }
        match self.next_within(Duration::MAX).transpose() {
            Some(Err(crate::Error::Closed)) => {
                self.ended = true;
                None
            }
            Some(Err(error)) => {
                self.ended = true;
                Some(Err(error))
            }
            entry => entry,
        }
    }
}
