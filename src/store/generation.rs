//! A generation of the trees: opened and checked against the journal, brought up to date from it, or made anew.

use super::append::MEMTABLE_BYTES;
use super::body;
use super::early::EarlyTrees;
use super::index::TermHasher;
use super::journal::reader::{JournalReader, Mark};
use super::layout::Layout;
use super::memtable::Entry;
use super::options::StoreOptions;
use super::small_file::Format;
use super::trees::engine::TreeError;
use super::trees::merge::Step;
use super::trees::writer::TreeWriter;
use crate::error::{Error, Result};

/// Opens one generation, unless it was set aside.
pub(super) fn open_usable(
    layout: &Layout,
    format: &Format,
    options: &StoreOptions,
    number: u64,
) -> Result<TreeWriter, TreeError> {
    match layout.set_aside_for(number) {
        Some(reason) => Err(TreeError::new(reason)),
        None => TreeWriter::open(
            &layout.generation(number),
            format.log_id,
            options.tree_cache_bytes,
        ),
    }
}

/// Opens one generation, unless that was done `early`, and checks that it tells of this journal.
pub(super) fn open_generation(
    layout: &Layout,
    format: &Format,
    options: &StoreOptions,
    number: u64,
    end: Mark,
    early: Option<EarlyTrees>,
) -> Result<Result<TreeWriter, TreeError>> {
    let open = || open_usable(layout, format, options, number);
    let trees = match early.and_then(EarlyTrees::finish).unwrap_or_else(open) {
        Ok(trees) => trees,
        Err(error) => return Ok(Err(error)),
    };
    let applied = trees.applied();
    if applied.count > end.count {
        // The journal was synced before the trees were written.
        return Err(Error::damaged(
            &layout.journal(),
            end.place.offset,
            Some(end.count),
            format!("a journal of {} events, as the trees tell", applied.count),
            format!("{} events", end.count),
        ));
    }
    if applied == end || applied == Mark::START || goes_on_from(layout, format, &applied) {
        return Ok(Ok(trees));
    }
    let mut reader = JournalReader::seek(
        &layout.journal(),
        format.log_id,
        applied.count.saturating_sub(1),
    )?;
    let frame = reader.next_before(end.count)?;
    let same = frame.is_some_and(|frame| {
        frame.header.end_sequence() == applied.count
            && frame.hash == applied.hash
            && frame.end == applied.place
    });
    Ok(if same {
        Ok(trees)
    } else {
        Err(TreeError::new("they tell of another journal"))
    })
}

/// Whether the journal goes on from where the trees end: the frame there follows their hash. Reading the one before takes
/// half a segment.
fn goes_on_from(layout: &Layout, format: &Format, applied: &Mark) -> bool {
    let next = || JournalReader::behind(&layout.journal(), format.log_id, applied)?.next();
    next().is_ok_and(|next| next.is_ok())
}

pub(super) fn new_generation(
    layout: &Layout,
    format: &Format,
    options: &StoreOptions,
    number: u64,
) -> Result<TreeWriter> {
    let path = layout.generation(number);
    std::fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
    TreeWriter::open(&path, format.log_id, options.tree_cache_bytes)
        .map_err(|error| unusable(layout, &error))
}

/// Makes new trees from the journal, up to `end`. What a failure leaves of them is removed.
pub(super) fn rebuild(
    layout: &Layout,
    format: &Format,
    options: &StoreOptions,
    number: u64,
    end: Mark,
) -> Result<TreeWriter> {
    let make = || {
        let mut trees = new_generation(layout, format, options, number)?;
        let caught_up = catch_up(layout, format, options, &mut trees, end)?;
        let applied = match caught_up {
            Ok(rest) if rest.is_empty() => Ok(()),
            Ok(rest) => trees.apply(rest.into_iter().map(Into::into).collect(), end),
            Err(error) => Err(error),
        };
        applied.map_err(|error| unusable(layout, &error))?;
        Ok(trees)
    };
    make().inspect_err(|_| layout.remove_generation(number))
}

/// Reads what the trees lack up to `end`, and writes it to them a memtable at a time. What is left is less
/// than a memtable.
pub(super) fn catch_up(
    layout: &Layout,
    format: &Format,
    options: &StoreOptions,
    trees: &mut TreeWriter,
    end: Mark,
) -> Result<Result<Vec<Entry>, TreeError>> {
    let applied = trees.applied();
    let hasher = TermHasher::new(format.log_id);
    let mut reader = JournalReader::at(
        &layout.journal(),
        format.log_id,
        applied.place,
        applied.count,
    )?;
    let mut pending = Vec::new();
    let mut bytes = 0;
    while let Some(frame) = reader.next_before(end.count)? {
        pending.extend(body::entries(&frame, &hasher)?);
        bytes += frame.body.len();
        if pending.len() < options.memtable_events && bytes < MEMTABLE_BYTES {
            continue;
        }
        bytes = 0;
        let mark = Mark {
            count: frame.header.end_sequence(),
            hash: frame.hash,
            place: frame.end,
        };
        let entries = std::mem::take(&mut pending)
            .into_iter()
            .map(Into::into)
            .collect();
        let written = trees.apply(entries, mark).and_then(|()| {
            while trees.merge_at_rest()? != Step::None {}
            Ok(())
        });
        if let Err(error) = written {
            return Ok(Err(error));
        }
    }
    Ok(Ok(pending))
}

/// New trees cannot be made: there is no room, or no right to write.
pub(super) fn unusable(layout: &Layout, error: &TreeError) -> Error {
    let source = std::io::Error::other(error.to_string());
    Error::Io {
        action: "write the trees of",
        path: layout.root().to_path_buf(),
        source,
    }
}
