//! A child under strace: which of its calls fail, and which calls it made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How to get strace, for whoever lacks it.
const INSTALL: &str =
    "strace is not to be had: apt-get install strace (and allow ptrace in a container)";

/// Whether strace is there and may trace.
pub fn check() -> Result<(), String> {
    let traced = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match traced {
        Ok(status) if status.success() => Ok(()),
        _ => Err(INSTALL.to_owned()),
    }
}

/// What strace is to do.
#[derive(Debug, Clone)]
pub struct Strace {
    /// The calls to write down, as strace names them.
    pub calls: String,
    /// The fault to inject, as strace writes it.
    pub inject: Option<String>,
    /// Whether the process's later threads and children are traced, too.
    pub follow: bool,
    /// Whether buffers are written down whole, in hexadecimal.
    pub whole: bool,
    /// Where the calls are written down.
    pub into: PathBuf,
}

impl Strace {
    /// strace with its options, before a program or `-p`.
    pub fn command(&self) -> Command {
        let mut command = Command::new("strace");
        command.arg("-y").arg("-o").arg(&self.into);
        command.args(["-e", &format!("trace={}", self.calls)]);
        command.args(["-e", "signal=none"]);
        if self.whole {
            command.args(["-xx", "-s", "100000000"]);
        }
        if self.follow {
            command.arg("-f");
        }
        if let Some(inject) = &self.inject {
            command.args(["-e", &format!("inject={inject}")]);
        }
        command
    }
}

/// One call, as strace wrote it down.
#[derive(Debug, Clone)]
pub struct Call {
    /// The thread, if several were traced.
    pub thread: Option<u64>,
    /// The call's name.
    pub name: String,
    /// What stands between the parentheses.
    pub arguments: String,
    /// What it returned, with the error's name.
    pub result: String,
    /// Whether strace made it fail.
    pub injected: bool,
    /// How many calls had returned when it began.
    pub began: usize,
}

impl Call {
    /// The number it returned.
    pub fn returned(&self) -> Option<i64> {
        self.result.split([' ', '<']).next()?.parse().ok()
    }

    /// The path of the file descriptor that is its first argument.
    pub fn file(&self) -> Option<&str> {
        let (_, rest) = self.arguments.split_once('<')?;
        let end = rest.find('>')?;
        rest.get(..end)
    }

    /// Whether it writes or syncs a segment of the journal that has its name.
    pub fn is_of_journal(&self) -> bool {
        matches!(
            self.name.as_str(),
            "write" | "fsync" | "fdatasync" | "ftruncate"
        ) && self
            .file()
            .is_some_and(|path| path.contains("/journal/") && path.ends_with(".seg"))
    }

    /// Whether it writes nothing but zeros, as far as strace shows.
    pub fn writes_zeros(&self) -> bool {
        self.name == "write" && self.arguments.contains(r#"\0\0\0\0\0\0\0\0"#) && {
            let text = self.arguments.split('"').nth(1).unwrap_or_default();
            text.replace(r"\0", "").is_empty()
        }
    }
}

/// Reads what strace wrote down, in the order in which the calls returned.
pub fn read(path: &Path) -> Vec<Call> {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut unfinished: Vec<(Option<u64>, usize, String)> = Vec::new();
    let mut calls: Vec<Call> = Vec::new();
    for line in text.lines() {
        let (thread, line) = split_thread(line);
        if let Some(start) = line.strip_suffix(" <unfinished ...>") {
            unfinished.push((thread, calls.len(), start.to_owned()));
        } else if let Some(rest) = line.strip_prefix("<... ") {
            let Some(place) = unfinished.iter().position(|(other, ..)| *other == thread) else {
                continue;
            };
            let (_, began, start) = unfinished.swap_remove(place);
            let rest = rest.split_once(" resumed>").map_or("", |(_, rest)| rest);
            calls.extend(parse(thread, began, &format!("{start}{rest}")));
        } else {
            calls.extend(parse(thread, calls.len(), line));
        }
    }
    calls
}

fn split_thread(line: &str) -> (Option<u64>, &str) {
    match line.split_once(' ') {
        Some((number, rest))
            if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (number.parse().ok(), rest.trim_start())
        }
        _ => (None, line),
    }
}

fn parse(thread: Option<u64>, began: usize, line: &str) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    Some(Call {
        thread,
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        result: result.to_owned(),
        injected: result.contains("(INJECTED)"),
        began,
    })
}

/// The bytes of a string in hexadecimal: `\x61\x62`.
pub fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x")
        .skip(1)
        .filter_map(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok())
        .collect()
}

/// A folder for a log, in memory where there is such a place: the faults are injected, not the disk's.
pub fn folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}
