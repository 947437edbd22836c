//! The questions, warm, each with a key of chance.

use std::time::Instant;

use anyhow::{Result, bail, ensure};
use experience_log::ExperienceEventEnvelope;

use super::{Job, figure, percentile, progress};
use crate::contestant::{Answer, Contestant};
use crate::work::Work;
use crate::workload::Questions;

/// Asks every work's questions of `store`, which holds `events`.
pub(super) fn run(
    job: &Job,
    store: &dyn Contestant,
    events: &[ExperienceEventEnvelope],
) -> Result<()> {
    let works = Work::QUESTIONS
        .into_iter()
        .filter(|work| job.wants(*work) && job.peer.lacks(*work).is_none());
    for work in works {
        let mut questions = Questions::new(job.seed + job.part, events);
        // A fifth as many first, to warm up.
        let warm = job.questions / 5;
        let mut times = Vec::with_capacity(job.questions);
        for number in 0..warm + job.questions {
            let Some(question) = questions.ask(work) else {
                bail!("{} asks nothing", work.name());
            };
            let start = Instant::now();
            let Some(answer) = std::hint::black_box(store.ask(&question)?) else {
                bail!("no answer to {question:?}");
            };
            let micros = start.elapsed().as_secs_f64() * 1e6;
            // A range of time may be empty of the kinds; everything else is known to be there.
            let found = match &answer {
                Answer::Events(found) => !found.is_empty() || work == Work::TenantKindsRange,
                Answer::Link(link) => link.is_some(),
            };
            ensure!(found, "nothing found for {question:?}");
            if number >= warm {
                times.push(micros);
            }
        }
        figure(work, "", percentile(&mut times, 0.5))?;
        figure(work, "p99", percentile(&mut times, 0.99))?;
        progress(1, 1)?;
    }
    Ok(())
}
