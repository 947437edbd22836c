//! Events of another contract beside the log's own: what comes back is what was put in, byte for byte, by every
//! way out, and under the same rules of repeats, batches and order. Logical times come first, by number.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use experience_log::{
    Durability, EntryQuery, Error, EventQuery, ExperienceEvent, ExperienceLog, ExperienceReplayer,
    ForeignEvent, LogEntry, LogReader, Options, Order, Payload, ReplayCursor, ReplayOptions,
    ScanOptions, TimeRange, TraceLink, TreesVerified,
};
use support::{copy_folder, envelope, folder_in_memory};

const CONTRACT: &str = "acme-runtime";
const OTHER: &str = "other-runtime";

fn options() -> Options {
    ExperienceLog::options()
        .durability(Durability::Os)
        .segment_bytes(4096)
        .memtable_events(16)
}

/// A foreign event that says what it is in its JSON, so that it can be compared.
#[derive(Debug, Clone, PartialEq)]
struct Foreign {
    contract: &'static str,
    kind: String,
    id: String,
    time: String,
    tenant: Option<&'static str>,
    run: Option<String>,
    chain: Option<String>,
    artifact: Option<String>,
    json: String,
}

impl Foreign {
    fn new(number: usize) -> Self {
        let kinds = ["GoalReached", "FactPromoted", "Späte Art", "Unheard"];
        let (kind, id) = (kinds[number % 4], format!("f-{number:03}"));
        // Spaces, an escape and a number that a parser would print otherwise: all of it must come back.
        let json = format!(r#"{{ "id":"{id}","type":"{kind}","n":1.50e+1, "\u0061":[]}}"#);
        Self {
            contract: if number.is_multiple_of(5) {
                OTHER
            } else {
                CONTRACT
            },
            kind: kind.to_owned(),
            id,
            time: match number % 3 {
                0 => format!("lamport:{}", number * 7 % 30),
                1 => format!("2026-01-21T12:00:{:02}.5+01:00", number % 60),
                _ => "1970-01-01T00:00:00Z".to_owned(),
            },
            tenant: (number % 2 == 1).then_some("tenant-a"),
            run: (!number.is_multiple_of(3)).then(|| format!("run-{}", number % 4)),
            chain: (number % 4 == 2).then(|| format!("chain-{}", number % 5)),
            artifact: number.is_multiple_of(7).then(|| "adapter-1".to_owned()),
            json,
        }
    }

    fn event(&self) -> ForeignEvent<'_> {
        let mut event =
            ForeignEvent::new(self.contract, &self.kind, &self.id, &self.time, &self.json);
        event.tenant_id = self.tenant;
        event.correlation_id = self.run.as_deref();
        event.chain_id = self.chain.as_deref();
        event.artifact_id = self.artifact.as_deref();
        event
    }

