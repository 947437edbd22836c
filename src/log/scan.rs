//! A scan of the log: lazy, in either order, from a cursor on.

use super::admit;
use super::entry::{LogEntry, ScanCursor};
use crate::contract::experience_store::ExperienceEventEnvelope;
use crate::error::Result;
use crate::store::buffer::Spares;
use crate::store::query::range::Order;
use crate::store::query::scan::ScanWork;
use crate::store::reader;

/// Answers of at most so many envelopes are gathered in memory that is used again.
const MOST_GATHERED: usize = 256;

thread_local! {
    /// Where a thread gathers its answers: room for some hundred envelopes, of 600 bytes each. The vector that is given
    /// away is made last. Made first, its allocation would have glibc merge the small chunks that the texts of the
    /// answer before have left, and those of this one could not take them.
    static SPARE: Spares<ExperienceEventEnvelope> = const { Spares::new() };
}

/// How a scan goes: in which order, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "options do nothing until they are given to `scan`"]
pub struct ScanOptions {
    pub(crate) order: Order,
    pub(crate) after: Option<ScanCursor>,
}

impl ScanOptions {
    /// By instant, then in the order of appending.
    pub fn oldest_first() -> Self {
        Self::default()
    }

    /// The same order backwards.
    pub fn newest_first() -> Self {
        Self {
            order: Order::NewestFirst,
            after: None,
        }
    }

    /// Starts behind the event that gave the cursor, in the order of the scan.
    pub fn after(mut self, cursor: ScanCursor) -> Self {
        self.after = Some(cursor);
        self
    }
}

/// The results of a scan, one by one. It sees the log as it was when it began.
#[derive(Debug)]
pub struct Scan {
    pub(crate) inner: reader::Scan,
}

impl Scan {
    /// What was read to give the results so far.
    #[must_use]
    pub fn work(&self) -> ScanWork {
        self.inner.work()
    }

    /// The envelopes of all that is still to come, as [`LogEntry::envelope`] gives each.
    ///
    /// # Errors
    ///
    /// What an item of the scan would tell; [`Error::ForeignEvent`](crate::Error::ForeignEvent) for an event of another
    /// contract.
    pub fn into_envelopes(mut self) -> Result<Vec<ExperienceEventEnvelope>> {
        let mut gathered = SPARE.try_with(Spares::take).unwrap_or_default();
        // Envelopes are large: a vector that grows copies them again and again.
        gathered.reserve(self.inner.estimate().min(MOST_GATHERED));
        while let Some(hit) = self.inner.look_at_next()? {
            admit::decode_then(&hit.record, hit.position.sequence, |envelope| {
                gathered.push(envelope);
            })?;
        }
        if gathered.len() > MOST_GATHERED {
            return Ok(gathered);
        }
        let mut envelopes = Vec::with_capacity(gathered.len());
        envelopes.append(&mut gathered);
        let _ = SPARE.try_with(|spares| spares.give(gathered));
        Ok(envelopes)
    }
}

impl Iterator for Scan {
    type Item = Result<LogEntry>;

    fn next(&mut self) -> Option<Result<LogEntry>> {
        self.inner
            .next()
            .map(|hit| hit.map(LogEntry::new))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::experience_store::EventQuery;
    use crate::contract::samples;
    use crate::error::Error;
    use crate::{ExperienceLog, ForeignEvent};

    #[test]
    fn answers_of_every_length_hold_what_the_scan_gives() {
        let folder = tempfile::tempdir().unwrap();
        let log = ExperienceLog::open(folder.path()).unwrap();
        let sample = samples::envelopes().remove(0);
        let event = |number| ExperienceEventEnvelope {
            event_id: format!("event-{number:03}"),
            ..sample.clone()
        };
        let events: Vec<_> = (0..3 * MOST_GATHERED).map(event).collect();
        log.append_batch(&events).unwrap();
        let before = "1900-01-01T00:00:00Z";
        let foreign = ForeignEvent::new("acme", "GoalReached", "f1", before, "{}");
        log.append_foreign(&[foreign]).unwrap();
        // Large ones first as well, so that small ones are gathered where those were.
        let most = MOST_GATHERED;
        for limit in [0, 1, 2 * most, 7, most, most + 1, most - 1, 3 * most, 0, 7] {
            let answer = log.query(&EventQuery::new().limit(limit)).unwrap();
            assert_eq!(answer, events[..limit]);
            if limit <= MOST_GATHERED {
                assert_eq!(answer.capacity(), limit);
                let spares = SPARE.with(Spares::take);
                assert!(spares.is_empty() && spares.capacity() >= limit);
                SPARE.with(|kept| kept.give(spares));
            }
            // It fails at its first event, or at its last: nothing of it is in the next answer.
            for (options, limit) in [
                (ScanOptions::oldest_first(), limit + 1),
                (ScanOptions::newest_first(), events.len() + 1),
            ] {
                let scan = log.scan(&EventQuery::new().limit(limit), options).unwrap();
                let error = scan.into_envelopes().unwrap_err();
                assert!(matches!(error, Error::ForeignEvent { .. }), "{error}");
            }
        }
    }
}
