//! After: the import rule. `contract` and `error` know nobody; `store` knows neither `contract` nor `log`;
//! `log` joins them; `inspect` stands on `log`; inside the store, the journal knows nothing of trees or queries.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folder (or file), and what no line of code in it may name.
const FORBIDDEN: [(&str, &[&str]); 8] = [
    (
        "contract",
        &[
            "crate::error",
            "crate::log",
            "crate::store",
            "crate::inspect",
        ],
    ),
    (
        "error.rs",
        &[
            "crate::contract",
            "crate::log",
            "crate::store",
            "crate::inspect",
            "sled",
            "bincode",
        ],
    ),
    (
        "store",
        &[
            "crate::contract",
            "crate::log",
            "crate::inspect",
            "serde",
            "bincode",
        ],
    ),
    (
        "store/journal",
        &[
            "super::trees",
            "super::query",
            "super::memtable",
            "super::shared",
            "sled",
        ],
    ),
    (
        "store/query",
        &["super::shared", "super::journal::writer", "sled"],
    ),
    (
        "store/trees",
        &["super::shared", "super::journal::writer", "super::look"],
    ),
    ("log", &["crate::inspect", "sled", "bincode"]),
    ("inspect", &["crate::store", "sled", "bincode"]),
];

/// The one file that may name sled.
const ENGINE: &str = "store/trees/engine.rs";

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        found.push(path.to_path_buf());
        return;
    }
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "rs") {
            sources(&path, found);
        }
    }
}

/// Lines of code that name `word` as a whole path segment or path.
fn lines_naming<'a>(source: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    source.lines().filter(move |line| {
        let code = line.trim_start();
        !code.starts_with("//")
            && code.match_indices(word).any(|(place, _)| {
                let before = code.get(..place).unwrap().chars().next_back();
                let after = code.get(place + word.len()..).unwrap().chars().next();
                let inside = |character: Option<char>| {
                    character.is_some_and(|c| c.is_alphanumeric() || c == '_')
                };
                let import = code.contains("use ") || code.contains("::");
                import && !inside(before) && !inside(after)
            })
    })
}

#[test]
fn imports_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    let mut broken = Vec::new();
    for (folder, words) in FORBIDDEN {
        let mut files = Vec::new();
        sources(&root.join(folder), &mut files);
        for file in files {
            let name = file
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            let source = fs::read_to_string(&file).unwrap();
            for word in words
                .iter()
                .filter(|word| **word != "sled" || name != ENGINE)
            {
                checked += 1;
                for line in lines_naming(&source, word) {
                    broken.push(format!("{name} names {word}: {line}"));
                }
            }
        }
    }
    assert!(
        checked > 100,
        "only {checked} checks: have the folders moved?"
    );
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_check_can_fail() {
    assert_eq!(lines_naming("use crate::log::X;", "crate::log").count(), 1);
    assert_eq!(lines_naming("let x: sled::Db;", "sled").count(), 1);
    assert_eq!(lines_naming("// use sled", "sled").count(), 0);
    assert_eq!(
        lines_naming("use crate::logger::X;", "crate::log").count(),
        0
    );
}
