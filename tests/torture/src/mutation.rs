//! Take each safety line out: a test must fail for every one.
//!
//! The repository is copied; one line after the other is changed there, and the check that is to notice runs.
//! Each check runs once on the unchanged copy, where it must pass. `docs/safety-lines.md` lists the lines.
//! Every line costs a build; the short form only looks whether the lines are where the list says.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Options;
use crate::progress;
use crate::report::Report;
use crate::safety_lines::{Check, LINES, SafetyLine};

/// Where the lines are listed.
const DOCS: &str = include_str!("../../../docs/safety-lines.md");

/// Runs the campaign.
pub fn run(options: &Options, only: Option<&str>) -> Report {
    let begun = Instant::now();
    let mut report = Report::new("mutation", options.seed);
    let lines: Vec<&SafetyLine> = LINES
        .iter()
        .filter(|line| only.is_none_or(|only| line.name.contains(only)))
        .collect();
    let copy = match Copy::new() {
        Ok(copy) => copy,
        Err(error) => {
            report.violation(format!("the repository cannot be copied: {error}"));
            return report;
        }
    };
    for line in &lines {
        if !DOCS.contains(&format!("| {} |", line.name)) {
            report.violation(format!("docs/safety-lines.md does not list: {}", line.name));
        }
    }
    let bar = progress::bar(report.name, lines.len() as u64);
    if options.short {
        for line in lines {
            report.trials += 1;
            if let Err(error) = copy.find(line) {
                report.violation(format!("{}: {error}", line.name));
            }
            report.count("lines that are where the list says", 1);
            bar.inc(1);
        }
    } else if checks_pass(&mut report, &copy, &lines) {
        for line in lines {
            report.trials += 1;
            take_out(&mut report, &copy, line);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    report.took = begun.elapsed();
    report
}

/// Whether each check passes as long as nothing is taken out.
fn checks_pass(report: &mut Report, copy: &Copy, lines: &[&SafetyLine]) -> bool {
    let checks: BTreeSet<Check> = lines.iter().map(|line| line.check).collect();
    for check in checks {
        let built = copy.run(check.build());
        match built.and_then(|_| copy.run(check.run())) {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::Failed(text)) => {
                let end = end_of(&text);
                report.violation(format!("{check} fails without any change: {end}"));
            }
            Err(error) => report.violation(format!("cargo: {error}")),
        }
    }
    report.is_clean()
}

fn take_out(report: &mut Report, copy: &Copy, line: &SafetyLine) {
    let outcome = copy.changed(line, || {
        // A change that does not compile shows nothing.
        match copy.run(line.check.build())? {
            Outcome::Passed => copy.run(line.check.run()),
            Outcome::Failed(text) => {
                let end = end_of(&text);
                Err(io::Error::other(format!("does not compile: {end}")))
            }
        }
    });
    match outcome {
        Ok(Outcome::Failed(text)) => {
            report.count("lines taken out, and noticed", 1);
            // It takes long: each is told as it comes.
            let by = noticed_by(&text);
            println!("{}: noticed by {}, {by}", line.name, line.check);
        }
        Ok(Outcome::Passed) => {
            report.count("lines taken out, and not noticed", 1);
            println!("{}: NOT noticed by {}", line.name, line.check);
            report.violation(format!("{}: {} passes without it", line.name, line.check));
        }
        Err(error) => report.violation(format!("{}: {error}", line.name)),
    }
}

/// The test that failed, or the first violation that a campaign found.
fn noticed_by(text: &str) -> String {
    let test = |line: &str| {
        let name = line
            .trim()
            .strip_prefix("---- ")?
            .strip_suffix(" stdout ----")?;
        Some(format!("`{name}`"))
    };
    let violation = |line: &str| line.trim().strip_prefix("VIOLATION ").map(str::to_owned);
    text.lines()
        .find_map(test)
        .or_else(|| text.lines().find_map(violation))
        .unwrap_or_else(|| "which ended with an error".to_owned())
}

fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n    ")
}

enum Outcome {
    Passed,
    /// With what was said.
    Failed(String),
}

/// A copy of the repository, and where it is built.
struct Copy {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Copy {
    fn new() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize()?;
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(&root)
            .output()?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let copy = Self {
            folder: tempfile::tempdir()?,
            target: target.join("mutation"),
        };
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        for name in listed.split('\0').filter(|name| !name.is_empty()) {
            let (from, to) = (root.join(name), copy.folder.path().join(name));
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            // One that was removed, and is still in the index.
            if from.is_file() {
                fs::copy(from, to)?;
            }
        }
        Ok(copy)
    }

    /// Runs cargo in the copy.
    fn run(&self, arguments: &[&str]) -> io::Result<Outcome> {
        let output = Command::new("cargo")
            .args(arguments)
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", &self.target)
            // It is built for every line, and run once.
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "0")
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(Outcome::Passed);
        }
        let said = [output.stdout, output.stderr].concat();
        Ok(Outcome::Failed(String::from_utf8_lossy(&said).into_owned()))
    }

    /// The file that the line stands in, if it stands there once.
    fn find(&self, line: &SafetyLine) -> io::Result<String> {
        let text = fs::read_to_string(self.folder.path().join(line.file))?;
        match text.matches(line.text).count() {
            1 => Ok(text),
            found => {
                let what = format!("{:?} stands {found} times in {}", line.text, line.file);
                Err(io::Error::other(what))
            }
        }
    }

    /// Calls `check` while a line is changed.
    fn changed(
        &self,
        line: &SafetyLine,
        check: impl FnOnce() -> io::Result<Outcome>,
    ) -> io::Result<Outcome> {
        let path = self.folder.path().join(line.file);
        let text = self.find(line)?;
        fs::write(&path, text.replacen(line.text, line.instead, 1))?;
        let outcome = check();
        fs::write(&path, text)?;
        outcome
    }
}
