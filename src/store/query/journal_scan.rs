//! A scan that needs nothing but the journal: for a look at a running log, and while the trees are rebuilt.

use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::Arc;

use super::super::body::Events;
use super::super::entry_reader::EntryReader;
use super::super::hit::Hit;
use super::super::instant::Position;
use super::super::journal::reader::{JournalReader, Place};
use super::filter::Filter;
use super::range::{Order, Range};
use super::scan::ScanWork;
use crate::error::Result;

/// Reads the whole journal once, notes where the matches are, and then gives them in order.
#[derive(Debug)]
pub(crate) struct JournalScan {
    /// The next one last.
    found: Vec<(Position, Place)>,
    entries: EntryReader,
    work: ScanWork,
}

/// A match, ordered so that the last one of the scan's order is the largest.
struct Match {
    position: Position,
    place: Place,
    order: Order,
}

impl Ord for Match {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.compare(self.position, other.position)
    }
}

impl PartialOrd for Match {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        self.position == other.position
    }
}

impl Eq for Match {}

impl JournalScan {
    /// Looks for what `filter` wants among the events before its head.
    pub(crate) fn new(
        journal: &Path,
        log_id: [u8; 16],
        filter: &Arc<Filter>,
        range: Range,
        order: Order,
        limit: Option<usize>,
    ) -> Result<Self> {
        let entries = EntryReader::new(journal, log_id);
        if range.is_empty() || limit == Some(0) {
            return Ok(Self {
                found: Vec::new(),
                entries,
                work: ScanWork::default(),
            });
        }
        let mut found = BinaryHeap::new();
        let mut work = ScanWork::default();
        let mut reader = JournalReader::seek(journal, log_id, 0)?;
        while let Some(frame) = reader.next_before(filter.head())? {
            work.commits_read += 1;
            work.bytes_read += frame.body.len() as u64;
            work.events_checked += u64::from(frame.header.count);
            for hit in Events::of(&frame) {
                let hit = hit?;
                let position = hit.position;
                if !range.contains(position) || !filter.matches(position, &hit.record) {
                    continue;
                }
                found.push(Match {
                    position,
                    place: frame.place,
                    order,
                });
                if limit.is_some_and(|limit| found.len() > limit) {
                    found.pop();
                }
            }
        }
        let mut found: Vec<_> = found
            .into_sorted_vec()
            .into_iter()
            .map(|found| (found.position, found.place))
            .collect();
        found.reverse();
        Ok(Self {
            found,
            entries,
            work,
        })
    }

    /// How many events are still to come.
    pub(crate) fn left(&self) -> usize {
        self.found.len()
    }

    /// What was read to find the results.
    pub(crate) fn work(&self) -> ScanWork {
        self.work
    }

    pub(crate) fn next(&mut self) -> Result<Option<Hit>> {
        let Some((position, place)) = self.found.pop() else {
            return Ok(None);
        };
        Ok(Some(Hit::from(
            self.entries.entry(place, position.sequence)?,
        )))
    }
}
