//! Power cut: the file system under a write load is cut off at a random moment (`FS_IOC_SHUTDOWN` without
//! a flush of its journal), mounted again, and the log is opened and compared with what was acknowledged.
//!
//! A file system lives for up to ten cuts. After one cut in four the next writer opens the log itself, so
//! that its recovery is cut, too. One life in three comes after another that was killed on the same mount:
//! what that one had written is not on the disk yet, though it can be read. The negative control does the
//! same without syncs, and must lose events, though nothing else.
//!
//! What is heard after the call that cuts has begun counts by itself. ext4's `fdatasync` may answer 0 there
//! for a file that it could not extend any more: its journal was aborted between the sync's check and its
//! commit, and it does not look again. Where the power is gone, nobody hears such an answer.

use std::time::{Duration, Instant};

use crate::Options;
use crate::disk::Disk;
use crate::ledger::{Findings, Ledger};
use crate::progress;
use crate::report::Report;
use crate::workload::Random;
use crate::writer::{self, Ended, Life, Phase, Told, Writer};

/// The size of the file system.
const DISK: u64 = 1 << 30;
/// Cuts that one file system sees.
const CUTS_A_DISK: u64 = 10;
/// Lives that are killed before a cut have the number of the one that is cut, and this more.
const KILLED: u64 = 1_000_000;
/// A life ends at most this long after it has opened the log.
const MOST: Duration = Duration::from_millis(500);

/// Runs the campaign, and its control.
pub fn run(options: &Options) -> Report {
    let mut report = Report::new("power-cut", options.seed);
    report.trials = options.trials(300, 10);
    let controls = (report.trials / 30).max(4);
    let start = Instant::now();
    let mut campaign = Campaign {
        seed: options.seed,
        random: Random::new(options.seed),
        opening: Duration::from_millis(30),
        report,
    };
    let bar = progress::bar("power-cut", campaign.report.trials + controls);
    let outcome = campaign
        .cuts(|| bar.inc(1))
        .and_then(|()| campaign.controls(controls, || bar.inc(1)));
    bar.finish_and_clear();
    let mut report = campaign.report;
    if let Err(fault) = outcome {
        report.violation(format!("the campaign cannot be run: {fault}"));
    }
    report.took = start.elapsed();
    report
}

struct Campaign {
    seed: u64,
    random: Random,
    /// How long it takes a writer to open the log.
    opening: Duration,
    report: Report,
}

impl Campaign {
    fn cuts(&mut self, done: impl Fn()) -> Result<(), String> {
        let mut life = 0;
        while life < self.report.trials {
            let mut disk = Disk::new(DISK)?;
            let path = disk.root().join("agent.log");
            let mut ledger = Ledger::new(self.seed, true);
            let last = (life + CUTS_A_DISK).min(self.report.trials);
            while life < last {
                let plan = Life::random(&path, self.seed, life, true, &mut self.random);
                if self.random.below(3) == 0 {
                    self.kill_a_life_before(&plan, &mut ledger);
                }
                let (ended, phase) = self.cut(&mut disk, &plan)?;
                self.note_life(&ended.told, phase);
                let events = ledger.add(life, &ended.told.acks);
                self.report.count("events acknowledged", events);
                life += 1;
                done();
                if life < last && self.random.below(4) == 0 {
                    continue;
                }
                let Some(found) = self.recover(&plan, &mut ledger, "") else {
                    // The next disk is a new one.
                    break;
                };
                self.report.count("acknowledged and lost", found.lost);
                self.report.count(
                    "answered while it was cut, and lost (see the module)",
                    found.lost_in_the_cut,
                );
                if found.lost > 0 {
                    let lost = found.lost;
                    self.report
                        .violation(format!("after cut {life}: {lost} events are lost"));
                }
            }
        }
        Ok(())
    }

    fn note_life(&mut self, told: &Told, phase: Phase) {
        self.report.count("cuts", 1);
        self.report.count(&format!("cuts {}", phase.name()), 1);
        let torn = u64::from(told.torn_bytes > 0);
        self.report
            .count("openings by writers that cut off a torn tail", torn);
        let rebuilt = u64::from(told.trees_rebuilt);
        self.report
            .count("openings by writers that made new trees", rebuilt);
    }

