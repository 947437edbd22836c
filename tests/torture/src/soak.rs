//! Soak: a mixed load with reopenings, for a long time. Nothing may grow but the data: the size on disk goes
//! with the logical bytes, memory and open files stay where they are.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use experience_log::{EventQuery, ExperienceEventKind, ExperienceLog, ScanOptions};

use crate::Options;
use crate::held;
use crate::process;
use crate::progress;
use crate::report::Report;
use crate::workload::{self, Random};

/// Appending is held to so many events a second, so that a long run fits on a disk.
const EVENTS_A_SECOND: u64 = 4000;
/// Batches that are remembered for queries.
const REMEMBERED: usize = 4096;
/// Memory that a run may take whatever it holds.
const CONSTANT_BYTES: u64 = 128 << 20;
/// Memory that an event may take besides.
const BYTES_AN_EVENT: u64 = 60;
/// Memory that the load itself takes: caches that fill, memtables, four threads.
const LOADED_BYTES: u64 = 128 << 20;
/// What the size on disk may differ by whatever is held: segments that wait to be sealed, and what is
/// filled ahead.
const UNSETTLED_BYTES: f64 = (48 << 20) as f64;
/// Lines of the table.
const LINES: usize = 16;

/// What was measured at the end of one life.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    events: u64,
    logical: u64,
    disk: u64,
    opening: Duration,
    resident: u64,
    files_open: u64,
    files_closed: u64,
}

/// What the threads of all lives share.
#[derive(Debug)]
struct Load {
    start: Instant,
    events: AtomicU64,
    queries: AtomicU64,
    stop: AtomicBool,
    /// Life, writer, batch, events of some batches.
    batches: Mutex<Vec<(u64, u64, u64, u64)>>,
    violations: Mutex<Vec<String>>,
}

/// Where the follower stands.
#[derive(Debug, Clone, Copy, Default)]
struct Followed {
    position: u64,
    logical: u64,
}

/// Starts this program again with one arena of glibc's allocator for all threads. With its default, an arena for
/// each, what the threads of earlier openings freed stays with them, and the memory of the process tells little of
/// what the log holds.
pub fn with_one_arena() {
    const ARENAS: &str = "MALLOC_ARENA_MAX";
    if std::env::var_os(ARENAS).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // Returns only if it cannot be started.
        let _ = Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(ARENAS, "1")
            .exec();
    }
}

/// Runs for so many minutes.
pub fn run(options: &Options, minutes: Option<f64>) -> Report {
    let mut report = Report::new("soak", options.seed);
    let default = if options.short { 1.0 / 6.0 } else { 30.0 };
    let length = Duration::from_secs_f64(minutes.unwrap_or(default) * 60.0);
    let period = if length < Duration::from_secs(60) {
        Duration::from_secs(1)
    } else {
        Duration::from_secs(5)
    };
    let folder = tempfile::tempdir().expect("a folder for temporary files can be made");
    let path = folder.path().join("agent.log");
    let load = Load {
        start: Instant::now(),
        events: AtomicU64::new(0),
        queries: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        batches: Mutex::new(Vec::new()),
        violations: Mutex::new(Vec::new()),
    };
    let bar = progress::bar(report.name, length.as_secs());
    let mut samples = Vec::new();
    let mut followed = Followed::default();
    while load.start.elapsed() < length {
        match life(
            &path,
            samples.len() as u64,
            options.seed,
            period,
            &load,
            followed,
        ) {
            Ok((sample, position)) => {
                samples.push(sample);
                followed = position;
            }
            Err(error) => {
                report.violation(format!("life {}: {error}", samples.len()));
                break;
            }
        }
        bar.set_position(load.start.elapsed().as_secs());
    }
    bar.finish_and_clear();
    report.trials = samples.len() as u64;
    report.count("events acknowledged", load.events.load(Ordering::Relaxed));
    report.count("queries compared", load.queries.load(Ordering::Relaxed));
    report.count("reopenings", samples.len() as u64);
    let mut violations = load
        .violations
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    report.violations.append(&mut violations);
    judge(&mut report, &samples);
    compare_with_a_new_process(&mut report, &path, &samples);
    whole(&mut report, &path, load.events.into_inner(), followed);
    report.took = load.start.elapsed();
    report
}

