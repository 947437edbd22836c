//! fjall: a keyspace for each table, a batch for each commit. A lock makes the check of ids and the batch
//! one step; the sync comes after it, so that threads that wait may find their batch synced.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use experience_log::ExperienceEventEnvelope;
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable, Snapshot,
    UserValue,
};

use super::tables::{self, Commit, Direction, More, NAMES, Table, View};
use crate::contestant::{Answer, Contestant, Level};
use crate::row::Row;
use crate::workload::Question;

/// Cache of blocks; the default is 32 MiB.
const CACHE: u64 = 256 << 20;

/// The database.
pub struct Fjall {
    database: Database,
    keyspaces: Vec<Keyspace>,
    level: Level,
    next: Mutex<u64>,
}

impl Fjall {
    /// Opens the database in `path`.
    ///
    /// # Errors
    ///
    /// A failure of the database.
    pub fn open(path: &Path, level: Level) -> Result<Self> {
        let database = Database::builder(path).cache_size(CACHE).open()?;
        // Ids are asked for that are not there; of the other tables only what is there is read.
        let keyspaces = NAMES.map(|name| {
            database.keyspace(name, || {
                KeyspaceCreateOptions::default().expect_point_read_hits(name == NAMES[0])
            })
        });
        let keyspaces = keyspaces.into_iter().collect::<fjall::Result<Vec<_>>>()?;
        let view = Reading(&keyspaces, database.snapshot());
        let next = tables::next_sequence(&view)?;
        Ok(Self {
            database,
            keyspaces,
            level,
            next: Mutex::new(next),
        })
    }
}

struct Reading<'a>(&'a [Keyspace], Snapshot);

impl View for Reading<'_> {
    fn get<R>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let found = self.1.get(&self.0[table as usize], key)?;
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
        let mut range = self.1.range(&self.0[table as usize], start..end);
        loop {
            let next = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some(item) = next else {
                return Ok(());
            };
            let (key, value) = item.into_inner()?;
            if !each(&key, &value)? {
                return Ok(());
            }
        }
    }
}

/// A batch does not see itself, so what the check reads is kept beside it.
struct Writing<'a> {
    keyspaces: &'a [Keyspace],
    batch: OwnedWriteBatch,
    ids: HashMap<Vec<u8>, UserValue>,
    payloads: HashMap<Vec<u8>, UserValue>,
}

impl Commit for Writing<'_> {
    fn read(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let kept = match table {
            Table::Ids => self.ids.get(key),
            _ => self.payloads.get(key),
        };
        let found = match kept {
            Some(value) => Some(value.clone()),
            None => self.keyspaces[table as usize].get(key)?,
        };
        Ok(found.map(|value| value.to_vec()))
    }

    fn write(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        let value = UserValue::from(value);
        match table {
            Table::Ids => drop(self.ids.insert(key.to_vec(), value.clone())),
            Table::Events => drop(self.payloads.insert(key.to_vec(), value.clone())),
            _ => {}
        }
        self.batch
            .insert(&self.keyspaces[table as usize], key, value);
        Ok(())
    }
}

impl Contestant for Fjall {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        let rows = events.iter().map(Row::new).collect::<Result<Vec<_>>>()?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writing = Writing {
            keyspaces: &self.keyspaces,
            batch: self.database.batch().durability(Some(PersistMode::Buffer)),
            ids: HashMap::with_capacity(rows.len()),
            payloads: HashMap::with_capacity(rows.len()),
        };
        let written = tables::append(&mut writing, *next, &rows)?;
        writing.batch.commit()?;
        *next += written;
        drop(next);
        if self.level == Level::Sync {
            self.database.persist(PersistMode::SyncData)?;
        }
        Ok(usize::try_from(written)?)
    }

    fn settle(&self) -> Result<()> {
        for keyspace in &self.keyspaces {
            keyspace.rotate_memtable_and_wait()?;
        }
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        let view = Reading(&self.keyspaces, self.database.snapshot());
        tables::ask(&view, question).map(Some)
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        let view = Reading(&self.keyspaces, self.database.snapshot());
        tables::replay(&view, each)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}
