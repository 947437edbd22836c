//! `explog stats`: what a log holds and takes, in numbers.

use std::io::Write;

use experience_log::LogReader;
use experience_log::inspect::{self, Statistics};
use indicatif::{BinaryBytes, HumanCount};

use crate::Verdict;
use crate::args::{Manners, Stats, ViewFormat};
use crate::failure::Failure;
use crate::output::figures::{NOTHING, bar, or_nothing};
use crate::output::progress::Progress;
use crate::output::screen::Screen;
use crate::output::style::Tint;
use crate::output::table::{Cell, Column, Table};
use crate::output::{escape, json};

/// The most rows of a table of counts.
const MAX_ROWS: usize = 40;
/// Columns of the longest bar.
const BAR: usize = 20;

pub(crate) fn run(arguments: &Stats, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let mut progress = Progress::over_events_if_slow();
    let stats = inspect::statistics(&log, &mut |done, total| progress.reach_of(done, total))?;
    drop(progress);
    let mut screen = Screen::paged(manners);
    let for_terminal = screen.on_terminal;
    match arguments.format {
        ViewFormat::Json | ViewFormat::Jsonl => json::lines(&mut screen, [&stats], for_terminal)?,
        ViewFormat::Table => print(&stats, &mut screen)?,
    }
    screen.finish()?;
    Ok(Verdict::Fine)
}

fn print(stats: &Statistics, screen: &mut Screen) -> Result<(), Failure> {
    let columns = screen.columns.unwrap_or(usize::MAX).max(20);
    for (name, fact) in facts(stats, screen) {
        let fact = escape::fit(&fact, columns - 9);
        screen.line(&[(Tint::Faint, &format!("{name:<9}")), (Tint::Plain, &fact)])?;
    }
    let mut kinds: Vec<_> = stats
        .kinds
        .iter()
        .map(|(kind, n)| (kind.clone(), *n))
        .collect();
    kinds.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    counts("kind", &kinds, "kinds", screen)?;
    let mut tenants: Vec<_> = stats
        .tenants
        .iter()
        .map(|count| {
            let name = or_nothing(count.tenant_id.clone(), |tenant| tenant);
            (name, count.events)
        })
        .collect();
    tenants.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    counts("tenant", &tenants, "tenants", screen)?;
    // The latest days are those that people look for.
    let days: Vec<_> = stats
        .days
        .iter()
        .rev()
        .map(|(day, n)| (day.clone(), *n))
        .collect();
    counts("day (UTC)", &days, "earlier days", screen)
}

fn facts(stats: &Statistics, screen: &Screen) -> Vec<(&'static str, String)> {
    let zone = screen.zone.name();
    let time = |text: Option<&String>| {
        let text = text.map(|text| format!("{} {zone}", screen.zone.stamp(text, false)));
        or_nothing(text, |text| text)
    };
    let average = |bytes: f64| format!("{bytes:.1} bytes");
    let memory = match (stats.in_memory, stats.blocks) {
        (Some(events), Some(blocks)) => {
            format!(
                "{} events, {} blocks in the trees",
                HumanCount(events),
                HumanCount(blocks)
            )
        }
        _ => "known to the writing process only".to_owned(),
    };
    vec![
        ("log", stats.log_id.clone()),
        ("created", time(Some(&stats.created_at))),
        ("events", HumanCount(stats.events).to_string()),
        ("runs", HumanCount(stats.runs).to_string()),
        ("oldest", time(stats.oldest.as_ref())),
        ("newest", time(stats.newest.as_ref())),
        ("recorded", time(stats.last_recorded_at.as_ref())),
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
        ("memtable", memory),
        (
            "an event",
            format!(
                "{} as stored on average, {} at most; {} on disk",
                average(stats.bytes_per_event),
                HumanCount(stats.largest_event),
                average(stats.disk_bytes_per_event)
            ),
        ),
    ]
}

/// A table of counts with bars. What is beyond its rows is counted.
fn counts(
    name: &'static str,
    counts: &[(String, u64)],
    others: &str,
    screen: &mut Screen,
) -> Result<(), Failure> {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(screen).map_err(Failure::output)?;
    let columns = vec![
        Column::number("events"),
        Column::text(name, 8),
        Column::text("", 4),
    ];
    let mut table = Table::new(columns, screen.columns).styled(screen.styled);
    let most = counts.iter().map(|(_, events)| *events).max().unwrap_or(0);
    for (name, events) in counts.iter().take(MAX_ROWS) {
        let name = if name.is_empty() { NOTHING } else { name };
        let cells: Vec<Cell> = vec![
            HumanCount(*events).to_string().into(),
            name.to_owned().into(),
            Cell::new(bar(*events, most, BAR), Tint::Name),
        ];
        table.row(screen, cells).map_err(Failure::output)?;
    }
    table.finish(screen).map_err(Failure::output)?;
    let rest = counts.get(MAX_ROWS..).unwrap_or_default();
    if !rest.is_empty() {
        let events: u64 = rest.iter().map(|(_, events)| events).sum();
        let (number, events) = (HumanCount(rest.len() as u64), HumanCount(events));
        let line = format!("… {number} {others} more, with {events} events; --format json has all");
        screen.line(&[(Tint::Faint, &line)])?;
    }
    Ok(())
}
