//! The states that a crash may leave of recorded files.
//!
//! What was synced is there. Of each write since, any of its sectors may be there or not, whatever became of
//! earlier writes; a length may be any that the file had since. Names change in order, folder by folder, as
//! every journaling file system has it: a beginning of the changes since the folder's last sync is there.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;

use crate::recording::{Op, Recording, folder_of};
use crate::workload::Random;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// Torn writes of up to so many sectors are tried in every way.
const ALL_WAYS: usize = 6;
/// Of so many unsynced writes, every subset is tried.
const ALL_SUBSETS: usize = 5;
/// What is there of one unsynced change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// Nothing.
    None,
    /// These sectors.
    Sectors(Vec<bool>),
}

/// How long a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// As what is there of its changes makes it.
    Natural,
    /// As it was synced.
    Synced,
    /// As it was last.
    Last,
}

/// One choice among what may be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Of the unsynced changes of files, in order.
    pub parts: Vec<Part>,
    /// Of the lengths of all files.
    pub length: Length,
    /// How many unsynced changes of names are there, by folder; all of them if it is not named.
    pub names: BTreeMap<String, usize>,
}

/// The moment after so many operations.
#[derive(Debug)]
pub struct Moment<'a> {
    recording: &'a Recording,
    until: usize,
    /// Unsynced changes of files, as places in the recording.
    unsynced: Vec<usize>,
    /// Unsynced changes of names, by folder.
    names: BTreeMap<String, Vec<usize>>,
}

