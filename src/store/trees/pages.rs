//! Pages of runs: in sled, and those that were written or read last in memory, checked.
//!
//! To find a page in sled and to check it is a quarter of the look-up of an event by its id.

use std::sync::Arc;

use super::super::index::{Definition, INDEXES, Index};
use super::engine::{Engine, Tree, TreeError, Value, Write};
use super::keys;
use super::place_cache::PlaceCache;
use super::run::Page;

/// Four of a page of event ids, or two of one with masks, have room at a place.
const TYPICAL: usize = 2400;

/// The pages of all runs.
#[derive(Debug)]
pub(crate) struct Pages {
    engine: Arc<Engine>,
    /// By run. What is in here passed its check, or was written by this process.
    kept: PlaceCache<Value>,
}

impl Pages {
    pub(crate) fn new(engine: Arc<Engine>, cache_bytes: usize) -> Self {
        Self {
            engine,
            kept: PlaceCache::new(cache_bytes, TYPICAL),
        }
    }

    /// The bytes of a page, for [`Page::known`].
    pub(crate) fn get(
        &self,
        definition: &Definition,
        run: u64,
        page: u32,
    ) -> Result<Value, TreeError> {
        if let Some(bytes) = self.kept.get((run, page)) {
            return Ok(bytes);
        }
        let bytes = self.stored(definition, run, page)?;
        self.kept.keep((run, page), &bytes, bytes.len());
        Ok(bytes)
    }

    /// The same for who reads each page of a run once: it does not drive out what others ask for.
    pub(crate) fn get_once(
        &self,
        definition: &Definition,
        run: u64,
        page: u32,
    ) -> Result<Value, TreeError> {
        let kept = self.kept.get((run, page));
        kept.map_or_else(|| self.stored(definition, run, page), Ok)
    }

    /// The same as sled has it.
    pub(crate) fn stored(
        &self,
        definition: &Definition,
        run: u64,
        page: u32,
    ) -> Result<Value, TreeError> {
        let key = keys::page_key(run, page);
        let bytes = self.engine.require(Tree::Index(definition.index), &key)?;
        Page::parse(&bytes, definition.unique).map_err(TreeError::new)?;
        Ok(bytes)
    }

    /// Keeps those of the pages that were just written whose index has them kept. Their runs' numbers serve no other
    /// runs while this process has the trees open.
    pub(crate) fn wrote(&self, writes: &[Write]) {
        for write in writes {
            if let (Tree::Index(index), Some(bytes)) = (write.tree(), write.value())
                && keeps_written(index)
                && let Some(page) = keys::page_of_key(write.key())
            {
                self.kept.keep(page, &bytes, bytes.len());
            }
        }
    }
}

fn keeps_written(index: Index) -> bool {
    let definition = INDEXES.get(index as usize);
    definition.is_some_and(|definition| definition.keeps_written)
}

#[cfg(test)]
mod tests {
    use super::super::run::{Posting, encode_page};
    use super::*;
    use crate::store::index::{HASH_ZEROS, TermHash};

    const RUN: u64 = 3;

    /// Pages of an index whose page 0 was just written, though sled has lost it since.
    fn lost(index: Index, told: bool) -> (tempfile::TempDir, Pages, &'static Definition) {
        let (folder, pages, definition) = written(index, 1);
        let key = keys::page_key(RUN, 0);
        let tree = Tree::Index(index);
        let value = pages.engine.require(tree, &key).unwrap();
        if told {
            pages.wrote(&[Write::insert(tree, &key, &value)]);
        }
        pages.engine.apply(&[Write::remove(tree, &key)]).unwrap();
        (folder, pages, definition)
    }

    /// Pages of an index whose page 0 has one posting, in `slot`.
    fn written(index: Index, slot: u32) -> (tempfile::TempDir, Pages, &'static Definition) {
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(Engine::open(folder.path(), 1 << 20).unwrap());
        let definition = &INDEXES[index as usize];
        let posting = Posting {
            hash: TermHash(7 << HASH_ZEROS),
            block: 5,
            slots: 1 << slot,
        };
        let page = encode_page(&[posting], definition.unique);
        let key = keys::page_key(RUN, 0);
        let write = Write::insert(Tree::Index(index), &key, &page);
        engine.apply(&[write]).unwrap();
        (folder, Pages::new(engine, 1 << 20), definition)
    }

    #[test]
    fn pages_of_ids_are_kept_as_they_are_written() {
        for (index, kept) in [(Index::EventIds, true), (Index::Chains, false)] {
            let (_folder, pages, definition) = lost(index, true);
            let page = pages.get(definition, RUN, 0);
            assert_eq!(page.is_ok(), kept);
            assert!(pages.get(definition, RUN + 1, 0).is_err());
        }
        let (_folder, pages, definition) = lost(Index::EventIds, false);
        assert!(pages.get(definition, RUN, 0).is_err());
    }

    #[test]
    fn a_page_that_was_read_is_kept_unless_it_is_read_once() {
        for once in [true, false] {
            let (_folder, pages, definition) = written(Index::Chains, 63);
            let get = |once: bool| {
                if once {
                    pages.get_once(definition, RUN, 0)
                } else {
                    pages.get(definition, RUN, 0)
                }
            };
            get(once).unwrap();
            let removal = Write::remove(Tree::Index(Index::Chains), &keys::page_key(RUN, 0));
            pages.engine.apply(&[removal]).unwrap();
            assert_eq!(get(true).is_err(), once);
            assert_eq!(get(false).is_err(), once);
        }
    }

    #[test]
    fn a_flawed_page_is_refused_and_not_kept() {
        let (_folder, pages, definition) = written(Index::EventIds, 3);
        let key = keys::page_key(RUN, 0);
        let tree = Tree::Index(Index::EventIds);
        let mut page = pages.engine.require(tree, &key).unwrap().to_vec();
        *page.last_mut().unwrap() = 64;
        pages
            .engine
            .apply(&[Write::insert(tree, &key, &page)])
            .unwrap();
        for _ in 0..2 {
            let error = pages.get(definition, RUN, 0).unwrap_err();
            assert!(error.reason().contains("slot 64"), "{error}");
        }
    }
}
