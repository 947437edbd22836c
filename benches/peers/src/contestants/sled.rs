//! sled, used directly: one item for each event and each index entry, a transaction over the trees for each
//! commit. Its `flush`, taken for `Sync`, ends in `sync_file_range`, which does not reach the disk's cache:
//! it promises less than the others do.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Error, Result, anyhow};
use experience_log::ExperienceEventEnvelope;
use sled::transaction::{
    ConflictableTransactionError, TransactionError, Transactional, TransactionalTree,
};
use sled::{Db, Tree};

use super::tables::{self, Commit, Direction, More, NAMES, Table, View};
use crate::contestant::{Answer, Contestant, Level};
use crate::row::Row;
use crate::workload::Question;

/// The database.
pub struct Sled {
    database: Db,
    trees: Vec<Tree>,
    level: Level,
    next: Mutex<u64>,
}

impl Sled {
    /// Opens the database in `path`.
    ///
    /// # Errors
    ///
    /// A failure of sled.
    pub fn open(path: &Path, level: Level) -> Result<Self> {
        let database = sled::Config::new()
            .path(path)
            .mode(sled::Mode::HighThroughput)
            .open()?;
        let trees = NAMES.map(|name| database.open_tree(name));
        let trees = trees.into_iter().collect::<sled::Result<Vec<_>>>()?;
        let next = tables::next_sequence(&Reading(&trees))?;
        Ok(Self {
            database,
            trees,
            level,
            next: Mutex::new(next),
        })
    }
}

struct Reading<'a>(&'a [Tree]);

impl View for Reading<'_> {
    fn get<R>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let found = self.0[table as usize].get(key)?;
        found.map(|value| read(&value)).transpose()
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<More>,
    ) -> Result<()> {
        let mut range = self.0[table as usize].range(start..end);
        loop {
            let next = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some((key, value)) = next.transpose()? else {
                return Ok(());
            };
            if !each(&key, &value)? {
                return Ok(());
            }
        }
    }
}

/// What sled itself says in a transaction (that it must be tried again, above all) goes back to sled.
struct Writing<'a>(
    &'a [TransactionalTree],
    Option<sled::transaction::UnabortableTransactionError>,
);

impl Commit for Writing<'_> {
    fn read(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.0[table as usize].get(key) {
            Ok(found) => Ok(found.map(|value| value.to_vec())),
            Err(error) => {
                self.1 = Some(error);
                Err(anyhow!("sled"))
            }
        }
    }

    fn write(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        match self.0[table as usize].insert(key, value) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.1 = Some(error);
                Err(anyhow!("sled"))
            }
        }
    }
}

impl Contestant for Sled {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        let rows = events.iter().map(Row::new).collect::<Result<Vec<_>>>()?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = RefCell::new(None);
        let written = self.trees.as_slice().transaction(|trees| {
            let mut writing = Writing(trees, None);
            tables::append(&mut writing, *next, &rows).map_err(|error| {
                if let Some(of_sled) = writing.1 {
                    return ConflictableTransactionError::from(of_sled);
                }
                refused.replace(Some(error));
                ConflictableTransactionError::Abort(())
            })
        });
        let written = match written {
            Ok(written) => written,
            Err(TransactionError::Abort(())) => {
                return Err(refused.into_inner().unwrap_or_else(|| anyhow!("refused")));
            }
            Err(TransactionError::Storage(error)) => return Err(Error::from(error)),
        };
        *next += written;
        drop(next);
        if self.level == Level::Sync {
            self.database.flush()?;
        }
        Ok(usize::try_from(written)?)
    }

    fn settle(&self) -> Result<()> {
        self.database.flush()?;
        Ok(())
    }

    fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        tables::ask(&Reading(&self.trees), question).map(Some)
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        tables::replay(&Reading(&self.trees), each)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.settle()
    }
}
