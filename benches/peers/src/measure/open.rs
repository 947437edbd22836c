//! From opening to the first answer. Each in a fresh process; the page cache stays as it is.

use std::io::Read;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::{Job, Line, figure, tell};
use crate::contestant::{Answer, Level};
use crate::work::Work;
use crate::workload::{Generator, Questions};

/// What is appended, not synced, before the process is killed, and in which batches.
const BEFORE_KILL: usize = 10_000;
const BATCH: usize = 100;

fn name(killed: bool) -> &'static str {
    if killed { "" } else { "clean" }
}

/// Appends a little, says so, and waits.
pub(super) fn be_killed(job: &Job) -> Result<()> {
    let events = Generator::after(job.seed, job.events, job.part).batch(BEFORE_KILL);
    let store = job.peer.open(&job.path, job.peer.weakest())?;
    for batch in events.chunks(BATCH) {
        store.append(batch)?;
    }
    tell(&Line::Ready)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// From opening until a synced append is acknowledged.
pub(super) fn append(job: &Job, killed: bool) -> Result<()> {
    let events = Generator::after(job.seed, job.events, job.part).batch(1);
    let start = Instant::now();
    let store = job.peer.open(&job.path, Level::Sync)?;
    let written = store.append(&events)?;
    let millis = start.elapsed().as_secs_f64() * 1e3;
    ensure!(written == 1, "the event was known already");
    figure(Work::OpenAppend, name(killed), millis)?;
    store.close()
}

/// From opening until a run is read.
pub(super) fn query(job: &Job, killed: bool) -> Result<()> {
    let events = Generator::new(job.seed).batch(super::BATCH);
    let mut questions = Questions::new(job.seed + job.part, &events);
    let Some(question) = questions.ask(Work::ByCorrelation) else {
        return Ok(());
    };
    let start = Instant::now();
    let store = job.peer.open(&job.path, Level::Sync)?;
    let answer = store.ask(&question)?;
    let millis = start.elapsed().as_secs_f64() * 1e3;
    if let Some(answer) = answer {
        ensure!(answer != Answer::Events(Vec::new()), "the run is gone");
        figure(Work::OpenQuery, name(killed), millis)?;
    }
    store.close()
}
