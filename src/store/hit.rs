//! An event that was found, as every way out gives it.

use super::instant::Position;
use super::journal::reader::Place;
use super::memtable::Entry;
use super::record::Record;

/// An event that was found.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) position: Position,
    pub(crate) recorded_at: i64,
    pub(crate) record: Record,
    /// The journal frame with the payload, where the record has none.
    pub(crate) elsewhere: Option<Place>,
}

impl From<&Entry> for Hit {
    fn from(entry: &Entry) -> Self {
        Self {
            position: entry.position,
            recorded_at: entry.recorded_at,
            record: entry.record.clone(),
            elsewhere: None,
        }
    }
}
