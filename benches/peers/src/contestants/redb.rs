//! redb. Its `Durability::None`, taken for `Os`, keeps commits in the process until a later synced one: it
//! has no level between.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use experience_log::ExperienceEventEnvelope;
use redb::{
    Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, WriteTransaction,
};

use super::tables::{self, Commit, Direction, More, NAMES, Table, View};
use crate::contestant::{Answer, Contestant, Level};
use crate::row::Row;
use crate::workload::Question;

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Map<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

const TABLES: [Definition; 7] = [
    TableDefinition::new(NAMES[0]),
    TableDefinition::new(NAMES[1]),
    TableDefinition::new(NAMES[2]),
    TableDefinition::new(NAMES[3]),
    TableDefinition::new(NAMES[4]),
    TableDefinition::new(NAMES[5]),
    TableDefinition::new(NAMES[6]),
];

/// The database.
#[derive(Debug)]
pub struct Redb {
    database: Database,
    durability: Durability,
    next: Mutex<u64>,
}

impl Redb {
    /// Opens the database in `path`.
    ///
    /// # Errors
    ///
    /// A failure of the database.
    pub fn open(path: &Path, level: Level) -> Result<Self> {
        let database = Database::create(path.join("events.redb"))?;
        let transaction = database.begin_write()?;
        for table in TABLES {
            transaction.open_table(table)?;
        }
        transaction.commit()?;
        let next = tables::next_sequence(&Reading(database.begin_read()?))?;
        Ok(Self {
            database,
            durability: match level {
                Level::Sync => Durability::Immediate,
                Level::Os => Durability::None,
            },
            next: Mutex::new(next),
        })
    }

    fn begin(&self, durability: Durability) -> Result<WriteTransaction> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability)?;
        Ok(transaction)
    }
}

struct Reading(ReadTransaction);

impl Reading {
    fn table(&self, table: Table) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>> {
        Ok(self.0.open_table(TABLES[table as usize])?)
    }
}

impl View for Reading {
    fn get<R>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let found = self.table(table)?.get(key)?;
        found.map(|value| read(value.value())).transpose()
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<More>,
    ) -> Result<()> {
        let mut range = self.table(table)?.range::<&[u8]>(start..end)?;
        loop {
            let next = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some((key, value)) = next.transpose()? else {
                return Ok(());
            };
            if !each(key.value(), value.value())? {
                return Ok(());
            }
        }
    }
}

struct Writing<'a>(Vec<Map<'a>>);

impl Commit for Writing<'_> {
    fn read(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let found = self.0[table as usize].get(key)?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    fn write(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.0[table as usize].insert(key, value)?;
        Ok(())
    }
}

impl Contestant for Redb {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        let rows = events.iter().map(Row::new).collect::<Result<Vec<_>>>()?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = self.begin(self.durability)?;
        let maps = TABLES.map(|table| transaction.open_table(table));
        let mut writing = Writing(maps.into_iter().collect::<Result<_, _>>()?);
        let written = tables::append(&mut writing, *next, &rows)?;
        drop(writing);
        transaction.commit()?;
        *next += written;
        Ok(usize::try_from(written)?)
    }

    fn settle(&self) -> Result<()> {
        Ok(self.begin(Durability::Immediate)?.commit()?)
    }

    fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        let view = Reading(self.database.begin_read()?);
        tables::ask(&view, question).map(Some)
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        tables::replay(&Reading(self.database.begin_read()?), each)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.settle()?;
        Ok(self.database.close()?)
    }
}
