//! Where a command prints: the standard output, or a pager before it.

use std::io::{self, BufWriter, Write};
use std::process::{Child, Command, Stdio};

use super::style::Tint;
use super::terminal;
use super::when::Zone;
use crate::args::{ColorWhen, Manners};
use crate::failure::Failure;

/// What is printed on, and how.
#[derive(Debug)]
pub(crate) struct Screen {
    output: Output,
    /// Whether a person reads it on a terminal.
    pub(crate) on_terminal: bool,
    /// How many columns it has, where that is known.
    pub(crate) columns: Option<usize>,
    /// Whether it is coloured.
    pub(crate) styled: bool,
    /// The zone of times.
    pub(crate) zone: Zone,
}

#[derive(Debug)]
enum Output {
    Plain(BufWriter<io::StdoutLock<'static>>),
    Pager(BufWriter<std::process::ChildStdin>, Child),
}

impl Screen {
    /// The standard output.
    pub(crate) fn plain(manners: &Manners) -> Self {
        let on_terminal = terminal::shows_output();
        let styled = match manners.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => on_terminal && !terminal::wants_no_color(),
        };
        Self {
            output: Output::Plain(BufWriter::with_capacity(1 << 16, io::stdout().lock())),
            on_terminal,
            columns: terminal::columns(),
            styled,
            zone: if manners.local {
                Zone::local()
            } else {
                Zone::utc()
            },
        }
    }

    /// A pager, where a person reads on a terminal and wants one; the standard output elsewhere.
    pub(crate) fn paged(manners: &Manners) -> Self {
        let mut screen = Self::plain(manners);
        if screen.on_terminal
            && !manners.no_pager
            && let Some((input, child)) = start_pager()
        {
            screen.output = Output::Pager(BufWriter::new(input), child);
        }
        screen
    }

    /// Prints one line of parts, each in its tint. The parts must be escaped.
    pub(crate) fn line(&mut self, parts: &[(Tint, &str)]) -> Result<(), Failure> {
        let styled = self.styled;
        let line: String = parts
            .iter()
            .map(|(tint, text)| tint.paint(text, styled))
            .collect();
        writeln!(self, "{line}").map_err(Failure::output)
    }

    /// Ends the output, and waits for a pager to be left.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.flush();
        if let Output::Pager(input, mut child) = self.output {
            // The pager ends when its input does.
            drop(input);
            let _ = child.wait();
        }
        flushed.map_err(Failure::output)
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.output {
            Output::Plain(output) => output.write(bytes),
            Output::Pager(input, _) => input.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Plain(output) => output.flush(),
            Output::Pager(input, _) => input.flush(),
        }
    }
}

/// Starts what `EXPLOG_PAGER` or `PAGER` names, or `less`. An empty name or `cat` means none.
fn start_pager() -> Option<(std::process::ChildStdin, Child)> {
    if std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb") {
        return None;
    }
    let named = ["EXPLOG_PAGER", "PAGER"]
        .into_iter()
        .find_map(std::env::var_os);
    let mut command = match named {
        Some(name) if name.is_empty() || name == "cat" => return None,
        Some(name) if cfg!(unix) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(name);
            shell
        }
        Some(name) => Command::new(name),
        None => Command::new("less"),
    };
    if std::env::var_os("LESS").is_none() {
        // Leave at once what fits on the screen, keep colours, leave the text on the screen.
        command.env("LESS", "FRX");
    }
    let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
    let input = child.stdin.take()?;
    // Ctrl-C is the pager's affair while it runs: it must not lose the terminal to the shell.
    let _ = ctrlc::set_handler(|| {});
    Some((input, child))
}
