//! What is done to a file: one bit flipped, its end cut off, or a page of it zeroed.

use std::fmt;
use std::ops::Range;

use crate::workload::Random;

/// One damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// One bit is another.
    Flip {
        /// The byte.
        at: usize,
        /// The bit in it.
        bit: u8,
    },
    /// The file ends early.
    Truncate {
        /// The length that is left.
        to: usize,
    },
    /// An aligned page is zeros.
    Zero {
        /// Its first byte.
        from: usize,
        /// The byte behind it.
        to: usize,
    },
}

impl Damage {
    /// A damage that changes these bytes. `None` if they cannot be changed: there are none.
    pub fn random(bytes: &[u8], random: &mut Random) -> Option<Self> {
        let written = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        for _ in 0..100 {
            // Most of the time where something was written, not in what is filled ahead.
            let within = if written > 0 && random.below(8) > 0 {
                written
            } else {
                bytes.len()
            };
            if within == 0 {
                return None;
            }
            let at = random.below(within as u64) as usize;
            let damage = match random.below(4) {
                0 => Self::Truncate { to: at },
                1 => {
                    let page = if random.below(2) == 0 { 512 } else { 4096 };
                    let from = at / page * page;
                    let to = (from + page).min(bytes.len());
                    Self::Zero { from, to }
                }
                _ => {
                    let bit = random.below(8) as u8;
                    Self::Flip { at, bit }
                }
            };
            if damage.changes(bytes) {
                return Some(damage);
            }
        }
        None
    }

    fn changes(self, bytes: &[u8]) -> bool {
        match self {
            Self::Flip { at, .. } => at < bytes.len(),
            Self::Truncate { to } => to < bytes.len(),
            Self::Zero { from, to } => bytes[from..to].iter().any(|byte| *byte != 0),
        }
    }

    /// Does it.
    pub fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip { at, bit } => bytes[at] ^= 1 << bit,
            Self::Truncate { to } => bytes.truncate(to),
            Self::Zero { from, to } => bytes[from..to].fill(0),
        }
    }

    /// The bytes that it touches.
    pub fn range(self) -> Range<usize> {
        match self {
            Self::Flip { at, .. } => at..at + 1,
            Self::Truncate { to } => to..usize::MAX,
            Self::Zero { from, to } => from..to,
        }
    }

    /// How a report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flip { .. } => "bits flipped",
            Self::Truncate { .. } => "files cut short",
            Self::Zero { .. } => "pages zeroed",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip { at, bit } => write!(f, "bit {bit} of byte {at} flipped"),
            Self::Truncate { to } => write!(f, "cut to {to} bytes"),
            Self::Zero { from, to } => write!(f, "bytes {from} to {to} zeroed"),
        }
    }
}
