//! Power cut: the disk under a write load is cut off at a random moment, by either of two methods ([`Method`]),
//! mounted again, and the log is opened and compared with what was acknowledged.
//!
//! A disk lives for up to ten cuts. After one cut in four the next writer opens the log itself, so that its
//! recovery is cut, too. One life in three comes after another that was killed on the same mount, half of those
//! without syncs: what that one had written is not on the disk yet, though it can be read. The life that is cut
//! appends the killed one's batches again, and an answer to that is a promise like any other. The negative control
//! does the same without syncs, and must lose events, though nothing else.
//!
//! What is under way while a file system is shut down counts by itself. ext4's `fdatasync` may answer 0 there for
//! a file that it could not extend any more: where a transaction cannot be started any longer, the conversion of
//! an unwritten extent fails without an error to the waiting sync, and a transaction that was aborted and is gone
//! counts as complete. Where the power is gone, nobody hears such an answer. The [floor] shows the
//! same without the log, in the same run; a snapshot has no such answers, since nobody notices it.

use std::time::{Duration, Instant};

use crate::Options;
use crate::clock::Span;
use crate::disk::{Disk, METHODS, Method};
use crate::floor;
use crate::ledger::{Findings, Ledger};
use crate::life::{Life, Mode};
use crate::progress;
use crate::report::Report;
use crate::workload::Random;
use crate::writer::{self, Ended, Phase, Told, Writer};

/// The size of the file system.
const DISK: u64 = 1 << 30;
/// Cuts that one disk sees, in the long form and in the short one.
const CUTS_A_DISK: (u64, u64) = (10, 5);
/// Lives that are killed before a cut have the number of the one that is cut, and this more.
const KILLED: u64 = 1_000_000;
/// A life ends at most this long after it has opened the log.
const MOST: Duration = Duration::from_millis(500);

/// Runs the campaign, and its control.
pub fn run(options: &Options) -> Report {
    let mut report = Report::new("power-cut", options.seed);
    report.trials = options.trials(300, 10);
    let controls = (report.trials / 30).max(4);
    let floors = [(report.trials / 3).max(4), (report.trials / 10).max(2)];
    let start = Instant::now();
    let mut campaign = Campaign {
        seed: options.seed,
        cuts_a_disk: if options.short {
            CUTS_A_DISK.1
        } else {
            CUTS_A_DISK.0
        },
        random: Random::new(options.seed),
        opening: Duration::from_millis(30),
        report,
    };
    let bar = progress::bar(
        "power-cut",
        campaign.report.trials + controls + floors.iter().sum::<u64>(),
    );
    let outcome = campaign
        .cuts(|| bar.inc(1))
        .and_then(|()| campaign.controls(controls, || bar.inc(1)))
        .and_then(|()| campaign.floors(floors, || bar.inc(1)));
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
    cuts_a_disk: u64,
    random: Random,
    /// How long it takes a writer to open the log.
    opening: Duration,
    report: Report,
}

impl Campaign {
    fn cuts(&mut self, done: impl Fn()) -> Result<(), String> {
        let mut life = 0;
        for method in METHODS.into_iter().cycle() {
            if life >= self.report.trials {
                break;
            }
            let mut disk = Disk::for_cuts(method, DISK)?;
            let path = disk.root().join("agent.log");
            let mut ledger = Ledger::new(self.seed, true);
            let last = (life + self.cuts_a_disk).min(self.report.trials);
            while life < last {
                let mut plan = Life::random(&path, self.seed, life, true, &mut self.random);
                if self.random.below(3) == 0 {
                    plan.retry = Some(life + KILLED);
                    let without_sync = self.random.below(2) == 0;
                    self.kill_a_life_before(&plan, without_sync, &mut ledger);
                }
                let (ended, phase, cut) = self.cut(&mut disk, &plan)?;
                self.note_life(&ended.told, &plan, phase);
                self.report.count(&format!("cuts by {}", method.name()), 1);
                let events = ledger.add(&ended.told.acks, Some(cut));
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
                self.note_losses(life, method, &found);
            }
        }
        Ok(())
    }

    fn note_losses(&mut self, life: u64, method: Method, found: &Findings) {
        self.report.count("acknowledged and lost", found.lost);
        if found.lost > 0 {
            let lost = found.lost;
            self.report
                .violation(format!("after cut {life}: {lost} events are lost"));
        }
        self.report.count(
            match method {
                Method::Shutdown => "answered while it was shut down, and lost (see floor)",
                // Nothing is wrong with these: their writer lived on without that disk.
                Method::Snapshot => "answered after the snapshot had begun, and not in it",
            },
            found.lost_in_the_cut,
        );
    }

