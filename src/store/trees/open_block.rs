//! A block that is being read: its opening, and the pieces that were asked for so far.

use std::sync::{Arc, OnceLock};

use super::super::buffer::Buffer;
use super::super::instant::Position;
use super::block::{Opening, Piece, Slot};
use super::block_file::{BlockFile, BlockPlace};
use super::directory::BlockInfo;
use super::engine::TreeError;

/// Who wants more pieces than this gets them with the opening, in one read.
const FEW_PIECES: usize = 2;

/// A block, of which only what is wanted is read and unpacked.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    file: Arc<BlockFile>,
    place: BlockPlace,
    opening: Opening,
    /// The block as it is stored, if it was read as a whole.
    whole: Option<Buffer>,
    pieces: Vec<OnceLock<Result<Arc<Buffer>, TreeError>>>,
}

impl OpenBlock {
    /// Opens a block to read about the slots that `wanted` has bits of.
    pub(crate) fn read(
        file: &Arc<BlockFile>,
        info: &BlockInfo,
        wanted: u64,
    ) -> Result<Self, TreeError> {
        let place = info.place;
        let (block, opening) = (place.length as usize, place.opening as usize);
        let many = Opening::count_pieces(wanted) > FEW_PIECES;
        let bytes = file.read(place.offset, if many { block } else { opening })?;
        let flawed =
            |flaw: String| TreeError::new(format_args!("block {} is flawed: {flaw}", info.number));
        let stored = bytes.get(..opening).unwrap_or_default();
        let found = crc32c::crc32c(stored);
        if found != place.crc {
            return Err(flawed(format!(
                "its opening has checksum {:08x}, the bytes give {found:08x}",
                place.crc
            )));
        }
        let opening = Opening::parse(stored, block).map_err(|flaw| flawed(flaw.to_string()))?;
        if opening.len() != info.events as usize {
            return Err(flawed(format!(
                "{} events expected, {} found",
                info.events,
                opening.len()
            )));
        }
        Ok(Self {
            file: Arc::clone(file),
            place,
            pieces: opening.pieces().iter().map(|_| OnceLock::new()).collect(),
            opening,
            whole: many.then_some(bytes),
        })
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.opening.len()
    }

    /// Bytes of memory that it takes once all of it is unpacked.
    pub(crate) fn bytes(&self) -> usize {
        let pieces = self.opening.pieces().iter().map(Piece::raw_length);
        let whole = self.whole.as_ref().map_or(0, |whole| whole.len());
        size_of::<Self>() + self.opening.bytes() + whole + pieces.sum::<usize>()
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
    pub(crate) fn slot(&self, slot: usize) -> Result<Slot, TreeError> {
        let number = Opening::piece_of(slot);
        let (Some(piece), Some(kept)) =
            (self.opening.pieces().get(number), self.pieces.get(number))
        else {
            return Err(TreeError::new(format_args!("a block without slot {slot}")));
        };
        let raw = kept.get_or_init(|| self.unpack(piece).map(Arc::new));
        let raw = raw.as_ref().map_err(Clone::clone)?;
        self.opening.slot(slot, raw).map_err(TreeError::new)
    }

    fn unpack(&self, piece: &Piece) -> Result<Buffer, TreeError> {
        let place = piece.place();
        let unpacked = if let Some(whole) = &self.whole {
            piece.unpack(whole.get(place).unwrap_or_default())
        } else {
            let offset = self.place.offset.saturating_add(place.start as u64);
            piece.unpack(&self.file.read(offset, place.len())?)
        };
        unpacked.map_err(TreeError::new)
    }
}
