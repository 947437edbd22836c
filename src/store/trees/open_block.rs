//! A block that is being read: its opening, and the pieces that were asked for so far.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::super::buffer::Buffer;
use super::super::hit::Hit;
use super::super::instant::Position;
use super::block_file::{BlockFile, BlockPlace};
use super::directory::BlockInfo;
use super::engine::TreeError;
use super::opening::Opening;

/// Who wants this many events or more gets all pieces in one read, and with them the opening if it is not known.
const MANY: u32 = 24;

/// A block, of which only what is wanted is read and unpacked, and what lies between.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    file: Arc<BlockFile>,
    opening: Arc<Opening>,
    /// What is read at once, when some of it is asked for.
    wanted: Range<usize>,
    read: OnceLock<Result<Buffer, TreeError>>,
    pieces: Vec<OnceLock<Result<Arc<Buffer>, TreeError>>>,
}

impl OpenBlock {
    /// Opens a block to read about the slots that `wanted` has bits of.
    pub(crate) fn read(
        file: &Arc<BlockFile>,
        info: &BlockInfo,
        wanted: u64,
    ) -> Result<Self, TreeError> {
        let BlockPlace {
            offset,
            length,
            opening,
            ..
        } = info.place;
        if are_many(wanted) {
            let bytes = file.read(offset, length as usize)?;
            let opening = parse(bytes.get(..opening as usize).unwrap_or_default(), info)?;
            let read = OnceLock::from(Ok(bytes));
            let all = 0..length as usize;
            return Ok(Self::new(file, Arc::new(opening), all, read));
        }
        let opening = parse(&file.read(offset, opening as usize)?, info)?;
        Self::known(file, Arc::new(opening), wanted)
    }

    /// The same for a block whose opening is known from before.
    pub(crate) fn known(
        file: &Arc<BlockFile>,
        opening: Arc<Opening>,
        wanted: u64,
    ) -> Result<Self, TreeError> {
        let place = if are_many(wanted) {
            let length = usize::try_from(opening.block_length()).unwrap_or(usize::MAX);
            opening.length()..length
        } else if wanted.count_ones() > 1 {
            // Records lie by run and chain, so what is asked for together mostly lies together.
            opening.place_of(wanted).map_err(TreeError::new)?
        } else {
            // One piece is read when it is asked for.
            0..0
        };
        Ok(Self::new(file, opening, place, OnceLock::new()))
    }

    fn new(
        file: &Arc<BlockFile>,
        opening: Arc<Opening>,
        wanted: Range<usize>,
        read: OnceLock<Result<Buffer, TreeError>>,
    ) -> Self {
        Self {
            file: Arc::clone(file),
            pieces: (0..opening.pieces()).map(|_| OnceLock::new()).collect(),
            opening,
            wanted,
            read,
        }
    }

    pub(crate) fn opening(&self) -> &Arc<Opening> {
        &self.opening
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.opening.len()
    }

    /// Bytes of memory that it takes once all of it is read and unpacked.
    pub(crate) fn bytes(&self) -> usize {
        let pieces =
            (0..self.opening.pieces()).filter_map(|number| self.opening.piece(number).ok());
        let unpacked: usize = pieces.map(|piece| piece.raw_length()).sum();
        size_of::<Self>() + self.opening.bytes() + self.wanted.len() + unpacked
    }

    /// The position of the event in `slot`.
    pub(crate) fn position(&self, slot: usize) -> Result<Position, TreeError> {
        self.opening.position(slot).map_err(TreeError::new)
    }

    /// The number of the kind of the event in `slot`.
    pub(crate) fn kind(&self, slot: usize) -> Result<u16, TreeError> {
        self.opening.kind(slot).map_err(TreeError::new)
    }

    /// The event in `slot`.
    pub(crate) fn hit(&self, slot: usize) -> Result<Hit, TreeError> {
        self.hit_at(slot, self.position(slot)?)
    }

    /// The event in `slot`, whose position is known.
    pub(crate) fn hit_at(&self, slot: usize, position: Position) -> Result<Hit, TreeError> {
        let place = self.opening.place(slot).map_err(TreeError::new)?;
        let Some(kept) = self.pieces.get(place.piece) else {
            return Err(TreeError::new(format_args!("a block without slot {slot}")));
        };
        let piece = kept.get_or_init(|| self.unpack(place.piece).map(Arc::new));
        let piece = piece.as_ref().map_err(Clone::clone)?;
        self.opening
            .hit(slot, position, place, piece)
            .map_err(TreeError::new)
    }

