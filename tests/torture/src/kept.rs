//! Whether a log holds what was acknowledged, whole.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use experience_log::{
    EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceLog, Options,
};

use crate::load;
use crate::told::Batch;
use crate::workload;

/// What a check found.
#[derive(Debug, Default)]
pub struct Kept {
    /// Events in the log, and where each stands.
    pub events: HashMap<String, u64>,
    /// How long opening took.
    pub opening: Duration,
}

/// Opens the log and compares it with what was acknowledged; every event must be one that was appended, whole.
pub fn check<'a>(
    path: &Path,
    options: Options,
    acked: impl Iterator<Item = (&'a Batch, u64)>,
) -> Result<Kept, String> {
    let checked = catch_unwind(AssertUnwindSafe(|| check_open(path, options, acked)));
    checked.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

fn check_open<'a>(
    path: &Path,
    options: Options,
    acked: impl Iterator<Item = (&'a Batch, u64)>,
) -> Result<Kept, String> {
    let begun = Instant::now();
    let log = options
        .open(path)
        .map_err(|error| format!("cannot be opened: {error}"))?;
    let recovery = log.recovery();
    let mut kept = Kept {
        opening: begun.elapsed(),
        ..Kept::default()
    };
    if let Some(reason) = &recovery.head_ignored {
        return Err(format!("HEAD was passed over: {reason}"));
    }
    let batches = read_all(&log, &mut kept).map_err(|error| format!("replay: {error}"))??;
    for ((life, writer, batch), (found, size)) in &batches {
        if found != size {
            return Err(format!(
                "batch {life}-{writer}-{batch} is torn: {found} events of {size}"
            ));
        }
    }
    for (batch, first) in acked {
        let Batch {
            life,
            writer,
            batch,
            size,
        } = batch;
        for number in 0..*size {
            let id = format!("{life}-{writer}-{batch}-{number}");
            match kept.events.get(&id) {
                Some(sequence) if *sequence == first + number => {}
                other => {
                    return Err(format!(
                        "event {id} was acknowledged at {}, and is at {other:?}",
                        first + number
                    ));
                }
            }
        }
    }
    if let Some(((life, writer, batch), (_, size))) = batches.iter().next() {
        let chain = EventQuery::new().chain(format!("chain-{life}-{writer}-{batch}"));
        let found = log.query(&chain).map_err(|error| error.to_string())?.len() as u64;
        if found != *size {
            return Err(format!("a query gave {found} events of {size}"));
        }
    }
    let verification = log.verify().map_err(|error| format!("verify: {error}"))?;
    if let Some(problem) = verification.problems.first() {
        return Err(format!("verify: {problem}"));
    }
    log.close().map_err(|error| format!("close: {error}"))?;
    Ok(kept)
}

type Batches = HashMap<(u64, u64, u64), (u64, u64)>;

fn read_all(
    log: &ExperienceLog,
    kept: &mut Kept,
) -> Result<Result<Batches, String>, experience_log::Error> {
    let mut batches = Batches::new();
    for (expected, entry) in (0..).zip(log.replay(0)?) {
        let entry = entry?;
        let envelope = entry.envelope()?;
        if entry.sequence() != expected {
            return Ok(Err(format!(
                "event {} instead of {expected}",
                entry.sequence()
            )));
        }
        let Some(((life, writer, batch), size)) = known(&envelope) else {
            return Ok(Err(format!(
                "event {} was never appended",
                envelope.event_id
            )));
        };
        let held = batches.entry((life, writer, batch)).or_insert((0, size));
        held.0 += 1;
        if kept
            .events
            .insert(envelope.event_id.clone(), expected)
            .is_some()
        {
            return Ok(Err(format!("event {} is there twice", envelope.event_id)));
        }
    }
    Ok(Ok(batches))
}

/// The batch that an event is of, and its size, if the event is as it was appended.
fn known(envelope: &ExperienceEventEnvelope) -> Option<((u64, u64, u64), u64)> {
    let mut parts = envelope.event_id.split('-').map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    let (life, writer, batch, number) = (next()?, next()?, next()?, next()?);
    let ExperienceEvent::OutcomeRecorded {
        tokens: Some(size), ..
    } = envelope.event
    else {
        return None;
    };
    let appended = workload::event(life, writer, batch, number, size, load::bytes_of(batch));
    (appended == *envelope).then_some(((life, writer, batch), size))
}
