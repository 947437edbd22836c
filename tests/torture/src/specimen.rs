//! A log to be damaged: closed in order, or as a killed process left it. It is never touched itself, only
//! copies of it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use experience_log::{ExperienceEventEnvelope, LogReader, Options};

use crate::life::{Life, Mode};
use crate::workload::Random;
use crate::writer::Writer;

/// Bytes before the first frame of a segment, of a frame's header, and of its hash.
const SEGMENT_HEADER: usize = 72;
const FRAME_HEADER: usize = 40;
const FRAME_HASH: usize = 32;
/// Where HEAD says how many events there were.
const HEAD_COUNT: usize = 32;

/// A frame of the last segment.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Where it starts.
    pub start: usize,
    /// Where it ends, with its padding.
    pub end: usize,
    /// The sequence number of its first event.
    pub first_sequence: u64,
    /// How many events it knew to be synced.
    pub synced: u64,
}

/// The kind of a log's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A segment that is written, or waits to be sealed.
    Plain,
    /// A sealed segment.
    Sealed,
    /// A file of the trees.
    Trees,
    /// HEAD.
    Head,
    /// FORMAT.
    Format,
    /// LOCK.
    Lock,
}

impl FileKind {
    /// Tells it by the path in the log.
    fn of(path: &Path) -> Option<Self> {
        Some(match path.to_str()? {
            "HEAD" => Self::Head,
            "FORMAT" => Self::Format,
            "LOCK" => Self::Lock,
            text if text.starts_with("trees/") => Self::Trees,
            _ if path.extension() == Some(OsStr::new("seg")) => Self::Plain,
            _ if path.extension() == Some(OsStr::new("segz")) => Self::Sealed,
            _ => return None,
        })
    }

    /// How a report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain segments",
            Self::Sealed => "sealed segments",
            Self::Trees => "trees",
            Self::Head => "HEAD",
            Self::Format => "FORMAT",
            Self::Lock => "LOCK",
        }
    }
}

/// A log to be damaged.
#[derive(Debug)]
pub struct Specimen {
    /// `closed` or `crashed`.
    pub name: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// How it was opened.
    pub options: Options,
    /// What it holds.
    pub events: Vec<ExperienceEventEnvelope>,
    /// Its files by kind, as paths in the log.
    pub files: BTreeMap<FileKind, Vec<PathBuf>>,
    /// The last segment.
    pub last_segment: PathBuf,
    /// The frames of the last segment.
    pub frames: Vec<Frame>,
    /// How many events its HEAD tells of: no crash can have lost one of them.
    pub known: u64,
    /// How many of its events, from the front, were acknowledged.
    pub acknowledged: u64,
}

impl Specimen {
    /// Lets a process write a log, kills it, and makes a closed log of a copy.
    pub fn pair(folder: &Path, seed: u64, life: u64, random: &mut Random) -> [Self; 2] {
        let (crashed, closed) = (folder.join("crashed"), folder.join("closed"));
        let plan = Life {
            log: crashed.clone(),
            seed,
            life,
            writers: if random.below(2) == 0 { 1 } else { 8 },
            mode: Mode::Append,
            segment_bytes: 32 << 10,
            memtable_events: 256,
            large: false,
            without_sync: false,
            retry: None,
        };
        let writer = Writer::start(&plan);
        assert!(
            writer.wait_until_open(),
            "the log to be damaged is not made"
        );
        thread::sleep(Duration::from_millis(150 + random.below(150)));
        let ended = writer.kill();
        assert_eq!(ended.by_itself, None, "the writer ended by itself");
        let acks = ended.told.acks.iter();
        let acknowledged = acks.map(|ack| ack.sequence + 1).max().unwrap_or(0);

        copy(&crashed, &closed);
        let log = plan.options().open(&closed).expect("a killed log opens");
        log.flush().expect("a log can be flushed");
        for _ in 0..500 {
            let stats = log.stats().expect("a log can be counted");
            if stats.sealed_segments + 1 >= stats.segments {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        log.close().expect("a log can be closed");
        [
            Self::of("crashed", crashed, plan.options(), acknowledged),
            Self::of("closed", closed, plan.options(), acknowledged),
        ]
    }

    fn of(name: &'static str, path: PathBuf, options: Options, acknowledged: u64) -> Self {
        let events: Vec<_> = LogReader::open(&path)
            .and_then(|log| log.replay(0))
            .expect("an intact log can be read")
            .map(|entry| entry.and_then(|entry| entry.envelope()))
            .collect::<experience_log::Result<_>>()
            .expect("an intact log can be read");
        assert!(
            events.len() as u64 >= acknowledged.max(1),
            "a kill lost acknowledged events"
        );
        let mut files: BTreeMap<FileKind, Vec<PathBuf>> = BTreeMap::new();
        for file in list(&path) {
            if let Some(kind) = FileKind::of(&file) {
                files.entry(kind).or_default().push(file);
            }
        }
        let last_segment = files
            .get(&FileKind::Plain)
            .and_then(|plain| plain.iter().max())
            .expect("the last segment is plain")
            .clone();
        let frames = frames(&read(&path.join(&last_segment)));
        let known = fs::read(path.join("HEAD"))
            .ok()
            .and_then(|head| number(&head, HEAD_COUNT))
            .unwrap_or(0);
        Self {
            name,
            path,
            options,
            events,
            files,
            last_segment,
            frames,
            known,
            acknowledged,
        }
    }

    /// Copies it to `path`.
    pub fn copy_to(&self, path: &Path) {
        copy(&self.path, path);
    }
}

/// Reads a file of a log.
pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A hash of all names and contents below a directory.
pub fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in list(path) {
        file.hash(&mut hasher);
        read(&path.join(file)).hash(&mut hasher);
    }
    hasher.finish()
}

/// All files below a directory, as paths in it, in order.
fn list(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(inside) = path.strip_prefix(root) {
                files.push(inside.to_path_buf());
            }
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in list(from) {
        let target = to.join(&file);
        let folder = target.parent().unwrap_or(to);
        fs::create_dir_all(folder)
            .and_then(|()| fs::copy(from.join(&file), &target))
            .unwrap_or_else(|error| panic!("copying to {}: {error}", target.display()));
    }
}

/// The frames of a plain segment, as the format's picture has them.
fn frames(segment: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut start = SEGMENT_HEADER;
    while segment.get(start..start + 4) == Some(b"XFR1") {
        let body = number(segment, start + 8).unwrap_or(0) as u32 as usize;
        let end = (start + FRAME_HEADER + body + FRAME_HASH).next_multiple_of(8);
        let (Some(first_sequence), Some(synced)) =
            (number(segment, start + 16), number(segment, start + 32))
        else {
            break;
        };
        frames.push(Frame {
            start,
            end,
            first_sequence,
            synced,
        });
        start = end;
    }
    frames
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    bytes.try_into().ok().map(u64::from_le_bytes)
}
