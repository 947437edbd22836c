//! `cargo run --release -p peers -- --help`

use anyhow::Result;
use clap::Parser;
use peers::args::Args;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    peers::run::run(&Args::parse())
}
