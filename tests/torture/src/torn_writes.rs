//! Every state that a crash may leave opens, with all that was synced.
//!
//! Short runs are recorded: the writes, truncates, renames and syncs of everything but the trees and the lock.
//! At each point the states that a crash may leave there are made in a folder and opened: an error is a
//! violation, and so is an event that was acknowledged and is missing, a torn batch, an event that is not as it
//! was appended, or fewer events than the synced part alone gives. Some runs start from such a state.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use experience_log::{Error, LogReader};

use crate::Options;
use crate::crash::{Choice, Moment};
use crate::kept;
use crate::load;
use crate::progress;
use crate::recording::{Done, Op, Recording};
use crate::report::Report;
use crate::strace;
use crate::told::{Batch, Line};
use crate::workload::Random;

/// Runs that are recorded one after the other, by kind and life, with a call that fails.
type Runs = &'static [(&'static str, u64, Option<&'static str>)];

const SCENARIOS: &[(&str, Runs)] = &[
    (
        "one writer, twice",
        &[("single", 0, None), ("single", 1, None)],
    ),
    (
        "two writers, twice",
        &[("pair", 0, None), ("pair", 1, None)],
    ),
    (
        "unsynced, then the same events again",
        &[("loose", 0, None), ("single", 0, None), ("single", 1, None)],
    ),
    (
        "unsynced, then closed and opened",
        &[("closing", 0, None), ("single", 1, None)],
    ),
    (
        "closed and opened",
        &[("little", 0, None), ("single", 1, None)],
    ),
    (
        "into the trees before it is synced",
        &[("flushing", 0, None), ("single", 1, None)],
    ),
    (
        "a sync fails, then the same events again",
        &[
            ("single", 0, Some("fdatasync:error=EIO:when=4")),
            ("single", 0, None),
            ("single", 1, None),
        ],
    ),
];

/// States in the long form, and in the short one.
const STATES: (u64, u64) = (20_000, 1000);

/// Wrong states of a run that are told in full.
const WRONG: u64 = 3;

/// Runs the campaign.
pub fn run(options: &Options) -> Report {
    let begun = Instant::now();
    let mut report = Report::new("torn-writes", options.seed);
    if let Err(missing) = strace::check() {
        report.violation(missing);
        return report;
    }
    let mut random = Random::new(options.seed);
    let states = options.trials(STATES.0, STATES.1);
    let again = if options.short { 1 } else { 15 };
    // Random choices at each point, beside those that are always tried.
    let more = if options.short { 12 } else { 60 };
    let share = states / (SCENARIOS.len() as u64 + again);
    let bar = progress::bar(report.name, SCENARIOS.len() as u64 + again);
    let mut torn = Vec::new();
    for (name, runs) in SCENARIOS {
        let begun = begin(None, runs);
        enumerate(
            &mut report,
            &mut random,
            name,
            begun,
            (share, more),
            &mut torn,
        );
        bar.inc(1);
    }
    // A crash while the log goes on after a crash.
    for _ in 0..again {
        let Some(place) = random.next().checked_rem(torn.len() as u64) else {
            break;
        };
        let start = torn.swap_remove(place as usize);
        let name = format!("after a crash of: {}", start.name);
        let begun = begin(Some(start), &[("single", 9, None)]);
        enumerate(
            &mut report,
            &mut random,
            &name,
            begun,
            (share, more),
            &mut Vec::new(),
        );
    }
    bar.finish_and_clear();
    report.took = begun.elapsed();
    report
}

/// A state to start from.
struct Torn {
    name: String,
    state: crate::crash::State,
    acked: Vec<(Batch, u64)>,
}

struct Begun {
    recording: Recording,
    acked: Vec<(Batch, u64)>,
}

fn begin(start: Option<Torn>, runs: Runs) -> Result<Begun, String> {
    let folder = strace::folder().map_err(|error| error.to_string())?;
    let root = folder.path().join("log");
    let mut acked = Vec::new();
    let record = |acked: &mut Vec<(Batch, u64)>| {
        if let Some(start) = start {
            start.state.make(&root)?;
            acked.extend(start.acked);
        }
        let mut recording = Recording::of(&root)?;
        for (kind, life, inject) in runs {
            let before = recording.done.len();
            recording.run(&root, kind, *life, *inject)?;
            if matches!(*kind, "loose" | "flushing" | "closing") {
                // What it was told is kept survives the process, not a power cut.
                for done in recording.done.iter_mut().skip(before) {
                    if matches!(done.op, Op::Told(Line::Acked(..))) {
                        done.op = Op::Told(Line::Ready);
                    }
                }
            }
        }
        Ok::<_, std::io::Error>(recording)
    };
    let recording = record(&mut acked).map_err(|error| error.to_string())?;
    Ok(Begun { recording, acked })
}

