//! How far a campaign has got: on the standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for so many trials.
pub fn bar(name: &'static str, trials: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>12} [{bar:40}] {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(trials)
        .with_style(style)
        .with_message(name)
}
