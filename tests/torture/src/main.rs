//! Fault campaigns against the log: each breaks something many times and counts what was lost.
//!
//! `cargo run --release -p torture -- all --short` runs the short forms; `docs/reliability.md` has the long forms
//! and their figures. Every campaign is repeatable by its seed. A campaign that finds a violation, or whose
//! negative control finds none, ends with exit code 1.

mod bit_rot;
mod clock;
mod crash;
mod damage;
mod disk;
mod floor;
mod full_disk;
mod held;
mod io_errors;
mod kept;
mod ledger;
mod life;
mod load;
mod mount;
mod mutation;
mod namespace;
mod power_cut;
mod probe;
mod process;
mod progress;
mod recording;
mod report;
mod safety_lines;
mod setting;
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
    /// Every campaign. Takes what all of them take.
    All,
    /// Say whether a campaign has here what it needs.
    Probe {
        /// The campaign.
        campaign: probe::Wanted,
    },
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
    /// Make the n-th write, sync, rename or open fail. Takes strace.
    IoErrors,
    /// Open every state that a crash may leave of recorded writes. Takes strace.
    TornWrites,
    /// Fill a real disk, then make room. Takes root.
    FullDisk,
    /// Take each safety line out of a copy of the source, and see a test fail. Slow.
    Mutation {
        /// Only the lines whose name has this in it.
        #[arg(long)]
        only: Option<String>,
    },
    /// What a child of these campaigns runs.
    #[command(hide = true)]
    Load(load::Arguments),
    /// What the campaigns kill.
    #[command(hide = true)]
    Writer(life::Life),
    /// What the soak compares its memory with.
    #[command(hide = true)]
    Held(held::Arguments),
    /// What the power cut compares the log with.
    #[command(hide = true)]
    Floor(floor::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = &arguments.options;
    if matches!(
        arguments.campaign,
        Campaign::All | Campaign::PowerCut | Campaign::FullDisk | Campaign::Probe { .. }
    ) {
        namespace::enter();
    }
    if matches!(arguments.campaign, Campaign::All | Campaign::Soak { .. }) {
        soak::with_one_arena();
    }
    let campaigns: Vec<Box<dyn FnOnce() -> Report + '_>> = match &arguments.campaign {
        Campaign::All => vec![
            Box::new(|| power_cut::run(options)),
            Box::new(|| sigkill::run(options)),
            Box::new(|| bit_rot::run(options)),
            Box::new(|| io_errors::run(options)),
            Box::new(|| torn_writes::run(options)),
            Box::new(|| full_disk::run(options)),
            Box::new(|| soak::run(options, None)),
            Box::new(|| mutation::run(options, None)),
        ],
        Campaign::BitRot => vec![Box::new(|| bit_rot::run(options))],
        Campaign::PowerCut => vec![Box::new(|| power_cut::run(options))],
        Campaign::Soak { minutes } => vec![Box::new(|| soak::run(options, *minutes))],
        Campaign::Sigkill => vec![Box::new(|| sigkill::run(options))],
        Campaign::IoErrors => vec![Box::new(|| io_errors::run(options))],
        Campaign::TornWrites => vec![Box::new(|| torn_writes::run(options))],
        Campaign::FullDisk => vec![Box::new(|| full_disk::run(options))],
        Campaign::Mutation { only } => vec![Box::new(|| mutation::run(options, only.as_deref()))],
        Campaign::Probe { campaign } => {
            return match probe::probe(*campaign) {
                Ok(()) => ExitCode::SUCCESS,
                Err(missing) => {
                    eprintln!("{missing}");
                    ExitCode::FAILURE
                }
            };
        }
        Campaign::Load(load) => return load::run(load),
        Campaign::Writer(life) => return life::main(life),
        Campaign::Held(log) => return held::main(log),
        Campaign::Floor(floor) => return floor::main(floor),
    };
    println!("{}\n", setting::Setting::find());
    let mut clean = true;
    for campaign in campaigns {
        let report = campaign();
        println!("{report}");
        clean &= report.is_clean();
    }
    if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