    fn note_life(&mut self, told: &Told, plan: &Life, phase: Phase) {
        self.report.count("cuts", 1);
        self.report.count(&format!("cuts {}", phase.name()), 1);
        let repeated = told.acks.iter().filter(|ack| ack.life != plan.life);
        self.report.count(
            "batches of a killed life, appended again",
            repeated.count() as u64,
        );
        let torn = u64::from(told.torn_bytes > 0);
        self.report
            .count("openings by writers that cut off a torn tail", torn);
        let rebuilt = u64::from(told.trees_rebuilt);
        self.report
            .count("openings by writers that made new trees", rebuilt);
    }

    /// A life on the same mount that ends by SIGKILL. Without syncs nothing that it is told is a promise; the control
    /// counts it as if it were.
    fn kill_a_life_before(&mut self, plan: &Life, without_sync: bool, ledger: &mut Ledger) {
        let life = plan.life + KILLED;
        let plan = Life {
            life,
            without_sync,
            retry: None,
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
        let synced = if without_sync { "unsynced" } else { "synced" };
        self.report
            .count(&format!("{synced} lives killed before a cut"), 1);
        if !without_sync || plan.life >= KILLED + self.report.trials {
            ledger.add(&ended.told.acks, None);
        }
    }

    /// The same with the sync taken out: what is lost here shows that the cuts cut.
    fn controls(&mut self, cuts: u64, done: impl Fn()) -> Result<(), String> {
        let mut lost = [0; METHODS.len()];
        for number in 0..cuts {
            let which = (number / 2) as usize % METHODS.len();
            let method = METHODS[which];
            let whose = format!("control, {}: ", method.name());
            let life = self.report.trials + number;
            let mut disk = Disk::for_cuts(method, DISK)?;
            let path = disk.root().join("agent.log");
            let mut plan = Life::random(&path, self.seed, life, false, &mut self.random);
            plan.without_sync = true;
            plan.mode = Mode::Append;
            // A full segment and a full memtable sync, whatever the level.
            plan.segment_bytes = 16 << 20;
            plan.memtable_events = 16_384;
            let mut ledger = Ledger::new(self.seed, false);
            if number % 2 == 1 {
                self.kill_a_life_before(&plan, true, &mut ledger);
            }
            let (ended, _, cut) = self.cut(&mut disk, &plan)?;
            let events = ledger.add(&ended.told.acks, Some(cut));
            self.report.count(&format!("{whose}cuts without sync"), 1);
            self.report
                .count(&format!("{whose}events acknowledged"), events);
            if let Some(found) = self.recover(&plan, &mut ledger, &whose) {
                self.report
                    .count(&format!("{whose}acknowledged and lost"), found.lost);
                lost[which] += found.lost;
            }
            done();
        }
        for (method, lost) in METHODS.iter().zip(lost) {
            if lost == 0 {
                let name = method.name();
                self.report.violation(format!(
                    "the control by {name} lost nothing without syncs: the campaign proves nothing"
                ));
            }
        }
        Ok(())
    }

    /// What the system does to plain files.
    fn floors(&mut self, cuts: [u64; METHODS.len()], done: impl Fn()) -> Result<(), String> {
        for (method, cuts) in METHODS.into_iter().zip(cuts) {
            floor::cuts(&mut self.report, &mut self.random, method, cuts, &done)?;
        }
        Ok(())
    }

    /// Lets a writer live on the disk until the power is cut, and brings the disk back.
    fn cut(&mut self, disk: &mut Disk, plan: &Life) -> Result<(Ended, Phase, Span), String> {
        let life = plan.life;
        let cutter = disk.cutter()?;
        let mut writer = Writer::start(plan);
        // What is appended again comes first.
        let most = if plan.retry.is_some() { MOST / 4 } else { MOST };
        let moment = if plan.without_sync {
            // The control is cut when it has something to lose.
            writer::wait_while_it_writes(&writer, &mut self.random)
        } else {
            writer::wait_for_the_moment(&writer, &mut self.random, self.opening, most)
        };
        match moment {
            Ok(took) => self.opening = took.unwrap_or(self.opening),
            Err(hang) => self.report.violation(format!("life {life}: {hang}")),
        }
        if let Some(how) = writer.ended() {
            self.report
                .violation(format!("life {life} ended before the cut, {how}"));
        }
        let phase = writer.phase();
        let cut = cutter.cut()?;
        // It may go on for a moment.
        std::thread::sleep(Duration::from_millis(self.random.below(20)));
        let ended = writer.kill();
        disk.power_on()?;
        Ok((ended, phase, cut))
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
            let recovery = log.recovery();
            self.report.recoveries.push(start.elapsed());
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