/// Opens the log, loads it for a while, closes it.
fn life(
    path: &Path,
    life: u64,
    seed: u64,
    period: Duration,
    load: &Load,
    followed: Followed,
) -> experience_log::Result<(Sample, Followed)> {
    let before = Instant::now();
    let log = ExperienceLog::open(path)?;
    let opening = before.elapsed();
    load.stop.store(false, Ordering::Relaxed);
    thread::scope(|scope| {
        let follower = {
            let log = log.reader();
            scope.spawn(move || follow(&log, followed, load))
        };
        thread::scope(|scope| {
            scope.spawn(|| append(&log, life, 0, seed, load));
            scope.spawn(|| append(&log, life, 1, seed, load));
            scope.spawn(|| ask(&log, Random::new(seed ^ life), load));
            thread::sleep(period);
            load.stop.store(true, Ordering::Relaxed);
        });
        let flushed = log.flush();
        let (resident, files_open) = (process::resident_bytes(), process::open_files());
        // The follower ends with the log.
        log.close().and(flushed)?;
        let followed = follower.join().unwrap_or(followed);
        let sample = Sample {
            at: load.start.elapsed(),
            events: load.events.load(Ordering::Relaxed),
            logical: followed.logical,
            disk: disk_bytes(path),
            opening,
            resident,
            files_open,
            files_closed: process::open_files(),
        };
        Ok((sample, followed))
    })
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn violation(&self, what: String) {
        let mut violations = self
            .violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if violations.len() < 100 {
            violations.push(what);
        }
    }

    fn is_ahead(&self) -> bool {
        let allowed = self.start.elapsed().as_secs_f64() * EVENTS_A_SECOND as f64;
        self.events.load(Ordering::Relaxed) as f64 > allowed
    }
}

/// Writer 0 appends single events, writer 1 batches.
fn append(log: &ExperienceLog, life: u64, writer: u64, seed: u64, load: &Load) {
    let mut random = Random::new(seed ^ life << 8 ^ writer);
    for batch in 0.. {
        while load.is_ahead() && load.goes_on() {
            thread::sleep(Duration::from_millis(1));
        }
        if !load.goes_on() {
            return;
        }
        let size = if writer == 0 {
            1
        } else {
            1 + random.below(100)
        };
        let bytes = match random.below(2000) {
            0 => 100 << 10,
            _ => 64 + random.below(400) as usize,
        };
        let events: Vec<_> = (0..size)
            .map(|number| workload::event(life, writer, batch, number, size, bytes))
            .collect();
        let appended = match events.as_slice() {
            [event] => log.append(event).map(|_| ()),
            events => log.append_batch(events).map(|_| ()),
        };
        if let Err(error) = appended {
            load.violation(format!("life {life}: an append fails: {error}"));
            return;
        }
        let before = load.events.fetch_add(size, Ordering::Relaxed);
        let mut batches = load.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (life, writer, batch, size);
        if batches.len() < REMEMBERED {
            batches.push(place);
        } else if random.below(before / 20 + 1) < REMEMBERED as u64 {
            // The longer the run, the fewer are taken in: the remembered ones are from all of it.
            batches[random.below(REMEMBERED as u64) as usize] = place;
        }
    }
}

/// Queries whose answers are known, and a flush now and then.
fn ask(log: &ExperienceLog, mut random: Random, load: &Load) {
    let newest = EventQuery::new()
        .kind(ExperienceEventKind::OutcomeRecorded)
        .limit(50);
    let mut turn = 0_u64;
    while load.goes_on() {
        turn += 1;
        thread::sleep(Duration::from_millis(5));
        let batch = {
            let batches = load.batches.lock().unwrap_or_else(PoisonError::into_inner);
            let count = batches.len() as u64;
            match count {
                0 => continue,
                _ => batches[random.below(count) as usize],
            }
        };
        if let Err(wrong) = compare(log, batch) {
            load.violation(wrong);
        }
        if turn.is_multiple_of(20) {
            let found = log
                .scan(&newest, ScanOptions::newest_first())
                .and_then(Iterator::collect::<experience_log::Result<Vec<_>>>);
            if let Err(error) = found {
                load.violation(format!("the newest events cannot be read: {error}"));
            }
        }
        if turn.is_multiple_of(100)
            && let Err(error) = log.flush()
        {
            load.violation(format!("a flush fails: {error}"));
        }
        load.queries.fetch_add(1, Ordering::Relaxed);
    }
}

fn compare(
    log: &ExperienceLog,
    (life, writer, batch, size): (u64, u64, u64, u64),
) -> Result<(), String> {
    let chain = format!("chain-{life}-{writer}-{batch}");
    let fault = |error: experience_log::Error| format!("{chain}: {error}");
    let found = log.query(&EventQuery::new().chain(&chain)).map_err(fault)?;
    if found.len() as u64 != size {
        return Err(format!("{chain} has {} events of {size}", found.len()));
    }
    let (tenant, id) = (
        format!("tenant-{}", writer % 3),
        format!("{life}-{writer}-{batch}-0"),
    );
    match log.get(Some(&tenant), &id).map_err(fault)? {
        Some(_) => Ok(()),
        None => Err(format!("event {id} is not found")),
    }
}

