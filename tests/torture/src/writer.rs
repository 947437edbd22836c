//! A process that writes a log until it is ended, and the hand that holds it.
//!
//! The process is this program again, with the hidden subcommand `writer`. It tells on its standard output
//! what it does, one line each: `opened`, `ack` for an acknowledged batch, `begin` and `end` of a flush or a
//! rebuild.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use experience_log::{Durability, Error, ExperienceLog, Options};

use crate::workload::{self, Random};

/// A writer that has not opened the log by then hangs.
const OPENS_WITHIN: Duration = Duration::from_secs(120);

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
    /// Take the sync out: the negative control.
    #[arg(long)]
    pub without_sync: bool,
}

impl Life {
    /// A life whose options follow from the dice.
    pub fn random(log: &Path, seed: u64, life: u64, large: bool, random: &mut Random) -> Self {
        let writers = if random.below(2) == 0 { 1 } else { 8 };
        let mode = match random.below(6) {
            0 => Mode::Rebuild,
            1 => Mode::Flush,
            _ => Mode::Append,
        };
        let segment_bytes = [32 << 10, 256 << 10, 1 << 20][random.below(3) as usize];
        let memtable_events = [64, 256, 1024][random.below(3) as usize];
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

    fn arguments(&self) -> Vec<String> {
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
    let recovery = log.recovery();
    let rebuilt = recovery.trees_rebuilt.is_some();
    tell(format_args!("opened {} {rebuilt}", recovery.torn_bytes));
    thread::scope(|scope| {
        for writer in 0..life.writers {
            let log = &log;
            scope.spawn(move || append(log, life, writer));
        }
        keep_busy(&log, life.mode);
    });
    ExitCode::from(3)
}

fn append(log: &ExperienceLog, life: &Life, writer: u64) {
    for batch in 0.. {
        let shape = workload::shape(life.seed, life.life, writer, batch, life.large);
        let events = workload::batch_events(life.life, writer, batch, shape);
        let appended = match events.as_slice() {
            [event] => log.append(event).map(|one| one.sequence),
            events => log
                .append_batch(events)
                .and_then(|all| all.sequences().next().ok_or(Error::Closed)),
        };
        match appended {
            Ok(sequence) => tell(format_args!("ack {writer} {batch} {sequence}")),
            Err(error) => fail("append", &error),
        }
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

/// A batch that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Ack {
    /// The thread that appended it.
    pub writer: u64,
    /// Its number in that thread.
    pub batch: u64,
    /// The sequence number of its first event.
    pub sequence: u64,
    /// It was heard after [`Writer::mark_the_cut`].
    pub late: bool,
}

/// What a writer was at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// It had not opened the log yet.
    #[default]
    Opening,
    /// It appended.
    Appending,
    /// It appended and flushed.
    Flushing,
    /// It rebuilt the trees.
    Rebuilding,
}

impl Phase {
    /// How a report calls what came at this time.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opening => "while it opened or recovered",
            Self::Appending => "while it appended",
            Self::Flushing => "while it flushed",
            Self::Rebuilding => "while it rebuilt the trees",
        }
    }
}

/// What a writer has told so far.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The acknowledged batches.
    pub acks: Vec<Ack>,
    /// What it was at.
    pub phase: Phase,
    /// Bytes of a torn tail that its opening cut off.
    pub torn_bytes: u64,
    /// Its opening made new trees.
    pub trees_rebuilt: bool,
}

impl Told {
    fn hear(&mut self, line: &str, late: bool) -> Option<()> {
        let mut words = line.split(' ');
        match words.next()? {
            "opened" => {
                self.phase = Phase::Appending;
                self.torn_bytes = words.next()?.parse().ok()?;
                self.trees_rebuilt = words.next()? == "true";
            }
            "ack" => {
                let mut number = || words.next()?.parse().ok();
                self.acks.push(Ack {
                    writer: number()?,
                    batch: number()?,
                    sequence: number()?,
                    late,
                });
            }
            "begin" if words.next()? == "flush" => self.phase = Phase::Flushing,
            "begin" => self.phase = Phase::Rebuilding,
            "end" => self.phase = Phase::Appending,
            _ => return None,
        }
        Some(())
    }
}

/// A running writer. Dropping it ends the process.
#[derive(Debug)]
pub struct Writer {
    child: Child,
    told: Arc<Mutex<Told>>,
    cut: Arc<AtomicBool>,
    opened: Receiver<()>,
    listener: Option<JoinHandle<()>>,
}

/// How a writer ended.
#[derive(Debug)]
pub struct Ended {
    /// What it had told.
    pub told: Told,
    /// Why it had ended before it was killed, if it had.
    pub by_itself: Option<String>,
}

impl Writer {
    /// Starts a life.
    pub fn start(life: &Life) -> Self {
        let program = std::env::current_exe().expect("this program's own path is known");
        let mut child = Command::new(program)
            .args(life.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let out = child.stdout.take().expect("the output is piped");
        let told = Arc::new(Mutex::new(Told::default()));
        let (tell_opened, opened) = mpsc::channel();
        let heard = Arc::clone(&told);
        let cut = Arc::new(AtomicBool::new(false));
        let after = Arc::clone(&cut);
        let listener = thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = String::new();
            // A last line that was cut short has no end, and does not count.
            while matches!(out.read_line(&mut line), Ok(1..)) && line.ends_with('\n') {
                let known = heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .hear(line.trim_end(), after.load(Ordering::SeqCst));
                known.unwrap_or_else(|| panic!("the writer says {line:?}"));
                if line.starts_with("opened") {
                    let _ = tell_opened.send(());
                }
                line.clear();
            }
        });
        Self {
            child,
            told,
            cut,
            opened,
            listener: Some(listener),
        }
    }

    /// Waits until the log is open. False if it never was.
    pub fn wait_until_open(&self) -> bool {
        self.opened.recv_timeout(OPENS_WITHIN).is_ok()
    }

    /// What is heard from here on may have been acknowledged while the file system was being cut off.
    pub fn mark_the_cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// What it is at.
    pub fn phase(&self) -> Phase {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .phase
    }

    /// Why it has ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().expect("a child can be waited for")?;
        let mut text = String::new();
        if let Some(errors) = &mut self.child.stderr {
            let _ = errors.read_to_string(&mut text);
        }
        Some(format!("{status}: {}", text.trim()))
    }

    /// Kills it, and takes what it had told.
    pub fn kill(mut self) -> Ended {
        let by_itself = self.ended();
        self.stop();
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        Ended { told, by_itself }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(listener) = self.listener.take()
            && let Err(panic) = listener.join()
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits for a moment of a life: in one of four, while it opens, which takes some `opening`; otherwise up
/// to `most` after it has opened. Returns how long the opening took, if it was seen, or that it hangs.
pub fn wait_for_the_moment(
    writer: &Writer,
    random: &mut Random,
    opening: Duration,
    most: Duration,
) -> Result<Option<Duration>, String> {
    let start = Instant::now();
    let below = |random: &mut Random, most: Duration| {
        Duration::from_micros(random.below(most.as_micros().max(1) as u64))
    };
    if random.below(4) == 0 {
        thread::sleep(below(random, opening.mul_f64(1.1)));
        return Ok(None);
    }
    if !writer.wait_until_open() {
        return Err(format!(
            "the log was not open {:.0?} after the start",
            start.elapsed()
        ));
    }
    let took = start.elapsed();
    thread::sleep(below(random, most));
    Ok(Some(took))
}
