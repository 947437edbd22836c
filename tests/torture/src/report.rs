//! What a campaign counted, and what it found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The figures of one campaign.
#[derive(Debug, Default)]
pub struct Report {
    /// The campaign's name.
    pub name: &'static str,
    /// The seed it ran with.
    pub seed: u64,
    /// Trials made.
    pub trials: u64,
    /// Named counts, in the order of their names.
    pub counts: BTreeMap<String, u64>,
    /// Times of recovery, if the campaign takes them.
    pub recoveries: Vec<Duration>,
    /// Lines to print as they are.
    pub table: Vec<String>,
    /// What must not be: each makes the campaign fail.
    pub violations: Vec<String>,
    /// How long the campaign took.
    pub took: Duration,
}

impl Report {
    /// An empty report.
    pub fn new(name: &'static str, seed: u64) -> Self {
        Self {
            name,
            seed,
            ..Self::default()
        }
    }

    /// Adds to a count.
    pub fn count(&mut self, name: &str, more: u64) {
        *self.counts.entry(name.to_owned()).or_default() += more;
    }

    /// Notes what must not be.
    pub fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// Whether nothing was found that must not be.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// The time below which this part of the recoveries lies.
    pub fn recovery_percentile(&self, part: f64) -> Option<Duration> {
        let mut sorted = self.recoveries.clone();
        sorted.sort();
        let last = sorted.len().checked_sub(1)?;
        sorted.get((last as f64 * part).round() as usize).copied()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        writeln!(
            f,
            "{}: {} trials in {took:.1} s, seed {}",
            self.name, self.trials, self.seed
        )?;
        for (name, count) in &self.counts {
            writeln!(f, "  {count:>10}  {name}")?;
        }
        if let (Some(half), Some(most)) = (
            self.recovery_percentile(0.5),
            self.recovery_percentile(0.99),
        ) {
            writeln!(f, "  recovery p50 {half:.1?}, p99 {most:.1?}")?;
        }
        for line in &self.table {
            writeln!(f, "  {line}")?;
        }
        for violation in self.violations.iter().take(20) {
            writeln!(f, "  VIOLATION {violation}")?;
        }
        if self.violations.is_empty() && self.trials > 0 {
            // The rule of three: the 95 % bound on a rate of which no case was seen.
            writeln!(
                f,
                "  no violation: the rate is below {:.3} % at 95 %",
                300.0 / self.trials as f64
            )?;
        }
        Ok(())
    }
}
