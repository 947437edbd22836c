//! Appends frames to the journal's last segment, and goes on to the next when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{self, ChainHash, ChecksumSeed, FrameHeader};
use super::reader::{Mark, Place};
use super::segment::{self, SegmentFile, SegmentHeader};
use crate::error::{Error, Result};

/// How far ahead a segment is filled with zeros at most, so that a sync has no metadata to write.
const FILL_AHEAD: u64 = 1 << 20;
/// How far at first. Each time it is twice as far: who appends little does not wait for a mebibyte of zeros.
const FILL_AHEAD_AT_FIRST: u64 = 1 << 16;

/// How the journal is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriterOptions {
    /// A segment takes no further frame once it has this many bytes.
    pub(crate) segment_bytes: u64,
    /// Whether commits are synced one by one, which zeros written ahead make cheaper.
    pub(crate) fill_ahead: bool,
}

/// The writing end of the journal. There is one per log.
#[derive(Debug)]
pub(crate) struct JournalWriter {
    folder: PathBuf,
    log_id: [u8; 16],
    seed: ChecksumSeed,
    options: WriterOptions,
    path: PathBuf,
    file: Arc<File>,
    segment: u64,
    offset: u64,
    filled: u64,
    fill_next: u64,
    sequence: u64,
    previous: ChainHash,
    buffer: Vec<u8>,
}

impl JournalWriter {
    /// Creates the first segment of a new log.
    pub(crate) fn create(folder: &Path, log_id: [u8; 16], options: WriterOptions) -> Result<Self> {
        let header = SegmentHeader {
            log_id,
            first_sequence: 0,
            previous: frame::CHAIN_START,
        };
        let (path, file) = create_segment(folder, &header)?;
        Ok(Self::new(folder, log_id, options, path, file, &header))
    }

    /// Goes on behind `end`, cutting off what a crash left there.
    ///
    /// What was read behind `unproven` may be in the operating system's memory only: the process that wrote
    /// it may have ended before it synced, or its sync may have failed, after which the pages count as
    /// written although they are not. So those bytes are written again, and synced, before anything relies
    /// on them.
    pub(crate) fn resume(
        folder: &Path,
        log_id: [u8; 16],
        options: WriterOptions,
        end: &Mark,
        unproven: Option<Place>,
    ) -> Result<Self> {
        let place = end.place;
        let plain = SegmentFile::plain(folder, place.segment);
        if SegmentFile::sealed(folder, place.segment).path.exists() {
            // The last segment is sealed already: go on in a new one.
            let header = SegmentHeader {
                log_id,
                first_sequence: end.count,
                previous: end.hash,
            };
            let (path, file) = create_segment(folder, &header)?;
            return Ok(Self::new(folder, log_id, options, path, file, &header));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&plain.path)
            .map_err(Error::io("open", &plain.path))?;
        let mend = |file: &mut File| {
            // Shorter, if all that is missing is zeros that fill up the last frame.
            let torn = file.metadata()?.len() != place.offset;
            if torn {
                file.set_len(place.offset)?;
            }
            if let Some(from) = unproven {
                write_again(file, from.offset, place.offset)?;
            }
            if torn || unproven.is_some() {
                file.sync_all()?;
            }
            file.seek(SeekFrom::Start(place.offset))
        };
        mend(&mut file).map_err(Error::io("mend the end of", &plain.path))?;
        let header = SegmentHeader {
            log_id,
            first_sequence: place.segment,
            previous: end.hash,
        };
        let mut writer = Self::new(folder, log_id, options, plain.path, file, &header);
        writer.offset = place.offset;
        writer.filled = place.offset;
        writer.sequence = end.count;
        Ok(writer)
    }

    fn new(
        folder: &Path,
        log_id: [u8; 16],
        options: WriterOptions,
        path: PathBuf,
        file: File,
        header: &SegmentHeader,
    ) -> Self {
        Self {
            folder: folder.to_path_buf(),
            log_id,
            seed: ChecksumSeed::new(&log_id),
            options,
            path,
            file: Arc::new(file),
            segment: header.first_sequence,
            offset: segment::HEADER as u64,
            filled: segment::HEADER as u64,
            fill_next: FILL_AHEAD_AT_FIRST,
            sequence: header.first_sequence,
            previous: header.previous,
            buffer: Vec::new(),
        }
    }

    /// The sequence number of the next event.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The hash of the last frame.
    pub(crate) fn chain_hash(&self) -> ChainHash {
        self.previous
    }

    /// The place behind the last frame.
    pub(crate) fn place(&self) -> Place {
        Place {
            segment: self.segment,
            offset: self.offset,
        }
    }

