//! The command `explog`: arguments in, text out. Everything it shows comes from the library.

mod args;
mod artifacts;
mod dump;
mod event;
mod explain;
mod export;
mod failure;
mod follow;
mod import;
mod line;
mod lines;
mod manual;
mod output;
mod rebuild;
mod runs;
mod show;
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
    /// Ctrl-C ended what goes on until it does.
    Interrupted,
}

fn main() -> ExitCode {
    hush_the_trees();
    match run(&Arguments::parse()) {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Found) => ExitCode::from(1),
        Ok(Verdict::Interrupted) => ExitCode::from(130),
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

fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let manners = &arguments.manners;
    match &arguments.command {
        Command::Import(arguments) => import::run(arguments),
        Command::Dump(arguments) => dump::run(arguments, manners),
        Command::Runs(arguments) => runs::run(arguments, manners),
        Command::Show(arguments) => show::run(arguments, manners),
        Command::Event(arguments) => event::run(arguments, manners),
        Command::Follow(arguments) => follow::follow(arguments, manners),
        Command::Tail(arguments) => follow::tail(arguments, manners),
        Command::Artifacts(arguments) => artifacts::run(arguments, manners),
        Command::Explain(arguments) => explain::run(arguments, manners),
        Command::Export(arguments) => export::run(arguments),
        Command::Stats(arguments) => stats::run(arguments, manners),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Rebuild(arguments) => rebuild::run(arguments),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man { command } => manual::page(command.as_deref()),
    }
}
