//! Reads the journal in sequence order, from any sequence number, while a writer may be appending.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::buffer::Buffer;
use super::super::bytes::{BytesError, Put, Reader};
use super::frame::{self, CHAIN_START, ChainHash, ChecksumSeed, Frame, FrameFlaw, FrameHeader};
use super::segment::{self, SegmentFile};
use super::tail;
use super::window::SegmentBytes;
use crate::error::{Error, Result};

/// A place between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The segment, by its first sequence number.
    pub(crate) segment: u64,
    /// Offset in the segment's plain form.
    pub(crate) offset: u64,
}

/// A point of the journal: the end of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Events up to here.
    pub(crate) count: u64,
    /// The hash of the last frame.
    pub(crate) hash: ChainHash,
    /// The place behind it.
    pub(crate) place: Place,
}

impl Mark {
    /// Before the first event.
    pub(crate) const START: Self = Self {
        count: 0,
        hash: CHAIN_START,
        place: Place {
            segment: 0,
            offset: segment::HEADER as u64,
        },
    };

    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        into.put_u64(self.count);
        into.put(&self.hash);
        into.put_u64(self.place.segment);
        into.put_u64(self.place.offset);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, BytesError> {
        Ok(Self {
            count: reader.u64()?,
            hash: reader.array()?,
            place: Place {
                segment: reader.u64()?,
                offset: reader.u64()?,
            },
        })
    }
}

/// A checked frame, taken out of its segment.
#[derive(Debug, Clone)]
pub(crate) struct OwnedFrame {
    pub(crate) header: FrameHeader,
    pub(crate) body: Arc<Buffer>,
    pub(crate) hash: ChainHash,
    pub(crate) place: Place,
    /// Where the frame ends.
    pub(crate) end: Place,
}

/// How the journal ends, once every frame was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// The place behind the last good frame.
    pub(crate) place: Place,
    /// The sequence number that the next event gets.
    pub(crate) sequence: u64,
    /// Written bytes behind that place, which are no frame: a torn write, or one under way.
    pub(crate) torn_bytes: u64,
    /// What the torn bytes look like.
    pub(crate) flaw: FrameFlaw,
}

/// How often a folder is read again before a segment counts as missing.
const LISTINGS: usize = 3;

/// What stands at the reader's place.
enum Step {
    Frame(OwnedFrame),
    Skip,
    Flaw(FrameFlaw),
}

/// Reads frames in order.
#[derive(Debug)]
pub(crate) struct JournalReader {
    folder: PathBuf,
    log_id: [u8; 16],
    seed: ChecksumSeed,
    bytes: SegmentBytes,
    offset: u64,
    sequence: u64,
    /// Frames that end at or before this are passed over.
    from: u64,
    previous: Option<ChainHash>,
    check_chain: bool,
    /// Events that the journal is known to have held: fewer is damage, not a torn tail.
    known: u64,
}

impl JournalReader {
    /// Starts at the frame that holds `sequence`, or at the end if there is none yet.
    pub(crate) fn seek(folder: &Path, log_id: [u8; 16], sequence: u64) -> Result<Self> {
        let segments = segment::list(folder)?;
        let after = segments.partition_point(|file| file.first_sequence <= sequence);
        let Some(file) = after.checked_sub(1).and_then(|place| segments.get(place)) else {
            return Err(Error::damaged(
                folder,
                0,
                Some(0),
                "a segment that starts at sequence number 0",
                segments.first().map_or_else(
                    || "no segment".to_owned(),
                    |file| format!("a first segment from {}", file.first_sequence),
                ),
            ));
        };
        let mut reader = Self::open(folder, log_id, file)?;
        reader.from = sequence;
        if let Some(chunk) = reader
            .bytes
            .table()
            .and_then(|table| table.chunk_of(sequence))
            && chunk.raw_offset > 0
        {
            reader.offset = chunk.raw_offset;
            reader.sequence = chunk.first_sequence;
            reader.previous = None;
        }
        Ok(reader)
    }

    /// Starts at `place`, where the frame with `sequence` begins.
    pub(crate) fn at(folder: &Path, log_id: [u8; 16], place: Place, sequence: u64) -> Result<Self> {
        let file = find(folder, place.segment)?.ok_or_else(|| {
            Error::damaged(
                folder,
                0,
                Some(sequence),
                format!("a segment that starts at sequence number {}", place.segment),
                "none",
            )
        })?;
        let mut reader = Self::open(folder, log_id, &file)?;
        let length = reader.bytes.length()?;
        if length < place.offset {
            return Err(Error::damaged(
                &file.path,
                length,
                None,
                format!(
                    "frames up to byte {}, before event {sequence}",
                    place.offset
                ),
                format!("a segment of {length} bytes"),
            ));
        }
        if place.offset > reader.offset {
            reader.offset = place.offset;
            reader.previous = None;
        }
        reader.sequence = sequence;
        reader.from = sequence;
        Ok(reader)
    }

    /// Starts behind a point of the journal, and checks the chain from there on.
    pub(crate) fn behind(folder: &Path, log_id: [u8; 16], mark: &Mark) -> Result<Self> {
        let reader = Self::at(folder, log_id, mark.place, mark.count)?;
        Ok(reader.after_hash(mark.hash).checking_chain())
    }

