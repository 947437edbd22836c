//! What a reader sees: the trees as of one flush, and the memtables with what came since.

use super::index::{Index, TermHash};
use super::journal::reader::Mark;
use super::memtable::{Entry, Memtable};
use super::sync::Arc;
use super::trees::ids::KnownIds;
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
    pub(crate) trees: Trees,
}

/// The trees, as far as there are any.
#[derive(Debug, Clone)]
pub(crate) enum Trees {
    Open(TreeSnapshot),
    /// They are being opened, and all that is known of them is which ids they may have.
    Awaited(Arc<KnownIds>),
    /// The journal answers until there are new ones.
    Unusable,
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

    /// The same events, for which the journal answers.
    pub(crate) fn without_trees(&self) -> Self {
        Self {
            trees: Trees::Unusable,
            ..self.clone()
        }
    }

    /// The trees, if they are open.
    pub(crate) fn trees(&self) -> Option<&TreeSnapshot> {
        match &self.trees {
            Trees::Open(trees) => Some(trees),
            Trees::Awaited(_) | Trees::Unusable => None,
        }
    }

    /// Whether readers have to wait for the trees.
    pub(crate) fn awaits_trees(&self) -> bool {
        matches!(self.trees, Trees::Awaited(_))
    }

    /// The memtables, newest first.
    pub(crate) fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        let frozen = self.frozen.iter().rev().map(|frozen| &frozen.memtable);
        std::iter::once(&self.active).chain(frozen)
    }

    /// Which of some terms events may carry: a bit for each of the first 64. All are looked for in one place after the
    /// other, which has the memory answer several at a time.
    pub(crate) fn may_hold(&self, index: Index, terms: &[TermHash]) -> u64 {
        let in_trees = match (&self.trees, index) {
            (Trees::Open(trees), _) => trees.may_hold(index, terms),
            (Trees::Awaited(ids), Index::EventIds) => ids.may_hold(terms),
            (Trees::Awaited(_) | Trees::Unusable, _) => return u64::MAX,
        };
        self.memtables().fold(in_trees, |held, memtable| {
            held | memtable.may_hold(index, terms)
        })
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
