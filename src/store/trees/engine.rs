//! sled, kept at arm's length: every value is checksummed together with its key, every panic is caught,
//! and nothing of its types is seen outside.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use sled::transaction::{ConflictableTransactionError, TransactionError};
use sled::{IVec, Transactional};

use super::super::index::{INDEXES, Index};
use super::sled_segments;

/// sled's own segments. Small ones are written faster, as long as no page is a quarter of one.
const SEGMENT_BYTES: u32 = 1 << 20;
/// sled lets go of its lock in a thread of its own, a moment after its last handle is dropped. A log that is
/// opened again at once waits for that so long.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// A flush of sled that takes longer may wait for what never comes.
const TAKES_LONG: Duration = Duration::from_millis(500);

/// Something is wrong with the trees. They are set aside and rebuilt from the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the trees cannot be used: {reason}")]
pub(crate) struct TreeError {
    reason: String,
    /// Nothing is wrong with them: another version wrote them.
    outdated: bool,
}

impl TreeError {
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated
    }

    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
            outdated: false,
        }
    }

    /// Of trees that another version wrote.
    pub(crate) fn of_another_version(reason: impl fmt::Display) -> Self {
        Self {
            outdated: true,
            ..Self::new(reason)
        }
    }
}

/// A tree of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tree {
    Events,
    Meta,
    Index(Index),
}

impl Tree {
    fn place(self) -> usize {
        match self {
            Self::Events => 0,
            Self::Meta => 1,
            Self::Index(index) => 2 + index as usize,
        }
    }
}

/// A change to one key.
#[derive(Debug)]
pub(crate) struct Write {
    tree: Tree,
    key: IVec,
    /// `None` removes the key.
    value: Option<IVec>,
}

impl Write {
    pub(crate) fn insert(tree: Tree, key: &[u8], value: &[u8]) -> Self {
        let mut stored = Vec::with_capacity(value.len() + 4);
        stored.extend_from_slice(&checksum(key, value).to_le_bytes());
        stored.extend_from_slice(value);
        Self {
            tree,
            key: key.into(),
            value: Some(stored.into()),
        }
    }

    pub(crate) fn remove(tree: Tree, key: &[u8]) -> Self {
        Self {
            tree,
            key: key.into(),
            value: None,
        }
    }

    pub(crate) fn tree(&self) -> Tree {
        self.tree
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// What is read under the key after this, in the same memory.
    pub(crate) fn value(&self) -> Option<Value> {
        self.value.clone().map(Value)
    }
}

/// A value that passed its check, or was written with its checksum.
#[derive(Debug, Clone)]
pub(crate) struct Value(IVec);

impl std::ops::Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.get(4..).unwrap_or_default()
    }
}

/// An open sled database, until it is closed.
#[derive(Debug)]
pub(crate) struct Engine {
    inner: RwLock<Option<Inner>>,
}

#[derive(Debug)]
struct Inner {
    database: sled::Db,
    trees: Vec<sled::Tree>,
}

impl Engine {
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, TreeError> {
        sled_segments::check(path, SEGMENT_BYTES.into())?;
        guard(|| {
            let config = sled::Config::new()
                .path(path)
                .cache_capacity(cache_bytes)
                .segment_size(SEGMENT_BYTES as usize)
                // Flushes are called for; the journal is what must be durable.
                .flush_every_ms(None);
            let database = open_unlocked(&config)?;
            let names = ["events", "meta"].into_iter();
            let trees = names
                .chain(INDEXES.iter().map(|definition| definition.tree))
                .map(|name| database.open_tree(name))
                .collect::<sled::Result<_>>()?;
            let inner = RwLock::new(Some(Inner { database, trees }));
            Ok(Self { inner })
        })
    }

    pub(crate) fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Value>, TreeError> {
        let value = self.call(|inner| inner.tree(tree)?.get(key))?;
        value.map(|value| check(key, value)).transpose()
    }

    /// A value that must be there.
    pub(crate) fn require(&self, tree: Tree, key: &[u8]) -> Result<Value, TreeError> {
        self.get(tree, key)?.ok_or_else(|| {
            TreeError::new(format_args!("{tree:?} has no value for the key {key:02x?}"))
        })
    }

    /// The keys of a tree from `from` on that start with `prefix`.
    pub(crate) fn first_key_from(
        &self,
        tree: Tree,
        from: &[u8],
    ) -> Result<Option<Vec<u8>>, TreeError> {
        self.call(|inner| {
            let first = inner.tree(tree)?.range(from..).keys().next().transpose()?;
            Ok(first.map(|key| key.to_vec()))
        })
    }

    /// The entries whose keys start with `prefix`, in order.
    pub(crate) fn with_prefix(
        &self,
        tree: Tree,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Value)>, TreeError> {
        let entries: Vec<(IVec, IVec)> = self.call(|inner| {
            inner
                .tree(tree)?
                .scan_prefix(prefix)
                .collect::<sled::Result<_>>()
        })?;
        let checked = |(key, value): (IVec, IVec)| Ok((key.to_vec(), check(&key, value)?));
        entries.into_iter().map(checked).collect()
    }

    /// Makes all changes or none.
    pub(crate) fn apply(&self, writes: &[Write]) -> Result<(), TreeError> {
        let transact = |inner: &Inner| {
            inner.trees.as_slice().transaction(|trees| {
                for write in writes {
                    let Some(tree) = trees.get(write.tree.place()) else {
                        return Err(ConflictableTransactionError::Abort(()));
                    };
                    match &write.value {
                        Some(value) => tree.insert(write.key.clone(), value.clone())?,
                        None => tree.remove(write.key.clone())?,
                    };
                }
                Ok(())
            })
        };
        self.call(|inner| match transact(inner) {
            Ok(()) => Ok(()),
            Err(TransactionError::Storage(error)) => Err(error),
            Err(TransactionError::Abort(())) => {
                Err(sled::Error::Unsupported("a tree is missing".to_owned()))
            }
        })
    }

