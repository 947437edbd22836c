//! How a log is opened.

use std::time::Duration;

use crate::error::{Error, Result};

/// When an append is acknowledged, and what an acknowledged event survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// Once the event is on stable storage: it survives power loss. Callers that wait together share one
    /// sync.
    #[default]
    Sync,
    /// Once the operating system has it: it survives the end of the process. A thread syncs at this
    /// interval, so that a power loss costs at most the events of the last interval.
    Periodic(Duration),
    /// Once the operating system has it: it survives the end of the process. A power loss may cost any
    /// event since the last [`flush`](crate::ExperienceLog::flush) or full segment.
    Os,
}

/// Options of the store. The log's own options hold one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreOptions {
    pub(crate) durability: Durability,
    pub(crate) memtable_events: usize,
    pub(crate) segment_bytes: u64,
    pub(crate) tree_cache_bytes: u64,
    pub(crate) create: bool,
    pub(crate) must_be_new: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Sync,
            memtable_events: 16_384,
            segment_bytes: 8 << 20,
            tree_cache_bytes: 56 << 20,
            create: true,
            must_be_new: false,
        }
    }
}

/// See [`StoreOptions::worth_a_flush`].
const WORTH_A_FLUSH: usize = 4;

impl StoreOptions {
    /// Fewer events than this part of a memtable are left to the journal: reading them at the next opening costs less than
    /// many small blocks.
    pub(crate) fn worth_a_flush(&self) -> usize {
        self.memtable_events.div_ceil(WORTH_A_FLUSH)
    }

    /// Refuses values the store cannot work with.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |option, found: String, expected| {
            Err(Error::InvalidOption {
                option,
                found,
                expected,
            })
        };
        if !(1..=1 << 20).contains(&self.memtable_events) {
            let found = self.memtable_events.to_string();
            return refuse("memtable_events", found, "1 to 1,048,576 events");
        }
        if !(4 << 10..=1 << 30).contains(&self.segment_bytes) {
            let found = self.segment_bytes.to_string();
            return refuse("segment_bytes", found, "4 KiB to 1 GiB");
        }
        if self.tree_cache_bytes < 1 << 20 {
            let found = self.tree_cache_bytes.to_string();
            return refuse("tree_cache_bytes", found, "1 MiB or more");
        }
        if let Durability::Periodic(interval) = self.durability
            && interval.is_zero()
        {
            return refuse(
                "durability",
                "Periodic(0)".to_owned(),
                "an interval above zero",
            );
        }
        Ok(())
    }
}
