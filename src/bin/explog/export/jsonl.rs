//! Envelopes, one per line: what `import` reads.

use std::io::Write;

use experience_log::LogReader;
use experience_log::inspect::json_loss;

use super::{Target, each_event, tell};
use crate::Verdict;
use crate::args::Export;
use crate::failure::{Failure, say};
use crate::output::figures::plural;
use crate::output::json;

pub(super) fn export(
    log: &LogReader,
    arguments: &Export,
    target: Target<'_>,
) -> Result<Verdict, Failure> {
    let mut sink = target.open()?;
    let for_terminal = sink.for_terminal();
    let mut left_out = 0_u64;
    let events = each_event(log, arguments, |entry| {
        let id = entry.event_id();
        let envelope = match entry.envelope() {
            Ok(envelope) => envelope,
            Err(error) => {
                left_out += 1;
                say(format_args!("event {id:?} is left out: {error}"));
                return Ok(());
            }
        };
        if let Some(field) = json_loss(&envelope.event) {
            left_out += 1;
            say(format_args!(
                "event {id:?} is left out: {field} is a number that JSON has no form for"
            ));
            return Ok(());
        }
        json::write(&mut sink, &envelope, for_terminal)?;
        sink.write_all(b"\n").map_err(Failure::output)
    })?;
    sink.finish()?;
    tell(events - left_out, arguments);
    if left_out == 0 {
        return Ok(Verdict::Fine);
    }
    say(format_args!(
        "{} left out; the copy is not whole",
        plural(left_out, "event")
    ));
    Ok(Verdict::Found)
}