    /// Hands everything to the operating system. No promise of durability: that is the journal's.
    pub(crate) fn flush(&self) -> Result<(), TreeError> {
        self.call(Inner::flush).map(|_| ())
    }

    /// Closes the database, though others may hold this: they get an error from then on.
    pub(crate) fn close(&self) {
        // Whoever waits inside sled is woken if it cannot write, and its own flush, when it is dropped, has
        // nothing left to wait for.
        let _ = self.flush();
        let inner = self
            .inner
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // sled writes when it is dropped, and panics if it cannot. What it loses is rebuilt.
        let _ = guard(|| {
            drop(inner);
            Ok(())
        });
    }

    fn call<T>(&self, call: impl FnOnce(&Inner) -> sled::Result<T>) -> Result<T, TreeError> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        match &*inner {
            Some(inner) => guard(|| call(inner)),
            None => Err(TreeError::new("they are closed")),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    /// Flushes, and sees to it that this ends.
    ///
    /// sled waits for its own threads to write. One that cannot write notes the error, but does not always
    /// tell those who wait (`exit_reservation` of 0.34.7), and they would wait for ever. The next write that is
    /// tried meets the error and tells them: so one is tried while this takes long.
    fn flush(&self) -> sled::Result<usize> {
        let (done, waiting) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let nudge = move || {
                while waiting.recv_timeout(TAKES_LONG) == Err(RecvTimeoutError::Timeout) {
                    // Into the tree that sled always has, and nothing else uses.
                    let _ = guard(|| self.database.insert(b"nudge", b""));
                }
            };
            let nudging = thread::Builder::new().spawn_scoped(scope, nudge);
            let flushed = self.database.flush();
            drop((done, nudging));
            flushed
        })
    }

    fn tree(&self, tree: Tree) -> sled::Result<&sled::Tree> {
        self.trees
            .get(tree.place())
            .ok_or_else(|| sled::Error::Unsupported("a tree is missing".to_owned()))
    }
}

/// Opens the database, once its lock is free.
fn open_unlocked(config: &sled::Config) -> sled::Result<sled::Db> {
    let started = Instant::now();
    loop {
        match config.open() {
            Err(sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock")
                    && started.elapsed() < LOCK_WAIT =>
            {
                thread::sleep(Duration::from_millis(1));
            }
            opened => return opened,
        }
    }
}

/// Calls sled; turns its errors and its panics into one type.
fn guard<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, TreeError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(TreeError::new),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(TreeError::new(format_args!(
                "panic: {}",
                text.unwrap_or("without a message")
            )))
        }
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

fn check(key: &[u8], stored: IVec) -> Result<Value, TreeError> {
    let (found, value) = stored
        .split_first_chunk()
        .map_or((0, [].as_slice()), |(crc, value)| {
            (u32::from_le_bytes(*crc), value)
        });
    let computed = checksum(key, value);
    if stored.len() < 4 || computed != found {
        return Err(TreeError::new(format_args!(
            "the value for the key {key:02x?} has checksum {found:08x}, its bytes give {computed:08x}"
        )));
    }
    Ok(Value(stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_to_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), 1 << 20).unwrap();
        let tree = Tree::Index(Index::Chains);
        engine
            .apply(&[
                Write::insert(tree, b"a", b"1"),
                Write::insert(Tree::Meta, b"m", b""),
            ])
            .unwrap();
        assert_eq!(&*engine.get(tree, b"a").unwrap().unwrap(), b"1");
        assert_eq!(&*engine.require(Tree::Meta, b"m").unwrap(), b"");
        assert!(engine.get(Tree::Events, b"a").unwrap().is_none());
        assert!(engine.require(Tree::Events, b"a").is_err());
        // A value under another key, or one that was changed.
        let inner = engine.inner.read().unwrap();
        let raw = inner.as_ref().unwrap().tree(tree).unwrap();
        let value = raw.get(b"a").unwrap().unwrap();
        raw.insert(b"b", value).unwrap();
        raw.insert(b"c", b"xy").unwrap();
        assert!(engine.get(tree, b"b").is_err());
        assert!(engine.get(tree, b"c").is_err());
        engine
            .apply(&[Write::remove(tree, b"b"), Write::remove(tree, b"c")])
            .unwrap();
        assert_eq!(engine.with_prefix(tree, b"").unwrap().len(), 1);
        assert_eq!(
            engine.first_key_from(tree, b"").unwrap().as_deref(),
            Some(b"a".as_slice())
        );
        assert_eq!(engine.first_key_from(tree, b"b").unwrap(), None);
    }

    #[test]
    fn a_database_that_was_just_closed_opens() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..200_u32 {
            let engine = Engine::open(folder.path(), 1 << 20).unwrap();
            engine
                .apply(&[Write::insert(Tree::Meta, b"m", &round.to_le_bytes())])
                .unwrap();
            engine.flush().unwrap();
        }
    }

    #[test]
    fn a_panic_is_an_error() {
        let error = guard::<()>(|| panic!("oh {}", 7)).unwrap_err();
        assert_eq!(error.to_string(), "the trees cannot be used: panic: oh 7");
    }
}
