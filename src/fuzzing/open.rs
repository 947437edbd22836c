//! Opening a directory that somebody has changed.
//!
//! A small log is made once and kept in memory. Each input changes a copy of it and says, by its first byte,
//! how: as damage changes files, or with checksums made right, as nobody but an attacker would.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::contract::codec;
use crate::contract::experience_store::{
    ArtifactQuery, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
};
use crate::error::{Error, Result};
use crate::log::{ExperienceLog, LogReader, Options, ScanOptions};
use crate::store::index::{INDEXES, TermHasher};
use crate::store::instant::Instant;
use crate::store::journal::frame::{self, ChecksumSeed, FrameHeader};
use crate::store::journal::reader::Mark;
use crate::store::journal::reader::Place;
use crate::store::journal::seal;
use crate::store::journal::sealed::{self, Table};
use crate::store::journal::segment::{self, SegmentHeader};
use crate::store::journal::writer::{JournalWriter, WriterOptions};
use crate::store::layout::{Format, Layout, encode_head};
use crate::store::options::Durability;
use crate::store::prepare::BatchEncoder;
use crate::store::record::{Fields, Hints, NewRecord};
use crate::store::trees::engine::{Engine, Tree, Write};

const LOG_ID: [u8; 16] = [7; 16];
const SEGMENT_BYTES: u64 = 8 << 10;
const MEMTABLE_EVENTS: usize = 16;
const EVENTS: usize = 70;
const TREE_CACHE: u64 = 1 << 20;

/// The log that every input starts from.
struct Template {
    /// By path in the log's directory.
    files: Vec<(PathBuf, Vec<u8>)>,
    events: Vec<ExperienceEventEnvelope>,
    end: Mark,
    /// The journal's last segment, by its place in `files`.
    last: usize,
    /// The tree and key of every item of the trees.
    items: Vec<(Tree, Vec<u8>)>,
}

/// What an input did to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// What a disk does: the log tells true, or says that it cannot.
    Damage,
    /// What only somebody does who computes checksums: anything but a panic.
    Forgery,
}

/// A folder that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
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

fn options() -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .segment_bytes(SEGMENT_BYTES)
        .memtable_events(MEMTABLE_EVENTS)
        .tree_cache_bytes(TREE_CACHE)
}

