//! After: what a person sees on a terminal, at sixty and at two hundred columns, with and without colours, through a
//! pager and without; and that a follower on a terminal ends when it is told to.
#![cfg(all(unix, feature = "cli"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod command;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use unicode_width::UnicodeWidthStr;

use command::Bench;

/// The two ends of a new terminal.
fn terminal(columns: u16) -> (OwnedFd, OwnedFd) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = open(
        name.as_c_str(),
        OFlags::RDWR | OFlags::NOCTTY,
        Mode::empty(),
    )
    .unwrap();
    let size = Winsize {
        ws_row: 50,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&program, size).unwrap();
    (person, program)
}

/// What a command prints on a terminal of so many columns, and its exit code.
fn on_terminal(mut command: Command, columns: u16) -> (String, i32) {
    let (person, program) = terminal(columns);
    let errors = program.try_clone().unwrap();
    command
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(program)
        .stderr(errors);
    let mut child = command.spawn().unwrap();
    // The ends that the command holds must be the last.
    drop(command);
    let mut shown = Vec::new();
    let mut bytes = [0; 4096];
    let mut person = File::from(person);
    loop {
        match person.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => shown.extend_from_slice(&bytes[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // On Linux, the end of a terminal that nobody holds any more.
            Err(_) => break,
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    (String::from_utf8(shown).unwrap(), code)
}

/// The text without colours, whose escapes must be the only ones.
fn plain(shown: &str) -> String {
    let mut text = String::new();
    let mut rest = shown;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        text.push_str(before);
        let (codes, behind) = after.split_once('m').unwrap();
        let codes = codes
            .strip_prefix('[')
            .unwrap_or_else(|| panic!("{after:?}"));
        assert!(
            codes.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{codes:?}"
        );
        rest = behind;
    }
    text + rest
}

const LISTINGS: [&[&str]; 10] = [
    &["runs", "log"],
    &["runs", "log", "--failed", "--local"],
    &["show", "log", "claims-11"],
    &["show", "log", "sched-20260504-am"],
    &["artifacts", "log"],
    &["artifacts", "log", "notebook-index"],
    &["stats", "log"],
    &["dump", "log"],
    &["tail", "log", "-n", "100"],
    &["explain", "log", "--kind", "fact-promoted"],
];

#[test]
fn tables_fit_a_narrow_and_a_wide_terminal() {
    let bench = Bench::with_runs();
    for listing in LISTINGS {
        let mut widest = 0;
        for columns in [60, 200] {
            let mut command = bench.command(listing);
            command.arg("--no-pager").env("TZ", "Europe/Oslo");
            let (shown, code) = on_terminal(command, columns);
            assert_eq!(code, 0, "{listing:?}: {shown}");
            let text = plain(&shown);
            assert!(text.lines().count() > 3, "{listing:?}: {text}");
            for line in text.lines() {
                assert!(
                    line.width() <= columns.into(),
                    "{listing:?} at {columns}: {line}"
                );
                assert!(
                    !line.trim_end_matches('\r').contains(char::is_control),
                    "{line:?}"
                );
                widest = widest.max(line.width());
            }
        }
        assert!(widest > 60, "{listing:?} makes no use of a wide terminal");
    }
}

#[test]
fn a_failed_contract_is_red_with_its_reason() {
    let bench = Bench::with_runs();
    let mut command = bench.command(&["show", "log", "claims-11", "--no-pager"]);
    let (shown, _) = on_terminal(command, 200);
    let red = shown.lines().filter(|line| line.contains("\u{1b}[31m"));
    let told = red
        .filter(|line| line.contains("no-accusation-without-evidence"))
        .count();
    assert!(told >= 2, "at the top, and in its place: {shown}");
    command = bench.command(&["show", "log", "claims-11", "--no-pager", "--color", "never"]);
    let (shown, _) = on_terminal(command, 200);
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn colours_follow_the_option_and_the_variable() {
    let bench = Bench::with_runs();
    let coloured = |text: &str| text.contains('\u{1b}');
    let runs = ["runs", "log", "--format", "table", "--no-pager"];
    assert!(!coloured(&bench.run(&runs).exits(0).out), "in a pipe");
    let always = [&runs[..], &["--color", "always"]].concat();
    assert!(coloured(&bench.run(&always).exits(0).out));
    // `NO_COLOR` is for `auto`.
    let (person, program) = terminal(100);
    let mut command = bench.command(&runs);
    command
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .stdout(program);
    let status = command.status().unwrap();
    drop(command);
    assert!(status.success());
    let mut bytes = vec![0; 1 << 16];
    let read = File::from(person).read(&mut bytes).unwrap();
    assert!(read > 0 && !coloured(&String::from_utf8_lossy(&bytes[..read])));
}

#[test]
fn a_pager_is_used_on_a_terminal_only() {
    let bench = Bench::with_runs();
    let mut command = bench.command(&["runs", "log"]);
    command.env("EXPLOG_PAGER", "sed 's/^/paged: /'");
    let (shown, code) = on_terminal(command, 80);
    assert_eq!(code, 0);
    assert!(
        shown.lines().all(|line| line.starts_with("paged: ")),
        "{shown}"
    );
    for (name, value) in [("EXPLOG_PAGER", ""), ("PAGER", "cat")] {
        let mut command = bench.command(&["runs", "log"]);
        command.env(name, value);
        let (shown, code) = on_terminal(command, 80);
        assert!(code == 0 && shown.contains("claims-11"), "{shown}");
    }
    // A pager that is left early is no error.
    let mut command = bench.command(&["dump", "log"]);
    command.env("EXPLOG_PAGER", "head -n 1");
    assert_eq!(on_terminal(command, 80).1, 0);
    let mut command = bench.command(&["runs", "log"]);
    command.env("EXPLOG_PAGER", "sed 's/^/paged: /'");
    let ran = command::Ran::from(command.output().unwrap()).exits(0);
    assert!(!ran.out.contains("paged"));
}

#[test]
fn times_are_in_utc_or_in_the_zone_of_the_machine() {
    let bench = Bench::with_runs();
    let start = |arguments: &[&str]| {
        let all = [&["runs", "log", "--format", "table"], arguments].concat();
        let mut command = bench.command(&all);
        command.env("TZ", "IST-5:30");
        let out = command::Ran::from(command.output().unwrap()).exits(0).out;
        let row = out
            .lines()
            .find(|line| line.contains("freight-0927"))
            .unwrap();
        row[..16].to_owned()
    };
    assert_eq!(start(&[]), "2026-05-04 08:30");
    assert_eq!(start(&["--local"]), "2026-05-04 14:00");
}
