//! Looking at a log without its lock, by its journal alone: slower, but it always answers.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::body::Events;
use super::hit::Hit;
use super::index::TermHasher;
use super::journal::reader::JournalReader;
use super::journal::segment;
use super::layout::{Found, Layout};
use super::record::Record;
use super::small_file::Format;
use crate::error::{Error, Result};

/// A log that somebody else may be writing.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) layout: Layout,
    pub(crate) format: Format,
    pub(crate) hasher: TermHasher,
    /// The end that was seen last: it never goes back.
    head: AtomicU64,
}

impl Look {
    /// Opens the log in `path` for reading.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let layout = Layout::new(path);
        let Found::Log(format) = layout.look()? else {
            return Err(Error::NoSuchLog {
                path: path.to_path_buf(),
            });
        };
        let hasher = TermHasher::new(format.log_id);
        Ok(Self {
            layout,
            format,
            hasher,
            head: AtomicU64::new(0),
        })
    }

    /// How many events HEAD says there were. One that cannot be read says nothing.
    pub(crate) fn known(&self) -> u64 {
        let head = self.layout.read_head(self.format.log_id);
        head.ok().flatten().map_or(0, |mark| mark.count)
    }

    /// How many whole events the journal has now.
    pub(crate) fn head(&self) -> Result<u64> {
        let folder = self.layout.journal();
        // HEAD first: the writer may go on between the two looks, but never back.
        let known = self.known();
        let seen = self.head.load(Ordering::Acquire);
        let last = segment::list(&folder)?
            .last()
            .map_or(0, |file| file.first_sequence);
        let mut reader =
            JournalReader::seek(&folder, self.format.log_id, last.max(seen))?.known_to_hold(known);
        let end = loop {
            match reader.next()? {
                Ok(_) => {}
                Err(end) => break end,
            }
        };
        self.head.fetch_max(end.sequence, Ordering::AcqRel);
        Ok(end.sequence)
    }
}

/// The latest of the first `head` events that `matches`, by reading them all.
pub(crate) fn latest(
    journal: &Path,
    log_id: [u8; 16],
    head: u64,
    matches: impl Fn(&Record) -> bool,
) -> Result<Option<Hit>> {
    let mut reader = JournalReader::seek(journal, log_id, 0)?;
    let mut latest = None;
    while let Some(frame) = reader.next_before(head)? {
        for hit in Events::of(&frame) {
            let hit = hit?;
            if matches(&hit.record) {
                latest = Some(hit);
            }
        }
    }
    Ok(latest)
}
