//! Bit rot: one damage to one file of a log, many times, each judged: harmless, healed, or a typed error
//! that names the place. Anything wrong or missing without an error is a violation.
//!
//! The logs that are damaged are a closed one, and one whose writer was killed. In the second the end of
//! the journal may look, after a damage, as if a crash had torn it: what is lost then is counted by itself.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use experience_log::{
    Error, EventQuery, ExperienceEventEnvelope, ExperienceEventKind, ExperienceLog, LogReader,
};

use crate::Options;
use crate::clock::Patience;
use crate::damage::Damage;
use crate::process;
use crate::progress;
use crate::report::Report;
use crate::specimen::{self, FileKind, Specimen};
use crate::workload::{self, Random};

/// Trials with one pair of logs.
const TRIALS_A_PAIR: u64 = 500;
/// A trial that takes longer hangs.
const HANGS_AFTER: Duration = Duration::from_secs(60);
/// How often each kind of file is chosen.
const CHOICES: [FileKind; 12] = [
    FileKind::Plain,
    FileKind::Plain,
    FileKind::Plain,
    FileKind::Sealed,
    FileKind::Sealed,
    FileKind::Sealed,
    FileKind::Trees,
    FileKind::Trees,
    FileKind::Trees,
    FileKind::Head,
    FileKind::Format,
    FileKind::Lock,
];

/// Panics of any thread, caught or not.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// The number of the next trial's folder.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Runs the campaign.
pub fn run(options: &Options) -> Report {
    let mut report = Report::new("bit-rot", options.seed);
    report.trials = options.trials(3000, 150);
    let start = Instant::now();
    let hook = std::panic::take_hook();
    let folder = tempfile::tempdir().expect("a folder for temporary files can be made");
    let mut random = Random::new(options.seed);
    let bar = progress::bar(report.name, report.trials);
    let files = process::open_files();
    let mut pair = 0;
    let mut left = report.trials;
    while left > 0 {
        let home = folder.path().join(format!("pair-{pair}"));
        let logs = Specimen::pair(&home, options.seed, pair, &mut random).map(Arc::new);
        std::panic::set_hook(Box::new(|_| {
            PANICS.fetch_add(1, Ordering::Relaxed);
        }));
        let trials = left.min(TRIALS_A_PAIR);
        for number in 0..trials {
            let log = &logs[(number % 2) as usize];
            // One trial in sixty has no damage: there must be no false alarm.
            if number % 60 < 2 {
                trial(&mut report, log, &home, None);
            }
            if let Some(what) = choose(log, &mut random) {
                trial(&mut report, log, &home, Some(what));
            }
            bar.inc(1);
        }
        let _ = std::panic::take_hook();
        let _ = fs::remove_dir_all(&home);
        left -= trials;
        pair += 1;
    }
    bar.finish_and_clear();
    std::panic::set_hook(hook);
    let escaped = report.counts.get("panics").copied().unwrap_or(0);
    report.count("panics", 0);
    report.count(
        "panics inside the trees, caught by the library",
        PANICS.load(Ordering::Relaxed).saturating_sub(escaped),
    );
    let files = process::open_files().saturating_sub(files);
    report.count("files left open", files);
    if files > 8 {
        report.violation(format!("{files} files are left open"));
    }
    report.took = start.elapsed();
    report
}

/// What a trial damages: a file, and how.
type Rot = (FileKind, PathBuf, Damage);

fn choose(log: &Specimen, random: &mut Random) -> Option<Rot> {
    for _ in 0..100 {
        let kind = CHOICES[random.below(CHOICES.len() as u64) as usize];
        let Some(files) = log.files.get(&kind) else {
            continue;
        };
        let file = &files[random.below(files.len() as u64) as usize];
        if let Some(damage) = Damage::random(&specimen::read(&log.path.join(file)), random) {
            return Some((kind, file.clone(), damage));
        }
    }
    None
}

