//! The telling detail of each kind of event, in one line.

use std::fmt::Write;

use crate::contract::experience_store::{ContractResultSnapshot, ExperienceEvent, PolicySnapshot};
use crate::contract::governed_artifact::RollbackRecord;
use crate::contract::kernel_boundary::{
    KernelProposal, LocalTraceLink, RemoteTraceLink, TraceLink,
};
use serde_json::{Map, Value};

/// How much of a long text is of use in one line.
const HEAD: usize = 400;

/// What to know about an event at a glance, in one line. It holds text of the agent's, unescaped, of which
/// it takes at most some hundred characters apiece.
#[must_use]
pub fn summary(event: &ExperienceEvent) -> String {
    match event {
        ExperienceEvent::ProposalCreated { proposal, .. } => proposed(proposal),
        ExperienceEvent::ProposalValidated {
            proposal_id,
            contract_results,
            all_passed,
            validator,
            ..
        } => validated(proposal_id, contract_results, *all_passed, validator),
        ExperienceEvent::FactPromoted {
            proposal_id,
            fact_id,
            promoted_by,
            reason,
            ..
        } => format!(
            "{fact_id} from {proposal_id} by {promoted_by}: {}",
            head(reason)
        ),
        ExperienceEvent::RecallExecuted {
            query, provenance, ..
        } => format!(
            "{} of {} for {}",
            provenance.candidates_returned,
            provenance.candidates_searched,
            head(&query.query_text)
        ),
        ExperienceEvent::TraceLinkRecorded {
            trace_link_id,
            trace_link,
        } => traced(trace_link_id, trace_link),
        ExperienceEvent::ReplayabilityDowngraded {
            trace_link_id,
            from,
            to,
            reason,
        } => format!("{trace_link_id} {from:?} to {to:?}: {reason:?}"),
        ExperienceEvent::ArtifactStateTransitioned {
            artifact_id, event, ..
        } => {
            let (from, to) = (event.from_state, event.to_state);
            let mark = if from.can_transition_to(to) {
                ""
            } else {
                " (not allowed)"
            };
            let (actor, reason) = (&event.actor, head(&event.reason));
            format!("{artifact_id} {from} to {to}{mark} by {actor}: {reason}")
        }
        ExperienceEvent::ArtifactRollbackRecorded { rollback } => rolled_back(rollback),
        ExperienceEvent::BackendInvoked {
            backend_name,
            adapter_id,
            trace_link_id,
            ..
        } => match adapter_id {
            Some(adapter) => format!("{backend_name} with {adapter} for {trace_link_id}"),
            None => format!("{backend_name} for {trace_link_id}"),
        },
        ExperienceEvent::OutcomeRecorded {
            passed,
            stop_reason,
            latency_ms,
            tokens,
            cost_microdollars,
            ..
        } => outcome(
            *passed,
            stop_reason.as_deref(),
            [*latency_ms, *tokens, *cost_microdollars],
        ),
        ExperienceEvent::BudgetExceeded {
            resource,
            limit,
            observed,
            ..
        } => match observed {
            Some(observed) => format!("{resource}: {observed}, limit {limit}"),
            None => format!("{resource}: limit {limit}"),
        },
        ExperienceEvent::PolicySnapshotCaptured {
            policy_id,
            policy,
            captured_by,
            ..
        } => {
            let sort = match policy {
                PolicySnapshot::Kernel(_) => "kernel",
                PolicySnapshot::Routing(_) => "routing",
                PolicySnapshot::Recall(_) => "recall",
            };
            format!("{sort} policy {policy_id} by {captured_by}")
        }
    }
}

fn proposed(proposal: &KernelProposal) -> String {
    let KernelProposal {
        id,
        kind,
        payload,
        structured_payload,
        confidence,
        requires_human,
        ..
    } = proposal;
    let mut text = format!("{kind:?}: {}", head(payload));
    if let Some(structured) = structured_payload {
        let structured = structured.to_string();
        text = format!("{text} {}", head(&structured));
    }
    if let Some(confidence) = confidence {
        text = format!("{text}, confidence {confidence}");
    }
    if *requires_human {
        text.push_str(", needs a human");
    }
    format!("{text} ({id})")
}

