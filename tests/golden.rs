//! The formats of version 1, frozen in `fixtures/v1/`: the stored bytes of every kind of event, a whole log, and
//! logs that are damaged, each named by its flaw. They are decoded for ever, byte for byte, and each flaw gives
//! the error that is written down here.
//!
//! The files were made once, by `generate` at the end; nothing writes them again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

#[path = "support/mod.rs"]
mod support;

#[path = "golden/flaws.rs"]
mod flaws;
#[path = "golden/generate.rs"]
mod generate;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use experience_log::{
    Durability, Error, EventQuery, ExperienceEventEnvelope, ExperienceEventKind, ExperienceLog,
    LogReader, Options, Recovery, TreesVerified, codec,
};
use tempfile::TempDir;

use flaws::{FLAWS, Flaw, Opening};
use support::{copy_folder, files_below, folder_in_memory, json};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1")
}

/// A copy of a frozen log: opening one may write to it.
fn copy_of(name: &str) -> (TempDir, PathBuf) {
    let folder = folder_in_memory();
    let path = folder.path().join("agent.log");
    copy_folder(&fixtures().join(name), &path);
    (folder, path)
}

fn lines(name: &str) -> Vec<String> {
    let text = fs::read_to_string(fixtures().join(name)).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn envelopes(name: &str) -> Vec<ExperienceEventEnvelope> {
    let parse = |line: &String| serde_json::from_str(line).unwrap();
    lines(name).iter().map(parse).collect()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap();
    let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(digits).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(byte).collect()
}

fn small() -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .segment_bytes(4096)
        .create(false)
}

#[test]
fn the_fixtures_hold_every_kind() {
    let kinds: BTreeSet<_> = envelopes("envelopes.jsonl")
        .iter()
        .map(|envelope| envelope.event.kind().to_string())
        .collect();
    assert_eq!(kinds.len(), ExperienceEventKind::ALL.len());
}

#[test]
fn stored_bytes_are_what_they_were() {
    let (envelopes, texts) = (envelopes("envelopes.jsonl"), lines("envelopes.jsonl"));
    let stored = lines("envelopes.hex");
    assert_eq!(envelopes.len(), stored.len());
    for ((envelope, text), stored) in envelopes.iter().zip(&texts).zip(&stored) {
        assert_eq!(&json(envelope), text);
        assert_eq!(&hex(&codec::encode(envelope).unwrap()), stored, "{text}");
        let decoded = codec::decode(&bytes(stored)).unwrap();
        assert_eq!(&json(&decoded), text);
    }
}

