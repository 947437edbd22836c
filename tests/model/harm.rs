//! What befalls a log's directory while nobody has it open.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::support::{
    FrameAt, SEGMENT_HEADER, count_in_head, files_below, frames, segments, u64_at,
};

#[derive(Debug, Clone)]
pub(crate) enum Harm {
    /// Bytes behind the last frame that are no frame.
    Garbage(Vec<u8>),
    /// The beginning of a frame behind the last one.
    HalfFrame(u16),
    /// The journal's end is lost from some byte on, as far as it was not synced.
    Cut(u16),
    /// Eight bytes of a frame that was not synced never reached the disk, though later ones did.
    Hole(u16, u16),
    /// The trees are gone.
    NoTrees,
    /// A file of the trees is not what it was.
    TreeFile(u16, u16, Spoiling),
    /// HEAD is gone.
    NoHead,
    /// A bit of HEAD is another.
    SpoiledHead(u8),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Spoiling {
    Flip,
    Zeros,
    Truncate,
    Remove,
}

pub(crate) fn harm() -> impl Strategy<Value = Harm> {
    let spoiling = prop_oneof![
        3 => Just(Spoiling::Flip),
        2 => Just(Spoiling::Zeros),
        1 => Just(Spoiling::Truncate),
        1 => Just(Spoiling::Remove),
    ];
    prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 1..100).prop_map(Harm::Garbage),
        2 => any::<u16>().prop_map(Harm::HalfFrame),
        4 => any::<u16>().prop_map(Harm::Cut),
        3 => (any::<u16>(), any::<u16>()).prop_map(|(frame, place)| Harm::Hole(frame, place)),
        2 => Just(Harm::NoTrees),
        3 => (any::<u16>(), any::<u16>(), spoiling)
            .prop_map(|(file, place, how)| Harm::TreeFile(file, place, how)),
        1 => Just(Harm::NoHead),
        1 => any::<u8>().prop_map(Harm::SpoiledHead),
    ]
}

/// What the next opening must find.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// The events that are left; `None` if all.
    pub(crate) events: Option<u64>,
    pub(crate) torn_bytes: u64,
    pub(crate) trees_lost: bool,
    pub(crate) trees_spoiled: bool,
    pub(crate) head_ignored: bool,
}

/// Does it. `synced` is the number of events that must survive.
pub(crate) fn inflict(log: &Path, harms: &[Harm], synced: u64) -> Expected {
    let mut expected = Expected::default();
    let mut tail_harmed = false;
    for harm in harms {
        match harm {
            Harm::Garbage(_) | Harm::HalfFrame(_) | Harm::Cut(_) | Harm::Hole(..) => {
                if !std::mem::replace(&mut tail_harmed, true) {
                    harm_tail(log, harm, synced, &mut expected);
                }
            }
            Harm::NoTrees => {
                let _ = fs::remove_dir_all(log.join("trees"));
                expected.trees_lost = true;
                expected.trees_spoiled = false;
            }
            Harm::TreeFile(file, place, how) => {
                expected.trees_spoiled |= spoil_tree_file(log, *file, *place, *how);
            }
            Harm::NoHead => {
                let _ = fs::remove_file(log.join("HEAD"));
                expected.head_ignored = false;
            }
            Harm::SpoiledHead(place) => {
                let path = log.join("HEAD");
                let Ok(mut bytes) = fs::read(&path) else {
                    continue;
                };
                let place = usize::from(*place) % bytes.len();
                if !expected.head_ignored {
                    bytes[place] ^= 0x10;
                    fs::write(&path, bytes).unwrap();
                    expected.head_ignored = true;
                }
            }
        }
    }
    expected
}

fn harm_tail(log: &Path, harm: &Harm, synced: u64, expected: &mut Expected) {
    let synced = synced.max(count_in_head(log));
    let path = segments(log).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let all = frames(&bytes);
    let end = all.last().map_or(SEGMENT_HEADER, FrameAt::end);
    // What a later frame knows to be synced is not lost either.
    let known = all
        .iter()
        .map(|frame| u64_at(&bytes, frame.offset + 32))
        .max()
        .unwrap_or(0);
    let synced = synced.max(known);
    let unsynced: Vec<_> = all
        .iter()
        .filter(|frame| frame.first_sequence >= synced)
        .collect();
    let mut good_end = end;
    match harm {
        Harm::Garbage(garbage) => {
            // Zeros may be written ahead.
            bytes.resize(bytes.len().max(end + garbage.len()), 0);
            bytes[end..end + garbage.len()].copy_from_slice(garbage);
        }
        Harm::HalfFrame(part) => {
            if let Some(frame) = all.last() {
                let part = 4 + usize::from(*part) % (frame.used() - 4);
                let half = bytes[frame.offset..frame.offset + part].to_vec();
                bytes.resize(bytes.len().max(end + part), 0);
                bytes[end..end + part].copy_from_slice(&half);
            }
        }
        Harm::Cut(place) => {
            if let Some(first) = unsynced.first() {
                let cut = first.offset + usize::from(*place) % (end - first.offset);
                bytes.truncate(cut);
                // A frame that lost nothing but its padding is whole.
                let lost = unsynced
                    .iter()
                    .find(|frame| frame.offset + frame.used() > cut);
                if let Some(lost) = lost {
                    good_end = lost.offset;
                    expected.events = Some(lost.first_sequence);
                }
            }
        }
        Harm::Hole(frame, place) if !unsynced.is_empty() => {
            let frame = unsynced[usize::from(*frame) % unsynced.len()];
            let start = frame.offset + usize::from(*place) % (frame.used() - 8);
            if bytes[start..start + 8] != [0; 8] {
                bytes[start..start + 8].fill(0);
                good_end = frame.offset;
                expected.events = Some(frame.first_sequence);
            }
        }
        _ => {}
    }
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    expected.torn_bytes = last.saturating_sub(good_end) as u64;
    fs::write(&path, bytes).unwrap();
}

fn spoil_tree_file(log: &Path, file: u16, place: u16, how: Spoiling) -> bool {
    let trees = log.join("trees");
    let files: Vec<_> = files_below(&trees)
        .into_iter()
        .filter(|path| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0))
        .collect();
    if files.is_empty() {
        return false;
    }
    let path = &files[usize::from(file) % files.len()];
    let mut bytes = fs::read(path).unwrap();
    // sled leaves much of its file empty: what is harmed should hold something.
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    let place = usize::from(place) * used / 65_536;
    match how {
        Spoiling::Flip => bytes[place] ^= 1 << (place % 8),
        Spoiling::Zeros => {
            let end = used.min(place + 512);
            bytes[place..end].fill(0);
        }
        Spoiling::Truncate => bytes.truncate(place),
        Spoiling::Remove => {
            fs::remove_file(path).unwrap();
            return true;
        }
    }
    fs::write(path, bytes).unwrap();
    true
}
