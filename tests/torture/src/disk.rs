//! A disk that can be cut off: ext4 in an image file, on a loop device.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::namespace;

/// Waits for a line, then calls `ioctl(FS_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH)`: what is not on the
/// disk by then never gets there. No safe crate offers the call, and Python is on most machines.
const CUTTER: &str = "
import fcntl, os, struct, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(folder, 0x8004587D, struct.pack('I', 2))
print('cut', flush=True)
";

/// A mounted file system of its own. Dropping it unmounts it and removes the image.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    mounted: bool,
}

impl Disk {
    /// Makes a file system of so many bytes and mounts it.
    ///
    /// # Errors
    ///
    /// What is missing, or what the tool said.
    pub fn new(bytes: u64) -> Result<Self, String> {
        if !namespace::is_root() {
            return Err("a loop device takes root; run the program as root".to_owned());
        }
        let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
        let mut disk = Self {
            folder,
            mounted: false,
        };
        std::fs::create_dir(disk.root()).map_err(|error| format!("no mount point: {error}"))?;
        std::fs::File::create(disk.image())
            .and_then(|image| image.set_len(bytes))
            .map_err(|error| format!("no image: {error}"))?;
        // Without lazy initialization, so that no thread of the kernel writes to the disk meanwhile.
        run(Command::new("mkfs.ext4")
            .args(["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"])
            .arg(disk.image()))?;
        disk.mount()?;
        Ok(disk)
    }

    /// Where the file system is mounted.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Mounts it; the file system replays its own journal.
    pub fn mount(&mut self) -> Result<(), String> {
        let (image, root) = (self.image(), self.root());
        // Another process may have taken the loop device between its choice and its use.
        again_and_again(|| {
            run(Command::new("mount")
                .args(["-t", "ext4", "-o", "loop"])
                .args([&image, &root]))
        })?;
        self.mounted = true;
        Ok(())
    }

    /// Unmounts it, which may take a while after a process on it was killed.
    pub fn unmount(&mut self) -> Result<(), String> {
        let root = self.root();
        again_and_again(|| run(Command::new("umount").arg(&root)))?;
        self.mounted = false;
        Ok(())
    }

    /// Makes ready to cut the file system off.
    pub fn cutter(&self) -> Result<Cutter, String> {
        Cutter::start(&self.root())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted && self.unmount().is_err() {
            let _ = run(Command::new("umount").arg("--lazy").arg(self.root()));
        }
    }
}

/// A process that waits for the word to cut the file system off.
#[derive(Debug)]
pub struct Cutter {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Cutter {
    fn start(root: &Path) -> Result<Self, String> {
        let mut child = Command::new("python3")
            .args(["-I", "-c", CUTTER])
            .arg(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("python3 is needed for the cut: {error}"))?;
        let answers = BufReader::new(child.stdout.take().expect("the output is piped"));
        let mut cutter = Self { child, answers };
        cutter.expect("ready")?;
        Ok(cutter)
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(_) if line.trim() == word => Ok(()),
            Ok(_) => Err(format!("the file system cannot be cut off: {line:?}")),
            Err(error) => Err(format!("the file system cannot be cut off: {error}")),
        }
    }

    /// Cuts: nothing gets to the disk from here on.
    pub fn cut(mut self) -> Result<(), String> {
        let mut word = self.child.stdin.take().expect("the input is piped");
        word.write_all(b"cut\n")
            .map_err(|error| format!("the file system cannot be cut off: {error}"))?;
        self.expect("cut")
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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

fn run(command: &mut Command) -> Result<(), String> {
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
