//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::contestant::Peer;
use crate::work::Work;

/// Events of the quick form, and the smaller size of the full one.
const SMALL: u64 = 200_000;
const LARGE: u64 = 1_000_000;

/// Runs one workload against experience-log and its peers, by turns, and compares.
#[derive(Debug, Clone, Parser)]
#[command(name = "peers", version)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Args {
    /// About a minute: 200 thousand events, once, the peers that are fast enough for that
    #[arg(long)]
    pub quick: bool,
    /// Only these works
    #[arg(long, value_delimiter = ',', value_name = "WORK")]
    pub works: Vec<Work>,
    /// Only these peers; ours runs always
    #[arg(long, value_delimiter = ',', value_name = "PEER")]
    pub peers: Vec<Peer>,
    /// Events that are in the store: 200000 and 1000000
    #[arg(long, value_delimiter = ',', value_name = "COUNT")]
    pub events: Vec<u64>,
    /// Rounds, whose median counts: 3
    #[arg(long, value_name = "COUNT")]
    pub repeats: Option<u32>,
    /// Where the stores are put; a new directory in it is made and removed
    #[arg(long, default_value = "/tmp", value_name = "DIR")]
    pub dir: PathBuf,
    /// The seed of the workload
    #[arg(long, default_value_t = 7, value_name = "NUMBER")]
    pub seed: u64,
    /// A line of JSON for each work and peer, instead of the table
    #[arg(long)]
    pub json: bool,
    /// Also lets a store grow to so many events, and shows rate, disk and memory on the way: ours, and the
    /// peers that are named
    #[arg(long, value_name = "COUNT")]
    pub growth: Option<u64>,
    /// Nothing but the growth
    #[arg(long, requires = "growth")]
    pub growth_only: bool,
    /// Uses free memory before each part of the growth: where the host of a virtual machine has taken it back, the
    /// store would wait for it
    #[arg(long, requires = "growth")]
    pub prefault: bool,
    /// Writes the results as a page of Markdown, with machine, versions and command
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Writes the plot of the growth
    #[arg(long, value_name = "FILE", requires = "growth")]
    pub svg: Option<PathBuf>,
    /// One measurement, in a process of its own
    #[arg(long, hide = true, value_name = "JSON")]
    pub child: Option<String>,
}

impl Args {
    /// The works that are wanted.
    #[must_use]
    pub fn wants(&self, work: Work) -> bool {
        self.works.is_empty() || self.works.contains(&work)
    }

    /// The sizes that are wanted.
    #[must_use]
    pub fn sizes(&self) -> Vec<u64> {
        match (&self.events[..], self.quick) {
            _ if self.growth_only => Vec::new(),
            ([], true) => vec![SMALL],
            ([], false) => vec![SMALL, LARGE],
            (sizes, _) => sizes.to_vec(),
        }
    }

    /// The contestants that are wanted, ours first.
    #[must_use]
    pub fn contestants(&self) -> Vec<Peer> {
        use clap::ValueEnum;
        let wanted = |peer: &Peer| match (&self.peers[..], self.quick) {
            ([], true) => peer.is_quick(),
            ([], false) => true,
            (peers, _) => peers.contains(peer),
        };
        let others = Peer::value_variants()
            .iter()
            .copied()
            .filter(|peer| *peer != Peer::Ours);
        std::iter::once(Peer::Ours)
            .chain(others.filter(wanted))
            .collect()
    }

    /// The contestants that are let grow.
    #[must_use]
    pub fn growing(&self) -> Vec<Peer> {
        if self.peers.is_empty() {
            return vec![Peer::Ours];
        }
        self.contestants()
    }

    /// How often everything is measured.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.repeats
            .unwrap_or(if self.quick { 1 } else { 3 })
            .max(1)
    }
}
