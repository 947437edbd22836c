//! Writers and readers of one log at the same time, while memtables are flushed, runs merged and segments
//! sealed: a reader sees a prefix of whole batches, `follow` gives each event once and in order, a close
//! loses nothing that was acknowledged, and futures complete on the plainest of executors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

#[path = "support/mod.rs"]
mod support;

#[path = "concurrency/executor.rs"]
mod executor;
#[path = "concurrency/tagged.rs"]
mod tagged;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use experience_log::{
    BatchOutcome, Durability, Error, EventQuery, ExperienceAppender, ExperienceEventEnvelope,
    ExperienceLog, ExperienceReplayer, LogEntry, LogReader, Options, ReplayCursor, ReplayOptions,
    ScanOptions, StoreError, TimeRange,
};

use executor::{block_on, join_all};
use support::{budget, envelope, folder_in_memory, json};
use tagged::{batch, batch_size, check_prefix};

/// However slow the machine, an event that was appended arrives within this.
const LONG: Duration = Duration::from_mins(2);

const WRITERS: u64 = 4;

fn small(durability: Durability) -> Options {
    ExperienceLog::options()
        .memtable_events(16)
        .segment_bytes(4096)
        .tree_cache_bytes(1 << 20)
        .durability(durability)
}

fn entries(found: impl Iterator<Item = Result<LogEntry, Error>>) -> Vec<LogEntry> {
    found.collect::<Result<_, _>>().unwrap()
}

/// Appends `batches` batches as `writer`.
fn write(log: &ExperienceLog, writer: u64, batches: u64) {
    for number in 0..batches {
        let batch = batch(writer, number);
        let outcome = log.append_batch(&batch).unwrap();
        assert_eq!(outcome.written(), batch.len());
        // What is acknowledged is there to be read.
        let last = batch.last().unwrap();
        let found = log.get(last.tenant_id.as_deref(), &last.event_id).unwrap();
        assert_eq!(json(&found.unwrap().envelope().unwrap()), json(last));
    }
}

/// Everything a reader may ask, of a log that grows.
fn look_at_all(reader: &LogReader, round: u64) {
    let before = reader.head().unwrap();
    let mut by_time = entries(
        reader
            .scan(&EventQuery::new(), ScanOptions::oldest_first())
            .unwrap(),
    );
    let key = |entry: &LogEntry| {
        let time = entry.envelope().unwrap().occurred_at;
        (time, entry.sequence())
    };
    assert!(by_time.is_sorted_by_key(key));
    by_time.sort_by_key(LogEntry::sequence);
    assert!(check_prefix(&by_time) >= before);

    let mut backwards = entries(
        reader
            .scan(&EventQuery::new(), ScanOptions::newest_first())
            .unwrap(),
    );
    assert!(backwards.is_sorted_by_key(|entry| std::cmp::Reverse(key(entry))));
    backwards.sort_by_key(LogEntry::sequence);
    assert!(check_prefix(&backwards) >= by_time.len() as u64);

    let replayed = entries(reader.replay(0).unwrap());
    assert!(check_prefix(&replayed) >= backwards.len() as u64);

    // A batch is there or it is not.
    let (writer, number) = (round % WRITERS, round % 50);
    let query = EventQuery::new().correlation(format!("w{writer}-b{number}"));
    let found = reader.query(&query).unwrap().len() as u64;
    assert!(found == 0 || found == batch_size(writer, number));

    let stats = reader.stats().unwrap();
    assert!(stats.events >= replayed.len() as u64);
    assert_eq!(stats.kinds.values().sum::<u64>(), stats.events);
    assert_eq!(stats.tenants.values().sum::<u64>(), stats.events);
}

/// Reads again and again until `done`.
fn until(done: &AtomicBool, read: impl Fn(u64)) {
    let mut round = 0;
    while !done.load(Ordering::SeqCst) {
        read(round);
        round += 1;
    }
}