    fn check(&self, entry: &LogEntry) {
        assert_eq!(entry.event_id(), self.id);
        assert_eq!(entry.contract(), Some(self.contract));
        assert_eq!(entry.kind_name(), Some(self.kind.as_str()));
        assert_eq!(entry.kind(), None);
        assert_eq!(entry.tenant_id(), self.tenant);
        assert_eq!(entry.correlation_id(), self.run.as_deref());
        assert_eq!(entry.chain_id(), self.chain.as_deref());
        assert_eq!(entry.artifact_id(), self.artifact.as_deref());
        if self.time.starts_with("lamport:") {
            assert_eq!(entry.instant_text(), self.time);
        }
        let payload = Payload::Foreign {
            contract: self.contract,
            kind: &self.kind,
            json: &self.json,
        };
        assert_eq!(entry.payload().unwrap(), payload);
        let error = entry.envelope().unwrap_err();
        let Error::ForeignEvent {
            sequence,
            contract,
            kind,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(*sequence, entry.sequence());
        assert_eq!(
            (contract.as_str(), kind.as_str()),
            (self.contract, &*self.kind)
        );
        assert!(!error.is_damage() && !error.is_refusal());
    }
}

/// A log of both, in turns; half of it in the trees.
fn mixed(path: &Path) -> (ExperienceLog, Vec<Foreign>) {
    let log = options().open(path).unwrap();
    let events: Vec<_> = (0..90).map(Foreign::new).collect();
    for (number, event) in events.iter().enumerate() {
        if number == 60 {
            log.flush().unwrap();
        }
        log.append_foreign(&[event.event()]).unwrap();
        if number % 3 == 0 {
            log.append(&envelope(&format!("own-{number:03}"))).unwrap();
        }
    }
    (log, events)
}

/// Entries in the order of a scan, as the oracle sees them: time's class and value, then append order.
fn sorted(entries: &[LogEntry]) -> bool {
    entries.is_sorted_by_key(|entry| (time_key(&entry.instant_text()), entry.sequence()))
}

fn time_key(text: &str) -> (u8, u64, String) {
    match text.strip_prefix("lamport:") {
        Some(number) => (0, number.parse().unwrap(), String::new()),
        // All in UTC, with whole seconds or halves.
        None => (1, 0, text.to_owned()),
    }
}

fn entries(reader: &LogReader, query: &EntryQuery) -> Vec<LogEntry> {
    let found: Vec<_> = reader
        .scan_entries(query, ScanOptions::oldest_first())
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(sorted(&found), "{query:?}");
    let mut back: Vec<_> = reader
        .scan_entries(
            &EntryQuery {
                limit: None,
                ..query.clone()
            },
            ScanOptions::newest_first(),
        )
        .unwrap()
        .map(|entry| entry.unwrap().sequence())
        .collect();
    back.reverse();
    back.truncate(query.limit.unwrap_or(usize::MAX));
    assert_eq!(
        back,
        found.iter().map(LogEntry::sequence).collect::<Vec<_>>()
    );
    found
}

/// Every way of reading, over the trees, over the journal, and after both were made anew.
fn on_every_reader(path: &Path, check: impl Fn(&LogReader)) {
    let (log, _) = mixed(path);
    check(&log.reader());
    check(&LogReader::open(path).unwrap());
    log.flush().unwrap();
    check(&log.reader());
    log.rebuild_trees().unwrap();
    check(&log.reader());
    log.close().unwrap();
    let log = options().open(path).unwrap();
    check(&log.reader());
    log.close().unwrap();
    fs::remove_dir_all(path.join("trees")).unwrap();
    let log = options().open(path).unwrap();
    check(&log.reader());
}

#[test]
fn both_come_back_by_every_way_out() {
    let folder = folder_in_memory();
    let events: Vec<_> = (0..90).map(Foreign::new).collect();
    on_every_reader(folder.path(), |reader| {
        let all = entries(reader, &EntryQuery::default());
        assert_eq!(all.len(), 120);
        for event in &events {
            let entry = reader.get(event.tenant, &event.id).unwrap().unwrap();
            event.check(&entry);
        }
        let foreign: Vec<_> = all.iter().filter(|e| e.contract().is_some()).collect();
        assert_eq!(foreign.len(), 90);
        for entry in foreign {
            let number: usize = entry.event_id()[2..].parse().unwrap();
            events[number].check(entry);
        }
        // Replay gives the order of appending.
        let replayed: Vec<_> = reader.replay(0).unwrap().map(Result::unwrap).collect();
        assert_eq!(replayed.len(), 120);
        assert!(replayed.iter().map(LogEntry::sequence).eq(0..120));
        let verified = reader.verify().unwrap();
        assert_eq!(verified.problems, Vec::<String>::new());
    });
}

#[test]
fn the_log_s_own_query_gives_its_own_events_only() {
    let folder = folder_in_memory();
    on_every_reader(folder.path(), |reader| {
        assert_eq!(reader.query(&EventQuery::new()).unwrap().len(), 30);
        // The limit counts what is given.
        let five = reader.query(&EventQuery::new().limit(5)).unwrap();
        let ids: Vec<_> = five.iter().map(|found| found.event_id.as_str()).collect();
        assert_eq!(ids, ["own-000", "own-003", "own-006", "own-009", "own-012"]);
        // A scan without kinds gives all; kinds of the log's own contract are its own.
        let count =
            |query: &EventQuery| reader.scan(query, ScanOptions::default()).unwrap().count();
        assert_eq!(count(&EventQuery::new()), 120);
        let promoted = "FactPromoted".parse().unwrap();
        assert_eq!(count(&EventQuery::new().kind(promoted)), 0);
        assert!(
            reader
                .query_artifacts(&experience_log::ArtifactQuery::default())
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn the_contract_s_replay_passes_over_other_contracts() {
    let folder = folder_in_memory();
    let (log, _) = mixed(folder.path());
    for options in [
        ReplayOptions::new().with_batch_size(7),
        ReplayOptions::new()
            .with_batch_size(7)
            .with_time_range(TimeRange::unbounded()),
    ] {
        let mut cursor = ReplayCursor::start();
        let mut found = 0;
        while cursor.has_more {
            let replay = ExperienceReplayer::replay(&log, &options, &cursor);
            let batch = now(replay).unwrap();
            assert!(batch.events.iter().all(|e| e.event_id.starts_with("own-")));
            found += batch.events.len();
            cursor = batch.cursor;
        }
        assert_eq!(found, 30);
    }
}

/// The result of a future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

type Condition = fn(&Foreign) -> bool;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn entries_are_found_by_what_they_carry() {
    let folder = folder_in_memory();
    let events: Vec<_> = (0..90).map(Foreign::new).collect();
    let some = |text: &str| Some(text.to_owned());
    let kinds = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let times = |start: Option<&str>, end: Option<&str>| {
        let (start, end) = (start.map(str::to_owned), end.map(str::to_owned));
        Some(TimeRange { start, end })
    };
    let base = EntryQuery {
        contracts: vec![CONTRACT.to_owned(), OTHER.to_owned()],
        ..EntryQuery::default()
    };
    let cases: Vec<(EntryQuery, Condition)> = vec![
        (base.clone(), |_| true),
        (
            EntryQuery {
                contracts: vec![OTHER.to_owned()],
                ..base.clone()
            },
            |event| event.contract == OTHER,
        ),
        (
            EntryQuery {
                kinds: kinds(&["Späte Art", "Unheard"]),
                ..base.clone()
            },
            |event| event.kind == "Späte Art" || event.kind == "Unheard",
        ),
        (
            EntryQuery {
                kinds: kinds(&["Never"]),
                ..base.clone()
            },
            |_| false,
        ),
        (
            EntryQuery {
                tenant_id: some("tenant-a"),
                kinds: kinds(&["FactPromoted"]),
                ..base.clone()
            },
            |event| event.tenant.is_some() && event.kind == "FactPromoted",
        ),
        (
            EntryQuery {
                correlation_id: some("run-2"),
                ..base.clone()
            },
            |event| event.run.as_deref() == Some("run-2"),
        ),
        (
            EntryQuery {
                chain_id: some("chain-1"),
                ..base.clone()
            },
            |event| event.chain.as_deref() == Some("chain-1"),
        ),
        (
            EntryQuery {
                artifact_id: some("adapter-1"),
                ..base.clone()
            },
            |event| event.artifact.is_some(),
        ),
        (
            EntryQuery {
                time_range: times(Some("lamport:9"), Some("lamport:21")),
                ..base.clone()
            },
            |event| {
                let number = event.time.strip_prefix("lamport:");
                number.is_some_and(|n| (9..=21).contains(&n.parse::<u32>().unwrap()))
            },
        ),
        // An end of the clock has all logical times before it, a start has none behind it.
        (
            EntryQuery {
                time_range: times(None, Some("1970-01-01T00:00:00Z")),
                ..base.clone()
            },
            |event| !event.time.starts_with("2026"),
        ),
        (
            EntryQuery {
                time_range: times(Some("0000-01-01T00:00:00Z"), None),
                ..base.clone()
            },
            |event| !event.time.starts_with("lamport"),
        ),
        (
            EntryQuery {
                time_range: times(Some("lamport:27"), Some("1970-01-01T00:00:00Z")),
                ..base.clone()
            },
            |event| match event.time.strip_prefix("lamport:") {
                Some(number) => number.parse::<u32>().unwrap() >= 27,
                None => event.time.starts_with("1970"),
            },
        ),
    ];
    on_every_reader(folder.path(), |reader| {
        for (query, condition) in &cases {
            let mut found: Vec<_> = entries(reader, query)
                .iter()
                .map(|entry| entry.event_id().to_owned())
                .collect();
            let of_two = entries(
                reader,
                &EntryQuery {
                    limit: Some(2),
                    ..query.clone()
                },
            );
            let first: Vec<_> = of_two.iter().map(LogEntry::event_id).collect();
            assert_eq!(first, found[..found.len().min(2)]);
            found.sort();
            let expected: Vec<_> = events
                .iter()
                .filter(|event| condition(event))
                .map(|event| event.id.clone())
                .collect();
            assert_eq!(found, expected, "{query:?}");
        }
        // By the kind's name alone, whatever the contract.
        let both = EntryQuery {
            kinds: kinds(&["FactPromoted", "BudgetExceeded"]),
            ..EntryQuery::default()
        };
        let found = entries(reader, &both);
        let own = found.iter().filter(|entry| entry.contract().is_none());
        assert_eq!(own.count(), 30);
        assert!(found.len() > 30);
    });
}

#[test]
fn a_scan_goes_on_behind_a_logical_time() {
    let folder = folder_in_memory();
    let (log, _) = mixed(folder.path());
    log.flush().unwrap();
    for options in [ScanOptions::oldest_first(), ScanOptions::newest_first()] {
        let all = |options| {
            let scan = log.scan_entries(&EntryQuery::default(), options).unwrap();
            scan.map(|entry| entry.unwrap()).collect::<Vec<_>>()
        };
        let whole = all(options);
        for (place, entry) in whole.iter().enumerate().step_by(7) {
            let cursor = entry.cursor().to_string().parse().unwrap();
            let rest: Vec<_> = all(options.after(cursor))
                .iter()
                .map(LogEntry::sequence)
                .collect();
            let expected: Vec<_> = whole[place + 1..].iter().map(LogEntry::sequence).collect();
            assert_eq!(rest, expected);
        }
    }
    assert_eq!(
        log.explain(&EventQuery::new(), ScanOptions::newest_first())
            .unwrap()
            .order,
        Order::NewestFirst
    );
}

#[test]
fn repeats_and_conflicts_are_those_of_the_log_s_own_events() {
    let folder = folder_in_memory();
    let log = options().open(folder.path()).unwrap();
    let event = Foreign {
        tenant: Some("tenant-a"),
        ..Foreign::new(1)
    };
    log.append(&envelope("own-1")).unwrap();
    log.append_foreign(&[event.event()]).unwrap();
    for flushed in [false, true] {
        if flushed {
            log.flush().unwrap();
        }
        let again = log.append_foreign(&[event.event()]).unwrap();
        assert!(again.events[0].already_present);
        assert_eq!(again.events[0].sequence, 1);

        let json = event.json.replace(' ', "");
        let other_time = "2026-01-21T12:00:02.5+01:00";
        let changes: [fn(&mut ForeignEvent<'_>); 4] = [
            |event| event.kind = "Unheard",
            |event| event.contract = OTHER,
            |event| event.correlation_id = None,
            |event| event.tenant_id = Some("tenant-a"),
        ];
        for (place, change) in changes.into_iter().enumerate() {
            let mut changed = event.event();
            change(&mut changed);
            let result = log.append_foreign(&[changed]);
            if place == 3 {
                assert!(result.unwrap().events[0].already_present);
            } else {
                let Err(Error::Conflict { sequence: 1, .. }) = result else {
                    panic!("{result:?}");
                };
            }
        }
        let mut changed = event.event();
        changed.json = &json;
        assert!(log.append_foreign(&[changed]).unwrap_err().is_conflict());
        changed = event.event();
        changed.occurred_at = other_time;
        assert!(log.append_foreign(&[changed]).unwrap_err().is_conflict());
        // The same instant is the same time, in whatever words.
        changed.occurred_at = "2026-01-21T11:00:01.5Z";
        assert_eq!(log.append_foreign(&[changed]).unwrap().already_present(), 1);

        // One id for both contracts.
        changed = event.event();
        changed.event_id = "own-1";
        assert!(log.append_foreign(&[changed]).unwrap_err().is_conflict());
        assert!(log.append(&envelope(&event.id)).unwrap_err().is_conflict());
        // Another tenant's is another.
        changed.tenant_id = None;
        assert_eq!(
            log.append_foreign(&[changed]).unwrap().written(),
            usize::from(!flushed)
        );
    }
    let head = log.head().unwrap();
    let fresh = Foreign::new(40);
    let mut twice = fresh.event();
    twice.json = "{}";
    let refused = log.append_foreign(&[fresh.event(), twice]);
    assert!(matches!(refused, Err(Error::ConflictInBatch { .. })));
    assert_eq!(log.head().unwrap(), head);
    let batch = log.append_foreign(&[fresh.event(), fresh.event()]).unwrap();
    assert_eq!((batch.written(), batch.already_present()), (1, 1));
}

type Change<'a> = Box<dyn Fn(&mut ForeignEvent<'a>) + 'a>;

#[test]
fn what_cannot_be_kept_is_refused_whole() {
    let folder = folder_in_memory();
    let log = options().max_event_bytes(1000).open(folder.path()).unwrap();
    let fine = Foreign::new(3);
    let long = "x".repeat(257);
    let large = format!("\"{}\"", "x".repeat(1000));
    let changes: Vec<(&str, Change<'_>)> = vec![
        ("event_id", Box::new(|event| event.event_id = "")),
        ("event_id", Box::new(|event| event.event_id = &long)),
        (
            "tenant_id",
            Box::new(|event| event.tenant_id = Some("a\nb")),
        ),
        (
            "correlation_id",
            Box::new(|event| event.correlation_id = Some("")),
        ),
        ("chain_id", Box::new(|event| event.chain_id = Some(&long))),
        (
            "artifact_id",
            Box::new(|event| event.artifact_id = Some(&long)),
        ),
        (
            "trace_link_id",
            Box::new(|event| event.trace_link_id = Some(&long)),
        ),
        ("contract", Box::new(|event| event.contract = "")),
        ("contract", Box::new(|event| event.contract = &long[..65])),
        ("kind", Box::new(|event| event.kind = "")),
        ("kind", Box::new(|event| event.kind = "a\u{7f}")),
        ("kind", Box::new(|event| event.kind = &long[..65])),
        (
            "occurred_at",
            Box::new(|event| event.occurred_at = "lamport:x"),
        ),
        ("occurred_at", Box::new(|event| event.occurred_at = "")),
        ("no JSON", Box::new(|event| event.json = "{")),
        ("no JSON", Box::new(|event| event.json = "")),
        ("bytes, the limit", Box::new(|event| event.json = &large)),
    ];
    for (word, change) in changes {
        let mut refused = fine.event();
        refused.event_id = "refused";
        change(&mut refused);
        let other = Foreign::new(9);
        let error = log.append_foreign(&[other.event(), refused]).unwrap_err();
        assert!(error.is_refusal(), "{error}");
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    assert_eq!(log.head().unwrap(), 0);
    log.append_foreign(&[fine.event()]).unwrap();
    assert_eq!(log.append_foreign(&[]).unwrap().events.len(), 0);
}

#[test]
fn payloads_of_any_size_come_back() {
    let folder = folder_in_memory();
    let log = options().open(folder.path()).unwrap();
    // Also over the limit above which the trees only point to the journal.
    let texts: Vec<_> = [0, 1000, 70_000, 1_000_000]
        .map(|size| format!(r#"{{"text":"{}"}}"#, "é".repeat(size / 2)))
        .into();
    for (number, json) in texts.iter().enumerate() {
        let id = format!("e-{number}");
        let event = ForeignEvent::new(CONTRACT, "Blob", &id, "lamport:1", json);
        log.append_foreign(&[event]).unwrap();
    }
    log.flush().unwrap();
    for reader in [log.reader(), LogReader::open(folder.path()).unwrap()] {
        let query = EntryQuery {
            kinds: vec!["Blob".to_owned()],
            ..EntryQuery::default()
        };
        let found = entries(&reader, &query);
        assert_eq!(found.len(), texts.len());
        for (entry, json) in found.iter().zip(&texts) {
            let Payload::Foreign { json: kept, .. } = entry.payload().unwrap() else {
                panic!("{entry:?}");
            };
            assert!(kept == json);
        }
    }
    assert!(log.verify().unwrap().is_intact());
}

#[test]
fn a_trace_link_is_found_in_its_own_contract() {
    let folder = folder_in_memory();
    let log = options().open(folder.path()).unwrap();
    let mut event = ForeignEvent::new(CONTRACT, "Traced", "f-1", "lamport:1", r#"{"n":1}"#);
    event.trace_link_id = Some("trace-1");
    log.append_foreign(&[event]).unwrap();
    assert_eq!(log.get_trace_link("trace-1").unwrap(), None);
    let link: TraceLink = serde_json::from_str(
        r#"{"type":"Remote","provider_name":"p","provider_model_id":"m","request_fingerprint":"a",
        "response_fingerprint":"b","temperature":0.0,"top_p":1.0,"max_tokens":1,"provider_metadata":{},
        "retried":false,"retry_reasons":[],"replayability":"BestEffort"}"#,
    )
    .unwrap();
    let own = ExperienceEvent::TraceLinkRecorded {
        trace_link_id: "trace-1".to_owned(),
        trace_link: link.clone(),
    };
    log.append(&experience_log::ExperienceEventEnvelope::new("own-1", own))
        .unwrap();
    event.event_id = "f-2";
    log.append_foreign(&[event]).unwrap();
    for flushed in [false, true] {
        if flushed {
            log.flush().unwrap();
        }
        for reader in [log.reader(), LogReader::open(folder.path()).unwrap()] {
            assert_eq!(
                reader.get_trace_link("trace-1").unwrap(),
                Some(link.clone())
            );
            let found = reader
                .find_trace_link(CONTRACT, "trace-1")
                .unwrap()
                .unwrap();
            assert_eq!(found.event_id(), "f-2");
            assert_eq!(found.trace_link_id(), Some("trace-1"));
            assert!(reader.find_trace_link(OTHER, "trace-1").unwrap().is_none());
        }
    }
}

#[test]
fn kinds_are_counted_by_name() {
    let folder = folder_in_memory();
    let (log, _) = mixed(folder.path());
    let live = log.stats().unwrap();
    let looked = LogReader::open(folder.path()).unwrap().stats().unwrap();
    for stats in [live, looked] {
        let kinds: Vec<_> = stats
            .kinds
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        let expected = [
            ("BudgetExceeded", 30),
            ("FactPromoted", 23),
            ("GoalReached", 23),
            ("Späte Art", 22),
            ("Unheard", 22),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(stats.oldest.as_deref(), Some("lamport:0"));
    }
}

#[test]
fn more_kinds_than_are_counted_are_found_all_the_same() {
    let folder = folder_in_memory();
    let log = options().memtable_events(64).open(folder.path()).unwrap();
    for number in 0..400 {
        let (kind, id) = (format!("Kind{number}"), format!("e-{number}"));
        log.append_foreign(&[ForeignEvent::new(CONTRACT, &kind, &id, "lamport:1", "1")])
            .unwrap();
    }
    log.flush().unwrap();
    for number in [0, 255, 256, 399] {
        let query = EntryQuery {
            kinds: vec![format!("Kind{number}")],
            ..EntryQuery::default()
        };
        assert_eq!(entries(&log.reader(), &query).len(), 1);
    }
    let stats = log.stats().unwrap();
    assert_eq!(stats.kinds.values().sum::<u64>(), 400);
    assert_eq!(stats.kinds.len(), 257);
    assert_eq!(stats.kinds["(others)"], 144);
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1-foreign")
}

/// The golden log: 24 foreign events and 8 of the log's own. `generate` made it, once, so [`Foreign::new`] stays
/// as it is.
fn golden_events() -> Vec<Foreign> {
    (0..24).map(Foreign::new).collect()
}

#[test]
fn the_golden_log_is_read_as_it_was_written() {
    let folder = folder_in_memory();
    let path = folder.path().join("agent.log");
    copy_folder(&fixture().join("log"), &path);
    let looking = LogReader::open(&path).unwrap();
    let log = options().create(false).open(&path).unwrap();
    for reader in [looking, log.reader()] {
        let mut own = 0;
        let mut foreign = golden_events().into_iter();
        for entry in reader.replay(0).unwrap() {
            let entry = entry.unwrap();
            if entry.contract().is_some() {
                foreign.next().unwrap().check(&entry);
            } else {
                assert_eq!(entry.envelope().unwrap(), envelope(entry.event_id()));
                own += 1;
            }
        }
        assert_eq!((own, foreign.next()), (8, None));
    }
    let verified = log.verify().unwrap();
    assert!(verified.is_intact(), "{:?}", verified.problems);
    let hash = verified
        .chain_hash
        .map(|byte| format!("{byte:02x}"))
        .concat();
    assert_eq!(
        hash,
        fs::read_to_string(fixture().join("chain-hash"))
            .unwrap()
            .trim()
    );
    log.flush().unwrap();
    assert_eq!(
        log.verify().unwrap().trees,
        TreesVerified::Compared { events: 32 }
    );
}

#[test]
#[ignore = "the files it makes are frozen"]
fn generate() {
    let path = fixture().join("log");
    assert!(!path.exists(), "golden files are never replaced");
    let log = options().open(&path).unwrap();
    for (number, event) in golden_events().iter().enumerate() {
        log.append_foreign(&[event.event()]).unwrap();
        if number % 3 == 0 {
            log.append(&envelope(&format!("own-{number:03}"))).unwrap();
        }
    }
    let hash = log.verify().unwrap().chain_hash;
    let hash = hash.map(|byte| format!("{byte:02x}")).concat();
    fs::write(fixture().join("chain-hash"), hash + "\n").unwrap();
    log.close().unwrap();
    fs::remove_dir_all(path.join("trees")).unwrap();
    fs::remove_file(path.join("LOCK")).unwrap();
}