#[test]
fn the_log_is_read_as_it_was_written() {
    let texts = lines("envelopes.jsonl");
    let (_folder, path) = copy_of("log");
    let forms: BTreeSet<_> = files_below(&path.join("journal"))
        .iter()
        .map(|file| file.extension().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(forms, ["seg".to_owned(), "segz".to_owned()].into());

    let looking = LogReader::open(&path).unwrap();
    let log = small().open(&path).unwrap();
    let expected = Recovery::default();
    assert_eq!(log.recovery().torn_bytes, expected.torn_bytes);
    assert_eq!(log.recovery().head_ignored, None);
    assert!(!log.recovery().created && log.recovery().trees_rebuilt.is_some());
    assert_eq!(log.recovery().replayed, texts.len() as u64);
    for reader in [looking, log.reader()] {
        let stats = reader.stats().unwrap();
        assert_eq!(stats.log_id, "0a21ad77-77ee-441f-a012-eacd27a592ac");
        assert_eq!(stats.created_at, "2026-11-23T05:06:17.356881682Z");
        assert_eq!(stats.events, texts.len() as u64);
        let mut recorded = Vec::new();
        for (sequence, entry) in (0..).zip(reader.replay(0).unwrap()) {
            let entry = entry.unwrap();
            assert_eq!(entry.sequence(), sequence);
            assert_eq!(
                json(&entry.envelope().unwrap()),
                texts[usize::try_from(sequence).unwrap()]
            );
            recorded.push(entry.recorded_at_text());
        }
        assert_eq!(recorded.len(), texts.len());
        assert!(recorded.is_sorted());
        assert_eq!(recorded.first().unwrap(), "2026-11-23T05:06:17.369023955Z");
    }
    let verified = log.verify().unwrap();
    assert!(verified.is_intact(), "{:?}", verified.problems);
    // It stands for every byte of every event.
    assert_eq!(
        hex(&verified.chain_hash),
        "6b16d8323d51690507461b0dec78c396f81a2f489d0b95ed8aa4fb84fdcdf498"
    );

    log.append(&support::envelope("one more")).unwrap();
    log.flush().unwrap();
    let events = texts.len() as u64 + 1;
    let verified = log.verify().unwrap();
    assert!(verified.is_intact(), "{:?}", verified.problems);
    assert_eq!(verified.trees, TreesVerified::Compared { events });
    assert_eq!(log.query(&EventQuery::new()).unwrap().len() as u64, events);
}

/// Every flaw of the table has its log, and every log its flaw.
#[test]
fn flaws_and_logs_belong_together() {
    let found: BTreeSet<_> = fs::read_dir(fixtures().join("damaged"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let named: BTreeSet<_> = FLAWS.iter().map(|flaw| flaw.name.to_owned()).collect();
    assert_eq!(found, named);
}

/// The journal and the two small files, which a refused opening leaves alone.
fn record_of(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let record = ["FORMAT", "HEAD", "journal"].map(|name| path.join(name));
    files_below(path)
        .into_iter()
        .filter(|file| record.iter().any(|kept| file.starts_with(kept)))
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect()
}

fn text(error: &Error, path: &Path) -> String {
    error.to_string().replace(path.to_str().unwrap(), "LOG")
}

/// What a handle finds that may only look.
fn problems(path: &Path) -> Vec<String> {
    let found = LogReader::open(path).and_then(|reader| reader.verify());
    match found {
        Ok(verified) => {
            let shown = |problem: &String| problem.replace(path.to_str().unwrap(), "LOG");
            verified.problems.iter().map(shown).collect()
        }
        Err(error) => vec![text(&error, path)],
    }
}

fn check(flaw: &Flaw) {
    let (_folder, path) = copy_of(&format!("damaged/{}", flaw.name));
    let before = record_of(&path);
    assert_eq!(problems(&path), flaw.problems, "{}: verify", flaw.name);
    assert_eq!(record_of(&path), before, "{}: looking writes", flaw.name);
    match (small().open(&path), &flaw.opening) {
        (Err(error), Opening::Refused(expected)) => {
            assert_eq!(text(&error, &path), *expected, "{}: opening", flaw.name);
            assert_eq!(record_of(&path), before, "{}: opening writes", flaw.name);
        }
        (
            Ok(log),
            Opening::Healed {
                events,
                torn_bytes,
                head_ignored,
            },
        ) => {
            let recovery = log.recovery();
            assert_eq!(recovery.torn_bytes, *torn_bytes, "{}", flaw.name);
            let ignored = recovery.head_ignored.as_ref();
            let ignored = ignored.map(|text| text.replace(path.to_str().unwrap(), "LOG"));
            assert_eq!(ignored.as_deref(), *head_ignored, "{}", flaw.name);
            let kept = log.query(&EventQuery::new()).unwrap();
            let expected = generate::damaged_events();
            assert_eq!(kept, expected[..*events], "{}", flaw.name);
            log.append(&support::envelope("one more")).unwrap();
            log.close().unwrap();
            assert_eq!(problems(&path), Vec::<String>::new(), "{}", flaw.name);
        }
        (Ok(log), Opening::Unnoticed) => {
            assert_eq!(log.head().unwrap(), generate::damaged_events().len() as u64);
            let found = log.verify().unwrap().problems;
            assert_eq!(found.len(), flaw.problems.len(), "{}: {found:?}", flaw.name);
        }
        (found, _) => panic!("{}: {found:?}", flaw.name),
    }
}

#[test]
fn each_flaw_gives_its_error() {
    for flaw in FLAWS {
        check(flaw);
    }
}
