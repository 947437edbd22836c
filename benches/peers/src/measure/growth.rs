//! How rate, disk and memory go as a store grows.

use std::fs;
use std::time::Instant;

use anyhow::Result;

use super::{BATCH, Job, Line, Point, disk, float, resident, tell};
use crate::free_memory;
use crate::workload::Generator;

/// Points of a curve.
const POINTS: u64 = 10;

/// Fills a new store in ten parts: the rate of each part, and the disk after it. A part's events are made
/// before its first is appended.
pub(super) fn rates(job: &Job) -> Result<()> {
    fs::create_dir_all(&job.path)?;
    let store = job.peer.open(&job.path, job.peer.weakest())?;
    let mut generator = Generator::new(job.seed);
    let part = job.events / POINTS;
    for number in 1..=POINTS {
        let events = generator.batch(usize::try_from(part)?);
        if job.prefault {
            free_memory::prefault()?;
        }
        let start = Instant::now();
        for batch in events.chunks(BATCH) {
            store.append(batch)?;
        }
        let rate = float(part) / start.elapsed().as_secs_f64();
        drop(events);
        let (allocated, _) = disk::settled(&job.path)?;
        tell(&Line::Point(Point {
            events: number * part,
            rate: Some(rate),
            disk_mib: Some(float(allocated) / f64::from(1 << 20)),
            resident_mib: None,
        }))?;
    }
    store.close()?;
    Ok(fs::remove_dir_all(&job.path)?)
}

/// Fills a new store from a stream: the memory after each tenth.
pub(super) fn memory(job: &Job) -> Result<()> {
    fs::create_dir_all(&job.path)?;
    let store = job.peer.open(&job.path, job.peer.weakest())?;
    let mut generator = Generator::new(job.seed);
    let part = job.events / POINTS;
    for number in 1..=POINTS {
        let mut left = usize::try_from(part)?;
        while left > 0 {
            let batch = generator.batch(left.min(BATCH));
            left -= batch.len();
            store.append(&batch)?;
        }
        tell(&Line::Point(Point {
            events: number * part,
            rate: None,
            disk_mib: None,
            resident_mib: Some(resident::status("VmRSS")?),
        }))?;
    }
    store.close()?;
    Ok(fs::remove_dir_all(&job.path)?)
}
