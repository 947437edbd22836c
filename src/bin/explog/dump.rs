//! `explog dump`: the events that a query finds, one after the other.

use std::io::Write;

use experience_log::inspect::Event;
use experience_log::{LogReader, Scan};

use crate::Verdict;
use crate::args::{Dump, DumpFormat, Manners};
use crate::failure::Failure;
use crate::line;
use crate::output::screen::Screen;
use crate::output::table::{Column, Table};

/// Below this many columns, a day stands on a line of its own.
const WIDE: usize = 100;
/// Below this many columns, the tenant is left out.
const MEDIUM: usize = 72;

pub(crate) fn run(arguments: &Dump, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let events = log.scan_entries(&arguments.filter.query(), arguments.filter.order())?;
    let mut screen = Screen::paged(manners);
    let on_terminal = screen.on_terminal;
    let format = arguments.format.unwrap_or(if on_terminal {
        DumpFormat::Table
    } else {
        DumpFormat::Jsonl
    });
    match format {
        DumpFormat::Jsonl => lines(events, &mut screen, on_terminal)?,
        DumpFormat::Json => array(events, &mut screen, on_terminal)?,
        DumpFormat::Table => table(events, &mut screen)?,
    }
    screen.finish()?;
    Ok(Verdict::Fine)
}

fn lines(events: Scan, output: &mut impl Write, on_terminal: bool) -> Result<(), Failure> {
    for event in events {
        line::write(output, &event?, on_terminal)?;
        output.write_all(b"\n").map_err(Failure::output)?;
    }
    Ok(())
}

fn array(events: Scan, output: &mut impl Write, on_terminal: bool) -> Result<(), Failure> {
    let mut before = "[\n";
    for event in events {
        // In memory first: what cannot be read leaves nothing half written.
        let mut bytes = Vec::from(before);
        line::write(&mut bytes, &event?, on_terminal)?;
        output.write_all(&bytes).map_err(Failure::output)?;
        before = ",\n";
    }
    let end = if before == ",\n" { "\n]\n" } else { "[]\n" };
    output.write_all(end.as_bytes()).map_err(Failure::output)
}

/// What of an event the table shows, by the room there is.
struct Shape {
    /// The time with its date and, in a wide table, with milliseconds.
    time_with_date: bool,
    milliseconds: bool,
    tenant: bool,
}

impl Shape {
    fn for_columns(total: Option<usize>) -> Self {
        let total = total.unwrap_or(usize::MAX);
        Self {
            time_with_date: total >= WIDE,
            milliseconds: total >= WIDE + 40,
            tenant: total >= MEDIUM,
        }
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![Column::number("seq"), Column::text("time", 8)];
        if self.time_with_date {
            columns.push(Column::text("tenant", 10));
        } else if self.tenant {
            columns.push(Column::text("tenant", 8));
        }
        columns.extend([
            Column::text("correlation", 11),
            Column::text("kind", 12),
            Column::text("detail", 30),
        ]);
        columns
    }
}

fn table(events: Scan, screen: &mut Screen) -> Result<(), Failure> {
    let shape = Shape::for_columns(screen.columns);
    let zone = screen.zone.clone();
    let mut table = Table::new(shape.columns(), screen.columns).styled(screen.styled);
    let mut day = String::new();
    for event in events {
        let event = Event::new(&event?);
        let (date, time) = zone.date_and_time(&event.instant, shape.milliseconds);
        let time = if shape.time_with_date {
            format!("{date} {time}")
        } else {
            if date != day {
                table
                    .heading(screen, format!("-- {date}"))
                    .map_err(Failure::output)?;
                day = date;
            }
            time
        };
        let cells = cells(&event, time, shape.tenant);
        table.row(screen, cells).map_err(Failure::output)?;
    }
    table.finish(screen).map_err(Failure::output)
}

fn cells(event: &Event, time: String, with_tenant: bool) -> Vec<String> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut cells = vec![event.sequence.to_string(), time];
    if with_tenant {
        cells.push(or_none(&event.tenant_id));
    }
    cells.extend([
        or_none(&event.correlation_id),
        event.kind.clone(),
        event.summary(),
    ]);
    cells
}
