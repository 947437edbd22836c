//! The results as a page.

use std::fmt::Write;

use clap::ValueEnum;

use super::table::number;
use super::{Results, machine};
use crate::args::Args;
use crate::contestant::Peer;
use crate::work::Work;

/// The machine, the command, a table for each size, and the growth, as Markdown.
#[must_use]
pub fn markdown(args: &Args, results: &Results) -> String {
    let mut text = String::from("| | |\n| --- | --- |\n");
    for (name, value) in machine::describe(&args.dir) {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    let versions = args.contestants().into_iter().filter_map(|peer| {
        let version = machine::version(peer)?;
        Some(format!("{} {version}", peer.name()))
    });
    let versions: Vec<String> = versions.collect();
    let _ = writeln!(text, "| versions | {} |", versions.join(", "));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let _ = writeln!(
        text,
        "| command | `cargo run --release -p peers{} -- {}` |",
        if cfg!(feature = "event-stores") {
            " --features event-stores"
        } else {
            ""
        },
        arguments.join(" ")
    );
    let _ = writeln!(text, "| seed | {} |", args.seed);
    for events in args.sizes() {
        table(&mut text, args, results, events);
    }
    growth(&mut text, results);
    text
}

fn table(text: &mut String, args: &Args, results: &Results, events: u64) {
    let peers = args.contestants();
    let _ = writeln!(
        text,
        "\n## {events} events, median of {} (least to most), in brackets how many times better ours is\n",
        args.rounds()
    );
    let names: Vec<String> = peers.iter().map(|peer| peer.name()).collect();
    let _ = writeln!(text, "| work | unit | {} |", names.join(" | "));
    let _ = writeln!(text, "| --- | --- |{}", " --- |".repeat(peers.len()));
    for work in Work::value_variants() {
        if results.get(events, *work, Peer::Ours, "").is_some() {
            let cells: Vec<String> = peers
                .iter()
                .map(|peer| cell(results, events, *work, *peer))
                .collect();
            let (work, unit) = (work.name(), work.unit().name());
            let _ = writeln!(text, "| `{work}` | {unit} | {} |", cells.join(" | "));
        }
    }
    let _ = writeln!(text, "\nFurther figures of ours:\n");
    for work in Work::value_variants() {
        let further = results.further(events, *work, Peer::Ours);
        let further = further.filter_map(|name| {
            let summary = results.get(events, *work, Peer::Ours, name)?;
            Some(format!("{name} {}", number(summary.median, work.unit())))
        });
        let further: Vec<String> = further.collect();
        if !further.is_empty() {
            let _ = writeln!(text, "- `{}`: {}", work.name(), further.join(", "));
        }
    }
}

fn cell(results: &Results, events: u64, work: Work, peer: Peer) -> String {
    let Some(theirs) = results.get(events, work, peer, "") else {
        return match peer.lacks(work) {
            Some(reason) => format!("n/a: {reason}"),
            None => String::new(),
        };
    };
    let unit = work.unit();
    let mut cell = number(theirs.median, unit);
    if theirs.least < theirs.most {
        let (least, most) = (number(theirs.least, unit), number(theirs.most, unit));
        let _ = write!(cell, " ({least} to {most})");
    }
    match results.get(events, work, Peer::Ours, "") {
        Some(ours) if peer != Peer::Ours => {
            let ratio = unit.ratio(ours.median, theirs.median);
            let _ = write!(cell, " **[{ratio:.2}]**");
        }
        _ => {}
    }
    cell
}

fn growth(text: &mut String, results: &Results) {
    let mut of = None;
    for (peer, point) in results.points() {
        if of != Some(peer) {
            let _ = writeln!(
                text,
                "\n## Growth of {}\n\n| events | events/s since the line above | disk, MiB | resident, MiB |\n\
                 | --- | --- | --- | --- |",
                peer.name()
            );
            of = Some(peer);
        }
        let show = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.0}"));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            point.events,
            show(point.rate),
            show(point.disk_mib),
            show(point.resident_mib)
        );
    }
}
