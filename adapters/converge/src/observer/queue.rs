//! The queue between the engine and the thread that appends.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use converge_core::ExperienceEventEnvelope;
use jiff::Timestamp;
use uuid::Uuid;

use super::report::{Callback, Counts, Reason, Unrecorded, UnrecordedError};

/// The bounds of an observer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) capacity: usize,
    pub(crate) patience: Duration,
    pub(crate) batch: usize,
}

/// Events that wait, and what became of the others.
pub(crate) struct Queue {
    limits: Limits,
    callback: Callback,
    state: Mutex<State>,
    /// An event has come, or the queue was closed.
    arrived: Condvar,
    /// Events were taken, or are settled.
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<ExperienceEventEnvelope>,
    /// Events that were let in, and those of them whose fate is known.
    accepted: u64,
    settled: u64,
    recorded: u64,
    lost: u64,
    /// How many of the lost a flush has told of.
    told: u64,
    /// No event gets an earlier time.
    latest: Timestamp,
    closed: bool,
    /// Nobody takes events any more.
    abandoned: bool,
}

impl Queue {
    pub(crate) fn new(limits: Limits, callback: Callback) -> Self {
        Self {
            limits,
            callback,
            state: Mutex::default(),
            arrived: Condvar::new(),
            moved: Condvar::new(),
        }
    }

    /// Lets an event in, with a fresh id and the time; or loses it, if there is no room in time.
    pub(crate) fn push(&self, mut envelope: ExperienceEventEnvelope) {
        let capacity = self.limits.capacity;
        let mut state = self.lock();
        if state.waiting.len() >= capacity {
            state = self.wait_for_room(state);
        }
        state.stamp(&mut envelope);
        if state.waiting.len() >= capacity || state.abandoned {
            state.lost += 1;
            drop(state);
            self.report(&[envelope], Reason::QueueFull { capacity });
            return;
        }
        state.accepted += 1;
        state.waiting.push_back(envelope);
        drop(state);
        self.arrived.notify_one();
    }

    fn wait_for_room<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let full =
            |state: &mut State| state.waiting.len() >= self.limits.capacity && !state.abandoned;
        // A deadline beyond what the clock can tell is none.
        if Instant::now().checked_add(self.limits.patience).is_none() {
            let waited = self.moved.wait_while(state, full);
            return waited.unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self
            .moved
            .wait_timeout_while(state, self.limits.patience, full);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The events that wait, at most a batch of them; `None` once the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<ExperienceEventEnvelope>> {
        let nothing = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let waited = self.arrived.wait_while(self.lock(), nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let count = state.waiting.len().min(self.limits.batch);
        let batch: Vec<_> = state.waiting.drain(..count).collect();
        drop(state);
        self.moved.notify_all();
        (!batch.is_empty()).then_some(batch)
    }

    /// Notes what became of events that were taken.
    pub(crate) fn settle(&self, recorded: u64, lost: u64) {
        let mut state = self.lock();
        state.settled += recorded + lost;
        state.recorded += recorded;
        state.lost += lost;
        drop(state);
        self.moved.notify_all();
    }

    /// Waits until what was let in before is settled.
    pub(crate) fn flush(&self) -> Result<(), UnrecordedError> {
        let state = self.lock();
        let target = state.accepted;
        let pending = |state: &mut State| state.settled < target && !state.abandoned;
        let waited = self.moved.wait_while(state, pending);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let lost = state.lost - state.told;
        state.told = state.lost;
        if lost == 0 {
            Ok(())
        } else {
            Err(UnrecordedError { lost })
        }
    }

    /// Lets the thread end once nothing waits.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Says that nobody takes events any more, so that nobody waits for it. Those that wait are lost, and reported.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        let left: Vec<_> = state.waiting.drain(..).collect();
        state.lost += state.accepted - state.settled;
        state.settled = state.accepted;
        drop(state);
        self.moved.notify_all();
        if !left.is_empty() {
            self.report(&left, Reason::Panicked);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.lock();
        let lost_unseen = state.lost + state.recorded - state.settled;
        Counts {
            observed: state.accepted + lost_unseen,
            recorded: state.recorded,
            lost: state.lost,
            waiting: state.accepted - state.settled,
        }
    }

    /// Tells of events that are lost. What the callback does must not cost more of them.
    pub(crate) fn report(&self, events: &[ExperienceEventEnvelope], reason: Reason<'_>) {
        let unrecorded = Unrecorded { events, reason };
        let told = panic::catch_unwind(AssertUnwindSafe(|| (self.callback)(&unrecorded)));
        if told.is_err() {
            super::report::to_stderr(&unrecorded);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stamp(&mut self, envelope: &mut ExperienceEventEnvelope) {
        self.latest = self.latest.max(Timestamp::now());
        envelope.event_id = Uuid::now_v7().to_string().into();
        envelope.occurred_at = self.latest.to_string().into();
    }
}
