//! `explog stats`: what a log holds, in numbers.

use std::collections::BTreeMap;
use std::io::{self, Write};

use experience_log::LogReader;
use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;

use crate::Verdict;
use crate::args::{Stats, StatsFormat};
use crate::failure::Failure;
use crate::output::table::{Column, Table};
use crate::output::{escape, json, terminal};

pub(crate) fn run(arguments: &Stats) -> Result<Verdict, Failure> {
    let stats = LogReader::open(&arguments.log)?.stats()?;
    let mut output = io::BufWriter::new(io::stdout().lock());
    match arguments.format {
        StatsFormat::Json => {
            json::write(&mut output, &Shown::from(&stats), terminal::shows_output())?;
            writeln!(output).map_err(Failure::output)?;
        }
        StatsFormat::Table => table(&stats, &mut output).map_err(Failure::output)?,
    }
    output.flush().map_err(Failure::output)?;
    Ok(Verdict::Fine)
}

/// The statistics as JSON: the names are what scripts rely on.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    log_id: &'a str,
    created_at: &'a str,
    events: u64,
    oldest: Option<&'a str>,
    newest: Option<&'a str>,
    segments: u64,
    sealed_segments: u64,
    journal_bytes: u64,
    tree_bytes: u64,
    kinds: &'a BTreeMap<String, u64>,
    tenants: Vec<Tenant<'a>>,
}

#[derive(Debug, Serialize)]
struct Tenant<'a> {
    tenant_id: Option<&'a str>,
    events: u64,
}

impl<'a> From<&'a experience_log::Stats> for Shown<'a> {
    fn from(stats: &'a experience_log::Stats) -> Self {
        let tenants = stats.tenants.iter().map(|(tenant, events)| Tenant {
            tenant_id: tenant.as_deref(),
            events: *events,
        });
        Self {
            log_id: &stats.log_id,
            created_at: &stats.created_at,
            events: stats.events,
            oldest: stats.oldest.as_deref(),
            newest: stats.newest.as_deref(),
            segments: stats.segments,
            sealed_segments: stats.sealed_segments,
            journal_bytes: stats.journal_bytes,
            tree_bytes: stats.tree_bytes,
            kinds: &stats.kinds,
            tenants: tenants.collect(),
        }
    }
}

fn table(stats: &experience_log::Stats, output: &mut impl Write) -> io::Result<()> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let facts = [
        ("log", stats.log_id.clone()),
        ("created", stats.created_at.clone()),
        ("events", HumanCount(stats.events).to_string()),
        ("oldest", or_none(&stats.oldest)),
        ("newest", or_none(&stats.newest)),
        (
            "journal",
            format!(
                "{} in {} segment{}, {} sealed",
                BinaryBytes(stats.journal_bytes),
                stats.segments,
                if stats.segments == 1 { "" } else { "s" },
                stats.sealed_segments
            ),
        ),
        ("trees", BinaryBytes(stats.tree_bytes).to_string()),
    ];
    for (name, fact) in facts {
        writeln!(output, "{name:<9}{}", escape::line(&fact))?;
    }
    let kinds = stats
        .kinds
        .iter()
        .map(|(kind, events)| (kind.clone(), *events));
    counts("kind", kinds.collect(), output)?;
    let tenants = stats
        .tenants
        .iter()
        .map(|(tenant, events)| (or_none(tenant), *events));
    counts("tenant", tenants.collect(), output)
}

/// A table of counts, the largest first.
fn counts(
    name: &'static str,
    mut counts: Vec<(String, u64)>,
    output: &mut impl Write,
) -> io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(output)?;
    counts.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    let columns = vec![Column::number("events"), Column::text(name, 8)];
    let mut table = Table::new(columns, terminal::columns());
    for (name, events) in counts {
        table.row(output, vec![HumanCount(events).to_string(), name])?;
    }
    table.finish(output)
}
