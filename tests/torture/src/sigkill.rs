//! SIGKILL: a process is killed again and again, on one directory, while it opens, recovers, appends,
//! flushes and rebuilds. After each kill what that life was told is looked up; after every tenth the log is
//! recovered and compared as a whole.

use std::time::{Duration, Instant};

use crate::Options;
use crate::ledger::{Findings, Ledger};
use crate::life::Life;
use crate::progress;
use crate::report::Report;
use crate::workload::Random;
use crate::writer::{self, Writer};

/// A life ends at most this long after it has opened the log.
const MOST: Duration = Duration::from_millis(60);

/// Runs the campaign.
pub fn run(options: &Options) -> Report {
    let mut report = Report::new("sigkill", options.seed);
    report.trials = options.trials(1000, 60);
    let start = Instant::now();
    let folder = tempfile::tempdir().expect("a folder for temporary files can be made");
    let path = folder.path().join("agent.log");
    let mut random = Random::new(options.seed);
    let mut ledger = Ledger::new(options.seed, false);
    let mut opening = Duration::from_millis(10);
    let bar = progress::bar(report.name, report.trials);
    for life in 0..report.trials {
        let mut plan = Life::random(&path, options.seed, life, false, &mut random);
        // Whoever was killed asks again.
        plan.retry = life.checked_sub(1).filter(|_| random.below(3) == 0);
        let writer = Writer::start(&plan);
        match writer::wait_for_the_moment(&writer, &mut random, opening, MOST) {
            Ok(took) => opening = took.unwrap_or(opening),
            Err(hang) => report.violation(format!("life {life}: {hang}")),
        }
        let ended = writer.kill();
        if let Some(how) = ended.by_itself {
            report.violation(format!("life {life} ended by itself, {how}"));
        }
        let told = ended.told;
        report.count(&format!("kills {}", told.phase.name()), 1);
        report.count(
            "openings that cut off a torn tail",
            u64::from(told.torn_bytes > 0),
        );
        report.count(
            "openings that made new trees",
            u64::from(told.trees_rebuilt),
        );
        report.count("events acknowledged", ledger.add(&told.acks, None));
        let repeated = told.acks.iter().filter(|ack| ack.life != life).count();
        report.count(
            "batches of the life before, appended again",
            repeated as u64,
        );
        let found = ledger.look(&path, &told.acks);
        note(&mut report, life, &found);
        if life % 10 == 9 || life + 1 == report.trials {
            let opened = Instant::now();
            match plan.options().open(&path) {
                Ok(log) => {
                    let _ = log.recovery();
                    report.recoveries.push(opened.elapsed());
                    let found = ledger.check(&log, &mut random);
                    note(&mut report, life, &found);
                    if let Err(error) = log.close() {
                        report.violation(format!("closing after life {life}: {error}"));
                    }
                }
                Err(error) => report.violation(format!("opening after life {life}: {error}")),
            }
            report.count("whole checks", 1);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if ledger.events() < report.trials {
        report.violation("the lives were too short to show anything");
    }
    report.took = start.elapsed();
    report
}

/// Counts what a check found.
fn note(report: &mut Report, life: u64, found: &Findings) {
    report.count("acknowledged and lost", found.lost);
    report.count("torn batches", found.torn_batches);
    if found.lost > 0 {
        report.violation(format!("after life {life}: {} events are lost", found.lost));
    }
    if found.torn_batches > 0 {
        let torn = found.torn_batches;
        report.violation(format!("after life {life}: {torn} batches are torn"));
    }
    for wrong in &found.wrong {
        report.violation(format!("after life {life}: {wrong}"));
    }
}
