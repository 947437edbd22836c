//! A progress bar on stderr, if stderr is a terminal.

use std::fmt::Display;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal;
use crate::failure::warn;

/// How far the work has come.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When a bar that is still hidden is to show.
    shows_from: Option<Instant>,
}

/// How long work may take before it shows a bar.
const PATIENCE: Duration = Duration::from_millis(400);

impl Progress {
    /// A bar over `total` bytes; without a total, how many there were.
    pub(crate) fn over_bytes(total: Option<u64>) -> Self {
        match total {
            Some(total) => Self::new(
                ProgressBar::with_draw_target(Some(total), target()),
                "{wide_bar} {bytes} of {total_bytes}, {eta} left",
            ),
            None => Self::new(
                ProgressBar::with_draw_target(None, target()),
                "{spinner} {bytes} read",
            ),
        }
    }

    /// The same for work that is mostly over at once: the bar shows only if it is not.
    pub(crate) fn over_events_if_slow() -> Self {
        let mut progress = Self::over_events();
        progress.bar.set_draw_target(ProgressDrawTarget::hidden());
        progress.shows_from = Some(Instant::now() + PATIENCE);
        progress
    }

    /// A bar over events, how many is told later.
    pub(crate) fn over_events() -> Self {
        Self::new(
            ProgressBar::with_draw_target(Some(0), target()),
            "{wide_bar} {human_pos} of {human_len} events, {eta} left",
        )
    }

    fn new(bar: ProgressBar, template: &str) -> Self {
        // A template that cannot be read leaves the plain bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            shows_from: None,
        }
    }

    /// The work has come to `done`.
    pub(crate) fn reach(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// The work has come to `done` of `total`.
    pub(crate) fn reach_of(&mut self, done: u64, total: u64) {
        if self.shows_from.is_some_and(|time| time <= Instant::now()) {
            self.shows_from = None;
            self.bar.set_draw_target(target());
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Prints a line on stderr, above the bar.
    pub(crate) fn warn(&self, message: impl Display) {
        self.bar.suspend(|| warn(message));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// However the work ends, no bar stays behind.
impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn target() -> ProgressDrawTarget {
    if terminal::shows_messages() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}
