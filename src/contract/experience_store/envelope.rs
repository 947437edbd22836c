//! The envelope: who recorded what, and when.

use bincode::{Decode, Encode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::ExperienceEvent;

/// One recorded event with its identity, time and grouping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct ExperienceEventEnvelope {
    /// The event's identity, a ULID or UUID, unique within its tenant.
    pub event_id: String,
    /// When it happened, as the producer says: an ISO 8601 timestamp.
    pub occurred_at: String,
    /// The tenant it belongs to; `None` for an untagged event.
    pub tenant_id: Option<String>,
    /// What groups the events of one chain or run.
    pub correlation_id: Option<String>,
    /// What happened.
    pub event: ExperienceEvent,
}

impl ExperienceEventEnvelope {
    /// Wraps `event` under `event_id`, at the placeholder time `1970-01-01T00:00:00Z`.
    ///
    /// The contract fixes the placeholder: building an envelope reads no clock. Call
    /// [`with_timestamp`](Self::with_timestamp) to set the time, or start from
    /// [`recorded_now`](Self::recorded_now).
    ///
    /// ```
    /// use experience_log::experience_store::{ExperienceEvent, ExperienceEventEnvelope};
    ///
    /// let event = ExperienceEvent::BudgetExceeded {
    ///     chain_id: "chain-1".into(),
    ///     resource: "tokens".into(),
    ///     limit: "1024".into(),
    ///     observed: None,
    /// };
    /// let envelope = ExperienceEventEnvelope::new("evt-1", event)
    ///     .with_tenant("tenant-a")
    ///     .with_correlation("run-7")
    ///     .with_timestamp("2026-01-21T12:00:00Z");
    /// assert_eq!(envelope.tenant_id.as_deref(), Some("tenant-a"));
    /// ```
    #[must_use]
    pub fn new(event_id: impl Into<String>, event: ExperienceEvent) -> Self {
        Self {
            event_id: event_id.into(),
            occurred_at: Self::now_iso8601(),
            tenant_id: None,
            correlation_id: None,
            event,
        }
    }

    /// Wraps `event` under a fresh `UUIDv7`, at the time of the system's clock.
    ///
    /// The time is RFC 3339 in UTC with nine fractional digits, so that times recorded this way
    /// also compare as strings.
    ///
    /// ```
    /// use experience_log::experience_store::{ExperienceEvent, ExperienceEventEnvelope};
    ///
    /// let envelope = ExperienceEventEnvelope::recorded_now(ExperienceEvent::BudgetExceeded {
    ///     chain_id: "chain-1".into(),
    ///     resource: "tokens".into(),
    ///     limit: "1024".into(),
    ///     observed: None,
    /// });
    /// assert_eq!(envelope.event_id.len(), 36);
    /// assert!(envelope.occurred_at.ends_with('Z'));
    /// ```
    #[must_use]
    pub fn recorded_now(event: ExperienceEvent) -> Self {
        let now = Timestamp::now();
        Self::new(Uuid::now_v7().to_string(), event).with_timestamp(format!("{now:.9}"))
    }

    /// Sets the tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant_id: impl Into<String>) -> Self {
        self.tenant_id = Some(tenant_id.into());
        self
    }

    /// Sets the chain or run that the event belongs to.
    #[must_use]
    pub fn with_correlation(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }

    /// Sets the time, an ISO 8601 timestamp; it is kept as given.
    #[must_use]
    pub fn with_timestamp(mut self, occurred_at: impl Into<String>) -> Self {
        self.occurred_at = occurred_at.into();
        self
    }

    fn now_iso8601() -> String {
        "1970-01-01T00:00:00Z".to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kernel_boundary::DecisionStep;

    #[test]
    fn envelope_builder_sets_fields() {
        let event = ExperienceEvent::OutcomeRecorded {
            chain_id: "chain-1".to_string(),
            step: DecisionStep::Planning,
            passed: true,
            stop_reason: None,
            latency_ms: Some(12),
            tokens: Some(42),
            cost_microdollars: None,
            backend: Some("local".to_string()),
        };
        let envelope = ExperienceEventEnvelope::new("evt-1", event)
            .with_tenant("tenant-a")
            .with_correlation("corr-1")
            .with_timestamp("2026-01-21T12:00:00Z");

        assert_eq!(envelope.event_id, "evt-1");
        assert_eq!(envelope.tenant_id.as_deref(), Some("tenant-a"));
        assert_eq!(envelope.correlation_id.as_deref(), Some("corr-1"));
        assert_eq!(envelope.occurred_at, "2026-01-21T12:00:00Z");
    }

    #[test]
    fn new_sets_the_placeholder_time() {
        let envelope = ExperienceEventEnvelope::new("evt-1", budget_exceeded());
        assert_eq!(envelope.occurred_at, "1970-01-01T00:00:00Z");
    }

    #[test]
    fn recorded_now_reads_the_clock_and_makes_ids() {
        let before = Timestamp::now();
        let first = ExperienceEventEnvelope::recorded_now(budget_exceeded());
        let second = ExperienceEventEnvelope::recorded_now(budget_exceeded());
        let after = Timestamp::now();

        let times: Vec<Timestamp> = [&first, &second]
            .map(|e| e.occurred_at.parse().unwrap())
            .to_vec();
        assert!(before <= times[0] && times[0] <= times[1] && times[1] <= after);
        assert_eq!(
            first.occurred_at.len(),
            "2026-01-21T12:00:00.123456789Z".len()
        );
        assert!(first.event_id < second.event_id);
        let id: Uuid = first.event_id.parse().unwrap();
        assert_eq!(id.get_version_num(), 7);
    }

    fn budget_exceeded() -> ExperienceEvent {
        ExperienceEvent::BudgetExceeded {
            chain_id: "chain-1".into(),
            resource: "tokens".into(),
            limit: "1".into(),
            observed: None,
        }
    }
}
