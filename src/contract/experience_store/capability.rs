//! The capability traits: append without reading, read without appending.

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::envelope::ExperienceEventEnvelope;
use super::query::{EventQuery, TimeRange};

/// Why a store could not do what was asked through a capability trait.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, or accepts nothing now.
    #[error("store unavailable: {message}")]
    Unavailable {
        /// What is the matter.
        message: String,
    },
    /// A value could not be turned into stored bytes, or back.
    #[error("serialization failed: {message}")]
    SerializationFailed {
        /// What failed.
        message: String,
    },
    /// An event with this id exists already, with other content.
    #[error("conflict: event id {event_id:?} is taken")]
    Conflict {
        /// The id that is taken.
        event_id: String,
    },
    /// The query, or a field of an event, is not acceptable.
    #[error("invalid query: {message}")]
    InvalidQuery {
        /// What is wrong with it.
        message: String,
    },
    /// The caller may not do this.
    #[error("authorization failed: {message}")]
    AuthFailed {
        /// Why not.
        message: String,
    },
    /// Too many calls.
    #[error("rate limited: retry after {retry_after:?}")]
    RateLimited {
        /// How long to wait before the next call.
        retry_after: Duration,
    },
    /// The call took too long.
    #[error("timed out after {elapsed:?}, the deadline was {deadline:?}")]
    Timeout {
        /// How long it took.
        elapsed: Duration,
        /// How long it was allowed to take.
        deadline: Duration,
    },
    /// What was asked for does not exist.
    #[error("not found: {message}")]
    NotFound {
        /// What is missing.
        message: String,
    },
    /// What is stored contradicts itself.
    #[error("invariant violated: {message}")]
    InvariantViolation {
        /// What was expected and what was found.
        message: String,
    },
    /// Anything else.
    #[error("internal error: {message}")]
    Internal {
        /// What failed.
        message: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later, without a change by the caller.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::RateLimited { .. } | Self::Timeout { .. }
        )
    }
}

/// Where a replay stands.
///
/// The position is the store's own: hand it back as it was given.
///
/// ```
/// use experience_log::experience_store::ReplayCursor;
///
/// assert!(ReplayCursor::start().has_more);
/// assert_eq!(ReplayCursor::at("42").position, "42");
/// assert!(!ReplayCursor::end().has_more);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayCursor {
    /// The position, opaque to the caller; empty at the start.
    pub position: String,
    /// Whether events may follow.
    pub has_more: bool,
}

impl ReplayCursor {
    /// Before the first event.
    #[must_use]
    pub const fn start() -> Self {
        Self {
            position: String::new(),
            has_more: true,
        }
    }

    /// At a position that an earlier batch gave, with more to come.
    #[must_use]
    pub fn at(position: impl Into<String>) -> Self {
        Self {
            position: position.into(),
            has_more: true,
        }
    }

    /// After the last event, without a position to go on from.
    #[must_use]
    pub const fn end() -> Self {
        Self {
            position: String::new(),
            has_more: false,
        }
    }
}

/// Some events of a replay, and where to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayBatch {
    /// The events, in replay order.
    pub events: Vec<ExperienceEventEnvelope>,
    /// Where the next batch starts.
    pub cursor: ReplayCursor,
}

/// What to replay, and in how large batches. A field that is `None` restricts nothing.
///
/// ```
/// use experience_log::experience_store::ReplayOptions;
///
/// let options = ReplayOptions::new().with_tenant("tenant-a").with_batch_size(100);
/// assert_eq!(options.to_event_query().limit, Some(100));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ReplayOptions {
    /// At most so many events in a batch; `None` leaves it to the store.
    pub batch_size: Option<usize>,
    /// Only events that occurred in this range.
    pub time_range: Option<TimeRange>,
    /// Only this tenant's events.
    pub tenant_id: Option<String>,
    /// Only this chain or run, by the envelope's correlation id.
    pub correlation_id: Option<String>,
}

impl ReplayOptions {
    /// Options that restrict nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most `batch_size` events in a batch.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Only events that occurred in `time_range`.
    #[must_use]
    pub fn with_time_range(mut self, time_range: TimeRange) -> Self {
        self.time_range = Some(time_range);
        self
    }

    /// Only this tenant's events.
    #[must_use]
    pub fn with_tenant(mut self, tenant_id: impl Into<String>) -> Self {
        self.tenant_id = Some(tenant_id.into());
        self
    }

    /// Only this chain or run, by the envelope's correlation id.
    #[must_use]
    pub fn with_correlation(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }

