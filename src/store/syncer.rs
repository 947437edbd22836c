//! The sync thread: syncs at an interval, for callers that must not block, and ahead of those who would have to wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::options::Durability;
use super::shared::Shared;
use crate::error::{Error, Result};

/// Requests to the sync thread.
#[derive(Debug, Default)]
pub(crate) struct Syncer {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    requests: Requests,
    stopping: bool,
}

/// What is asked for, until the thread takes it.
#[derive(Debug, Default)]
struct Requests {
    waiting: Vec<Waiting>,
    /// Somebody will need what is written now to be synced.
    ahead: bool,
}

impl Requests {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && !self.ahead
    }
}

/// How many events are to be acknowledged, and to whom.
type Waiting = (u64, Arc<Mutex<Answer>>);

#[derive(Debug, Default)]
struct Answer {
    result: Option<Result<()>>,
    waker: Option<Waker>,
}

/// Resolves once the events asked for are as durable as the options say.
#[derive(Debug)]
pub(crate) struct Acknowledgement {
    answer: Arc<Mutex<Answer>>,
}

impl Future for Acknowledgement {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = answer.result.take() {
            Poll::Ready(result)
        } else {
            answer.waker = Some(context.waker().clone());
            Poll::Pending
        }
    }
}

impl Syncer {
    /// Asks for an acknowledgement of the first `count` events, by the thread that runs [`run`](Self::run).
    pub(crate) fn request(&self, count: u64) -> Acknowledgement {
        let answer = Arc::default();
        let acknowledgement = Acknowledgement {
            answer: Arc::clone(&answer),
        };
        let mut queue = self.lock();
        if queue.stopping {
            drop(queue);
            settle(&answer, Err(Error::Closed));
        } else {
            queue.requests.waiting.push((count, answer));
            self.changed.notify_one();
        }
        acknowledgement
    }

    /// Asks for a sync of what is written by now: whoever will need it waits less, or not at all.
    pub(crate) fn sync_ahead(&self) {
        self.lock().requests.ahead = true;
        self.changed.notify_one();
    }

    /// Ends the thread, after what was asked for.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    /// The thread: serves requests, and syncs at an interval if that is how durable the log is.
    pub(crate) fn run(&self, shared: &Shared) {
        let interval = match shared.options.durability {
            Durability::Periodic(interval) => Some(interval),
            Durability::Sync | Durability::Os => None,
        };
        // An interval without an end is never over.
        let next_due = || interval.and_then(|interval| Instant::now().checked_add(interval));
        let mut due = next_due();
        loop {
            let (requests, stopping) = self.wait(due);
            let Requests { waiting, ahead } = requests;
            settle_all(waiting, |count| shared.acknowledge(count));
            let is_due = due.is_some_and(|due| due <= Instant::now());
            if ahead || is_due {
                shared.commit.sync_ahead();
            }
            if is_due {
                due = next_due();
            }
            if stopping {
                return;
            }
        }
    }

    /// Waits for requests, for the time to sync, or for the end.
    fn wait(&self, due: Option<Instant>) -> (Requests, bool) {
        let mut queue = self.lock();
        while queue.requests.is_empty() && !queue.stopping {
            queue = match due {
                None => self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.changed
                        .wait_timeout(queue, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        (std::mem::take(&mut queue.requests), queue.stopping)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Acknowledges by one sync what several wait for. If it fails, what was synced before is acknowledged all the same,
/// and the first of the others is told of the failure itself.
fn settle_all(waiting: Vec<Waiting>, acknowledge: impl Fn(u64) -> Result<()>) {
    let Some(highest) = waiting.iter().map(|(count, _)| *count).max() else {
        return;
    };
    let mut untold = acknowledge(highest).err();
    let failed = untold.is_some();
    for (count, answer) in waiting {
        let result = if failed {
            acknowledge(count).map_err(|later| untold.take().unwrap_or(later))
        } else {
            Ok(())
        };
        settle(&answer, result);
    }
}

fn settle(answer: &Mutex<Answer>, result: Result<()>) {
    let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
    answer.result = Some(result);
    let waker = answer.waker.take();
    // An executor may poll, and so lock, while it is woken.
    drop(answer);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::path::Path;

    use super::*;

    #[test]
    fn of_those_who_wait_for_a_sync_that_fails_one_is_told_why() {
        let answers: Vec<_> = (0..3).map(|_| Arc::<Mutex<Answer>>::default()).collect();
        let waiting = answers.iter().enumerate();
        let waiting = waiting.map(|(place, answer)| (place as u64 + 1, Arc::clone(answer)));
        let told = Cell::new(false);
        // The first event is on stable storage.
        settle_all(waiting.collect(), |count| match count {
            1 => Ok(()),
            _ if told.replace(true) => Err(Error::Poisoned {
                cause: "no more".to_owned(),
            }),
            _ => Err(Error::io("sync", Path::new("x"))(io::Error::other(
                "no more",
            ))),
        });
        let results = answers.iter().map(|answer| {
            let mut answer = answer.lock().unwrap();
            answer.result.take().unwrap()
        });
        let results: Vec<_> = results.collect();
        assert!(
            matches!(
                results[..],
                [Ok(()), Err(Error::Io { .. }), Err(Error::Poisoned { .. })]
            ),
            "{results:?}"
        );
    }
}
