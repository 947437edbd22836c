//! Files in which Linux tells of itself and of a process.

use std::fs;

use anyhow::{Context, Result};

/// The line of such a file that begins with `name`, in kibibytes.
///
/// # Errors
///
/// There is no such file or line, or it tells no number.
pub fn kibibytes(file: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next());
    let number = number.with_context(|| format!("{file} does not tell {name}"))?;
    Ok(number.parse()?)
}
