//! What an append did.

/// One event after its append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Appended {
    /// Where the event stands in the log.
    pub sequence: u64,
    /// True if the log had the same event, of the same id in the same tenant, already: nothing was
    /// written, so that a retry after a crash is safe.
    pub already_present: bool,
}

/// A batch after its append: one answer an event, in the batch's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BatchOutcome {
    /// The events, in the order in which they were given.
    pub events: Vec<Appended>,
}

impl BatchOutcome {
    /// How many events were written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.events
            .iter()
            .filter(|event| !event.already_present)
            .count()
    }

    /// How many events the log had already.
    #[must_use]
    pub fn already_present(&self) -> usize {
        self.events.len() - self.written()
    }

    /// The sequence numbers that were assigned. They are consecutive.
    pub fn sequences(&self) -> impl Iterator<Item = u64> + '_ {
        self.events
            .iter()
            .filter(|event| !event.already_present)
            .map(|event| event.sequence)
    }
}
