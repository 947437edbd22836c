//! One event a commit.

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use experience_log::ExperienceEventEnvelope;

use super::{Job, figure, float, percentile};
use crate::contestant::{Contestant, Level};
use crate::work::Work;
use crate::workload::Generator;

/// Commits at most: synced by one thread, synced by each of eight, not synced.
const SYNCED: usize = 20_000;
const EACH_OF_EIGHT: usize = 5_000;
const UNSYNCED: usize = 100_000;
const THREADS: usize = 8;

/// Appends single events to the filled store.
pub(super) fn run(job: &Job, work: Work) -> Result<()> {
    let (level, threads, each) = match work {
        Work::SingleSync => (Level::Sync, 1, SYNCED),
        Work::SingleSync8 => (Level::Sync, THREADS, EACH_OF_EIGHT),
        _ => (Level::Os, 1, UNSYNCED),
    };
    let events = Generator::after(job.seed, job.events, job.part).batch(threads * each);
    let store = job.peer.open(&job.path, level)?;
    store.prepare_for_singles()?;
    let start = Instant::now();
    let mut micros = thread::scope(|scope| {
        let parts = events.chunks(each).map(|part| {
            let store = &*store;
            scope.spawn(move || append_until(job, store, part, start))
        });
        let threads: Vec<_> = parts.collect();
        let mut all = Vec::new();
        for thread in threads {
            let times = thread.join().ok().context("a thread panicked")?;
            all.extend(times?);
        }
        Ok::<_, anyhow::Error>(all)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    figure(work, "", float(micros.len() as u64) / seconds)?;
    figure(work, "p50_us", percentile(&mut micros, 0.5))?;
    figure(work, "p99_us", percentile(&mut micros, 0.99))?;
    store.close()
}

/// Until `events` are appended, or the time is up.
fn append_until(
    job: &Job,
    store: &dyn Contestant,
    events: &[ExperienceEventEnvelope],
    start: Instant,
) -> Result<Vec<f64>> {
    let mut micros = Vec::with_capacity(events.len());
    for event in events {
        let before = Instant::now();
        store.append(std::slice::from_ref(event))?;
        micros.push(before.elapsed().as_secs_f64() * 1e6);
        if start.elapsed() > job.limit {
            break;
        }
    }
    Ok(micros)
}
