//! Records what an engine does, without delaying it, and never loses an event quietly.
//!
//! ```text
//! engine → on_event: id, time, queue │ a thread: batch → journal, synced once a batch → settled
//!                    full? wait a little, then count, report, go on
//! ```

mod options;
mod queue;
mod report;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;

use converge_core::{
    CorrelationId, ExperienceEvent, ExperienceEventEnvelope, ExperienceEventObserver, TenantId,
};

pub use options::ObserverOptions;
use queue::Queue;
pub use report::{Counts, Reason, Unrecorded, UnrecordedError};

/// An observer for [`Engine::set_event_observer`](converge_core::Engine::set_event_observer).
///
/// Each event gets a `UUIDv7` and the time of the clock (never an earlier one than the event before it), and waits
/// in a queue for a thread that appends what has come since in one batch. The engine's thread does no I/O.
///
/// **When the queue is full**, `on_event` waits for room, at most [`patience`](ObserverOptions::patience). Then the
/// event is lost: it is counted, and reported with its content. So is an event that the log refuses, and one that
/// it could not write.
///
/// Dropping the last clone of an observer records what is waiting. [`flush`](Self::flush) does so at any time, and
/// says whether something was lost.
///
/// ```
/// use std::sync::Arc;
/// use converge_core::{ContextState, Engine};
/// use converge_core::suggestors::{ReactOnceSuggestor, SeedSuggestor};
/// use converge_experience_log::ConvergeLog;
///
/// let folder = tempfile::tempdir()?;
/// let log = ConvergeLog::open(folder.path().join("agent.log"))?;
/// let observer = log.observer().correlation("run-7").start()?;
///
/// let mut engine = Engine::new();
/// engine.register_suggestor(SeedSuggestor::new("goal", "ship the release"));
/// engine.register_suggestor(ReactOnceSuggestor::new("guess", "two days"));
/// engine.set_event_observer(Arc::new(observer.clone()));
/// pollster::block_on(engine.run(ContextState::new()))?;
///
/// observer.flush()?;
/// assert_eq!(observer.counts().recorded, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LogObserver {
    core: Arc<Core>,
    tenant: Option<TenantId>,
    correlation: CorrelationId,
}

impl LogObserver {
    /// The same observer for another run: its events carry this correlation id.
    #[must_use]
    pub fn for_run(&self, correlation: impl Into<CorrelationId>) -> Self {
        Self {
            correlation: correlation.into(),
            ..self.clone()
        }
    }

    /// The correlation id that its events carry.
    #[must_use]
    pub fn correlation(&self) -> &CorrelationId {
        &self.correlation
    }

    /// What became of the events so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.core.queue.counts()
    }

    /// Waits until every event that was observed before is in the log, or is known to be lost.
    ///
    /// # Errors
    ///
    /// [`UnrecordedError`], if events were lost since the last flush.
    pub fn flush(&self) -> Result<(), UnrecordedError> {
        self.core.queue.flush()
    }
}

impl ExperienceEventObserver for LogObserver {
    fn on_event(&self, event: &ExperienceEvent) {
        let envelope = ExperienceEventEnvelope {
            tenant_id: self.tenant.clone(),
            correlation_id: Some(self.correlation.clone()),
            // The queue gives it its id and its time.
            ..ExperienceEventEnvelope::new("", event.clone())
        };
        self.core.queue.push(envelope);
    }
}

impl fmt::Debug for LogObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogObserver")
            .field("tenant", &self.tenant)
            .field("correlation", &self.correlation)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// What the clones of an observer share.
struct Core {
    queue: Arc<Queue>,
    worker: Option<JoinHandle<()>>,
}

impl Drop for Core {
    fn drop(&mut self) {
        self.queue.close();
        let Some(worker) = self.worker.take() else {
            return;
        };
        // The callback may hold the last clone: a thread does not wait for itself.
        if worker.thread().id() != std::thread::current().id() {
            // It reports what goes wrong, so there is nothing to learn from how it ended.
            let _ = worker.join();
        }
    }
}
