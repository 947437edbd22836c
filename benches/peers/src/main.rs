//! `cargo run --release -p peers -- --help`

use anyhow::Result;
use clap::Parser;
use peers::args::Args;

fn main() -> Result<()> {
    peers::run::run(&Args::parse())
}
