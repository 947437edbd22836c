//! The page around the data.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use experience_log::inspect::{Outcome, RunSummary, Timeline, Totals};
use indicatif::HumanCount;
use sha2::{Digest, Sha256};

use super::data;
use crate::output::escape;
use crate::output::figures::{dollars, or_nothing};
use crate::output::when::{self, Zone};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the page of these runs.
pub(super) fn write(
    output: &mut impl Write,
    log: &str,
    runs: &[Timeline],
    left_out: u64,
) -> io::Result<()> {
    let log = text(log);
    // What runs and what lays out is named by its hash: nothing that came from an agent can.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    writeln!(
        output,
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{log}: runs</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>Runs of {log}</h1>"#
    )?;
    totals(output, runs, left_out)?;
    writeln!(output, "</header>\n<main>{FILTERS}")?;
    table(output, runs)?;
    let json = data::json(runs)?;
    writeln!(
        output,
        r#"<noscript><p>The timelines need scripts; the list does not.</p></noscript>
<section id="run" class="hidden" aria-label="The chosen run"></section>
</main>
<footer>Times are in UTC. Tokens and cost are summed over the outcomes of a run.</footer>
<script type="application/json" id="data">{json}</script>
<script>{SCRIPT}</script>
</body>
</html>"#
    )
}

const FILTERS: &str = r#"
<form id="filters" class="filters hidden" role="search">
<label class="wide">Search runs, tenants, backends and what went wrong <input type="search" name="search" autocomplete="off"></label>
<label>Outcome <select name="outcome"><option value="">any</option><option>failed</option><option>passed</option><option>open</option></select></label>
<label>Tenant <select name="tenant"><option value="">any</option></select></label>
<button type="reset">Clear</button>
<span id="count" class="faint" role="status"></span>
</form>"#;

/// A text as markup shows it: escaped, with what could reorder or hide it made visible.
fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in escape::line(text).chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            other => shown.push(other),
        }
    }
    shown
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

fn totals(output: &mut impl Write, runs: &[Timeline], left_out: u64) -> io::Result<()> {
    let mut totals = Totals::default();
    for run in runs {
        totals.add(&run.run);
    }
    let count = |count: u64| HumanCount(count).to_string();
    let facts = [
        ("runs", count(totals.runs)),
        ("failed", count(totals.failed)),
        ("events", count(totals.events)),
        ("proposals", count(totals.proposals)),
        ("refused", count(totals.failed_validations)),
        ("tokens", count(totals.tokens)),
        ("cost", dollars(totals.cost_microdollars)),
    ];
    if left_out > 0 {
        let runs = count(left_out);
        writeln!(
            output,
            r#"<p class="warn">{runs} earlier runs are left out: the page has a limit of events.</p>"#
        )?;
    }
    writeln!(output, r#"<dl class="totals">"#)?;
    for (name, fact) in facts {
        writeln!(output, "<div><dt>{name}</dt><dd>{fact}</dd></div>")?;
    }
    writeln!(output, "</dl>")
}

/// The columns of the list: the key they are sorted by, the name, and the class.
const COLUMNS: [(&str, &str, &str); 11] = [
    ("run", "run", ""),
    ("outcome", "outcome", ""),
    ("start", "start", "medium"),
    ("duration", "duration", "number"),
    ("cost", "cost", "number"),
    ("refused", "refused", "number"),
    ("events", "events", "number medium"),
    ("proposals", "proposals", "number roomy"),
    ("tokens", "tokens", "number roomy"),
    ("tenant", "tenant", "medium"),
    ("", "backends", "roomy"),
];

fn table(output: &mut impl Write, runs: &[Timeline]) -> io::Result<()> {
    writeln!(
        output,
        r#"<div id="runs-box" class="scroll" tabindex="0" role="region" aria-label="List of runs"><table id="runs"><thead><tr>"#
    )?;
    for (key, name, class) in COLUMNS {
        let sort = if key == "start" {
            r#" aria-sort="descending""#
        } else {
            ""
        };
        writeln!(
            output,
            r#"<th scope="col" data-key="{key}" class="{class}"{sort}>{name}</th>"#
        )?;
    }
    writeln!(output, "</tr></thead><tbody>")?;
    for (place, timeline) in runs.iter().enumerate() {
        row(output, place, &timeline.run)?;
    }
    writeln!(output, "</tbody></table></div>")
}

fn row(output: &mut impl Write, place: usize, run: &RunSummary) -> io::Result<()> {
    let count = |count: u64| HumanCount(count).to_string();
    let tint = match run.outcome {
        Outcome::Passed => "good",
        Outcome::Failed => "bad",
        Outcome::Open => "faint",
    };
    let badge = format!(
        r#"<span class="badge {tint}">{}</span>"#,
        run.outcome.as_str()
    );
    let refused = if run.failed_validations > 0 {
        format!(
            r#"<span class="bad">{}</span>"#,
            count(run.failed_validations)
        )
    } else {
        "0".to_owned()
    };
    writeln!(
        output,
        r#"<tr data-run="{place}"><th scope="row"><button type="button">{}</button></th><td>{badge}</td><td class="date medium">{}</td><td class="number">{}</td><td class="number">{}</td><td class="number">{refused}</td><td class="number medium">{}</td><td class="number roomy">{}</td><td class="number roomy">{}</td><td class="medium">{}</td><td class="roomy">{}</td></tr>"#,
        text(&run.correlation_id),
        text(&Zone::utc().minute(&run.started_at)),
        when::duration(run.duration_us),
        or_nothing(run.cost_microdollars, dollars),
        count(run.events),
        count(run.proposals),
        or_nothing(run.tokens, count),
        or_nothing(run.tenant_id.as_deref(), text),
        text(&run.backends.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_is_text() {
        assert_eq!(
            text("<b a=\"1\">&'\u{202e}\n"),
            "&lt;b a=&quot;1&quot;&gt;&amp;&#39;\\u{202e}\\n"
        );
    }

    #[test]
    fn the_script_and_the_style_cannot_end_early() {
        assert!(!SCRIPT.contains("</script"));
        assert!(!SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</style"));
        // All text of the log goes in as text.
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
    }
}
