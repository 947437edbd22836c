//! Prints the events of a log as JSON lines, oldest first. The log may be written meanwhile.
//!
//! ```text
//! cargo run --release --example dump -- LOG [CORRELATION]
//! ```

use std::env;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use experience_log::{EventQuery, LogReader, ScanOptions};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: dump LOG [CORRELATION]");
        return ExitCode::from(2);
    };
    match dump(&path, arguments.next()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dump: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dump(path: &str, correlation: Option<String>) -> Result<(), Box<dyn Error>> {
    // A reader takes no lock and changes nothing.
    let log = LogReader::open(path)?;
    let query = EventQuery {
        correlation_id: correlation,
        ..EventQuery::new()
    };
    let mut output = BufWriter::new(io::stdout().lock());
    for event in log.scan(&query, ScanOptions::oldest_first())? {
        let line = serde_json::to_string(&event?.envelope()?)?;
        writeln!(output, "{line}")?;
    }
    output.flush()?;
    Ok(())
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
