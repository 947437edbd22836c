//! `explog import`: appends the events of a file of JSON lines, in batches.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use experience_log::{BatchOutcome, Error, ExperienceEventEnvelope, ExperienceLog};
use indicatif::HumanCount;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Verdict;
use crate::args::Import;
use crate::failure::{Failure, say};
use crate::line::ForeignLine;
use crate::lines::{Line, Lines, MAX_LINE};
use crate::output::escape;
use crate::output::progress::Progress;

/// Events of a batch.
const BATCH_EVENTS: usize = 1_000;
/// Bytes of lines that end a batch early, so that large events do not pile up.
const BATCH_BYTES: usize = 16 << 20;
/// The most columns of a reason, since it may quote the line.
const MAX_REASON: usize = 400;

pub(crate) fn run(arguments: &Import) -> Result<Verdict, Failure> {
    let input = Input::open(&arguments.file)?;
    let log = ExperienceLog::options()
        .durability(arguments.durability.into())
        .open(&arguments.log)?;
    let started = Instant::now();
    let mut import = Importer {
        log: &log,
        strict: arguments.strict,
        progress: Progress::over_bytes(input.bytes),
        counts: Counts::default(),
    };
    let mut lines = Lines::new(input.reader, MAX_LINE);
    let ended = import.all(&mut lines);
    import.progress.finish();
    let counts = import.counts;
    let closed = log.close();
    say(format_args!(
        "{} imported, {} already there, {} refused, {:.2} s",
        HumanCount(counts.imported),
        HumanCount(counts.already_there),
        HumanCount(counts.refused),
        started.elapsed().as_secs_f64()
    ));
    match ended {
        Ok(()) => {}
        Err(Stop::Refused(line)) => {
            return Err(Failure::Trouble(format!(
                "stopped at line {line}; what was imported before it stays; mend the line and import the file again, or leave out --strict"
            )));
        }
        Err(Stop::Unreadable(error)) => {
            let (file, line) = (arguments.file.display(), lines.number() + 1);
            return Err(Failure::Trouble(format!(
                "cannot read {file} at line {line}: {error}; what was imported before it stays"
            )));
        }
        Err(Stop::Failed(error)) => return Err(error.into()),
    }
    closed?;
    Ok(if counts.refused == 0 {
        Verdict::Fine
    } else {
        Verdict::Found
    })
}

/// Where the lines come from.
struct Input {
    reader: Box<dyn BufRead>,
    /// How many bytes there are, where that is known.
    bytes: Option<u64>,
}

impl Input {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self {
                reader: Box::new(io::stdin().lock()),
                bytes: None,
            });
        }
        let refused = |error: io::Error| {
            Failure::Usage(format!(
                "cannot read {}: {error}; check the path",
                path.display()
            ))
        };
        let file = File::open(path).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        if metadata.is_dir() {
            return Err(refused(io::ErrorKind::IsADirectory.into()));
        }
        Ok(Self {
            reader: Box::new(BufReader::with_capacity(1 << 16, file)),
            bytes: metadata.is_file().then_some(metadata.len()),
        })
    }
}

/// What became of the lines.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    imported: u64,
    already_there: u64,
    refused: u64,
}

/// Why an import ended before its input.
enum Stop {
    /// The line of this number was refused, and the import is strict.
    Refused(u64),
    /// The input cannot be read.
    Unreadable(io::Error),
    /// The log takes no more.
    Failed(Error),
}

/// An event as a line tells it.
#[derive(Debug)]
enum Read {
    Own(Box<ExperienceEventEnvelope>),
    Foreign(Box<ForeignLine>),
}

/// Events that wait to be appended, and the lines before them that were refused.
#[derive(Default)]
struct Batch {
    events: Vec<Read>,
    /// The line of each event.
    numbers: Vec<u64>,
    bytes: usize,
    refused: Vec<(u64, String)>,
}

struct Importer<'a> {
    log: &'a ExperienceLog,
    strict: bool,
    progress: Progress,
    counts: Counts,
}

