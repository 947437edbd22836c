//! The arguments of the commands that inspect a log.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use experience_log::inspect::RunOrder;
use experience_log::{ArtifactKind, GovernedArtifactState};

use super::{Filter, Wanted};

pub(super) const RUNS_EXAMPLES: &str = "\
Examples:
  explog runs agent.log
  explog runs agent.log --failed --sort cost --limit 10
  explog runs agent.log --since 2026-03-02 --tenant acme --format jsonl | jq .cost_microdollars

A run is the events of one correlation id in one tenant. It failed if the last outcome of
one of its chains is a failure, and is open while no outcome is recorded. Tokens and cost
are summed over its outcomes. --since and --until take runs that were under way at some time
between the two, with all their events. The totals count every run that matches, whatever
the limit.";

pub(super) const SHOW_EXAMPLES: &str = "\
Examples:
  explog show agent.log run-7
  explog show agent.log run-7 --full
  explog show agent.log run-7 --format jsonl | jq 'select(.latency_us > 1e6) | .summary'

First what went wrong, then the events in the order in which they happened: the time since
the first one, how long what it tells of took, the step, the kind, and what it says. Where
several tenants have a run of this id, each is shown; --tenant takes one.";

pub(super) const EVENT_EXAMPLES: &str = "\
Examples:
  explog event agent.log run-7-0012
  explog event agent.log 1042
  explog event agent.log run-7-0012 --format json | jq .event";

pub(super) const FOLLOW_EXAMPLES: &str = "\
Examples:
  explog follow agent.log
  explog follow agent.log --kind proposal-validated,budget-exceeded --tenant acme
  explog follow agent.log --from 0 | explog import - copy.log

Events come in the order of appending, from now on or from a sequence number. Ctrl-C ends
it.";

pub(super) const TAIL_EXAMPLES: &str = "\
Examples:
  explog tail agent.log -n 20
  explog tail -f agent.log
  explog tail -f agent.log --kind outcome-recorded";

pub(super) const ARTIFACTS_EXAMPLES: &str = "\
Examples:
  explog artifacts agent.log
  explog artifacts agent.log --state active
  explog artifacts agent.log claims-triage-lora

A change that the contract's table of transitions does not allow is marked `not allowed`;
one that leaves another state than the artifact was in is marked `out of turn`. Both are
kept.";

pub(super) const EXPLAIN_EXAMPLES: &str = "\
Examples:
  explog explain agent.log --correlation run-7
  explog explain agent.log --kind fact-promoted --newest --limit 10 --trees

Without --trees it is this command's own, read-only way that is explained: over the journal.
With it, a copy of the log is opened in the folder for temporary files, and the way of the
process that writes the log is explained.";

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  explog export agent.log --format jsonl > runs.jsonl
  explog export agent.log --format csv --since 2026-03-02 -o march.csv
  explog export agent.log --format html --failed -o failed-runs.html

jsonl is what `import` reads, in the order of appending, so that an import has the same
sequence numbers. A number that JSON has no form for (NaN, infinity) is told with the
event's id; that event is left out, and the exit code is 1. csv and parquet have one row per
event, with its payload as JSON in the last column. html is one page for people, of whole
runs; it needs no network.";

/// How a listing is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ViewFormat {
    /// For people, cut to the terminal's width
    Table,
    /// One JSON object per line
    Jsonl,
    /// One JSON value
    Json,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// The log's directory
    pub(crate) log: PathBuf,
    #[command(flatten)]
    pub(crate) wanted: WantedRuns,
    /// In which order: the latest, dearest or longest first
    #[arg(long, value_enum, default_value_t = RunSort::Start)]
    pub(crate) sort: RunSort,
    /// That order backwards
    #[arg(long)]
    pub(crate) reverse: bool,
    /// At most this many runs
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// How they are printed; a table on a terminal, JSON lines elsewhere
    #[arg(long, value_enum)]
    pub(crate) format: Option<ViewFormat>,
}

/// Which runs.
#[derive(Debug, Args)]
pub(crate) struct WantedRuns {
    /// Only runs of this tenant
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<String>,
    /// Only runs with an event from this time on: RFC 3339 with an offset, or a date in UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only runs with an event up to this time, itself included
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only runs that failed
    #[arg(long)]
    pub(crate) failed: bool,
}

/// The order of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunSort {
    /// The one that started last first
    Start,
    /// The one that cost most first
    Cost,
    /// The longest first
    Duration,
    /// The one with the most tokens first
    Tokens,
    /// The one with the most events first
    Events,
}

impl From<RunSort> for RunOrder {
    fn from(sort: RunSort) -> Self {
        match sort {
            RunSort::Start => Self::Start,
            RunSort::Cost => Self::Cost,
            RunSort::Duration => Self::Duration,
            RunSort::Tokens => Self::Tokens,
            RunSort::Events => Self::Events,
        }
    }
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The log's directory
    pub(crate) log: PathBuf,
    /// The run's correlation id
    pub(crate) correlation: String,
    /// Only the run of this tenant
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<String>,
    /// With the whole content of every event
    #[arg(long)]
    pub(crate) full: bool,
    /// How it is printed; for people on a terminal, JSON lines elsewhere
    #[arg(long, value_enum)]
    pub(crate) format: Option<ViewFormat>,
}

