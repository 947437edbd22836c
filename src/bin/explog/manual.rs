//! `explog completions` and `explog man`: made from what clap knows of the arguments.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Verdict;
use crate::args::Arguments;
use crate::failure::Failure;

pub(crate) fn completions(shell: Shell) -> Result<Verdict, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "explog", &mut text);
    print(&text)
}

pub(crate) fn page(command: Option<&str>) -> Result<Verdict, Failure> {
    let mut whole = Arguments::command();
    whole.build();
    let described = match command {
        None => whole,
        Some(name) => {
            let found = whole.find_subcommand(name);
            found.cloned().ok_or_else(|| {
                Failure::Usage(format!(
                    "there is no command {name:?}; `explog --help` lists them"
                ))
            })?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(described)
        .render(&mut text)
        .map_err(Failure::output)?;
    print(&text)
}

fn print(text: &[u8]) -> Result<Verdict, Failure> {
    let mut output = io::stdout().lock();
    output
        .write_all(text)
        .and_then(|()| output.flush())
        .map_err(Failure::output)?;
    Ok(Verdict::Fine)
}