fn validated(
    proposal_id: &str,
    results: &[ContractResultSnapshot],
    all_passed: bool,
    validator: &str,
) -> String {
    let passed = results.iter().filter(|result| result.passed).count();
    let mut text = String::from(if all_passed { "passed" } else { "failed" });
    for result in results.iter().filter(|result| !result.passed) {
        let reason = result.failure_reason.as_deref().unwrap_or("no reason");
        // Writing to a string does not fail.
        let _ = write!(text, "; {}: {}", result.name, head(reason));
        if text.len() > HEAD {
            break;
        }
    }
    let text = text.replacen("; ", ": ", 1);
    let all = results.len();
    format!("{text} ({passed} of {all} by {validator}, of {proposal_id})")
}

/// What to know at a glance of another contract's event, about which nothing is known: the names and values of its first
/// members. Where it is an envelope, those of what lies in it.
pub(super) fn of_json(json: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(json) else {
        return head(json).to_owned();
    };
    let inner = ["/event/data", "/event", "/data"]
        .into_iter()
        .filter_map(|place| value.pointer(place))
        .find(|inner| inner.is_object());
    match inner.unwrap_or(&value) {
        Value::Object(members) => {
            let mut text = String::new();
            list(members, true, &mut text);
            text
        }
        _ => head(json).to_owned(),
    }
}

/// Adds `name value, name value` to a text; objects within are listed too, those in them are not.
fn list(members: &Map<String, Value>, deeper: bool, text: &mut String) {
    let mut comma = "";
    for (name, value) in members {
        if value.is_null() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}{name} ");
        comma = ", ";
        match value {
            Value::String(value) => text.push_str(head(value)),
            Value::Object(members) if deeper => {
                text.push('{');
                list(members, false, text);
                text.push('}');
            }
            Value::Object(_) => text.push_str("{…}"),
            Value::Array(items) => {
                let _ = write!(text, "[{}]", items.len());
            }
            value => {
                let _ = write!(text, "{value}");
            }
        }
        if text.len() > HEAD {
            break;
        }
    }
}

fn traced(id: &str, link: &TraceLink) -> String {
    let replayability = link.replayability();
    match link {
        TraceLink::Local(LocalTraceLink {
            adapter,
            execution_env,
            ..
        }) => {
            let adapter = adapter.as_ref();
            let adapter = adapter.map_or(String::new(), |trace| format!(" {}", trace.adapter_id));
            let backend = &execution_env.backend;
            format!("{id} local {backend}{adapter}, {replayability:?}")
        }
        TraceLink::Remote(RemoteTraceLink {
            provider_name,
            provider_model_id,
            ..
        }) => format!("{id} {provider_name}/{provider_model_id}, {replayability:?}"),
    }
}

fn rolled_back(rollback: &RollbackRecord) -> String {
    let RollbackRecord {
        artifact_id,
        previous_state,
        actor,
        reason,
        impact,
        ..
    } = rollback;
    let severity = impact.severity;
    format!(
        "{artifact_id} rolled back from {previous_state}, severity {severity}, by {actor}: {}",
        head(reason)
    )
}

fn outcome(passed: bool, stop_reason: Option<&str>, figures: [Option<u64>; 3]) -> String {
    let [latency, tokens, cost] = figures;
    let mut text = String::from(if passed { "passed" } else { "failed" });
    if let Some(reason) = stop_reason.filter(|reason| !reason.is_empty()) {
        text = format!("{text}: {}", head(reason));
    }
    let figures = [
        latency.map(|ms| format!("{} ms", grouped(ms))),
        tokens.map(|tokens| format!("{} tokens", grouped(tokens))),
        cost.map(|cost| format!("${}.{:06}", cost / 1_000_000, cost % 1_000_000)),
    ];
    for figure in figures.into_iter().flatten() {
        text = format!("{text}, {figure}");
    }
    text
}

/// The beginning of a text.
fn head(text: &str) -> &str {
    match text.char_indices().nth(HEAD) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_shown_by_its_members() {
        let envelope =
            r#"{"event_id":"e","event":{"type":"K","data":{"a":{"b":{"c":1},"d":"x"},"e":null}}}"#;
        assert_eq!(of_json(envelope), "a {b {…}, d x}");
        assert_eq!(of_json(r#"{"a":[1,2],"b":1.5}"#), "a [2], b 1.5");
        assert_eq!(of_json("[1]"), "[1]");
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000));
        assert!(of_json(&long).len() <= HEAD + 2);
    }

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = "ü".repeat(HEAD + 1);
        assert_eq!(head(&long).chars().count(), HEAD);
        assert_eq!(head("short"), "short");
    }
}
