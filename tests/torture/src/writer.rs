//! The hand that holds a writing process ([`Life`]), hears what it tells, and kills it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::clock::{Patience, Span};
use crate::ledger::BatchId;
use crate::life::Life;
use crate::workload::Random;

/// A writer that has not opened the log by then hangs.
const OPENS_WITHIN: Duration = Duration::from_secs(120);

/// A batch that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Ack {
    /// The life whose batch it is.
    pub life: u64,
    /// The thread that appended it.
    pub writer: u64,
    /// Its number in that thread.
    pub batch: u64,
    /// The sequence number of its first event.
    pub sequence: u64,
    /// From the call of the append to its answer.
    pub span: Span,
}

impl Ack {
    /// The batch, as the ledger names it.
    pub fn batch_id(&self) -> BatchId {
        (self.life, self.writer, self.batch)
    }
}

/// What a writer was at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// It had not opened the log yet, or not its trees.
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
    fn hear(&mut self, line: &str) -> Option<()> {
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
                    life: number()?,
                    writer: number()?,
                    batch: number()?,
                    sequence: number()?,
                    span: Span {
                        began: number()?,
                        ended: number()?,
                    },
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
        let listener = thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = String::new();
            // A last line that was cut short has no end, and does not count.
            while matches!(out.read_line(&mut line), Ok(1..)) && line.ends_with('\n') {
                let known = heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .hear(line.trim_end());
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
            opened,
            listener: Some(listener),
        }
    }

    /// Waits until the log is open. False if it never was.
    pub fn wait_until_open(&self) -> bool {
        Patience::new(OPENS_WITHIN).receive(&self.opened).is_ok()
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
    let took = open(writer, start)?;
    thread::sleep(below(random, most));
    Ok(Some(took))
}

/// Waits until it has written for a while, but not so long that all of it has been synced meanwhile.
pub fn wait_while_it_writes(
    writer: &Writer,
    random: &mut Random,
) -> Result<Option<Duration>, String> {
    let took = open(writer, Instant::now())?;
    thread::sleep(Duration::from_millis(40 + random.below(200)));
    Ok(Some(took))
}

fn open(writer: &Writer, start: Instant) -> Result<Duration, String> {
    if writer.wait_until_open() {
        return Ok(start.elapsed());
    }
    let waited = start.elapsed();
    Err(format!("the log was not open {waited:.0?} after the start"))
}
