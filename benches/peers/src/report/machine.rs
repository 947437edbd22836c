//! What the figures were measured on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::contestant::Peer;

/// The versions that were built in.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Lines of name and value.
pub(super) fn describe(dir: &Path) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    vec![
        (
            "processor",
            format!("{}, {cores} cores", field("/proc/cpuinfo", "model name")),
        ),
        ("memory", field("/proc/meminfo", "MemTotal")),
        (
            "kernel",
            format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        ),
        ("file system", file_system(dir)),
        ("compiler", compiler()),
        ("allocator", allocator().to_owned()),
        ("interruptions", interruptions()),
    ]
}

/// How often the machine takes the processor away from a thread that never waits. What takes 10 µs cannot have a 99th
/// percentile under 20 where that happens once in a millisecond.
fn interruptions() -> String {
    const LONG: Duration = Duration::from_micros(20);
    let (start, mut last) = (Instant::now(), Instant::now());
    let (mut count, mut held_up) = (0_u32, Duration::ZERO);
    while last.duration_since(start) < Duration::from_secs(2) {
        let now = Instant::now();
        let passed = now.duration_since(last);
        if passed > LONG {
            count += 1;
            held_up += passed;
        }
        last = now;
    }
    let all = last.duration_since(start).as_secs_f64();
    format!(
        "{:.2} of more than {} µs in a millisecond, {:.1} % of the time, in a loop that reads the clock",
        f64::from(count) / all / 1e3,
        LONG.as_micros(),
        100.0 * held_up.as_secs_f64() / all,
    )
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn field(path: &str, name: &str) -> String {
    let text = read(path);
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    });
    value.unwrap_or("unknown").to_owned()
}

/// The type of the file system that holds `dir`: the mount with the longest path above it.
fn file_system(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_default();
    let mounts = read("/proc/self/mounts");
    let above = mounts.lines().filter_map(|line| {
        let mut parts = line.split_whitespace().skip(1);
        let (place, kind) = (parts.next()?, parts.next()?);
        dir.starts_with(place).then_some((place.len(), kind))
    });
    above
        .max_by_key(|(length, _)| *length)
        .map_or("unknown", |(_, kind)| kind)
        .to_owned()
}

/// What the Rust parts of all contestants allocate with.
const fn allocator() -> &'static str {
    if cfg!(feature = "jemalloc") {
        "jemalloc"
    } else {
        "the system's"
    }
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The version of a peer, as the lock file has it.
pub(super) fn version(peer: Peer) -> Option<String> {
    let package = match peer {
        Peer::Ours => "experience-log",
        Peer::Sqlite => "rusqlite",
        Peer::Redb => "redb",
        Peer::Fjall => "fjall",
        Peer::Heed => "heed",
        Peer::Sled => "sled",
        Peer::Umadb => "umadb-core",
        Peer::Sierradb => "sierradb",
        Peer::Floor => return None,
    };
    let name = format!("name = \"{package}\"");
    let mut lines = LOCK.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = ")?.trim_matches('"');
    Some(match peer {
        Peer::Sqlite => format!("{version} (SQLite {})", rusqlite::version()),
        _ => version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_peer_has_a_version() {
        for peer in Peer::value_variants() {
            let version = version(*peer);
            let digits = version.is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()));
            assert_eq!(digits, *peer != Peer::Floor, "{peer:?}");
        }
    }
}
