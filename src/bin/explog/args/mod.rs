//! The arguments, as clap reads them.

mod filter;
mod inspect;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use experience_log::Durability;

pub(crate) use filter::{Filter, Wanted, time_range};
pub(crate) use inspect::{
    Artifacts, Event, Explain, Export, ExportFormat, Follow, Runs, Show, Stream, StreamFormat,
    Tail, ViewFormat,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  damage or refused input was found, or the work could not be done
  2  wrong usage: arguments, a FILE or LOG that is not there or is none,
     a run, event or artifact that the log does not have
  130  a follower was ended by Ctrl-C";

const EXAMPLES: &str = "\
Examples:
  explog import runs.jsonl agent.log
  explog runs agent.log --failed --sort cost
  explog show agent.log run-7
  explog follow agent.log --kind budget-exceeded
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

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  explog completions bash > ~/.local/share/bash-completion/completions/explog
  explog completions zsh > ~/.zfunc/_explog";

const MAN_EXAMPLES: &str = "\
Examples:
  explog man | man -l -
  explog man runs > explog-runs.1";

/// Reads and writes logs of agent events.
#[derive(Debug, Parser)]
#[command(name = "explog", version, after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// How it is printed.
    #[command(flatten)]
    pub(crate) manners: Manners,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How everything is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Manners {
    /// Colours: on a terminal, unless `NO_COLOR` is set; or always, or never
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto)]
    pub(crate) color: ColorWhen,
    /// Times in the zone of this machine (or of TZ) instead of UTC; in tables only
    #[arg(long, global = true)]
    pub(crate) local: bool,
    /// Long tables go straight to the terminal, not through `$EXPLOG_PAGER`, `$PAGER` or less
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless the variable `NO_COLOR` is set
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
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
    /// List the runs: what each did, what it cost, how it ended
    #[command(after_help = inspect::RUNS_EXAMPLES)]
    Runs(Runs),
    /// Show a run, step by step
    #[command(after_help = inspect::SHOW_EXAMPLES)]
    Show(Show),
    /// Show one event whole
    #[command(after_help = inspect::EVENT_EXAMPLES)]
    Event(Event),
    /// Print events as another process appends them
    #[command(after_help = inspect::FOLLOW_EXAMPLES)]
    Follow(Follow),
    /// Print the last events, and with -f those that are appended later
    #[command(after_help = inspect::TAIL_EXAMPLES)]
    Tail(Tail),
    /// List governed artifacts, or show the history of one
    #[command(after_help = inspect::ARTIFACTS_EXAMPLES)]
    Artifacts(Artifacts),
    /// Tell how a query is answered, and what that takes
    #[command(after_help = inspect::EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Write events as jsonl, csv, parquet, or as one html page
    #[command(after_help = inspect::EXPORT_EXAMPLES)]
    Export(Export),
    /// Count and measure what a log holds
    #[command(after_help = STATS_EXAMPLES)]
    Stats(Stats),
    /// Read everything again and compare
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(OneLog),
    /// Make the trees anew from the journal
    #[command(after_help = REBUILD_EXAMPLES)]
    Rebuild(OneLog),
    /// Print the completions of a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the man page, of the whole or of one command
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// A command, such as runs
        command: Option<String>,
    },
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
    /// How they are printed; a table, also in a pipe, unless this says otherwise
    #[arg(long, value_enum, default_value_t = ViewFormat::Table)]
    pub(crate) format: ViewFormat,
}

/// Arguments of a command that takes a log and nothing else.
#[derive(Debug, Args)]
pub(crate) struct OneLog {
    /// The log's directory
    pub(crate) log: PathBuf,
}
