//! `converge_core`'s trait.

use converge_core::{
    ArtifactId, ArtifactKind, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
    ExperienceRecord, ExperienceStore, ExperienceStoreResult, LifecycleEvent, ReplayTrace,
    TraceLinkId, UserExperienceEventEnvelope,
};
use uuid::Uuid;

use crate::log::ConvergeLog;

/// All seven methods. An append returns once it is as durable as the log was opened to be.
impl ExperienceStore for ConvergeLog {
    fn append_event(&self, event: ExperienceEventEnvelope) -> ExperienceStoreResult<()> {
        self.append_engine(&[event])
    }

    /// All events or none, also across a crash.
    fn append_events(&self, events: &[ExperienceEventEnvelope]) -> ExperienceStoreResult<()> {
        self.append_engine(events)
    }

    /// By instant, then in the order of appending.
    fn query_events(
        &self,
        query: &EventQuery,
    ) -> ExperienceStoreResult<Vec<ExperienceEventEnvelope>> {
        self.reader().query_events(query)
    }

    /// A new event: its id is a fresh `UUIDv7`, its time and tenant are those of `event`.
    fn write_artifact_state_transition(
        &self,
        artifact_id: &ArtifactId,
        artifact_kind: ArtifactKind,
        event: LifecycleEvent,
    ) -> ExperienceStoreResult<()> {
        let (time, tenant) = (event.timestamp.clone(), event.tenant_id.clone());
        let event = ExperienceEvent::ArtifactStateTransitioned {
            artifact_id: artifact_id.clone(),
            artifact_kind,
            event,
        };
        let envelope = ExperienceEventEnvelope {
            tenant_id: tenant.map(Into::into),
            ..ExperienceEventEnvelope::new(Uuid::now_v7().to_string(), event).with_timestamp(time)
        };
        self.append_event(envelope)
    }

    /// The one that was recorded last under this id.
    fn get_trace_link(
        &self,
        trace_link_id: &TraceLinkId,
    ) -> ExperienceStoreResult<Option<ReplayTrace>> {
        self.reader().get_trace_link(trace_link_id)
    }

    fn append_user_event(&self, event: UserExperienceEventEnvelope) -> ExperienceStoreResult<()> {
        self.append_user(&[event])
    }

    /// Both sides in one order: by instant, then in the order of appending. The limit counts both.
    fn query_records(&self, query: &EventQuery) -> ExperienceStoreResult<Vec<ExperienceRecord>> {
        self.reader().query_records(query)
    }
}
