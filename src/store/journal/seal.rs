//! Turns a complete plain segment into a sealed one.

use std::fs::{self, File};
use std::path::Path;

use super::frame::{self, ChecksumSeed, Frame, FrameFlaw};
use super::sealed::Sealer;
use super::segment::{self, HEADER, SegmentFile};
use super::window::SegmentBytes;
use crate::error::{Error, Result};

/// Compresses the plain segment `plain`, whose last event comes before `end`, and removes the plain form
/// once the other is on stable storage. Every frame is checked on the way, its hash included.
///
/// # Errors
///
/// Damage in the segment, which stays as it is; or an error of the file system.
pub(crate) fn seal(folder: &Path, log_id: &[u8; 16], plain: &SegmentFile, end: u64) -> Result<()> {
    let sealer = compress(log_id, plain, end)?;
    let sealed = SegmentFile::sealed(folder, plain.first_sequence);
    let temporary = sealed.path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        sealer.finish(&mut file)?;
        file.sync_all()
    };
    write().map_err(Error::io("write to", &temporary))?;
    fs::rename(&temporary, &sealed.path).map_err(Error::io("name", &sealed.path))?;
    segment::sync_folder(folder)?;
    segment::remove_if_there(&plain.path)
}

/// Reads the segment frame by frame: what is in memory is its compressed form and little else.
fn compress(log_id: &[u8; 16], plain: &SegmentFile, end: u64) -> Result<Sealer> {
    let (mut bytes, header) = SegmentBytes::open(plain)?;
    let seed = ChecksumSeed::new(log_id);
    let mut sealer = Sealer::new(
        bytes.at(0, HEADER)?.get(..HEADER).unwrap_or_default(),
        header.first_sequence,
    );
    let (mut offset, mut sequence, mut previous) =
        (HEADER as u64, header.first_sequence, header.previous);
    while sequence < end {
        let flawed = |flaw: &FrameFlaw| {
            let found = flaw.to_string();
            Error::damaged(&plain.path, offset, Some(sequence), "a frame", found)
        };
        let announced = frame::announced_body(bytes.at(offset, frame::HEADER)?);
        let length = frame::frame_length(announced.map_err(|flaw| flawed(&flaw))?);
        let rest = bytes.at(offset, length)?;
        let frame = Frame::parse(rest, seed, sequence).map_err(|flaw| flawed(&flaw))?;
        if !frame.follows(&previous) {
            return Err(flawed(&FrameFlaw::Chain));
        }
        let short = FrameFlaw::Short {
            needed: length,
            have: rest.len(),
        };
        let whole = rest.get(..length).ok_or_else(|| flawed(&short))?;
        sealer.push(whole, sequence);
        offset += length as u64;
        sequence = frame.header.end_sequence();
        previous = frame.hash;
    }
    Ok(sealer)
}
