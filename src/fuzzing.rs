//! What the fuzz targets in `fuzz/` call: each takes bytes and panics where a promise is broken. Hostile bytes
//! are an error, never a panic, and what is decoded comes back from its encoding.
//!
//! Checksums would keep a fuzzer out of what lies behind them, so most targets read the bytes twice: as they
//! are, and with the checksum made right.
//!
//! Not part of the crate's interface.

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target fails by a panic"
)]

mod block;
mod checksum;
mod envelope;
mod frame;
mod key;
mod open;
mod posting;
mod record;
mod sealed;
#[cfg(test)]
mod seeds;
mod small_file;
mod template;

pub use block::block;
pub use envelope::envelope;
pub use frame::frame;
pub use key::key;
pub use open::open;
pub use posting::posting;
pub use record::record;
pub use sealed::sealed;
pub use small_file::small_file;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `fuzz/seeds`.
pub const TARGETS: [(&str, Target); 9] = [
    ("frame", frame),
    ("record", record),
    ("block", block),
    ("posting", posting),
    ("key", key),
    ("envelope", envelope),
    ("sealed", sealed),
    ("small_file", small_file),
    ("open", open),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn cases(folder: &Path) -> Vec<PathBuf> {
        let mut cases: Vec<_> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
        cases.sort();
        cases
    }

    /// Seeds, and what fuzzing has found so far.
    #[test]
    fn every_kept_case_is_read_without_a_panic() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, target) in TARGETS {
            let seeds = cases(&root.join("fuzz/seeds").join(name));
            assert!(!seeds.is_empty(), "no seeds for {name}");
            for case in seeds
                .into_iter()
                .chain(cases(&root.join("fixtures/fuzz-found").join(name)))
            {
                eprintln!("{}", case.display());
                target(&fs::read(&case).unwrap());
            }
        }
    }

    #[test]
    fn every_target_takes_nothing_and_little() {
        for (_, target) in TARGETS {
            for length in 0..40 {
                target(&vec![0; length]);
                target(&vec![0xff; length]);
            }
        }
    }

    /// `cargo test --lib write_seeds -- --ignored` makes the seeds anew, after a change of a format.
    #[test]
    #[ignore = "writes into fuzz/seeds"]
    fn write_seeds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        for (target, name, bytes) in seeds::of_formats().into_iter().chain(seeds::of_open()) {
            fs::create_dir_all(root.join(target)).unwrap();
            fs::write(root.join(target).join(name), bytes).unwrap();
        }
    }
}