/// One trial, in a thread of its own: it may panic or hang.
fn trial(report: &mut Report, log: &Arc<Specimen>, home: &Path, rot: Option<Rot>) {
    // A folder of its own: one that hangs may go on writing.
    let path = home.join(format!("trial-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    log.copy_to(&path);
    if let Some((_, file, damage)) = &rot {
        let mut bytes = specimen::read(&path.join(file));
        damage.apply(&mut bytes);
        fs::write(path.join(file), bytes)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let what = match &rot {
        Some((_, file, damage)) => format!("{} log, {}, {damage}", log.name, file.display()),
        None => format!("{} log, untouched", log.name),
    };
    let (tell, answer) = mpsc::channel();
    let (of, at, damage) = (Arc::clone(log), path.clone(), rot.clone());
    thread::spawn(move || {
        let trial = Trial::new(&of, &at, damage);
        let _ = tell.send(trial.judge());
    });
    let verdict = match Patience::new(HANGS_AFTER).receive(&answer) {
        Ok(verdict) => verdict,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            report.count("hangs", 1);
            report.violation(format!("{what}: it hangs"));
            return;
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            report.count("panics", 1);
            report.violation(format!("{what}: it panics"));
            return;
        }
    };
    let _ = fs::remove_dir_all(&path);
    let Some((kind, _, damage)) = rot else {
        report.count("untouched copies", 1);
        let alarm = verdict.class != Class::Harmless || !verdict.violations.is_empty();
        report.count("false alarms on untouched copies", u64::from(alarm));
        if alarm {
            report.violation(format!(
                "{what}: {}, {:?}",
                verdict.class.name(),
                verdict.violations
            ));
        }
        return;
    };
    report.count(&format!("damage: {}", damage.name()), 1);
    report.count(&format!("{}: {}", kind.name(), verdict.class.name()), 1);
    report.count(
        "acknowledged events lost with such a tail",
        verdict.lost_acknowledged,
    );
    report.count(
        "wrong or missing without an error, or another violation",
        u64::from(!verdict.violations.is_empty()),
    );
    for violation in verdict.violations {
        report.violation(format!("{what}: {violation}"));
    }
}

/// What became of a damaged log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Harmless,
    Healed,
    TypedError,
    /// The end of the journal is lost, and a crash could have left the same. The opening reports it.
    TornTail,
    /// The same, where nothing is left that could be reported: the bytes are zeros, or gone.
    CleanTail,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Healed => "healed",
            Self::TypedError => "typed error with the place",
            Self::TornTail => "indistinguishable from a torn tail (reported)",
            Self::CleanTail => "indistinguishable from an end before the write (nothing to report)",
        }
    }
}

struct Verdict {
    class: Class,
    lost_acknowledged: u64,
    violations: Vec<String>,
}

/// A damaged copy under examination.
struct Trial<'a> {
    log: &'a Specimen,
    path: &'a Path,
    rot: Option<Rot>,
    violations: Vec<String>,
    /// Damage that was named by an error.
    named: bool,
    /// Something was brought in order.
    healed: bool,
    lost_tail: Option<Class>,
    lost_acknowledged: u64,
}

impl<'a> Trial<'a> {
    fn new(log: &'a Specimen, path: &'a Path, rot: Option<Rot>) -> Self {
        Self {
            log,
            path,
            rot,
            violations: Vec::new(),
            named: false,
            healed: false,
            lost_tail: None,
            lost_acknowledged: 0,
        }
    }

    fn judge(mut self) -> Verdict {
        let seen_by_look = self.look();
        self.named = false;
        if let Some(count) = self.open_and_read() {
            self.open_again(count);
        }
        if self.named && !seen_by_look {
            self.wrong("a look and its verify did not see what opening and reading saw");
        }
        let class = match self.lost_tail {
            _ if self.named => Class::TypedError,
            Some(tail) => tail,
            None if self.healed || seen_by_look => Class::Healed,
            None => Class::Harmless,
        };
        Verdict {
            class,
            lost_acknowledged: self.lost_acknowledged,
            violations: self.violations,
        }
    }