fn write_and_read(durability: Durability, batches: u64) {
    let folder = folder_in_memory();
    let path = folder.path().join("agent.log");
    let log = small(durability).open(&path).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (log, done, path) = (&log, &done, &path);
        scope.spawn(move || until(done, |round| look_at_all(&log.reader(), round)));
        scope.spawn(move || {
            let reader = LogReader::open(path).unwrap();
            until(done, |round| look_at_all(&reader, round));
        });
        scope.spawn(move || {
            until(done, |round| {
                match round % 3 {
                    0 => log.flush().unwrap(),
                    1 => log.rebuild_trees().unwrap(),
                    _ => {}
                }
                let verified = log.verify().unwrap();
                assert!(verified.is_intact(), "{:?}", verified.problems);
            });
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(&log.clone(), writer, batches)))
            .collect();
        let written: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        for writer in written {
            writer.unwrap();
        }
    });
    let total: u64 = (0..WRITERS)
        .flat_map(|writer| (0..batches).map(move |number| batch_size(writer, number)))
        .sum();
    assert_eq!(log.head().unwrap(), total);
    check_prefix(&entries(log.replay(0).unwrap()));
    assert!(log.verify().unwrap().is_intact());
    let stats = log.stats().unwrap();
    assert!(stats.segments > 4, "{stats:?}");
    log.close().unwrap();
    let looked = LogReader::open(&path).unwrap().verify().unwrap();
    assert!(looked.is_intact(), "{:?}", looked.problems);
}

#[test]
fn readers_see_a_prefix_of_whole_batches() {
    write_and_read(Durability::Os, 100);
}

#[test]
fn so_they_do_when_each_commit_is_synced() {
    write_and_read(Durability::Sync, 60);
}

/// Gives what a follower gets, up to `total` events of the log.
fn follow_up_to(reader: &LogReader, from: u64, total: u64) -> Vec<LogEntry> {
    let mut follow = reader.follow(from).unwrap();
    let mut found = Vec::new();
    while follow.position() < total {
        let entry = follow.next_within(LONG).unwrap();
        found.push(entry.expect("an event that was appended"));
    }
    assert!(follow.next_within(Duration::ZERO).unwrap().is_none());
    found
}

#[test]
fn follow_gives_each_event_once_and_in_order() {
    for durability in [Durability::Os, Durability::Sync] {
        let folder = folder_in_memory();
        let path = folder.path().join("agent.log");
        let log = small(durability).open(&path).unwrap();
        let batches = 60;
        write(&log, WRITERS, 5);
        let before = log.head().unwrap();
        let written = |writer| -> u64 { (0..batches).map(|n| batch_size(writer, n)).sum() };
        let total = before + (0..WRITERS).map(written).sum::<u64>();
        let check = |found: &[LogEntry], from: u64| {
            let sequences: Vec<_> = found.iter().map(LogEntry::sequence).collect();
            assert_eq!(sequences, (from..total).collect::<Vec<_>>());
            for entry in found {
                let stored = log.get(entry.tenant_id(), entry.event_id()).unwrap();
                assert_eq!(stored.unwrap().sequence(), entry.sequence());
            }
            if from == 0 {
                check_prefix(found);
            }
        };
        thread::scope(|scope| {
            let mut followers = Vec::new();
            // From the start, from the end, and from where nothing is yet.
            for from in [0, before, total - 5] {
                let readers = [log.reader(), LogReader::open(&path).unwrap()];
                for reader in readers {
                    let follower = scope.spawn(move || follow_up_to(&reader, from, total));
                    followers.push((from, follower));
                }
            }
            for writer in 0..WRITERS {
                let log = log.clone();
                scope.spawn(move || write(&log, writer, batches));
            }
            for (from, follower) in followers {
                check(&follower.join().unwrap(), from);
            }
        });
    }
}

#[test]
fn a_follower_in_wait_ends_with_the_log() {
    let folder = folder_in_memory();
    let log = small(Durability::Os)
        .open(folder.path().join("agent.log"))
        .unwrap();
    log.append(&envelope("e-1")).unwrap();
    let mut follow = log.follow(0).unwrap();
    let started = Barrier::new(2);
    thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let first = follow.next().unwrap().unwrap();
            assert_eq!(first.event_id(), "e-1");
            started.wait();
            assert!(follow.next().is_none());
            assert!(follow.next().is_none());
            assert!(matches!(follow.next_within(LONG), Err(Error::Closed)));
            follow.position()
        });
        started.wait();
        log.clone().close().unwrap();
        assert_eq!(follower.join().unwrap(), 1);
    });
}

/// Appends as `writer`, from batch `first` on, until the log is closed. Returns the next batch.
fn write_until_closed(
    log: &ExperienceLog,
    writer: u64,
    first: u64,
    acknowledged: &AtomicU64,
) -> u64 {
    for number in first.. {
        match log.append_batch(&batch(writer, number)) {
            Ok(_) => acknowledged.fetch_add(1, Ordering::SeqCst),
            Err(Error::Closed) => return number,
            Err(error) => panic!("{error}"),
        };
    }
    unreachable!()
}

