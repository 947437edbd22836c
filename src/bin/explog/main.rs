//! The command `explog`: arguments in, text out. Everything it shows comes from the library.

mod args;
mod detail;
mod dump;
mod failure;
mod import;
mod lines;
mod output;
mod rebuild;
mod stats;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use failure::Failure;

/// What a command that ran to its end has to tell the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// All is well.
    Fine,
    /// Damage or refused input was found, and reported.
    Found,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Found) => ExitCode::from(1),
        Err(failure) => failure.report(),
    }
}

fn run(command: &Command) -> Result<Verdict, Failure> {
    match command {
        Command::Import(arguments) => import::run(arguments),
        Command::Dump(arguments) => dump::run(arguments),
        Command::Stats(arguments) => stats::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Rebuild(arguments) => rebuild::run(arguments),
    }
}
