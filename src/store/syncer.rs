//! The sync thread: syncs at an interval, and for callers that must not block.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

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
    waiting: Vec<Waiting>,
    stopping: bool,
    running: bool,
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
            queue.waiting.push((count, answer));
            self.changed.notify_one();
        }
        acknowledgement
    }

    /// True for the first caller, who is to start the thread.
    pub(crate) fn is_first(&self) -> bool {
        !std::mem::replace(&mut self.lock().running, true)
    }

    /// Lets another caller start the thread, since it could not be started.
    pub(crate) fn not_started(&self) {
        self.lock().running = false;
    }

    /// Ends the thread, after what was asked for.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    /// The thread: serves requests, and syncs at `interval` if there is one.
    pub(crate) fn run(&self, shared: &Shared, interval: Option<Duration>) {
        let mut due = interval.map(|interval| Instant::now() + interval);
        loop {
            let (waiting, stopping) = self.wait(due);
            let highest = waiting.iter().map(|(count, _)| *count).max();
            if let Some(highest) = highest {
                // One sync serves all; each gets an error of its own if it fails.
                let failed = shared.acknowledge(highest).err();
                for (place, (count, answer)) in waiting.into_iter().enumerate() {
                    let result = match (&failed, place) {
                        (None, _) => Ok(()),
                        (Some(_), _) => shared.acknowledge(count),
                    };
                    settle(&answer, result);
                }
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                // A failure stays with the group commit: the next append tells it.
                let _ = shared.commit.sync_through(shared.commit.written());
                due = interval.map(|interval| Instant::now() + interval);
            }
            if stopping {
                return;
            }
        }
    }

    /// Waits for requests, for the time to sync, or for the end.
    fn wait(&self, due: Option<Instant>) -> (Vec<Waiting>, bool) {
        let mut queue = self.lock();
        while queue.waiting.is_empty() && !queue.stopping {
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
        (std::mem::take(&mut queue.waiting), queue.stopping)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