fn close_under_load(path: &Path, durability: Durability) {
    let mut next = vec![0; usize::try_from(WRITERS).unwrap()];
    for round in 0..6 {
        let log = small(durability).open(path).unwrap();
        assert_eq!(log.recovery().torn_bytes, 0);
        // Everything acknowledged in the rounds before is there, and nothing else but whole batches.
        let found = entries(log.replay(0).unwrap());
        check_prefix(&found);
        for (writer, next) in next.iter_mut().enumerate() {
            let writer = writer as u64;
            for number in 0..*next {
                let query = EventQuery::new().correlation(format!("w{writer}-b{number}"));
                let found = log.query(&query).unwrap();
                assert_eq!(found, batch(writer, number), "round {round}");
            }
            // The batch that met the close may be there: nobody was told.
            let query = EventQuery::new().correlation(format!("w{writer}-b{next}"));
            if !log.query(&query).unwrap().is_empty() {
                *next += 1;
            }
        }
        let acknowledged = AtomicU64::new(0);
        next = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (log, acknowledged) = (log.clone(), &acknowledged);
                    let first = next[usize::try_from(writer).unwrap()];
                    scope.spawn(move || write_until_closed(&log, writer, first, acknowledged))
                })
                .collect();
            while acknowledged.load(Ordering::SeqCst) < 20 * WRITERS {
                thread::yield_now();
            }
            log.clone().close().unwrap();
            writers.into_iter().map(|w| w.join().unwrap()).collect()
        });
        assert!(matches!(log.head(), Err(Error::Closed)));
        assert!(matches!(log.query(&EventQuery::new()), Err(Error::Closed)));
        assert!(matches!(log.get(None, "e"), Err(Error::Closed)));
        assert!(matches!(log.flush(), Err(Error::Closed)));
        assert!(matches!(log.rebuild_trees(), Err(Error::Closed)));
        assert!(matches!(log.stats(), Err(Error::Closed)));
        assert!(matches!(log.verify(), Err(Error::Closed)));
        // Closing what is closed is fine.
        log.close().unwrap();
    }
}

#[test]
fn a_close_under_load_loses_nothing_that_was_acknowledged() {
    for durability in [Durability::Os, Durability::Sync] {
        let folder = folder_in_memory();
        close_under_load(&folder.path().join("agent.log"), durability);
    }
}

#[test]
fn the_same_batch_from_many_threads_is_written_once() {
    let folder = folder_in_memory();
    let log = small(Durability::Sync)
        .open(folder.path().join("agent.log"))
        .unwrap();
    for number in 0..40 {
        let batch = batch(0, number);
        let start = Barrier::new(4);
        let outcomes = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    let outcome = log.append_batch(&batch).unwrap();
                    // Written by whom ever, it is acknowledged and can be read.
                    for event in &batch {
                        let found = log.get(event.tenant_id.as_deref(), &event.event_id);
                        assert!(found.unwrap().is_some());
                    }
                    outcomes.lock().unwrap().push(outcome);
                });
            }
        });
        let outcomes = outcomes.into_inner().unwrap();
        let written: Vec<_> = outcomes.iter().map(BatchOutcome::written).collect();
        assert_eq!(written.iter().sum::<usize>(), batch.len());
        assert!(written.contains(&batch.len()), "{written:?}");
        let places = |place: usize| {
            let events = &outcomes[place].events;
            events
                .iter()
                .map(|event| event.sequence)
                .collect::<Vec<_>>()
        };
        assert!((1..4).all(|place| places(place) == places(0)));
    }
    check_prefix(&entries(log.replay(0).unwrap()));
}

