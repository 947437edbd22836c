//! One self-contained page of whole runs: a list that can be searched and sorted, and each run's timeline as a
//! picture. It needs no network, and allows itself none.

mod data;
mod page;

use std::collections::HashMap;

use experience_log::inspect::{self, Outcome, Pass, RunQuery, RunSummary, Timeline};
use experience_log::{LogEntry, LogReader};

use super::{Target, tell};
use crate::Verdict;
use crate::args::Export;
use crate::failure::{Failure, say};
use crate::output::figures::plural;
use crate::output::progress::Progress;

/// The most events of a page, unless something else is asked for: some 30 MB.
const MAX_EVENTS: usize = 50_000;

pub(super) fn export(
    log: &LogReader,
    arguments: &Export,
    target: Target<'_>,
) -> Result<Verdict, Failure> {
    if arguments.wanted.narrows_runs() {
        return Err(Failure::Usage(
            "html is of whole runs: take them by --tenant, --correlation, --since, --until or --failed".to_owned(),
        ));
    }
    let (chosen, left_out) = choose(log, arguments)?;
    let runs = timelines(log, &chosen)?;
    let events = runs.iter().map(|run| run.events.len() as u64).sum();
    let name = arguments
        .log
        .file_name()
        .unwrap_or(arguments.log.as_os_str());
    let mut sink = target.open()?;
    page::write(&mut sink, &name.to_string_lossy(), &runs, left_out).map_err(Failure::output)?;
    sink.finish()?;
    tell(events, arguments);
    if left_out > 0 {
        say(format_args!(
            "{} left out, the earliest ones, to keep the page usable; --limit N takes more events",
            plural(left_out, "run")
        ));
    }
    Ok(Verdict::Fine)
}

/// The latest runs that fit on the page, and how many do not.
fn choose(log: &LogReader, arguments: &Export) -> Result<(Vec<RunSummary>, u64), Failure> {
    let query = RunQuery {
        outcome: arguments.failed.then_some(Outcome::Failed),
        ..arguments.wanted.runs()
    };
    let mut progress = Progress::over_events_if_slow();
    let found = inspect::runs(log, &query, &mut |done, total| {
        progress.reach_of(done, total);
    })?;
    let mut room = arguments.limit.unwrap_or(MAX_EVENTS) as u64;
    let all = found.runs.len();
    let fits = |run: &RunSummary| {
        let fits = run.events <= room;
        room = room.saturating_sub(run.events);
        fits
    };
    let chosen: Vec<_> = found.runs.into_iter().take_while(fits).collect();
    let left_out = (all - chosen.len()) as u64;
    Ok((chosen, left_out))
}

/// The timelines of these runs, in their order.
fn timelines(log: &LogReader, chosen: &[RunSummary]) -> Result<Vec<Timeline>, Failure> {
    let places = Places::of(chosen);
    let mut runs: Vec<Vec<LogEntry>> = vec![Vec::new(); chosen.len()];
    let mut progress = Progress::over_events_if_slow();
    let pass = Pass::new(log)?;
    let total = pass.events();
    for entry in pass {
        let entry = entry?;
        progress.reach_of(entry.sequence() + 1, total);
        let place = places.get(entry.tenant_id(), entry.correlation_id());
        if let Some(run) = place.and_then(|place| runs.get_mut(place)) {
            run.push(entry);
        }
    }
    let timelines = runs.into_iter().filter_map(|mut run| {
        run.sort_by_key(|entry| (entry.instant_nanoseconds(), entry.sequence()));
        Timeline::new(&run)
    });
    Ok(timelines.collect())
}

/// Where each run stands among the chosen ones.
#[derive(Default)]
struct Places<'a> {
    untagged: HashMap<&'a str, usize>,
    tagged: HashMap<&'a str, HashMap<&'a str, usize>>,
}

impl<'a> Places<'a> {
    fn of(chosen: &'a [RunSummary]) -> Self {
        let mut places = Self::default();
        for (place, run) in chosen.iter().enumerate() {
            let runs = match run.tenant_id.as_deref() {
                Some(tenant) => places.tagged.entry(tenant).or_default(),
                None => &mut places.untagged,
            };
            runs.insert(&run.correlation_id, place);
        }
        places
    }

    fn get(&self, tenant: Option<&str>, correlation: Option<&str>) -> Option<usize> {
        let runs = match tenant {
            Some(tenant) => self.tagged.get(tenant)?,
            None => &self.untagged,
        };
        runs.get(correlation?).copied()
    }
}
