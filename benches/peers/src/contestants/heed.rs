//! LMDB, by heed. `Os` is `MDB_NOSYNC`.

use std::ops::Bound;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use experience_log::ExperienceEventEnvelope;
use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, PutFlags, RoTxn, RwTxn, WithoutTls};

use super::tables::{self, Commit, Direction, More, NAMES, Table, View};
use crate::contestant::{Answer, Contestant, Level};
use crate::row::Row;
use crate::workload::Question;

type Map = Database<Bytes, Bytes>;

/// The most that the file may grow to.
const MAP_SIZE: usize = 64 << 30;

/// The environment.
pub struct Heed {
    env: Env<WithoutTls>,
    maps: Vec<Map>,
    next: Mutex<u64>,
}

impl Heed {
    /// Opens the environment in `path`.
    ///
    /// # Errors
    ///
    /// A failure of LMDB.
    pub fn open(path: &Path, level: Level) -> Result<Self> {
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_SIZE).max_dbs(8);
        #[expect(
            unsafe_code,
            reason = "nothing else maps or writes the file, and a crash of the system is not survived with NO_SYNC, which is what the level says"
        )]
        let env = unsafe {
            if level == Level::Os {
                options.flags(EnvFlags::NO_SYNC);
            }
            options.open(path)?
        };
        let mut transaction = env.write_txn()?;
        let maps = NAMES.map(|name| env.create_database(&mut transaction, Some(name)));
        let maps = maps.into_iter().collect::<heed::Result<Vec<Map>>>()?;
        transaction.commit()?;
        let transaction = env.read_txn()?;
        let next = tables::next_sequence(&Reading(&maps, &transaction))?;
        drop(transaction);
        Ok(Self {
            env,
            maps,
            next: Mutex::new(next),
        })
    }
}

struct Reading<'a>(&'a [Map], &'a RoTxn<'a, WithoutTls>);

impl View for Reading<'_> {
    fn get<R>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let found = self.0[table as usize].get(self.1, key)?;
        found.map(read).transpose()
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<More>,
    ) -> Result<()> {
        // LMDB knows no empty key.
        let start = if start.is_empty() { &[0][..] } else { start };
        let range = (Bound::Included(start), Bound::Excluded(end));
        let map = self.0[table as usize];
        let mut visit = |item: heed::Result<(&[u8], &[u8])>| -> Result<More> {
            let (key, value) = item?;
            each(key, value)
        };
        match direction {
            Direction::Forward => {
                for item in map.range(self.1, &range)? {
                    if !visit(item)? {
                        break;
                    }
                }
            }
            Direction::Backward => {
                for item in map.rev_range(self.1, &range)? {
                    if !visit(item)? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

struct Writing<'a, 'b>(&'a [Map], &'a mut RwTxn<'b>);

impl Commit for Writing<'_, '_> {
    fn read(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let found = self.0[table as usize].get(self.1, key)?;
        Ok(found.map(<[u8]>::to_vec))
    }

    fn write(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        let flags = match table {
            Table::Events => PutFlags::APPEND,
            _ => PutFlags::empty(),
        };
        self.0[table as usize].put_with_flags(self.1, flags, key, value)?;
        Ok(())
    }
}

impl Contestant for Heed {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        let rows = events.iter().map(Row::new).collect::<Result<Vec<_>>>()?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mut transaction = self.env.write_txn()?;
        let written = tables::append(&mut Writing(&self.maps, &mut transaction), *next, &rows)?;
        transaction.commit()?;
        *next += written;
        Ok(usize::try_from(written)?)
    }

    fn settle(&self) -> Result<()> {
        Ok(self.env.force_sync()?)
    }

    fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        let transaction = self.env.read_txn()?;
        tables::ask(&Reading(&self.maps, &transaction), question).map(Some)
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        let transaction = self.env.read_txn()?;
        tables::replay(&Reading(&self.maps, &transaction), each)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.settle()?;
        self.env.prepare_for_closing().wait();
        Ok(())
    }
}