    fn unpack(&self, number: usize) -> Result<Buffer, TreeError> {
        let piece = self.opening.piece(number).map_err(TreeError::new)?;
        let place = piece.place();
        let unpacked = match self.read_with_wanted(&place) {
            Some(stored) => piece.unpack(stored),
            None => piece.unpack(&read_part(&self.file, &self.opening, &place)?),
        };
        unpacked.map_err(TreeError::new)
    }

    /// The stored bytes at a place, if they are of what is wanted and that can be read.
    fn read_with_wanted(&self, place: &Range<usize>) -> Option<&[u8]> {
        let start = place.start.checked_sub(self.wanted.start)?;
        if place.end > self.wanted.end {
            return None;
        }
        let read = || read_part(&self.file, &self.opening, &self.wanted);
        let read = self.read.get_or_init(read).as_ref().ok()?;
        read.get(start..)?.get(..place.len())
    }
}

fn are_many(slots: u64) -> bool {
    slots.count_ones() >= MANY
}

/// The stored bytes of a part of the block.
fn read_part(file: &BlockFile, block: &Opening, part: &Range<usize>) -> Result<Buffer, TreeError> {
    let start = block.block().start;
    file.read(start.saturating_add(part.start as u64), part.len())
}

/// The opening of the block that `info` is about, out of its stored bytes.
fn parse(stored: &[u8], info: &BlockInfo) -> Result<Opening, TreeError> {
    let flawed = |flaw: std::fmt::Arguments<'_>| {
        TreeError::new(format_args!("block {} is flawed: {flaw}", info.number))
    };
    let (expected, found) = (info.place.crc, crc32c::crc32c(stored));
    if found != expected {
        return Err(flawed(format_args!(
            "its opening has checksum {expected:08x}, the bytes give {found:08x}"
        )));
    }
    let opening = Opening::parse(stored, info.place.range())
        .map_err(|flaw| flawed(format_args!("{flaw}")))?;
    if opening.len() != info.events as usize {
        return Err(flawed(format_args!(
            "{} events expected, {} found",
            info.events,
            opening.len()
        )));
    }
    Ok(opening)
}

#[cfg(test)]
mod tests {
    use super::super::block;
    use super::super::block_file::BlockPlace;
    use super::*;
    use crate::store::index::{Index, TermHash, TermHashes};
    use crate::store::instant::Instant;
    use crate::store::memtable::Entry;
    use crate::store::record::{Fields, Hints, NewRecord};

    /// Two chains: one has every third of the first `among` events, the other the rest.
    fn entries(count: u64, among: u64) -> Vec<Arc<Entry>> {
        (0..count)
            .map(|number| entry(number, u64::from(number % 3 == 0 && number < among)))
            .collect()
    }

    fn entry(number: u64, chain: u64) -> Arc<Entry> {
        let event_id = format!("event-{number}");
        let payload = format!("{event_id} says {}", "much ".repeat(60));
        let new = NewRecord {
            payload_format: 1,
            kind: u16::try_from(number % 5).unwrap(),
            instant: Instant::new(1_700_000_000, 0).unwrap(),
            fields: Fields {
                event_id: &event_id,
                ..Fields::default()
            },
            hints: Hints::default(),
            payload: payload.as_bytes(),
        };
        let mut hashes = TermHashes::default();
        hashes[Index::Chains as usize] = Some(TermHash(chain));
        Arc::new(Entry {
            recorded_at: 7,
            hashes,
            ..Entry::of(&new, number)
        })
    }

    /// Where the tests' blocks begin in their files.
    const OFFSET: u64 = 5;

    /// A file that holds `stored`, and what the directory would say of it.
    fn on_disk(
        stored: &block::Encoded,
        entries: &[Arc<Entry>],
    ) -> (tempfile::TempDir, Arc<BlockFile>, BlockInfo) {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(BlockFile::open(folder.path(), 0).unwrap());
        file.append(OFFSET, &stored.bytes).unwrap();
        let info = BlockInfo {
            number: 0,
            tenant: None,
            first: entries.first().unwrap().position,
            last: entries.last().unwrap().position,
            events: u32::try_from(entries.len()).unwrap(),
            place: BlockPlace {
                offset: OFFSET,
                length: u32::try_from(stored.bytes.len()).unwrap(),
                opening: u32::try_from(stored.opening).unwrap(),
                crc: crc32c::crc32c(stored.opening_bytes()),
            },
        };
        (folder, file, info)
    }