/// Arguments of `event`.
#[derive(Debug, Args)]
pub(crate) struct Event {
    /// The log's directory
    pub(crate) log: PathBuf,
    /// The event's id, or its sequence number
    pub(crate) id: String,
    /// Only the event of this tenant
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<String>,
    /// How it is printed; for people on a terminal, JSON lines elsewhere
    #[arg(long, value_enum)]
    pub(crate) format: Option<ViewFormat>,
}

/// Arguments of `follow`.
#[derive(Debug, Args)]
pub(crate) struct Follow {
    /// The log's directory
    pub(crate) log: PathBuf,
    /// From this sequence number on, instead of from now
    #[arg(long, value_name = "SEQUENCE")]
    pub(crate) from: Option<u64>,
    #[command(flatten)]
    pub(crate) stream: Stream,
}

/// Arguments of `tail`.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The log's directory
    pub(crate) log: PathBuf,
    /// The last this many of the events that are wanted
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) lines: usize,
    /// Go on with what is appended later
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) stream: Stream,
}

/// Which events of a stream, and how.
#[derive(Debug, Args)]
pub(crate) struct Stream {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// End after this many events
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// How they are printed; a table on a terminal, envelopes as JSON lines elsewhere
    #[arg(long, value_enum)]
    pub(crate) format: Option<StreamFormat>,
}

/// How a stream of events is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StreamFormat {
    /// For people, cut to the terminal's width
    Table,
    /// One envelope per line: what `import` reads
    Jsonl,
}

/// Arguments of `artifacts`.
#[derive(Debug, Args)]
pub(crate) struct Artifacts {
    /// The log's directory
    pub(crate) log: PathBuf,
    /// The artifact whose history is wanted
    pub(crate) id: Option<String>,
    /// Only artifacts of this tenant
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<String>,
    /// Only artifacts in this state
    #[arg(long, value_parser = state)]
    pub(crate) state: Option<GovernedArtifactState>,
    /// Only artifacts of this kind, such as Adapter; another name is the contract's `Other`
    #[arg(long, value_name = "K", value_parser = kind)]
    pub(crate) kind: Option<ArtifactKind>,
    /// How they are printed; a table on a terminal, JSON lines elsewhere
    #[arg(long, value_enum)]
    pub(crate) format: Option<ViewFormat>,
}

fn state(text: &str) -> Result<GovernedArtifactState, String> {
    use GovernedArtifactState::{Active, Approved, Deprecated, Draft, Quarantined, RolledBack};
    let all = [Draft, Approved, Active, Quarantined, Deprecated, RolledBack];
    let plain = |text: &str| text.replace(['-', '_'], "").to_lowercase();
    all.into_iter()
        .find(|state| plain(&state.to_string()) == plain(text))
        .ok_or_else(|| {
            let names = all.map(|state| state.to_string()).join(", ");
            format!("expected one of {names}")
        })
}

#[expect(clippy::unnecessary_wraps, reason = "as clap calls it")]
fn kind(text: &str) -> Result<ArtifactKind, std::convert::Infallible> {
    let plain = text.replace(['-', '_'], "").to_lowercase();
    Ok(match plain.as_str() {
        "adapter" => ArtifactKind::Adapter,
        "pack" => ArtifactKind::Pack,
        "policy" => ArtifactKind::Policy,
        "truthfile" => ArtifactKind::TruthFile,
        "evalsuite" => ArtifactKind::EvalSuite,
        _ => ArtifactKind::Other(text.to_owned()),
    })
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The log's directory
    pub(crate) log: PathBuf,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Explain how the writing process would answer it, by its trees; over a copy of the log
    #[arg(long)]
    pub(crate) trees: bool,
    /// How it is printed; for people on a terminal, one JSON line elsewhere
    #[arg(long, value_enum)]
    pub(crate) format: Option<ViewFormat>,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The log's directory
    pub(crate) log: PathBuf,
    /// What is written
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// The file that is written; standard output if there is none, or if it is `-`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// At most this many events, from the first appended on; of html, at most so many in whole runs,
    /// the latest ones [default for html: 50000]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Only runs that failed (html)
    #[arg(long)]
    pub(crate) failed: bool,
    /// Put a quote before texts that a spreadsheet would take for a formula (csv); they are altered by it
    #[arg(long)]
    pub(crate) guard_formulas: bool,
}

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One envelope per line: what `import` reads, losslessly
    Jsonl,
    /// One row per event, comma-separated, with a header
    Csv,
    /// One row per event, as Apache Parquet
    Parquet,
    /// One self-contained page: the runs and their timelines
    Html,
}
