//! The plot: rate, disk and memory against the number of events.

use std::fmt::Write;

use super::Results;
use crate::contestant::Peer;
use crate::measure::Point;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 48.0;
const STEP: f64 = WIDTH + LEFT + 20.0;
/// Told apart by eyes of all kinds.
const COLOURS: [&str; 9] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5d5d5d", "#8f6b00",
    "#000000",
];

/// What a panel shows: its title, and which value of a point.
type Panel = (&'static str, fn(&Point) -> Option<f64>);

const PANELS: [Panel; 3] = [
    ("ingest, thousand events a second", |point| {
        point.rate.map(|rate| rate / 1000.0)
    }),
    ("disk, MiB", |point| point.disk_mib),
    ("resident memory, MiB", |point| point.resident_mib),
];

/// The plot as a document; empty panels where nothing was measured.
#[must_use]
pub fn svg(results: &Results) -> String {
    let points: Vec<(Peer, Point)> = results.points().collect();
    let mut peers: Vec<Peer> = points.iter().map(|(peer, _)| *peer).collect();
    peers.dedup();
    let (width, height) = (STEP * 3.0 + 10.0, TOP + HEIGHT + 56.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (number, (peer, colour)) in peers.iter().zip(COLOURS).enumerate() {
        let x = LEFT + 90.0 * count(number);
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"8\" width=\"12\" height=\"4\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"14\">{}</text>",
            x + 16.0,
            peer.name()
        );
    }
    for (number, panel) in PANELS.iter().enumerate() {
        draw(
            &mut text,
            LEFT + STEP * count(number),
            panel,
            &peers,
            &points,
        );
    }
    text.push_str("</svg>\n");
    text
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn millions(events: u64) -> f64 {
    events as f64 / 1e6
}

fn draw(text: &mut String, left: f64, panel: &Panel, peers: &[Peer], points: &[(Peer, Point)]) {
    let (title, value) = panel;
    let all = points.iter();
    let right = all.clone().map(|(_, point)| millions(point.events));
    let (right, top) = (
        round_up(right.fold(0.0, f64::max)),
        round_up(
            all.filter_map(|(_, point)| value(point))
                .fold(0.0, f64::max),
        ),
    );
    let place = |x: f64, y: f64| (left + x / right * WIDTH, TOP + HEIGHT - y / top * HEIGHT);
    let _ = writeln!(
        text,
        "<text x=\"{left}\" y=\"{}\">{title}</text>",
        TOP - 10.0
    );
    for part in 0..=4 {
        let part = f64::from(part) / 4.0;
        let (x, y) = place(right * part, top * part);
        let (end, bottom) = (left + WIDTH, TOP + HEIGHT);
        let _ = writeln!(
            text,
            "<path d=\"M{left} {y:.1}H{end}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{} M</text>",
            left - 6.0,
            y + 4.0,
            top * part,
            bottom + 18.0,
            right * part,
        );
    }
    for (peer, colour) in peers.iter().zip(COLOURS) {
        let of_peer = points.iter().filter(|(of, _)| of == peer);
        let mut line = String::new();
        for (x, y) in of_peer.filter_map(|(_, point)| Some((millions(point.events), value(point)?)))
        {
            let (x, y) = place(x, y);
            let _ = write!(line, "{x:.1},{y:.1} ");
        }
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            line.trim_end()
        );
    }
}

/// The next of 1, 2, 4 and 8 times a power of ten.
fn round_up(value: f64) -> f64 {
    let mut power = 10.0_f64.powf(value.max(1e-3).log10().floor());
    loop {
        for factor in [1.0, 2.0, 4.0, 8.0] {
            if factor * power >= value {
                return factor * power;
            }
        }
        power *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_stands_where_its_numbers_are() {
        let mut results = Results::default();
        for (events, rate) in [(500_000, 100_000.0), (1_000_000, 50_000.0)] {
            results.add_point(
                Peer::Ours,
                &Point {
                    events,
                    rate: Some(rate),
                    disk_mib: None,
                    resident_mib: None,
                },
            );
        }
        let text = svg(&results);
        // Half way to the right at the top, then right at half the height.
        let (middle, right) = (LEFT + WIDTH / 2.0, LEFT + WIDTH);
        let line = format!(
            "points=\"{middle:.1},{TOP:.1} {right:.1},{:.1}\"",
            TOP + HEIGHT / 2.0
        );
        assert!(text.contains(&line), "{line} is not in {text}");
        assert!(text.contains(">ours</text>"));
    }

    #[test]
    fn scales_end_at_round_numbers() {
        let ends = [
            (0.7, 0.8),
            (1.0, 1.0),
            (3.0, 4.0),
            (83.0, 100.0),
            (5.0, 8.0),
        ];
        for (value, end) in ends {
            assert!((round_up(value) - end).abs() < 1e-9, "{value}");
        }
    }
}
