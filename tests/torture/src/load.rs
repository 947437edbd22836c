//! The children of the campaigns: each runs a load on a log and tells what became of it.
//!
//! A line a fact, written by `writev`, so that faults in `write` hit the log and not the telling.

use std::fs::File;
use std::io::{self, BufRead, IoSlice, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use experience_log::{
    Durability, Error, EventQuery, ExperienceEventEnvelope, ExperienceEventKind, ExperienceLog,
    Options, ScanOptions,
};

use crate::workload;

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Everything, once: append, rotate, flush, seal, rebuild, close, open again.
    All,
    /// Four writers at once, with many rotations.
    Writers,
    /// Single events and batches from one writer; then the process ends without a close.
    Single,
    /// The same from two writers.
    Pair,
    /// As `single`, but nothing is synced before the process ends.
    Loose,
    /// As `loose`, but what is appended goes into the trees now and then.
    Flushing,
    /// As `loose`, but with a close, which syncs.
    Closing,
    /// Opens, appends a little, closes.
    Little,
    /// Appends until it fails, reads, waits for a line, opens again and appends.
    Fill,
    /// Opens; if that works, rebuilds the trees.
    Rebuild,
}

/// A load, as the parent asks for it.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    kind: Kind,
    path: PathBuf,
    /// What tells this life's events from those of others.
    #[arg(long, default_value_t = 0)]
    life: u64,
    /// Waits for a line once the log is open.
    #[arg(long)]
    pause: bool,
    /// Acknowledges what only the operating system has.
    #[arg(long)]
    unsynced: bool,
    /// Events of a batch, for `fill`.
    #[arg(long, default_value_t = 1)]
    batch: u64,
}

/// Where a child tells.
struct Teller(Mutex<File>);

impl Teller {
    fn new() -> io::Result<Self> {
        let out = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self(Mutex::new(File::from(out))))
    }

    fn tell(&self, line: &str) {
        let line = line.replace('\n', " ") + "\n";
        let mut out = self.0.lock().unwrap_or_else(|error| error.into_inner());
        let _ = out.write_vectored(&[IoSlice::new(line.as_bytes())]);
    }

    fn failed(&self, step: &str, error: &Error) {
        self.tell(&format!("error {step} {} {error}", variant(error)));
    }
}

/// The name of an error's variant.
pub fn variant(error: &Error) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// How the loads open a log: with little of everything, so that all of it is used.
pub fn options() -> Options {
    ExperienceLog::options()
        .segment_bytes(16 << 10)
        .memtable_events(32)
        .tree_cache_bytes(1 << 20)
}

/// How a load opens a log that it fills.
pub fn large() -> Options {
    options().segment_bytes(256 << 10).memtable_events(1024)
}

/// The stored size that the events of a batch have, about.
pub fn bytes_of(batch: u64) -> usize {
    if batch % 11 == 10 {
        20_000
    } else {
        100 + usize::try_from(batch % 64 * 137).unwrap_or_default() % 1400
    }
}

/// The events of a batch.
pub fn events(life: u64, writer: u64, batch: u64, size: u64) -> Vec<ExperienceEventEnvelope> {
    (0..size)
        .map(|number| workload::event(life, writer, batch, number, size, bytes_of(batch)))
        .collect()
}

fn size_of(batch: u64) -> u64 {
    if batch % 3 == 2 { 5 } else { 1 }
}

/// Runs a load. A panic is told, too, wherever it is caught.
pub fn run(arguments: &Arguments) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let Ok(out) = io::stderr().as_fd().try_clone_to_owned() else {
            return;
        };
        let text = format!("{panic}").replace('\n', " ");
        let line = format!("panicked {text}\n");
        let _ = File::from(out).write_vectored(&[IoSlice::new(line.as_bytes())]);
    }));
    let Ok(teller) = Teller::new() else {
        return ExitCode::FAILURE;
    };
    teller.tell(&format!("pid {}", std::process::id()));
    let load = Load {
        teller,
        path: &arguments.path,
        life: arguments.life,
        pause: arguments.pause,
        unsynced: arguments.unsynced,
    };
    match arguments.kind {
        Kind::All => load.all(),
        Kind::Writers => load.writers(4, 24),
        Kind::Single => load.unclosed(1, Durability::Sync, 1 << 20),
        Kind::Pair => load.unclosed(2, Durability::Sync, 1 << 20),
        Kind::Loose => load.unclosed(1, Durability::Os, 1 << 20),
        Kind::Flushing => load.unclosed(1, Durability::Os, 4),
        // A memtable that a close would not flush: a flush syncs.
        Kind::Closing => load.little(
            options()
                .durability(Durability::Os)
                .memtable_events(1 << 20),
        ),
        Kind::Little => load.little(options()),
        Kind::Fill => load.fill(arguments.batch),
        Kind::Rebuild => load.rebuild(),
    }
    load.teller.tell("end");
    ExitCode::SUCCESS
}

struct Load<'a> {
    teller: Teller,
    path: &'a Path,
    life: u64,
    pause: bool,
    unsynced: bool,
}

