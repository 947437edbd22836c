//! What a store takes on disk.

use std::fs;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// A store is at rest once its size has stayed the same for so long; it gets a minute for it.
const PAUSE: Duration = Duration::from_millis(250);
const SAME: u32 = 4;
const PAUSES: u32 = 240;

/// Bytes that the files in `path` take once threads behind the store have come to rest: allocated blocks,
/// and lengths.
pub(super) fn settled(path: &Path) -> Result<(u64, u64)> {
    let (mut size, mut same) = (of(path)?, 0);
    for _ in 0..PAUSES {
        thread::sleep(PAUSE);
        let now = of(path)?;
        same = if now == size { same + 1 } else { 0 };
        size = now;
        if same == SAME {
            break;
        }
    }
    Ok(size)
}

/// What is gone when it is looked at takes nothing.
fn of(path: &Path) -> Result<(u64, u64)> {
    let (mut allocated, mut apparent) = (0, 0);
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let data = match entry.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            data => data?,
        };
        if data.is_dir() {
            let (blocks, lengths) = of(&entry.path())?;
            allocated += blocks;
            apparent += lengths;
        } else {
            allocated += data.blocks() * 512;
            apparent += data.len();
        }
    }
    Ok((allocated, apparent))
}
