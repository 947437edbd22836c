//! After: the printed forms stay as they are, until somebody changes them and looks at what changed; and what the README
//! shows is what the command prints.
//!
//! `INSTA_UPDATE=always cargo test --test snapshots` writes the snapshots anew.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod command;

use std::fs;
use std::path::Path;

use command::{Bench, Ran};

/// What a command prints in a table of so many columns.
fn shown(bench: &Bench, columns: u32, arguments: &[&str]) -> String {
    let mut command = bench.command(arguments);
    command.env("COLUMNS", columns.to_string());
    Ran::from(command.output().unwrap()).exits(0).out
}

/// Settings that hide what differs from log to log: its id, when it was made, hashes over both, and sizes that follow.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in [
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[log id]",
        ),
        (
            r"(created|recorded)( +)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?",
            "$1$2[now]",
        ),
        (r#"(recorded_at|created_at)":"[^"]+"#, r#"$1":"[now]"#),
        (
            r"chain at( +)BLAKE3 [0-9a-f]{64}",
            "chain at$1BLAKE3 [hash]",
        ),
        (r"(?m)^(trees +).*", "$1[size]"),
        (r"; [0-9.]+ bytes on disk", "; [size] on disk"),
        (r"(?m)^(took +).*", "$1[time]"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings
}

#[test]
fn the_printed_forms() {
    let bench = Bench::with_runs();
    let forms: [(&str, u32, &[&str]); 14] = [
        ("runs-60", 60, &["runs", "log", "--format", "table"]),
        (
            "runs-100",
            100,
            &["runs", "log", "--sort", "cost", "--format", "table"],
        ),
        (
            "runs-200",
            200,
            &["runs", "log", "--limit", "3", "--format", "table"],
        ),
        (
            "show-60",
            60,
            &["show", "log", "claims-12", "--format", "table"],
        ),
        (
            "show-100",
            100,
            &["show", "log", "claims-11", "--format", "table"],
        ),
        (
            "show-200",
            200,
            &["show", "log", "sched-20260504-am", "--format", "table"],
        ),
        (
            "show-full",
            100,
            &[
                "show",
                "log",
                "freight-probe",
                "--full",
                "--format",
                "table",
            ],
        ),
        (
            "event",
            100,
            &["event", "log", "claims-11-0003", "--format", "table"],
        ),
        ("artifacts", 100, &["artifacts", "log", "--format", "table"]),
        (
            "artifact",
            120,
            &["artifacts", "log", "notebook-index", "--format", "table"],
        ),
        ("stats", 80, &["stats", "log"]),
        (
            "explain",
            80,
            &[
                "explain",
                "log",
                "--correlation",
                "cat-188",
                "--format",
                "table",
            ],
        ),
        (
            "tail",
            100,
            &["tail", "log", "-n", "6", "--format", "table"],
        ),
        ("runs-jsonl", 80, &["runs", "log", "--limit", "2"]),
    ];
    settings().bind(|| {
        for (name, columns, arguments) in forms {
            insta::assert_snapshot!(name, shown(&bench, columns, arguments));
        }
    });
}

#[test]
fn every_command_has_examples_completions_and_a_page() {
    let bench = Bench::new();
    let help = bench.run(&["--help"]).exits(0).out;
    let commands: Vec<&str> = help
        .split_once("Commands:\n")
        .unwrap()
        .1
        .split_once("\n\n")
        .unwrap()
        .0
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 14, "{commands:?}");
    let bash = bench.run(&["completions", "bash"]).exits(0).out;
    for name in &commands {
        let help = bench.run(&[name, "--help"]).exits(0).out;
        assert!(help.contains("Examples:\n  explog "), "{name}: {help}");
        assert!(bash.contains(name), "{name}");
        let page = bench.run(&["man", name]).exits(0).out;
        assert!(
            page.starts_with(".ie") && page.contains(".TH"),
            "{name}: {page}"
        );
    }
    let page = bench.run(&["man"]).exits(0).out;
    assert!(page.contains("explog") && page.contains("runs"), "{page}");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(
            bench
                .run(&["completions", shell])
                .exits(0)
                .out
                .contains("explog")
        );
    }
}

/// The commands in the README's `console` blocks, with what it says they print.
fn readme() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).unwrap();
    let mut samples = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for sample in block.split("$ ").skip(1) {
            let (command, output) = sample.split_once('\n').unwrap();
            samples.push((command.to_owned(), output.trim_end().to_owned()));
        }
    }
    samples
}

#[test]
fn the_readme_shows_what_is_printed() {
    let bench = Bench::new();
    bench.run(&["import", command::RUNS, "agent.log"]).exits(0);
    let samples = readme();
    assert!(samples.len() >= 3, "{samples:?}");
    for (command, expected) in samples {
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        assert_eq!(command.split_whitespace().next(), Some("explog"));
        let printed = shown(
            &bench,
            100,
            &[&arguments[..], &["--format", "table"]].concat(),
        );
        let printed: Vec<&str> = printed.trim_end().lines().collect();
        let mut rest = printed.as_slice();
        // A line of dots stands for lines that are left out.
        for part in expected.split("\n...\n") {
            let lines: Vec<&str> = part.lines().collect();
            let found = rest.windows(lines.len()).position(|window| window == lines);
            let place = found.unwrap_or_else(|| panic!("{command} prints\n{}", printed.join("\n")));
            rest = rest.get(place + lines.len()..).unwrap();
        }
    }
}
