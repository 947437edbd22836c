//! A stand-in for the trees: what they hold.

pub(crate) mod snapshot {
    use crate::memtable::Entry;
    use crate::sync::Arc;

    /// The trees as of one flush.
    #[derive(Debug, Clone)]
    pub(crate) struct TreeSnapshot {
        pub(crate) events: Arc<Vec<Entry>>,
    }
}