    /// The query that returns one batch: the same restrictions, the batch size as its limit.
    #[must_use]
    pub fn to_event_query(&self) -> EventQuery {
        let Self {
            batch_size,
            time_range,
            tenant_id,
            correlation_id,
        } = self.clone();
        EventQuery {
            tenant_id,
            time_range,
            kinds: Vec::new(),
            correlation_id,
            chain_id: None,
            limit: batch_size,
        }
    }
}

/// The authority to append, and nothing else.
pub trait ExperienceAppender: Send + Sync {
    /// Appends events in order. The implementation documents whether a batch is atomic.
    ///
    /// # Errors
    ///
    /// [`Conflict`](StoreError::Conflict) for an event id that is taken, unless the implementation
    /// documents that it accepts a repetition; [`InvalidQuery`](StoreError::InvalidQuery) for an
    /// envelope that is not acceptable; else whatever kept the store from writing.
    fn append(
        &self,
        events: &[ExperienceEventEnvelope],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The authority to read, and nothing else.
pub trait ExperienceReplayer: Send + Sync {
    /// The next batch after `cursor`; its own cursor says where to go on.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](StoreError::InvalidQuery) for options or a cursor that are not acceptable;
    /// else whatever kept the store from reading.
    fn replay(
        &self,
        options: &ReplayOptions,
        cursor: &ReplayCursor,
    ) -> impl Future<Output = Result<ReplayBatch, StoreError>> + Send;

    /// The events that match `query`.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](StoreError::InvalidQuery) for a query that is not acceptable; else whatever
    /// kept the store from reading.
    fn query(
        &self,
        query: &EventQuery,
    ) -> impl Future<Output = Result<Vec<ExperienceEventEnvelope>, StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::contract::samples;

    #[derive(Default)]
    struct InMemory(Mutex<Vec<ExperienceEventEnvelope>>);

    impl ExperienceAppender for InMemory {
        async fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<(), StoreError> {
            self.0.lock().unwrap().extend_from_slice(events);
            Ok(())
        }
    }

    impl ExperienceReplayer for InMemory {
        async fn replay(
            &self,
            options: &ReplayOptions,
            cursor: &ReplayCursor,
        ) -> Result<ReplayBatch, StoreError> {
            let from: usize = cursor.position.parse().unwrap_or(0);
            let kept = self.0.lock().unwrap();
            let to = kept.len().min(from + options.batch_size.unwrap_or(3));
            Ok(ReplayBatch {
                events: kept[from..to].to_vec(),
                cursor: if to == kept.len() {
                    ReplayCursor::end()
                } else {
                    ReplayCursor::at(to.to_string())
                },
            })
        }

        async fn query(&self, _: &EventQuery) -> Result<Vec<ExperienceEventEnvelope>, StoreError> {
            Ok(self.0.lock().unwrap().clone())
        }
    }

    fn ready<T>(future: impl Future<Output = T> + Send) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the future waits"),
        }
    }

    #[test]
    fn a_replay_in_batches_gives_what_was_appended() {
        let store = InMemory::default();
        let events = samples::envelopes();
        ready(store.append(&events)).unwrap();

        let options = ReplayOptions::new().with_batch_size(5);
        let mut cursor = ReplayCursor::start();
        let mut replayed = Vec::new();
        while cursor.has_more {
            let batch = ready(store.replay(&options, &cursor)).unwrap();
            replayed.extend(batch.events);
            cursor = batch.cursor;
        }
        assert_eq!(replayed, events);
        assert_eq!(ready(store.query(&EventQuery::new())).unwrap(), events);
    }

    #[test]
    fn options_become_a_query_with_the_same_restrictions() {
        let range = TimeRange::between("1", "2");
        let options = ReplayOptions::new()
            .with_batch_size(7)
            .with_time_range(range.clone())
            .with_tenant("a")
            .with_correlation("c");
        let expected = EventQuery::new()
            .tenant("a")
            .time_range(range)
            .correlation("c")
            .limit(7);
        assert_eq!(options.to_event_query(), expected);
    }

    #[test]
    fn errors_say_what_happened_and_whether_to_retry() {
        let limited = StoreError::RateLimited {
            retry_after: Duration::from_millis(1500),
        };
        assert_eq!(limited.to_string(), "rate limited: retry after 1.5s");
        assert!(limited.is_transient());

        let late = StoreError::Timeout {
            elapsed: Duration::from_secs(3),
            deadline: Duration::from_secs(2),
        };
        assert_eq!(late.to_string(), "timed out after 3s, the deadline was 2s");
        assert!(late.is_transient());

        let taken = StoreError::Conflict {
            event_id: "evt-1".into(),
        };
        assert_eq!(taken.to_string(), "conflict: event id \"evt-1\" is taken");
        assert!(!taken.is_transient());
    }
}
