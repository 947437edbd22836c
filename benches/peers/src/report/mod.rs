//! Figures of all rounds, and how they are shown.

mod json;
mod machine;
mod markdown;
mod svg;
mod table;

use std::collections::BTreeMap;

pub use json::json;
pub use markdown::markdown;
pub use svg::svg;
pub use table::table;

use crate::contestant::Peer;
use crate::measure::{Figure, Job, Point};
use crate::work::Work;

/// Every figure that was measured.
#[derive(Debug, Default)]
pub struct Results {
    figures: BTreeMap<(u64, Work, Peer, String), Vec<f64>>,
    points: BTreeMap<(Peer, u64), Point>,
}

/// A figure over the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Results {
    /// Adds what `job` found.
    pub fn add(&mut self, job: &Job, figure: Figure) {
        if job.works.contains(&figure.work) {
            self.figures
                .entry((job.events, figure.work, job.peer, figure.name))
                .or_default()
                .push(figure.value);
        }
    }

    /// The figure `name` of a work over the rounds, if it was measured.
    #[must_use]
    pub fn get(&self, events: u64, work: Work, peer: Peer, name: &str) -> Option<Summary> {
        let key = (events, work, peer, name.to_owned());
        let mut values = self.figures.get(&key)?.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Summary {
            median,
            least: *values.first()?,
            most: *values.last()?,
        })
    }

    /// Adds what is known of a peer's store at some size.
    pub fn add_point(&mut self, peer: Peer, new: &Point) {
        let point = self.points.entry((peer, new.events)).or_insert(*new);
        point.rate = point.rate.or(new.rate);
        point.disk_mib = point.disk_mib.or(new.disk_mib);
        point.resident_mib = point.resident_mib.or(new.resident_mib);
    }

    /// The points of all curves, by peer and size.
    pub fn points(&self) -> impl Iterator<Item = (Peer, Point)> {
        self.points.iter().map(|((peer, _), point)| (*peer, *point))
    }

    /// The names of the further figures of a work.
    pub fn further(&self, events: u64, work: Work, peer: Peer) -> impl Iterator<Item = &str> {
        self.figures
            .keys()
            .filter_map(move |(size, of, whose, name)| {
                let same = (*size, *of, *whose) == (events, work, peer);
                (same && !name.is_empty()).then_some(name.as_str())
            })
    }
}
