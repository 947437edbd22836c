//! The log's directory: what lies where.
//!
//! ```text
//! agent.log/
//!   LOCK      locked by the one writing process; holds its pid as text
//!   FORMAT    what the log says of itself
//!   HEAD      a point that the journal had reached
//!   journal/  the segments
//!   trees/    a folder for each generation of the trees; the highest number counts
//! ```
//!
//! What is in FORMAT and HEAD: see [`small_file`](super::small_file). They are replaced whole, by a rename.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::journal::reader::Mark;
use super::journal::segment;
use super::small_file::{Format, SmallFileFlaw, VERSION, encode_head, parse_head};
use crate::error::{Error, Result};

/// In the folder of a generation of the trees that is broken.
const SET_ASIDE: &str = "SET_ASIDE";

/// What a directory turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Log(Format),
    /// Nothing, or the beginnings of a log whose creation was cut short.
    Nothing,
}

/// The paths of a log.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn head(&self) -> PathBuf {
        self.root.join("HEAD")
    }

    fn trees(&self) -> PathBuf {
        self.root.join("trees")
    }

    /// The folder of one generation of the trees.
    pub(crate) fn generation(&self, number: u64) -> PathBuf {
        self.trees().join(format!("{number:08}"))
    }

    /// Looks what is in the directory, without changing anything.
    pub(crate) fn look(&self) -> Result<Found> {
        let path = self.root.join("FORMAT");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match self.look_without_format() {
                    // Another process may have made the log between the two looks.
                    Err(_) if path.exists() => self.look(),
                    found => found,
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(self.not_a_log("a directory", "a file"));
            }
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        match Format::parse(&bytes) {
            Ok(format) => Ok(Found::Log(format)),
            Err(SmallFileFlaw::Version(found)) if found > VERSION => Err(Error::NewerFormat {
                path,
                found,
                supported: VERSION,
            }),
            Err(SmallFileFlaw::Magic) => {
                Err(self.not_a_log("a FORMAT file of a log", "a FORMAT file of something else"))
            }
            Err(flaw) => Err(Error::damaged(
                &path,
                0,
                None,
                "the log's format",
                flaw.to_string(),
            )),
        }
    }

    fn look_without_format(&self) -> Result<Found> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            entries => entries.map_err(Error::io("list", &self.root))?,
        };
        for entry in entries {
            let name = entry.map_err(Error::io("list", &self.root))?.file_name();
            match name.to_str() {
                Some("LOCK" | "FORMAT.tmp") => {}
                // A segment with events in it is no beginning.
                Some("journal") if self.journal_is_fresh()? => {}
                Some("journal") => {
                    return Err(self.not_a_log("a FORMAT file", "a journal without one"));
                }
                _ => return Err(self.not_a_log("a FORMAT file", format!("{}", name.display()))),
            }
        }
        Ok(Found::Nothing)
    }

    fn journal_is_fresh(&self) -> Result<bool> {
        let folder = self.journal();
        let segments = segment::list(&folder)?;
        for file in &segments {
            let length = fs::metadata(&file.path)
                .map_err(Error::io("look at", &file.path))?
                .len();
            if file.first_sequence != 0 || file.sealed || length > segment::HEADER as u64 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn not_a_log(&self, expected: &'static str, found: impl Into<String>) -> Error {
        Error::NotALog {
            path: self.root.clone(),
            expected,
            found: found.into(),
        }
    }

    /// Takes the lock of the one writer, until the file is dropped.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.root.join("LOCK");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The text is only for the message.
                let _ = file.read_to_string(&mut holder);
                return Err(Error::Locked {
                    path: self.root.clone(),
                    pid: holder.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        let note = |file: &mut File| {
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())
        };
        note(&mut file).map_err(Error::io("write to", &path))?;
        Ok(file)
    }

    /// Makes the folders of a new log, and makes their names durable.
    pub(crate) fn create_folders(&self) -> Result<()> {
        let journal = self.journal();
        let missing: Vec<_> = journal
            .ancestors()
            .take_while(|folder| !folder.exists())
            .collect();
        fs::create_dir_all(&journal).map_err(Error::io("create", &journal))?;
        for folder in missing {
            match folder.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => segment::sync_folder(parent)?,
                _ => segment::sync_folder(Path::new("."))?,
            }
        }
        Ok(())
    }

    /// Turns the directory into a log: the last step of its creation.
    pub(crate) fn write_format(&self, format: &Format) -> Result<()> {
        self.replace("FORMAT", &format.encode())
    }

    pub(crate) fn write_head(&self, log_id: [u8; 16], mark: &Mark) -> Result<()> {
        self.replace("HEAD", &encode_head(log_id, mark))
    }

    /// The point that the journal had reached at the last close or flush, if one was recorded.
    ///
    /// # Errors
    ///
    /// Damage, when HEAD is there but cannot be read.
    pub(crate) fn read_head(&self, log_id: [u8; 16]) -> Result<Option<Mark>> {
        let path = self.head();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(Error::io("read", &path))?,
        };
        match parse_head(log_id, &bytes) {
            Ok(mark) => Ok(Some(mark)),
            Err(flaw) => Err(Error::damaged(
                &path,
                0,
                None,
                "the journal's last known end",
                flaw.to_string(),
            )),
        }
    }

    /// The generations of the trees, oldest first.
    pub(crate) fn generations(&self) -> Result<Vec<u64>> {
        let folder = self.trees();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("list", &folder))?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("list", &folder))?.file_name();
            let number = name.to_str().filter(|name| name.len() == 8);
            numbers.extend(number.and_then(|name| name.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Notes that a generation of the trees is broken, and why, so that no later opening uses it.
    pub(crate) fn set_aside(&self, number: u64, reason: &str) {
        // Without the note, the next use finds out again.
        let _ = fs::write(self.generation(number).join(SET_ASIDE), reason);
    }

    /// Why a generation was set aside, if it was.
    pub(crate) fn set_aside_for(&self, number: u64) -> Option<String> {
        let reason = fs::read(self.generation(number).join(SET_ASIDE)).ok()?;
        Some(String::from_utf8_lossy(&reason).into_owned())
    }

    /// Removes one generation of the trees. It is gone, or it is not: either is fine.
    pub(crate) fn remove_generation(&self, number: u64) {
        let _ = fs::remove_dir_all(self.generation(number));
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let temporary = self.root.join(format!("{name}.tmp"));
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, self.root.join(name))
        };
        write().map_err(Error::io("write", &self.root.join(name)))?;
        segment::sync_folder(&self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        assert_eq!(layout.look().unwrap(), Found::Nothing);
        assert_eq!(
            Layout::new(&folder.path().join("none")).look().unwrap(),
            Found::Nothing
        );
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        assert!(matches!(layout.look(), Err(Error::NotALog { .. })));
        assert!(matches!(
            Layout::new(&folder.path().join("notes.txt")).look(),
            Err(Error::NotALog { .. })
        ));
    }
}
