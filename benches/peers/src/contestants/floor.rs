//! The floor: the same bytes appended to one file, and `fdatasync` for each commit. It checks no id. Questions it
//! answers out of memory, where it puts everything before the first one.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use experience_log::{ExperienceEventEnvelope, codec};

use super::memory::Memory;
use super::tables;
use crate::contestant::{Answer, Contestant, Level};
use crate::workload::Question;

/// Zeros are written ahead for commits of single events, as much as a run of them takes, so that a sync
/// writes no metadata. Batches do better on a file that grows.
const AHEAD: usize = 32 << 20;

/// One file of length and bytes of each event.
#[derive(Debug)]
pub struct Floor {
    file: File,
    level: Level,
    end: AtomicU64,
    /// What questions are answered from, once there was one, and where the file ended then.
    memory: Mutex<Option<(u64, Memory)>>,
}

impl Floor {
    /// Opens the file in `path`.
    ///
    /// # Errors
    ///
    /// A failure of the file system.
    pub fn open(path: &Path, level: Level) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("floor"))?;
        let end = end_of_events(&file)?;
        file.set_len(end)?;
        Ok(Self {
            file,
            level,
            end: AtomicU64::new(end),
            memory: Mutex::default(),
        })
    }

    /// Everything, as questions are answered from it.
    fn in_memory(&self) -> Result<Memory> {
        let mut memory = Memory::default();
        let mut added = Ok(());
        self.replay(&mut |event| {
            if added.is_ok() {
                added = memory.add(&event);
            }
        })?;
        added.map(|()| memory)
    }
}

/// Where the zeros begin, or the file ends.
fn end_of_events(file: &File) -> Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    reader.rewind()?;
    let (mut end, mut length) = (0, [0; 4]);
    loop {
        match reader.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(end),
            other => other?,
        }
        let bytes = u32::from_le_bytes(length);
        if bytes == 0 {
            return Ok(end);
        }
        reader.seek_relative(i64::from(bytes))?;
        end += 4 + u64::from(bytes);
    }
}

impl Contestant for Floor {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        let mut bytes = Vec::with_capacity(events.len() * 512);
        for event in events {
            let payload = codec::encode(event)?;
            bytes.extend(u32::try_from(payload.len())?.to_le_bytes());
            bytes.extend(payload);
        }
        let place = self.end.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        self.file.write_all_at(&bytes, place)?;
        if self.level == Level::Sync {
            self.file.sync_data()?;
        }
        Ok(events.len())
    }

    fn settle(&self) -> Result<()> {
        Ok(self.file.sync_all()?)
    }

    /// Fills the file with zeros for what single events will take.
    fn prepare_for_singles(&self) -> Result<()> {
        let end = self.end.load(Ordering::Acquire);
        self.file.write_all_at(&vec![0; AHEAD], end)?;
        Ok(self.file.sync_all()?)
    }

    fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        let end = self.end.load(Ordering::Acquire);
        let mut kept = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, memory) = match &mut *kept {
            Some(kept) if kept.0 == end => kept,
            other => other.insert((end, self.in_memory()?)),
        };
        tables::ask(memory, question).map(Some)
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        reader.seek(SeekFrom::Start(0))?;
        let (mut left, mut payload) = (self.end.load(Ordering::Acquire), Vec::new());
        while left > 0 {
            let mut length = [0; 4];
            reader.read_exact(&mut length)?;
            let bytes = u32::from_le_bytes(length);
            payload.resize(usize::try_from(bytes)?, 0);
            reader.read_exact(&mut payload)?;
            each(codec::decode(&payload)?);
            left -= 4 + u64::from(bytes);
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        (&self.file).flush()?;
        Ok(self.file.sync_all()?)
    }
}