    fn wrong(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// An error must be of a kind that names damage, and its place must be in this log.
    fn named(&mut self, doing: &str, error: &Error) {
        let placed = match error {
            Error::Damaged(damage) => damage.path.starts_with(self.path),
            Error::NotALog { path, .. } | Error::NewerFormat { path, .. } => {
                path.starts_with(self.path)
            }
            Error::Undecodable { .. } => true,
            _ => false,
        };
        if placed {
            self.named = true;
        } else {
            self.wrong(format!("{doing}: an error that names no damage: {error}"));
        }
    }

    /// Looks without opening. Whether anything was seen; nothing may be changed by it.
    fn look(&mut self) -> bool {
        let before = specimen::hash(self.path);
        let mut seen = false;
        match LogReader::open(self.path) {
            Ok(reader) => {
                match reader.verify() {
                    Ok(verification) => seen = !verification.is_intact(),
                    Err(error) => self.named("verify of a look", &error),
                }
                match reader.replay(0) {
                    Ok(replay) => {
                        let count = self.compare("a look", replay);
                        if let Some(count) = count {
                            self.judge_end("a look", count, None);
                        }
                    }
                    Err(error) => self.named("replay of a look", &error),
                }
            }
            Err(error) => self.named("a look", &error),
        }
        if specimen::hash(self.path) != before {
            self.wrong("a look changed the log");
        }
        seen || self.named
    }

    /// Reads events and compares each. How many there are; `None` if damage was named.
    fn compare(
        &mut self,
        whose: &str,
        replay: impl Iterator<Item = experience_log::Result<experience_log::LogEntry>>,
    ) -> Option<usize> {
        let mut count = 0;
        for entry in replay {
            match entry.and_then(|entry| entry.envelope()) {
                Ok(event) if self.log.events.get(count) == Some(&event) => count += 1,
                Ok(event) => {
                    self.wrong(format!(
                        "{whose} has at {count} the event {:?}, or it is not as it was",
                        event.event_id
                    ));
                    return None;
                }
                Err(error) => {
                    self.named(whose, &error);
                    return None;
                }
            }
        }
        Some(count)
    }

    /// Judges a journal that ends after `count` events without an error.
    fn judge_end(&mut self, whose: &str, count: usize, torn_bytes: Option<u64>) {
        if count == self.log.events.len() {
            return;
        }
        let lost = self.log.events.len() - count;
        if let Err(why) = self.may_be_torn(count as u64) {
            self.wrong(format!(
                "{whose} lost {lost} events without an error: {why}"
            ));
            return;
        }
        let Some(torn_bytes) = torn_bytes else {
            return;
        };
        self.lost_acknowledged = self.log.acknowledged.saturating_sub(count as u64);
        self.lost_tail = Some(if torn_bytes > 0 {
            Class::TornTail
        } else {
            Class::CleanTail
        });
        let left = self.left_behind(count as u64);
        if torn_bytes == 0 && left > 0 {
            self.wrong(format!(
                "{lost} events are lost, and {left} bytes behind them are not reported"
            ));
        }
    }

    /// Whether a crash could have left a journal of `count` events here.
    fn may_be_torn(&self, count: u64) -> Result<(), String> {
        let Some((_, file, damage)) = &self.rot else {
            return Err("nothing was damaged".to_owned());
        };
        if self.log.name != "crashed" {
            return Err("the log was closed".to_owned());
        }
        if *file != self.log.last_segment {
            return Err("the damage is not at the journal's end".to_owned());
        }
        if count < self.log.known {
            return Err(format!("HEAD tells of {}", self.log.known));
        }
        let range = damage.range();
        let touched = self
            .log
            .frames
            .iter()
            .find(|frame| frame.end > range.start)
            .map_or(0, |frame| frame.first_sequence);
        if count < touched {
            return Err(format!("the damage begins at event {touched}"));
        }
        let proof = |frame: &&specimen::Frame| frame.start >= range.end && frame.synced > count;
        match self.log.frames.iter().find(proof) {
            Some(frame) => Err(format!(
                "the frame of event {} tells that {} were synced",
                frame.first_sequence, frame.synced
            )),
            None => Ok(()),
        }
    }

    /// Bytes that were left behind the first `count` events when the damage was done.
    fn left_behind(&self, count: u64) -> usize {
        let Some((_, file, damage)) = &self.rot else {
            return 0;
        };
        let mut bytes = specimen::read(&self.log.path.join(file));
        damage.apply(&mut bytes);
        let end = self
            .log
            .frames
            .iter()
            .find(|frame| frame.first_sequence == count)
            .map_or(0, |frame| frame.start);
        let rest = bytes.get(end..).unwrap_or_default();
        rest.iter().filter(|byte| **byte != 0).count()
    }

    /// Opens the log and asks it everything. The events it has then; `None` if it ended with an error.
    fn open_and_read(&mut self) -> Option<usize> {
        let log = match self.log.options.clone().open(self.path) {
            Ok(log) => log,
            Err(error) => {
                self.named("opening", &error);
                return None;
            }
        };
        let recovery = log.recovery().clone();
        if recovery.created {
            self.wrong("a new log was made over the damaged one");
            return None;
        }
        self.healed = recovery.trees_rebuilt.is_some() || recovery.head_ignored.is_some();
        let read = match log.replay(0) {
            Ok(replay) => self.compare("replay", replay),
            Err(error) => {
                self.named("replay", &error);
                None
            }
        };
        if let Some(count) = read {
            self.judge_end("the log", count, Some(recovery.torn_bytes));
        }
        let count = read.unwrap_or(self.log.events.len());
        self.ask(&log, count);
        match log.verify() {
            Ok(verification) if verification.is_intact() && read.is_none() => {
                self.wrong("verify is content with a journal that cannot be read");
            }
            Ok(verification) => self.healed |= !verification.is_intact(),
            Err(error) => self.named("verify", &error),
        }
        let appended = log.append(&one_more());
        let closed = log.close();
        if !self.named {
            if let Err(error) = appended {
                self.wrong(format!("it takes no more events: {error}"));
            }
            if let Err(error) = closed {
                self.wrong(format!("it cannot be closed: {error}"));
            }
        }
        read.filter(|_| !self.named)
    }

    /// What was healed must stay so.
    fn open_again(&mut self, count: usize) {
        let log = match self.log.options.clone().open(self.path) {
            Ok(log) => log,
            Err(error) => {
                self.wrong(format!("it does not open again: {error}"));
                return;
            }
        };
        if log.head().ok() != Some(count as u64 + 1) {
            self.wrong(format!(
                "{count} events and one more are {:?} at the next opening",
                log.head()
            ));
        }
        if let Err(error) = log.flush() {
            self.wrong(format!("it cannot be flushed: {error}"));
        }
        match log.verify() {
            Ok(verification) if verification.is_intact() => {}
            Ok(verification) => self.wrong(format!(
                "verify at the next opening: {:?}",
                verification.problems
            )),
            Err(error) => self.wrong(format!("verify at the next opening: {error}")),
        }
    }

    /// Asks by every index. An answer is complete and right, or an error that names damage.
    fn ask(&mut self, log: &ExperienceLog, count: usize) {
        let events = &self.log.events[..count];
        let mut by_chain: HashMap<String, Vec<&ExperienceEventEnvelope>> = HashMap::new();
        for event in events {
            by_chain.entry(chain(event)).or_default().push(event);
        }
        let kind = EventQuery::new().kind(ExperienceEventKind::OutcomeRecorded);
        self.expect("the kind", log.query(&kind), count);
        for tenant in 0..3 {
            let tenant = format!("tenant-{tenant}");
            let of_tenant =
                |event: &&ExperienceEventEnvelope| event.tenant_id == Some(tenant.clone());
            let expected = events.iter().filter(of_tenant).count();
            self.expect(
                &tenant,
                log.query(&EventQuery::new().tenant(&tenant)),
                expected,
            );
        }
        for event in events.iter().step_by((count / 40).max(1)) {
            let chain = chain(event);
            let expected = by_chain.get(&chain).map_or(0, Vec::len);
            self.expect(
                &chain,
                log.query(&EventQuery::new().chain(&chain)),
                expected,
            );
            let id = &event.event_id;
            let found = log
                .get(event.tenant_id.as_deref(), id)
                .and_then(|entry| entry.map(|entry| entry.envelope()).transpose());
            match found {
                Ok(Some(found)) if found == *event => {}
                Ok(found) => {
                    let is = if found.is_some() {
                        "another"
                    } else {
                        "missing"
                    };
                    self.wrong(format!("event {id:?} by its id is {is}"));
                }
                Err(error) => self.named("an event by its id", &error),
            }
        }
    }

    fn expect(
        &mut self,
        what: &str,
        answer: experience_log::Result<Vec<ExperienceEventEnvelope>>,
        expected: usize,
    ) {
        match answer {
            Ok(found) if found.len() != expected => self.wrong(format!(
                "{what} finds {} events instead of {expected}",
                found.len()
            )),
            Ok(found) => {
                let known: HashMap<&str, &ExperienceEventEnvelope> = self
                    .log
                    .events
                    .iter()
                    .map(|event| (event.event_id.as_str(), event))
                    .collect();
                let is_known = |event: &ExperienceEventEnvelope| {
                    known.get(event.event_id.as_str()) == Some(&event)
                };
                if !found.iter().all(is_known) {
                    self.wrong(format!("{what} finds an event that is not as it was"));
                }
            }
            Err(error) => self.named(what, &error),
        }
    }
}

/// The chain of an event: its batch.
fn chain(event: &ExperienceEventEnvelope) -> String {
    let batch = event
        .event_id
        .rsplit_once('-')
        .map_or("", |(batch, _)| batch);
    format!("chain-{batch}")
}

/// An event that no specimen has.
fn one_more() -> ExperienceEventEnvelope {
    workload::event(u64::MAX, 0, 0, 0, 1, 64)
}
