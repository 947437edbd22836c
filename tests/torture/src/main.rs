//! Fault campaigns against the log: each breaks something many times and counts what was lost.
//!
//! `cargo run --release -p torture -- all --short` runs the short forms; `docs/reliability.md` has the long forms
//! and their figures. Every campaign is repeatable by its seed. A campaign that finds a violation, or whose
//! negative control finds none, ends with exit code 1.

mod bit_rot;
mod crash;
mod damage;
mod disk;
mod full_disk;
mod io_errors;
mod kept;
mod ledger;
mod load;
mod namespace;
mod power_cut;
mod process;
mod progress;
mod recording;
mod report;
mod sigkill;
mod soak;
mod specimen;
mod strace;
mod told;
mod torn_writes;
mod workload;
mod writer;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use report::Report;

/// Fault campaigns against experience-log.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    campaign: Campaign,
    #[command(flatten)]
    options: Options,
}

/// What every campaign takes.
#[derive(Debug, Clone, clap::Args)]
struct Options {
    /// Fewer trials, for CI.
    #[arg(long, global = true)]
    short: bool,
    /// What the random choices follow from.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    /// Trials, instead of the campaign's own number.
    #[arg(long, global = true)]
    trials: Option<u64>,
}

impl Options {
    /// The number of trials: as asked for, or one of the two.
    fn trials(&self, long: u64, short: u64) -> u64 {
        self.trials.unwrap_or(if self.short { short } else { long })
    }
}

#[derive(Debug, Clone, Subcommand)]
enum Campaign {
    /// Every campaign that needs no more than root and the tools of ext4.
    All,
    /// Cut the file system off under a write load. Takes root.
    PowerCut,
    /// Damage one byte, page or end of one file at a time.
    BitRot,
    /// Kill the writing process at any moment.
    Sigkill,
    /// Load the log for a long time and see what grows.
    Soak {
        /// How long, instead of 30 minutes, or 10 seconds in the short form.
        #[arg(long)]
        minutes: Option<f64>,
    },
    /// What the campaigns kill.
    #[command(hide = true)]
    Writer(writer::Life),
    /// The n-th write, sync, rename or open fails.
    IoErrors,
    /// Every state that a crash may leave of recorded writes.
    TornWrites,
    /// A real disk runs full, and gets room again.
    FullDisk,
    /// What a child of a campaign runs.
    #[command(hide = true)]
    Load(load::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = &arguments.options;
    if matches!(arguments.campaign, Campaign::All | Campaign::PowerCut) {
        namespace::enter();
    }
    let reports: Vec<Report> = match &arguments.campaign {
        Campaign::All => vec![
            power_cut::run(options),
            sigkill::run(options),
            bit_rot::run(options),
            soak::run(options, None),
        ],
        Campaign::BitRot => vec![bit_rot::run(options)],
        Campaign::PowerCut => vec![power_cut::run(options)],
        Campaign::Soak { minutes } => vec![soak::run(options, *minutes)],
        Campaign::Sigkill => vec![sigkill::run(options)],
        Campaign::Writer(life) => return writer::main(life),
        Campaign::IoErrors => vec![io_errors::run(options)],
        Campaign::FullDisk => vec![full_disk::run(options)],
        Campaign::TornWrites => vec![torn_writes::run(options)],
        Campaign::Load(load) => return load::run(load),
    };
    for report in &reports {
        println!("{report}");
    }
    if reports.iter().all(Report::is_clean) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
