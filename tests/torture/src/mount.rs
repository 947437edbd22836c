//! A file system in an image file, on a loop device.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::namespace;

/// Which file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a log lies on.
    Ext4,
    /// What can copy a file as it is at one moment.
    Xfs,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    fn make(self, image: &Path) -> Command {
        let mut command = Command::new(match self {
            Self::Ext4 => "mkfs.ext4",
            Self::Xfs => "mkfs.xfs",
        });
        command.arg("-q").args(match self {
            // Without lazy initialization, so that no thread of the kernel writes to the disk meanwhile.
            Self::Ext4 => ["-E", "lazy_itable_init=0,lazy_journal_init=0"],
            Self::Xfs => ["-m", "reflink=1"],
        });
        command.arg(image);
        command
    }
}

/// A mounted image. Dropping it unmounts it.
#[derive(Debug)]
pub struct Mount {
    kind: Kind,
    image: PathBuf,
    root: PathBuf,
    mounted: bool,
}

impl Mount {
    /// Makes a file system of so many bytes in `image` and mounts it on the folder `root`, which it makes.
    ///
    /// # Errors
    ///
    /// What is missing, or what the tool said.
    pub fn new(kind: Kind, image: &Path, root: &Path, bytes: u64) -> Result<Self, String> {
        if !namespace::is_root() {
            return Err("a loop device takes root; run the program as root".to_owned());
        }
        std::fs::create_dir(root).map_err(|error| format!("no mount point: {error}"))?;
        File::create(image)
            .and_then(|image| image.set_len(bytes))
            .map_err(|error| format!("no image: {error}"))?;
        run(&mut kind.make(image))?;
        let mut mount = Self {
            kind,
            image: image.to_path_buf(),
            root: root.to_path_buf(),
            mounted: false,
        };
        mount.mount()?;
        Ok(mount)
    }

    /// Where it is mounted.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Mounts it; the file system replays its own journal.
    pub fn mount(&mut self) -> Result<(), String> {
        // Another process may have taken the loop device between its choice and its use.
        again_and_again(|| {
            run(Command::new("mount")
                .args(["-t", self.kind.name(), "-o", "loop"])
                .args([&self.image, &self.root]))
        })?;
        self.mounted = true;
        Ok(())
    }

    /// Unmounts it, which may take a while after a process on it was killed.
    pub fn unmount(&mut self) -> Result<(), String> {
        again_and_again(|| run(Command::new("umount").arg(&self.root)))?;
        self.mounted = false;
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.mounted && self.unmount().is_err() {
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.root));
        }
    }
}

/// Tries for five seconds.
fn again_and_again(attempt: impl Fn() -> Result<(), String>) -> Result<(), String> {
    for _ in 0..100 {
        if attempt().is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    attempt()
}

/// Runs a tool to its end.
pub fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}: {}", output.status, said.trim()))
}