/// The files of one state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    folders: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl<'a> Moment<'a> {
    /// The moment after the first `until` operations.
    pub fn new(recording: &'a Recording, until: usize) -> Self {
        let mut moment = Self {
            recording,
            until,
            unsynced: Vec::new(),
            names: BTreeMap::new(),
        };
        // From the last operation back: what was synced, and up to when.
        let mut files: HashMap<usize, usize> = HashMap::new();
        // The same before the last sync that failed, and when that was.
        let mut before: HashMap<usize, usize> = HashMap::new();
        let mut dropped: HashMap<usize, usize> = HashMap::new();
        let mut folders: HashMap<&str, usize> = HashMap::new();
        for (place, done) in recording.done.iter().enumerate().take(until).rev() {
            match &done.op {
                Op::FailedSync(inode) => {
                    // A later sync covers only what was written after this one.
                    let since = dropped.entry(*inode).or_default();
                    *since = (*since).max(done.at);
                }
                Op::Sync(inode) if dropped.contains_key(inode) => {
                    let covered = before.entry(*inode).or_default();
                    *covered = (*covered).max(done.began);
                }
                Op::Sync(inode) => {
                    let covered = files.entry(*inode).or_default();
                    *covered = (*covered).max(done.began);
                }
                Op::SyncFolder(folder) => {
                    let covered = folders.entry(folder).or_default();
                    *covered = (*covered).max(done.began);
                }
                Op::Write(inode, ..) | Op::SetLen(inode, _) => {
                    let covered = match dropped.get(inode) {
                        Some(since) if done.at < *since => before.get(inode),
                        _ => files.get(inode),
                    };
                    if covered.is_none_or(|covered| done.at >= *covered) {
                        moment.unsynced.push(place);
                    }
                }
                Op::Create(name, _) | Op::Folder(name) | Op::Rename(name, _) | Op::Remove(name) => {
                    let folder = folder_of(name);
                    if folders
                        .get(folder)
                        .is_none_or(|covered| done.at >= *covered)
                    {
                        let unsynced = moment.names.entry(folder.to_owned()).or_default();
                        unsynced.push(place);
                    }
                }
                Op::Told(_) => {}
            }
        }
        moment.unsynced.reverse();
        for names in moment.names.values_mut() {
            names.reverse();
        }
        moment
    }

    /// Nothing but what was synced.
    pub fn synced(&self) -> Choice {
        Choice {
            parts: vec![Part::None; self.unsynced.len()],
            length: Length::Natural,
            names: self.names.keys().map(|name| (name.clone(), 0)).collect(),
        }
    }

    /// The choices to try, `more` of them random.
    pub fn choices(&self, random: &mut Random, more: u64) -> Vec<Choice> {
        let count = self.unsynced.len();
        let with = |parts: Vec<Part>| Choice {
            parts,
            length: Length::Natural,
            names: BTreeMap::new(),
        };
        let mut choices = Vec::new();
        // Beginnings of the writes.
        for kept in 0..=count {
            let parts = (0..count).map(|place| Part::whole(place < kept)).collect();
            choices.push(with(parts));
        }
        // Lengths that the content has not.
        for length in [Length::Synced, Length::Last] {
            for kept in [0, count] {
                let parts = (0..count).map(|place| Part::whole(place < kept)).collect();
                choices.push(Choice {
                    length,
                    ..with(parts)
                });
            }
        }
        // Later writes without earlier ones.
        if count <= ALL_SUBSETS {
            for subset in 0..1_u32 << count {
                let parts = (0..count).map(|place| Part::whole(subset >> place & 1 == 1));
                choices.push(with(parts.collect()));
            }
        }
        for missing in 0..count {
            let parts = (0..count).map(|place| Part::whole(place != missing));
            choices.push(with(parts.collect()));
        }
        // The last write torn.
        if let Some(sectors) = self.unsynced.last().map(|place| self.sectors(*place))
            && sectors > 1
        {
            let ways: Vec<Vec<bool>> = if sectors <= ALL_WAYS {
                let subsets = 0..1_u32 << sectors;
                let way = |subset: u32| (0..sectors).map(|s| subset >> s & 1 == 1).collect();
                subsets.map(way).collect()
            } else {
                (0..more).map(|_| flips(sectors, random)).collect()
            };
            for way in ways {
                let mut parts = vec![Part::All; count];
                if let Some(last) = parts.last_mut() {
                    *last = Part::Sectors(way);
                }
                choices.push(with(parts));
            }
        }
        // Any sectors of any writes, of any length.
        for _ in 0..if count > 0 { more } else { 0 } {
            let part = |place: &usize| Part::Sectors(flips(self.sectors(*place), random));
            let parts = self.unsynced.iter().map(part).collect();
            let lengths = [Length::Natural, Length::Synced, Length::Last];
            let length = lengths.get(random.below(3) as usize).copied();
            choices.push(Choice {
                length: length.unwrap_or(Length::Natural),
                ..with(parts)
            });
        }
        // Beginnings of the changes of names.
        for (folder, changes) in &self.names {
            for kept in 0..changes.len() {
                for there in [true, false] {
                    choices.push(Choice {
                        names: [(folder.clone(), kept)].into(),
                        ..with(vec![Part::whole(there); count])
                    });
                }
            }
        }
        choices
    }

    fn sectors(&self, place: usize) -> usize {
        match self.recording.done.get(place).map(|done| &done.op) {
            Some(Op::Write(_, offset, bytes)) => pieces(*offset, bytes.len()).count(),
            _ => 1,
        }
    }

    /// The files as a choice has them.
    pub fn state(&self, choice: &Choice) -> State {
        let recording = self.recording;
        let parts: HashMap<usize, &Part> =
            self.unsynced.iter().copied().zip(&choice.parts).collect();
        let lost: Vec<usize> = self
            .names
            .iter()
            .filter_map(|(folder, changes)| Some((changes, *choice.names.get(folder)?)))
            .flat_map(|(changes, kept)| changes.iter().skip(kept).copied())
            .collect();
        let mut names = recording.names.clone();
        let mut folders = recording.folders.clone();
        let mut contents: HashMap<usize, Content> = recording
            .before
            .iter()
            .enumerate()
            .map(|(inode, bytes)| (inode, Content::new(bytes.clone())))
            .collect();
        for (place, done) in recording.done.iter().enumerate().take(self.until) {
            if lost.contains(&place) {
                continue;
            }
            match &done.op {
                Op::Create(name, inode) => {
                    names.insert(name.clone(), *inode);
                }
                Op::Folder(name) => folders.push(name.clone()),
                Op::Rename(from, to) => {
                    if let Some(inode) = names.remove(from) {
                        names.insert(to.clone(), inode);
                    }
                }
                Op::Remove(name) => {
                    names.remove(name);
                }
                Op::Write(inode, offset, bytes) => {
                    let part = parts.get(&place).copied();
                    contents
                        .entry(*inode)
                        .or_default()
                        .write(*offset, bytes, part);
                }
                Op::SetLen(inode, length) => {
                    let part = parts.get(&place).copied();
                    contents.entry(*inode).or_default().set_len(*length, part);
                }
                Op::Sync(_) | Op::FailedSync(_) | Op::SyncFolder(_) | Op::Told(_) => {}
            }
        }
        // What lies in a folder is lost with the folder.
        let there = |name: &String| {
            let folder = folder_of(name);
            folder.is_empty() || folders.iter().any(|other| other == folder)
        };
        let files = names
            .into_iter()
            .filter(|(name, _)| there(name))
            .map(|(name, inode)| {
                let content = contents.get(&inode).cloned().unwrap_or_default();
                (name, content.take(choice.length))
            })
            .collect();
        State { folders, files }
    }
}

