//! The trees of a log that is written before they are open: appends go on, readers wait.
//!
//! The invariant: once readers see the trees, every event is either in them or in a memtable.

use std::cmp::Ordering;
use std::sync::Arc;

use super::early::EarlyTrees;
use super::foreknown::{Foreknown, read_tail};
use super::generation;
use super::memtable::Memtable;
use super::shared::Shared;
use super::trees::engine::TreeError;
use super::trees::writer::TreeWriter;
use super::view::Frozen;
use crate::error::Result;

/// Trees that were opened while the log was written already.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) trees: TreeWriter,
    /// What they lack of the events before the memtables.
    pub(super) frozen: Option<Frozen>,
    /// Events that were read from the journal because the trees did not have them.
    pub(super) replayed: u64,
}

/// Trees that are being opened while the log is written.
#[derive(Debug)]
pub(super) struct AwaitedTrees {
    pub(super) early: EarlyTrees,
    pub(super) known: Foreknown,
}

impl AwaitedTrees {
    /// Waits for them, and sees to it that each event is either in them or in a memtable.
    pub(super) fn finish(self, shared: &Shared) -> Result<Result<Arrived, TreeError>> {
        let (layout, format, options) = (&shared.layout, &shared.format, &shared.options);
        let Foreknown {
            ids,
            flushed,
            begins,
            end,
        } = self.known;
        // They are still opening, and this is what they will lack.
        let lacking = if flushed == begins {
            None
        } else {
            read_tail(layout, format, &flushed, &begins)
        };
        let (generation, early) = (self.early.generation, Some(self.early));
        let opened = generation::open_generation(layout, format, options, generation, end, early)?;
        let mut trees = match opened {
            Ok(trees) => trees,
            Err(error) => return Ok(Err(error)),
        };
        let mark = trees.applied();
        let applied = mark.count;
        let lacking = lacking.filter(|_| applied == flushed.count);
        let memtable = match (applied.cmp(&begins.count), lacking) {
            (Ordering::Equal, _) => None,
            (Ordering::Less, Some(lacking)) => Some(lacking),
            (Ordering::Less, None) => {
                let rest = generation::catch_up(layout, format, options, &mut trees, begins)?;
                match rest {
                    Ok(rest) => Some(Memtable::of(rest)),
                    Err(error) => return Ok(Err(error)),
                }
            }
            // The process ended between a flush and its watermark. Until readers see the trees, the file of ids tells of
            // what the memtables lose.
            (Ordering::Greater, _) if ids.mark_at(applied) == Some(mark) => {
                for memtable in shared.view_now().memtables() {
                    memtable.forget_before(applied);
                }
                None
            }
            (Ordering::Greater, _) => {
                return Ok(Err(TreeError::new(format_args!(
                    "they hold {applied} events, and the file of ids does not tell of them"
                ))));
            }
        };
        Ok(Ok(Arrived {
            trees,
            frozen: memtable
                .filter(|memtable| memtable.size().0 > 0)
                .map(|memtable| Frozen {
                    memtable: Arc::new(memtable),
                    mark: begins,
                }),
            replayed: end.count - applied,
        }))
    }
}
