//! `explog dump`: the events that a query finds, one after the other.

use std::io::{self, BufWriter, Write};

use experience_log::{LogEntry, LogReader, Payload, Scan};

use crate::args::{Dump, DumpFormat};
use crate::failure::Failure;
use crate::output::table::{Column, Table};
use crate::output::{json, terminal};
use crate::{Verdict, detail, foreign};

/// Below this many columns, a day stands on a line of its own.
const WIDE: usize = 100;
/// Below this many columns, the tenant is left out.
const MEDIUM: usize = 72;

pub(crate) fn run(arguments: &Dump) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let events = log.scan_entries(&arguments.filter.query(), arguments.filter.order())?;
    let on_terminal = terminal::shows_output();
    let format = arguments.format.unwrap_or(if on_terminal {
        DumpFormat::Table
    } else {
        DumpFormat::Jsonl
    });
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match format {
        DumpFormat::Jsonl => lines(events, &mut output, on_terminal)?,
        DumpFormat::Json => array(events, &mut output, on_terminal)?,
        DumpFormat::Table => table(events, &mut output, terminal::columns())?,
    }
    output.flush().map_err(Failure::output)?;
    Ok(Verdict::Fine)
}

fn lines(events: Scan, output: &mut impl Write, on_terminal: bool) -> Result<(), Failure> {
    for event in events {
        object(&event?, output, on_terminal)?;
        output.write_all(b"\n").map_err(Failure::output)?;
    }
    Ok(())
}

fn object(event: &LogEntry, output: &mut impl Write, on_terminal: bool) -> Result<(), Failure> {
    match event.payload()? {
        Payload::Own(envelope) => json::write(output, &envelope, on_terminal),
        Payload::Foreign {
            contract,
            kind,
            json,
        } => foreign::write(output, event, (contract, kind, json), on_terminal),
    }
}

fn array(events: Scan, output: &mut impl Write, on_terminal: bool) -> Result<(), Failure> {
    let mut before = "[\n";
    for event in events {
        // In memory first: what cannot be read leaves nothing half written.
        let mut bytes = Vec::from(before);
        object(&event?, &mut bytes, on_terminal)?;
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

fn table(events: Scan, output: &mut impl Write, total: Option<usize>) -> Result<(), Failure> {
    let shape = Shape::for_columns(total);
    let mut table = Table::new(shape.columns(), total);
    let mut day = String::new();
    for event in events {
        let event = event?;
        let (date, time) = date_and_time(&event.instant_text(), shape.milliseconds);
        let time = if shape.time_with_date {
            format!("{date} {time}")
        } else {
            if date != day {
                table
                    .heading(output, format!("-- {date}"))
                    .map_err(Failure::output)?;
                day = date;
            }
            time
        };
        let cells = cells(&event, time, shape.tenant)?;
        table.row(output, cells).map_err(Failure::output)?;
    }
    table.finish(output).map_err(Failure::output)
}

fn cells(event: &LogEntry, time: String, with_tenant: bool) -> Result<Vec<String>, Failure> {
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let mut cells = vec![event.sequence().to_string(), time];
    if with_tenant {
        cells.push(or_none(event.tenant_id()));
    }
    let (kind, detail) = match event.payload()? {
        Payload::Own(envelope) => (
            envelope.event.kind().to_string(),
            detail::of(&envelope.event),
        ),
        Payload::Foreign { kind, json, .. } => (kind.to_owned(), detail::of_json(json)),
    };
    cells.extend([or_none(event.correlation_id()), kind, detail]);
    Ok(cells)
}

/// The date and the time of day of `2026-01-21T12:00:00.123456Z`; a logical time's name and number. Another text
/// stands for itself.
fn date_and_time(instant: &str, milliseconds: bool) -> (String, String) {
    if let Some((name, number)) = instant.split_once(':')
        && name == "lamport"
    {
        return (name.to_owned(), number.to_owned());
    }
    let parts = instant
        .strip_suffix('Z')
        .and_then(|text| text.split_once('T'))
        .filter(|(date, _)| date.starts_with(|first: char| first.is_ascii_digit()));
    let Some((date, time)) = parts else {
        return (instant.to_owned(), "?".to_owned());
    };
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    let time = if milliseconds {
        let fraction: String = fraction.chars().take(3).collect();
        format!("{seconds}.{fraction:0<3}")
    } else {
        seconds.to_owned()
    };
    (date.to_owned(), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_not_rounded() {
        let both = |text: &str, milliseconds| {
            let (date, time) = date_and_time(text, milliseconds);
            format!("{date} {time}")
        };
        let text = "2026-01-21T23:59:59.9996Z";
        assert_eq!(both(text, false), "2026-01-21 23:59:59");
        assert_eq!(both(text, true), "2026-01-21 23:59:59.999");
        assert_eq!(both("lamport:7", true), "lamport 7");
        assert_eq!(
            both("1970-01-01T00:00:00Z", true),
            "1970-01-01 00:00:00.000"
        );
    }
}
