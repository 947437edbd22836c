//! What the test files share: directories that are copied, journals that are taken apart, plain events.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]
#![allow(
    dead_code,
    reason = "each test file is a crate of its own and uses its part"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use experience_log::{ExperienceEvent, ExperienceEventEnvelope};
use tempfile::TempDir;

/// The JSON of an envelope, by which envelopes are compared.
pub(crate) fn json(envelope: &ExperienceEventEnvelope) -> String {
    serde_json::to_string(envelope).unwrap()
}

/// A plain event.
pub(crate) fn budget(chain_id: &str, resource: &str) -> ExperienceEvent {
    ExperienceEvent::BudgetExceeded {
        chain_id: chain_id.into(),
        resource: resource.into(),
        limit: "1024".into(),
        observed: None,
    }
}

/// A plain envelope.
pub(crate) fn envelope(event_id: &str) -> ExperienceEventEnvelope {
    ExperienceEventEnvelope::new(event_id, budget("chain-1", "tokens"))
        .with_tenant("tenant-a")
        .with_timestamp("2026-01-21T12:00:00Z")
}

/// A folder for logs that need no disk: what a killed process leaves behind is the same in memory.
pub(crate) fn folder_in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = tempfile::tempdir_in(memory);
    folder.or_else(|_| tempfile::tempdir()).unwrap()
}

/// Copies a directory with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&source, &target);
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}

/// Copies a directory that somebody is writing, as it was at one moment: what the end of that process would
/// leave behind.
pub(crate) fn copy_as_of_now(from: &Path, to: &Path) {
    loop {
        let before = listing(from);
        if try_copy(from, to).is_ok() && listing(from) == before {
            return;
        }
        fs::remove_dir_all(to).unwrap();
    }
}

fn try_copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            try_copy(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Every file, with what tells that it was changed.
fn listing(folder: &Path) -> BTreeMap<PathBuf, (u64, Option<SystemTime>)> {
    let mut files = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            files.extend(listing(&entry.path()));
        } else {
            files.insert(entry.path(), (metadata.len(), metadata.modified().ok()));
        }
    }
    files
}

/// All files below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    listing(folder).into_keys().collect()
}

/// The segments of a log, oldest first.
pub(crate) fn segments(log: &Path) -> Vec<PathBuf> {
    files_below(&log.join("journal"))
}

/// The number of events that the file HEAD tells of.
pub(crate) fn count_in_head(log: &Path) -> u64 {
    fs::read(log.join("HEAD")).map_or(0, |bytes| u64_at(&bytes, 32))
}

/// Where a frame lies in a plain segment, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameAt {
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) body: usize,
    pub(crate) first_sequence: u64,
    pub(crate) count: u32,
}

impl FrameAt {
    pub(crate) fn end(&self) -> usize {
        self.offset + self.length
    }

    /// Its bytes before the padding.
    pub(crate) fn used(&self) -> usize {
        FRAME_HEADER + self.body + FRAME_HASH
    }

    pub(crate) fn end_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.count)
    }
}

/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER: usize = 72;
/// Bytes of a frame before its body.
pub(crate) const FRAME_HEADER: usize = 40;
/// Bytes of a frame's hash, behind its body.
pub(crate) const FRAME_HASH: usize = 32;

/// The frames of a plain segment.
pub(crate) fn frames(segment: &[u8]) -> Vec<FrameAt> {
    let mut frames = Vec::new();
    let mut offset = SEGMENT_HEADER;
    while segment.len() >= offset + FRAME_HEADER && &segment[offset..offset + 4] == b"XFR1" {
        let body = u32_at(segment, offset + 8) as usize;
        let length = (FRAME_HEADER + body + FRAME_HASH).next_multiple_of(8);
        frames.push(FrameAt {
            offset,
            length,
            body,
            first_sequence: u64_at(segment, offset + 16),
            count: u32_at(segment, offset + 12),
        });
        offset += length;
    }
    frames
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}
