//! The memory of a process that does nothing but fill a store and ask a little.

use std::fs;

use anyhow::Result;

use super::{BATCH, Job, figure, float, progress};
use crate::contestant::Peer;
use crate::proc_file;
use crate::work::Work;
use crate::workload::{Generator, Questions};

/// Questions of each work, so that what reading takes is in the figure.
const QUESTIONS: usize = 200;

/// Fills a new store from a stream of events, and tells the memory.
pub(super) fn run(job: &Job) -> Result<()> {
    fs::create_dir_all(&job.path)?;
    let store = job.peer.open(&job.path, job.peer.weakest())?;
    let mut generator = Generator::new(job.seed);
    let (mut first, mut done) = (Vec::new(), 0);
    while done < job.events {
        let batch = generator.batch(BATCH);
        store.append(&batch)?;
        done += BATCH as u64;
        if done.is_multiple_of(20 * BATCH as u64) {
            progress(done, job.events)?;
        }
        if first.is_empty() {
            first = batch;
        }
    }
    store.settle()?;
    let mut questions = Questions::new(job.seed, &first);
    // What the floor answers from is no part of it.
    let asked = (job.peer != Peer::Floor).then_some(Work::QUESTIONS);
    for work in asked.into_iter().flatten() {
        for question in (0..QUESTIONS).filter_map(|_| questions.ask(work)) {
            store.ask(&question)?;
        }
    }
    figure(Work::Memory, "", status("VmHWM")?)?;
    figure(Work::Memory, "resident", status("VmRSS")?)?;
    figure(Work::Memory, "anonymous", status("RssAnon")?)?;
    store.close()?;
    Ok(fs::remove_dir_all(&job.path)?)
}

/// A line of this process's status, in mebibytes.
pub(super) fn status(name: &str) -> Result<f64> {
    let kibibytes = proc_file::kibibytes("/proc/self/status", name)?;
    Ok(float(kibibytes) / 1024.0)
}
