//! A real full disk: a small ext4 on a loop device.
//!
//! A child appends until the disk is full; then a ballast file goes, and it opens the log again and goes on.
//! Other trials fill the disk before the log is made, before it is opened, and before its trees are rebuilt.
//! Checked: errors are typed, reads go on, nothing acknowledged is missing, and appends go on when there is room.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use experience_log::LogReader;

use crate::Options;
use crate::disk::Disk;
use crate::io_errors::child;
use crate::kept;
use crate::load;
use crate::progress;
use crate::report::Report;
use crate::told::{Batch, Line, Running, Told};
use crate::workload::Random;

/// What the disk holds.
const DISK_BYTES: u64 = 12 << 20;

/// Runs the campaign.
pub fn run(options: &Options) -> Report {
    let begun = Instant::now();
    let mut report = Report::new("full-disk", options.seed);
    if let Err(missing) = Disk::new(DISK_BYTES) {
        report.violation(missing);
        return report;
    }
    let mut random = Random::new(options.seed);
    let fills = options.trials(20, 2);
    let bar = progress::bar(report.name, fills + if options.short { 4 } else { 20 });
    for number in 0..fills {
        let sizes: &[u64] = if options.short {
            &[64]
        } else {
            &[1, 3, 20, 64]
        };
        let batch = sizes
            .get(random.below(sizes.len() as u64) as usize)
            .copied();
        // Enough for new trees: an opening makes those that the full disk broke again.
        let ballast = (3 << 20) + random.below(3 << 20);
        let fill = Fill {
            batch: batch.unwrap_or(1),
            ballast,
        };
        trial(
            &mut report,
            &format!("{number}, {fill:?}"),
            |report, disk| fill.run(report, disk),
        );
        bar.inc(1);
    }
    let moments: &[(&str, Moment)] = &[
        ("full before the log is made", Moment::Create),
        ("full before the log is opened", Moment::Open),
        ("full before the trees are rebuilt", Moment::Rebuild),
        (
            "full before the trees are made new at open",
            Moment::NoTrees,
        ),
    ];
    for (name, moment) in moments {
        // With nothing left at all, and with a little.
        for left in [0, 3, 12, 40, 120] {
            if options.short && left != 12 {
                continue;
            }
            let name = format!("{name}, {left} KiB left");
            trial(&mut report, &name, |report, disk| {
                at(report, disk, *moment, left << 10)
            });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    report.took = begun.elapsed();
    report
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Create,
    Open,
    Rebuild,
    NoTrees,
}

fn trial(
    report: &mut Report,
    name: &str,
    run: impl FnOnce(&mut Report, &Small) -> io::Result<Vec<String>>,
) {
    report.trials += 1;
    let found = match Disk::new(DISK_BYTES) {
        Ok(disk) => run(report, &Small(disk)).unwrap_or_else(|error| vec![error.to_string()]),
        Err(error) => vec![error],
    };
    for found in found {
        report.violation(format!("{name}: {found}"));
    }
}

/// A small disk that can be filled.
struct Small(Disk);

impl Small {
    fn log(&self) -> PathBuf {
        self.0.root().join("log")
    }

    /// Takes this much of the disk; all that is left if it is less.
    fn take(&self, name: &str, bytes: u64) -> io::Result<()> {
        let mut file = File::create(self.0.root().join(name))?;
        let block = [0x55; 1 << 10];
        for _ in 0..bytes >> 10 {
            match file.write_all(&block) {
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                written => written?,
            }
        }
        file.sync_all()
    }

    /// Fills the disk up to the last block, but leaves `left` bytes.
    fn fill(&self, left: u64) -> io::Result<()> {
        self.take("left", left)?;
        self.take("ballast", u64::MAX)?;
        fs::remove_file(self.0.root().join("left"))?;
        // What was removed is free once the file system's own journal has it.
        File::open(self.0.root())?.sync_all()
    }

    fn make_room(&self) -> io::Result<()> {
        fs::remove_file(self.0.root().join("ballast"))?;
        File::open(self.0.root())?.sync_all()
    }
}

#[derive(Debug, Clone, Copy)]
struct Fill {
    batch: u64,
    ballast: u64,
}

impl Fill {
    /// Appends until the disk is full, makes room, goes on.
    fn run(self, report: &mut Report, disk: &Small) -> io::Result<Vec<String>> {
        disk.take("ballast", self.ballast)?;
        let batch = self.batch.to_string();
        let mut running = Running::start(child("fill", &disk.log(), &["--batch", &batch]))?;
        let full = running.wait_for(&Line::Ready);
        let looked = look(&disk.log());
        disk.make_room()?;
        running.go_on();
        let told = running.end();
        let mut found = judge(report, &told);
        let events = |(batch, _): (&Batch, u64)| batch.size * u64::from(batch.life == 0);
        let acked: u64 = told.acked().map(events).sum();
        match looked {
            Ok(seen) if seen >= acked => report.count("looks at a full disk's log", 1),
            looked => found.push(format!(
                "a look while it was full, {acked} acknowledged: {looked:?}"
            )),
        }
        if !full {
            found.push(format!("it hangs, after {:?}", told.lines.last()));
        }
        let failed = |line: &&Line| matches!(line, Line::Unsaid(..));
        match told.lines.iter().find(failed) {
            Some(Line::Unsaid(_, variant, text)) => {
                report.count(&format!("full disks answered {variant}"), 1);
                if !text.contains("space") {
                    found.push(format!("a full disk is told as {text:?}"));
                }
            }
            _ => found.push("the disk did not fill".to_owned()),
        }
        // The ballast gone, the same process opens the log again and goes on.
        let after = told.acked().filter(|(batch, _)| batch.life == 1).count();
        if after != 4 {
            found.push(format!("after room was made {after} of 4 appends went on"));
        }
        found.extend(kept(report, &disk.log(), load::large(), &[&told]));
        Ok(found)
    }
}

/// How many events another process reads while the disk is full.
fn look(log: &Path) -> Result<u64, String> {
    let count = || {
        let mut events = 0;
        for entry in LogReader::open(log)?.replay(0)? {
            entry?.envelope()?;
            events += 1;
        }
        Ok::<_, experience_log::Error>(events)
    };
    count().map_err(|error| error.to_string())
}

/// The disk is full at one moment of a log's life.
fn at(report: &mut Report, disk: &Small, moment: Moment, left: u64) -> io::Result<Vec<String>> {
    let mut all = Vec::new();
    if moment != Moment::Create {
        all.push(Running::start(child("all", &disk.log(), &[]))?.end());
    }
    if moment == Moment::NoTrees {
        fs::remove_dir_all(disk.log().join("trees"))?;
    }
    disk.fill(left)?;
    let kind = if moment == Moment::Rebuild {
        "rebuild"
    } else {
        "little"
    };
    all.push(Running::start(child(kind, &disk.log(), &["--life", "5"]))?.end());
    disk.make_room()?;
    all.push(Running::start(child("little", &disk.log(), &["--life", "7"]))?.end());
    let mut found: Vec<String> = all.iter().flat_map(|told| judge(report, told)).collect();
    if let Some(last) = all.last()
        && (last.acked().count() != 4 || !last.lines.contains(&Line::Closed))
    {
        found.push(format!("with room again: {:?}", last.lines));
    }
    let told: Vec<_> = all.iter().collect();
    found.extend(kept(report, &disk.log(), load::options(), &told));
    Ok(found)
}

fn kept(
    report: &mut Report,
    log: &Path,
    options: experience_log::Options,
    told: &[&Told],
) -> Vec<String> {
    let acked = told.iter().flat_map(|told| told.acked());
    report.count(
        "events acknowledged",
        told.iter()
            .flat_map(|told| told.acked())
            .map(|(batch, _)| batch.size)
            .sum(),
    );
    match kept::check(log, options, acked) {
        Ok(kept) => {
            report.recoveries.push(kept.opening);
            Vec::new()
        }
        Err(error) => vec![error],
    }
}

/// What the child's own lines show.
fn judge(report: &mut Report, told: &Told) -> Vec<String> {
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
    let mut acked_events = 0;
    for line in &told.lines {
        match line {
            Line::Acked(batch, first) => acked_events = acked_events.max(first + batch.size),
            Line::Again(answer) if answer == "acked" => acked_events += 1,
            Line::Unsaid(_, variant, text) | Line::Error(_, variant, text) => {
                report.count(&format!("steps answered {variant}"), 1);
                if !matches!(variant.as_str(), "Io" | "Poisoned") || text.contains("panicked") {
                    found.push(format!("it gave {variant}: {text}"));
                }
            }
            Line::Reads(head, replayed, queried) => {
                report.count("reads that went on", 1);
                if head != replayed || head != queried || *head < acked_events {
                    found.push(format!(
                        "{acked_events} acknowledged, head {head}, {replayed} replayed, {queried} found"
                    ));
                }
            }
            Line::Unread(text) => found.push(format!("a read failed: {text}")),
            Line::Other(text) if text != "rebuilt" => found.push(format!("it said {text:?}")),
            _ => {}
        }
    }
    found
}