    /// A life on the same mount that ends by SIGKILL.
    fn kill_a_life_before(&mut self, plan: &Life, ledger: &mut Ledger) {
        let life = plan.life + KILLED;
        let plan = Life {
            life,
            ..plan.clone()
        };
        let writer = Writer::start(&plan);
        let most = Duration::from_millis(60);
        match writer::wait_for_the_moment(&writer, &mut self.random, self.opening, most) {
            Ok(took) => self.opening = took.unwrap_or(self.opening),
            Err(hang) => self.report.violation(format!("life {life}: {hang}")),
        }
        let ended = writer.kill();
        if let Some(how) = ended.by_itself {
            self.report
                .violation(format!("life {life} ended by itself, {how}"));
        }
        self.report.count("lives killed before a cut", 1);
        ledger.add(life, &ended.told.acks);
    }

    /// The same with the sync taken out: what is lost here shows that the cuts cut.
    fn controls(&mut self, cuts: u64, done: impl Fn()) -> Result<(), String> {
        let mut lost = 0;
        for number in 0..cuts {
            let life = self.report.trials + number;
            let mut disk = Disk::new(DISK)?;
            let path = disk.root().join("agent.log");
            let mut plan = Life::random(&path, self.seed, life, false, &mut self.random);
            plan.without_sync = true;
            plan.mode = writer::Mode::Append;
            // A full segment and a full memtable sync, whatever the level.
            plan.segment_bytes = 16 << 20;
            plan.memtable_events = 16_384;
            let mut ledger = Ledger::new(self.seed, false);
            if number % 2 == 1 {
                self.kill_a_life_before(&plan, &mut ledger);
            }
            let (ended, _) = self.cut(&mut disk, &plan)?;
            let events = ledger.add(life, &ended.told.acks);
            self.report.count("control: cuts without sync", 1);
            self.report.count("control: events acknowledged", events);
            if let Some(found) = self.recover(&plan, &mut ledger, "control: ") {
                self.report
                    .count("control: acknowledged and lost", found.lost);
                lost += found.lost;
            }
            done();
        }
        if lost == 0 {
            self.report
                .violation("the control lost nothing without syncs: the campaign proves nothing");
        }
        Ok(())
    }

    /// Lets a writer live on the disk until the power is cut, and brings the disk back.
    fn cut(&mut self, disk: &mut Disk, plan: &Life) -> Result<(Ended, Phase), String> {
        let life = plan.life;
        let cutter = disk.cutter()?;
        let mut writer = Writer::start(plan);
        let moment = writer::wait_for_the_moment(&writer, &mut self.random, self.opening, MOST);
        match moment {
            Ok(took) => self.opening = took.unwrap_or(self.opening),
            Err(hang) => self.report.violation(format!("life {life}: {hang}")),
        }
        if let Some(how) = writer.ended() {
            self.report
                .violation(format!("life {life} ended before the cut, {how}"));
        }
        let phase = writer.phase();
        writer.mark_the_cut();
        cutter.cut()?;
        // It may go on for a moment: what it acknowledges now must be on the disk all the same.
        std::thread::sleep(Duration::from_millis(self.random.below(20)));
        let ended = writer.kill();
        disk.unmount()?;
        disk.mount()?;
        Ok((ended, phase))
    }

    /// Opens the log and compares. What it finds besides losses is noted here. `None` if it does not open.
    fn recover(&mut self, plan: &Life, ledger: &mut Ledger, whose: &str) -> Option<Findings> {
        let life = plan.life;
        let start = Instant::now();
        let log = match plan.options().open(&plan.log) {
            Ok(log) => log,
            Err(error) => {
                self.report.count(&format!("{whose}failed openings"), 1);
                self.report.violation(format!(
                    "{whose}after cut {life}: the log does not open: {error}"
                ));
                return None;
            }
        };
        self.report.count(&format!("{whose}failed openings"), 0);
        if whose.is_empty() {
            self.report.recoveries.push(start.elapsed());
            let recovery = log.recovery();
            let torn = u64::from(recovery.torn_bytes > 0);
            let rebuilt = u64::from(recovery.trees_rebuilt.is_some());
            self.report.count("openings that cut off a torn tail", torn);
            self.report.count("openings that made new trees", rebuilt);
        }
        let found = ledger.check(&log, &mut self.random);
        self.report
            .count(&format!("{whose}torn batches"), found.torn_batches);
        if found.torn_batches > 0 {
            let torn = found.torn_batches;
            self.report
                .violation(format!("{whose}after cut {life}: {torn} batches are torn"));
        }
        for wrong in &found.wrong {
            self.report
                .violation(format!("{whose}after cut {life}: {wrong}"));
        }
        if let Err(error) = log.close() {
            self.report
                .violation(format!("{whose}closing after cut {life}: {error}"));
        }
        Some(found)
    }
}
