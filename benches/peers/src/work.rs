//! The works, and the names they have in every output.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// One figure that every contestant is measured by.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Work {
    /// Batches of 1,000 events, each synced.
    BatchSync,
    /// Batches of 1,000 events, not synced.
    BatchOs,
    /// One event a commit, each synced.
    SingleSync,
    /// The same from eight threads.
    #[serde(rename = "single_sync_8")]
    #[value(name = "single_sync_8")]
    SingleSync8,
    /// One event a commit, not synced.
    SingleOs,
    /// The events of one run.
    ByCorrelation,
    /// The events of one chain.
    ByChain,
    /// Fifty events of a tenant, of three kinds, in a range of time.
    TenantKindsRange,
    /// The trace link with an id.
    TraceLink,
    /// The event with an id.
    EventById,
    /// The newest twenty events of a tenant.
    Newest,
    /// Every event, decoded, in order of appending.
    Replay,
    /// Bytes on disk per event.
    Disk,
    /// From opening until an append is acknowledged.
    OpenAppend,
    /// From opening until a run is read.
    OpenQuery,
    /// The most memory that was resident.
    Memory,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Events a second: more is better.
    EventsPerSecond,
    /// Microseconds: less is better.
    Microseconds,
    /// Milliseconds: less is better.
    Milliseconds,
    /// Bytes for each event: less is better.
    BytesPerEvent,
    /// Mebibytes: less is better.
    Mebibytes,
}

impl Unit {
    /// As the outputs write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventsPerSecond => "events/s",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::BytesPerEvent => "bytes/event",
            Self::Mebibytes => "MiB",
        }
    }

    /// How many times better `ours` is than `theirs`.
    #[must_use]
    pub fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::EventsPerSecond => ours / theirs,
            _ => theirs / ours,
        }
    }
}

impl Work {
    /// The works that ask a question.
    pub const QUESTIONS: [Self; 6] = [
        Self::ByCorrelation,
        Self::ByChain,
        Self::TenantKindsRange,
        Self::TraceLink,
        Self::EventById,
        Self::Newest,
    ];

    /// What the work's figure counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::BatchSync
            | Self::BatchOs
            | Self::SingleSync
            | Self::SingleSync8
            | Self::SingleOs
            | Self::Replay => Unit::EventsPerSecond,
            Self::ByCorrelation
            | Self::ByChain
            | Self::TenantKindsRange
            | Self::TraceLink
            | Self::EventById
            | Self::Newest => Unit::Microseconds,
            Self::Disk => Unit::BytesPerEvent,
            Self::OpenAppend | Self::OpenQuery => Unit::Milliseconds,
            Self::Memory => Unit::Mebibytes,
        }
    }

    /// As the outputs and the options write it.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
