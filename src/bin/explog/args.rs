//! The arguments, as clap reads them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use experience_log::experience_store::ParseEventKindError;
use experience_log::{Durability, EntryQuery, ExperienceEventKind, ScanOptions, TimeRange};

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  damage or refused input was found, or the work could not be done
  2  wrong usage: arguments, a FILE or LOG that is not there or is none";

const EXAMPLES: &str = "\
Examples:
  explog import runs.jsonl agent.log
  explog dump agent.log --correlation run-7
  explog verify agent.log";

const IMPORT_EXAMPLES: &str = "\
Examples:
  explog import runs.jsonl agent.log
  zcat runs.jsonl.gz | explog import - agent.log
  explog dump old.log | explog import --strict - new.log

A line that is no event envelope, or that the log refuses, is reported as `line N: reason` and
passed over; the exit code is 1 then. An event that the log has already is not written again, so
an import can be repeated.";

const DUMP_EXAMPLES: &str = "\
Examples:
  explog dump agent.log --newest --limit 20
  explog dump agent.log --kind budget-exceeded,fact-promoted --since 2026-03-02
  explog dump agent.log --tenant acme --format json | jq '.[].event.type'

Events come by the time at which they happened, then in the order in which they were appended.
The log may be open for writing elsewhere meanwhile. Text that could steer a terminal is shown
escaped.";

const STATS_EXAMPLES: &str = "\
Examples:
  explog stats agent.log
  explog stats agent.log --format json | jq .events";

const VERIFY_EXAMPLES: &str = "\
Examples:
  explog verify agent.log && echo intact

Every event is read again, and the journal, its hash chain and the trees are compared. Problems
are printed one per line; the exit code is 1 then.";

const REBUILD_EXAMPLES: &str = "\
Examples:
  explog rebuild agent.log

The trees only answer questions; the journal is the record, and is not touched.";

/// Reads and writes logs of agent events.
#[derive(Debug, Parser)]
#[command(name = "explog", version, after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Append the events of a file of JSON lines
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Print the events that a query finds
    #[command(after_help = DUMP_EXAMPLES)]
    Dump(Dump),
    /// Count and measure what a log holds
    #[command(after_help = STATS_EXAMPLES)]
    Stats(Stats),
    /// Read everything again and compare
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(OneLog),
    /// Make the trees anew from the journal
    #[command(after_help = REBUILD_EXAMPLES)]
    Rebuild(OneLog),
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Event envelopes, one JSON object per line; `-` reads the standard input
    #[arg(value_name = "FILE.jsonl")]
    pub(crate) file: PathBuf,
    /// The log's directory; made if there is none
    pub(crate) log: PathBuf,
    /// Stop at the first line that is refused; what was appended before it stays
    #[arg(long)]
    pub(crate) strict: bool,
    /// What an imported event survives
    #[arg(long, value_enum, default_value_t = DurabilityName::Sync)]
    pub(crate) durability: DurabilityName,
}

/// A durability by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityName {
    /// Each batch is synced: a power loss
    Sync,
    /// Synced at the end: the end of this process
    Os,
}

impl From<DurabilityName> for Durability {
    fn from(name: DurabilityName) -> Self {
        match name {
            DurabilityName::Sync => Self::Sync,
            DurabilityName::Os => Self::Os,
        }
    }
}

/// Arguments of `dump`.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    /// The log's directory
    pub(crate) log: PathBuf,
    /// Which events.
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// How they are printed; a table on a terminal, JSON lines elsewhere
    #[arg(long, value_enum)]
    pub(crate) format: Option<DumpFormat>,
}

/// Which events, in which order.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only events of this tenant
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
    /// Only events of this kind, such as fact-promoted, or another contract's
    /// kind by its exact name, in capitals as it is there; several with commas, or by
    /// repeating the option
    #[arg(long = "kind", value_name = "K", value_delimiter = ',', value_parser = kind_name)]
    kinds: Vec<String>,
    /// Only events that carry this chain
    #[arg(long, value_name = "C")]
    chain: Option<String>,
    /// Only events of this correlation id
    #[arg(long, value_name = "R")]
    correlation: Option<String>,
    /// Only events from this time on: RFC 3339 with an offset, a date, which begins in UTC, or a
    /// logical time such as lamport:7, which lies before all others
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events up to this time, itself included; a date ends in UTC
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most this many events
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The newest first, instead of the oldest
    #[arg(long)]
    newest: bool,
}

impl Filter {
    /// The query that asks for these events.
    pub(crate) fn query(&self) -> EntryQuery {
        let bound = |given: &Option<String>, time| {
            let given = given.as_ref();
            given.map(|given| time_or_date(given, time))
        };
        EntryQuery {
            tenant_id: self.tenant.clone(),
            time_range: Some(TimeRange {
                start: bound(&self.since, "T00:00:00Z"),
                end: bound(&self.until, "T23:59:59.999999999Z"),
            }),
            kinds: self.kinds.clone(),
            correlation_id: self.correlation.clone(),
            chain_id: self.chain.clone(),
            limit: self.limit,
            ..EntryQuery::default()
        }
    }

    /// The order in which they come.
    pub(crate) fn order(&self) -> ScanOptions {
        if self.newest {
            ScanOptions::newest_first()
        } else {
            ScanOptions::oldest_first()
        }
    }
}

/// The name of a kind: one of the log's own in any spelling, or another contract's, which starts with a capital.
fn kind_name(text: &str) -> Result<String, ParseEventKindError> {
    match text.parse::<ExperienceEventKind>() {
        Ok(kind) => Ok(kind.as_str().to_owned()),
        Err(_) if text.starts_with(|first: char| first.is_ascii_uppercase()) => Ok(text.to_owned()),
        Err(error) => Err(error),
    }
}

/// Gives a bare date its time; anything else is for the library to judge.
fn time_or_date(text: &str, time: &str) -> String {
    let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    format!("{text}{}", if is_date { time } else { "" })
}

/// How `dump` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// One envelope per line: what `import` reads
    Jsonl,
    /// One array of envelopes
    Json,
    /// One line per event, cut to the terminal's width
    Table,
}

/// Arguments of `stats`.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// The log's directory
    pub(crate) log: PathBuf,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = StatsFormat::Table)]
    pub(crate) format: StatsFormat,
}

/// How `stats` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsFormat {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// Arguments of a command that takes a log and nothing else.
#[derive(Debug, Args)]
pub(crate) struct OneLog {
    /// The log's directory
    pub(crate) log: PathBuf,
}
