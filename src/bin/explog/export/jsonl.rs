//! Envelopes, one per line: what `import` reads.

use std::io::Write;

use experience_log::inspect::json_loss;
use experience_log::{LogReader, Payload};

use super::{Target, each_event, tell};
use crate::Verdict;
use crate::args::Export;
use crate::failure::{Failure, say};
use crate::line;
use crate::output::figures::plural;

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
        let payload = match entry.payload() {
            Ok(payload) => payload,
            Err(error) => {
                left_out += 1;
                say(format_args!("event {id:?} is left out: {error}"));
                return Ok(());
            }
        };
        if let Payload::Own(envelope) = &payload
            && let Some(field) = json_loss(&envelope.event)
        {
            left_out += 1;
            say(format_args!(
                "event {id:?} is left out: {field} is a number that JSON has no form for"
            ));
            return Ok(());
        }
        line::write_payload(&mut sink, entry, &payload, for_terminal)?;
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
