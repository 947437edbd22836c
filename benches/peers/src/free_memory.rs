//! Memory that nobody uses. The host of a virtual machine may have taken it back, and whoever uses it first then waits
//! until it is there again: for some microseconds a page, where a store adds an event in one or two.

use std::hint::black_box;

use anyhow::Result;

use crate::proc_file;

/// Bytes that are used at most.
const MAX_BYTES: u64 = 4 << 30;

/// Uses half of the free memory, four gibibytes at most, and gives it back: Linux leaves it alone for two seconds.
///
/// # Errors
///
/// The system does not tell how much is free, or has less than it says.
pub fn prefault() -> Result<()> {
    let bytes = usize::try_from((free()? / 2).min(MAX_BYTES))?;
    let mut memory = Vec::new();
    memory.try_reserve_exact(bytes)?;
    memory.resize(bytes, 1_u8);
    drop(black_box(memory));
    Ok(())
}

/// Bytes that hold nothing, not even a file that was read.
fn free() -> Result<u64> {
    Ok(proc_file::kibibytes("/proc/meminfo", "MemFree")? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_is_free() {
        assert!(free().unwrap() > 0);
    }
}