    #[test]
    fn a_block_reads_the_same_in_pieces_and_whole() {
        for (count, among) in [(1, 0), (16, 16), (44, 44), (64, 10), (64, 64)] {
            let entries = entries(count, among);
            let (_folder, file, info) = on_disk(&block::encode(&entries), &entries);
            let first = OpenBlock::read(&file, &info, 1).unwrap();
            let known = Some(first.opening());
            // Some of these slots are in no block of so few events.
            let wanted = [0, 1, 0b1001, u64::MAX, 1 << 63];
            let ways = wanted.map(|wanted| [(wanted, None), (wanted, known)]);
            for (wanted, known) in ways.into_iter().flatten() {
                let block = match known {
                    Some(opening) => OpenBlock::known(&file, Arc::clone(opening), wanted),
                    None => OpenBlock::read(&file, &info, wanted),
                };
                let block = block.unwrap();
                for (slot, entry) in entries.iter().enumerate().rev() {
                    assert_eq!(block.position(slot).unwrap(), entry.position);
                    assert_eq!(block.kind(slot).unwrap(), entry.record.kind());
                    let read = block.hit(slot).unwrap();
                    assert_eq!(read.position, entry.position);
                    assert_eq!(read.recorded_at, entry.recorded_at);
                    assert_eq!(read.record.as_bytes(), entry.record.as_bytes());
                }
                assert!(block.hit(entries.len()).is_err());
            }
        }
    }

    #[test]
    fn what_is_wanted_is_read_at_once_and_no_piece_outside() {
        let entries = entries(60, 60);
        let stored = block::encode(&entries);
        for wanted in (0..60).flat_map(|slot| [1 << slot, 0b1001 << slot, 1 << 59 | 1 << slot]) {
            let wanted = wanted & ((1 << 60) - 1);
            let (_folder, file, info) = on_disk(&stored, &entries);
            let opening = Arc::clone(OpenBlock::read(&file, &info, 0).unwrap().opening());
            let block = OpenBlock::known(&file, Arc::clone(&opening), wanted).unwrap();
            let piece = |slot: usize| opening.place(slot).unwrap().piece;
            let is_wanted = |slot: &usize| wanted >> slot & 1 == 1;
            let pieces = (0..60).filter(is_wanted).map(piece);
            let (first, last) = (pieces.clone().min().unwrap(), pieces.max().unwrap());
            // One of them is asked for, then the file's bytes are gone.
            block.hit((0..60).find(is_wanted).unwrap()).unwrap();
            file.append(OFFSET, &vec![0; stored.bytes.len()]).unwrap();
            for slot in 0..60 {
                let there = (first..=last).contains(&piece(slot));
                assert_eq!(block.hit(slot).is_ok(), there, "{wanted:b}, {slot}");
            }
        }
    }

    #[test]
    fn a_chain_is_in_one_piece_if_it_fits() {
        let entries = entries(60, 30);
        let (_folder, file, info) = on_disk(&block::encode(&entries), &entries);
        let block = OpenBlock::read(&file, &info, 1).unwrap();
        let chain = |number: u64| {
            entries
                .iter()
                .enumerate()
                .filter(move |(_, entry)| entry.hash(Index::Chains) == Some(TermHash(number)))
        };
        for (slot, _) in chain(1) {
            block.hit(slot).unwrap();
        }
        let unpacked = block
            .pieces
            .iter()
            .filter(|piece| piece.get().is_some())
            .count();
        assert_eq!((chain(1).count(), unpacked, block.pieces.len()), (10, 1, 6));
    }

    #[test]
    fn a_damaged_piece_costs_its_own_events_only() {
        let entries = entries(64, 64);
        let mut stored = block::encode(&entries);
        *stored.bytes.last_mut().unwrap() ^= 1;
        let (_folder, file, info) = on_disk(&stored, &entries);
        for wanted in [1, u64::MAX] {
            let block = OpenBlock::read(&file, &info, wanted).unwrap();
            let lost = |slot: &usize| block.hit(*slot).is_err();
            let lost: Vec<_> = (0..64).filter(lost).collect();
            let last = block.pieces.len() - 1;
            let there = |slot: &usize| block.opening.place(*slot).unwrap().piece == last;
            assert_eq!(lost, (0..64).filter(there).collect::<Vec<_>>());
            assert!(!lost.is_empty() && lost.len() < 64);
        }
    }

    #[test]
    fn an_opening_with_any_flipped_bit_is_refused() {
        let entries = entries(20, 20);
        let stored = block::encode(&entries);
        let (_folder, file, mut info) = on_disk(&stored, &entries);
        let crc = info.place.crc;
        for bit in 0..stored.opening * 8 {
            let mut damaged = stored.opening_bytes().to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            file.append(OFFSET, &damaged).unwrap();
            info.place.crc = crc;
            assert!(OpenBlock::read(&file, &info, 1).is_err(), "bit {bit}");
            // With a checksum that fits, it may be read, but nothing panics.
            info.place.crc = crc32c::crc32c(&damaged);
            if let Ok(block) = OpenBlock::read(&file, &info, u64::MAX) {
                for slot in 0..block.len() {
                    let _ = block.hit(slot);
                }
            }
        }
    }
}
