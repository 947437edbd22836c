//! Every campaign is told of, and run by CI.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What is no campaign of its own.
const OTHERS: [&str; 3] = ["all", "probe", "help"];

#[test]
fn every_campaign_is_told_of_and_run_by_ci() {
    let help = Command::new(env!("CARGO_BIN_EXE_torture"))
        .arg("--help")
        .output()
        .expect("torture runs");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let campaigns: Vec<_> = commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !OTHERS.contains(name))
        .collect();
    assert!(campaigns.len() >= 8, "{help}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |name: &str| fs::read_to_string(root.join(name)).expect("the file is there");
    let (docs, ci) = (read("docs/reliability.md"), read(".ci/run"));
    for campaign in campaigns {
        let told = format!("`cargo run --release -p torture -- {campaign}");
        assert!(docs.contains(&told), "docs/reliability.md: {campaign}");
        let campaigns_of_ci = ci.lines().find(|line| line.starts_with("for campaign in"));
        let run = campaigns_of_ci.is_some_and(|line| {
            line.split(' ')
                .any(|word| word.trim_end_matches(';') == campaign)
        });
        assert!(run, ".ci/run: {campaign}");
    }
}