impl Importer<'_> {
    fn all(&mut self, lines: &mut Lines<impl BufRead>) -> Result<(), Stop> {
        let mut batch = Batch::default();
        let ended = loop {
            let event = match lines.next() {
                Ok(Some(Line::Whole(line))) => {
                    batch.bytes += line.len();
                    parse(line)
                }
                Ok(Some(Line::TooLong)) => Err(format!("longer than {} MiB", MAX_LINE >> 20)),
                Ok(None) => break Ok(()),
                // What was read before is good all the same.
                Err(error) => break Err(Stop::Unreadable(error)),
            };
            let number = lines.number();
            let mut end_of_batch = false;
            match event {
                Ok(Some(event)) => {
                    batch.events.push(event);
                    batch.numbers.push(number);
                }
                Ok(None) => {}
                Err(reason) => {
                    batch.refused.push((number, reason));
                    end_of_batch = self.strict;
                }
            }
            end_of_batch |= batch.events.len() + batch.refused.len() >= BATCH_EVENTS;
            if end_of_batch || batch.bytes >= BATCH_BYTES {
                self.settle(&mut batch)?;
                self.progress.reach(lines.bytes());
            }
        };
        self.settle(&mut batch)?;
        ended
    }

    /// Appends a batch and reports what was refused of it, by line.
    fn settle(&mut self, batch: &mut Batch) -> Result<(), Stop> {
        let Batch {
            events,
            numbers,
            mut refused,
            ..
        } = std::mem::take(batch);
        let appended = self.append_all(events, &numbers, &mut refused);
        refused.sort_by_key(|(number, _)| *number);
        // A strict import has seen nothing behind the first line that is refused.
        for (number, reason) in &refused {
            let reason = escape::fit(reason, MAX_REASON);
            self.progress.warn(format_args!("line {number}: {reason}"));
            self.counts.refused += 1;
            // A log that takes no more is the graver news.
            if self.strict && !matches!(appended, Err(Stop::Failed(_))) {
                return Err(Stop::Refused(*number));
            }
        }
        appended
    }

    /// Appends events in their order: those of one sort that follow each other, together.
    fn append_all(
        &mut self,
        events: Vec<Read>,
        numbers: &[u64],
        refused: &mut Vec<(u64, String)>,
    ) -> Result<(), Stop> {
        let mut rest = numbers;
        for group in Group::of(events) {
            let (numbers, others) = rest.split_at_checked(group.len()).unwrap_or((rest, &[]));
            rest = others;
            match group {
                Group::Own(events) => {
                    self.append(&events, numbers, refused, |log, events| {
                        log.append_batch(events)
                    })?;
                }
                Group::Foreign(lines) => {
                    let events: Vec<_> = lines.iter().map(ForeignLine::event).collect();
                    self.append(&events, numbers, refused, |log, events| {
                        log.append_foreign(events)
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Appends events in as few commits as their refusals allow: where one is refused, the halves are
    /// tried on their own.
    fn append<E>(
        &mut self,
        events: &[E],
        numbers: &[u64],
        refused: &mut Vec<(u64, String)>,
        append: fn(&ExperienceLog, &[E]) -> Result<BatchOutcome, Error>,
    ) -> Result<(), Stop> {
        if events.is_empty() {
            return Ok(());
        }
        match append(self.log, events) {
            Ok(outcome) => {
                self.counts.imported += outcome.written() as u64;
                self.counts.already_there += outcome.already_present() as u64;
                Ok(())
            }
            Err(error) if error.is_refusal() => {
                if let [number] = numbers {
                    refused.push((*number, error.to_string()));
                    return if self.strict {
                        Err(Stop::Refused(*number))
                    } else {
                        Ok(())
                    };
                }
                let middle = events.len() / 2;
                let (first, second) = events.split_at(middle);
                let (first_numbers, second_numbers) = numbers.split_at(middle);
                self.append(first, first_numbers, refused, append)?;
                self.append(second, second_numbers, refused, append)
            }
            Err(error) => Err(Stop::Failed(error)),
        }
    }
}

/// Events of one sort.
enum Group {
    Own(Vec<ExperienceEventEnvelope>),
    Foreign(Vec<ForeignLine>),
}

impl Group {
    /// The events in their order, those of one sort that follow each other together.
    fn of(events: Vec<Read>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for event in events {
            match (event, groups.last_mut()) {
                (Read::Own(event), Some(Self::Own(events))) => events.push(*event),
                (Read::Foreign(event), Some(Self::Foreign(events))) => events.push(*event),
                (Read::Own(event), _) => groups.push(Self::Own(vec![*event])),
                (Read::Foreign(event), _) => groups.push(Self::Foreign(vec![*event])),
            }
        }
        groups
    }

    fn len(&self) -> usize {
        match self {
            Self::Own(events) => events.len(),
            Self::Foreign(events) => events.len(),
        }
    }
}

/// The event of a line, `None` for a blank one, or why there is none.
fn parse(line: &[u8]) -> Result<Option<Read>, String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let Some(first) = line.trim_ascii_start().first() else {
        return Ok(None);
    };
    let parsed: Result<Read, _> = serde_json::from_slice(line).map(Read::Own);
    // What `dump` and `export` write of another contract's event. Most lines are not, so they are tried first.
    let parsed = parsed.or_else(|error| match serde_json::from_slice(line) {
        Ok(foreign) => Ok(Read::Foreign(foreign)),
        Err(reason) if is_foreign(line) => Err(reason),
        Err(_) => Err(error),
    });
    // serde would take an array of the fields as well; the contract has an object.
    if parsed.is_ok() && *first != b'{' {
        return Err("not an event envelope: expected an object".to_owned());
    }
    parsed.map(Some).map_err(|error| {
        let what = if error.is_data() {
            "not an event envelope"
        } else {
            "not JSON"
        };
        let text = error.to_string();
        let (reason, place) = match text.split_once(" at line 1 column ") {
            Some((reason, column)) => (reason, format!(", at column {column}")),
            None => (text.as_str(), String::new()),
        };
        // The reason may quote the line at length; the place must not be cut off.
        format!("{what}: {}{place}", escape::fit(reason, MAX_REASON / 2))
    })
}

/// Whether a line names another contract.
fn is_foreign(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "contract")]
        _contract: IgnoredAny,
    }
    serde_json::from_slice::<Named>(line).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_event_is_refused_with_a_reason() {
        let reason = |line: &[u8]| parse(line).unwrap_err();
        assert_eq!(reason(b"{]"), "not JSON: key must be a string, at column 2");
        assert!(reason(b"{\"event_id\"").starts_with("not JSON: EOF"));
        assert!(reason(b"\"\xff\"").starts_with("not JSON: invalid unicode"));
        assert!(reason(b"[]").starts_with("not an event envelope: "));
        let event =
            r#"{"type":"BudgetExceeded","data":{"chain_id":"c","resource":"r","limit":"1"}}"#;
        let array = format!(r#"["e","1970-01-01T00:00:00Z",null,null,{event}]"#);
        assert_eq!(
            reason(array.as_bytes()),
            "not an event envelope: expected an object"
        );
        assert_eq!(
            reason(b"{}"),
            "not an event envelope: missing field `event_id`, at column 2"
        );
        let quoting = format!("{{\"event_id\":{}}}", "[".repeat(500));
        assert!(reason(quoting.as_bytes()).len() < 2 * MAX_REASON);
    }

    #[test]
    fn an_event_of_another_contract_is_read_with_its_json_as_it_is() {
        let line = r#"{"contract":"acme","kind":"GoalReached","event_id":"e","occurred_at":"lamport:7",
            "tenant_id":null,"correlation_id":"r","chain_id":"g","artifact_id":null,"trace_link_id":null,
            "payload":{"b":1.50,"a":[]}}"#
            .replace('\n', "");
        let Ok(Some(Read::Foreign(read))) = parse(line.as_bytes()) else {
            panic!("a foreign event");
        };
        let event = read.event();
        assert_eq!((event.contract, event.kind), ("acme", "GoalReached"));
        assert_eq!(
            (event.occurred_at, event.chain_id),
            ("lamport:7", Some("g"))
        );
        assert_eq!(event.json, r#"{"b":1.50,"a":[]}"#);
        let missing = parse(br#"{"contract":"acme","event_id":"e"}"#).unwrap_err();
        assert_eq!(
            missing,
            "not an event envelope: missing field `kind`, at column 34"
        );
    }

    #[test]
    fn blank_lines_are_no_events() {
        for line in ["", " \t", "\r", "\u{feff}", "\u{feff} \r"] {
            assert!(matches!(parse(line.as_bytes()), Ok(None)), "{line:?}");
        }
    }
}
