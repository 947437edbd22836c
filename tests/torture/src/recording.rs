//! What a run did to the files of a log, in order: recorded by strace.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::io_errors::child;
use crate::strace::{self, Call, Strace};
use crate::told::{Line, Running};

/// A file, whatever its name.
pub type Inode = usize;

/// One thing done. Names are relative to the log's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A file got its first name.
    Create(String, Inode),
    /// A folder was made.
    Folder(String),
    /// A name was replaced by another.
    Rename(String, String),
    /// A name was removed.
    Remove(String),
    /// Bytes were written at an offset.
    Write(Inode, u64, Vec<u8>),
    /// A length was set.
    SetLen(Inode, u64),
    /// A file was synced.
    Sync(Inode),
    /// A sync of a file failed: the system may have dropped what was not synced before, and a later sync
    /// does not bring it back.
    FailedSync(Inode),
    /// The names in a folder were synced.
    SyncFolder(String),
    /// The child told something.
    Told(Line),
}

/// An operation and its place in time.
#[derive(Debug, Clone)]
pub struct Done {
    /// What was done.
    pub op: Op,
    /// When it had been done.
    pub at: usize,
    /// When it had begun: a sync covers what had been done before.
    pub began: usize,
}

/// The files before the run, all of them on stable storage, and what the run did.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The content of each file that was there before, by its inode.
    pub before: Vec<Vec<u8>>,
    /// The names before.
    pub names: HashMap<String, Inode>,
    /// The folders before.
    pub folders: Vec<String>,
    /// What was done.
    pub done: Vec<Done>,
    now: HashMap<String, Inode>,
    inodes: usize,
    clock: usize,
}

impl Recording {
    /// Starts with what is in `root` now.
    pub fn of(root: &Path) -> io::Result<Self> {
        let mut recording = Self::default();
        recording.read_folder(root, "")?;
        recording.now = recording.names.clone();
        recording.inodes = recording.before.len();
        Ok(recording)
    }

    fn read_folder(&mut self, root: &Path, folder: &str) -> io::Result<()> {
        let entries = match fs::read_dir(root.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if is_left_out(&name) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                self.folders.push(name.clone());
                self.read_folder(root, &name)?;
            } else {
                self.names.insert(name, self.before.len());
                self.before.push(fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Runs a load on the log and adds what it did. A fault may be injected.
    pub fn run(
        &mut self,
        root: &Path,
        kind: &str,
        life: u64,
        inject: Option<&str>,
    ) -> io::Result<()> {
        let trace = root.with_extension("trace");
        let strace = Strace {
            calls: "openat,write,writev,lseek,ftruncate,fsync,fdatasync,rename,unlink,mkdir"
                .to_owned(),
            inject: inject.map(str::to_owned),
            follow: true,
            whole: true,
            into: trace.clone(),
        };
        let mut command = strace.command();
        let child = child(kind, root, &["--life", &life.to_string()]);
        command.arg(child.get_program()).args(child.get_args());
        let told = Running::start(command)?.end();
        if !told.lines.contains(&Line::End) {
            let what = format!("the recorded child: {:?} {}", told.lines, told.stderr);
            return Err(io::Error::other(what));
        }
        let calls = strace::read(&trace);
        fs::remove_file(&trace)?;
        let mut files = HashMap::new();
        for (number, call) in calls.iter().enumerate() {
            let failed_sync = matches!(call.name.as_str(), "fsync" | "fdatasync");
            if !failed_sync && call.returned().is_none_or(|returned| returned < 0) {
                continue;
            }
            if let Some(op) = self.understand(root, call, &mut files) {
                self.done.push(Done {
                    op,
                    at: self.clock + number,
                    began: self.clock + call.began,
                });
            }
        }
        self.clock += calls.len();
        Ok(())
    }

    /// What a call did, if it did something to the log. `files` maps a descriptor to its file and offset.
    fn understand(
        &mut self,
        root: &Path,
        call: &Call,
        files: &mut HashMap<u64, (Inode, u64)>,
    ) -> Option<Op> {
        let strings: Vec<String> = call
            .arguments
            .split('"')
            .skip(1)
            .step_by(2)
            .map(|text| String::from_utf8_lossy(&strace::unhex(text)).into_owned())
            .collect();
        let inside = |path: &str| {
            let path = Path::new(path).strip_prefix(root).ok()?;
            let name = path.to_str()?.to_owned();
            (!is_left_out(&name)).then_some(name)
        };
        let descriptor = || call.arguments.split('<').next()?.parse::<u64>().ok();
        match call.name.as_str() {
            "writev" => {
                let line = strings.first()?.trim_end().to_owned();
                Some(Op::Told(Line::parse(&line)))
            }
            "mkdir" => match inside(strings.first()?)? {
                name if name.is_empty() => None,
                name => Some(Op::Folder(name)),
            },
            "openat" => {
                let opened = u64::try_from(call.returned()?).ok()?;
                files.remove(&opened);
                let name = inside(strings.first()?)?;
                let known = self.now.get(&name).copied();
                let inode = match known {
                    Some(inode) => inode,
                    None if call.arguments.contains("O_CREAT") => self.inodes,
                    None => return None,
                };
                files.insert(opened, (inode, 0));
                if known.is_none() {
                    self.inodes += 1;
                    self.now.insert(name.clone(), inode);
                    return Some(Op::Create(name, inode));
                }
                call.arguments
                    .contains("O_TRUNC")
                    .then_some(Op::SetLen(inode, 0))
            }
            "rename" => {
                let (from, to) = (inside(strings.first()?)?, inside(strings.get(1)?)?);
                let inode = self.now.remove(&from)?;
                self.now.insert(to.clone(), inode);
                Some(Op::Rename(from, to))
            }
            "unlink" => {
                let name = inside(strings.first()?)?;
                self.now.remove(&name)?;
                Some(Op::Remove(name))
            }
            "lseek" => {
                let (_, offset) = files.get_mut(&descriptor()?)?;
                *offset = u64::try_from(call.returned()?).ok()?;
                None
            }
            "write" => {
                let (inode, offset) = files.get_mut(&descriptor()?)?;
                let length = usize::try_from(call.returned()?).ok()?;
                let mut bytes = strace::unhex(call.arguments.split('"').nth(1)?);
                bytes.truncate(length);
                let op = Op::Write(*inode, *offset, bytes);
                *offset += length as u64;
                Some(op)
            }
            "ftruncate" => {
                let (inode, _) = files.get(&descriptor()?)?;
                let length = call.arguments.rsplit(", ").next()?.parse().ok()?;
                Some(Op::SetLen(*inode, length))
            }
            "fsync" | "fdatasync" => match files.get(&descriptor()?) {
                Some((inode, _)) if call.returned() == Some(0) => Some(Op::Sync(*inode)),
                Some((inode, _)) => Some(Op::FailedSync(*inode)),
                None => {
                    let path = String::from_utf8_lossy(&strace::unhex(call.file()?)).into_owned();
                    Some(Op::SyncFolder(inside(&path)?))
                }
            },
            _ => None,
        }
    }
}

/// The trees can be made again from the journal, and the lock holds nothing.
fn is_left_out(name: &str) -> bool {
    name == "LOCK" || name == "trees" || name.starts_with("trees/")
}

/// The folder that holds a name.
pub fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}
