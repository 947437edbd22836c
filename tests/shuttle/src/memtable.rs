//! A stand-in for the memtable: sequence numbers behind a lock, as the real one keeps entries.

use super::index::{Index, TermHash};
use super::sync::{Arc, PoisonError, RwLock};

/// An event: its sequence number.
pub(crate) type Entry = u64;

#[derive(Debug)]
pub(crate) struct Memtable {
    entries: RwLock<Vec<Arc<Entry>>>,
}

impl Memtable {
    pub(crate) fn new() -> Self {
        Self {
            entries: RwLock::new(Vec::new()),
        }
    }

    pub(crate) fn as_roomy_as(_: &Self) -> Self {
        Self::new()
    }

    pub(crate) fn insert(&self, entry: Entry) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.push(Arc::new(entry));
    }

    pub(crate) fn forget_before(&self, sequence: Entry) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| **entry >= sequence);
    }

    pub(crate) fn size(&self) -> (usize, usize) {
        let entries = self.entries();
        (entries.len(), 8 * entries.len())
    }

    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Anything: no terms are kept.
    pub(crate) fn may_hold(&self, _: Index, _: &[TermHash]) -> u64 {
        u64::MAX
    }

    pub(crate) fn newest(
        &self,
        _: Index,
        _: TermHash,
        matches: impl Fn(&Entry) -> bool,
    ) -> Option<Arc<Entry>> {
        let entries = self.entries();
        entries.into_iter().rev().find(|entry| matches(entry))
    }
}
