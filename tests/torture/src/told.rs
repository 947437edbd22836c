//! What a child told, and how it ended.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::Patience;

/// A child that says nothing for longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A batch and what was said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The life it was appended in.
    pub life: u64,
    /// The writer that appended it.
    pub writer: u64,
    /// Its number.
    pub batch: u64,
    /// Its events.
    pub size: u64,
}

/// One line of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Its process id.
    Pid(u64),
    /// The log was opened, with so many events.
    Opened(u64),
    /// It waits for a line.
    Ready,
    /// A batch was acknowledged, from this sequence number on.
    Acked(Batch, u64),
    /// A batch was refused with this error: variant and text.
    Unsaid(Batch, String, String),
    /// Another step failed: step, variant, text.
    Error(String, String, String),
    /// What an append after an error got.
    Again(String),
    /// Head, events replayed, events found by a query.
    Reads(u64, u64, u64),
    /// A read failed.
    Unread(String),
    /// The log was closed without an error.
    Closed,
    /// The child came to its end.
    End,
    /// Anything else.
    Other(String),
}

impl Line {
    /// Reads one line.
    pub fn parse(line: &str) -> Self {
        Self::known(line).unwrap_or_else(|| Self::Other(line.to_owned()))
    }

    fn known(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split(' ');
        let number = |words: &mut std::str::Split<'_, char>| words.next()?.parse::<u64>().ok();
        let batch = |words: &mut std::str::Split<'_, char>| {
            Some(Batch {
                life: number(words)?,
                writer: number(words)?,
                batch: number(words)?,
                size: number(words)?,
            })
        };
        Some(match word {
            "pid" => Self::Pid(number(&mut words)?),
            "opened" => Self::Opened(number(&mut words)?),
            "ready" => Self::Ready,
            "ack" => Self::Acked(batch(&mut words)?, number(&mut words)?),
            "unsaid" => {
                let batch = batch(&mut words)?;
                let variant = words.next()?.to_owned();
                Self::Unsaid(batch, variant, words.collect::<Vec<_>>().join(" "))
            }
            "error" => {
                let (step, variant) = (words.next()?.to_owned(), words.next()?.to_owned());
                Self::Error(step, variant, words.collect::<Vec<_>>().join(" "))
            }
            "again" => Self::Again(rest.to_owned()),
            "reads" => Self::Reads(
                number(&mut words)?,
                number(&mut words)?,
                number(&mut words)?,
            ),
            "unread" => Self::Unread(rest.to_owned()),
            "closed" => Self::Closed,
            "end" => Self::End,
            _ => return None,
        })
    }
}

/// A child that is running, and what it has told so far.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    /// All it has told.
    pub told: Vec<Line>,
    patience: Patience,
}

/// How a child ended.
#[derive(Debug)]
pub struct Told {
    /// All it told.
    pub lines: Vec<Line>,
    /// What it, or strace, wrote to stderr.
    pub stderr: String,
    /// `None` if it hung and was killed.
    pub status: Option<ExitStatus>,
    /// What its threads were waiting for when it was killed.
    pub waiting: String,
}

impl Running {
    /// Starts a child.
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, lines) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        let errors = child.stderr.take().map(|mut errors| {
            thread::spawn(move || {
                let mut text = Vec::new();
                let _ = errors.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        Ok(Self {
            child,
            lines,
            errors,
            told: Vec::new(),
            patience: Patience::new(PATIENCE),
        })
    }

    /// Waits until it told `line`. False if it ended or hung before.
    pub fn wait_for(&mut self, line: &Line) -> bool {
        while let Some(next) = self.next() {
            if next == *line {
                return true;
            }
        }
        false
    }

    /// Lets it go on, with new patience.
    pub fn go_on(&mut self) {
        if let Some(input) = &mut self.child.stdin {
            let _ = input.write_all(b"\n");
        }
        self.patience = Patience::new(PATIENCE);
    }

    /// The child's process id, as it told it.
    pub fn pid(&self) -> Option<u64> {
        self.told.iter().find_map(|line| match line {
            Line::Pid(pid) => Some(*pid),
            _ => None,
        })
    }

    /// Waits for its end; kills it if it hangs.
    pub fn end(mut self) -> Told {
        while self.next().is_some() {}
        let mut waiting = String::new();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if self.patience.wait() => {}
                _ => {
                    waiting = self.waiting();
                    self.kill();
                    break None;
                }
            }
        };
        let stderr = self.errors.take().and_then(|errors| errors.join().ok());
        Told {
            lines: self.told,
            stderr: stderr.unwrap_or_default(),
            status,
            waiting,
        }
    }

    /// The names of its threads, each with the kernel function it waits in.
    fn waiting(&self) -> String {
        let tasks = format!("/proc/{}/task", self.pid().unwrap_or_default());
        let Ok(tasks) = fs::read_dir(tasks) else {
            return "no such process".to_owned();
        };
        let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap_or_default();
        let tasks = tasks.flatten().map(|task| {
            let name = read(task.path().join("comm"));
            let place = read(task.path().join("wchan"));
            format!("{} in {place}", name.trim_end())
        });
        tasks.collect::<Vec<_>>().join(", ")
    }

    /// Ends it with SIGKILL, and the tracer with it.
    fn kill(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn next(&mut self) -> Option<Line> {
        let line = self.patience.receive(&self.lines).ok()?;
        self.patience = Patience::new(PATIENCE);
        let line = Line::parse(&line);
        self.told.push(line.clone());
        Some(line)
    }
}

impl Told {
    /// What was acknowledged: the batch and its first sequence number.
    pub fn acked(&self) -> impl Iterator<Item = (&Batch, u64)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Acked(batch, first) => Some((batch, *first)),
            _ => None,
        })
    }

    /// The panics that were told, and not by sled: the library catches those.
    pub fn panics(&self) -> (u64, Vec<&str>) {
        let all = self
            .stderr
            .lines()
            .filter(|line| line.contains("panicked "));
        let (caught, own): (Vec<_>, Vec<_>) = all.partition(|line| line.contains("/sled-0.34"));
        (caught.len() as u64, own)
    }
}
