//! Which events: the options that several commands share.

use clap::Args;
use experience_log::experience_store::ParseEventKindError;
use experience_log::inspect::RunQuery;
use experience_log::{EntryQuery, ExperienceEventKind, ScanOptions, TimeRange};

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Only events of this tenant
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
    /// Only events of this kind, such as fact-promoted, or another contract's
    /// kind by its exact name, in capitals as it is there; several with commas, or by
    /// repeating the option
    #[arg(long = "kind", value_name = "K", value_delimiter = ',', value_parser = kind_name)]
    kinds: Vec<String>,
    /// Only events that carry this chain
    #[arg(long, value_name = "C")]
    chain: Option<String>,
    /// Only events of this correlation id
    #[arg(long, value_name = "R")]
    correlation: Option<String>,
    /// Only events from this time on: RFC 3339 with an offset, a date, which begins in UTC, or a
    /// logical time such as lamport:7, which lies before all others
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events up to this time, itself included; a date ends in UTC
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Wanted {
    /// The query that asks for these events.
    pub(crate) fn query(&self) -> EntryQuery {
        EntryQuery {
            tenant_id: self.tenant.clone(),
            kinds: self.kinds.clone(),
            correlation_id: self.correlation.clone(),
            chain_id: self.chain.clone(),
            time_range: time_range(self.since.as_deref(), self.until.as_deref()),
            ..EntryQuery::default()
        }
    }
}

impl Wanted {
    /// The runs that it asks for: by tenant, correlation id and time.
    pub(crate) fn runs(&self) -> RunQuery {
        RunQuery {
            tenant_id: self.tenant.clone(),
            correlation_id: self.correlation.clone(),
            time_range: time_range(self.since.as_deref(), self.until.as_deref()),
            ..RunQuery::default()
        }
    }

    /// Whether it asks for some events of a run only.
    pub(crate) fn narrows_runs(&self) -> bool {
        !self.kinds.is_empty() || self.chain.is_some()
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
    pub(crate) fn query(&self) -> EntryQuery {
        EntryQuery {
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

/// The name of a kind: one of the log's own in any spelling, or another contract's, which starts with a capital.
fn kind_name(text: &str) -> Result<String, ParseEventKindError> {
    match text.parse::<ExperienceEventKind>() {
        Ok(kind) => Ok(kind.as_str().to_owned()),
        Err(_) if text.starts_with(|first: char| first.is_ascii_uppercase()) => Ok(text.to_owned()),
        Err(error) => Err(error),
    }
}

/// Gives a bare date its time; anything else is for the library to judge.
fn time_or_date(text: &str, time: &str) -> String {
    let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    format!("{text}{}", if is_date { time } else { "" })
}
