//! Made the golden files, once. It refuses to write over them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use experience_log::{Durability, ExperienceEvent, ExperienceEventEnvelope, ExperienceLog, codec};

use super::{envelopes, fixtures, hex};
use crate::support::{FRAME_HEADER, FrameAt, SEGMENT_HEADER, copy_folder, frames, segments};

#[test]
#[ignore = "the files it makes are frozen"]
fn generate() {
    let root = fixtures();
    assert!(
        !root.join("log").exists(),
        "golden files are never replaced"
    );
    let envelopes = envelopes("envelopes.jsonl");
    let stored: Vec<_> = envelopes
        .iter()
        .map(|envelope| hex(&codec::encode(envelope).unwrap()) + "\n")
        .collect();
    fs::write(root.join("envelopes.hex"), stored.concat()).unwrap();

    // Batches of one to five events.
    let mut batches = Vec::new();
    let mut rest = envelopes.as_slice();
    while !rest.is_empty() {
        let (batch, others) = rest.split_at(rest.len().min(1 + batches.len() % 5));
        batches.push(batch.to_vec());
        rest = others;
    }
    make_log(&root.join("log"), &batches);
    damage_logs(&root.join("damaged"));
}

/// Eight events, in three segments of which the last one holds four.
pub(crate) fn damaged_events() -> Vec<ExperienceEventEnvelope> {
    let event = |number: usize| {
        let event = ExperienceEvent::BudgetExceeded {
            chain_id: "chain-1".into(),
            resource: "tokens ".repeat(if number < 4 { 260 } else { 10 }),
            limit: "1024".into(),
            observed: None,
        };
        ExperienceEventEnvelope::new(format!("e-{number}"), event)
            .with_tenant("tenant-a")
            .with_timestamp(format!("2026-01-21T12:00:0{number}Z"))
    };
    (0..8).map(event).collect()
}

/// A closed log without trees, all complete segments sealed.
fn make_log(path: &Path, batches: &[Vec<ExperienceEventEnvelope>]) {
    let log = ExperienceLog::options()
        .durability(Durability::Sync)
        .segment_bytes(4096)
        .open(path)
        .unwrap();
    for batch in batches {
        log.append_batch(batch).unwrap();
    }
    // Segments are sealed after a flush.
    log.flush().unwrap();
    let sealed = || {
        let stats = log.stats().unwrap();
        stats.sealed_segments + 1 == stats.segments
    };
    while !sealed() {
        thread::yield_now();
    }
    log.close().unwrap();
    fs::remove_dir_all(path.join("trees")).unwrap();
    fs::remove_file(path.join("LOCK")).unwrap();
}

/// Makes damaged logs out of one that is whole.
struct Workshop {
    root: PathBuf,
    one: PathBuf,
    /// Another log of the same events.
    other: PathBuf,
    /// The segments, two sealed and one plain.
    first: PathBuf,
    middle: PathBuf,
    last: PathBuf,
    /// The frames of the last one.
    frames: Vec<FrameAt>,
}

impl Workshop {
    /// A copy to be damaged.
    fn copy(&self, name: &str) -> PathBuf {
        let path = self.root.join(name);
        copy_folder(&self.one, &path);
        path
    }

    /// A copy with a change to one of its files.
    fn changed(&self, name: &str, file: &Path, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let path = self.copy(name);
        let mut bytes = fs::read(path.join(file)).unwrap();
        change(&mut bytes);
        fs::write(path.join(file), bytes).unwrap();
        path
    }

    fn read(&self, file: &Path) -> Vec<u8> {
        fs::read(self.one.join(file)).unwrap()
    }
}

fn damage_logs(root: &Path) {
    let events = damaged_events();
    let batches: Vec<_> = events.iter().map(|event| vec![event.clone()]).collect();
    let whole = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| whole.path().join(name));
    make_log(&one, &batches);
    make_log(&other, &batches);
    let names = segments(&one);
    assert_eq!(names.len(), 3, "{names:?}");
    let [first, middle, last] =
        [0, 1, 2].map(|place| names[place].strip_prefix(&one).unwrap().to_owned());
    let frames = frames(&fs::read(one.join(&last)).unwrap());
    assert_eq!(frames.len(), 4);
    let workshop = Workshop {
        root: root.to_owned(),
        one,
        other,
        first,
        middle,
        last,
        frames,
    };
    flip_bits(&workshop);
    tamper(&workshop);
    lose_files(&workshop);
    cut(&workshop);
    put_in_what_does_not_belong(&workshop);
    leave_what_a_crash_leaves(&workshop);
}

