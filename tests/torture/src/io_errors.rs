//! The n-th call fails: EIO, no space, a write cut short.
//!
//! A child runs a fixed load under strace, which makes one call fail, once or from then on, for every call of
//! the run. The faults are put where they hit one thread: the caller's, the maintenance or the sync thread (strace
//! is attached to it alone), or any (calls that only sled makes). A write cut short is made by a limit on the size
//! of files, which the kernel keeps to honestly: it writes up to the limit and says how much. strace's
//! `retval=` would claim a write that never happened, which no kernel does.
//!
//! Checked after each: the child ended by itself, in time, without a panic; no event was acknowledged after a
//! write or sync of the journal had failed in that handle; the next append was refused as `Poisoned`; reads went
//! on; after opening again everything acknowledged is there, batches are whole, and `verify` finds nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Options;
use crate::clock::Patience;
use crate::kept;
use crate::load;
use crate::progress;
use crate::report::Report;
use crate::strace::{self, Call, Strace};
use crate::told::{Line, Running, Told};

/// Faults per call and thread in the long form: more calls than this are strode over.
const MOST: u64 = 60;
/// Faults per call and thread in the short form.
const FEW: u64 = 2;

/// In whose calls the fault is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Caller,
    /// The same without syncs: a write is all that an acknowledgement stands on.
    Unsynced,
    Maintenance,
    /// Of a log whose appends are not synced: the sync thread does it ahead of a flush.
    Syncer,
    Anyone,
    Writers,
}

/// Calls, in whose they are made to fail, and how.
const PLAN: &[(Whose, &str, &[&str])] = &[
    (Whose::Caller, "write", &["EIO", "ENOSPC", "ENOSPC+"]),
    (Whose::Caller, "fdatasync", &["EIO", "ENOSPC", "EIO+"]),
    (Whose::Caller, "fsync", &["EIO", "ENOSPC", "EIO+"]),
    (Whose::Caller, "rename", &["EIO", "ENOSPC"]),
    (Whose::Caller, "openat", &["EIO", "ENOSPC"]),
    (Whose::Caller, "ftruncate", &["EIO", "ENOSPC"]),
    (Whose::Caller, "mkdir", &["EIO", "ENOSPC"]),
    (Whose::Caller, "unlink", &["EIO"]),
    (Whose::Caller, "unlinkat", &["EIO"]),
    (Whose::Unsynced, "write", &["EIO", "ENOSPC"]),
    (Whose::Maintenance, "write", &["EIO", "ENOSPC", "ENOSPC+"]),
    (Whose::Syncer, "fdatasync", &["EIO", "EIO+"]),
    (Whose::Maintenance, "fsync", &["EIO", "EIO+"]),
    (Whose::Maintenance, "rename", &["EIO", "ENOSPC"]),
    (Whose::Maintenance, "openat", &["EIO", "ENOSPC"]),
    (Whose::Maintenance, "mkdir", &["EIO", "ENOSPC"]),
    (Whose::Maintenance, "unlink", &["EIO"]),
    (Whose::Maintenance, "unlinkat", &["EIO"]),
    (Whose::Anyone, "pwrite64", &["EIO", "ENOSPC", "ENOSPC+"]),
    (Whose::Anyone, "sync_file_range", &["EIO", "EIO+"]),
    (Whose::Writers, "fdatasync", &["EIO"]),
    (Whose::Writers, "write", &["EIO"]),
];

/// The calls of the short form.
const SHORT: &[&str] = &[
    "write",
    "fdatasync",
    "fsync",
    "rename",
    "openat",
    "pwrite64",
];

/// All calls that are written down.
const TRACED: &str = "write,writev,pwrite64,fsync,fdatasync,sync_file_range,openat,rename,ftruncate,mkdir,unlink,unlinkat";

