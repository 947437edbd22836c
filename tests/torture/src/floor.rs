//! The floor: what the system itself does to syncs that are under way when the power is cut, without the log.
//!
//! A process writes records of 512 bytes to two files, a thread each, and syncs after each, as the log does: one
//! file grows with each record, the other was filled with zeros, and synced, ahead. It tells what was answered,
//! and when. After the cut each record that was answered for is looked at.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use crate::clock::{self, Patience, Span};
use crate::disk::{Disk, Method};
use crate::report::Report;
use crate::workload::Random;

/// The bytes of a record.
const RECORD: usize = 512;
/// Records that the filled file has room for.
const FILLED: u64 = 16 << 10;
/// The files.
const FILES: [&str; 2] = ["grows", "filled"];
/// Cuts that one disk sees.
const CUTS_A_DISK: u64 = 20;

/// Where the process writes.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    folder: PathBuf,
}

/// What the process does: writes until it is ended.
pub fn main(arguments: &Arguments) -> ExitCode {
    let opened = FILES.map(|name| open(&arguments.folder, name));
    let [Ok(grows), Ok(filled)] = opened else {
        return ExitCode::FAILURE;
    };
    println!("ready");
    thread::scope(|scope| {
        scope.spawn(|| write(&grows, FILES[0], u64::MAX));
        scope.spawn(|| write(&filled, FILES[1], FILLED));
    });
    // Its last answers are waited for.
    thread::sleep(Duration::from_secs(60));
    ExitCode::SUCCESS
}

fn open(folder: &Path, name: &str) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(folder.join(name))?;
    if name == FILES[1] {
        file.write_all_at(&vec![0; FILLED as usize * RECORD], 0)?;
    }
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

fn record(number: u64) -> [u8; RECORD] {
    let mut record = [0x5a; RECORD];
    record[..8].copy_from_slice(&(number + 1).to_le_bytes());
    record
}

fn write(file: &File, name: &str, records: u64) {
    for number in 0..records {
        let began = clock::now();
        let synced = file
            .write_all_at(&record(number), number * RECORD as u64)
            .and_then(|()| file.sync_data());
        let ended = clock::now();
        // A failed sync is never tried again.
        if synced.is_err() {
            return;
        }
        let line = format!("{name} {number} {began} {ended}\n");
        if io::stdout().lock().write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

/// Cuts the power of a disk with the process on it, so many times.
///
/// # Errors
///
/// What is missing for a cut.
pub fn cuts(
    report: &mut Report,
    random: &mut Random,
    method: Method,
    cuts: u64,
    done: impl Fn(),
) -> Result<(), String> {
    let mut disk = Disk::for_cuts(method, 256 << 20)?;
    for number in 0..cuts {
        if number > 0 && number % CUTS_A_DISK == 0 {
            drop(disk);
            disk = Disk::for_cuts(method, 256 << 20)?;
        }
        let folder = disk.root().join(number.to_string());
        fs::create_dir(&folder).map_err(|error| format!("no folder: {error}"))?;
        let cutter = disk.cutter()?;
        let mut writer = Writer::start(&folder)?;
        thread::sleep(Duration::from_micros(random.below(100_000)));
        let cut = cutter.cut()?;
        thread::sleep(Duration::from_millis(5));
        let answers = writer.kill();
        disk.power_on()?;
        report.count(&format!("floor, {}: cuts", method.name()), 1);
        for name in FILES {
            compare(report, method, &folder, name, &answers, cut);
        }
        fs::remove_dir_all(&folder).map_err(|error| format!("no folder: {error}"))?;
        done();
    }
    Ok(())
}

/// An answered sync: file, record, when.
type Answer = (String, u64, Span);

fn compare(
    report: &mut Report,
    method: Method,
    folder: &Path,
    name: &str,
    answers: &[Answer],
    cut: Span,
) {
    let bytes = fs::read(folder.join(name)).unwrap_or_default();
    let there = |number: u64| {
        let from = number as usize * RECORD;
        bytes.get(from..from + RECORD) == Some(&record(number)[..])
    };
    let what = format!(
        "floor, {}, file that {}",
        method.name(),
        match name {
            "grows" => "grows",
            _ => "is filled ahead",
        }
    );
    for (_, number, span) in answers.iter().filter(|answer| answer.0 == name) {
        let lost = u64::from(!there(*number));
        let when = if span.ended < cut.began {
            "before the cut"
        } else {
            "in or after the cut"
        };
        report.count(&format!("{what}: synced {when}"), 1);
        report.count(&format!("{what}: synced {when}, and lost"), lost);
        if lost > 0 && span.ended < cut.began {
            report.violation(format!(
                "{what}: record {number} was synced before the cut, and is lost: such cuts prove nothing"
            ));
        }
    }
}

/// The running process.
struct Writer {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Writer {
    fn start(folder: &Path) -> Result<Self, String> {
        let fault = |error: io::Error| format!("the floor's writer does not start: {error}");
        let mut child = Command::new(std::env::current_exe().map_err(fault)?)
            .arg("floor")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(fault)?;
        let out = child.stdout.take().expect("the output is piped");
        let (sender, lines) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut writer = Self { child, lines };
        match Patience::new(Duration::from_secs(30)).receive(&writer.lines) {
            Ok(line) if line == "ready" => Ok(writer),
            other => {
                writer.stop();
                Err(format!("the floor's writer says {other:?}"))
            }
        }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn kill(&mut self) -> Vec<Answer> {
        self.stop();
        let answer = |line: String| {
            let mut words = line.split(' ');
            let name = words.next()?.to_owned();
            let mut number = || words.next()?.parse().ok();
            Some((
                name,
                number()?,
                Span {
                    began: number()?,
                    ended: number()?,
                },
            ))
        };
        // It ends with the process that sent.
        self.lines.iter().filter_map(answer).collect()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}
