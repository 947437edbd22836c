//! Turns a complete plain segment into a sealed one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::frame::{ChecksumSeed, Frame};
use super::sealed::Sealer;
use super::segment::{self, HEADER, SegmentFile, SegmentHeader};
use crate::error::{Error, Result};

/// Compresses the plain segment `plain`, whose last event comes before `end`, and removes the plain form
/// once the other is on stable storage. Every frame is checked on the way, its hash included.
///
/// # Errors
///
/// Damage in the segment, which stays as it is; or an error of the file system.
pub(crate) fn seal(folder: &Path, log_id: &[u8; 16], plain: &SegmentFile, end: u64) -> Result<()> {
    let bytes = fs::read(&plain.path).map_err(Error::io("read", &plain.path))?;
    let sealed_bytes = compress(log_id, plain, &bytes, end)?;
    let sealed = SegmentFile::sealed(folder, plain.first_sequence);
    let temporary = sealed.path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(&sealed_bytes)?;
        file.sync_all()
    };
    write().map_err(Error::io("write to", &temporary))?;
    fs::rename(&temporary, &sealed.path).map_err(Error::io("name", &sealed.path))?;
    segment::sync_folder(folder)?;
    segment::remove_if_there(&plain.path)
}

fn compress(log_id: &[u8; 16], plain: &SegmentFile, bytes: &[u8], end: u64) -> Result<Vec<u8>> {
    let damage = |offset: usize, sequence: u64, expected: &str, found: String| {
        Error::damaged(&plain.path, offset as u64, Some(sequence), expected, found)
    };
    let header = SegmentHeader::parse(bytes).map_err(|flaw| {
        damage(
            0,
            plain.first_sequence,
            "a segment header",
            flaw.to_string(),
        )
    })?;
    let seed = ChecksumSeed::new(log_id);
    let mut sealer = Sealer::new(
        bytes.get(..HEADER).unwrap_or_default(),
        header.first_sequence,
    );
    let (mut offset, mut sequence, mut previous) = (HEADER, header.first_sequence, header.previous);
    while sequence < end {
        let rest = bytes.get(offset..).unwrap_or_default();
        let frame = Frame::parse(rest, seed, sequence)
            .map_err(|flaw| damage(offset, sequence, "a frame", flaw.to_string()))?;
        if !frame.follows(&previous) {
            return Err(damage(
                offset,
                sequence,
                "a frame that continues the chain",
                "another hash".to_owned(),
            ));
        }
        let whole = rest.get(..frame.length()).ok_or_else(|| {
            damage(
                offset,
                sequence,
                "a whole frame",
                format!("{} bytes", rest.len()),
            )
        })?;
        sealer.push(whole, sequence);
        offset += frame.length();
        sequence = frame.header.end_sequence();
        previous = frame.hash;
    }
    Ok(sealer.finish())
}
