//! A copy of the log's record: the journal, and what tells how far it goes. The trees are made anew from it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::journal::reader::JournalReader;
use super::journal::segment::{self, SegmentFile};
use super::layout::Layout;
use crate::error::{Error, Result};

/// How often the journal is listed again when a segment was sealed under the copy.
const LISTINGS: usize = 8;

/// Copies the record of a log to a new directory. Somebody may be writing it: what is appended meanwhile may
/// be in the copy or not, commit by commit.
pub(crate) fn copy(from: &Layout, log_id: [u8; 16], to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::io("create", to))?;
    if let Some(there) = fs::read_dir(to).map_err(Error::io("list", to))?.next() {
        let there = there.map_err(Error::io("list", to))?;
        return Err(Error::NotALog {
            path: to.to_path_buf(),
            expected: "an empty directory",
            found: there.file_name().to_string_lossy().into_owned(),
        });
    }
    // HEAD before the journal, which only grows: the copy holds at least what its HEAD tells of.
    for name in ["FORMAT", "HEAD"] {
        let source = from.root().join(name);
        match fs::copy(&source, to.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound && name == "HEAD" => {}
            copied => drop(copied.map_err(Error::io("copy", &source))?),
        }
    }
    let journal = to.join("journal");
    fs::create_dir_all(&journal).map_err(Error::io("create", &journal))?;
    copy_segments(&from.journal(), log_id, &journal)
}

fn copy_segments(from: &Path, log_id: [u8; 16], to: &Path) -> Result<()> {
    let mut listings = 0;
    'listing: loop {
        listings += 1;
        for file in segment::list(from)? {
            let Some(name) = file.path.file_name() else {
                continue;
            };
            let target = to.join(name);
            if file.sealed && target.exists() {
                continue;
            }
            match copy_segment(from, log_id, &file, &target) {
                // It was sealed, under another name, since the folder was listed.
                Err(error) if error.kind() == ErrorKind::NotFound && listings < LISTINGS => {
                    continue 'listing;
                }
                copied => copied.map_err(Error::io("copy", &file.path))?,
            }
        }
        break;
    }
    segment::remove_superseded(to)
}

/// Copies a segment; of one that may be growing, only the whole commits: what stands behind them changes
/// while it is read.
fn copy_segment(
    folder: &Path,
    log_id: [u8; 16],
    file: &SegmentFile,
    target: &Path,
) -> io::Result<()> {
    let mut source = File::open(&file.path)?;
    let whole = if file.sealed {
        u64::MAX
    } else {
        end_of(folder, log_id, file).unwrap_or(u64::MAX)
    };
    io::copy(&mut source.by_ref().take(whole), &mut File::create(target)?)?;
    Ok(())
}

/// Where the whole commits of the last segment end; `None` for another segment, which grows no more, and for
/// one that cannot be read, which is copied as it is.
fn end_of(folder: &Path, log_id: [u8; 16], file: &SegmentFile) -> Option<u64> {
    let mut reader = JournalReader::seek(folder, log_id, file.first_sequence).ok()?;
    loop {
        match reader.next().ok()? {
            Ok(_) => {}
            Err(end) => {
                return (end.place.segment == file.first_sequence).then_some(end.place.offset);
            }
        }
    }
}
