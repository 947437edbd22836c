//! What may be asked: queries over events and over artifacts.

use serde::{Deserialize, Serialize};

use super::event::ArtifactKind;
use super::kind::ExperienceEventKind;
use crate::contract::governed_artifact::GovernedArtifactState;

/// Which events to return. A field that is `None`, or an empty `kinds`, restricts nothing.
///
/// ```
/// use experience_log::experience_store::{EventQuery, ExperienceEventKind};
///
/// let query = EventQuery::new()
///     .tenant("tenant-a")
///     .kind(ExperienceEventKind::BudgetExceeded)
///     .since("2026-01-01T00:00:00Z")
///     .limit(5);
/// assert_eq!(query.kinds, [ExperienceEventKind::BudgetExceeded]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct EventQuery {
    /// Only this tenant's events; `None` means every tenant and the untagged.
    pub tenant_id: Option<String>,
    /// Only events that occurred in this range.
    pub time_range: Option<TimeRange>,
    /// Only these kinds; empty means any kind.
    pub kinds: Vec<ExperienceEventKind>,
    /// Only this chain or run, by the envelope's correlation id.
    pub correlation_id: Option<String>,
    /// Only events that carry this chain.
    pub chain_id: Option<String>,
    /// At most so many events; `Some(0)` means none.
    pub limit: Option<usize>,
}

impl EventQuery {
    /// A query that restricts nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only this tenant's events.
    #[must_use]
    pub fn tenant(mut self, tenant_id: impl Into<String>) -> Self {
        self.tenant_id = Some(tenant_id.into());
        self
    }

    /// Only events that occurred in `range`.
    #[must_use]
    pub fn time_range(mut self, range: TimeRange) -> Self {
        self.time_range = Some(range);
        self
    }

    /// Only events that occurred at `start` or later; keeps the end, if one is set.
    #[must_use]
    pub fn since(mut self, start: impl Into<String>) -> Self {
        let range = self.time_range.unwrap_or_else(TimeRange::unbounded);
        self.time_range = Some(range.since(start));
        self
    }

    /// Only events that occurred at `end` or earlier; keeps the start, if one is set.
    #[must_use]
    pub fn until(mut self, end: impl Into<String>) -> Self {
        let range = self.time_range.unwrap_or_else(TimeRange::unbounded);
        self.time_range = Some(range.until(end));
        self
    }

    /// Adds a kind to those that are wanted.
    #[must_use]
    pub fn kind(mut self, kind: ExperienceEventKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Adds kinds to those that are wanted.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = ExperienceEventKind>) -> Self {
        self.kinds.extend(kinds);
        self
    }

    /// Only this chain or run, by the envelope's correlation id.
    #[must_use]
    pub fn correlation(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }

    /// Only events that carry this chain.
    #[must_use]
    pub fn chain(mut self, chain_id: impl Into<String>) -> Self {
        self.chain_id = Some(chain_id.into());
        self
    }

    /// At most `limit` events.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// Which artifacts to return. A field that is `None` restricts nothing.
///
/// ```
/// use experience_log::experience_store::{ArtifactKind, ArtifactQuery};
///
/// let query = ArtifactQuery::new().kind(ArtifactKind::Policy).limit(10);
/// assert_eq!(query.limit, Some(10));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ArtifactQuery {
    /// Only this tenant's artifacts; `None` means every tenant and the untagged.
    pub tenant_id: Option<String>,
    /// Only this artifact.
    pub artifact_id: Option<String>,
    /// Only artifacts of this kind.
    pub kind: Option<ArtifactKind>,
    /// Only artifacts that are in this state now.
    pub state: Option<GovernedArtifactState>,
    /// At most so many artifacts; `Some(0)` means none.
    pub limit: Option<usize>,
}

impl ArtifactQuery {
    /// A query that restricts nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only this tenant's artifacts.
    #[must_use]
    pub fn tenant(mut self, tenant_id: impl Into<String>) -> Self {
        self.tenant_id = Some(tenant_id.into());
        self
    }

    /// Only this artifact.
    #[must_use]
    pub fn artifact(mut self, artifact_id: impl Into<String>) -> Self {
        self.artifact_id = Some(artifact_id.into());
        self
    }

    /// Only artifacts of this kind.
    #[must_use]
    pub fn kind(mut self, kind: ArtifactKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only artifacts that are in this state now.
    #[must_use]
    pub fn state(mut self, state: GovernedArtifactState) -> Self {
        self.state = Some(state);
        self
    }

    /// At most `limit` artifacts.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// A range of time, inclusive on both ends; an end that is `None` is open.
///
/// The bounds are ISO 8601 timestamps. A start after the end is an empty range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeRange {
    /// The earliest time that is in the range.
    pub start: Option<String>,
    /// The latest time that is in the range.
    pub end: Option<String>,
}

impl TimeRange {
    /// All of time.
    #[must_use]
    pub const fn unbounded() -> Self {
        Self {
            start: None,
            end: None,
        }
    }

    /// From `start` to `end`, both included.
    ///
    /// ```
    /// use experience_log::experience_store::TimeRange;
    ///
    /// let day = TimeRange::between("2026-01-21T00:00:00Z", "2026-01-21T23:59:59.999999999Z");
    /// assert_eq!(day.start.as_deref(), Some("2026-01-21T00:00:00Z"));
    /// ```
    #[must_use]
    pub fn between(start: impl Into<String>, end: impl Into<String>) -> Self {
        Self::unbounded().since(start).until(end)
    }

    /// The same range, starting at `start`.
    #[must_use]
    pub fn since(mut self, start: impl Into<String>) -> Self {
        self.start = Some(start.into());
        self
    }

    /// The same range, ending at `end`.
    #[must_use]
    pub fn until(mut self, end: impl Into<String>) -> Self {
        self.end = Some(end.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builders_set_each_field() {
        let query = EventQuery::new()
            .tenant("a")
            .kind(ExperienceEventKind::FactPromoted)
            .kinds([ExperienceEventKind::BackendInvoked])
            .correlation("c")
            .chain("x")
            .until("2")
            .since("1")
            .limit(5);
        let expected = EventQuery {
            tenant_id: Some("a".into()),
            time_range: Some(TimeRange::between("1", "2")),
            kinds: vec![
                ExperienceEventKind::FactPromoted,
                ExperienceEventKind::BackendInvoked,
            ],
            correlation_id: Some("c".into()),
            chain_id: Some("x".into()),
            limit: Some(5),
        };
        assert_eq!(query, expected);
        assert_eq!(
            EventQuery::new().time_range(TimeRange::between("1", "2")),
            EventQuery::new().since("1").until("2")
        );

        let query = ArtifactQuery::new()
            .tenant("a")
            .artifact("b")
            .kind(ArtifactKind::Other("x".into()))
            .state(GovernedArtifactState::Active)
            .limit(1);
        let expected = ArtifactQuery {
            tenant_id: Some("a".into()),
            artifact_id: Some("b".into()),
            kind: Some(ArtifactKind::Other("x".into())),
            state: Some(GovernedArtifactState::Active),
            limit: Some(1),
        };
        assert_eq!(query, expected);
    }
}
