//! The headers of the segments in sled's file, which sled takes for true where it has a snapshot.
//!
//! ```text
//! db   segments of 1 MiB: CRC32 u32, inverted, of the next 16 bytes | lsn 8 | stable lsn 8 | messages
//! ```
//!
//! sled goes on writing the segment that its snapshot names without a look at the segment's header, and at the next
//! opening leaves out every segment whose header does not match its checksum: what was written is lost, at each opening
//! again. So the headers are checked before sled opens (`SegmentHeader` in `pagecache/logger.rs` of 0.34.7). A segment
//! that begins with zeros behind its header, too, was not written yet.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::engine::TreeError;

/// The name of sled's file.
const NAME: &str = "db";
const HEADER: usize = 20;
/// The header, and as much of the first message.
const BEGINNING: usize = 2 * HEADER;

/// Checks the headers of all segments of sled's file in `folder`, if there is one.
pub(super) fn check(folder: &Path, segment_bytes: u64) -> Result<(), TreeError> {
    match first_flaw(&folder.join(NAME), segment_bytes) {
        Ok(None) => Ok(()),
        Ok(Some(offset)) => Err(TreeError::new(format_args!(
            "the header of sled's segment at byte {offset} does not match its checksum"
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(TreeError::new(error)),
    }
}

/// Where the first header is that is not as it was written.
fn first_flaw(path: &Path, segment_bytes: u64) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut offset = 0;
    while offset + BEGINNING as u64 <= length {
        let mut beginning = [0; BEGINNING];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut beginning)?;
        if !is_whole(&beginning) {
            return Ok(Some(offset));
        }
        offset += segment_bytes;
    }
    Ok(None)
}

fn is_whole(beginning: &[u8; BEGINNING]) -> bool {
    let header = beginning.first_chunk::<HEADER>();
    let Some((stored, covered)) = header.and_then(|header| header.split_first_chunk()) else {
        return false;
    };
    *beginning == [0; BEGINNING] || u32::from_le_bytes(*stored) == !crc32fast::hash(covered)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: u64 = 4096;

    #[test]
    fn a_header_that_is_not_as_it_was_written_is_found() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), SEGMENT).unwrap();
        let database = sled::Config::new()
            .path(folder.path())
            .segment_size(4096)
            .open()
            .unwrap();
        for key in 0..2_000_u32 {
            database.insert(key.to_be_bytes(), vec![1; 50]).unwrap();
        }
        database.flush().unwrap();
        drop(database);
        check(folder.path(), SEGMENT).unwrap();
        let path = folder.path().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        let headers = whole
            .chunks(4096)
            .filter(|segment| segment[..20] != [0; 20]);
        assert!(headers.count() > 10);
        let flips: [fn(&mut [u8]); 4] = [
            |header| header[0] ^= 1,
            |header| header[11] ^= 0x80,
            |header| header[19] ^= 4,
            |header| header.fill(0),
        ];
        for (segment, spoil) in [0, 3, 5, 7].into_iter().zip(flips) {
            let mut bytes = whole.clone();
            spoil(&mut bytes[segment * 4096..][..HEADER]);
            std::fs::write(&path, bytes).unwrap();
            let error = check(folder.path(), SEGMENT).unwrap_err();
            let place = format!("at byte {} ", segment * 4096);
            assert!(error.reason().contains(&place), "{error}");
        }
    }
}
