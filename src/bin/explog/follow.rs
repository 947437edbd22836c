//! `explog follow` and `explog tail`: events in the order of appending, and those still to come.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use experience_log::inspect::{Event, Pass, Selection, json_loss};
use experience_log::{LogEntry, LogReader, Payload};

use crate::Verdict;
use crate::args::{Follow, Manners, Stream, StreamFormat, Tail};
use crate::failure::{Failure, say};
use crate::line;
use crate::output::screen::Screen;
use crate::output::style::Tint;
use crate::output::table::{Cell, Column, Table};
use crate::show::short_name;

/// How long it waits for an event before it looks whether it was interrupted.
const WAIT: Duration = Duration::from_millis(100);
/// From this many columns on, there is room for the tenant.
const WIDE: usize = 100;

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub(crate) fn follow(arguments: &Follow, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let from = match arguments.from {
        Some(from) => from,
        None => log.head()?,
    };
    let mut printer = Printer::new(&arguments.stream, manners)?;
    printer.follow(&log, from)
}

pub(crate) fn tail(arguments: &Tail, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let selection = Selection::new(&arguments.stream.wanted.query())?;
    let mut last = VecDeque::new();
    let mut pass = Pass::new(&log)?;
    let head = pass.events();
    for entry in pass.by_ref() {
        let entry = entry?;
        if selection.takes(&entry) {
            last.push_back(entry);
            if last.len() > arguments.lines {
                last.pop_front();
            }
        }
    }
    let mut printer = Printer::new(&arguments.stream, manners)?;
    for entry in &last {
        if !printer.print(entry)? {
            break;
        }
    }
    if arguments.follow {
        return printer.follow(&log, head);
    }
    printer.finish()?;
    Ok(Verdict::Fine)
}

/// Prints events one by one.
struct Printer {
    selection: Selection,
    /// How many more are printed.
    left: Option<u64>,
    screen: Screen,
    /// The table and the day of its last row; `None` for JSON lines.
    table: Option<(Table, String)>,
}

impl Printer {
    fn new(stream: &Stream, manners: &Manners) -> Result<Self, Failure> {
        let mut screen = Screen::plain(manners);
        let format = stream.format.unwrap_or(if screen.on_terminal {
            StreamFormat::Table
        } else {
            StreamFormat::Jsonl
        });
        let table = match format {
            StreamFormat::Jsonl => None,
            StreamFormat::Table => Some((table(&mut screen)?, String::new())),
        };
        Ok(Self {
            selection: Selection::new(&stream.wanted.query())?,
            left: stream.limit,
            screen,
            table,
        })
    }

    /// Prints what comes from `from` on, until enough was printed, or Ctrl-C.
    fn follow(&mut self, log: &LogReader, from: u64) -> Result<Verdict, Failure> {
        // A handler that cannot be set leaves the system's, which ends the process: no harm is done.
        let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
        let mut events = log.follow(from)?;
        self.finish()?;
        while !INTERRUPTED.load(Ordering::Relaxed) && self.left != Some(0) {
            let mut next = events.next_within(Duration::ZERO)?;
            if next.is_none() {
                // Nothing is held back while it waits.
                self.finish()?;
                next = events.next_within(WAIT)?;
            }
            let Some(entry) = next else { continue };
            if self.selection.takes(&entry) {
                self.print(&entry)?;
            }
        }
        self.finish()?;
        Ok(if INTERRUPTED.load(Ordering::Relaxed) {
            Verdict::Interrupted
        } else {
            Verdict::Fine
        })
    }

    /// Prints an event. Tells whether more are wanted.
    fn print(&mut self, entry: &LogEntry) -> Result<bool, Failure> {
        if let Some(left) = &mut self.left {
            if *left == 0 {
                return Ok(false);
            }
            *left -= 1;
        }
        match &mut self.table {
            None => line(entry, &mut self.screen)?,
            Some((table, day)) => row(entry, table, day, &mut self.screen)?,
        }
        Ok(self.left != Some(0))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.screen.flush().map_err(Failure::output)
    }
}

/// An event as a line, or a word on why there is none.
fn line(entry: &LogEntry, screen: &mut Screen) -> Result<(), Failure> {
    let for_terminal = screen.on_terminal;
    let payload = match entry.payload() {
        Ok(payload) => payload,
        Err(error) => {
            let id = entry.event_id();
            say(format_args!("event {id:?} is left out: {error}"));
            return Ok(());
        }
    };
    if let Payload::Own(envelope) = &payload
        && let Some(field) = json_loss(&envelope.event)
    {
        let id = entry.event_id();
        say(format_args!(
            "event {id:?}: {field} is a number that JSON has no form for; it is printed as null"
        ));
    }
    line::write_payload(screen, entry, &payload, for_terminal)?;
    screen.write_all(b"\n").map_err(Failure::output)
}

/// A table whose widths are settled before its first row.
fn table(screen: &mut Screen) -> Result<Table, Failure> {
    let total = screen.columns;
    let wide = total.is_none_or(|columns| columns >= WIDE);
    let mut columns = vec![Column::text("seq", 4), Column::text("time", 8)];
    let mut widths = vec![8, if wide { 12 } else { 8 }];
    if wide {
        columns.push(Column::text("tenant", 8));
        widths.push(16);
    }
    columns.extend([
        Column::text("run", 8),
        Column::text("event", 9),
        Column::text("detail", 16),
    ]);
    widths.extend([if wide { 20 } else { 14 }, 9, 400]);
    let mut table = Table::new(columns, total).styled(screen.styled);
    table.settle(screen, widths).map_err(Failure::output)?;
    Ok(table)
}

fn row(
    entry: &LogEntry,
    table: &mut Table,
    day: &mut String,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let wide = screen.columns.is_none_or(|columns| columns >= WIDE);
    let event = Event::new(entry);
    let (date, time) = screen.zone.date_and_time(&event.instant, wide);
    if *day != date {
        let heading = Cell::new(format!("-- {date}"), Tint::Faint);
        table.heading(screen, heading).map_err(Failure::output)?;
        *day = date;
    }
    let (name, tint) = match event.known() {
        Some(known) => {
            let (name, _, tint) = short_name(known);
            (name.to_owned(), tint)
        }
        None => (event.kind.clone(), Tint::Warning),
    };
    let detail_tint = match tint {
        Tint::Bad | Tint::Warning => tint,
        _ => Tint::Plain,
    };
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut cells = vec![
        Cell::new(event.sequence.to_string(), Tint::Faint),
        time.into(),
    ];
    if wide {
        cells.push(or_none(&event.tenant_id).into());
    }
    cells.push(or_none(&event.correlation_id).into());
    cells.push(Cell::new(name, tint));
    cells.push(Cell::new(event.summary(), detail_tint));
    table.row(screen, cells).map_err(Failure::output)
}