impl Load<'_> {
    fn open(&self, options: Options) -> Option<ExperienceLog> {
        match options.open(self.path) {
            Ok(log) => {
                let head = log.head().unwrap_or_default();
                self.teller.tell(&format!("opened {head}"));
                if self.pause {
                    self.wait();
                }
                Some(log)
            }
            Err(error) => {
                self.teller.failed("open", &error);
                None
            }
        }
    }

    fn wait(&self) {
        self.teller.tell("ready");
        let _ = io::stdin().lock().read_line(&mut String::new());
    }

    /// Appends one batch and tells. False after an error.
    fn append(&self, log: &ExperienceLog, writer: u64, batch: u64, size: u64) -> bool {
        match log.append_batch(&events(self.life, writer, batch, size)) {
            Ok(outcome) => {
                let first = outcome.events.first().map_or(0, |event| event.sequence);
                self.teller.tell(&format!(
                    "ack {} {writer} {batch} {size} {first}",
                    self.life
                ));
                true
            }
            Err(error) => {
                self.teller.tell(&format!(
                    "unsaid {} {writer} {batch} {size} {} {error}",
                    self.life,
                    variant(&error)
                ));
                false
            }
        }
    }

    /// What an append says after one that failed, and what reads say.
    fn after_error(&self, log: &ExperienceLog) {
        match log.append_batch(&events(self.life, 99, 0, 1)) {
            Ok(_) => self.teller.tell("again acked"),
            Err(error) => self.teller.tell(&format!("again {}", variant(&error))),
        }
        self.reads(log);
    }

    fn read(&self, log: &ExperienceLog) -> bool {
        let read = || {
            let head = log.head()?;
            let mut replayed = 0;
            for entry in log.replay(0)? {
                entry?.envelope()?;
                replayed += 1;
            }
            let query = EventQuery::new().kind(ExperienceEventKind::OutcomeRecorded);
            let mut queried = 0;
            for entry in log.scan(&query, ScanOptions::newest_first())? {
                entry?.envelope()?;
                queried += 1;
            }
            Ok::<_, Error>((head, replayed, queried))
        };
        let read = read();
        self.teller.tell(&match &read {
            Ok((head, replayed, queried)) => format!("reads {head} {replayed} {queried}"),
            Err(error) => format!("unread {} {error}", variant(error)),
        });
        read.is_ok()
    }

    fn reads(&self, log: &ExperienceLog) {
        // The fault may hit the read itself, which then says so; the next one must work.
        if !self.read(log) {
            self.read(log);
        }
    }

    fn step(&self, log: &ExperienceLog, name: &str, result: Result<(), Error>) {
        if let Err(error) = result {
            self.teller.failed(name, &error);
            self.after_error(log);
        }
    }

    fn close(&self, log: ExperienceLog) {
        match log.close() {
            Ok(()) => self.teller.tell("closed"),
            Err(error) => self.teller.failed("close", &error),
        }
    }

    fn all(&self) {
        let durability = if self.unsynced {
            Durability::Os
        } else {
            Durability::Sync
        };
        if let Some(log) = self.open(options().durability(durability)) {
            let appended = (0..24).all(|batch| self.append(&log, 0, batch, size_of(batch)));
            if !appended {
                self.after_error(&log);
            }
            self.step(&log, "flush", log.flush());
            // Time to seal.
            thread::sleep(Duration::from_millis(20));
            if appended && !(24..36).all(|batch| self.append(&log, 0, batch, size_of(batch))) {
                self.after_error(&log);
            }
            self.step(&log, "rebuild", log.rebuild_trees());
            self.reads(&log);
            self.close(log);
        }
        let again = Load {
            pause: false,
            unsynced: self.unsynced,
            path: self.path,
            life: self.life + 1,
            teller: match Teller::new() {
                Ok(teller) => teller,
                Err(_) => return,
            },
        };
        again.little(options());
    }

    fn little(&self, options: Options) {
        let Some(log) = self.open(options) else {
            return;
        };
        if !(0..4).all(|batch| self.append(&log, 0, batch, size_of(batch))) {
            self.after_error(&log);
        }
        self.reads(&log);
        self.close(log);
    }

    fn writers(&self, writers: u64, batches: u64) {
        let Some(log) = self.open(options().segment_bytes(4 << 10)) else {
            return;
        };
        thread::scope(|scope| {
            for writer in 0..writers {
                let log = &log;
                scope.spawn(move || {
                    let _ = (0..batches).all(|batch| {
                        let batch = if batch % 11 == 10 { batch + 100 } else { batch };
                        self.append(log, writer, batch, 1)
                    });
                });
            }
        });
        self.after_error(&log);
        self.close(log);
    }

    /// Ends without a close, so that nothing is synced that an append has not synced.
    fn unclosed(&self, writers: u64, durability: Durability, memtable: usize) {
        let small = options().segment_bytes(8 << 10);
        let Some(log) = self.open(small.memtable_events(memtable).durability(durability)) else {
            return;
        };
        thread::scope(|scope| {
            for writer in 0..writers {
                let log = &log;
                scope.spawn(move || {
                    let _ = (0..9).all(|batch| self.append(log, writer, batch, size_of(batch)));
                });
            }
        });
        // Time for what is done in the background.
        thread::sleep(Duration::from_millis(20));
        self.teller.tell("end");
        std::process::exit(0);
    }

    fn fill(&self, size: u64) {
        let Some(log) = self.open(large()) else {
            return;
        };
        let _ = (0..u64::MAX).all(|batch| self.append(&log, 0, batch, size));
        self.after_error(&log);
        self.wait();
        self.close(log);
        let again = Load {
            pause: false,
            unsynced: self.unsynced,
            path: self.path,
            life: self.life + 1,
            teller: match Teller::new() {
                Ok(teller) => teller,
                Err(_) => return,
            },
        };
        again.little(large());
    }

    fn rebuild(&self) {
        let Some(log) = self.open(options()) else {
            return;
        };
        match log.rebuild_trees() {
            Ok(()) => self.teller.tell("rebuilt"),
            Err(error) => self.teller.failed("rebuild", &error),
        }
        self.reads(&log);
        self.close(log);
    }
}
