//! Merges runs as they pile up, so that a look-up passes over few of them. A merge goes on in steps between other work:
//! of a whole level at once, it would hold up every flush behind it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use super::super::index::{Definition, INDEXES};
use super::engine::{Engine, Tree, TreeError, Write};
use super::keys;
use super::pages::Pages;
use super::run::{PAGE_POSTINGS, Page, Posting, Run, RunInfo};
use super::run_builder::RunBuilder;
use super::writer::{TreeWriter, WRITES_AT_ONCE};

/// This many runs of one level become one of the next.
const FAN_IN: usize = 8;
/// Postings of a step, at least: some milliseconds.
const STEP: u64 = (WRITES_AT_ONCE * PAGE_POSTINGS) as u64;

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// There is nothing to merge.
    None,
    /// There is more to do before it counts.
    Part,
    /// Readers may have fewer runs.
    Whole,
}

impl TreeWriter {
    /// Takes a step of every merge, beside a flush: under a steady load there is no rest to wait for. The step is twice
    /// what the flush brought, and so a merge is done before as many runs have piled up again.
    pub(crate) fn merge_beside_load(&mut self) -> Result<Step, TreeError> {
        while self.begin_merge()? {}
        let merges = std::mem::take(&mut self.merges);
        let mut done = Step::None;
        for merge in merges {
            let flushed = self.last_flushed(merge.place);
            done = done.max(self.take_step(merge, STEP.max(2 * flushed))?);
        }
        Ok(done)
    }

    /// Takes a step of a merge while there is nothing better to do.
    pub(crate) fn merge_at_rest(&mut self) -> Result<Step, TreeError> {
        if self.merges.is_empty() {
            self.begin_merge()?;
        }
        match self.merges.pop() {
            Some(merge) => self.take_step(merge, STEP),
            None => Ok(Step::None),
        }
    }

    /// Merges until no level has twice the runs that it should. A writer that goes leaves its merges unfinished; of many
    /// that each stay for a moment, none would ever finish a large one.
    pub(crate) fn merge_before_end(&mut self) -> Result<Step, TreeError> {
        let mut last = Step::None;
        while self.is_behind() {
            last = self.merge_at_rest()?;
            if last == Step::None {
                break;
            }
        }
        Ok(last)
    }

    fn is_behind(&self) -> bool {
        let mut indexes = self.runs.iter();
        indexes.any(|runs| {
            let runs: Vec<_> = runs.iter().collect();
            crowded_level(&runs, 2 * FAN_IN).is_some()
        })
    }

    /// Begins to merge the runs of a level that have piled up and are not being merged. False if there are none.
    fn begin_merge(&mut self) -> Result<bool, TreeError> {
        self.remove_unknown_runs()?;
        for (place, (definition, runs)) in INDEXES.iter().zip(&self.runs).enumerate() {
            let is_free = |run: &&Arc<Run>| {
                let mut merges = self.merges.iter();
                !merges.any(|merge| (merge.place, merge.level) == (place, run.info.level))
            };
            let free: Vec<_> = runs.iter().filter(is_free).collect();
            let Some(level) = crowded_level(&free, FAN_IN) else {
                continue;
            };
            let of_level = free.into_iter().filter(|run| run.info.level == level);
            let merged = of_level.cloned().collect();
            // Whatever becomes of it, the number is used: there may be pages of it.
            let number = self.manifest.next_run;
            self.manifest.next_run += 1;
            let merge = Merge::new(&self.caches.pages, place, definition, merged, level, number)?;
            self.merges.push(merge);
            return Ok(true);
        }
        Ok(false)
    }

    fn take_step(&mut self, mut merge: Merge, most: u64) -> Result<Step, TreeError> {
        if merge.go_on(&self.engine, &self.caches.pages, most)? {
            self.end_merge(merge)?;
            return Ok(Step::Whole);
        }
        self.merges.push(merge);
        Ok(Step::Part)
    }

