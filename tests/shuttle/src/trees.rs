//! A stand-in for the trees: what they hold, and how far they have got.

pub(crate) mod manifest {
    /// A point of the journal.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Mark {
        pub(crate) count: u64,
    }
}

pub(crate) mod snapshot {
    use crate::memtable::Entry;
    use crate::sync::Arc;

    /// The trees as of one flush.
    #[derive(Debug, Clone)]
    pub(crate) struct TreeSnapshot {
        pub(crate) events: Arc<Vec<Entry>>,
    }
}
