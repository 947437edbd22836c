//! Whether a campaign can be run here: what it needs is tried, once.

use crate::disk::{Disk, METHODS};
use crate::strace;

/// A campaign that needs more than a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Wanted {
    /// Root, loop devices, ext4, xfs, python3.
    PowerCut,
    /// Root, loop devices, ext4.
    FullDisk,
    /// strace, and the right to trace.
    IoErrors,
    /// strace, and the right to trace.
    TornWrites,
}

/// Tries what the campaign needs.
///
/// # Errors
///
/// What is missing.
pub fn probe(wanted: Wanted) -> Result<(), String> {
    match wanted {
        Wanted::PowerCut => METHODS.into_iter().try_for_each(|method| {
            let mut disk = Disk::for_cuts(method, 128 << 20)?;
            disk.cutter()?.cut()?;
            disk.power_on()
        }),
        Wanted::FullDisk => Disk::new(12 << 20).map(drop),
        Wanted::IoErrors | Wanted::TornWrites => strace::check(),
    }
}