/// Follows the log from where the follower of the life before ended.
fn follow(log: &experience_log::LogReader, mut at: Followed, load: &Load) -> Followed {
    let follow = match log.follow(at.position) {
        Ok(follow) => follow,
        Err(error) => {
            load.violation(format!("the log cannot be followed: {error}"));
            return at;
        }
    };
    for entry in follow {
        match entry {
            Ok(entry) if entry.sequence() == at.position => {
                at.position += 1;
                at.logical += entry.stored_bytes() as u64;
            }
            Ok(entry) => load.violation(format!(
                "the follower got event {} instead of {}",
                entry.sequence(),
                at.position
            )),
            Err(error) => load.violation(format!("the follower ends: {error}")),
        }
    }
    at
}

/// At the end, all of it is there.
fn whole(report: &mut Report, path: &Path, events: u64, followed: Followed) {
    let log = match ExperienceLog::open(path) {
        Ok(log) => log,
        Err(error) => {
            report.violation(format!("the last opening: {error}"));
            return;
        }
    };
    match log.head() {
        Ok(head) if head == events && followed.position <= head => {}
        head => report.violation(format!(
            "{events} events were acknowledged, {} followed, and there are {head:?}",
            followed.position
        )),
    }
    match log.verify() {
        Ok(verification) => {
            for problem in verification.problems {
                report.violation(format!("verify: {problem}"));
            }
        }
        Err(error) => report.violation(format!("verify: {error}")),
    }
}

/// What the long-lived process holds beside what the log needs is a leak.
fn compare_with_a_new_process(report: &mut Report, path: &Path, samples: &[Sample]) {
    let Some(last) = samples.last() else {
        return;
    };
    let held = match held::by_a_new_process(path) {
        Ok(held) => held,
        Err(error) => return report.violation(format!("a new process: {error}")),
    };
    let (opening, megabytes) = (held.opening.as_secs_f64() * 1e3, held.resident as f64 / 1e6);
    report.table.push(format!(
        "a new process opens it in {opening:.1} ms, and holds {megabytes:.1} MB"
    ));
    if last.resident > 2 * held.resident + LOADED_BYTES {
        report.violation(format!(
            "{} bytes of memory at the end, {} in a new process",
            last.resident, held.resident
        ));
    }
}

/// Compares the end of the run with its beginning and its middle.
fn judge(report: &mut Report, samples: &[Sample]) {
    let (Some(first), Some(middle), Some(last)) = (
        samples.first(),
        samples.get(samples.len() / 2),
        samples.last(),
    ) else {
        report.violation("the run was too short for a sample");
        return;
    };
    report.table = table(samples);
    let ratio = |sample: &Sample| sample.disk as f64 / sample.logical.max(1) as f64;
    if last.disk as f64 > 1.2 * ratio(middle) * last.logical as f64 + UNSETTLED_BYTES {
        report.violation(format!(
            "the disk holds {:.2} bytes for a logical one, {:.2} in the middle",
            ratio(last),
            ratio(middle)
        ));
    }
    let more = last.resident.saturating_sub(first.resident);
    let events = last.events - first.events;
    if more > CONSTANT_BYTES + BYTES_AN_EVENT * events {
        report.violation(format!("{more} bytes more of memory for {events} events"));
    }
    if last.files_closed > first.files_closed {
        report.violation(format!(
            "{} files are open after closing, {} at first",
            last.files_closed, first.files_closed
        ));
    }
    let quarter = samples.len().div_ceil(4);
    let most = |samples: &[Sample]| samples.iter().map(|sample| sample.files_open).max();
    let (early, late) = (
        most(&samples[..quarter]),
        most(&samples[samples.len() - quarter..]),
    );
    if late > early.map(|early| early + 2) {
        report.violation(format!("{late:?} files are open, {early:?} at first"));
    }
    let (from, to) = (middle, last);
    let slope =
        (to.resident as f64 - from.resident as f64) / (to.events - from.events).max(1) as f64;
    report.table.push(format!(
        "memory from the middle to the end: {slope:.1} bytes an event"
    ));
}

fn table(samples: &[Sample]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:>7} {:>10} {:>12} {:>12} {:>6} {:>9} {:>8} {:>6} {:>7}",
        "s", "events", "logical MB", "disk MB", "ratio", "open ms", "RSS MB", "files", "closed"
    )];
    let step = samples.len().div_ceil(LINES).max(1);
    let chosen = samples
        .iter()
        .enumerate()
        .filter(|(place, _)| place % step == 0 || place + 1 == samples.len());
    for (_, sample) in chosen {
        lines.push(format!(
            "{:>7.0} {:>10} {:>12.1} {:>12.1} {:>6.2} {:>9.1} {:>8.1} {:>6} {:>7}",
            sample.at.as_secs_f64(),
            sample.events,
            sample.logical as f64 / 1e6,
            sample.disk as f64 / 1e6,
            sample.disk as f64 / sample.logical.max(1) as f64,
            sample.opening.as_secs_f64() * 1e3,
            sample.resident as f64 / 1e6,
            sample.files_open,
            sample.files_closed
        ));
    }
    lines
}

/// What a directory takes on the disk.
fn disk_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}
