//! A segment file: its name, its header, and the list of them.
//!
//! # Header, version 1
//!
//! ```text
//!  0            8         10         12       16         32                40                   72
//! +------------+---------+----------+--------+----------+-----------------+--------------------+
//! | "XLOGSEG\n"| version | reserved | CRC32C | log id   | first sequence  | hash of the frame  |
//! |            | u16 = 1 | u16 = 0  | u32    | 16 bytes | number u64      | before, 32 bytes   |
//! +------------+---------+----------+--------+----------+-----------------+--------------------+
//! ```
//!
//! The CRC covers byte 16 to 72. Frames follow from byte 72 on; zeros, or the end of the file, end them.
//! The file is named by its first sequence number in twenty digits, `.seg` while it is written and
//! `.segz` once it is sealed and compressed. A file gets its name after its header is on stable storage,
//! so a header that cannot be read is damage.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::bytes::{BytesError, Put, Reader};
use super::frame::{ChainHash, HASH};
use crate::error::{Error, Result};

/// The first bytes of a segment.
pub(crate) const MAGIC: [u8; 8] = *b"XLOGSEG\n";
/// The version this build writes.
pub(crate) const VERSION: u16 = 1;
/// Bytes before the first frame.
pub(crate) const HEADER: usize = 72;

const CRC_COVERS_FROM: usize = 16;

const _: () = assert!(HEADER == CRC_COVERS_FROM + 16 + 8 + HASH);

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) log_id: [u8; 16],
    pub(crate) first_sequence: u64,
    pub(crate) previous: ChainHash,
}

/// Why bytes are no segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderFlaw {
    #[error("no segment header")]
    Magic,
    #[error("a header of version {0}")]
    Version(u16),
    #[error("a header with checksum {found:08x} whose bytes give {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("a header cut short: {0}")]
    Short(#[from] BytesError),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut covered = Vec::with_capacity(HEADER - CRC_COVERS_FROM);
        covered.put(&self.log_id);
        covered.put_u64(self.first_sequence);
        covered.put(&self.previous);
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.put(&MAGIC);
        bytes.put_u16(VERSION);
        bytes.put_u16(0);
        bytes.put_u32(crc32c::crc32c(&covered));
        bytes.put(&covered);
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderFlaw> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != MAGIC {
            return Err(HeaderFlaw::Magic);
        }
        let version = reader.u16()?;
        if version != VERSION {
            return Err(HeaderFlaw::Version(version));
        }
        if reader.u16()? != 0 {
            return Err(HeaderFlaw::Magic);
        }
        let found = reader.u32()?;
        let covered = reader.take(HEADER - CRC_COVERS_FROM)?;
        let computed = crc32c::crc32c(covered);
        if computed != found {
            return Err(HeaderFlaw::Checksum { found, computed });
        }
        let mut reader = Reader::new(covered);
        Ok(Self {
            log_id: reader.array()?,
            first_sequence: reader.u64()?,
            previous: reader.array()?,
        })
    }
}

/// A segment file in the journal's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub(crate) first_sequence: u64,
    pub(crate) path: PathBuf,
    /// Whether it is sealed and compressed.
    pub(crate) sealed: bool,
}

impl SegmentFile {
    pub(crate) fn plain(folder: &Path, first_sequence: u64) -> Self {
        let path = folder.join(format!("{first_sequence:020}.seg"));
        Self {
            first_sequence,
            path,
            sealed: false,
        }
    }

    pub(crate) fn sealed(folder: &Path, first_sequence: u64) -> Self {
        let path = folder.join(format!("{first_sequence:020}.segz"));
        Self {
            first_sequence,
            path,
            sealed: true,
        }
    }

    fn from_path(path: PathBuf) -> Option<Self> {
        let sealed = match path.extension()?.to_str()? {
            "seg" => false,
            "segz" => true,
            _ => return None,
        };
        let stem = path.file_stem()?.to_str()?;
        if stem.len() != 20 || !stem.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            first_sequence: stem.parse().ok()?,
            path,
            sealed,
        })
    }
}

/// The segments in `folder`, oldest first. Where a segment is there in both forms, the sealed one counts:
/// it got its name after it was complete.
pub(crate) fn list(folder: &Path) -> Result<Vec<SegmentFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        files.extend(SegmentFile::from_path(entry.path()));
    }
    files.sort_by_key(|file| (file.first_sequence, !file.sealed));
    files.dedup_by_key(|file| file.first_sequence);
    Ok(files)
}

/// Removes plain segments whose sealed form is there: a crash came between the two steps of sealing.
pub(crate) fn remove_superseded(folder: &Path) -> Result<()> {
    let sealed: Vec<_> = list(folder)?
        .into_iter()
        .filter(|file| file.sealed)
        .collect();
    let plain = |file: &SegmentFile| SegmentFile::plain(folder, file.first_sequence).path;
    let superseded: Vec<_> = sealed
        .iter()
        .map(plain)
        .filter(|path| path.exists())
        .collect();
    if !superseded.is_empty() {
        // The sealed form's name first.
        sync_folder(folder)?;
    }
    superseded.iter().try_for_each(|path| remove_if_there(path))
}

/// Makes the names in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    // Elsewhere a folder cannot be opened as a file, and its entries are durable with the files.
    if cfg!(unix) {
        let sync = || fs::File::open(folder)?.sync_all();
        sync().map_err(Error::io("sync", folder))?;
    }
    Ok(())
}

/// Removes a file that may be gone already.
pub(crate) fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            log_id: [3; 16],
            first_sequence: 9,
            previous: [5; HASH],
        }
    }

    #[test]
    fn a_header_comes_back_and_every_flipped_bit_is_found() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), HEADER);
        assert_eq!(SegmentHeader::parse(&bytes), Ok(header()));
        for place in 0..HEADER {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                assert!(
                    SegmentHeader::parse(&flipped).is_err(),
                    "byte {place} bit {bit}"
                );
            }
            assert!(SegmentHeader::parse(&bytes[..place]).is_err());
        }
    }

    #[test]
    fn names_are_read_strictly() {
        let read = |name: &str| SegmentFile::from_path(PathBuf::from(name));
        assert_eq!(
            read("00000000000000000042.seg").map(|file| file.first_sequence),
            Some(42)
        );
        assert!(read("00000000000000000042.segz").unwrap().sealed);
        assert_eq!(read("42.seg"), None);
        assert_eq!(read("0000000000000000004x.seg"), None);
        assert_eq!(read("00000000000000000042.tmp"), None);
        assert_eq!(read("99999999999999999999.seg"), None);
    }
}
