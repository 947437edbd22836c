//! The file that blocks lie in, beside sled in the folder of one generation.
//!
//! sled writes a value again whenever a page around it changes, and reads all sixteen values of a page to
//! give one. Blocks are large and never change, so they are appended to a file, and the tree `events` says
//! where each one lies. What the manifest does not tell of is cut off at the next opening; what it tells of
//! and is missing or damaged makes the trees unusable, and they are rebuilt.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::Path;

use super::super::buffer::Buffer;
use super::engine::TreeError;

/// The file's name.
const NAME: &str = "blocks";

/// Where a block lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockPlace {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    /// Bytes of its opening.
    pub(crate) opening: u32,
    /// The CRC32C of its opening.
    pub(crate) crc: u32,
}

impl BlockPlace {
    /// Where in the file.
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(u64::from(self.length))
    }
}

/// The open file.
#[derive(Debug)]
pub(crate) struct BlockFile {
    file: File,
}

impl BlockFile {
    /// Opens the file in `folder`, of which `end` bytes count.
    pub(crate) fn open(folder: &Path, end: u64) -> Result<Self, TreeError> {
        let path = folder.join(NAME);
        let open = || {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            let length = file.metadata()?.len();
            if length > end {
                file.set_len(end)?;
            }
            Ok((file, length))
        };
        let (file, length) = open().map_err(failed)?;
        if length < end {
            return Err(TreeError::new(format_args!(
                "{end} bytes of blocks expected, {length} found"
            )));
        }
        Ok(Self { file })
    }

    /// Writes blocks at the end, which is at `offset`.
    pub(crate) fn append(&self, offset: u64, blocks: &[u8]) -> Result<(), TreeError> {
        write_at(&self.file, blocks, offset).map_err(failed)
    }

    /// Brings what was appended to stable storage.
    pub(crate) fn sync(&self) -> Result<(), TreeError> {
        self.file.sync_data().map_err(failed)
    }

    /// So many bytes from `offset` on, unchecked.
    pub(crate) fn read(&self, offset: u64, length: usize) -> Result<Buffer, TreeError> {
        let mut bytes = Buffer::scratch(length);
        read_at(&self.file, bytes.as_mut_slice(), offset).map_err(failed)?;
        Ok(bytes)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> TreeError {
    TreeError::new(format_args!("the file of blocks: {error}"))
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        offset += read as u64;
        bytes = bytes.get_mut(read..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        offset += written as u64;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_is_cut_off_and_what_is_must_be_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = BlockFile::open(folder.path(), 0).unwrap();
        file.append(0, b"one").unwrap();
        file.append(3, b"twotorn").unwrap();
        drop(file);
        let file = BlockFile::open(folder.path(), 6).unwrap();
        assert_eq!(*file.read(0, 3).unwrap(), *b"one");
        assert_eq!(*file.read(3, 3).unwrap(), *b"two");
        assert!(file.read(3, 7).is_err(), "cut off");
        assert!(BlockFile::open(folder.path(), 7).is_err());
    }
}