/// Runs the campaign.
pub fn run(options: &Options) -> Report {
    let begun = Instant::now();
    let mut report = Report::new("io-errors", options.seed);
    if let Err(missing) = strace::check() {
        report.violation(missing);
        return report;
    }
    let mut calls = Calls::new();
    for whose in [
        Whose::Caller,
        Whose::Unsynced,
        Whose::Maintenance,
        Whose::Syncer,
        Whose::Anyone,
        Whose::Writers,
    ] {
        match count(whose) {
            Ok(counts) => calls.extend(counts.into_iter().map(|(name, c)| ((whose, name), c))),
            Err(error) => report.violation(format!("the run without faults: {error}")),
        }
    }
    if !report.is_clean() {
        return report;
    }
    let faults = plan(options, &calls);
    let limits = if options.short {
        vec![300, 5000]
    } else {
        (0..options.trials(MOST, FEW))
            .map(|step| 73 + step * 331)
            .collect()
    };
    let bar = progress::bar(report.name, (faults.len() + limits.len()) as u64);
    for fault in &faults {
        trial(&mut report, fault);
        bar.inc(1);
    }
    for limit in limits {
        short_write(&mut report, limit);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.took = begun.elapsed();
    report
}

/// The first and the last time that a call is made, per thread.
type Calls = BTreeMap<(Whose, String), (u64, u64)>;

/// The faults to inject into calls that are made so often.
fn plan(options: &Options, calls: &Calls) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (whose, call, errors) in PLAN {
        if options.short && !SHORT.contains(call) {
            continue;
        }
        let Some((first, last)) = calls.get(&(*whose, (*call).to_owned())).copied() else {
            continue;
        };
        let most = options.trials(MOST, FEW);
        let stride = (last + 1 - first).div_ceil(most).max(1);
        // The short form begins where the seed says.
        let offset = if options.short {
            options.seed % stride
        } else {
            0
        };
        let errors = if options.short { &errors[..1] } else { *errors };
        for error in errors {
            let step = usize::try_from(stride).unwrap_or(1);
            for nth in (first + offset..=last).step_by(step) {
                faults.push(Fault {
                    whose: *whose,
                    call,
                    error,
                    nth,
                });
            }
        }
    }
    faults
}

struct Fault {
    whose: Whose,
    call: &'static str,
    error: &'static str,
    nth: u64,
}

impl Fault {
    fn inject(&self) -> String {
        let (error, more) = match self.error.strip_suffix('+') {
            Some(error) => (error, "+"),
            None => (self.error, ""),
        };
        // A slow failure lets the others pile up behind it.
        let delay = if self.whose == Whose::Writers {
            ":delay_exit=2000"
        } else {
            ""
        };
        format!("{}:error={error}{delay}:when={}{more}", self.call, self.nth)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            whose,
            call,
            error,
            nth,
        } = self;
        write!(f, "{error} at call {nth} of {call} ({whose:?})")
    }
}

/// The command that runs a load in a child.
pub fn child(kind: &str, path: &Path, more: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "torture".into());
    let mut command = Command::new("env");
    command.arg("--ignore-signal=XFSZ").arg(program);
    command.arg("load").arg(kind).arg(path).args(more);
    command
}

fn under(strace: &Strace, command: &Command) -> Command {
    let mut traced = strace.command();
    traced.arg(command.get_program()).args(command.get_args());
    traced
}

/// How often each call is made, per thread at most: from the first that touches the log to the last.
fn count(whose: Whose) -> Result<BTreeMap<String, (u64, u64)>, String> {
    let folder = strace::folder().map_err(|error| error.to_string())?;
    let told = traced(folder.path(), whose, None).map_err(|error| error.to_string())?;
    if told.status.is_none_or(|status| !status.success()) || !told.stderr.is_empty() {
        return Err(format!("{:?} {}", told.status, told.stderr));
    }
    let mut seen: BTreeMap<(Option<u64>, String), u64> = BTreeMap::new();
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let log = folder.path().to_string_lossy().into_owned();
    for call in strace::read(&folder.path().join("trace")) {
        let nth = seen.entry((call.thread, call.name.clone())).or_default();
        *nth += 1;
        if call.arguments.contains(&log) {
            let (first, last) = counts.entry(call.name).or_insert((*nth, *nth));
            *first = (*first).min(*nth);
            *last = (*last).max(*nth);
        }
    }
    Ok(counts)
}

/// Runs the load under strace.
fn traced(folder: &Path, whose: Whose, inject: Option<String>) -> std::io::Result<Told> {
    let strace = Strace {
        calls: TRACED.to_owned(),
        inject,
        follow: matches!(whose, Whose::Anyone | Whose::Writers),
        whole: false,
        into: folder.join("trace"),
    };
    let path = folder.join("log");
    match whose {
        Whose::Caller | Whose::Anyone => {
            Ok(Running::start(under(&strace, &child("all", &path, &[])))?.end())
        }
        Whose::Unsynced => {
            let child = child("all", &path, &["--unsynced"]);
            Ok(Running::start(under(&strace, &child))?.end())
        }
        Whose::Writers => Ok(Running::start(under(&strace, &child("writers", &path, &[])))?.end()),
        Whose::Maintenance | Whose::Syncer => {
            let (more, thread): (&[&str], _) = match whose {
                Whose::Syncer => (&["--pause", "--unsynced"], "explog sync"),
                _ => (&["--pause"], "explog maint"),
            };
            let mut running = Running::start(child("all", &path, more))?;
            if running.wait_for(&Line::Ready) {
                let tracer = attach(&strace, running.pid(), thread)?;
                running.go_on();
                let told = running.end();
                let _ = tracer.end();
                return Ok(told);
            }
            Ok(running.end())
        }
    }
}