/// Tries `share` states of a recording, spread over its points, from `more` random choices at each.
fn enumerate(
    report: &mut Report,
    random: &mut Random,
    name: &str,
    begun: Result<Begun, String>,
    (share, more): (u64, u64),
    torn: &mut Vec<Torn>,
) {
    let Begun { recording, acked } = match begun {
        Ok(begun) => begun,
        Err(error) => return report.violation(format!("{name}: {error}")),
    };
    let failed = |done: &&Done| matches!(done.op, Op::FailedSync(_));
    let failed = recording.done.iter().filter(failed).count() as u64;
    report.count("syncs that were made to fail", failed);
    let mut acked = acked;
    // Every distinct state with what it must hold.
    let mut seen = HashSet::new();
    let mut points: Vec<(usize, usize, Vec<Choice>)> = Vec::new();
    let mut counts = Vec::new();
    for until in 0..=recording.done.len() {
        if let Some(done) = until
            .checked_sub(1)
            .and_then(|last| recording.done.get(last))
            && let Op::Told(Line::Acked(batch, first)) = &done.op
        {
            acked.push((batch.clone(), *first));
        }
        let moment = Moment::new(&recording, until);
        let choices = moment.choices(random, more).into_iter();
        let fresh: Vec<_> = choices
            .filter(|choice| seen.insert((moment.state(choice).fingerprint(), acked.len())))
            .collect();
        counts.push(fresh.len());
        if !fresh.is_empty() {
            points.push((until, acked.len(), fresh));
        }
    }
    report.count("points of crash", points.len() as u64);
    report.count("states that were told apart", seen.len() as u64);
    let (mut tried, mut wrong) = (0, 0);
    let mut found = |report: &mut Report, what: String| {
        wrong += 1;
        if wrong <= WRONG {
            report.violation(format!("{name}, {what}"));
        }
        report.count(&format!("wrong states, {name}"), 1);
    };
    let mut left = points.len() as u64;
    for (until, acked_then, mut choices) in points {
        // So many at this point that all points together get their share.
        let due = share.saturating_sub(tried);
        let fair = due / left + u64::from(random.below(left) < due % left);
        left -= 1;
        if fair == 0 {
            continue;
        }
        let moment = Moment::new(&recording, until);
        let acked = acked.get(..acked_then).unwrap_or_default();
        report.trials += 1;
        tried += 1;
        let floor = open(&moment, &moment.synced(), acked, 0, false).unwrap_or_else(|error| {
            let state = moment.state(&moment.synced()).summary();
            found(
                report,
                format!("point {until}, synced only ({state}): {error}"),
            );
            0
        });
        for _ in 0..fair.min(choices.len() as u64) {
            let choice = choices.swap_remove(random.below(choices.len() as u64) as usize);
            tried += 1;
            report.trials += 1;
            let state = moment.state(&choice);
            match open(&moment, &choice, acked, floor, tried % 8 == 0) {
                Ok(events) => {
                    report.count(
                        "states with more than was synced",
                        u64::from(events > floor),
                    );
                    if tried % 16 == 1 && !acked.is_empty() {
                        torn.push(Torn {
                            name: name.to_owned(),
                            state,
                            acked: acked.to_vec(),
                        });
                    }
                }
                Err(error) => {
                    let state = state.summary();
                    found(
                        report,
                        format!("point {until}, {choice:?} ({state}): {error}"),
                    );
                }
            }
        }
    }
}

/// Makes one state and opens it. Returns how many events it holds.
fn open(
    moment: &Moment<'_>,
    choice: &Choice,
    acked: &[(Batch, u64)],
    floor: u64,
    go_on: bool,
) -> Result<u64, String> {
    let folder = strace::folder();
    let folder = folder.map_err(|error| error.to_string())?;
    let root = folder.path().join("log");
    let state = moment.state(choice);
    state.make(&root).map_err(|error| error.to_string())?;
    let required = || acked.iter().map(|(batch, first)| (batch, *first));
    let looked = look(&root, acked.is_empty())?;
    let kept = kept::check(&root, load::options(), required())?;
    let events = kept.events.len() as u64;
    if looked != events {
        return Err(format!(
            "a look sees {looked} events, opening finds {events}"
        ));
    }
    if events < floor {
        return Err(format!(
            "{events} events, the synced part alone gives {floor}"
        ));
    }
    if go_on {
        let log = load::options()
            .open(&root)
            .map_err(|error| error.to_string())?;
        let outcome = log
            .append_batch(&load::events(77, 0, 0, 2))
            .map_err(|error| error.to_string())?;
        let first = outcome.events.first().map_or(0, |event| event.sequence);
        log.close().map_err(|error| error.to_string())?;
        let more = Batch {
            life: 77,
            writer: 0,
            batch: 0,
            size: 2,
        };
        let required = required().chain([(&more, first)]);
        kept::check(&root, load::options(), required)?;
    }
    Ok(events)
}

/// How many events another process sees, without a lock.
fn look(root: &Path, may_be_missing: bool) -> Result<u64, String> {
    let look = || {
        let mut events = 0;
        for entry in LogReader::open(root)?.replay(0)? {
            entry?;
            events += 1;
        }
        Ok(events)
    };
    match look() {
        Err(Error::NoSuchLog { .. }) if may_be_missing => Ok(0),
        looked => looked.map_err(|error| format!("a look: {error}")),
    }
}
