//! A query over the entries of every contract.

use crate::contract::experience_store::TimeRange;

/// What [`scan_entries`](crate::LogReader::scan_entries) asks for. A field that is `None`, or a list that is
/// empty, restricts nothing.
///
/// ```
/// use experience_log::EntryQuery;
///
/// let query = EntryQuery {
///     kinds: vec!["HypothesisResolved".into(), "FactPromoted".into()],
///     correlation_id: Some("run-7".into()),
///     ..EntryQuery::default()
/// };
/// # assert_eq!(query.limit, None);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EntryQuery {
    /// Only events of one of these contracts. The log's own has no name, so it is left out then; an
    /// [`EventQuery`](crate::EventQuery) asks for it alone.
    pub contracts: Vec<String>,
    /// Only events of this tenant.
    pub tenant_id: Option<String>,
    /// Only events in this range, both ends included: RFC 3339 with an offset, or `lamport:N`. Logical times lie
    /// before all others.
    pub time_range: Option<TimeRange>,
    /// Only events whose kind has one of these names, in whatever contract.
    pub kinds: Vec<String>,
    /// Only events of this run.
    pub correlation_id: Option<String>,
    /// Only events that carry this chain.
    pub chain_id: Option<String>,
    /// Only events that tell of this artifact.
    pub artifact_id: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
}
