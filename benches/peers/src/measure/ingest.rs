//! Filling a store in batches.

use std::fs;
use std::time::Instant;

use anyhow::{Result, ensure};
use experience_log::ExperienceEventEnvelope;

use super::{BATCH, Job, disk, figure, float, progress, questions};
use crate::contestant::{Contestant, Level};
use crate::work::Work;
use crate::workload::Generator;

/// Fills a new store at the weakest level, then measures what is asked of a filled one.
pub(super) fn fill(job: &Job) -> Result<()> {
    let events = generate(job)?;
    fs::create_dir_all(&job.path)?;
    let store = job.peer.open(&job.path, job.peer.weakest())?;
    let seconds = append_all(&*store, &events)?;
    if job.peer.weakest() == Level::Os {
        figure(Work::BatchOs, "", float(job.events) / seconds)?;
    }
    let start = Instant::now();
    store.settle()?;
    figure(Work::Disk, "settle_s", start.elapsed().as_secs_f64())?;
    let (allocated, apparent) = disk::settled(&job.path)?;
    figure(Work::Disk, "rest_s", start.elapsed().as_secs_f64())?;
    figure(Work::Disk, "", float(allocated) / float(job.events))?;
    figure(Work::Disk, "apparent", float(apparent) / float(job.events))?;
    questions::run(job, &*store, &events)?;
    if job.wants(Work::Replay) {
        replay(job, &*store)?;
    }
    store.close()
}

/// Fills a new store at [`Level::Sync`], and removes it.
pub(super) fn fill_synced(job: &Job) -> Result<()> {
    let events = generate(job)?;
    fs::create_dir_all(&job.path)?;
    let store = job.peer.open(&job.path, Level::Sync)?;
    let seconds = append_all(&*store, &events)?;
    figure(Work::BatchSync, "", float(job.events) / seconds)?;
    store.close()?;
    Ok(fs::remove_dir_all(&job.path)?)
}

/// All events are made before the first is appended: a store with threads of its own would use the
/// pauses.
fn generate(job: &Job) -> Result<Vec<ExperienceEventEnvelope>> {
    Ok(Generator::new(job.seed).batch(usize::try_from(job.events)?))
}

fn append_all(store: &dyn Contestant, events: &[ExperienceEventEnvelope]) -> Result<f64> {
    let all = events.len() as u64;
    let (start, mut done) = (Instant::now(), 0);
    for batch in events.chunks(BATCH) {
        let written = store.append(batch)?;
        ensure!(
            written == batch.len(),
            "{written} of {} written",
            batch.len()
        );
        done += batch.len() as u64;
        if done.is_multiple_of(20 * BATCH as u64) {
            progress(done, all)?;
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

fn replay(job: &Job, store: &dyn Contestant) -> Result<()> {
    let (start, mut count) = (Instant::now(), 0_u64);
    store.replay(&mut |event| {
        count += u64::from(!std::hint::black_box(event).event_id.is_empty());
    })?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(
        count == job.events,
        "replay gave {count} events of {}",
        job.events
    );
    figure(Work::Replay, "", float(count) / seconds)?;
    let start = Instant::now();
    if let Some(count) = store.replay_on_all_cores()? {
        let seconds = start.elapsed().as_secs_f64();
        ensure!(count == job.events, "{count} events of {}", job.events);
        figure(Work::Replay, "all_cores", float(count) / seconds)?;
    }
    Ok(())
}
