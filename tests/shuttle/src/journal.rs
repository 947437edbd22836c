//! A stand-in for the journal: how far it goes.

pub(crate) mod reader {
    /// A point of the journal.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Mark {
        pub(crate) count: u64,
    }
}
