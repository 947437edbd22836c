//! What ends a command early: one line on stderr, and an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use experience_log::Error;

use crate::output::escape;

/// Why a command ended before its work was done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command was given something it cannot work with.
    Usage(String),
    /// The work failed.
    Trouble(String),
    /// Whoever read the output wanted no more. Nothing is wrong.
    OutputClosed,
}

impl Failure {
    /// A failure to write the output.
    pub(crate) fn output(error: impl Into<io::Error>) -> Self {
        let error = error.into();
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Trouble(format!("cannot write the output: {error}"))
        }
    }

    /// Prints the line, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (message, code) = match self {
            Self::Usage(message) => (message, 2),
            Self::Trouble(message) => (message, 1),
            Self::OutputClosed => return ExitCode::SUCCESS,
        };
        say(message);
        ExitCode::from(code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::NoSuchLog { path } => {
                let path = path.display();
                Self::Usage(format!(
                    "{path} holds no log; check the path, or make one with `explog import FILE.jsonl {path}`"
                ))
            }
            Error::NotALog {
                path,
                expected,
                found,
            } => Self::Usage(format!(
                "{} is not a log: expected {expected}, found {found}; give the directory of a log",
                path.display()
            )),
            Error::InvalidQuery {
                field,
                value,
                reason,
            } => Self::Usage(format!(
                "{} {value:?} is refused: {reason}; write RFC 3339 with an offset, such as 2026-01-21T12:00:00Z, or a date",
                match *field {
                    "time_range.start" => "--since",
                    "time_range.end" => "--until",
                    other => other,
                }
            )),
            Error::Damaged(_) => Self::Trouble(format!(
                "{error}; bring the file back from a copy, if there is one"
            )),
            _ => Self::Trouble(error.to_string()),
        }
    }
}

/// Prints a line of the command's own on stderr.
pub(crate) fn say(message: impl Display) {
    warn(format_args!("explog: {message}"));
}

/// Prints a line on stderr. Where stderr is closed, there is nobody left to tell.
pub(crate) fn warn(message: impl Display) {
    let _ = writeln!(io::stderr(), "{}", escape::line(&message.to_string()));
}
