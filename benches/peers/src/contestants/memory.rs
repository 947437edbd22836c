//! What the floor answers questions from: the tables of the other maps, in this process's memory, with nothing stored,
//! read or checked. What it takes is to find the payloads and to decode them.

use std::collections::BTreeMap;
use std::ops::Bound;

use anyhow::{Context, Result};
use experience_log::ExperienceEventEnvelope;

use super::tables::{self, Commit, Direction, More, NAMES, Table, View};
use crate::row::Row;

/// Events by sequence number, and the indexes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    events: Vec<Vec<u8>>,
    indexes: [BTreeMap<Vec<u8>, Vec<u8>>; NAMES.len()],
}

impl Memory {
    /// Puts the next event in.
    pub(super) fn add(&mut self, event: &ExperienceEventEnvelope) -> Result<()> {
        let next = self.events.len() as u64;
        tables::append(self, next, &[Row::new(event)?])?;
        Ok(())
    }

    fn value(&self, table: Table, key: &[u8]) -> Result<Option<&[u8]>> {
        if table == Table::Events {
            let sequence = u64::from_be_bytes(key.try_into()?);
            let event = self.events.get(usize::try_from(sequence)?);
            return Ok(event.map(Vec::as_slice));
        }
        let index = self.indexes.get(table as usize).context("no such index")?;
        Ok(index.get(key).map(Vec::as_slice))
    }
}

impl View for Memory {
    fn get<R>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        self.value(table, key)?.map(read).transpose()
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<More>,
    ) -> Result<()> {
        let index = self.indexes.get(table as usize).context("no such index")?;
        let mut range = index.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        while let Some((key, value)) = match direction {
            Direction::Forward => range.next(),
            Direction::Backward => range.next_back(),
        } {
            if !each(key, value)? {
                break;
            }
        }
        Ok(())
    }
}

impl Commit for Memory {
    fn read(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.value(table, key)?.map(<[u8]>::to_vec))
    }

    fn write(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        if table == Table::Events {
            self.events.push(value.to_vec());
        } else {
            let index = self.indexes.get_mut(table as usize);
            index
                .context("no such index")?
                .insert(key.to_vec(), value.to_vec());
        }
        Ok(())
    }
}
