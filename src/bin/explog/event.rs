//! `explog event`: one event whole.

use std::io::Write;

use experience_log::LogReader;
use experience_log::inspect::{self, Content, EventDetail, Neighbour};
use indicatif::HumanCount;

use crate::Verdict;
use crate::args::{Event, Manners, ViewFormat};
use crate::failure::Failure;
use crate::output::figures::{NOTHING, plural};
use crate::output::screen::Screen;
use crate::output::style::Tint;
use crate::output::{escape, json, when};

pub(crate) fn run(arguments: &Event, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let (tenant, id) = (arguments.tenant.as_deref(), &arguments.id);
    let found = inspect::event(&log, tenant, id)?;
    if found.is_empty() {
        let place = tenant.map_or(String::new(), |tenant| format!(" of tenant {tenant:?}"));
        return Err(Failure::Usage(format!(
            "the log has no event {id:?}{place}; `explog dump {}` lists them",
            arguments.log.display()
        )));
    }
    let mut screen = Screen::paged(manners);
    let for_terminal = screen.on_terminal;
    match arguments.format.unwrap_or(ViewFormat::for_screen(&screen)) {
        ViewFormat::Jsonl | ViewFormat::Json => json::lines(&mut screen, &found, for_terminal)?,
        ViewFormat::Table => {
            for (number, event) in found.iter().enumerate() {
                if number > 0 {
                    writeln!(screen).map_err(Failure::output)?;
                }
                print(event, &mut screen)?;
            }
        }
    }
    screen.finish()?;
    Ok(Verdict::Fine)
}

fn print(detail: &EventDetail, screen: &mut Screen) -> Result<(), Failure> {
    let event = &detail.event;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| NOTHING.to_owned());
    let zone = screen.zone.name();
    let instant = screen.zone.stamp(&event.instant, true);
    let recorded = screen.zone.stamp(&event.recorded_at, true);
    let journal = format!(
        "segment {:020}, byte {}, in a commit of {} from {} on",
        detail.segment,
        HumanCount(detail.offset),
        plural(detail.commit_events.into(), "event"),
        HumanCount(detail.commit_first_sequence),
    );
    let kind = match &event.content {
        Content::Foreign { contract, .. } => format!("{} of {contract}", event.kind),
        _ => event.kind.clone(),
    };
    let facts = [
        ("event", event.event_id.clone()),
        ("kind", kind),
        ("sequence", event.sequence.to_string()),
        ("tenant", or_none(&event.tenant_id)),
        ("run", or_none(&event.correlation_id)),
        ("chain", or_none(&event.chain_id)),
        (
            "occurred",
            format!("{instant} {zone} (as {})", event.occurred_at),
        ),
        ("recorded", format!("{recorded} {zone}")),
        (
            "stored",
            format!("{} bytes", HumanCount(event.stored_bytes as u64)),
        ),
        ("journal", journal),
        ("content", format!("BLAKE3 {}", detail.content_hash)),
        ("chain at", format!("BLAKE3 {}", detail.chain_hash)),
        ("before", neighbour(detail.previous.as_ref())),
        ("after", neighbour(detail.next.as_ref())),
    ];
    let columns = screen.columns.unwrap_or(usize::MAX).max(20);
    for (name, fact) in facts {
        let fact = escape::fit(&fact, columns - 10);
        screen.line(&[(Tint::Faint, &format!("{name:<10}")), (Tint::Plain, &fact)])?;
    }
    let content = json::pretty_content(&event.content, "");
    screen
        .write_all(content.as_bytes())
        .map_err(Failure::output)
}

fn neighbour(neighbour: Option<&Neighbour>) -> String {
    neighbour.map_or_else(
        || NOTHING.to_owned(),
        |other| {
            let apart = when::duration(other.apart_us);
            format!("{} {}, {apart} apart", other.event_id, other.kind)
        },
    )
}
