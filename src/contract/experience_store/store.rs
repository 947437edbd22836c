//! The deprecated trait, which both writes and reads.

use super::envelope::ExperienceEventEnvelope;
use super::error::ExperienceStoreResult;
use super::event::ArtifactKind;
use super::query::EventQuery;
use crate::contract::governed_artifact::LifecycleEvent;
use crate::contract::kernel_boundary::TraceLink;

/// A store of events that its holder may write and read.
///
/// It grants both authorities at once; [`ExperienceAppender`](super::ExperienceAppender) and
/// [`ExperienceReplayer`](super::ExperienceReplayer) split them.
#[deprecated(
    since = "0.2.0",
    note = "use ExperienceAppender and ExperienceReplayer"
)]
pub trait ExperienceStore: Send + Sync {
    /// Appends one event.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](super::ExperienceStoreError::InvalidQuery) if the envelope is not
    /// acceptable, [`StorageError`](super::ExperienceStoreError::StorageError) if it was not kept.
    fn append_event(&self, event: ExperienceEventEnvelope) -> ExperienceStoreResult<()>;

    /// Appends events in order.
    ///
    /// Unless the implementation says otherwise, events before the one that failed stay appended.
    ///
    /// # Errors
    ///
    /// As [`append_event`](Self::append_event), for the first event that fails.
    fn append_events(&self, events: &[ExperienceEventEnvelope]) -> ExperienceStoreResult<()> {
        for event in events {
            self.append_event(event.clone())?;
        }
        Ok(())
    }

    /// The events that match `query`.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](super::ExperienceStoreError::InvalidQuery) if the query is not acceptable,
    /// [`StorageError`](super::ExperienceStoreError::StorageError) if the store cannot be read.
    fn query_events(
        &self,
        query: &EventQuery,
    ) -> ExperienceStoreResult<Vec<ExperienceEventEnvelope>>;

    /// Records that an artifact moved to another state.
    ///
    /// # Errors
    ///
    /// As [`append_event`](Self::append_event).
    fn write_artifact_state_transition(
        &self,
        artifact_id: &str,
        artifact_kind: ArtifactKind,
        event: LifecycleEvent,
    ) -> ExperienceStoreResult<()>;

    /// The trace link that was recorded under an id; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StorageError`](super::ExperienceStoreError::StorageError) if the store cannot be read.
    fn get_trace_link(&self, trace_link_id: &str) -> ExperienceStoreResult<Option<TraceLink>>;
}

#[cfg(test)]
#[expect(deprecated, reason = "the deprecated trait is what is tested")]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::contract::experience_store::ExperienceStoreError;
    use crate::contract::samples;

    /// Keeps ids, and refuses the one that is named.
    struct Refusing {
        kept: Mutex<Vec<String>>,
        refused: &'static str,
    }

    impl ExperienceStore for Refusing {
        fn append_event(&self, event: ExperienceEventEnvelope) -> ExperienceStoreResult<()> {
            if event.event_id == self.refused {
                return Err(ExperienceStoreError::StorageError {
                    message: event.event_id,
                });
            }
            self.kept.lock().unwrap().push(event.event_id);
            Ok(())
        }

        fn query_events(
            &self,
            _: &EventQuery,
        ) -> ExperienceStoreResult<Vec<ExperienceEventEnvelope>> {
            Ok(Vec::new())
        }

        fn write_artifact_state_transition(
            &self,
            _: &str,
            _: ArtifactKind,
            _: LifecycleEvent,
        ) -> ExperienceStoreResult<()> {
            Ok(())
        }

        fn get_trace_link(&self, _: &str) -> ExperienceStoreResult<Option<TraceLink>> {
            Ok(None)
        }
    }

    #[test]
    fn the_default_batch_appends_in_order_and_stops_at_the_first_failure() {
        let store = Refusing {
            kept: Mutex::default(),
            refused: "evt-2",
        };
        let handle: &dyn ExperienceStore = &store;
        let error = handle.append_events(&samples::envelopes()).unwrap_err();
        assert_eq!(
            error,
            ExperienceStoreError::StorageError {
                message: "evt-2".into()
            }
        );
        assert_eq!(*store.kept.lock().unwrap(), ["evt-0", "evt-1"]);
    }
}
