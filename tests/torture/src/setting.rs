//! Where a campaign runs: what belongs to its figures.

use std::fmt;
use std::path::Path;
use std::process::Command;

/// The commit, the kernel, and the file system of the temporary files.
#[derive(Debug)]
pub struct Setting {
    commit: String,
    kernel: String,
    file_system: String,
}

impl Setting {
    /// As it is now. What cannot be found out is unknown.
    pub fn find() -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        let unknown = || "unknown".to_owned();
        Self {
            commit: commit().unwrap_or_else(unknown),
            kernel: kernel.map_or_else(unknown, |kernel| kernel.trim().to_owned()),
            file_system: file_system(&std::env::temp_dir()).unwrap_or_else(unknown),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            commit,
            kernel,
            file_system,
        } = self;
        write!(
            f,
            "commit {commit}, kernel {kernel}, temporary files on {file_system}"
        )
    }
}

/// The commit of the repository, with a mark if the tree differs from it.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=10"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    Some(said.trim().to_owned()).filter(|commit| !commit.is_empty())
}

/// The type of the file system that a folder lies on.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?.to_owned(), words.next()?.to_owned());
        folder.starts_with(&place).then_some((place.len(), kind))
    };
    // The last of those that are mounted on one place.
    let longest = mounts
        .lines()
        .filter_map(mount)
        .max_by_key(|(length, _)| *length);
    longest.map(|(_, kind)| kind)
}
