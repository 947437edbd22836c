//! How to observe an engine.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use converge_core::{CorrelationId, TenantId};
use experience_log::{Error, Result};
use uuid::Uuid;

use super::queue::{Limits, Queue};
use super::report::{self, Callback, Unrecorded};
use super::worker;
use super::{Core, LogObserver};
use crate::log::ConvergeLog;

/// Options for an observer. Made by [`ConvergeLog::observer`].
#[must_use = "options do nothing until `start`"]
pub struct ObserverOptions {
    log: ConvergeLog,
    tenant: Option<TenantId>,
    correlation: Option<CorrelationId>,
    limits: Limits,
    callback: Callback,
}

impl ObserverOptions {
    pub(crate) fn new(log: ConvergeLog) -> Self {
        Self {
            log,
            tenant: None,
            correlation: None,
            limits: Limits {
                capacity: 8192,
                patience: Duration::from_millis(100),
                batch: 512,
            },
            callback: Box::new(report::to_stderr),
        }
    }

    /// The tenant of all events. Default: none.
    pub fn tenant(mut self, tenant: impl Into<TenantId>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The correlation id of all events. Default: `run-` and a fresh `UUIDv7`.
    pub fn correlation(mut self, correlation: impl Into<CorrelationId>) -> Self {
        self.correlation = Some(correlation.into());
        self
    }

    /// How many events may wait for the log: 1 or more, default 8,192.
    pub fn capacity(mut self, events: usize) -> Self {
        self.limits.capacity = events;
        self
    }

    /// How long an event waits for room in a full queue before it is lost: default 100 ms. `Duration::MAX`: as long
    /// as it takes, so that a stalled disk stalls the engine, and no event is lost to a full queue.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.limits.patience = patience;
        self
    }

    /// The most events appended in one batch: 1 or more, default 512. A batch is what is waiting when the one
    /// before it is done, so that an event that comes alone does not wait for others.
    pub fn batch(mut self, events: usize) -> Self {
        self.limits.batch = events;
        self
    }

    /// Who is told of events that were not recorded. Default: a line on stderr.
    ///
    /// The callback is called by the observer's thread, and by the engine's if the queue is full. A panic in it is
    /// caught.
    pub fn on_unrecorded(
        mut self,
        callback: impl Fn(&Unrecorded<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.callback = Box::new(callback);
        self
    }

    /// Starts observing.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a capacity or a batch of 0, [`Error::Io`] if the system gives no thread.
    pub fn start(self) -> Result<LogObserver> {
        for (option, found) in [
            ("capacity", self.limits.capacity),
            ("batch", self.limits.batch),
        ] {
            if found == 0 {
                return Err(Error::InvalidOption {
                    option,
                    found: found.to_string(),
                    expected: "1 or more",
                });
            }
        }
        let queue = Arc::new(Queue::new(self.limits, self.callback));
        let worker = thread::Builder::new()
            .name("experience observer".to_owned())
            .spawn({
                let (queue, log) = (Arc::clone(&queue), self.log);
                move || worker::run(&queue, &log)
            })
            .map_err(|source| Error::Io {
                action: "start a thread for",
                path: "the observer".into(),
                source,
            })?;
        let fresh = || CorrelationId::new(format!("run-{}", Uuid::now_v7()));
        Ok(LogObserver {
            core: Arc::new(Core {
                queue,
                worker: Some(worker),
            }),
            tenant: self.tenant,
            correlation: self.correlation.unwrap_or_else(fresh),
        })
    }
}

impl fmt::Debug for ObserverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserverOptions")
            .field("tenant", &self.tenant)
            .field("correlation", &self.correlation)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
