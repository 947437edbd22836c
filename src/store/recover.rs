//! Opening: find the journal's end, cut a torn tail, bring the trees up to date or make new ones.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::append::now;
use super::awaited::AwaitedTrees;
use super::beside::beside;
use super::early::EarlyTrees;
use super::foreknown::Foreknown;
use super::generation;
use super::journal::reader::Mark;
use super::journal::segment;
use super::journal::writer::{JournalWriter, WriterOptions};
use super::journal_end::{JournalEnd, find_end};
use super::layout::{Found, Layout};
use super::memtable::Memtable;
use super::options::{Durability, StoreOptions};
use super::shared::Shared;
use super::small_file::Format;
use super::trees::engine::TreeError;
use super::trees::writer::TreeWriter;
use super::view::{Trees, View};
use crate::error::{Error, Result};

/// What opening a log found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// The log was created.
    pub created: bool,
    /// Bytes behind the last whole commit, left by a crash, that were cut off. None of them was
    /// acknowledged as synced.
    pub torn_bytes: u64,
    /// Events that were read from the journal because the trees did not have them.
    pub replayed: u64,
    /// Why the trees were rebuilt, if they were.
    pub trees_rebuilt: Option<String>,
    /// Why the file HEAD was passed over, if it could not be read.
    pub head_ignored: Option<String>,
}

/// An opened log, before its threads run.
pub(super) struct Opened {
    pub(super) shared: Shared,
    pub(super) trees: OpenedTrees,
    pub(super) lock: File,
}

/// The trees of an opened log.
pub(super) enum OpenedTrees {
    /// The trees, and their generation.
    Open(Box<TreeWriter>, u64),
    Awaited(AwaitedTrees),
}

/// Opens or creates the log in `path`.
pub(super) fn open(path: &Path, options: StoreOptions) -> Result<Opened> {
    options.check()?;
    let layout = Layout::new(path);
    let (lock, format, created) = enter(&layout, &options)?;
    let mut recovery = Recovery {
        created,
        ..Recovery::default()
    };
    let generations = layout.generations()?;
    let early = generations
        .last()
        .map(|newest| EarlyTrees::start(&layout, &format, &options, *newest));
    segment::remove_superseded(&layout.journal())?;
    let head = read_head(&layout, &format, &mut recovery)?;
    let JournalEnd {
        mark: end,
        unproven,
    } = find_end(&layout, &format, head, &mut recovery)?;
    let (foreknown, writer) = beside(
        // Before HEAD or the trees rely on what was read.
        || {
            let options = writer_options(&options);
            JournalWriter::resume(&layout.journal(), format.log_id, options, &end, unproven)
        },
        // Of several generations, only the trees themselves tell which one is to be used.
        || match generations[..] {
            [only] => Foreknown::of(&layout, &format, &options, only, end),
            _ => None,
        },
    );
    let writer = writer?;
    let (active, in_view, trees) = match (early, foreknown) {
        (Some(early), Some((known, memtable))) => {
            let in_view = Trees::Awaited(Arc::clone(&known.ids));
            let awaited = AwaitedTrees { early, known };
            (memtable, in_view, OpenedTrees::Awaited(awaited))
        }
        (early, _) => {
            let newest = (generations, early);
            let opened = open_trees(&layout, &format, &options, end, newest, &mut recovery)?;
            let (trees, generation, active) = opened;
            let in_view = Trees::Open(trees.snapshot());
            (active, in_view, OpenedTrees::Open(trees.into(), generation))
        }
    };
    layout.write_head(format.log_id, &end)?;
    let view = View {
        active: Arc::new(active),
        frozen: Vec::new(),
        trees: in_view,
    };
    Ok(Opened {
        shared: Shared::new(layout, format, options, recovery, writer, view),
        trees,
        lock,
    })
}

/// Locks the log, and creates it if it is not there. True if it was created.
fn enter(layout: &Layout, options: &StoreOptions) -> Result<(File, Format, bool)> {
    let path = || layout.root().to_path_buf();
    if layout.look()? == Found::Nothing {
        if !options.create {
            return Err(Error::NoSuchLog { path: path() });
        }
        layout.create_folders()?;
    }
    let lock = layout.lock()?;
    // Another process may have made the log while this one waited for nothing.
    match layout.look()? {
        Found::Log(_) if options.must_be_new => Err(Error::LogExists { path: path() }),
        Found::Log(format) => Ok((lock, format, false)),
        Found::Nothing => Ok((lock, create(layout, options)?, true)),
    }
}