/// Attaches strace to the thread of a process whose name begins so.
fn attach(strace: &Strace, pid: Option<u64>, name: &str) -> std::io::Result<Running> {
    let lost = || std::io::Error::other(format!("no thread {name}"));
    let tasks = format!("/proc/{}/task", pid.ok_or_else(lost)?);
    let mut patience = Patience::new(Duration::from_secs(5));
    // A new thread gives itself its name.
    let task = loop {
        if let Some(task) = find_thread(&tasks, name)? {
            break task;
        }
        if !patience.wait() {
            return Err(lost());
        }
    };
    let mut command = strace.command();
    command.arg("-p").arg(task.file_name().unwrap_or_default());
    let tracer = Running::start(command)?;
    loop {
        let status = fs::read_to_string(task.join("status"))?;
        if status
            .lines()
            .any(|line| line.starts_with("TracerPid:") && line.trim_end() != "TracerPid:\t0")
        {
            return Ok(tracer);
        }
        if !patience.wait() {
            return Err(std::io::Error::other("strace does not attach"));
        }
    }
}

fn find_thread(tasks: &str, name: &str) -> std::io::Result<Option<PathBuf>> {
    for task in fs::read_dir(tasks)? {
        let task = task?.path();
        let found = fs::read_to_string(task.join("comm")).unwrap_or_default();
        if found.starts_with(name) {
            return Ok(Some(task));
        }
    }
    Ok(None)
}

fn trial(report: &mut Report, fault: &Fault) {
    report.trials += 1;
    let folder = match strace::folder() {
        Ok(folder) => folder,
        Err(error) => return report.violation(error.to_string()),
    };
    let told = match traced(folder.path(), fault.whose, Some(fault.inject())) {
        Ok(told) => told,
        Err(error) => return report.violation(format!("{fault}: {error}")),
    };
    let calls = strace::read(&folder.path().join("trace"));
    let injected = calls.iter().filter(|call| call.injected).count() as u64;
    if injected == 0 {
        report.count("trials in which the call did not come", 1);
    } else {
        report.count(&format!("trials with a failed {}", fault.call), 1);
    }
    report.count("calls failed", injected);
    let found = judge(
        report,
        &folder.path().join("log"),
        &told,
        &calls,
        fault.whose,
    );
    for found in found {
        report.violation(format!("{fault}: {found}"));
    }
}

/// A limit on the size of files cuts a write short.
fn short_write(report: &mut Report, limit: u64) {
    report.trials += 1;
    let folder = match strace::folder() {
        Ok(folder) => folder,
        Err(error) => return report.violation(error.to_string()),
    };
    let path = folder.path().join("log");
    let mut running = match Running::start(child("all", &path, &["--pause"])) {
        Ok(running) => running,
        Err(error) => return report.violation(error.to_string()),
    };
    if !running.wait_for(&Line::Ready) {
        return report.violation("the child did not open its log".to_owned());
    }
    let limited = Command::new("prlimit")
        .arg(format!("--pid={}", running.pid().unwrap_or_default()))
        .arg(format!("--fsize={limit}"))
        .status();
    if !limited.is_ok_and(|status| status.success()) {
        report.violation("prlimit (util-linux) is not to be had".to_owned());
    }
    running.go_on();
    let told = running.end();
    let failed = told
        .lines
        .iter()
        .any(|line| matches!(line, Line::Unsaid(..) | Line::Error(..)));
    report.count("trials with a write cut short", u64::from(failed));
    for found in judge(report, &path, &told, &[], Whose::Caller) {
        report.violation(format!("files of at most {limit} bytes: {found}"));
    }
}

/// Everything that must not be, in one trial.
fn judge(
    report: &mut Report,
    path: &Path,
    told: &Told,
    calls: &[Call],
    whose: Whose,
) -> Vec<String> {
    let mut found = Vec::new();
    match told.status {
        None => {
            report.count("hangs over 10 s", 1);
            found.push(format!(
                "it hangs, after {:?}: {}",
                told.lines.last(),
                told.waiting
            ));
        }
        Some(status) if !status.success() => {
            found.push(format!("it ended with {status}: {}", told.stderr));
        }
        Some(_) => {}
    }
    let (caught, panics) = told.panics();
    report.count("panics of sled that were caught", caught);
    found.extend(panics.iter().map(|panic| (*panic).to_owned()));
    found.extend(said(report, told, whose));
    if matches!(whose, Whose::Caller | Whose::Unsynced) {
        found.extend(after_failure(report, calls));
    }
    let kept = kept::check(path, load::options(), told.acked());
    match kept {
        Ok(kept) => {
            report.recoveries.push(kept.opening);
            report.count(
                "events acknowledged",
                told.acked().map(|(batch, _)| batch.size).sum(),
            );
            found.extend(beyond_failure(told, &kept));
        }
        Err(error) => found.push(error),
    }
    found
}

