//! One life of the writer: a process that writes a log until it is ended.
//!
//! It is this program again, with the hidden subcommand `writer`. It tells on its standard output what it does,
//! one line each: `opened`, `ack` for an acknowledged batch, `begin` and `end` of a flush or a rebuild.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use experience_log::{Durability, Error, ExperienceLog, Options};

use crate::clock;
use crate::workload::{self, Random};

/// What a life does besides appending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Nothing.
    Append,
    /// It flushes again and again.
    Flush,
    /// It rebuilds the trees again and again.
    Rebuild,
}

/// How one life of the writer goes.
#[derive(Debug, Clone, clap::Args)]
pub struct Life {
    /// The log's directory.
    #[arg(long)]
    pub log: PathBuf,
    /// The seed of the campaign.
    #[arg(long = "life-seed")]
    pub seed: u64,
    /// The number of this life: events are named by it.
    #[arg(long)]
    pub life: u64,
    /// Threads that append.
    #[arg(long)]
    pub writers: u64,
    /// What it does besides.
    #[arg(long)]
    pub mode: Mode,
    /// As the log's option.
    #[arg(long)]
    pub segment_bytes: u64,
    /// As the log's option.
    #[arg(long)]
    pub memtable_events: usize,
    /// Append events of up to the limit's size.
    #[arg(long)]
    pub large: bool,
    /// Take the sync out.
    #[arg(long)]
    pub without_sync: bool,
    /// Append what this life appended, as far as it had got, before anything else.
    #[arg(long)]
    pub retry: Option<u64>,
}

impl Life {
    /// A life whose options follow from the dice. With `large` events, for logs of few lives.
    pub fn random(log: &Path, seed: u64, life: u64, large: bool, random: &mut Random) -> Self {
        let writers = if random.below(2) == 0 { 1 } else { 8 };
        let mode = match random.below(6) {
            0 => Mode::Rebuild,
            1 => Mode::Flush,
            _ => Mode::Append,
        };
        let segment_bytes = [32 << 10, 256 << 10, 1 << 20][random.below(3) as usize];
        // Trees are rebuilt a memtable at a time: with small ones that takes long, once a log has grown.
        let memtable_events = if large {
            [64, 256, 1024]
        } else {
            [256, 1024, 4096]
        }[random.below(3) as usize];
        Self {
            log: log.to_path_buf(),
            seed,
            life,
            writers,
            mode,
            segment_bytes,
            memtable_events,
            large,
            without_sync: false,
            retry: None,
        }
    }

    /// The options with which this life opens the log.
    pub fn options(&self) -> Options {
        let durability = if self.without_sync {
            Durability::Os
        } else {
            Durability::Sync
        };
        ExperienceLog::options()
            .durability(durability)
            .segment_bytes(self.segment_bytes)
            .memtable_events(self.memtable_events)
    }

    /// The arguments with which this program lives it.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["writer".to_owned()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--log", self.log.display().to_string());
        option("--life-seed", self.seed.to_string());
        option("--life", self.life.to_string());
        option("--writers", self.writers.to_string());
        option("--segment-bytes", self.segment_bytes.to_string());
        option("--memtable-events", self.memtable_events.to_string());
        let mode = self
            .mode
            .to_possible_value()
            .expect("no mode is hidden from the arguments");
        option("--mode", mode.get_name().to_owned());
        if let Some(life) = self.retry {
            option("--retry", life.to_string());
        }
        let flags = [
            ("--large", self.large),
            ("--without-sync", self.without_sync),
        ];
        arguments.extend(
            flags
                .iter()
                .filter(|(_, set)| *set)
                .map(|(name, _)| (*name).to_owned()),
        );
        arguments
    }
}

/// What the process does: writes until it is killed or an append fails.
pub fn main(life: &Life) -> ExitCode {
    let log = match life.options().open(&life.log) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("open failed: {error}");
            return ExitCode::from(2);
        }
    };
    thread::scope(|scope| {
        // They do not wait for the trees.
        for writer in 0..life.writers {
            let log = &log;
            scope.spawn(move || append(log, life, writer));
        }
        let recovery = log.recovery();
        let rebuilt = recovery.trees_rebuilt.is_some();
        tell(format_args!("opened {} {rebuilt}", recovery.torn_bytes));
        keep_busy(&log, life.mode);
    });
    ExitCode::from(3)
}

fn append(log: &ExperienceLog, life: &Life, writer: u64) {
    if let Some(earlier) = life.retry {
        // Whoever was killed does not know what of it is there.
        let _ =
            (0..).all(|batch| append_batch(log, life, (earlier, writer, batch)) == Repeated::Yes);
    }
    for batch in 0.. {
        append_batch(log, life, (life.life, writer, batch));
    }
}

/// Whether the log had a batch already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeated {
    Yes,
    No,
}

/// Appends a batch and tells when it is acknowledged.
fn append_batch(
    log: &ExperienceLog,
    life: &Life,
    (of, writer, batch): (u64, u64, u64),
) -> Repeated {
    let shape = workload::shape(life.seed, of, writer, batch, life.large);
    let events = workload::batch_events(of, writer, batch, shape);
    let began = clock::now();
    let appended = match events.as_slice() {
        [event] => log.append(event),
        events => log
            .append_batch(events)
            .and_then(|all| all.events.first().copied().ok_or(Error::Closed)),
    };
    let ended = clock::now();
    match appended {
        Ok(first) => {
            let sequence = first.sequence;
            tell(format_args!(
                "ack {of} {writer} {batch} {sequence} {began} {ended}"
            ));
            if first.already_present {
                Repeated::Yes
            } else {
                Repeated::No
            }
        }
        Err(error) => fail("append", &error),
    }
}

fn keep_busy(log: &ExperienceLog, mode: Mode) {
    let (name, work): (&str, fn(&ExperienceLog) -> experience_log::Result<()>) = match mode {
        Mode::Append => return,
        Mode::Flush => ("flush", ExperienceLog::flush),
        Mode::Rebuild => ("rebuild", ExperienceLog::rebuild_trees),
    };
    loop {
        thread::sleep(Duration::from_millis(3));
        tell(format_args!("begin {name}"));
        if let Err(error) = work(log) {
            fail(name, &error);
        }
        tell(format_args!("end {name}"));
    }
}

/// One line, whole: a pipe takes as much at once.
fn tell(line: std::fmt::Arguments<'_>) {
    let line = format!("{line}\n");
    let mut out = std::io::stdout().lock();
    if out
        .write_all(line.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        // Whoever listened is gone.
        std::process::exit(4);
    }
}

fn fail(what: &str, error: &Error) -> ! {
    eprintln!("{what} failed: {error}");
    std::process::exit(3)
}
