//! What an observer tells of the events that did not get into the log.

use std::fmt;
use std::io::Write;

use converge_core::ExperienceEventEnvelope;
use experience_log::Error;

/// What became of an observer's events. At rest, `observed` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Events that the engine told of.
    pub observed: u64,
    /// Events that are in the log, as durable as it was opened to be.
    pub recorded: u64,
    /// Events that are not, and that were reported.
    pub lost: u64,
    /// Events that wait.
    pub waiting: u64,
}

/// Events that did not get into the log, as the callback of
/// [`on_unrecorded`](crate::ObserverOptions::on_unrecorded) is told. It may keep them elsewhere.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unrecorded<'a> {
    /// The events, with the ids and times that they would have had.
    pub events: &'a [ExperienceEventEnvelope],
    /// Why.
    pub reason: Reason<'a>,
}

/// Why events were not recorded.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Reason<'a> {
    /// The queue was full for longer than the observer was told to wait.
    QueueFull {
        /// How many events the queue takes.
        capacity: usize,
    },
    /// The log refused them.
    Refused(&'a Error),
    /// The log could not write them. It takes no more events until it is reopened; these may be in it then or
    /// not, and appending them again is safe.
    Failed(&'a Error),
    /// The thread that appends them panicked: a bug. They may be in the log or not.
    Panicked,
}

impl fmt::Display for Unrecorded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.events.len();
        let events = if count == 1 { "event" } else { "events" };
        write!(f, "{count} {events} not recorded")?;
        if let Some(first) = self.events.first() {
            let kind = crate::mapping::kind_name(first.event.kind());
            write!(f, ", from {:?} ({kind}) on", first.event_id.as_str())?;
        }
        match self.reason {
            Reason::QueueFull { capacity } => {
                write!(f, ": {capacity} events were waiting for the log already")
            }
            Reason::Panicked => f.write_str(": the thread that appends them panicked"),
            Reason::Refused(error) | Reason::Failed(error) => write!(f, ": {error}"),
        }
    }
}

/// Events of an observer were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{lost} events were not recorded since the last flush; each was reported")]
#[non_exhaustive]
pub struct UnrecordedError {
    /// How many.
    pub lost: u64,
}

/// Who is told.
pub(crate) type Callback = Box<dyn Fn(&Unrecorded<'_>) + Send + Sync>;

/// Tells of them on stderr, for who gave no callback.
pub(crate) fn to_stderr(unrecorded: &Unrecorded<'_>) {
    // Where stderr is closed, the counts still tell.
    let _ = writeln!(std::io::stderr(), "experience log: {unrecorded}");
}
