//! A disk whose power can be cut: ext4 in an image file, on a loop device.
//!
//! There are two ways to cut. **Shutdown**: the file system is told to let nothing more get to the disk. It is
//! still there, and so are its callers, who hear errors, or what a sync answers that was under way. **Snapshot**:
//! the image is copied at one moment, while everything goes on, and the copy takes its place. What had got to
//! the disk at that moment is all there is; no caller notices, and no call can answer falsely.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::clock::{self, Span};
use crate::mount::{Kind, Mount, run};

/// Waits for a line, then calls `ioctl(FS_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH)`: what is not on the
/// disk by then never gets there. No safe crate offers the call, and Python is on most machines.
const CUTTER: &str = "
import fcntl, os, struct, sys, time
folder = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
began = time.monotonic_ns()
fcntl.ioctl(folder, 0x8004587D, struct.pack('I', 2))
print('cut', began, time.monotonic_ns(), flush=True)
";

/// How power is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `FS_IOC_SHUTDOWN` with NOLOGFLUSH.
    Shutdown,
    /// A copy of the disk at one moment.
    Snapshot,
}

/// Both.
pub const METHODS: [Method; 2] = [Method::Shutdown, Method::Snapshot];

impl Method {
    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::Snapshot => "snapshot",
        }
    }
}

/// A mounted file system of its own. Dropping it unmounts it and removes the image.
#[derive(Debug)]
pub struct Disk {
    // They go in this order.
    disk: Mount,
    store: Option<Mount>,
    folder: TempDir,
}

impl Disk {
    /// Makes a file system of so many bytes and mounts it.
    ///
    /// # Errors
    ///
    /// What is missing, or what the tool said.
    pub fn new(bytes: u64) -> Result<Self, String> {
        let folder = folder()?;
        let root = folder.path();
        let disk = Mount::new(
            Kind::Ext4,
            &root.join("image"),
            &root.join("mounted"),
            bytes,
        )?;
        Ok(Self {
            disk,
            store: None,
            folder,
        })
    }

    /// The same, on a store that can take snapshots of it if the method asks for that.
    pub fn for_cuts(method: Method, bytes: u64) -> Result<Self, String> {
        if method == Method::Shutdown {
            return Self::new(bytes);
        }
        let folder = folder()?;
        let root = folder.path();
        let (outer, inside) = (root.join("outer"), root.join("store"));
        let store = Mount::new(Kind::Xfs, &outer, &inside, 3 * bytes)?;
        let disk = Mount::new(
            Kind::Ext4,
            &inside.join("image"),
            &root.join("mounted"),
            bytes,
        )?;
        Ok(Self {
            disk,
            store: Some(store),
            folder,
        })
    }

    /// Where the file system is mounted.
    pub fn root(&self) -> PathBuf {
        self.disk.root().to_path_buf()
    }

    /// Makes ready to cut the power.
    pub fn cutter(&self) -> Result<Cutter, String> {
        match &self.store {
            None => Shutdown::start(self.disk.root()).map(Cutter::Shutdown),
            Some(store) => Ok(Cutter::Snapshot(store.root().to_path_buf())),
        }
    }

    /// Brings back what was on the disk when it was cut.
    pub fn power_on(&mut self) -> Result<(), String> {
        self.disk.unmount()?;
        if let Some(store) = &self.store {
            let (next, image) = (store.root().join("next"), store.root().join("image"));
            std::fs::rename(next, image)
                .map_err(|error| format!("no snapshot in {:?}: {error}", self.folder.path()))?;
        }
        self.disk.mount()
    }
}

fn folder() -> Result<TempDir, String> {
    tempfile::tempdir().map_err(|error| format!("no folder: {error}"))
}

/// What cuts the power when it is told to.
#[derive(Debug)]
pub enum Cutter {
    /// By shutting the file system down.
    Shutdown(Shutdown),
    /// By copying the image in this folder.
    Snapshot(PathBuf),
}

impl Cutter {
    /// Cuts. What was answered before the span began is on the disk, and nothing that was called after it ended is
    /// answered for: a snapshot's span has no end.
    pub fn cut(self) -> Result<Span, String> {
        match self {
            Self::Shutdown(shutdown) => shutdown.cut(),
            Self::Snapshot(store) => {
                let began = clock::now();
                // A clone takes the file's lock: no write of the loop device is in it by half.
                run(Command::new("cp")
                    .arg("--reflink=always")
                    .args([store.join("image"), store.join("next")]))?;
                Ok(Span {
                    began,
                    ended: u64::MAX,
                })
            }
        }
    }
}

/// A process that waits for the word to shut the file system down.
#[derive(Debug)]
pub struct Shutdown {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Shutdown {
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
        match cutter.answer()?.as_str() {
            "ready" => Ok(cutter),
            other => Err(format!("the file system cannot be cut off: {other:?}")),
        }
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .map_err(|error| format!("the file system cannot be cut off: {error}"))?;
        Ok(line.trim().to_owned())
    }

    fn cut(mut self) -> Result<Span, String> {
        let mut word = self.child.stdin.take().expect("the input is piped");
        word.write_all(b"cut\n")
            .map_err(|error| format!("the file system cannot be cut off: {error}"))?;
        let answer = self.answer()?;
        let times = || {
            let (began, ended) = answer.strip_prefix("cut ")?.split_once(' ')?;
            Some(Span {
                began: began.parse().ok()?,
                ended: ended.parse().ok()?,
            })
        };
        times().ok_or_else(|| format!("the file system cannot be cut off: {answer:?}"))
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
