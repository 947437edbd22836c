//! `explog show`: a run, step by step.

use std::io::Write;

use experience_log::inspect::{self, Problem, ProblemKind, Timeline, TimelineEvent};
use experience_log::{DecisionStep, ExperienceEvent, LogReader};

use crate::Verdict;
use crate::args::{Manners, Show, ViewFormat};
use crate::failure::Failure;
use crate::output::figures::{bar, dollars, plural};
use crate::output::screen::Screen;
use crate::output::style::Tint;
use crate::output::table::{Cell, Column, Table};
use crate::output::{escape, json, when};
use crate::runs::tint as outcome_tint;

/// From this many columns on, a bar has its figure beside it and steps are written out.
const MEDIUM: usize = 80;
/// From this many columns on, a bar is long.
const WIDE: usize = 140;
/// Problems told at the top; the rest is counted.
const MAX_PROBLEMS: usize = 8;

pub(crate) fn run(arguments: &Show, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let (tenant, correlation) = (arguments.tenant.as_deref(), &arguments.correlation);
    let runs = inspect::timelines(&log, tenant, correlation)?;
    if runs.is_empty() {
        let place = tenant.map_or(String::new(), |tenant| format!(" of tenant {tenant:?}"));
        return Err(Failure::Usage(format!(
            "the log has no run {correlation:?}{place}; `explog runs {}` lists them",
            arguments.log.display()
        )));
    }
    let mut screen = Screen::paged(manners);
    let for_terminal = screen.on_terminal;
    match arguments.format.unwrap_or(ViewFormat::for_screen(&screen)) {
        ViewFormat::Jsonl => {
            let events = runs.iter().flat_map(|run| &run.events);
            json::lines(&mut screen, events, for_terminal)?;
        }
        ViewFormat::Json => json::lines(&mut screen, &runs, for_terminal)?,
        ViewFormat::Table => {
            for (number, run) in runs.iter().enumerate() {
                if number > 0 {
                    writeln!(screen).map_err(Failure::output)?;
                }
                head(run, &mut screen)?;
                problems(run, &mut screen)?;
                events(run, arguments.full, &mut screen)?;
            }
        }
    }
    screen.finish()?;
    Ok(Verdict::Fine)
}

/// The run in a few lines.
fn head(timeline: &Timeline, screen: &mut Screen) -> Result<(), Failure> {
    let run = &timeline.run;
    let columns = screen.columns.unwrap_or(usize::MAX);
    let name = escape::fit(&run.correlation_id, columns.saturating_sub(10));
    screen.line(&[
        (Tint::Strong, &name),
        (Tint::Plain, "  "),
        (outcome_tint(run.outcome), run.outcome.as_str()),
    ])?;
    let zone = screen.zone.name();
    let start = screen.zone.stamp(&run.started_at, false);
    let mut facts = Vec::new();
    if let Some(tenant) = &run.tenant_id {
        facts.push(format!("tenant {}", escape::line(tenant)));
    }
    facts.push(format!("{start} {zone}"));
    facts.push(when::duration(run.duration_us));
    facts.push(plural(run.events, "event"));
    facts.push(plural(run.chains, "chain"));
    let refused = run.failed_validations;
    facts.push(format!(
        "{}, {refused} refused",
        plural(run.proposals, "proposal")
    ));
    facts.extend(run.tokens.map(|tokens| plural(tokens, "token")));
    facts.extend(run.cost_microdollars.map(dollars));
    if !run.backends.is_empty() {
        facts.push(escape::line(&run.backends.join(", ")));
    }
    let mut line = String::new();
    for fact in facts {
        let fact = escape::fit(&fact, columns);
        if !line.is_empty() && escape::width(&line) + escape::width(&fact) + 3 > columns {
            screen.line(&[(Tint::Plain, &line)])?;
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(" · ");
        }
        line.push_str(&fact);
    }
    screen.line(&[(Tint::Plain, &line)])?;
    writeln!(screen).map_err(Failure::output)
}