#[test]
fn many_futures_append_at_once() {
    for durability in [
        Durability::Sync,
        Durability::Os,
        Durability::Periodic(Duration::from_millis(3)),
    ] {
        let folder = folder_in_memory();
        let log = small(durability)
            .open(folder.path().join("agent.log"))
            .unwrap();
        thread::scope(|scope| {
            for writer in 0..2 {
                let log = &log;
                scope.spawn(move || {
                    let batches: Vec<_> = (0..100).map(|number| batch(writer, number)).collect();
                    let futures = batches
                        .iter()
                        .map(|batch| ExperienceAppender::append(log, batch));
                    for result in block_on(join_all(futures)) {
                        result.unwrap();
                    }
                });
            }
        });
        let found = entries(log.replay(0).unwrap());
        let expected: u64 = (0..2)
            .flat_map(|writer| (0..100).map(move |number| batch_size(writer, number)))
            .sum();
        assert_eq!(check_prefix(&found), expected);
        // A future that nobody polls appends nothing; one that is given up may have.
        let never = batch(2, 0);
        drop(ExperienceAppender::append(&log, &never));
        assert_eq!(log.head().unwrap(), expected);
    }
}

#[test]
fn futures_tell_typed_errors() {
    let folder = folder_in_memory();
    let log = small(Durability::Sync)
        .open(folder.path().join("agent.log"))
        .unwrap();
    let first = envelope("e-1");
    block_on(ExperienceAppender::append(
        &log,
        std::slice::from_ref(&first),
    ))
    .unwrap();
    // The same again is fine.
    block_on(ExperienceAppender::append(
        &log,
        &[first.clone(), envelope("e-2")],
    ))
    .unwrap();
    let other = first.clone().with_correlation("other");
    let refused = [envelope("e-3"), other];
    let error = block_on(ExperienceAppender::append(&log, &refused)).unwrap_err();
    assert_eq!(
        error,
        StoreError::Conflict {
            event_id: "e-1".into()
        }
    );
    assert!(!error.is_transient());
    let error = block_on(ExperienceAppender::append(
        &log,
        &[envelope("e-3"), envelope("")],
    ))
    .unwrap_err();
    let message = "event \"\": event_id is empty".to_owned();
    assert_eq!(error, StoreError::InvalidQuery { message });
    assert_eq!(log.head().unwrap(), 2);

    let (appender, replayer) = (log.appender(), log.replayer());
    let pending = ExperienceAppender::append(&log, &refused);
    log.clone().close().unwrap();
    let message = "the log is closed; open it again".to_owned();
    let closed = StoreError::Unavailable { message };
    assert!(closed.is_transient());
    assert_eq!(block_on(pending), Err(closed.clone()));
    assert_eq!(
        block_on(appender.append(std::slice::from_ref(&first))),
        Err(closed.clone())
    );
    assert_eq!(
        block_on(ExperienceReplayer::query(&replayer, &EventQuery::new())),
        Err(closed)
    );
}

fn replay_all(
    replayer: &impl ExperienceReplayer,
    options: &ReplayOptions,
) -> (Vec<ExperienceEventEnvelope>, ReplayCursor) {
    let mut cursor = ReplayCursor::start();
    let mut found = Vec::new();
    while cursor.has_more {
        let batch = block_on(replayer.replay(options, &cursor)).unwrap();
        assert!(batch.events.len() <= options.batch_size.unwrap_or(usize::MAX));
        found.extend(batch.events);
        cursor = batch.cursor;
    }
    (found, cursor)
}

type Wanted = fn(&ExperienceEventEnvelope) -> bool;