/// The bytes of a file, and the lengths it had.
#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: usize,
    last: usize,
}

impl Content {
    fn new(bytes: Vec<u8>) -> Self {
        Self {
            synced: bytes.len(),
            last: bytes.len(),
            bytes,
        }
    }

    /// `part` is what is there of an unsynced write; a synced one has none.
    fn write(&mut self, offset: u64, bytes: &[u8], part: Option<&Part>) {
        let offset = usize::try_from(offset).unwrap_or_default();
        self.last = self.last.max(offset + bytes.len());
        for (number, piece) in pieces(offset as u64, bytes.len()).enumerate() {
            let there = match part {
                None | Some(Part::All) => true,
                Some(Part::None) => false,
                Some(Part::Sectors(sectors)) => sectors.get(number).copied().unwrap_or(false),
            };
            if there {
                let (from, to) = (offset + piece.start, offset + piece.end);
                if self.bytes.len() < to {
                    self.bytes.resize(to, 0);
                }
                self.bytes[from..to].copy_from_slice(&bytes[piece]);
            }
        }
        if part.is_none() {
            self.synced = self.synced.max(offset + bytes.len());
        }
    }

    fn set_len(&mut self, length: u64, part: Option<&Part>) {
        let length = usize::try_from(length).unwrap_or_default();
        self.last = length;
        let there = match part {
            None | Some(Part::All) => true,
            Some(Part::None) => false,
            Some(Part::Sectors(sectors)) => sectors.first().copied().unwrap_or(false),
        };
        if there {
            self.bytes.resize(length, 0);
        }
        if part.is_none() {
            self.synced = length;
        }
    }

    fn take(mut self, length: Length) -> Vec<u8> {
        match length {
            Length::Natural => {}
            Length::Synced => self.bytes.resize(self.synced, 0),
            Length::Last => self.bytes.resize(self.last, 0),
        }
        self.bytes
    }
}

impl Part {
    fn whole(there: bool) -> Self {
        if there { Self::All } else { Self::None }
    }
}

impl State {
    /// What tells this state from others.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// Makes the files.
    pub fn make(&self, root: &Path) -> io::Result<()> {
        fs::create_dir_all(root)?;
        for folder in &self.folders {
            fs::create_dir_all(root.join(folder))?;
        }
        for (name, bytes) in &self.files {
            fs::write(root.join(name), bytes)?;
        }
        Ok(())
    }

    /// The names and lengths of its files.
    pub fn summary(&self) -> String {
        let files = self.files.iter();
        let files = files.map(|(name, bytes)| format!("{name} {}", bytes.len()));
        files.collect::<Vec<_>>().join(", ")
    }
}

fn flips(sectors: usize, random: &mut Random) -> Vec<bool> {
    (0..sectors).map(|_| random.below(2) == 1).collect()
}

/// The sectors that a write touches, as ranges of its bytes.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let into = usize::try_from(offset % SECTOR as u64).unwrap_or_default();
    let sectors = (into + length).div_ceil(SECTOR);
    (0..sectors).map(move |sector| {
        let start = (sector * SECTOR).max(into) - into;
        start..((sector + 1) * SECTOR - into).min(length)
    })
}