    /// The file that the last frame went to, and its path.
    pub(crate) fn file(&self) -> (Arc<File>, PathBuf) {
        (Arc::clone(&self.file), self.path.clone())
    }

    /// Whether a frame with such a body needs a new segment. Call [`rotate`](Self::rotate) first then.
    pub(crate) fn is_full_for(&self, body: usize) -> bool {
        let length = frame::frame_length(body) as u64;
        self.offset > segment::HEADER as u64 && self.offset + length > self.options.segment_bytes
    }

    /// Whether three quarters of the segment are written.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.offset > self.options.segment_bytes / 4 * 3
    }

    /// Writes one frame and tells where it begins. After an error the journal must not be written any
    /// more: what reached the file is not known.
    pub(crate) fn append(
        &mut self,
        body: &[u8],
        body_hash: &ChainHash,
        count: u32,
        recorded_at: i64,
        synced: u64,
    ) -> Result<Place> {
        let length = frame::frame_length(body.len()) as u64;
        let header = FrameHeader {
            count,
            first_sequence: self.sequence,
            recorded_at,
            synced,
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        let hash = frame::encode(
            &header,
            body,
            body_hash,
            &self.previous,
            self.seed,
            &mut buffer,
        );
        self.fill_ahead(length)
            .map_err(Error::io("write to", &self.path))?;
        (&*self.file)
            .write_all(&buffer)
            .map_err(Error::io("write to", &self.path))?;
        // A large batch must not keep its memory for ever.
        buffer.clear();
        buffer.shrink_to(1 << 20);
        self.buffer = buffer;
        let place = self.place();
        self.offset += length;
        self.filled = self.filled.max(self.offset);
        self.sequence = header.end_sequence();
        self.previous = hash;
        Ok(place)
    }

    /// Cuts off the zeros written ahead. False if there are none.
    pub(crate) fn trim(&mut self) -> Result<bool> {
        let ahead = self.filled > self.offset;
        if ahead {
            self.file
                .set_len(self.offset)
                .map_err(Error::io("trim", &self.path))?;
            self.filled = self.offset;
        }
        Ok(ahead)
    }

    /// Goes on to a new segment. Every frame of this one must be on stable storage: what is synced here is
    /// its length only, if it was cut, so that no error of a data sync can end up where nobody looks for it.
    pub(crate) fn rotate(&mut self) -> Result<()> {
        if self.trim()? {
            self.file
                .sync_all()
                .map_err(Error::io("sync", &self.path))?;
        }
        let header = SegmentHeader {
            log_id: self.log_id,
            first_sequence: self.sequence,
            previous: self.previous,
        };
        let (path, file) = create_segment(&self.folder, &header)?;
        self.path = path;
        self.file = Arc::new(file);
        self.segment = self.sequence;
        self.offset = segment::HEADER as u64;
        self.filled = self.offset;
        Ok(())
    }

    /// Writes zeros where the next frames go, unless this one is so large that it would not pay.
    fn fill_ahead(&mut self, length: u64) -> io::Result<()> {
        let room = self.options.segment_bytes.saturating_sub(self.offset);
        if !self.options.fill_ahead
            || self.offset + length <= self.filled
            || length > FILL_AHEAD / 4
            || room < length
        {
            return Ok(());
        }
        let filled = self.offset + self.fill_next.max(4 * length).min(room);
        let zeros = vec![0; usize::try_from(filled - self.offset).unwrap_or_default()];
        let mut file = &*self.file;
        // On a full disk the frame itself may still fit.
        if file.write_all(&zeros).is_ok() {
            self.filled = filled;
            self.fill_next = (2 * self.fill_next).min(FILL_AHEAD);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(())
    }
}

/// Writes the bytes between two offsets over themselves.
fn write_again(file: &mut File, start: u64, end: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    Read::take(&mut *file, end.saturating_sub(start)).read_to_end(&mut bytes)?;
    file.seek(SeekFrom::Start(start))?;
    file.write_all(&bytes)
}

/// Creates a segment with its header on stable storage before it gets its name.
fn create_segment(folder: &Path, header: &SegmentHeader) -> Result<(PathBuf, File)> {
    let segment = SegmentFile::plain(folder, header.first_sequence);
    let temporary = segment.path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .map_err(Error::io("create", &temporary))?;
    let write = |file: &mut File| {
        file.write_all(&header.encode())?;
        file.sync_all()
    };
    write(&mut file).map_err(Error::io("write to", &temporary))?;
    fs::rename(&temporary, &segment.path).map_err(Error::io("name", &segment.path))?;
    segment::sync_folder(folder)?;
    Ok((segment.path, file))
}
