//! A stand-in for the trees: what they hold.

pub(crate) mod ids {
    use crate::index::TermHash;

    /// What is known of trees before they are open.
    #[derive(Debug)]
    pub(crate) struct KnownIds;

    impl KnownIds {
        /// Anything: no terms are kept.
        pub(crate) fn may_hold(&self, _: &[TermHash]) -> u64 {
            u64::MAX
        }
    }
}

pub(crate) mod snapshot {
    use crate::index::{Index, TermHash};
    use crate::memtable::Entry;
    use crate::sync::Arc;

    /// The trees as of one flush.
    #[derive(Debug, Clone)]
    pub(crate) struct TreeSnapshot {
        pub(crate) events: Arc<Vec<Entry>>,
    }

    impl TreeSnapshot {
        /// Anything: no terms are kept.
        pub(crate) fn may_hold(&self, _: Index, _: &[TermHash]) -> u64 {
            u64::MAX
        }
    }
}
