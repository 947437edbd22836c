//! A line for each work and peer.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use super::Results;
use crate::args::Args;
use crate::contestant::Peer;
use crate::measure::Point;
use crate::work::Work;

/// `{"work", "peer", "events", "ours", "theirs", "unit", "ratio"}`, then spread and further figures.
///
/// # Errors
///
/// None that is known of: numbers and names become JSON.
pub fn json(args: &Args, results: &Results) -> Result<String> {
    let mut lines = String::new();
    for events in args.sizes() {
        for work in Work::value_variants() {
            for peer in args.contestants() {
                if let Some(line) = line(results, events, *work, peer) {
                    lines.push_str(&serde_json::to_string(&line)?);
                    lines.push('\n');
                }
            }
        }
    }
    for (peer, point) in results.points() {
        let line = Growth {
            work: "growth",
            peer,
            point,
        };
        lines.push_str(&serde_json::to_string(&line)?);
        lines.push('\n');
    }
    Ok(lines)
}

/// A point of a curve.
#[derive(Debug, Serialize)]
struct Growth {
    work: &'static str,
    peer: Peer,
    #[serde(flatten)]
    point: Point,
}

/// The fields that every line has, in this order, and then the others.
#[derive(Debug, Serialize)]
struct Line {
    work: Work,
    peer: Peer,
    events: u64,
    ours: f64,
    theirs: Option<f64>,
    unit: &'static str,
    ratio: Option<f64>,
    /// Why there is no figure of theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(flatten)]
    further: BTreeMap<String, f64>,
}

fn line(results: &Results, events: u64, work: Work, peer: Peer) -> Option<Line> {
    let ours = results.get(events, work, Peer::Ours, "")?;
    let theirs = results.get(events, work, peer, "");
    let reason = peer.lacks(work);
    if peer == Peer::Ours || (theirs.is_none() && reason.is_none()) {
        return None;
    }
    let mut further = BTreeMap::new();
    for (who, peer, summary) in [("ours", Peer::Ours, Some(ours)), ("theirs", peer, theirs)] {
        let Some(summary) = summary else {
            continue;
        };
        further.insert(format!("{who}_min"), summary.least);
        further.insert(format!("{who}_max"), summary.most);
        for name in results.further(events, work, peer) {
            if let Some(summary) = results.get(events, work, peer, name) {
                further.insert(format!("{who}_{name}"), summary.median);
            }
        }
    }
    Some(Line {
        work,
        peer,
        events,
        ours: ours.median,
        theirs: theirs.map(|theirs| theirs.median),
        unit: work.unit().name(),
        ratio: theirs.map(|theirs| work.unit().ratio(ours.median, theirs.median)),
        reason,
        further,
    })
}
