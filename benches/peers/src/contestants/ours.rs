//! This crate, with default options.

use std::hint::black_box;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result};
use experience_log::{
    Durability, EventQuery, ExperienceEventEnvelope, ExperienceLog, ScanOptions, TimeRange,
};

use crate::contestant::{Answer, Contestant, Level};
use crate::workload::Question;

/// The log.
#[derive(Debug)]
pub struct Ours(ExperienceLog);

impl Ours {
    /// Opens the log in `path`.
    ///
    /// # Errors
    ///
    /// A failure of the log.
    pub fn open(path: &Path, level: Level) -> Result<Self> {
        let durability = match level {
            Level::Sync => Durability::Sync,
            Level::Os => Durability::Os,
        };
        Ok(Self(
            ExperienceLog::options().durability(durability).open(path)?,
        ))
    }
}

impl Contestant for Ours {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        Ok(match events {
            [event] => usize::from(!self.0.append(event)?.already_present),
            events => self.0.append_batch(events)?.written(),
        })
    }

    fn settle(&self) -> Result<()> {
        Ok(self.0.flush()?)
    }

    fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        let query = EventQuery::new();
        let events = match question {
            Question::Correlation(id) => self.0.query(&query.correlation(id))?,
            Question::Chain(id) => self.0.query(&query.chain(id))?,
            Question::Kinds {
                tenant,
                kinds,
                from,
                to,
                limit,
            } => self.0.query(
                &query
                    .tenant(tenant)
                    .kinds(kinds.iter().copied())
                    .time_range(TimeRange::between(from, to))
                    .limit(*limit),
            )?,
            Question::TraceLink(id) => {
                return Ok(Some(Answer::Link(self.0.get_trace_link(id)?.map(Box::new))));
            }
            Question::Event { tenant, id } => match self.0.get(Some(tenant), id)? {
                Some(entry) => vec![entry.envelope()?],
                None => Vec::new(),
            },
            Question::Newest { tenant, limit } => self
                .0
                .scan(
                    &query.tenant(tenant).limit(*limit),
                    ScanOptions::newest_first(),
                )?
                .into_envelopes()?,
        };
        Ok(Some(Answer::Events(events)))
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        for entry in self.0.replay(0)? {
            each(entry?.envelope()?);
        }
        Ok(())
    }

    fn replay_on_all_cores(&self) -> Result<Option<u64>> {
        let (events, cores) = (
            self.0.head()?,
            thread::available_parallelism()?.get() as u64,
        );
        let part = |number: u64| {
            let (first, end) = (events * number / cores, events * (number + 1) / cores);
            let mut count = 0;
            for entry in self.0.replay(first)? {
                let entry = entry?;
                if entry.sequence() >= end {
                    break;
                }
                black_box(entry.envelope()?);
                count += 1;
            }
            Ok::<u64, anyhow::Error>(count)
        };
        thread::scope(|scope| {
            let threads = (0..cores).map(|number| scope.spawn(move || part(number)));
            let threads: Vec<_> = threads.collect();
            let mut count = 0;
            for thread in threads {
                count += thread.join().ok().context("a thread panicked")??;
            }
            Ok(Some(count))
        })
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.0.close()?)
    }
}