/// What went wrong.
fn problems(timeline: &Timeline, screen: &mut Screen) -> Result<(), Failure> {
    if timeline.problems.is_empty() {
        return Ok(());
    }
    screen.line(&[(Tint::Strong, "what went wrong")])?;
    let columns = screen.columns.unwrap_or(usize::MAX);
    let all = timeline.problems.len();
    // The last ones lead to the outcome.
    let passed_over = all.saturating_sub(MAX_PROBLEMS);
    if passed_over > 0 {
        let line = format!("  … {passed_over} more before these");
        screen.line(&[(Tint::Faint, &line)])?;
    }
    for problem in timeline.problems.iter().skip(passed_over) {
        let offset = when::offset(problem.offset_us);
        let text = tell(problem);
        // The reason is what people came for: it takes a second line where the first is too short.
        let room = columns.saturating_sub(4 + offset.len());
        for (number, line) in wrap(&escape::line(&text), room, 4).into_iter().enumerate() {
            let lead = if number == 0 {
                offset.clone()
            } else {
                " ".repeat(offset.len())
            };
            screen.line(&[(Tint::Faint, &format!("  {lead}  ")), (Tint::Bad, &line)])?;
        }
    }
    writeln!(screen).map_err(Failure::output)
}

/// What went wrong, in words. Its texts are as the agents wrote them.
pub(crate) fn tell(problem: &Problem) -> String {
    let reason = problem.reason.as_deref();
    match problem.kind {
        ProblemKind::ContractFailed => {
            let reason = reason.unwrap_or("no reason recorded");
            let wanted = problem.proposal.as_deref();
            match wanted {
                Some(wanted) => {
                    format!("{} refused: {reason} — proposed: {wanted}", problem.subject)
                }
                None => format!("{} refused: {reason}", problem.subject),
            }
        }
        ProblemKind::BudgetExceeded => {
            format!(
                "budget of {} exceeded: {}",
                problem.subject,
                reason.unwrap_or("")
            )
        }
        ProblemKind::OutcomeFailed => {
            format!(
                "{} failed: {}",
                problem.subject,
                reason.unwrap_or("no reason recorded")
            )
        }
        _ => format!("{}: {}", problem.subject, reason.unwrap_or("")),
    }
}

/// An escaped text in lines of at most `width` columns, at most `most` of them; a cut shows.
fn wrap(text: &str, width: usize, most: usize) -> Vec<String> {
    let width = width.max(10);
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if lines.len() + 1 == most || escape::width(rest) <= width {
            lines.push(escape::fit(rest, width));
            break;
        }
        let mut end = 0;
        let mut blank = None;
        for (place, character) in rest.char_indices() {
            let next = place + character.len_utf8();
            if escape::width(rest.get(..next).unwrap_or(rest)) > width {
                break;
            }
            if character == ' ' {
                blank = Some(place);
            }
            end = next;
        }
        let end = blank.filter(|blank| *blank > end / 2).unwrap_or(end).max(1);
        let (line, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        lines.push(line.to_owned());
        rest = tail.trim_start();
    }
    lines
}

/// The events, a line each.
fn events(timeline: &Timeline, full: bool, screen: &mut Screen) -> Result<(), Failure> {
    let total = screen.columns.unwrap_or(usize::MAX);
    let (medium, wide) = (total >= MEDIUM, total >= WIDE);
    let bar_width = if wide {
        12
    } else if medium {
        6
    } else {
        4
    };
    let columns = vec![
        Column::number("time"),
        Column::text("took", if medium { bar_width + 8 } else { bar_width }),
        Column::text("step", if medium { 10 } else { 4 }),
        Column::text("event", 9),
        Column::text("detail", 16),
    ];
    let mut table = Table::new(columns, screen.columns).styled(screen.styled);
    let longest = timeline
        .events
        .iter()
        .filter(|event| !is_outcome(event))
        .filter_map(|event| event.latency_us)
        .max()
        .unwrap_or(0);
    let mut at = (None, None);
    for event in &timeline.events {
        if at.0 != Some(&event.chain) {
            let chain = event.chain.as_deref();
            let name = chain.map_or("outside of a chain".to_owned(), |id| format!("chain {id}"));
            let heading = Cell::new(name, Tint::Name);
            table.heading(screen, heading).map_err(Failure::output)?;
            at = (Some(&event.chain), None);
        }
        let step = if at.1 == Some(event.step) {
            String::new()
        } else {
            event
                .step
                .map_or_else(String::new, |step| step_name(step, medium))
        };
        at.1 = Some(event.step);
        let cells = cells(event, step, longest, bar_width, medium);
        table.row(screen, cells).map_err(Failure::output)?;
        if full {
            table
                .block(screen, content(event))
                .map_err(Failure::output)?;
        }
    }
    table.finish(screen).map_err(Failure::output)
}

fn is_outcome(event: &TimelineEvent) -> bool {
    matches!(
        event.event.known(),
        Some(ExperienceEvent::OutcomeRecorded { .. })
    )
}

