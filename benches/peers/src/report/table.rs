//! The table for people.

use std::fmt::Write;

use clap::ValueEnum;

use super::{Results, Summary};
use crate::args::Args;
use crate::contestant::Peer;
use crate::work::{Unit, Work};

/// A block for each size: a line for each work and contestant, with its figure's ratio to ours.
#[must_use]
pub fn table(args: &Args, results: &Results) -> String {
    let mut text = String::new();
    for events in args.sizes() {
        let _ = writeln!(text, "{events} events, {} rounds", args.rounds());
        let _ = writeln!(
            text,
            "{:<19}{:<10}{:>12} {:>25}  {:<12}{:>7}  further",
            "work", "peer", "median", "least .. most", "unit", "ratio"
        );
        for work in Work::value_variants() {
            for peer in args.contestants() {
                line(&mut text, results, events, *work, peer);
            }
        }
        text.push('\n');
    }
    for (peer, point) in results.points() {
        let show = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.0}"));
        let _ = writeln!(
            text,
            "{:<10}{:>10} events{:>10} events/s{:>8} MiB on disk{:>8} MiB resident",
            peer.name(),
            point.events,
            show(point.rate),
            show(point.disk_mib),
            show(point.resident_mib)
        );
    }
    text
}

fn line(text: &mut String, results: &Results, events: u64, work: Work, peer: Peer) {
    let ours = results.get(events, work, Peer::Ours, "");
    let Some(theirs) = results.get(events, work, peer, "") else {
        if let (Some(reason), Some(_)) = (peer.lacks(work), ours) {
            let (work, peer) = (work.name(), peer.name());
            let _ = writeln!(text, "{work:<19}{peer:<10}{:>12}  {reason}", "n/a");
        }
        return;
    };
    let ratio = match ours {
        Some(ours) if peer != Peer::Ours => {
            format!("{:.2}", work.unit().ratio(ours.median, theirs.median))
        }
        _ => String::new(),
    };
    let further = results.further(events, work, peer).filter_map(|name| {
        let Summary { median, .. } = results.get(events, work, peer, name)?;
        Some(format!("{name} {}", number(median, work.unit())))
    });
    let further: Vec<String> = further.collect();
    let unit = work.unit();
    let spread = format!(
        "{} .. {}",
        number(theirs.least, unit),
        number(theirs.most, unit)
    );
    let _ = writeln!(
        text,
        "{:<19}{:<10}{:>12} {spread:>25}  {:<12}{ratio:>7}  {}",
        work.name(),
        peer.name(),
        number(theirs.median, unit),
        unit.name(),
        further.join(", "),
    );
}

/// Three digits that count.
pub(super) fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::EventsPerSecond if value >= 1000.0 => format!("{:.1} k", value / 1000.0),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
