//! Reads the journal from its first frame to its end.

use super::super::body;
use super::super::journal::reader::{JournalReader, Mark, OwnedFrame};
use super::super::journal::segment;
use super::super::memtable::Entry;
use super::super::reader::StoreReader;
use super::super::trees::snapshot::TreeSnapshot;
use super::sums::Sums;
use super::{Decode, Progress, Verification};
use crate::error::{Error, Result};

/// Where the reading ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// After so many events, which are known to be there.
    Head(u64),
    /// At the journal's end, wherever that is.
    End,
}

/// A reading of the journal under way.
pub(super) struct JournalCheck<'a> {
    reader: &'a StoreReader,
    /// Points that the journal is known to have reached, and who says so.
    marks: Vec<(&'static str, Mark)>,
    found: Verification,
}

impl<'a> JournalCheck<'a> {
    pub(super) fn new(reader: &'a StoreReader, known: Result<Option<Mark>>) -> Result<Self> {
        let segments = segment::list(&reader.layout().journal())?.len() as u64;
        let mut found = Verification {
            segments,
            ..Verification::default()
        };
        let mut marks = Vec::new();
        match known {
            Ok(mark) => marks.extend(mark.map(|mark| ("HEAD", mark))),
            Err(error) => found.note_damage(error)?,
        }
        Ok(Self {
            reader,
            marks,
            found,
        })
    }

    pub(super) fn finish(self) -> Verification {
        self.found
    }

    /// Reads it all. Sums what `trees` should hold; `None` if damage kept it from reading that far.
    pub(super) fn read(
        &mut self,
        trees: Option<&TreeSnapshot>,
        limit: Limit,
        decode: Decode<'_>,
        progress: Progress<'_>,
    ) -> Result<Option<Sums>> {
        let applied = trees.map_or(Mark::START, |trees| trees.applied);
        self.marks.push(("the trees", applied));
        let mut sums = Sums::default();
        if let Err(error) = self.read_frames(applied.count, limit, &mut sums, decode, progress) {
            self.found.note_damage(error)?;
        }
        for (name, mark) in &self.marks {
            if mark.count > self.found.events {
                let (told, there) = (mark.count, self.found.events);
                let problem = format!("{name} tells of {told} events, {there} can be read");
                self.found.problems.push(problem);
            }
        }
        Ok((self.found.events >= applied.count).then_some(sums))
    }

    fn read_frames(
        &mut self,
        applied: u64,
        limit: Limit,
        sums: &mut Sums,
        decode: Decode<'_>,
        progress: Progress<'_>,
    ) -> Result<()> {
        let (folder, log_id) = (self.reader.layout().journal(), self.reader.format().log_id);
        let mut journal = JournalReader::seek(&folder, log_id, 0)?.checking_chain();
        loop {
            let frame = match limit {
                Limit::Head(head) => journal.next_before(head)?,
                Limit::End => journal.next()?.ok(),
            };
            let Some(frame) = frame else { return Ok(()) };
            self.check_frame(&frame, applied, sums, decode)?;
            let end = frame.header.end_sequence();
            let total = match limit {
                Limit::Head(head) => head,
                Limit::End => self
                    .marks
                    .iter()
                    .map(|(_, mark)| mark.count)
                    .fold(end, u64::max),
            };
            progress(end, total);
        }
    }

    fn check_frame(
        &mut self,
        frame: &OwnedFrame,
        applied: u64,
        sums: &mut Sums,
        decode: Decode<'_>,
    ) -> Result<()> {
        for entry in &body::entries(frame, self.reader.hasher())? {
            let Entry {
                position,
                recorded_at,
                record,
                hashes,
                ..
            } = entry;
            if let Err(reason) = decode(record) {
                let error = Error::Undecodable {
                    sequence: position.sequence,
                    reason,
                };
                self.found.problems.push(error.to_string());
            }
            if position.sequence < applied {
                sums.add_event(position.sequence, *recorded_at, record, hashes);
            }
        }
        let end = frame.header.end_sequence();
        for (name, mark) in &self.marks {
            if mark.count == end && mark.hash != frame.hash {
                let problem = format!("{name} tells another hash of the first {end} events");
                self.found.problems.push(problem);
            }
        }
        self.found.events = end;
        self.found.commits += 1;
        self.found.chain_hash = frame.hash;
        Ok(())
    }
}

impl Verification {
    /// Damage is part of the answer; anything else is an error.
    fn note_damage(&mut self, error: Error) -> Result<()> {
        if !error.is_damage() {
            return Err(error);
        }
        self.problems.push(error.to_string());
        Ok(())
    }
}
