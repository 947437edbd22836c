//! The two small files of a log.
//!
//! # Format, version 1
//!
//! ```text
//! FORMAT  "XLOGFMT\n" | version u16 = 1 | reserved u16 | CRC32C u32 | log id 16 | created i64 (ns, 1970)
//! HEAD    "XLOGHEAD" | version u16 = 1 | reserved u16 | CRC32C u32 | log id 16 |
//!         count u64 | chain hash 32 | segment u64 | offset u64
//! ```
//!
//! Both CRCs cover byte 16 to the end. HEAD names a point that the journal had reached at the last close or
//! flush: a journal that ends before it has lost data.

use super::bytes::{BytesError, Put, Reader};
use super::journal::reader::Mark;

/// The version that this build writes.
pub(crate) const VERSION: u16 = 1;

const FORMAT_MAGIC: [u8; 8] = *b"XLOGFMT\n";
const HEAD_MAGIC: [u8; 8] = *b"XLOGHEAD";
const CRC_COVERS_FROM: usize = 16;

/// What a log says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) log_id: [u8; 16],
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub(crate) created_at: i64,
}

/// Why a small file is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SmallFileFlaw {
    #[error("other first bytes")]
    Magic,
    #[error("version {0}")]
    Version(u16),
    #[error("checksum {found:08x} over bytes that give {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("another log's id")]
    LogId,
    #[error(transparent)]
    Bytes(#[from] BytesError),
}

impl Format {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut covered = Vec::new();
        covered.put(&self.log_id);
        covered.put_i64(self.created_at);
        small_file(FORMAT_MAGIC, &covered)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SmallFileFlaw> {
        let mut reader = check_small_file(FORMAT_MAGIC, bytes)?;
        Ok(Self {
            log_id: reader.array()?,
            created_at: reader.i64()?,
        })
    }
}

pub(crate) fn encode_head(log_id: [u8; 16], mark: &Mark) -> Vec<u8> {
    let mut covered = Vec::new();
    covered.put(&log_id);
    mark.encode(&mut covered);
    small_file(HEAD_MAGIC, &covered)
}

pub(crate) fn parse_head(log_id: [u8; 16], bytes: &[u8]) -> Result<Mark, SmallFileFlaw> {
    let mut reader = check_small_file(HEAD_MAGIC, bytes)?;
    if reader.array()? != log_id {
        return Err(SmallFileFlaw::LogId);
    }
    Ok(Mark::decode(&mut reader)?)
}

fn small_file(magic: [u8; 8], covered: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CRC_COVERS_FROM + covered.len());
    bytes.put(&magic);
    bytes.put_u16(VERSION);
    bytes.put_u16(0);
    bytes.put_u32(crc32c::crc32c(covered));
    bytes.put(covered);
    bytes
}

fn check_small_file(magic: [u8; 8], bytes: &[u8]) -> Result<Reader<'_>, SmallFileFlaw> {
    let mut reader = Reader::new(bytes);
    if reader.array()? != magic {
        return Err(SmallFileFlaw::Magic);
    }
    let version = reader.u16()?;
    if version != VERSION {
        return Err(SmallFileFlaw::Version(version));
    }
    if reader.u16()? != 0 {
        return Err(SmallFileFlaw::Magic);
    }
    let found = reader.u32()?;
    let computed = crc32c::crc32c(reader.take(reader.left())?);
    if computed != found {
        return Err(SmallFileFlaw::Checksum { found, computed });
    }
    Ok(Reader::new(
        bytes.get(CRC_COVERS_FROM..).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_come_back_and_every_flipped_bit_is_found() {
        let format = Format {
            log_id: [1; 16],
            created_at: -5,
        };
        let mark = Mark {
            count: 3,
            ..Mark::START
        };
        let (format_bytes, head_bytes) = (format.encode(), encode_head([1; 16], &mark));
        assert_eq!(Format::parse(&format_bytes), Ok(format));
        assert_eq!(parse_head([1; 16], &head_bytes), Ok(mark));
        assert_eq!(parse_head([2; 16], &head_bytes), Err(SmallFileFlaw::LogId));
        for place in 0..format_bytes.len() {
            let mut flipped = format_bytes.clone();
            flipped[place] ^= 4;
            assert!(Format::parse(&flipped).is_err(), "byte {place}");
        }
        for place in 0..head_bytes.len() {
            let mut flipped = head_bytes.clone();
            flipped[place] ^= 4;
            assert!(parse_head([1; 16], &flipped).is_err(), "byte {place}");
        }
    }
}
