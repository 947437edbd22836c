//! The log that the inputs of the target `open` change, and the changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::checksum::LOG_ID;
use crate::contract::codec;
use crate::contract::experience_store::{ExperienceEvent, ExperienceEventEnvelope};
use crate::log::{ExperienceLog, Options};
use crate::store::index::{INDEXES, TermHasher};
use crate::store::instant::Instant;
use crate::store::journal::frame::{self, ChecksumSeed, FrameHeader};
use crate::store::journal::reader::{Mark, Place};
use crate::store::journal::seal;
use crate::store::journal::sealed::{self, Table};
use crate::store::journal::segment::{self, SegmentHeader};
use crate::store::journal::writer::{JournalWriter, WriterOptions};
use crate::store::layout::Layout;
use crate::store::options::Durability;
use crate::store::prepare::BatchEncoder;
use crate::store::record::{Fields, Hints, NewRecord};
use crate::store::small_file::{Format, encode_head};
use crate::store::trees::engine::{Engine, Tree, Write};

pub(super) const SEGMENT_BYTES: u64 = 8 << 10;
pub(super) const MEMTABLE_EVENTS: usize = 16;
pub(super) const EVENTS: usize = 70;
pub(super) const TREE_CACHE: u64 = 1 << 20;

/// The log that every input starts from.
pub(super) struct Template {
    /// By path in the log's directory.
    pub(super) files: Vec<(PathBuf, Vec<u8>)>,
    pub(super) events: Vec<ExperienceEventEnvelope>,
    end: Mark,
    /// The journal's last segment, by its place in `files`.
    last: usize,
    /// The tree and key of every item of the trees.
    pub(super) items: Vec<(Tree, Vec<u8>)>,
}

/// What an input did to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    /// What a disk does: the log tells true, or says that it cannot.
    Damage,
    /// What only somebody does who computes checksums: anything but a panic.
    Forgery,
}

/// A folder that is removed in the end.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let shared_memory = Path::new("/dev/shm");
        let root = if shared_memory.is_dir() {
            shared_memory.to_path_buf()
        } else {
            std::env::temp_dir()
        };
        let path = root.join(format!("explog-fuzz-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn options() -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .segment_bytes(SEGMENT_BYTES)
        .memtable_events(MEMTABLE_EVENTS)
        .tree_cache_bytes(TREE_CACHE)
}

/// Takes numbers from the input.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first)
    }

    /// A number below `limit`, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        (self.byte() | self.byte() << 8 | self.byte() << 16) % limit
    }

    fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, shift| {
            number | (self.byte() as u64) << (8 * shift)
        })
    }

    fn rest(self) -> &'a [u8] {
        self.0
    }
}

impl Template {
    pub(super) fn new() -> Self {
        let scratch = Scratch::new();
        let path = scratch.0.join("log");
        let layout = Layout::new(&path);
        let events = fixture(EVENTS);
        let folder = layout.journal();
        layout.create_folders().unwrap();
        let end = write_journal(&folder, &events);
        let format = Format {
            log_id: LOG_ID,
            created_at: 0,
        };
        layout.write_format(&format).unwrap();
        let mut segments = segment::list(&folder).unwrap();
        assert!(segments.len() >= 4, "{segments:?}");
        seal::seal(&folder, &LOG_ID, &segments[0], segments[1].first_sequence).unwrap();
        seal::seal(&folder, &LOG_ID, &segments[1], segments[2].first_sequence).unwrap();
        segments = segment::list(&folder).unwrap();
        let journal: Vec<_> = segments
            .iter()
            .map(|segment| (segment.path.clone(), fs::read(&segment.path).unwrap()))
            .collect();
        options().open(&path).unwrap().close().unwrap();
        let mut files = Vec::new();
        for (path_of, content) in journal {
            files.push((path_of.strip_prefix(&path).unwrap().to_path_buf(), content));
        }
        let last = files.len() - 1;
        for name in ["FORMAT", "HEAD"] {
            files.push((name.into(), fs::read(path.join(name)).unwrap()));
        }
        let items = items(&layout.generation(0));
        collect(&path, &layout.generation(0), &mut files);
        Self {
            files,
            events,
            end,
            last,
            items,
        }
    }

