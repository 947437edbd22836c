//! The workload: a deterministic stream of agents' runs, and the questions asked of it.
//!
//! Fifty tenants, skewed as Zipf has it; some sixty runs live at once, each of 20 to 60 events with one
//! correlation id and one to three chains; a tenth of the events up to three seconds late.

mod event;
mod questions;
mod run;
mod text;

pub use questions::{Question, Questions};

use experience_log::ExperienceEventEnvelope;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use run::Run;

/// Tenants of the workload.
const TENANTS: usize = 50;
/// Runs that are live at once.
const LIVE: usize = 64;
/// Milliseconds between two events, on average.
const GAP_MS: i64 = 50;
/// 2026-03-01T00:00:00Z.
const START_SECOND: i64 = 1_772_323_200;

/// An endless stream of envelopes, the same for the same seed.
#[derive(Debug)]
pub struct Generator {
    rng: Rng,
    clock: Timestamp,
    tenants: Vec<f64>,
    live: Vec<Run>,
}

impl Generator {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::starting(seed, START_SECOND)
    }

    /// Another stream of `seed`, for appends to a log that holds `events` already: later in time, and
    /// with ids of its own for each `part`.
    #[must_use]
    pub fn after(seed: u64, events: u64, part: u64) -> Self {
        let span = i64::try_from(events).unwrap_or(i64::MAX / GAP_MS) * GAP_MS / 1000;
        let seed = seed ^ (part + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self::starting(seed, START_SECOND + span + 3600)
    }

    fn starting(seed: u64, second: i64) -> Self {
        let weights = (1..=TENANTS).scan(0.0, |sum, rank| {
            *sum += 1.0 / f64::from(u32::try_from(rank).unwrap_or(u32::MAX));
            Some(*sum)
        });
        let mut generator = Self {
            rng: Rng::with_seed(seed),
            clock: Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH),
            tenants: weights.collect(),
            live: Vec::with_capacity(LIVE),
        };
        for _ in 0..LIVE {
            let run = generator.start_run();
            generator.live.push(run);
        }
        generator
    }

    fn start_run(&mut self) -> Run {
        let total = self.tenants.last().copied().unwrap_or_default();
        let pick = self.rng.f64() * total;
        let tenant = self.tenants.partition_point(|sum| *sum < pick);
        Run::new(&mut self.rng, tenant)
    }

    fn next_event(&mut self) -> ExperienceEventEnvelope {
        self.clock += SignedDuration::from_micros(self.rng.i64(0..2 * GAP_MS * 1000));
        let late = if self.rng.u8(0..10) == 0 {
            self.rng.i64(0..3_000_000)
        } else {
            0
        };
        let time = self.clock - SignedDuration::from_micros(late);
        let slot = self.rng.usize(0..LIVE);
        if self.live[slot].ended() {
            self.live[slot] = self.start_run();
        }
        self.live[slot].next_event(&mut self.rng, time)
    }

    /// The next `count` envelopes.
    pub fn batch(&mut self, count: usize) -> Vec<ExperienceEventEnvelope> {
        (0..count).map(|_| self.next_event()).collect()
    }
}