fn cells(
    event: &TimelineEvent,
    step: String,
    longest: u64,
    bar_width: usize,
    with_figure: bool,
) -> Vec<Cell> {
    let took = event.latency_us.map_or_else(String::new, |latency| {
        let bar = bar(latency, longest, bar_width);
        if with_figure {
            let missing = bar_width.saturating_sub(escape::width(&bar));
            format!("{bar}{} {}", " ".repeat(missing), when::duration(latency))
        } else {
            bar
        }
    });
    let (name, depth, tint) = name(event);
    // An event that follows from the one above stands below it.
    let name = format!("  {}{name}", "  ".repeat(depth));
    let detail_tint = match tint {
        Tint::Bad | Tint::Warning => tint,
        _ => Tint::Plain,
    };
    vec![
        Cell::new(time(event), Tint::Faint),
        Cell::new(took, Tint::Warning),
        Cell::new(step, Tint::Faint),
        Cell::new(name, tint),
        Cell::new(event.summary.clone(), detail_tint),
    ]
}

/// When an event happened, after the run's first one; a logical time as it is.
fn time(event: &TimelineEvent) -> String {
    if event.event.instant.ends_with('Z') {
        when::offset(event.offset_us)
    } else {
        event.event.instant.clone()
    }
}

/// The short name of an event's kind, how deep it stands below the event it follows from, and its tint.
pub(crate) fn name(event: &TimelineEvent) -> (String, usize, Tint) {
    let Some(known) = event.event.known() else {
        return (event.event.kind.clone(), 0, Tint::Warning);
    };
    let (name, depth, tint) = short_name(known);
    (name.to_owned(), depth, tint)
}

/// The same of an event that can be read.
pub(crate) fn short_name(event: &ExperienceEvent) -> (&'static str, usize, Tint) {
    match event {
        ExperienceEvent::ProposalCreated { .. } => ("proposal", 0, Tint::Strong),
        ExperienceEvent::ProposalValidated { all_passed, .. } => {
            if *all_passed {
                ("accepted", 1, Tint::Good)
            } else {
                ("refused", 1, Tint::Bad)
            }
        }
        ExperienceEvent::FactPromoted { .. } => ("fact", 1, Tint::Good),
        ExperienceEvent::RecallExecuted { .. } => ("recall", 0, Tint::Plain),
        ExperienceEvent::TraceLinkRecorded { .. } => ("trace", 1, Tint::Plain),
        ExperienceEvent::ReplayabilityDowngraded { .. } => ("downgrade", 1, Tint::Warning),
        ExperienceEvent::ArtifactStateTransitioned { event, .. } => {
            if event.from_state.can_transition_to(event.to_state) {
                ("artifact", 0, Tint::Plain)
            } else {
                ("artifact", 0, Tint::Warning)
            }
        }
        ExperienceEvent::ArtifactRollbackRecorded { .. } => ("rollback", 0, Tint::Warning),
        ExperienceEvent::BackendInvoked { .. } => ("backend", 0, Tint::Plain),
        ExperienceEvent::OutcomeRecorded { passed, .. } => {
            ("outcome", 0, if *passed { Tint::Good } else { Tint::Bad })
        }
        ExperienceEvent::BudgetExceeded { .. } => ("budget", 0, Tint::Bad),
        ExperienceEvent::PolicySnapshotCaptured { .. } => ("policy", 0, Tint::Plain),
    }
}

/// The name of a step, whole or its first letters.
pub(crate) fn step_name(step: DecisionStep, whole: bool) -> String {
    let name = match step {
        DecisionStep::Reasoning => "Reasoning",
        DecisionStep::Evaluation => "Evaluation",
        DecisionStep::Planning => "Planning",
    };
    let length = if whole { name.len() } else { 4 };
    name.chars().take(length).collect()
}

/// The whole content of an event, in lines.
fn content(event: &TimelineEvent) -> String {
    json::pretty_content(&event.event.content, "      ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wrapped_at_blanks_and_a_cut_shows() {
        assert_eq!(wrap("one two three four", 10, 9), ["one two", "three four"]);
        assert_eq!(wrap("abcdefghijklmnop", 10, 9), ["abcdefghij", "klmnop"]);
        assert_eq!(
            wrap("one two three four five", 10, 2),
            ["one two", "three fou…"]
        );
        assert_eq!(wrap("漢字漢字漢字", 10, 3), ["漢字漢字漢", "字"]);
        assert_eq!(wrap("", 10, 3), [""; 0]);
    }
}
