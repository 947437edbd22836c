//! The order of results, and the part of it that a query asks for.

use std::cmp::Ordering;

use super::super::instant::{Instant, Position};

/// The order in which results come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// By instant, then by sequence number: the order of `query`.
    #[default]
    OldestFirst,
    /// The same order backwards.
    NewestFirst,
}

impl Order {
    pub(crate) fn compare(self, one: Position, other: Position) -> Ordering {
        match self {
            Self::OldestFirst => one.cmp(&other),
            Self::NewestFirst => other.cmp(&one),
        }
    }
}

/// Positions from `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: Position,
    pub(crate) end: Position,
}

impl Range {
    pub(crate) const ALL: Self = Self {
        start: Position::MIN,
        end: Position::MAX,
    };

    /// Both instants included.
    pub(crate) fn between(start: Option<Instant>, end: Option<Instant>) -> Self {
        Self {
            start: start.map_or(Position::MIN, |instant| Position {
                instant,
                sequence: 0,
            }),
            // No event has the largest sequence number.
            end: end.map_or(Position::MAX, |instant| Position {
                instant,
                sequence: u64::MAX,
            }),
        }
    }

    /// What is left of the range behind `position`, in `order`.
    pub(crate) fn after(self, position: Position, order: Order) -> Self {
        match order {
            Order::OldestFirst => {
                let next = Position {
                    sequence: position.sequence.saturating_add(1),
                    ..position
                };
                Self {
                    start: self.start.max(next),
                    ..self
                }
            }
            Order::NewestFirst => Self {
                end: self.end.min(position),
                ..self
            },
        }
    }

    pub(crate) fn contains(&self, position: Position) -> bool {
        self.start <= position && position < self.end
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Whether positions from `first` to `last`, both included, may lie in the range.
    pub(crate) fn overlaps(&self, first: Position, last: Position) -> bool {
        self.start <= last && first < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, sequence: u64) -> Position {
        Position {
            instant: Instant::new(seconds, 0).unwrap(),
            sequence,
        }
    }

    #[test]
    fn time_ranges_include_both_ends() {
        let range = Range::between(Instant::new(1, 0), Instant::new(2, 0));
        assert!(range.contains(at(1, 0)) && range.contains(at(2, 77)));
        assert!(!range.contains(at(0, 9)) && !range.contains(at(3, 0)));
        assert!(Range::between(Instant::new(2, 0), Instant::new(1, 0)).is_empty());
    }

    #[test]
    fn a_cursor_is_passed_in_either_order() {
        let oldest = Range::ALL.after(at(1, 5), Order::OldestFirst);
        assert!(!oldest.contains(at(1, 5)) && oldest.contains(at(1, 6)));
        let newest = Range::ALL.after(at(1, 5), Order::NewestFirst);
        assert!(!newest.contains(at(1, 5)) && newest.contains(at(1, 4)));
    }
}
