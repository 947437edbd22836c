//! What a process of its own measures, and how it tells.

mod disk;
mod growth;
mod ingest;
mod open;
mod questions;
mod resident;
mod single;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::contestant::Peer;
use crate::work::Work;

/// Events of a batch.
pub const BATCH: usize = 1000;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Fills a new store, not synced; then its size on disk, and the questions in the same process.
    Fill,
    /// Fills a new store, synced, and removes it.
    FillSynced,
    /// Appends single events to the filled store.
    Single(Work),
    /// Fills a new store from a stream, looks at the memory, and removes the store.
    Memory,
    /// Appends a little and waits to be killed.
    BeKilled,
    /// Opens and appends; `true` if the process before was killed.
    OpenAppend(bool),
    /// Opens and reads a run.
    OpenQuery(bool),
    /// Fills a new store part by part, looks at rate and disk, and removes it.
    Growth,
    /// The same for the memory.
    GrowthOfMemory,
}

/// What a process is told to measure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// What.
    pub task: Task,
    /// Whose.
    pub peer: Peer,
    /// The directory of its store.
    pub path: PathBuf,
    /// Events that are in the store, or are put into it.
    pub events: u64,
    /// The seed of the workload.
    pub seed: u64,
    /// Tells rounds and works apart where ids must be new.
    pub part: u64,
    /// Questions of each work.
    pub questions: usize,
    /// The longest that single events are appended.
    pub limit: Duration,
    /// Only these works are measured.
    pub works: Vec<Work>,
    /// Free memory is used before a part of the growth.
    pub prefault: bool,
}

/// A line that a measuring process prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// So much is done, from 0 to 1.
    Progress(f64),
    /// Ready to be killed.
    Ready,
    /// One figure.
    Figure(Figure),
    /// One point of a curve.
    Point(Point),
}

/// What a store is at some size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Events in the store.
    pub events: u64,
    /// Events a second, since the point before.
    pub rate: Option<f64>,
    /// Allocated blocks.
    pub disk_mib: Option<f64>,
    /// Resident memory of the process.
    pub resident_mib: Option<f64>,
}

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    /// Of which work.
    pub work: Work,
    /// Which figure of it; empty for the one that counts.
    pub name: String,
    /// In the work's unit, unless the name says another.
    pub value: f64,
}

fn tell(line: &Line) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn figure(work: Work, name: &str, value: f64) -> Result<()> {
    tell(&Line::Figure(Figure {
        work,
        name: name.to_owned(),
        value,
    }))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share for a progress bar, a count for a rate"
)]
fn float(count: u64) -> f64 {
    count as f64
}

fn progress(done: u64, all: u64) -> Result<()> {
    tell(&Line::Progress(float(done) / float(all.max(1))))
}

/// The share `part` of sorted `values`: 0.5 is the median.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index from a share"
)]
fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let index = (last as f64 * part).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}

impl Job {
    fn wants(&self, work: Work) -> bool {
        self.works.contains(&work)
    }

    /// Measures, and prints the figures.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub fn run(&self) -> Result<()> {
        match self.task {
            Task::Fill => ingest::fill(self),
            Task::FillSynced => ingest::fill_synced(self),
            Task::Single(work) => single::run(self, work),
            Task::Memory => resident::run(self),
            Task::BeKilled => open::be_killed(self),
            Task::OpenAppend(killed) => open::append(self, killed),
            Task::OpenQuery(killed) => open::query(self, killed),
            Task::Growth => growth::rates(self),
            Task::GrowthOfMemory => growth::memory(self),
        }
    }
}