    /// Puts the merged run in the place of those it was merged from.
    fn end_merge(&mut self, merge: Merge) -> Result<(), TreeError> {
        let Merge {
            place,
            sources,
            builder,
            ..
        } = merge;
        let is_merged = |info: &RunInfo| {
            let mut sources = sources.iter();
            sources.any(|source| source.run.info.number == info.number)
        };
        let (run, mut writes) = builder.finish()?;
        let mut manifest = self.manifest.clone();
        manifest.runs.retain(|info| !is_merged(info));
        manifest.runs.push(run.info);
        writes.push(Write::insert(
            Tree::Meta,
            keys::MANIFEST,
            &manifest.encode(),
        ));
        self.engine.apply(&writes)?;
        self.caches.pages.wrote(&writes);
        self.manifest = manifest;
        if let Some(runs) = self.runs.get_mut(place) {
            runs.retain(|run| !is_merged(&run.info));
            runs.push(Arc::new(run));
        }
        let merged = sources.into_iter().map(|source| source.run);
        self.retired.extend(merged);
        Ok(())
    }

    /// Postings of an index's latest run that came from a flush.
    fn last_flushed(&self, place: usize) -> u64 {
        let mut runs = self.runs.get(place).into_iter().flatten();
        let latest = runs.rfind(|run| run.info.level == 0);
        latest.map_or(0, |run| run.info.postings)
    }
}

/// A level of so many runs.
fn crowded_level(runs: &[&Arc<Run>], many: usize) -> Option<u8> {
    let level = |run: &&Arc<Run>| run.info.level;
    runs.iter()
        .map(level)
        .find(|one| runs.iter().filter(|run| level(run) == *one).count() >= many)
}

/// A merge under way. Nobody reads its run before the manifest names it, and what a crash leaves of it is removed.
#[derive(Debug)]
pub(super) struct Merge {
    place: usize,
    definition: &'static Definition,
    /// The level of what is merged.
    level: u8,
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<(Posting, usize)>>,
    builder: RunBuilder,
}

/// A run that is read from front to back.
#[derive(Debug)]
struct Source {
    run: Arc<Run>,
    page: u32,
    /// Postings of the current page that are still to come, the next one last.
    postings: Vec<Posting>,
}

impl Merge {
    fn new(
        pages: &Pages,
        place: usize,
        definition: &'static Definition,
        runs: Vec<Arc<Run>>,
        level: u8,
        number: u64,
    ) -> Result<Self, TreeError> {
        let terms = runs.iter().map(|run| run.info.terms).sum();
        let source = |run| Source {
            run,
            page: 0,
            postings: Vec::new(),
        };
        let mut sources: Vec<_> = runs.into_iter().map(source).collect();
        let mut next = BinaryHeap::with_capacity(sources.len());
        for (source, place) in sources.iter_mut().zip(0..) {
            if let Some(posting) = source.next(pages, definition)? {
                next.push(Reverse((posting, place)));
            }
        }
        Ok(Self {
            place,
            definition,
            level,
            sources,
            next,
            builder: RunBuilder::new(definition, number, level.saturating_add(1), terms),
        })
    }

    /// Merges `most` postings, or those that are left. True if none are left.
    fn go_on(&mut self, engine: &Engine, pages: &Pages, most: u64) -> Result<bool, TreeError> {
        for _ in 0..most {
            let Some(posting) = self.next(pages)? else {
                return Ok(true);
            };
            self.builder.push(posting);
            if self.builder.writes.len() >= WRITES_AT_ONCE {
                let writes = std::mem::take(&mut self.builder.writes);
                engine.apply(&writes)?;
                pages.wrote(&writes);
            }
        }
        Ok(self.next.is_empty())
    }

    /// The least of the postings that are left.
    fn next(&mut self, pages: &Pages) -> Result<Option<Posting>, TreeError> {
        let Some(mut least) = self.next.peek_mut() else {
            return Ok(None);
        };
        let Reverse((posting, place)) = *least;
        let source = self.sources.get_mut(place);
        let following = source.map(|source| source.next(pages, self.definition));
        match following.transpose()?.flatten() {
            Some(following) => *least = Reverse((following, place)),
            None => drop(PeekMut::pop(least)),
        }
        Ok(Some(posting))
    }
}

