//! How far the trees had got when sled was last flushed, in a file beside it.
//!
//! ```text
//! watermark   version u16 = 1 | reserved u16 | CRC32C u32, of what follows | count u64
//! ```
//!
//! sled opens the newest state that it finds whole, so damage may take it back to an older one, silently, and at each
//! opening again. The invariant: what was flushed is there at the next opening. Trees that hold less than they once
//! flushed are rebuilt.
//!
//! The file is written after the flush, in place and unsynced. One that is missing, or cut short, or damaged, tells
//! nothing; after a power cut it may tell of more than sled's file kept, and then the trees are rebuilt.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::super::bytes::{Put, Reader};
use super::engine::TreeError;

/// The file's name.
const NAME: &str = "watermark";
const VERSION: u16 = 1;

/// Notes that `count` events were flushed.
pub(super) fn write(folder: &Path, count: u64) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(NAME))?;
    file.write_all(&encode(count))
}

/// Checks that trees of `count` events hold what was flushed of them.
pub(super) fn check(folder: &Path, count: u64) -> Result<(), TreeError> {
    match read(folder) {
        Some(flushed) if flushed > count => Err(TreeError::new(format_args!(
            "they held {flushed} events when they were last flushed, and hold {count}"
        ))),
        _ => Ok(()),
    }
}

/// How many events were flushed, as far as the file tells.
pub(crate) fn read(folder: &Path) -> Option<u64> {
    let bytes = fs::read(folder.join(NAME)).ok()?;
    decode(&bytes)
}

fn encode(count: u64) -> Vec<u8> {
    let count = count.to_le_bytes();
    let mut bytes = Vec::with_capacity(16);
    bytes.put_u16(VERSION);
    bytes.put_u16(0);
    bytes.put_u32(crc32c::crc32c(&count));
    bytes.put(&count);
    bytes
}

fn decode(bytes: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(bytes);
    let (version, reserved) = (reader.u16().ok()?, reader.u16().ok()?);
    let (crc, count) = (reader.u32().ok()?, reader.u64().ok()?);
    let whole = (version, reserved) == (VERSION, 0) && crc32c::crc32c(&count.to_le_bytes()) == crc;
    whole.then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_that_hold_less_than_they_flushed_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), 0).unwrap();
        write(folder.path(), 300).unwrap();
        write(folder.path(), 7).unwrap();
        check(folder.path(), 7).unwrap();
        check(folder.path(), 8).unwrap();
        let error = check(folder.path(), 6).unwrap_err();
        assert_eq!(
            error.reason(),
            "they held 7 events when they were last flushed, and hold 6"
        );
    }

    #[test]
    fn a_watermark_that_is_not_whole_tells_nothing() {
        let bytes = encode(1 << 40);
        assert_eq!(decode(&bytes), Some(1 << 40));
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 16;
            assert_eq!(decode(&flipped), None, "byte {place}");
            assert_eq!(decode(&bytes[..place]), None, "{place} bytes");
        }
    }
}
