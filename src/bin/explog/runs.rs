//! `explog runs`: a line per run.

use std::io::Write;

use experience_log::LogReader;
use experience_log::inspect::{self, Outcome, RunQuery, RunSummary, Totals};
use indicatif::HumanCount;

use crate::Verdict;
use crate::args::{Manners, Runs, ViewFormat, time_range};
use crate::failure::Failure;
use crate::output::figures::{dollars, or_nothing, plural};
use crate::output::progress::Progress;
use crate::output::screen::Screen;
use crate::output::style::Tint;
use crate::output::table::{Cell, Column, Table};
use crate::output::{json, when};

/// From this many columns on, there is room for the start and the number of events.
const MEDIUM: usize = 80;
/// From this many columns on, there is room for everything.
const WIDE: usize = 120;

pub(crate) fn run(arguments: &Runs, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let wanted = &arguments.wanted;
    let query = RunQuery {
        tenant_id: wanted.tenant.clone(),
        time_range: time_range(wanted.since.as_deref(), wanted.until.as_deref()),
        outcome: wanted.failed.then_some(Outcome::Failed),
        order: arguments.sort.into(),
        reverse: arguments.reverse,
        limit: arguments.limit,
        ..RunQuery::default()
    };
    let mut progress = Progress::over_events_if_slow();
    let found = inspect::runs(&log, &query, &mut |done, total| {
        progress.reach_of(done, total);
    })?;
    drop(progress);
    let mut screen = Screen::paged(manners);
    let for_terminal = screen.on_terminal;
    match arguments.format.unwrap_or(ViewFormat::for_screen(&screen)) {
        ViewFormat::Jsonl => json::lines(&mut screen, &found.runs, for_terminal)?,
        ViewFormat::Json => json::lines(&mut screen, [&found], for_terminal)?,
        ViewFormat::Table => {
            table(&found.runs, &mut screen)?;
            totals(&found.totals, found.runs.len(), &mut screen)?;
        }
    }
    screen.finish()?;
    Ok(Verdict::Fine)
}

/// The tint of an outcome.
pub(crate) fn tint(outcome: Outcome) -> Tint {
    match outcome {
        Outcome::Passed => Tint::Good,
        Outcome::Failed => Tint::Bad,
        Outcome::Open => Tint::Faint,
    }
}

fn table(runs: &[RunSummary], screen: &mut Screen) -> Result<(), Failure> {
    let total = screen.columns.unwrap_or(usize::MAX);
    let (medium, wide) = (total >= MEDIUM, total >= WIDE);
    let start = match screen.zone.name() {
        "UTC" => "start (UTC)",
        _ => "start (local)",
    };
    let mut columns = Vec::new();
    if medium {
        columns.push(Column::text(start, 16));
    }
    if wide {
        columns.push(Column::text("tenant", 10));
    }
    columns.extend([
        Column::text("run", 12),
        Column::text("outcome", 7),
        Column::number("duration"),
    ]);
    if medium {
        columns.push(Column::number("events"));
    }
    if wide {
        columns.push(Column::number("proposals"));
    }
    columns.push(Column::number("refused"));
    if wide {
        columns.push(Column::number("tokens"));
    }
    columns.push(Column::number("cost"));
    if wide {
        columns.push(Column::text("backends", 10));
    }
    let mut table = Table::new(columns, screen.columns).styled(screen.styled);
    for run in runs {
        let cells = cells(run, screen, medium, wide);
        table.row(screen, cells).map_err(Failure::output)?;
    }
    table.finish(screen).map_err(Failure::output)
}

fn cells(run: &RunSummary, screen: &Screen, medium: bool, wide: bool) -> Vec<Cell> {
    let count = |count: u64| HumanCount(count).to_string();
    let mut cells: Vec<Cell> = Vec::new();
    if medium {
        cells.push(screen.zone.minute(&run.started_at).into());
    }
    if wide {
        cells.push(or_nothing(run.tenant_id.clone(), |tenant| tenant).into());
    }
    cells.push(run.correlation_id.clone().into());
    cells.push(Cell::new(run.outcome.as_str(), tint(run.outcome)));
    cells.push(when::duration(run.duration_us).into());
    if medium {
        cells.push(count(run.events).into());
    }
    if wide {
        cells.push(count(run.proposals).into());
    }
    let refused = run.failed_validations;
    let refused_tint = if refused > 0 { Tint::Bad } else { Tint::Plain };
    cells.push(Cell::new(count(refused), refused_tint));
    if wide {
        cells.push(or_nothing(run.tokens, count).into());
    }
    cells.push(or_nothing(run.cost_microdollars, dollars).into());
    if wide {
        cells.push(run.backends.join(", ").into());
    }
    cells
}

fn totals(totals: &Totals, shown: usize, screen: &mut Screen) -> Result<(), Failure> {
    let Totals {
        runs,
        failed,
        events,
        proposals,
        failed_validations,
        tokens,
        cost_microdollars,
        ..
    } = *totals;
    let mut parts = vec![
        format!("{}, {} failed", plural(runs, "run"), HumanCount(failed)),
        plural(events, "event"),
        format!(
            "{}, {} refused",
            plural(proposals, "proposal"),
            HumanCount(failed_validations)
        ),
        plural(tokens, "token"),
        dollars(cost_microdollars),
    ];
    if (shown as u64) < runs {
        parts.insert(0, format!("{} shown of", HumanCount(shown as u64)));
        let first = parts.remove(0);
        if let Some(next) = parts.first_mut() {
            *next = format!("{first} {next}");
        }
    }
    writeln!(screen).map_err(Failure::output)?;
    // As many parts in a line as fit.
    let columns = screen.columns.unwrap_or(usize::MAX);
    let mut line = String::new();
    for part in parts {
        if !line.is_empty() && line.len() + part.len() + 3 > columns {
            screen.line(&[(Tint::Strong, &line)])?;
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(" · ");
        }
        line.push_str(&part);
    }
    screen.line(&[(Tint::Strong, &line)])
}

impl ViewFormat {
    /// What is printed unless something else is asked for: a table on a terminal, JSON lines elsewhere.
    pub(crate) fn for_screen(screen: &Screen) -> Self {
        if screen.on_terminal {
            Self::Table
        } else {
            Self::Jsonl
        }
    }
}