fn writer_options(options: &StoreOptions) -> WriterOptions {
    WriterOptions {
        segment_bytes: options.segment_bytes,
        fill_ahead: options.durability == Durability::Sync,
    }
}

/// Creates a log: FORMAT comes last, so that a log whose creation was cut short is no log yet.
fn create(layout: &Layout, options: &StoreOptions) -> Result<Format> {
    let format = Format {
        log_id: uuid::Uuid::new_v4().into_bytes(),
        created_at: now(),
    };
    layout.create_folders()?;
    let folder = layout.journal();
    for file in segment::list(&folder)? {
        segment::remove_if_there(&file.path)?;
    }
    JournalWriter::create(&folder, format.log_id, writer_options(options))?;
    layout.write_format(&format)?;
    Ok(format)
}

/// HEAD only repeats what the journal says, so one that cannot be read is passed over.
fn read_head(layout: &Layout, format: &Format, recovery: &mut Recovery) -> Result<Option<Mark>> {
    match layout.read_head(format.log_id) {
        Err(Error::Damaged(damage)) => {
            recovery.head_ignored = Some(damage.to_string());
            Ok(None)
        }
        head => head,
    }
}

/// Opens the newest of these trees, of which one generation may be opening already, or makes new ones if they cannot be used, and reads from the journal what they
/// lack. Returns them, their generation, and the events that are left for the memtable.
fn open_trees(
    layout: &Layout,
    format: &Format,
    options: &StoreOptions,
    end: Mark,
    (generations, mut early): (Vec<u64>, Option<EarlyTrees>),
    recovery: &mut Recovery,
) -> Result<(TreeWriter, u64, Memtable)> {
    let next = generations.last().map_or(0, |newest| newest + 1);
    let mut best: Option<(TreeWriter, u64)> = None;
    let mut reason = TreeError::new("there are none");
    // After a rebuild that was cut short, the older generation is further than the newer one.
    for number in generations.iter().copied().rev() {
        let early = early.take_if(|early| early.generation == number);
        let opened = match generation::open_generation(layout, format, options, number, end, early)
        {
            // The mark of an older generation may lie in a damaged segment: the newer one counts.
            Err(error) if best.is_some() && error.is_damage() => continue,
            opened => opened?,
        };
        match opened {
            Ok(trees) if further(&trees, best.as_ref()) => best = Some((trees, number)),
            Ok(_) => {}
            Err(error) => reason = error,
        }
    }
    let (mut trees, number) = if let Some(best) = best {
        best
    } else {
        if !recovery.created {
            recovery.trees_rebuilt = Some(reason.reason().to_owned());
        }
        (
            generation::new_generation(layout, format, options, next)?,
            next,
        )
    };
    for old in generations.into_iter().filter(|old| *old != number) {
        layout.remove_generation(old);
    }
    let before = trees.applied().count;
    let caught_up = generation::catch_up(layout, format, options, &mut trees, end)?;
    let (trees, number, rest) = match caught_up {
        Ok(rest) => (trees, number, rest),
        Err(error) => {
            // The trees opened, but cannot be written. Nothing of them is kept.
            recovery.trees_rebuilt = Some(error.reason().to_owned());
            drop(trees);
            layout.remove_generation(number);
            let number = number.max(next) + 1;
            let mut trees = generation::new_generation(layout, format, options, number)?;
            let rest = generation::catch_up(layout, format, options, &mut trees, end)?
                .map_err(|error| generation::unusable(layout, &error))?;
            (trees, number, rest)
        }
    };
    recovery.replayed = if recovery.trees_rebuilt.is_some() {
        end.count
    } else {
        end.count - before
    };
    Ok((trees, number, Memtable::of(rest)))
}

fn further(trees: &TreeWriter, best: Option<&(TreeWriter, u64)>) -> bool {
    best.is_none_or(|(best, _)| trees.applied().count > best.applied().count)
}
