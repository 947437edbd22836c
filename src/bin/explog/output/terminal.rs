//! What the standard streams are connected to.

use std::io::{self, IsTerminal};

use terminal_size::{Width, terminal_size_of};

/// Whether a person reads the output on a terminal.
pub(crate) fn shows_output() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person reads messages on a terminal.
pub(crate) fn shows_messages() -> bool {
    io::stderr().is_terminal()
}

/// Whether the reader asked for no colours, or has a terminal without them.
pub(crate) fn wants_no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
}

/// How many columns the output has: those of the terminal, or elsewhere what `COLUMNS` says, if it does.
pub(crate) fn columns() -> Option<usize> {
    if shows_output()
        && let Some((Width(columns), _)) = terminal_size_of(io::stdout())
    {
        return Some(usize::from(columns));
    }
    std::env::var("COLUMNS").ok()?.parse().ok()
}
