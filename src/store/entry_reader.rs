//! Fetches single events from the journal, by the place of their frame.

use std::path::{Path, PathBuf};

use super::body;
use super::index::TermHasher;
use super::journal::reader::{JournalReader, Place};
use super::memtable::Entry;
use crate::error::{Error, Result};

/// Keeps the last segment open and the last frame's events in memory: neighbours are often asked for one
/// after the other.
#[derive(Debug)]
pub(crate) struct EntryReader {
    folder: PathBuf,
    log_id: [u8; 16],
    hasher: TermHasher,
    reader: Option<JournalReader>,
    frame: Option<(Place, Vec<Entry>)>,
}

impl EntryReader {
    pub(crate) fn new(folder: &Path, log_id: [u8; 16]) -> Self {
        Self {
            folder: folder.to_path_buf(),
            log_id,
            hasher: TermHasher::new(log_id),
            reader: None,
            frame: None,
        }
    }

    /// The event `sequence`, out of the frame at `place`.
    pub(crate) fn entry(&mut self, place: Place, sequence: u64) -> Result<&Entry> {
        let (_, entries) = match self.frame.take() {
            Some(frame) if frame.0 == place => self.frame.insert(frame),
            _ => {
                let reader = match self.reader.take() {
                    Some(reader) => self.reader.insert(reader),
                    None => self.reader.insert(JournalReader::seek(
                        &self.folder,
                        self.log_id,
                        place.segment,
                    )?),
                };
                let frame = reader.frame_at(place, sequence)?;
                self.frame
                    .insert((place, body::entries(&frame, &self.hasher)?))
            }
        };
        entries
            .iter()
            .find(|entry| entry.position.sequence == sequence)
            .ok_or_else(|| Error::Undecodable {
                sequence,
                reason: "its frame does not hold it".to_owned(),
            })
    }
}
