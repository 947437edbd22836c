//! Which events: the options that several commands share.

use clap::Args;
use experience_log::{EventQuery, ExperienceEventKind, ScanOptions, TimeRange};

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Only events of this tenant
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
    /// Only events of this kind, such as fact-promoted; several with commas, or
    /// by repeating the option
    #[arg(long = "kind", value_name = "K", value_delimiter = ',')]
    kinds: Vec<ExperienceEventKind>,
    /// Only events that carry this chain
    #[arg(long, value_name = "C")]
    chain: Option<String>,
    /// Only events of this correlation id
    #[arg(long, value_name = "R")]
    correlation: Option<String>,
    /// Only events from this time on: RFC 3339 with an offset, or a date, which begins in UTC
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events up to this time, itself included; a date ends in UTC
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Wanted {
    /// The query that asks for these events.
    pub(crate) fn query(&self) -> EventQuery {
        EventQuery {
            tenant_id: self.tenant.clone(),
            kinds: self.kinds.clone(),
            correlation_id: self.correlation.clone(),
            chain_id: self.chain.clone(),
            time_range: time_range(self.since.as_deref(), self.until.as_deref()),
            ..EventQuery::new()
        }
    }
}

/// Which events, in which order, and how many.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    #[command(flatten)]
    wanted: Wanted,
    /// At most this many events
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The newest first, instead of the oldest
    #[arg(long)]
    newest: bool,
}

impl Filter {
    /// The query that asks for these events.
    pub(crate) fn query(&self) -> EventQuery {
        EventQuery {
            limit: self.limit,
            ..self.wanted.query()
        }
    }

    /// The order in which they come.
    pub(crate) fn order(&self) -> ScanOptions {
        if self.newest {
            ScanOptions::newest_first()
        } else {
            ScanOptions::oldest_first()
        }
    }
}

/// The range between two times as given on the command line; `None` without both.
pub(crate) fn time_range(since: Option<&str>, until: Option<&str>) -> Option<TimeRange> {
    if since.is_none() && until.is_none() {
        return None;
    }
    let mut range = TimeRange::unbounded();
    if let Some(since) = since {
        range = range.since(time_or_date(since, "T00:00:00Z"));
    }
    if let Some(until) = until {
        range = range.until(time_or_date(until, "T23:59:59.999999999Z"));
    }
    Some(range)
}

/// Gives a bare date its time; anything else is for the library to judge.
fn time_or_date(text: &str, time: &str) -> String {
    let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    format!("{text}{}", if is_date { time } else { "" })
}