/// Opens a log changed by `bytes`, asks it everything, appends, and opens it again.
pub fn open(bytes: &[u8]) {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    let template = TEMPLATE.get_or_init(Template::new);
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let scratch = Scratch::new();
    let path = scratch.0.join("log");
    for (name, content) in &template.files {
        let path = path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let harm = match how % 6 {
        0..=1 => template.damage(&path, bytes),
        2 => template.forge_frame(&path, bytes),
        3 => template.forge_head(&path, bytes),
        4 => template.forge_tree(&path, bytes),
        _ => template.forge_sealed(&path, bytes),
    };
    // Somebody else may look at any time, and changes nothing.
    let rare = usize::from(*how) / 6;
    if rare % 4 == 1
        && let Err(error) = LogReader::open(&path).and_then(|reader| ask(&reader))
    {
        check_error(&error);
    }
    match use_log(&path, template, harm, rare % 4 == 2) {
        Ok(head) => {
            // What was opened, read and written opens again.
            let log = options().open(&path);
            if harm == Harm::Damage {
                let log = log.unwrap();
                assert_eq!(log.head().unwrap(), head);
                log.close().unwrap();
            }
        }
        Err(error) => check_error(&error),
    }
}

/// An error says what is wrong with the log, not that the log did something wrong.
fn check_error(error: &Error) {
    let text = error.to_string();
    assert!(!text.contains("panicked"), "{text}");
    assert!(
        matches!(
            error,
            Error::Damaged(_)
                | Error::Undecodable { .. }
                | Error::ForeignEvent { .. }
                | Error::NotALog { .. }
                | Error::NewerFormat { .. }
                | Error::NoSuchLog { .. }
                | Error::Io { .. }
                | Error::Poisoned { .. }
        ),
        "{error:?}"
    );
}

/// Every way out. Returns the events in sequence order.
fn ask(reader: &LogReader) -> Result<Vec<ExperienceEventEnvelope>> {
    let head = reader.head()?;
    let replayed = reader
        .replay(0)?
        .map(|entry| entry?.envelope())
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(replayed.len() as u64, head);
    let queries = [
        EventQuery::new(),
        EventQuery::new().tenant("nordhaven-insurance"),
        EventQuery::new().correlation("claims-7"),
    ];
    for (place, query) in queries.iter().enumerate() {
        let found = reader.query(query)?;
        assert!(place > 0 || found.len() == replayed.len());
        let back = reader.scan(query, ScanOptions::newest_first())?;
        assert_eq!(back.collect::<Result<Vec<_>>>()?.len(), found.len());
        let _ = reader.explain(query, ScanOptions::default())?;
    }
    if let Some(event) = replayed.last() {
        reader.get(event.tenant_id.as_deref(), &event.event_id)?;
    }
    reader.get_trace_link("claims-11-tl-2")?;
    reader.query_artifacts(&ArtifactQuery::default())?;
    reader.stats()?;
    Ok(replayed)
}

fn use_log(path: &Path, template: &Template, harm: Harm, rebuild: bool) -> Result<u64> {
    let log = options().open(path)?;
    let intact = log.verify()?;
    match harm {
        // A forged posting or block hides events: only `verify` can tell.
        Harm::Forgery => ask_forged(&log.reader())?,
        Harm::Damage => {
            let events = ask(&log.reader())?;
            assert!(
                !intact.is_intact() || template.events.starts_with(&events),
                "an event was changed, and nobody noticed"
            );
        }
    }
    if rebuild {
        log.rebuild_trees()?;
        assert!(!intact.is_intact() || log.verify()?.is_intact());
    }
    let event = ExperienceEvent::BudgetExceeded {
        chain_id: "a-chain".into(),
        resource: "tokens".into(),
        limit: "1".into(),
        observed: None,
    };
    log.append(
        &ExperienceEventEnvelope::new("one-more", event).with_timestamp("2026-01-01T00:00:00Z"),
    )?;
    log.flush()?;
    let head = log.head()?;
    log.close()?;
    Ok(head)
}

fn ask_forged(reader: &LogReader) -> Result<()> {
    for entry in reader.replay(0)? {
        entry?.envelope()?;
    }
    for query in [
        EventQuery::new(),
        EventQuery::new().tenant("nordhaven-insurance"),
        EventQuery::new().correlation("claims-7"),
    ] {
        for order in [ScanOptions::oldest_first(), ScanOptions::newest_first()] {
            reader.explain(&query, order)?;
            for entry in reader.scan(&query, order)? {
                entry?.envelope()?;
            }
        }
    }
    reader.get(None, "one-more")?;
    reader.get_trace_link("claims-11-tl-2")?;
    reader.query_artifacts(&ArtifactQuery::default())?;
    reader.stats()?;
    Ok(())
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
    fn new() -> Self {
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

    /// Changes a file as a disk or a crash might.
    fn damage(&self, path: &Path, bytes: &[u8]) -> Harm {
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
    fn forge_frame(&self, path: &Path, bytes: &[u8]) -> Harm {
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
    fn forge_head(&self, path: &Path, bytes: &[u8]) -> Harm {
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
    fn forge_tree(&self, path: &Path, bytes: &[u8]) -> Harm {
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
    fn forge_sealed(&self, path: &Path, bytes: &[u8]) -> Harm {
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

fn record<'a>(event: &'a ExperienceEventEnvelope, payload: &'a [u8]) -> NewRecord<'a> {
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

/// Inputs of every kind: target, name, bytes.
#[cfg(test)]
pub(super) fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let template = Template::new();
    let inline = codec::encode(&template.events[0]).unwrap();
    let mut record = Vec::new();
    self::record(&template.events[0], &inline).encode(&mut record);
    let mut body = Vec::new();
    crate::store::body::push(&mut body, &record);
    let seed = |name, bytes: &[&[u8]]| ("open", name, bytes.concat());
    vec![
        // The second byte is the file, the third the change, three more the place.
        seed("sealed-flip", &[&[0, 0, 1, 200, 0, 0, 0x10]]),
        seed("sealed-cut", &[&[0, 1, 2, 50, 1, 0]]),
        seed("plain-flip", &[&[0, 2, 1, 200, 0, 0, 0x10]]),
        seed("plain-gone", &[&[0, 2, 5]]),
        seed("last-flip", &[&[0, 3, 1, 200, 0, 0, 0x10]]),
        seed("last-cut", &[&[0, 3, 2, 50, 1, 0]]),
        seed("last-longer", &[&[0, 3, 3, 0, 1, 0], b"XFR1 and more"]),
        seed("format-other", &[&[0, 4, 4, 0, 0, 0], b"a text"]),
        seed("head-flip", &[&[0, 5, 1, 20, 0, 0, 1]]),
        seed("head-gone", &[&[0, 5, 5]]),
        seed("head-gone-looked-at", &[&[6, 5, 5]]),
        seed("head-gone-rebuilt", &[&[12, 5, 5]]),
        seed("tree-file-flip", &[&[0, 7, 1, 0, 1, 0, 0xff, 0xff]]),
        seed("tree-file-cut", &[&[0, 7, 2, 0, 16, 0]]),
        seed("tree-conf-gone", &[&[0, 6, 5]]),
        // The second byte says what of the frame is not as it should be.
        seed("frame-good", &[&[2, 0], &body]),
        seed("frame-empty", &[&[2, 0]]),
        seed("frame-count", &[&[2, 1, 9, 0, 0, 0, 0, 0, 0, 0], &body]),
        seed("frame-synced", &[&[2, 4, 9, 0, 0, 0, 0, 0, 0, 0], &body]),
        seed("frame-sequence", &[&[2, 2, 9, 0, 0, 0, 0, 0, 0, 0], &body]),
        seed("segment-good", &[&[2, 8], &body]),
        seed("segment-far", &[&[2, 10, 0, 0, 0, 0, 0, 0, 0, 9], &body]),
        seed("segment-no-head", &[&[2, 104], &body]),
        seed("head-count", &[&[3, 1, 9, 0, 0, 0, 0, 0, 0, 0]]),
        seed("head-offset", &[&[3, 4, 9, 0, 0, 0, 0, 0, 0, 0]]),
        seed("head-segment", &[&[3, 2, 9, 0, 0, 0, 0, 0, 0, 0]]),
        seed("head-hash-no-trees", &[&[3, 24]]),
        // The second byte is the item, the third the change, three more the place.
        seed("directory", &[&[4, 0, 0, 9, 0, 0, 0x10]]),
        seed("directory-gone", &[&[4, 0, 0x80]]),
        seed("manifest", &[&[4, 4, 1, 60, 0, 0, 1]]),
        seed("manifest-cut", &[&[4, 4, 2, 90, 0, 0]]),
        seed("block", &[&[4, 6, 1, 20, 0, 0, 1]]),
        seed("run", &[&[4, 25, 1, 6, 0, 0, 1]]),
        seed("chunk-count", &[&[5, 0, 16, 0, 0, 2]]),
        seed("chunk-length", &[&[5, 0, 20, 0, 0, 0xff, 0xff, 0xff, 1]]),
        seed("chunk-bytes", &[&[5, 1, 200, 0, 0, 1, 2, 3]]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_that_inputs_change_is_intact() {
        let template = Template::new();
        let scratch = Scratch::new();
        for (name, content) in &template.files {
            let path = scratch.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let log = options().open(&scratch.0).unwrap();
        assert_eq!(log.recovery().trees_rebuilt, None);
        assert!(log.verify().unwrap().is_intact());
        assert_eq!(ask(&log.reader()).unwrap(), template.events);
        assert!(template.items.len() > 20);
        log.close().unwrap();
        assert_eq!(
            use_log(&scratch.0, &template, Harm::Damage, true).unwrap(),
            EVENTS as u64 + 1
        );
    }
}
