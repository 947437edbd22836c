//! A copy of the trees, so that looking at them changes nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::layout::Layout;
use super::TreesVerified;
use crate::error::{Error, Result};

/// A copy of the newest trees, or why there is none. Removed when dropped.
pub(super) enum TreesCopy {
    Taken(PathBuf),
    /// A writer has them open, or had while they were copied.
    Held,
    Missing,
}

impl TreesCopy {
    /// Copies the trees if nobody writes them. No lock is kept meanwhile, which would keep a writer out: a
    /// copy during which one came is thrown away.
    pub(super) fn take(layout: &Layout) -> Result<Self> {
        if is_held(layout) {
            return Ok(Self::Held);
        }
        let Some(number) = layout.generations()?.last().copied() else {
            return Ok(Self::Missing);
        };
        let folder = layout.generation(number);
        let path = std::env::temp_dir().join(format!("experience-log-{}", uuid::Uuid::new_v4()));
        let copy = Self::Taken(path.clone());
        let before = state(&folder)?;
        copy_folder(&folder, &path)?;
        if is_held(layout) || state(&folder)? != before {
            return Ok(Self::Held);
        }
        Ok(copy)
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Taken(path) => Some(path),
            Self::Held | Self::Missing => None,
        }
    }

    /// What there is to say as long as nothing was compared.
    pub(super) fn without_path(&self) -> TreesVerified {
        match self {
            Self::Held => TreesVerified::HeldByWriter,
            Self::Missing => TreesVerified::Missing,
            Self::Taken(_) => TreesVerified::Unusable,
        }
    }
}

impl Drop for TreesCopy {
    fn drop(&mut self) {
        if let Self::Taken(path) = self {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn is_held(layout: &Layout) -> bool {
    let lock = File::open(layout.root().join("LOCK"));
    lock.is_ok_and(|lock| lock.try_lock_shared().is_err())
}

/// Names, lengths and times of the files: another state shows a writer.
fn state(folder: &Path) -> Result<Vec<(PathBuf, u64, Option<SystemTime>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let metadata = entry
            .metadata()
            .map_err(Error::io("look at", &entry.path()))?;
        files.push((entry.path(), metadata.len(), metadata.modified().ok()));
    }
    files.sort();
    Ok(files)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for entry in fs::read_dir(from).map_err(Error::io("list", from))? {
        let entry = entry.map_err(Error::io("list", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(Error::io("copy", &source))?;
        }
    }
    Ok(())
}