fn flip_bits(workshop: &Workshop) {
    let Workshop { middle, last, .. } = workshop;
    let second = workshop.frames[1];
    let flip = |name: &str, file: &Path, place: usize| {
        workshop.changed(name, file, |bytes| bytes[place] ^= 0x10)
    };
    let in_body = second.offset + FRAME_HEADER + 20;
    flip("flipped-bit-in-a-frame", last, in_body);
    let path = flip("flipped-bit-in-a-frame-without-head", last, in_body);
    fs::remove_file(path.join("HEAD")).unwrap();
    flip("flipped-bit-in-a-frame-length", last, second.offset + 10);
    let in_chunk = workshop.read(middle).len() - 9;
    flip("flipped-bit-in-a-sealed-chunk", middle, in_chunk);
    flip("flipped-bit-in-a-sealed-table", middle, 25);
    flip("flipped-bit-in-a-segment-header", last, 30);
    flip("flipped-bit-in-format", Path::new("FORMAT"), 20);
    flip("flipped-bit-in-head", Path::new("HEAD"), 40);
}

/// Somebody who knows the format changes an event and its checksum, but not all hashes after it.
fn tamper(workshop: &Workshop) {
    let log_id: [u8; 16] = workshop.read(Path::new("FORMAT"))[16..32]
        .try_into()
        .unwrap();
    let second = workshop.frames[1];
    let places = [
        ("tampered-event", second.offset + FRAME_HEADER + 20),
        ("tampered-hash", second.offset + FRAME_HEADER + second.body),
    ];
    for (name, place) in places {
        workshop.changed(name, &workshop.last, |bytes| {
            bytes[place] ^= 1;
            seal_frame(bytes, second, &log_id);
        });
    }
}

fn lose_files(workshop: &Workshop) {
    let files = [
        ("missing-first-segment", workshop.first.as_path()),
        ("missing-middle-segment", &workshop.middle),
        ("missing-last-segment", &workshop.last),
        ("missing-format", Path::new("FORMAT")),
    ];
    for (name, file) in files {
        fs::remove_file(workshop.copy(name).join(file)).unwrap();
    }
    fs::remove_dir_all(workshop.copy("missing-journal").join("journal")).unwrap();
}

fn cut(workshop: &Workshop) {
    let Workshop { middle, last, .. } = workshop;
    let frames = &workshop.frames;
    let cuts = [
        ("cut-below-head", last, frames[2].offset + 50),
        ("cut-below-head-between-frames", last, frames[3].offset),
        (
            "cut-sealed-segment",
            middle,
            workshop.read(middle).len() - 20,
        ),
    ];
    for (name, file, length) in cuts {
        workshop.changed(name, file, |bytes| bytes.truncate(length));
    }
}

fn put_in_what_does_not_belong(workshop: &Workshop) {
    let Workshop {
        first,
        middle,
        last,
        other,
        ..
    } = workshop;
    let (format, head) = (Path::new("FORMAT"), Path::new("HEAD"));
    let newer = [
        ("newer-format", format),
        ("newer-head", head),
        ("newer-segment", last),
        ("newer-sealed-segment", middle),
    ];
    for (name, file) in newer {
        workshop.changed(name, file, |bytes| {
            bytes[8..10].copy_from_slice(&2_u16.to_le_bytes());
        });
    }
    workshop.changed("format-of-something-else", format, |bytes| {
        *bytes = b"a format\n".to_vec();
    });
    let foreign = [
        ("segment-of-another-log", last.as_path()),
        ("head-of-another-log", head),
    ];
    for (name, file) in foreign {
        fs::copy(other.join(file), workshop.copy(name).join(file)).unwrap();
    }
    let wrong = workshop.read(first);
    workshop.changed("segment-under-another-name", middle, |bytes| *bytes = wrong);
    let path = workshop.changed("segment-with-a-gap-before-it", last, |bytes| {
        bytes[32..40].copy_from_slice(&11_u64.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[16..SEGMENT_HEADER]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    });
    let later = path.join("journal/00000000000000000011.seg");
    fs::rename(path.join(last), later).unwrap();
}

/// And what it never does.
fn leave_what_a_crash_leaves(workshop: &Workshop) {
    let last = &workshop.last;
    let (start, frame) = (workshop.frames[3].offset, workshop.frames[3]);
    let again = workshop.read(last)[start..frame.end()].to_vec();
    workshop.changed("torn-tail", last, |bytes| bytes.extend(&again[..100]));
    workshop.changed("zeros-behind-the-end", last, |bytes| bytes.extend([0; 500]));
    let path = workshop.changed("torn-tail-without-head", last, |bytes| {
        bytes.truncate(start + 100);
    });
    fs::remove_file(path.join("HEAD")).unwrap();
    workshop.changed("frame-twice", last, |bytes| bytes.extend(&again));
}

/// Makes the checksum of a frame right.
fn seal_frame(segment: &mut [u8], frame: FrameAt, log_id: &[u8; 16]) {
    let seed = crc32c::crc32c(log_id);
    let covered = &segment[frame.offset + 8..frame.offset + frame.used()];
    let crc = crc32c::crc32c_append(seed, covered);
    segment[frame.offset + 4..frame.offset + 8].copy_from_slice(&crc.to_le_bytes());
}