#[test]
fn a_replay_goes_on_from_its_cursor() {
    let folder = folder_in_memory();
    let path = folder.path().join("agent.log");
    let log = small(Durability::Os).open(&path).unwrap();
    write(&log, 0, 20);
    write(&log, 1, 20);
    let all: Vec<_> = entries(log.replay(0).unwrap())
        .iter()
        .map(|entry| entry.envelope().unwrap())
        .collect();
    let looking = LogReader::open(&path).unwrap();
    let range = || TimeRange::between("2026-01-21T12:00:02Z", "2026-01-21T13:00:05+01:00");
    for size in [1, 7, 1000] {
        let options = || ReplayOptions::new().with_batch_size(size);
        let cases: [(ReplayOptions, Wanted); 5] = [
            (options(), |_| true),
            (options().with_tenant("w1"), |event| {
                event.tenant_id.as_deref() == Some("w1")
            }),
            (options().with_correlation("w0-b7"), |event| {
                event.correlation_id.as_deref() == Some("w0-b7")
            }),
            (options().with_time_range(range()), |event| {
                let time = event.occurred_at.as_str();
                ("2026-01-21T12:00:02Z"..="2026-01-21T12:00:05Z").contains(&time)
            }),
            (options().with_tenant("nobody"), |_| false),
        ];
        for (options, wanted) in cases {
            // In the order of appending, not of time.
            let expected: Vec<_> = all.iter().filter(|event| wanted(event)).cloned().collect();
            for found in [
                replay_all(&log, &options),
                replay_all(&log.reader(), &options),
                replay_all(&log.replayer(), &options),
                replay_all(&looking, &options),
            ] {
                assert_eq!(found.0, expected, "{options:?}");
                assert_eq!(found.1.position, all.len().to_string());
            }
        }
    }
    // The end is where the next replay starts.
    let (_, end) = replay_all(&log, &ReplayOptions::new());
    let nothing = block_on(ExperienceReplayer::replay(
        &log,
        &ReplayOptions::new(),
        &end,
    ));
    assert_eq!(nothing.unwrap().events, []);
    log.append(&envelope("later")).unwrap();
    let cursor = ReplayCursor::at(end.position);
    let later = block_on(ExperienceReplayer::replay(
        &log,
        &ReplayOptions::new(),
        &cursor,
    ))
    .unwrap();
    assert_eq!(later.events, [envelope("later")]);
    assert!(!later.cursor.has_more);

    let bad = ReplayCursor::at("yesterday");
    let error = block_on(ExperienceReplayer::replay(
        &log,
        &ReplayOptions::new(),
        &bad,
    ));
    let message = "cursor \"yesterday\" cannot be queried: it is not a position that a replay gave";
    assert_eq!(
        error,
        Err(StoreError::InvalidQuery {
            message: message.into()
        })
    );
    let endless = ReplayOptions::new().with_batch_size(0);
    let error = block_on(ExperienceReplayer::replay(
        &log,
        &endless,
        &ReplayCursor::start(),
    ));
    let message = "batch_size \"0\" cannot be queried: such a replay never ends";
    assert_eq!(
        error,
        Err(StoreError::InvalidQuery {
            message: message.into()
        })
    );
}

#[test]
fn an_appender_keeps_the_log_open_and_a_reader_does_not() {
    let folder = folder_in_memory();
    let path = folder.path().join("agent.log");
    let log = small(Durability::Os).open(&path).unwrap();
    let (appender, reader, replayer) = (log.appender(), log.reader(), log.replayer());
    drop(log);
    appender.append_batch(&[envelope("e-1")]).unwrap();
    block_on(appender.append(&[envelope("e-2")])).unwrap();
    assert_eq!(reader.head().unwrap(), 2);
    assert!(small(Durability::Os).open(&path).unwrap_err().is_locked());
    drop(appender);
    assert!(matches!(reader.head(), Err(Error::Closed)));
    let log = small(Durability::Os).open(&path).unwrap();
    assert_eq!(log.head().unwrap(), 2);
    // A handle is of the opening that made it.
    assert!(matches!(reader.head(), Err(Error::Closed)));
    assert!(block_on(ExperienceReplayer::query(&replayer, &EventQuery::new())).is_err());
}

#[test]
fn a_scan_sees_the_log_as_it_was_whatever_comes() {
    let folder = folder_in_memory();
    let path = folder.path().join("agent.log");
    let log = small(Durability::Os).open(&path).unwrap();
    write(&log, 0, 30);
    let head = log.head().unwrap();
    let mut scans = Vec::new();
    for _ in 0..4 {
        let mut scan = log
            .scan(&EventQuery::new(), ScanOptions::oldest_first())
            .unwrap();
        let first = scan.next().unwrap().unwrap();
        scans.push((vec![first], scan));
    }
    let finish = |(mut found, scan): (Vec<LogEntry>, experience_log::Scan)| {
        found.extend(entries(scan));
        found.sort_by_key(LogEntry::sequence);
        assert_eq!(check_prefix(&found), head);
    };
    write(&log, 1, 30);
    finish(scans.pop().unwrap());
    log.flush().unwrap();
    finish(scans.pop().unwrap());
    log.rebuild_trees().unwrap();
    finish(scans.pop().unwrap());
    // Even over the end of its log, and with another opened in its place.
    log.close().unwrap();
    let again = small(Durability::Os).open(&path).unwrap();
    again
        .append(
            &ExperienceEventEnvelope::new("other", budget("chain", "tokens"))
                .with_timestamp("2026-01-21T12:00:00Z"),
        )
        .unwrap();
    finish(scans.pop().unwrap());
    assert!(again.verify().unwrap().is_intact());
}
