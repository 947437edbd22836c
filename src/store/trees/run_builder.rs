//! Collects sorted postings into the pages of a run.

use super::super::index::{Definition, Index, TermHash};
use super::engine::{Tree, TreeError, Write};
use super::filter::BloomFilter;
use super::keys;
use super::run::{self, Guide, Posting, Run, RunInfo};

/// A run that is being made.
#[derive(Debug)]
pub(super) struct RunBuilder {
    index: Index,
    unique: bool,
    info: RunInfo,
    pending: Vec<Posting>,
    last: Option<TermHash>,
    guide: Guide,
    pub(super) writes: Vec<Write>,
}

impl RunBuilder {
    /// A run of at most so many different terms.
    pub(super) fn new(definition: &Definition, number: u64, level: u8, terms: u64) -> Self {
        let filter = BloomFilter::with_room(terms, definition.filter_bits);
        let info = RunInfo {
            number,
            index: definition.code,
            level,
            pages: 0,
            postings: 0,
            terms: 0,
            lines: filter.lines(),
        };
        Self {
            index: definition.index,
            unique: definition.unique,
            info,
            pending: Vec::with_capacity(run::PAGE_POSTINGS),
            last: None,
            guide: Guide {
                firsts: Vec::new(),
                filter,
            },
            writes: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, posting: Posting) {
        if self.last != Some(posting.hash) {
            self.last = Some(posting.hash);
            self.guide.filter.insert(posting.hash);
            self.info.terms += 1;
        }
        self.pending.push(posting);
        if self.pending.len() == run::PAGE_POSTINGS {
            self.end_page();
        }
    }

    /// The run, and what is still to be written of it.
    pub(super) fn finish(mut self) -> Result<(Run, Vec<Write>), TreeError> {
        self.end_page();
        for (number, piece) in (0..).zip(self.guide.encode()) {
            let key = keys::guide_key(self.info.number, number);
            self.writes
                .push(Write::insert(Tree::Index(self.index), &key, &piece));
        }
        let run = Run::new(self.info, self.guide).map_err(TreeError::new)?;
        Ok((run, self.writes))
    }

    fn end_page(&mut self) {
        let Some(first) = self.pending.first() else {
            return;
        };
        self.guide.firsts.push(first.hash);
        let page = run::encode_page(&self.pending, self.unique);
        let key = keys::page_key(self.info.number, self.info.pages);
        self.writes
            .push(Write::insert(Tree::Index(self.index), &key, &page));
        self.info.pages += 1;
        self.info.postings += self.pending.len() as u64;
        self.pending.clear();
    }
}
