//! One row per event, comma-separated, as RFC 4180 has it.
//!
//! Texts are written as they are. A spreadsheet that opens the file takes a text that begins with `=`, `+`,
//! `-` or `@` for a formula; the guard against it alters the text, so it is there for those who ask.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};
use experience_log::LogReader;
use experience_log::inspect::Row;

use super::{Target, each_row, tell};
use crate::Verdict;
use crate::args::Export;
use crate::failure::Failure;

pub(super) fn export(
    log: &LogReader,
    arguments: &Export,
    target: Target<'_>,
) -> Result<Verdict, Failure> {
    let sink = target.open()?;
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(sink);
    writer.write_record(Row::COLUMNS).map_err(failure)?;
    let guarded = arguments.guard_formulas;
    let events = each_row(log, arguments, |row| {
        for text in texts(&row) {
            let text = if guarded { guard(text) } else { text };
            writer.write_field(text.as_bytes()).map_err(failure)?;
        }
        writer.write_record(None::<&[u8]>).map_err(failure)
    })?;
    let sink = writer
        .into_inner()
        .map_err(|error| Failure::output(error.into_error()))?;
    sink.finish()?;
    tell(events, arguments);
    Ok(Verdict::Fine)
}

fn failure(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::output(error),
        other => Failure::Trouble(format!("cannot write csv: {other:?}")),
    }
}

/// The columns of a row, in order. What is not there is empty.
fn texts(row: &Row) -> [Cow<'_, str>; Row::COLUMNS.len()] {
    fn text(text: Option<&String>) -> Cow<'_, str> {
        text.map_or("", String::as_str).into()
    }
    fn number(number: Option<u64>) -> Cow<'static, str> {
        number.map_or(Cow::Borrowed(""), |number| number.to_string().into())
    }
    [
        row.sequence.to_string().into(),
        row.event_id.as_str().into(),
        row.occurred_at.as_str().into(),
        row.instant.as_str().into(),
        row.recorded_at.as_str().into(),
        text(row.tenant_id.as_ref()),
        text(row.correlation_id.as_ref()),
        text(row.contract.as_ref()),
        row.kind.as_str().into(),
        text(row.chain_id.as_ref()),
        row.step.unwrap_or_default().into(),
        text(row.proposal_id.as_ref()),
        text(row.trace_link_id.as_ref()),
        text(row.artifact_id.as_ref()),
        row.passed
            .map_or("", |passed| if passed { "true" } else { "false" })
            .into(),
        number(row.latency_ms),
        number(row.tokens),
        number(row.cost_microdollars),
        text(row.backend.as_ref()),
        text(row.payload.as_ref()),
    ]
}

/// The text behind a quote, if a spreadsheet would take it for a formula.
fn guard(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}").into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_formula_is_guarded() {
        for text in ["=1+1", "+1", "-1", "@x", "\tx", "\rx"] {
            assert_eq!(guard(text.into()), format!("'{text}"));
        }
        for text in ["", "a=1", "'=1", "12"] {
            assert_eq!(guard(text.into()), text);
        }
    }
}
