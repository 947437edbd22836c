//! Fetches single events from the journal, by the place of their frame.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use super::body;
use super::index::TermHasher;
use super::journal::reader::{JournalReader, Place};
use super::memtable::Entry;
use crate::error::{Error, Result};

/// Bytes of frames kept in memory.
const KEPT_BYTES: usize = 64 << 20;
/// Segments kept open.
const KEPT_SEGMENTS: usize = 64;

/// Keeps what it read last: events that are asked for in the order of time lie close together in the
/// journal, in a few frames of a few segments at a time.
#[derive(Debug)]
pub(crate) struct EntryReader {
    folder: PathBuf,
    log_id: [u8; 16],
    hasher: TermHasher,
    segments: HashMap<u64, JournalReader>,
    /// Open segments, the one opened first at the front.
    opened: VecDeque<u64>,
    frames: HashMap<Place, KeptFrame>,
    /// Kept frames, the one read first at the front.
    read: VecDeque<Place>,
    bytes: usize,
}

#[derive(Debug)]
struct KeptFrame {
    entries: Vec<Entry>,
    bytes: usize,
}

impl EntryReader {
    pub(crate) fn new(folder: &Path, log_id: [u8; 16]) -> Self {
        Self {
            folder: folder.to_path_buf(),
            log_id,
            hasher: TermHasher::new(log_id),
            segments: HashMap::new(),
            opened: VecDeque::new(),
            frames: HashMap::new(),
            read: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The event `sequence`, out of the frame at `place`.
    pub(crate) fn entry(&mut self, place: Place, sequence: u64) -> Result<&Entry> {
        if !self.frames.contains_key(&place) {
            self.read_frame(place, sequence)?;
        }
        let missing = || Error::Undecodable {
            sequence,
            reason: "its frame does not hold it".to_owned(),
        };
        let entries = self
            .frames
            .get(&place)
            .map(|frame| frame.entries.as_slice());
        let entries = entries.unwrap_or_default();
        let found = entries.binary_search_by_key(&sequence, |entry| entry.position.sequence);
        found
            .ok()
            .and_then(|found| entries.get(found))
            .ok_or_else(missing)
    }

    fn read_frame(&mut self, place: Place, sequence: u64) -> Result<()> {
        let frame = self.segment(place.segment)?.frame_at(place, sequence)?;
        let entries = body::entries(&frame, &self.hasher)?;
        let bytes = frame.body.len() + entries.len() * size_of::<Entry>();
        self.bytes += bytes;
        self.read.push_back(place);
        self.frames.insert(place, KeptFrame { entries, bytes });
        while self.bytes > KEPT_BYTES && self.read.len() > 1 {
            let oldest = self
                .read
                .pop_front()
                .and_then(|place| self.frames.remove(&place));
            self.bytes -= oldest.map_or(0, |frame| frame.bytes);
        }
        Ok(())
    }

    fn segment(&mut self, first_sequence: u64) -> Result<&mut JournalReader> {
        let (folder, log_id) = (&self.folder, self.log_id);
        match self.segments.entry(first_sequence) {
            std::collections::hash_map::Entry::Occupied(_) => {}
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(JournalReader::seek(folder, log_id, first_sequence)?);
                self.opened.push_back(first_sequence);
            }
        }
        if self.opened.len() > KEPT_SEGMENTS
            && let Some(oldest) = self.opened.pop_front()
        {
            self.segments.remove(&oldest);
        }
        // It was there, or has just been put there; the one removed is an older one.
        self.segments.get_mut(&first_sequence).ok_or(Error::Closed)
    }
}
