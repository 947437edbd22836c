//! The bytes of one segment, plain or sealed, addressed by their offset in the plain form.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::sealed::{self, SealedFlaw, Table};
use super::segment::{HeaderFlaw, SegmentFile, SegmentHeader, VERSION};
use crate::error::{Error, Result};

/// How much of a plain segment is read at once.
const READ_AHEAD: usize = 256 << 10;

/// Reads of a plain segment start on multiples of this.
const READ_AROUND: u64 = 128 << 10;

/// One open segment and the part of it that is in memory.
#[derive(Debug)]
pub(crate) struct SegmentBytes {
    segment: SegmentFile,
    file: File,
    table: Option<Table>,
    buffer: Vec<u8>,
    buffer_offset: u64,
    /// A chunk as it is stored.
    stored: Vec<u8>,
}

impl SegmentBytes {
    /// Opens a segment and checks what its first bytes say.
    pub(crate) fn open(segment: &SegmentFile) -> Result<(Self, SegmentHeader)> {
        let path = &segment.path;
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let table = if segment.sealed {
            Some(read_table(segment, &mut file)?)
        } else {
            None
        };
        let segment = segment.clone();
        let mut bytes = Self {
            segment,
            file,
            table,
            buffer: Vec::new(),
            buffer_offset: 0,
            stored: Vec::new(),
        };
        let header = SegmentHeader::parse(bytes.at(0, super::segment::HEADER)?);
        let header = match header {
            Err(HeaderFlaw::Version(found)) if found > VERSION => {
                return Err(newer(&bytes.segment, found));
            }
            Err(flaw) => return Err(bytes.damage(0, "a segment header", flaw.to_string())),
            Ok(header) if header.first_sequence != bytes.segment.first_sequence => {
                let expected = format!("a segment from {}", bytes.segment.first_sequence);
                let found = format!("one from {}", header.first_sequence);
                return Err(bytes.damage(0, expected, found));
            }
            Ok(header) => header,
        };
        Ok((bytes, header))
    }

    pub(crate) fn segment(&self) -> &SegmentFile {
        &self.segment
    }

    /// The chunk table, in a sealed segment.
    pub(crate) fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    /// The bytes from `offset` on: at least `need` of them if the segment has as many.
    pub(crate) fn at(&mut self, offset: u64, need: usize) -> Result<&[u8]> {
        if self.buffered(offset).is_none_or(|bytes| bytes.len() < need) {
            self.load(offset, need)?;
        }
        Ok(self.buffered(offset).unwrap_or_default())
    }

    /// The length of the plain form, in bytes.
    pub(crate) fn length(&self) -> Result<u64> {
        if let Some(table) = &self.table {
            Ok(table.length_of_plain_form())
        } else {
            let metadata = self.file.metadata();
            Ok(metadata
                .map_err(Error::io("look at", &self.segment.path))?
                .len())
        }
    }

    /// Forgets what was read, so that the next look sees what a writer has changed since.
    pub(crate) fn refresh(&mut self) {
        if self.table.is_none() {
            self.buffer.clear();
        }
    }

    pub(crate) fn damage(
        &self,
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        let sequence = Some(self.segment.first_sequence);
        Error::damaged(&self.segment.path, offset, sequence, expected, found)
    }

    fn buffered(&self, offset: u64) -> Option<&[u8]> {
        let skip = usize::try_from(offset.checked_sub(self.buffer_offset)?).ok()?;
        self.buffer.get(skip..).filter(|bytes| !bytes.is_empty())
    }

    fn load(&mut self, offset: u64, need: usize) -> Result<()> {
        let Some(table) = &self.table else {
            // Some of what lies before, too: frames are also read backwards.
            let start = offset - offset % READ_AROUND;
            self.buffer.clear();
            self.buffer_offset = start;
            let length = (offset - start).saturating_add(need.max(READ_AHEAD) as u64);
            let mut read = || {
                self.file.seek(SeekFrom::Start(start))?;
                Read::take(&mut self.file, length).read_to_end(&mut self.buffer)
            };
            read().map_err(Error::io("read", &self.segment.path))?;
            return Ok(());
        };
        let Some(chunk) = table.chunk_at(offset).copied() else {
            self.buffer.clear();
            return Ok(());
        };
        self.stored.clear();
        let mut read = || {
            self.file.seek(SeekFrom::Start(chunk.stored_offset))?;
            Read::take(&mut self.file, chunk.stored_length as u64).read_to_end(&mut self.stored)
        };
        read().map_err(Error::io("read", &self.segment.path))?;
        let unpacked = chunk.decompress(&self.stored, &mut self.buffer);
        if unpacked.is_err() {
            self.buffer.clear();
        }
        self.buffer_offset = chunk.raw_offset;
        unpacked.map_err(|flaw| {
            Error::damaged(
                &self.segment.path,
                chunk.raw_offset,
                Some(chunk.first_sequence),
                "a chunk of frames",
                flaw.to_string(),
            )
        })
    }
}

fn read_table(segment: &SegmentFile, file: &mut File) -> Result<Table> {
    let path = &segment.path;
    let mut bytes = Vec::new();
    let mut read = |file: &mut File, length: usize| {
        let missing = length.saturating_sub(bytes.len()) as u64;
        Read::take(file, missing)
            .read_to_end(&mut bytes)
            .map_err(Error::io("read", path))?;
        Ok::<_, Error>(bytes.clone())
    };
    let flawed = |flaw: SealedFlaw| match flaw {
        SealedFlaw::Version(found) if found > sealed::VERSION => newer(segment, found),
        flaw => Error::damaged(
            path,
            0,
            Some(segment.first_sequence),
            "a sealed segment's chunk table",
            flaw.to_string(),
        ),
    };
    let header = read(file, sealed::HEADER)?;
    let length = Table::length(&header).map_err(flawed)?;
    let whole = read(file, length)?;
    Table::parse(&whole).map_err(flawed)
}

fn newer(segment: &SegmentFile, found: u16) -> Error {
    Error::NewerFormat {
        path: segment.path.clone(),
        found,
        supported: VERSION,
    }
}
