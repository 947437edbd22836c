//! What a reader sees: the trees as of one flush, and the memtables with what came since.

use super::index::{Index, TermHash};
use super::journal::reader::Mark;
use super::memtable::{Entry, Memtable};
use super::sync::Arc;
use super::trees::snapshot::TreeSnapshot;

/// A memtable that takes no more events, on its way into the trees.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(crate) memtable: Arc<Memtable>,
    /// The point of the journal behind its last event.
    pub(crate) mark: Mark,
}

/// Everything that is known of the log besides the journal. Replaced as a whole, so that a reader that
/// holds one sees each event once.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) active: Arc<Memtable>,
    /// Oldest first.
    pub(crate) frozen: Vec<Frozen>,
    /// `None` while the trees are unusable: the journal answers then.
    pub(crate) trees: Option<TreeSnapshot>,
}

impl View {
    /// The same events, with a new active memtable; the one that was takes no more events.
    pub(crate) fn frozen_at(&self, mark: Mark) -> Self {
        let mut frozen = self.frozen.clone();
        if self.active.size().0 > 0 {
            frozen.push(Frozen {
                memtable: Arc::clone(&self.active),
                mark,
            });
        }
        Self {
            active: Arc::new(Memtable::as_roomy_as(&self.active)),
            frozen,
            trees: self.trees.clone(),
        }
    }

    /// The memtables, newest first.
    pub(crate) fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        let frozen = self.frozen.iter().rev().map(|frozen| &frozen.memtable);
        std::iter::once(&self.active).chain(frozen)
    }

    /// Which of some terms events may carry: a bit for each of the first 64. All are looked for in one place after the
    /// other, which has the memory answer several at a time.
    pub(crate) fn may_hold(&self, index: Index, terms: &[TermHash]) -> u64 {
        let Some(trees) = &self.trees else {
            return u64::MAX;
        };
        let in_memory = self
            .memtables()
            .fold(0, |held, memtable| held | memtable.may_hold(index, terms));
        in_memory | trees.may_hold(index, terms)
    }

    /// The newest event in memory that may carry the term and that `matches`.
    pub(crate) fn newest_in_memory(
        &self,
        index: Index,
        hash: TermHash,
        matches: impl Fn(&Entry) -> bool + Copy,
    ) -> Option<Arc<Entry>> {
        self.memtables()
            .find_map(|memtable| memtable.newest(index, hash, matches))
    }
}