/// What the child's own lines show.
fn said(report: &mut Report, told: &Told, whose: Whose) -> Vec<String> {
    let mut found = Vec::new();
    let mut acked_events = 0;
    let mut failed_append = false;
    // Whether the last append failed by itself, so that nobody may see its events.
    let mut unseen = false;
    for (place, line) in told.lines.iter().enumerate() {
        match line {
            // What was written before and not acknowledged may be there.
            Line::Opened(head) => {
                (failed_append, unseen) = (false, false);
                if *head < acked_events {
                    found.push(format!("{acked_events} acknowledged, opened with {head}"));
                }
                acked_events = *head;
            }
            Line::Acked(batch, first) => {
                acked_events = acked_events.max(first + batch.size);
            }
            Line::Unsaid(_, variant, text) => {
                failed_append = true;
                unseen = variant == "Io" && matches!(whose, Whose::Caller | Whose::Unsynced);
                report.count(&format!("appends answered {variant}"), 1);
                if !matches!(variant.as_str(), "Io" | "Poisoned") {
                    found.push(format!("an append gave {variant}: {text}"));
                }
                if text.contains("panicked") {
                    found.push(text.clone());
                }
            }
            Line::Error(step, variant, text) => {
                report.count(&format!("{step} answered {variant}"), 1);
                if !matches!(variant.as_str(), "Io" | "Poisoned") || text.contains("panicked") {
                    found.push(format!("{step} gave {variant}: {text}"));
                }
            }
            Line::Again(answer) if failed_append && answer != "Poisoned" => {
                found.push(format!("after a failed append the next one was {answer}"));
            }
            Line::Again(answer) => {
                report.count(&format!("appends after an error answered {answer}"), 1);
                // One that was acknowledged is the latest event.
                acked_events += u64::from(answer == "acked");
            }
            Line::Reads(head, replayed, queried) => {
                report.count("reads that went on", 1);
                let wrong = *head < acked_events || (unseen && *head > acked_events);
                if head != replayed || head != queried || wrong {
                    found.push(format!(
                        "{acked_events} acknowledged, head {head}, {replayed} replayed, {queried} found"
                    ));
                }
            }
            Line::Unread(text) => {
                let again = told.lines.get(place + 1);
                if text.starts_with("Io ") && matches!(again, Some(Line::Reads(..))) {
                    report.count("reads that failed with their own call, and then went on", 1);
                } else {
                    found.push(format!("a read failed: {text}"));
                }
            }
            Line::Other(text) => found.push(format!("the child said {text:?}")),
            _ => {}
        }
    }
    found
}

/// No acknowledgement comes after a failed write or sync of the journal, in the same handle.
fn after_failure(report: &mut Report, calls: &[Call]) -> Vec<String> {
    let mut found = Vec::new();
    let mut failure: Option<&Call> = None;
    for call in calls {
        if call.injected && call.is_of_journal() {
            if call.writes_zeros() {
                report.count("failed writes of zeros ahead, passed over", 1);
            } else if call.name != "ftruncate" {
                report.count("failed writes and syncs of the journal", 1);
                failure = Some(call);
            }
        }
        if call.name == "writev" && call.arguments.contains("\"opened") {
            failure = None;
        }
        if let Some(failure) = failure
            && call.name == "writev"
            && call.arguments.contains("\"ack ")
        {
            found.push(format!(
                "acknowledged after {}({}): {}",
                failure.name, failure.arguments, call.arguments
            ));
        }
    }
    found
}

/// No event is acknowledged that stands behind one whose sync is known to have failed.
fn beyond_failure(told: &Told, kept: &kept::Kept) -> Option<String> {
    let failed = told.lines.iter().find_map(|line| match line {
        Line::Unsaid(batch, variant, _) if variant == "Io" => Some(batch),
        _ => None,
    })?;
    let id = format!("{}-{}-{}-0", failed.life, failed.writer, failed.batch);
    let failed_at = kept.events.get(&id)?;
    let same_life = told.acked().filter(|(batch, _)| batch.life == failed.life);
    let (batch, first) = same_life.max_by_key(|(_, first)| *first)?;
    (first > *failed_at).then(|| {
        format!("event {first} {batch:?} was acknowledged, event {failed_at} before it had failed")
    })
}
