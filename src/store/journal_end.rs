//! Where the journal ends.

use super::journal::frame::CHAIN_START;
use super::journal::reader::{JournalReader, Mark, Place};
use super::journal::segment;
use super::layout::Layout;
use super::recover::Recovery;
use super::small_file::Format;
use crate::error::Result;

/// Where the journal ends, and from where on nothing proves that it is on stable storage.
#[derive(Debug)]
pub(super) struct JournalEnd {
    pub(super) mark: Mark,
    pub(super) unproven: Option<Place>,
}

/// Finds the journal's end: from where HEAD says it was known to reach, or from its last segment.
pub(super) fn find_end(
    layout: &Layout,
    format: &Format,
    head: Option<Mark>,
    recovery: &mut Recovery,
) -> Result<JournalEnd> {
    let folder = layout.journal();
    let reader = if let Some(mark) = &head {
        JournalReader::behind(&folder, format.log_id, mark)?
    } else {
        let last = segment::list(&folder)?
            .last()
            .map_or(0, |file| file.first_sequence);
        JournalReader::seek(&folder, format.log_id, last)?.checking_chain()
    };
    let known = head.map_or(0, |mark| mark.count);
    let mut reader = reader.known_to_hold(known);
    // HEAD is written after a sync, and frames tell of syncs before them.
    let mut proven = known;
    let mut frames = Vec::new();
    let end = loop {
        match reader.next()? {
            Ok(frame) => {
                proven = proven.max(frame.header.synced);
                frames.push((frame.header.end_sequence(), frame.place));
            }
            Err(end) => break end,
        }
    };
    // A segment is begun after the one before was synced.
    proven = proven.max(end.place.segment);
    let unproven = frames.into_iter().find(|(end, _)| *end > proven);
    recovery.torn_bytes = end.torn_bytes;
    let hash = match (reader.previous_hash(), head) {
        (Some(hash), _) => hash,
        (None, Some(mark)) => mark.hash,
        (None, None) => CHAIN_START,
    };
    let mark = Mark {
        count: end.sequence,
        hash,
        place: end.place,
    };
    Ok(JournalEnd {
        mark,
        unproven: unproven.map(|(_, place)| place),
    })
}
