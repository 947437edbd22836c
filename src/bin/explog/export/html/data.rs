//! What the page's script works with: the runs as JSON, every text in it harmless inside of markup.

use std::fmt::Write;

use experience_log::inspect::{Content, Timeline, TimelineEvent};
use serde::Serialize;
use serde_json::Value;

use crate::output::escape;
use crate::output::figures::{dollars, plural};
use crate::output::style::Tint;
use crate::output::when::{self, Zone};
use crate::show::{name, step_name, tell};

/// The most bytes of an event's content that the page holds.
const MAX_PAYLOAD: usize = 16 << 10;

/// A run.
#[derive(Debug, Serialize)]
struct Run<'a> {
    id: &'a str,
    tenant: Option<&'a str>,
    backends: String,
    /// Greater for a later start.
    order: usize,
    outcome: &'static str,
    duration: u64,
    count: u64,
    proposals: u64,
    refused: u64,
    tokens: Option<u64>,
    cost: Option<u64>,
    facts: Vec<String>,
    problems: Vec<Problem>,
    chains: Vec<&'a str>,
    events: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct Problem {
    sequence: u64,
    offset: u64,
    text: String,
}

/// The runs as JSON that may stand in a `script` element: no `<`, `>` or `&` is in it.
pub(super) fn json(runs: &[Timeline]) -> Result<String, serde_json::Error> {
    let runs: Vec<_> = runs
        .iter()
        .enumerate()
        .map(|(place, run)| shown(run, runs.len() - place))
        .collect();
    let json = serde_json::to_string(&serde_json::json!({ "runs": runs }))?;
    Ok(harmless(&json))
}

/// JSON in which what could end a script, begin markup, or hide is escaped. Outside of strings there is none of it.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 16);
    for character in json.chars() {
        if matches!(character, '<' | '>' | '&') || escape::is_unsafe(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(character);
        }
    }
    text
}

fn shown(timeline: &Timeline, order: usize) -> Run<'_> {
    let run = &timeline.run;
    let mut chains: Vec<&str> = Vec::new();
    for event in &timeline.events {
        if let Some(chain) = &event.chain
            && !chains.contains(&chain.as_str())
        {
            chains.push(chain);
        }
    }
    let events = timeline
        .events
        .iter()
        .map(|event| shown_event(event, &chains));
    let problems = timeline.problems.iter().map(|problem| Problem {
        sequence: problem.sequence,
        offset: problem.offset_us,
        text: escape::line(&tell(problem)),
    });
    Run {
        id: &run.correlation_id,
        tenant: run.tenant_id.as_deref(),
        backends: escape::line(&run.backends.join(", ")),
        order,
        outcome: run.outcome.as_str(),
        duration: run.duration_us,
        count: run.events,
        proposals: run.proposals,
        refused: run.failed_validations,
        tokens: run.tokens,
        cost: run.cost_microdollars,
        facts: facts(timeline),
        problems: problems.collect(),
        events: events.collect(),
        chains,
    }
}

fn facts(timeline: &Timeline) -> Vec<String> {
    let run = &timeline.run;
    let mut facts = Vec::new();
    if let Some(tenant) = &run.tenant_id {
        facts.push(format!("tenant {}", escape::line(tenant)));
    }
    facts.push(format!("{} UTC", Zone::utc().stamp(&run.started_at, false)));
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
    facts
}

/// An event as an array, whose places the script names.
fn shown_event(event: &TimelineEvent, chains: &[&str]) -> Value {
    let chain = event.chain.as_deref();
    let chain = chain.and_then(|chain| chains.iter().position(|known| *known == chain));
    let (kind, depth, tint) = name(event);
    let tint = match tint {
        Tint::Bad => "bad",
        Tint::Good => "good",
        Tint::Warning => "warning",
        Tint::Strong => "strong",
        Tint::Plain | Tint::Faint | Tint::Name => "plain",
    };
    let payload = payload(&event.event.content).filter(|payload| payload.len() <= MAX_PAYLOAD);
    serde_json::json!([
        event.event.sequence,
        event
            .event
            .instant
            .ends_with('Z')
            .then_some(event.offset_us),
        event.latency_us,
        chain,
        event.step.map(|step| step_name(step, true)),
        escape::line(&kind),
        tint,
        depth,
        escape::line(&event.summary),
        event.event.event_id,
        payload,
    ])
}

fn payload(content: &Content) -> Option<String> {
    match content {
        Content::Own(event) => serde_json::to_string(event).ok(),
        Content::Foreign { json, .. } => Some(json.clone()),
        Content::Unreadable(reason) => Some(format!("unreadable: {reason}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_can_end_its_element() {
        let hostile = "</script><script>alert(1)</script><!-- & \u{2028}\u{202e}\u{e0041}";
        let json = serde_json::to_string(hostile).unwrap();
        let shown = harmless(&json);
        assert!(
            !shown.contains(['<', '>', '&', '\u{2028}', '\u{202e}', '\u{e0041}']),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), hostile);
    }
}
