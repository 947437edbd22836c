//! The command `explog`: arguments in, text out. Everything it shows comes from the library.

mod args;
mod detail;
mod dump;
mod failure;
mod foreign;
mod import;
mod lines;
mod output;
mod rebuild;
mod stats;
mod verify;

use std::panic;
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
    hush_the_trees();
    match run(&Arguments::parse().command) {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Found) => ExitCode::from(1),
        Err(failure) => failure.report(),
    }
}

/// The library catches the panics of its tree engine, over damaged trees, and says in its own words what is
/// wrong. What the engine would print besides is of no use here.
fn hush_the_trees() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        let of_the_trees = panicked
            .location()
            .is_some_and(|place| place.file().contains("/sled-"));
        if !of_the_trees {
            usual(panicked);
        }
    }));
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