impl Source {
    fn next(
        &mut self,
        pages: &Pages,
        definition: &Definition,
    ) -> Result<Option<Posting>, TreeError> {
        if self.postings.is_empty() && self.page < self.run.info.pages {
            let bytes = pages.get_once(definition, self.run.info.number, self.page)?;
            let page = Page::known(&bytes, definition.unique).map_err(TreeError::new)?;
            self.postings.extend(page.postings());
            self.postings.reverse();
            self.page += 1;
        }
        Ok(self.postings.pop())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::snapshot::TreeSnapshot;
    use super::*;
    use crate::store::index::{HASH_ZEROS, TermHash};

    /// The index that the tests write to.
    const PLACE: usize = 2;

    fn open(path: &Path) -> TreeWriter {
        TreeWriter::open(path, [1; 16], 1 << 20).unwrap()
    }

    /// Adds a run as a flush does, and tells its postings.
    fn add_run(writer: &mut TreeWriter, postings: u64) -> Vec<Posting> {
        writer.remove_unknown_runs().unwrap();
        let definition = &INDEXES[PLACE];
        let number = writer.manifest.next_run;
        writer.manifest.next_run += 1;
        let mut builder = RunBuilder::new(definition, number, 0, postings);
        let postings = (0..postings).map(|step| Posting {
            hash: TermHash(((step * 37) % 1999) << HASH_ZEROS),
            block: u32::try_from(number).unwrap(),
            slots: 1 << (step % 64),
        });
        let mut postings: Vec<_> = postings.collect();
        postings.sort_unstable();
        for posting in &postings {
            builder.push(*posting);
        }
        let (run, mut writes) = builder.finish().unwrap();
        writer.manifest.runs.push(run.info);
        writer.runs[PLACE].push(Arc::new(run));
        let manifest = writer.manifest.encode();
        writes.push(Write::insert(Tree::Meta, keys::MANIFEST, &manifest));
        writer.engine.apply(&writes).unwrap();
        postings
    }

    /// Adds as many runs as are merged, and tells their postings in order.
    fn add_runs(writer: &mut TreeWriter, postings: u64) -> Vec<Posting> {
        let runs = (0..FAN_IN).flat_map(|_| add_run(writer, postings));
        let mut added: Vec<_> = runs.collect();
        added.sort_unstable();
        added
    }

    fn all(snapshot: &TreeSnapshot) -> Vec<Posting> {
        let mut found = Vec::new();
        snapshot
            .all_postings(&INDEXES[PLACE], |posting| found.push(posting))
            .unwrap();
        found.sort_unstable();
        found
    }

    /// The numbers of the runs of which something is stored.
    fn stored_runs(writer: &TreeWriter) -> Vec<u64> {
        let tree = Tree::Index(INDEXES[PLACE].index);
        let mut numbers = Vec::new();
        let mut from = Vec::new();
        while let Some(key) = writer.engine.first_key_from(tree, &from).unwrap() {
            let number = keys::run_of_key(&key).unwrap();
            numbers.push(number);
            from = (number + 1).to_be_bytes().to_vec();
        }
        numbers
    }

    #[test]
    fn runs_are_merged_in_order_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        let expected = add_runs(&mut writer, 1500);
        let before = writer.snapshot();
        assert_eq!(writer.merge_at_rest().unwrap(), Step::Whole);
        assert_eq!(writer.merge_at_rest().unwrap(), Step::None);
        let after = writer.snapshot();
        assert_eq!(
            (before.runs[PLACE].len(), after.runs[PLACE].len()),
            (FAN_IN, 1)
        );
        let run = &after.runs[PLACE][0];
        assert_eq!((run.info.level, run.info.postings), (1, 12_000));
        let mut merged = Vec::new();
        after
            .all_postings(&INDEXES[PLACE], |posting| merged.push(posting))
            .unwrap();
        assert_eq!(merged, expected);
        // A reader of the state before goes on to see it; a reopened log sees the new one only.
        for hash in [0, 37, 1998] {
            let of = |snapshot: &TreeSnapshot| {
                let hash = TermHash(hash << HASH_ZEROS);
                snapshot.postings(INDEXES[PLACE].index, hash).unwrap()
            };
            assert_eq!(of(&before), of(&after));
        }
        drop((before, after, writer));
        let mut writer = open(folder.path());
        assert_eq!(writer.merge_at_rest().unwrap(), Step::None);
        assert_eq!(stored_runs(&writer), [FAN_IN as u64]);
        assert_eq!(writer.runs[PLACE].len(), 1);
        assert_eq!(all(&writer.snapshot()), expected);
    }

