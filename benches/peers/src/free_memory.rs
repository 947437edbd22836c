//! Memory that nobody uses. The host of a virtual machine may take it back, and whoever uses it first then waits until
//! it is there again: for some microseconds a page, where a store adds an event in one or two.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Bytes that are touched at most.
const MOST: u64 = 4 << 30;
const PAGE: usize = 4096;

/// Uses half of the memory that is free, four gibibytes at most, and gives it back: for about two seconds it stays
/// where it is.
pub fn touch_much() {
    let half = available().unwrap_or_default() / 2;
    touch(usize::try_from(half.min(MOST)).unwrap_or_default());
}

/// How long it takes to use a page of memory: of what was free for long, and of what was used a moment ago.
#[must_use]
pub fn time_of_a_page() -> (Duration, Duration) {
    const PAGES: u32 = 64 << 10;
    let bytes = PAGES as usize * PAGE;
    (touch(bytes) / PAGES, touch(bytes) / PAGES)
}

/// Writes to so many bytes, and frees them.
fn touch(bytes: usize) -> Duration {
    let start = Instant::now();
    drop(black_box(vec![1_u8; bytes]));
    start.elapsed()
}

/// Bytes that could be allocated.
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_is_available() {
        assert!(available().unwrap() > 0);
    }
}
