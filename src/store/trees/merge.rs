//! Merges runs as they pile up, so that a look-up passes over few of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::super::index::{Definition, INDEXES};
use super::engine::{Engine, Tree, TreeError, Write};
use super::keys;
use super::run::{Page, Posting, Run};
use super::writer::{RunBuilder, TreeWriter};

/// This many runs of one level become one of the next.
pub(crate) const FAN_IN: usize = 8;
/// Pages written in one transaction, while a merge is under way.
const PAGES_AT_ONCE: usize = 64;

impl TreeWriter {
    /// Whether twice as many runs as should be merged have piled up somewhere.
    pub(crate) fn is_behind(&self) -> bool {
        let crowded = |runs: &Vec<Arc<Run>>| crowded_level(runs, 2 * FAN_IN).is_some();
        self.runs.iter().any(crowded)
    }

    /// Merges the first set of runs that has piled up, if there is one.
    pub(crate) fn merge_once(&mut self) -> Result<bool, TreeError> {
        self.remove_unknown_runs()?;
        for (place, definition) in INDEXES.iter().enumerate() {
            let Some(level) = self
                .runs
                .get(place)
                .and_then(|runs| crowded_level(runs, FAN_IN))
            else {
                continue;
            };
            self.merge(place, definition, level)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn merge(&mut self, place: usize, definition: &Definition, level: u8) -> Result<(), TreeError> {
        let Some(runs) = self.runs.get(place) else {
            return Ok(());
        };
        let (merged, kept): (Vec<_>, Vec<_>) = runs
            .iter()
            .cloned()
            .partition(|run| run.info.level == level);
        let number = self.manifest.next_run;
        let terms = merged.iter().map(|run| run.info.terms).sum();
        let mut builder = RunBuilder::new(definition, number, level.saturating_add(1), terms);
        for posting in Merge::new(&self.engine, definition, &merged)? {
            builder.push(posting?);
            if builder.writes.len() >= PAGES_AT_ONCE {
                // Nobody reads the run before the manifest names it.
                self.engine.apply(&std::mem::take(&mut builder.writes))?;
            }
        }
        let (run, mut writes) = builder.finish()?;
        let mut manifest = self.manifest.clone();
        manifest.next_run += 1;
        manifest
            .runs
            .retain(|info| !(info.index == definition.code && info.level == level));
        manifest.runs.push(run.info);
        writes.push(Write::insert(
            Tree::Meta,
            keys::MANIFEST,
            &manifest.encode(),
        ));
        self.engine.apply(&writes)?;
        self.manifest = manifest;
        if let Some(runs) = self.runs.get_mut(place) {
            *runs = kept;
            runs.push(Arc::new(run));
        }
        self.retired.extend(merged);
        Ok(())
    }
}

/// A level of so many runs.
fn crowded_level(runs: &[Arc<Run>], most: usize) -> Option<u8> {
    let level = |run: &Arc<Run>| run.info.level;
    runs.iter()
        .map(level)
        .find(|one| runs.iter().filter(|run| level(run) == *one).count() >= most)
}

/// The postings of several runs, in order.
struct Merge<'a> {
    engine: &'a Engine,
    definition: &'a Definition,
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<(Posting, usize)>>,
}

/// A run that is read from front to back.
struct Source {
    run: Arc<Run>,
    page: u32,
    /// Postings of the current page that are still to come, the next one last.
    postings: Vec<Posting>,
}

impl<'a> Merge<'a> {
    fn new(
        engine: &'a Engine,
        definition: &'a Definition,
        runs: &[Arc<Run>],
    ) -> Result<Self, TreeError> {
        let sources = runs
            .iter()
            .map(|run| Source {
                run: Arc::clone(run),
                page: 0,
                postings: Vec::new(),
            })
            .collect();
        let mut merge = Self {
            engine,
            definition,
            sources,
            next: BinaryHeap::new(),
        };
        for source in 0..merge.sources.len() {
            merge.advance(source)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, place: usize) -> Result<(), TreeError> {
        let Some(source) = self.sources.get_mut(place) else {
            return Ok(());
        };
        if source.postings.is_empty() && source.page < source.run.info.pages {
            let key = keys::page_key(source.run.info.number, source.page);
            let bytes = self
                .engine
                .require(Tree::Index(self.definition.index), &key)?;
            let page = Page::parse(&bytes, self.definition.unique).map_err(TreeError::new)?;
            source.postings.extend(page.postings());
            source.postings.reverse();
            source.page += 1;
        }
        if let Some(posting) = source.postings.pop() {
            self.next.push(Reverse((posting, place)));
        }
        Ok(())
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Posting, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((posting, source)) = self.next.pop()?;
        Some(self.advance(source).map(|()| posting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::index::{HASH_ZEROS, TermHash};

    #[test]
    fn runs_are_merged_in_order_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TreeWriter::open(folder.path(), [1; 16], 1 << 20).unwrap();
        let definition = &INDEXES[2];
        let mut expected = Vec::new();
        for number in 0..FAN_IN as u64 {
            let mut builder = RunBuilder::new(definition, number, 0, 1500);
            let postings = (0..1500).map(|step| Posting {
                hash: TermHash(((step * 37) % 1999) << HASH_ZEROS),
                block: u32::try_from(number).unwrap(),
                slots: 1 << (step % 64),
            });
            let mut postings: Vec<_> = postings.collect();
            postings.sort_unstable();
            for posting in &postings {
                builder.push(*posting);
            }
            expected.extend(postings);
            let (run, writes) = builder.finish().unwrap();
            writer.engine.apply(&writes).unwrap();
            writer.manifest.runs.push(run.info);
            writer.manifest.next_run += 1;
            writer.runs[2].push(Arc::new(run));
        }
        let before = writer.snapshot();
        assert!(writer.merge_once().unwrap());
        assert!(!writer.merge_once().unwrap());
        expected.sort_unstable();
        let after = writer.snapshot();
        assert_eq!((before.runs[2].len(), after.runs[2].len()), (FAN_IN, 1));
        let merged: Vec<_> = Merge::new(&writer.engine, definition, &after.runs[2])
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(merged, expected);
        // A reader of the state before goes on to see it; a reopened log sees the new one only.
        for hash in [0, 37, 1998] {
            let of = |snapshot: &super::super::snapshot::TreeSnapshot| {
                let hash = TermHash(hash << HASH_ZEROS);
                snapshot.postings(definition.index, hash).unwrap()
            };
            assert_eq!(of(&before), of(&after));
        }
        drop((before, after, writer));
        let mut writer = TreeWriter::open(folder.path(), [1; 16], 1 << 20).unwrap();
        assert!(!writer.merge_once().unwrap());
        let key = writer
            .engine
            .first_key_from(Tree::Index(definition.index), b"")
            .unwrap()
            .unwrap();
        assert_eq!(keys::run_of_key(&key), Some(FAN_IN as u64));
    }
}