    /// Puts the log into `path`.
    pub(super) fn write(&self, path: &Path) {
        for (name, content) in &self.files {
            let path = path.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// Changes a file as a disk or a crash might.
    pub(super) fn damage(&self, path: &Path, bytes: &[u8]) -> Harm {
        let mut input = Input(bytes);
        let (name, content) = &self.files[input.byte() % self.files.len()];
        let path = path.join(name);
        let how = input.byte();
        let place = input.below(content.len().max(1));
        let rest = input.rest();
        let mut content = content.clone();
        let end = (place + rest.len()).min(content.len());
        match how % 6 {
            0 => content[place..end].copy_from_slice(&rest[..end - place]),
            1 => {
                for (byte, change) in content[place..].iter_mut().zip(rest) {
                    *byte ^= change;
                }
            }
            2 => {
                content.truncate(place);
                content.extend_from_slice(rest);
            }
            3 => {
                content.splice(place..place, rest.iter().copied());
            }
            4 => content = rest.to_vec(),
            _ => {
                fs::remove_file(path).unwrap();
                return Harm::Damage;
            }
        }
        fs::write(path, content).unwrap();
        Harm::Damage
    }

    /// Adds a frame that continues the chain, with anything in it.
    pub(super) fn forge_frame(&self, path: &Path, bytes: &[u8]) -> Harm {
        let mut input = Input(bytes);
        let how = input.byte();
        let header = FrameHeader {
            count: match how & 1 {
                0 => 1,
                _ => u32::try_from(input.number() & 0xffff_ffff).unwrap(),
            },
            first_sequence: match how & 2 {
                0 => self.end.count,
                _ => input.number(),
            },
            recorded_at: 0,
            synced: match how & 4 {
                0 => 0,
                _ => input.number(),
            },
        };
        let body = input.rest();
        let seed = ChecksumSeed::new(&LOG_ID);
        let hash = frame::body_hash(body);
        let mut frame = Vec::new();
        let chain = frame::encode(&header, body, &hash, &self.end.hash, seed, &mut frame);
        let (name, content) = &self.files[self.last];
        if how & 8 == 0 {
            fs::write(path.join(name), [&content[..], &frame].concat()).unwrap();
        } else {
            // In a segment of its own, which may lie anywhere.
            let header = SegmentHeader {
                log_id: LOG_ID,
                first_sequence: header.first_sequence,
                previous: if how & 16 == 0 { self.end.hash } else { chain },
            };
            let name = format!("journal/{:020}.seg", header.first_sequence);
            fs::write(path.join(name), [&header.encode()[..], &frame].concat()).unwrap();
        }
        if how & 32 != 0 {
            fs::remove_file(path.join("HEAD")).unwrap();
        }
        if how & 64 != 0 {
            fs::remove_dir_all(path.join("trees")).unwrap();
        }
        Harm::Forgery
    }

    /// A HEAD that says anything.
    pub(super) fn forge_head(&self, path: &Path, bytes: &[u8]) -> Harm {
        let mut input = Input(bytes);
        let how = input.byte();
        let mut mark = self.end;
        if how & 1 != 0 {
            mark.count = input.number();
        }
        if how & 2 != 0 {
            mark.place.segment = input.number();
        }
        if how & 4 != 0 {
            mark.place.offset = input.number();
        }
        if how & 8 != 0 {
            mark.hash[0] ^= 1;
        }
        if how & 16 != 0 {
            fs::remove_dir_all(path.join("trees")).unwrap();
        }
        fs::write(path.join("HEAD"), encode_head(LOG_ID, &mark)).unwrap();
        Harm::Forgery
    }

    /// An item of the trees, with its checksum.
    pub(super) fn forge_tree(&self, path: &Path, bytes: &[u8]) -> Harm {
        let mut input = Input(bytes);
        let (tree, key) = &self.items[input.byte() % self.items.len()];
        let how = input.byte();
        let engine = Engine::open(&Layout::new(path).generation(0), TREE_CACHE).unwrap();
        let old = engine.get(*tree, key).unwrap().unwrap().to_vec();
        let place = input.below(old.len().max(1));
        let rest = input.rest();
        let mut new = old;
        match how % 4 {
            0 => {
                let end = (place + rest.len()).min(new.len());
                new[place..end].copy_from_slice(&rest[..end - place]);
            }
            1 => {
                for (byte, change) in new.iter_mut().skip(place).zip(rest) {
                    *byte ^= change;
                }
            }
            2 => {
                new.truncate(place);
                new.extend_from_slice(rest);
            }
            _ => new = rest.to_vec(),
        }
        let write = if how & 0x80 == 0 {
            Write::insert(*tree, key, &new)
        } else {
            Write::remove(*tree, key)
        };
        engine.apply(&[write]).unwrap();
        engine.flush().unwrap();
        Harm::Forgery
    }

    /// A sealed segment whose checksums are right.
    pub(super) fn forge_sealed(&self, path: &Path, bytes: &[u8]) -> Harm {
        let mut input = Input(bytes);
        let (name, content) = &self.files[input.byte() % 2];
        let place = input.below(content.len());
        let mut content = content.clone();
        let rest = input.rest();
        let end = (place + rest.len()).min(content.len());
        content[place..end].copy_from_slice(&rest[..end - place]);
        let mut resum = |place: usize, from: usize, to: usize| {
            let crc = content.get(from..to).map(crc32c::crc32c);
            if let (Some(crc), Some(stored)) = (crc, content.get_mut(place..place + 4)) {
                stored.copy_from_slice(&crc.to_le_bytes());
            }
            Table::parse(&content).ok()
        };
        let length = sealed::HEADER + sealed::ENTRY;
        // The template's segments are one chunk each.
        if let Some(table) = resum(12, 16, length) {
            let chunk = table.chunks[0];
            resum(28, length, length.saturating_add(chunk.stored_length));
            resum(12, 16, length);
        }
        fs::write(path.join(name), content).unwrap();
        Harm::Forgery
    }
}

/// The first events of the fixture.
pub(super) fn fixture(events: usize) -> Vec<ExperienceEventEnvelope> {
    include_str!("../../fixtures/agent-runs.jsonl")
        .lines()
        .take(events)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Writes the events to a journal, the same bytes every time.
fn write_journal(folder: &Path, events: &[ExperienceEventEnvelope]) -> Mark {
    let hasher = TermHasher::new(LOG_ID);
    let options = WriterOptions {
        segment_bytes: SEGMENT_BYTES,
        fill_ahead: false,
    };
    let mut writer = JournalWriter::create(folder, LOG_ID, options).unwrap();
    for batch in events.chunks(3) {
        let mut encoder = BatchEncoder::with_capacity(batch.len());
        for event in batch {
            let payload = codec::encode(event).unwrap();
            encoder.push(&record(event, &payload)).unwrap();
        }
        let batch = encoder.finish(&hasher).unwrap();
        let count = u32::try_from(batch.records.len()).unwrap();
        if writer.is_full_for(batch.body.len()) {
            writer.rotate().unwrap();
        }
        let synced = writer.sequence();
        writer
            .append(&batch.body, &batch.body_hash, count, 0, synced)
            .unwrap();
    }
    let Place { segment, offset } = writer.place();
    Mark {
        count: writer.sequence(),
        hash: writer.chain_hash(),
        place: Place { segment, offset },
    }
}

pub(super) fn record<'a>(event: &'a ExperienceEventEnvelope, payload: &'a [u8]) -> NewRecord<'a> {
    let time: jiff::Timestamp = event.occurred_at.parse().unwrap();
    let nanoseconds = u32::try_from(time.subsec_nanosecond()).unwrap();
    NewRecord {
        payload_format: 1,
        kind: event.event.kind() as u16,
        instant: Instant::new(time.as_second(), nanoseconds).unwrap(),
        fields: Fields {
            event_id: &event.event_id,
            tenant: event.tenant_id.as_deref(),
            correlation: event.correlation_id.as_deref(),
            chain: event.event.chain_id(),
            artifact: event.event.artifact_id(),
            trace_link: match &event.event {
                ExperienceEvent::TraceLinkRecorded { trace_link_id, .. } => Some(trace_link_id),
                _ => None,
            },
            ..Fields::default()
        },
        hints: Hints::default(),
        payload,
    }
}

fn items(generation: &Path) -> Vec<(Tree, Vec<u8>)> {
    let engine = Engine::open(generation, TREE_CACHE).unwrap();
    let indexes = INDEXES
        .iter()
        .map(|definition| Tree::Index(definition.index));
    let mut items = Vec::new();
    for tree in [Tree::Meta, Tree::Events].into_iter().chain(indexes) {
        let entries = engine.with_prefix(tree, b"").unwrap();
        items.extend(entries.into_iter().map(|(key, _)| (tree, key)));
    }
    items
}

fn collect(root: &Path, folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, into);
        } else {
            let content = fs::read(&path).unwrap();
            into.push((path.strip_prefix(root).unwrap().to_path_buf(), content));
        }
    }
}
