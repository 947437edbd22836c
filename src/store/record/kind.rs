//! What kind of event a record holds.

use super::{Field, Record};

/// The number in the place of a kind that has a name.
pub(crate) const NAMED_KIND: u16 = u16::MAX;

/// What kind of event a record holds: a number in the log's own contract, a name in another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Number(u16),
    Named(Box<str>),
}

impl Kind {
    /// Whether `record` is of this kind.
    pub(crate) fn is_of(&self, record: &Record) -> bool {
        match self {
            Self::Number(number) => {
                record.kind() == *number && record.field(Field::KindName).is_none()
            }
            Self::Named(name) => record.field(Field::KindName) == Some(name),
        }
    }

    /// The kind of `record`.
    pub(crate) fn of(record: &Record) -> Self {
        match record.field(Field::KindName) {
            Some(name) => Self::Named(name.into()),
            None => Self::Number(record.kind()),
        }
    }
}