    /// Reads the frame at `place`, which holds event `sequence`. The reader is good for nothing else then.
    pub(crate) fn frame_at(&mut self, place: Place, sequence: u64) -> Result<OwnedFrame> {
        if self.bytes.segment().first_sequence != place.segment {
            let file = find(&self.folder, place.segment)?.ok_or_else(|| {
                Error::damaged(
                    &self.folder,
                    0,
                    Some(sequence),
                    format!("a segment that starts at sequence number {}", place.segment),
                    "none",
                )
            })?;
            *self = Self::open(&self.folder, self.log_id, &file)?;
        }
        self.offset = place.offset;
        self.from = 0;
        self.previous = None;
        let header = self.bytes.at(place.offset, frame::HEADER)?;
        self.sequence = frame::announced_sequence(header).unwrap_or(sequence);
        match self.step()? {
            Step::Frame(frame)
                if frame.header.first_sequence <= sequence
                    && sequence < frame.header.end_sequence() =>
            {
                Ok(frame)
            }
            Step::Frame(_) | Step::Skip => Err(self.damage(&FrameFlaw::Sequence {
                expected: sequence,
                found: self.sequence,
            })),
            Step::Flaw(flaw) => Err(self.damage(&flaw)),
        }
    }

    fn open(folder: &Path, log_id: [u8; 16], file: &SegmentFile) -> Result<Self> {
        let (bytes, previous) = open_segment(log_id, file)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            log_id,
            seed: ChecksumSeed::new(&log_id),
            bytes,
            offset: segment::HEADER as u64,
            sequence: file.first_sequence,
            from: file.first_sequence,
            previous: Some(previous),
            check_chain: false,
            known: 0,
        })
    }

    /// Checks that every frame continues the chain, from the reader's place on.
    pub(crate) fn checking_chain(mut self) -> Self {
        self.check_chain = true;
        self
    }

    /// States the hash of the frame before the reader's place, so that the chain is checked from there.
    fn after_hash(mut self, hash: ChainHash) -> Self {
        self.previous = Some(hash);
        self
    }

    /// States how many events the journal is known to have held, by HEAD or otherwise.
    pub(crate) fn known_to_hold(mut self, count: u64) -> Self {
        self.known = count;
        self
    }

    /// The hash of the frame before the reader's place, once one was read or the segment told it.
    pub(crate) fn previous_hash(&self) -> Option<ChainHash> {
        self.previous
    }

    /// The next frame, or how the journal ends for now. After an end, call again to see what was
    /// written since.
    ///
    /// # Errors
    ///
    /// Damage: a bad frame that is not the torn tail of the last segment.
    pub(crate) fn next(&mut self) -> Result<Result<OwnedFrame, End>> {
        loop {
            match self.step()? {
                Step::Frame(frame) => return Ok(Ok(frame)),
                Step::Skip => continue,
                Step::Flaw(_) => {}
            }
            // A writer may have been here since the bytes were read. If it has gone on to another
            // segment by now, then the second look sees this one complete.
            let following = self.following_segment()?;
            self.bytes.refresh();
            let flaw = match self.step()? {
                Step::Frame(frame) => return Ok(Ok(frame)),
                Step::Skip => continue,
                Step::Flaw(flaw) => flaw,
            };
            match following {
                Some(next) if next.first_sequence == self.sequence => self.enter(&next)?,
                Some(_) => return Err(self.damage(&flaw)),
                None => {
                    if let Some(end) = self.end_of_journal(flaw)? {
                        return Ok(Err(end));
                    }
                }
            }
        }
    }

    /// The frames up to `limit`, which are known to be there.
    pub(crate) fn next_before(&mut self, limit: u64) -> Result<Option<OwnedFrame>> {
        if self.sequence >= limit {
            return Ok(None);
        }
        match self.next()? {
            Ok(frame) => Ok(Some(frame)),
            Err(end) => Err(self.missing(limit, end.sequence, &end.flaw)),
        }
    }

    /// The error for a journal that ends at `sequence`, though it is known to have held `count` events.
    fn missing(&self, count: u64, sequence: u64, flaw: &FrameFlaw) -> Error {
        Error::damaged(
            &self.bytes.segment().path,
            self.offset,
            Some(sequence),
            format!("a journal of {count} events"),
            format!("{flaw} instead of event {sequence}"),
        )
    }

    fn place(&self) -> Place {
        Place {
            segment: self.bytes.segment().first_sequence,
            offset: self.offset,
        }
    }

    fn step(&mut self) -> Result<Step> {
        let header = self.bytes.at(self.offset, frame::HEADER)?;
        let body = match frame::announced_body(header) {
            Ok(body) => body,
            Err(flaw) => return Ok(Step::Flaw(flaw)),
        };
        let place = self.place();
        let (sequence, from) = (self.sequence, self.from);
        let bytes = self
            .bytes
            .at(self.offset, frame::HEADER + body + frame::HASH)?;
        let frame = match Frame::parse(bytes, self.seed, sequence) {
            Ok(frame) => frame,
            Err(flaw) => return Ok(Step::Flaw(flaw)),
        };
        if self.check_chain
            && let Some(previous) = &self.previous
            && !frame.follows(previous)
        {
            return Ok(Step::Flaw(FrameFlaw::Chain));
        }
        let end = Place {
            offset: place.offset + frame.length() as u64,
            ..place
        };
        let wanted = frame.header.end_sequence() > from;
        let step = if wanted {
            Step::Frame(OwnedFrame {
                header: frame.header,
                body: Arc::new(Buffer::copy_of(frame.body)),
                hash: frame.hash,
                place,
                end,
            })
        } else {
            Step::Skip
        };
        self.previous = Some(frame.hash);
        self.sequence = frame.header.end_sequence();
        self.offset = end.offset;
        Ok(step)
    }

    /// The next segment. A folder is not read at one instant, and a segment that is being sealed may be
    /// missed under both its names: so one that does not follow is looked for again.
    fn following_segment(&self) -> Result<Option<SegmentFile>> {
        let mut following = self.listed_after_this()?;
        for _ in 0..LISTINGS {
            match &following {
                Some(next) if next.first_sequence > self.sequence => {
                    following = self.listed_after_this()?;
                }
                _ => break,
            }
        }
        Ok(following)
    }

    fn listed_after_this(&self) -> Result<Option<SegmentFile>> {
        let current = self.bytes.segment().first_sequence;
        let segments = segment::list(&self.folder)?;
        Ok(segments
            .into_iter()
            .find(|file| file.first_sequence > current))
    }

    fn enter(&mut self, next: &SegmentFile) -> Result<()> {
        let (bytes, previous) = open_segment(self.log_id, next)?;
        if self.previous.is_some_and(|expected| expected != previous) {
            return Err(bytes.damage(
                0,
                "a header that continues the chain of the segment before",
                "another hash",
            ));
        }
        self.previous = Some(previous);
        self.bytes = bytes;
        self.offset = segment::HEADER as u64;
        Ok(())
    }

    /// At a flaw in the last segment: how the journal ends, or `None` if the frame was being written
    /// and is there now.
    fn end_of_journal(&mut self, flaw: FrameFlaw) -> Result<Option<End>> {
        // No crash leaves a whole frame that does not belong here.
        if matches!(
            flaw,
            FrameFlaw::Chain | FrameFlaw::Sequence { .. } | FrameFlaw::Synced(_)
        ) {
            return Err(self.damage(&flaw));
        }
        let (place, sequence, seed) = (self.place(), self.sequence, self.seed);
        let rest = self.bytes.at(place.offset, usize::MAX)?;
        if tail::proof_of_sync(rest, seed, sequence).is_none() {
            let torn_bytes = tail::written_length(rest) as u64;
            if sequence < self.known {
                return Err(self.missing(self.known, sequence, &flaw));
            }
            return Ok(Some(End {
                place,
                sequence,
                torn_bytes,
                flaw,
            }));
        }
        // Both the frame and its proof may have been written since the last look.
        self.bytes.refresh();
        match self.flaw_here()? {
            Some(flaw) => Err(self.damage(&flaw)),
            None => Ok(None),
        }
    }

    fn flaw_here(&mut self) -> Result<Option<FrameFlaw>> {
        let (offset, sequence, previous) = (self.offset, self.sequence, self.previous);
        let step = self.step()?;
        (self.offset, self.sequence, self.previous) = (offset, sequence, previous);
        Ok(match step {
            Step::Flaw(flaw) => Some(flaw),
            Step::Frame(_) | Step::Skip => None,
        })
    }

    fn damage(&self, flaw: &FrameFlaw) -> Error {
        Error::damaged(
            &self.bytes.segment().path,
            self.offset,
            Some(self.sequence),
            format!("the frame of event {}", self.sequence),
            flaw.to_string(),
        )
    }
}

/// Opens a segment of this log; a missing one may have been sealed, under its other name, just now.
fn open_segment(log_id: [u8; 16], file: &SegmentFile) -> Result<(SegmentBytes, ChainHash)> {
    let opened = SegmentBytes::open(file);
    let (bytes, header) = match (opened, file.path.parent()) {
        (Err(Error::Io { source, .. }), Some(folder))
            if source.kind() == std::io::ErrorKind::NotFound && !file.sealed =>
        {
            SegmentBytes::open(&SegmentFile::sealed(folder, file.first_sequence))?
        }
        (opened, _) => opened?,
    };
    if header.log_id != log_id {
        return Err(bytes.damage(0, "a segment of this log", "one of another log"));
    }
    if header.first_sequence == 0 && header.previous != CHAIN_START {
        return Err(bytes.damage(0, "the start of the chain", "another hash"));
    }
    Ok((bytes, header.previous))
}

fn find(folder: &Path, first_sequence: u64) -> Result<Option<SegmentFile>> {
    for _ in 0..LISTINGS {
        let mut segments = segment::list(folder)?.into_iter();
        let found = segments.find(|file| file.first_sequence == first_sequence);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
