//! What an open log holds: measured in a process that did nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use experience_log::{EventQuery, ExperienceEventKind, ExperienceLog};

use crate::process;

/// Which log.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    log: PathBuf,
}

/// What a process tells of a log that it opened.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// How long the opening took.
    pub opening: Duration,
    /// Its resident memory.
    pub resident: u64,
}

/// What the process does: opens the log, asks once, and tells.
pub fn main(arguments: &Arguments) -> ExitCode {
    let newest = EventQuery::new()
        .kind(ExperienceEventKind::OutcomeRecorded)
        .limit(1);
    let begun = Instant::now();
    let opened = ExperienceLog::open(&arguments.log).and_then(|log| {
        let opening = begun.elapsed();
        log.query(&newest)?;
        println!("{} {}", opening.as_micros(), process::resident_bytes());
        log.close()
    });
    match opened {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Lets a new process open the log.
pub fn by_a_new_process(log: &Path) -> Result<Held, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program).arg("held").arg(log).output();
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers = || {
        let (opening, resident) = said.trim().split_once(' ')?;
        Some(Held {
            opening: Duration::from_micros(opening.parse().ok()?),
            resident: resident.parse().ok()?,
        })
    };
    numbers().ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
