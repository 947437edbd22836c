//! `explog export`: events for other programs, and a page for people.

mod csv;
mod html;
mod jsonl;
mod parquet;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use experience_log::inspect::{Event, Pass, Row, Selection};
use experience_log::{LogEntry, LogReader};

use crate::Verdict;
use crate::args::{Export, ExportFormat};
use crate::failure::{Failure, say};
use crate::output::figures::plural;
use crate::output::progress::Progress;
use crate::output::terminal;

pub(crate) fn run(arguments: &Export) -> Result<Verdict, Failure> {
    check(arguments)?;
    let log = LogReader::open(&arguments.log)?;
    let target = Target::of(arguments.output.as_deref());
    match arguments.format {
        ExportFormat::Jsonl => jsonl::export(&log, arguments, target),
        ExportFormat::Csv => csv::export(&log, arguments, target),
        ExportFormat::Parquet => parquet::export(&log, arguments, target),
        ExportFormat::Html => html::export(&log, arguments, target),
    }
}

/// What does not go together.
fn check(arguments: &Export) -> Result<(), Failure> {
    let refuse = |text: &str| Err(Failure::Usage(text.to_owned()));
    if arguments.failed && arguments.format != ExportFormat::Html {
        return refuse("--failed takes runs, which only --format html writes");
    }
    if arguments.guard_formulas && arguments.format != ExportFormat::Csv {
        return refuse("--guard-formulas is for --format csv");
    }
    let to_terminal = arguments.output.is_none() && terminal::shows_output();
    if to_terminal && arguments.format == ExportFormat::Parquet {
        return refuse("parquet is not for a terminal; give a file with -o FILE");
    }
    Ok(())
}

/// Where an export goes: a file, which is there under its name only once it is whole, or the standard output.
enum Target<'a> {
    File(&'a Path),
    Output,
}

/// What an export is written to.
enum Sink {
    File(BufWriter<File>, std::path::PathBuf, std::path::PathBuf),
    Output(BufWriter<io::Stdout>),
}

impl<'a> Target<'a> {
    fn of(path: Option<&'a Path>) -> Self {
        match path {
            Some(path) if path != Path::new("-") => Self::File(path),
            _ => Self::Output,
        }
    }

    fn open(self) -> Result<Sink, Failure> {
        match self {
            Self::Output => Ok(Sink::Output(BufWriter::with_capacity(
                1 << 16,
                io::stdout(),
            ))),
            Self::File(path) => {
                let mut part = path.as_os_str().to_owned();
                part.push(".part");
                let part = std::path::PathBuf::from(part);
                let file = File::create(&part).map_err(|error| {
                    Failure::Usage(format!("cannot write {}: {error}", path.display()))
                })?;
                let output = BufWriter::with_capacity(1 << 16, file);
                Ok(Sink::File(output, part, path.to_path_buf()))
            }
        }
    }
}

impl Sink {
    /// Whether a person reads it on a terminal.
    fn for_terminal(&self) -> bool {
        matches!(self, Self::Output(_)) && terminal::shows_output()
    }

    /// Ends the export: the file gets its name.
    fn finish(mut self) -> Result<(), Failure> {
        self.flush().map_err(Failure::output)?;
        if let Self::File(output, part, path) = self {
            drop(output);
            std::fs::rename(&part, &path).map_err(|error| {
                Failure::Trouble(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(output, ..) => output.write(bytes),
            Self::Output(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(output, ..) => output.flush(),
            Self::Output(output) => output.flush(),
        }
    }
}

/// Hands the events that are wanted to `each`, in the order of appending. Gives how many there were.
fn each_event(
    log: &LogReader,
    arguments: &Export,
    mut each: impl FnMut(&LogEntry) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let selection = Selection::new(&arguments.wanted.query())?;
    let mut progress = Progress::over_events_if_slow();
    let pass = Pass::new(log)?;
    let total = pass.events();
    let most = arguments.limit.map_or(u64::MAX, |limit| limit as u64);
    let mut given = 0;
    for entry in pass {
        let entry = entry?;
        if given >= most {
            break;
        }
        if selection.takes(&entry) {
            each(&entry)?;
            given += 1;
        }
        progress.reach_of(entry.sequence() + 1, total);
    }
    Ok(given)
}

/// The same as rows.
fn each_row(
    log: &LogReader,
    arguments: &Export,
    mut each: impl FnMut(Row) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    each_event(log, arguments, |entry| each(Row::new(Event::new(entry))))
}

/// Tells how much was written, if it did not go where it can be seen.
fn tell(events: u64, arguments: &Export) {
    if let Some(path) = arguments
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"))
    {
        say(format_args!(
            "{} written to {}",
            plural(events, "event"),
            path.display()
        ));
    }
}
