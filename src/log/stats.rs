//! What a log holds, in numbers.

use std::collections::BTreeMap;

use super::{kind_code, time};
use crate::store::record::Kind;
use crate::store::small_file::Format;
use crate::store::stats::{StoreSizes, StoreStats};
use crate::store::trees::manifest::OTHER_NAMES;

/// Where kinds are counted that are too many to be counted each by itself.
const OTHERS: &str = "(others)";

/// What a log takes on disk and in memory, told without reading its events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// The log's id, a UUID assigned at its creation.
    pub log_id: String,
    /// When the log was created, in UTC as RFC 3339.
    pub created_at: String,
    /// Segments of the journal.
    pub segments: u64,
    /// Segments that are complete and compressed.
    pub sealed_segments: u64,
    /// Bytes of the journal on disk, with what is filled ahead.
    pub journal_bytes: u64,
    /// Bytes of the trees on disk.
    pub tree_bytes: u64,
    /// Events in memory that the trees do not have yet; `None` for a read-only handle.
    pub in_memory: Option<u64>,
    /// Blocks of the trees; `None` for a read-only handle.
    pub blocks: Option<u64>,
}

impl Sizes {
    pub(crate) fn new(format: &Format, sizes: &StoreSizes) -> Self {
        Self {
            log_id: uuid::Uuid::from_bytes(format.log_id).to_string(),
            created_at: time::format_recorded(format.created_at),
            segments: sizes.segments,
            sealed_segments: sizes.sealed_segments,
            journal_bytes: sizes.journal_bytes,
            tree_bytes: sizes.tree_bytes,
            in_memory: sizes.in_memory,
            blocks: sizes.blocks,
        }
    }
}

/// Counts and sizes of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The log's id, a UUID assigned at its creation.
    pub log_id: String,
    /// When the log was created, in UTC as RFC 3339.
    pub created_at: String,
    /// Events in the log.
    pub events: u64,
    /// Events by the name of their kind, in whatever contract. Kinds of the log's own contract that this build
    /// does not know stand under their number. Beyond 256 names of other contracts, kinds may be counted together,
    /// as `(others)`.
    pub kinds: BTreeMap<String, u64>,
    /// Events by tenant; `None` for those without.
    pub tenants: BTreeMap<Option<String>, u64>,
    /// The earliest `occurred_at`, in UTC as RFC 3339.
    pub oldest: Option<String>,
    /// The latest `occurred_at`, in UTC as RFC 3339.
    pub newest: Option<String>,
    /// Segments of the journal.
    pub segments: u64,
    /// Segments that are complete and compressed.
    pub sealed_segments: u64,
    /// Bytes of the journal on disk, with what is filled ahead.
    pub journal_bytes: u64,
    /// Bytes of the trees on disk.
    pub tree_bytes: u64,
    /// Events in memory that the trees do not have yet; `None` for a read-only handle.
    pub in_memory: Option<u64>,
    /// Blocks of the trees; `None` for a read-only handle.
    pub blocks: Option<u64>,
}

impl Stats {
    pub(crate) fn new(format: &Format, stats: StoreStats) -> Self {
        let mut kinds = BTreeMap::new();
        for (kind, count) in stats.kinds {
            let name = match kind {
                Kind::Number(code) => {
                    kind_code::kind(code).map_or_else(|| code.to_string(), |kind| kind.to_string())
                }
                Kind::Named(name) if *name == *OTHER_NAMES => OTHERS.to_owned(),
                Kind::Named(name) => name.into(),
            };
            *kinds.entry(name).or_default() += count;
        }
        Self {
            log_id: uuid::Uuid::from_bytes(format.log_id).to_string(),
            created_at: time::format_recorded(format.created_at),
            events: stats.events,
            kinds,
            tenants: stats.tenants,
            oldest: stats.oldest.map(time::format),
            newest: stats.newest.map(time::format),
            segments: stats.sizes.segments,
            sealed_segments: stats.sizes.sealed_segments,
            journal_bytes: stats.sizes.journal_bytes,
            tree_bytes: stats.sizes.tree_bytes,
            in_memory: stats.sizes.in_memory,
            blocks: stats.sizes.blocks,
        }
    }
}