    #[test]
    fn a_merge_goes_on_beside_flushes_and_takes_only_the_runs_it_began_with() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        let mut expected = Vec::new();
        for added in 0..FAN_IN {
            assert_eq!(writer.merge_beside_load().unwrap(), Step::None, "{added}");
            expected.extend(add_run(&mut writer, 6000));
        }
        let mut steps = 0;
        loop {
            let step = writer.merge_beside_load().unwrap();
            steps += 1;
            if step == Step::Whole {
                break;
            }
            assert_eq!(step, Step::Part);
            expected.extend(add_run(&mut writer, 6000));
            expected.sort_unstable();
            assert_eq!(all(&writer.snapshot()), expected);
        }
        // 48 thousand postings, 16,384 a step.
        assert_eq!(steps, 3);
        assert_eq!(all(&writer.snapshot()), expected);
        let levels = writer.runs[PLACE].iter().map(|run| run.info.level);
        assert_eq!(levels.collect::<Vec<_>>(), [0, 0, 1]);
        drop(writer);
        let writer = open(folder.path());
        assert_eq!(all(&writer.snapshot()), expected);
    }

    #[test]
    fn a_step_grows_with_what_is_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        add_runs(&mut writer, 20_000);
        // 160 thousand postings, 40 thousand a step: done before eight more runs have come.
        let mut steps = 1;
        while writer.merge_beside_load().unwrap() == Step::Part {
            steps += 1;
        }
        assert_eq!(steps, FAN_IN / 2);
    }

    #[test]
    fn writers_that_stay_for_a_moment_leave_a_bounded_number_of_runs() {
        let folder = tempfile::tempdir().unwrap();
        let mut expected = Vec::new();
        for life in 0..3 * FAN_IN {
            let mut writer = open(folder.path());
            expected.extend(add_run(&mut writer, 3000));
            writer.merge_beside_load().unwrap();
            writer.merge_before_end().unwrap();
            let runs = writer.runs[PLACE].len();
            assert!(runs < 2 * FAN_IN, "{runs} runs after {life} lives");
        }
        expected.sort_unstable();
        assert_eq!(all(&open(folder.path()).snapshot()), expected);
    }

    #[test]
    fn what_an_unfinished_merge_left_is_removed_before_its_number_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        let expected = add_runs(&mut writer, 3000);
        assert_eq!(writer.merge_at_rest().unwrap(), Step::Part);
        let named: Vec<_> = writer.manifest.runs.iter().map(|run| run.number).collect();
        let unfinished = writer.manifest.next_run - 1;
        assert_eq!(*stored_runs(&writer).last().unwrap(), unfinished);
        assert!(!named.contains(&unfinished));
        drop(writer);
        let mut writer = open(folder.path());
        assert_eq!(writer.manifest.next_run, unfinished);
        assert_eq!(all(&writer.snapshot()), expected);
        writer.remove_unknown_runs().unwrap();
        assert_eq!(stored_runs(&writer), named);
        while writer.merge_at_rest().unwrap() != Step::None {}
        assert_eq!(writer.runs[PLACE].len(), 1);
        assert_eq!(all(&writer.snapshot()), expected);
    }
}
