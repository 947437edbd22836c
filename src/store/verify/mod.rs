//! Verifying: reads everything again, and compares the journal, the trees and the hashes.
//!
//! The trees are compared with the journal by sums that do not depend on order: one over all events, one
//! over the postings of each index. Equal sums of equal counts mean equal sets, short of a collision in
//! 64 bits of BLAKE3.

mod copy;
mod journal;
mod sums;
mod trees;

use super::look::Look;
use super::reader::StoreReader;
use super::record::Record;
use super::shared::Shared;
use super::trees::snapshot::TreeSnapshot;
use super::trees::writer::TreeWriter;
use crate::error::Result;
use copy::TreesCopy;
use journal::{JournalCheck, Limit};
use sums::Sums;

/// What it takes to read the payload of a record.
pub(crate) type Decode<'a> = &'a dyn Fn(&Record) -> Result<(), String>;

/// Hears how many of how many events were read.
pub(crate) type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// What a verification read, and what it found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Verification {
    /// Events in the journal that were read and are whole.
    pub events: u64,
    /// Commits they came in.
    pub commits: u64,
    /// Segments of the journal.
    pub segments: u64,
    /// The hash of the last commit read, which stands for all that came before it.
    pub chain_hash: [u8; 32],
    /// What became of the trees.
    pub trees: TreesVerified,
    /// Everything that is not as it must be. Empty means intact.
    pub problems: Vec<String>,
}

impl Verification {
    /// True if nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Whether the trees could be compared with the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TreesVerified {
    /// They were compared: this many of the journal's events are in them. The others are still in memory.
    Compared {
        /// Events in the trees.
        events: u64,
    },
    /// Another process holds them.
    #[default]
    HeldByWriter,
    /// There are none, or they were replaced meanwhile: the next opening makes them.
    Missing,
    /// They cannot be opened, for the reason among the problems: the next opening makes new ones.
    Unusable,
    /// Another version of this crate wrote them, in a layout of its own, which is no flaw: the next opening makes new ones.
    Outdated,
    /// The journal is damaged, so there is nothing to compare them with. They may hold what it has lost: do
    /// not rebuild them.
    NotCompared,
}

/// Reads the log and compares. `decode` checks what a record means; `progress` hears how many of how many
/// events were read.
pub(crate) fn verify(
    reader: &StoreReader,
    decode: Decode<'_>,
    progress: Progress<'_>,
) -> Result<Verification> {
    // What tells how far the journal reached is looked at before the journal is: it only grows.
    let known = reader.layout().read_head(reader.format().log_id);
    let mut check = JournalCheck::new(reader, known)?;
    match reader {
        StoreReader::Live(shared) => {
            shared.check_open()?;
            let view = shared.view();
            let limit = Limit::Head(shared.head.get());
            let sums = check.read(view.trees(), limit, decode, progress)?;
            let found = check.finish();
            Ok(match view.trees() {
                None => Verification {
                    trees: TreesVerified::Missing,
                    ..found
                },
                Some(trees) => compare_live(shared, trees, sums, found),
            })
        }
        StoreReader::Look(look) => look_at(look, check, decode, progress),
    }
}

fn compare_live(
    shared: &Shared,
    trees: &TreeSnapshot,
    sums: Option<Sums>,
    mut found: Verification,
) -> Verification {
    let folder = shared.layout.journal();
    if let Err(error) = trees::compare(&folder, shared.format.log_id, trees, sums, &mut found) {
        if shared.report_trees(trees, &error) {
            found.problems.push(error.to_string());
        } else {
            // They were replaced or closed while they were read.
            found.trees = TreesVerified::Missing;
        }
    }
    found
}

fn look_at(
    look: &Look,
    mut check: JournalCheck<'_>,
    decode: Decode<'_>,
    progress: Progress<'_>,
) -> Result<Verification> {
    let copy = TreesCopy::take(&look.layout)?;
    let opened = copy
        .path()
        .map(|path| TreeWriter::open(path, look.format.log_id, 32 << 20));
    let (snapshot, broken) = match opened {
        Some(Ok(trees)) => (Some(trees.snapshot()), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let sums = check.read(snapshot.as_ref(), Limit::End, decode, progress)?;
    let mut found = check.finish();
    found.trees = copy.without_path();
    if let Some(snapshot) = &snapshot {
        let folder = look.layout.journal();
        let compared = trees::compare(&folder, look.format.log_id, snapshot, sums, &mut found);
        found
            .problems
            .extend(compared.err().map(|error| error.to_string()));
    }
    match broken {
        Some(error) if error.is_outdated() => found.trees = TreesVerified::Outdated,
        broken => found.problems.extend(broken.map(|error| error.to_string())),
    }
    Ok(found)
}
