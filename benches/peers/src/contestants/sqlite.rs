//! `SQLite`, bundled: WAL, prepared statements, `synchronous` FULL or NORMAL.

use std::path::Path;

use anyhow::{Result, bail};
use experience_log::{ExperienceEvent, ExperienceEventEnvelope, codec};
use rusqlite::{CachedStatement, Connection, Params, TransactionBehavior};
use std::sync::{Mutex, PoisonError};

use super::ROOM;
use crate::contestant::{Answer, Contestant, Level};
use crate::row::{self, Row};
use crate::workload::Question;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS events (
        sequence INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        id TEXT NOT NULL,
        instant INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        correlation TEXT,
        chain TEXT,
        link TEXT,
        payload BLOB NOT NULL
    );
    CREATE UNIQUE INDEX IF NOT EXISTS by_id ON events (tenant, id);
    CREATE INDEX IF NOT EXISTS by_time ON events (tenant, instant, kind);
    CREATE INDEX IF NOT EXISTS by_kind ON events (kind, instant);
    CREATE INDEX IF NOT EXISTS by_correlation ON events (correlation, instant) WHERE correlation IS NOT NULL;
    CREATE INDEX IF NOT EXISTS by_chain ON events (chain, instant) WHERE chain IS NOT NULL;
    CREATE INDEX IF NOT EXISTS by_link ON events (link) WHERE link IS NOT NULL;
";

const INSERT: &str =
    "INSERT INTO events (tenant, id, instant, kind, correlation, chain, link, payload)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO NOTHING";

/// Connections for eight threads that append. One behind a lock is as fast or faster (see the README).
const CONNECTIONS: usize = 1;

/// The database.
#[derive(Debug)]
pub struct Sqlite(Vec<Mutex<Connection>>);

impl Sqlite {
    /// Opens the database in `path`.
    ///
    /// # Errors
    ///
    /// A failure of the database.
    pub fn open(path: &Path, level: Level) -> Result<Self> {
        let synchronous = match level {
            Level::Sync => "FULL",
            Level::Os => "NORMAL",
        };
        let connections = (0..CONNECTIONS).map(|_| {
            let connection = Connection::open(path.join("events.sqlite"))?;
            connection.execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
                 PRAGMA cache_size = -65536; PRAGMA mmap_size = 1073741824;
                 PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 10000;"
            ))?;
            connection.execute_batch(SCHEMA)?;
            Ok(Mutex::new(connection))
        });
        Ok(Self(connections.collect::<Result<_>>()?))
    }

    /// A connection that is free, or the first.
    fn with<R>(&self, work: impl FnOnce(&mut Connection) -> Result<R>) -> Result<R> {
        let free = self.0.iter().find_map(|one| one.try_lock().ok());
        let mut connection = match free {
            Some(connection) => connection,
            None => self.0[0].lock().unwrap_or_else(PoisonError::into_inner),
        };
        work(&mut connection)
    }
}

/// The events that a statement finds; `most` is how many these are at the most, as far as the question tells.
fn events(
    mut statement: CachedStatement<'_>,
    parameters: impl Params,
    most: usize,
) -> Result<Vec<ExperienceEventEnvelope>> {
    let mut rows = statement.query(parameters)?;
    let mut events = Vec::with_capacity(most.min(ROOM));
    while let Some(row) = rows.next()? {
        events.push(codec::decode(row.get_ref(0)?.as_blob()?)?);
    }
    Ok(events)
}

fn ask(connection: &Connection, question: &Question) -> Result<Answer> {
    let prepare = |condition: &str| {
        connection.prepare_cached(&format!("SELECT payload FROM events WHERE {condition}"))
    };
    Ok(Answer::Events(match question {
        Question::Correlation(id) => events(
            prepare("correlation = ? ORDER BY instant, sequence")?,
            [id],
            ROOM,
        )?,
        Question::Chain(id) => {
            events(prepare("chain = ? ORDER BY instant, sequence")?, [id], ROOM)?
        }
        Question::Kinds {
            tenant,
            kinds,
            from,
            to,
            limit,
        } => {
            let [one, two, three] = kinds[..] else {
                bail!("three kinds are asked for");
            };
            let statement = prepare(
                "tenant = ? AND instant BETWEEN ? AND ? AND kind IN (?, ?, ?)
                 ORDER BY instant, sequence LIMIT ?",
            )?;
            let (from, to) = (row::instant(from)?, row::instant(to)?);
            let kinds = (one as u8, two as u8, three as u8);
            events(
                statement,
                (
                    tenant,
                    from,
                    to,
                    kinds.0,
                    kinds.1,
                    kinds.2,
                    i64::try_from(*limit)?,
                ),
                *limit,
            )?
        }
        Question::TraceLink(id) => {
            let found = events(prepare("link = ? ORDER BY sequence DESC LIMIT 1")?, [id], 1)?;
            let link = found.into_iter().find_map(|event| match event.event {
                ExperienceEvent::TraceLinkRecorded { trace_link, .. } => Some(Box::new(trace_link)),
                _ => None,
            });
            return Ok(Answer::Link(link));
        }
        Question::Event { tenant, id } => {
            events(prepare("tenant = ? AND id = ?")?, [tenant, id], 1)?
        }
        Question::Newest { tenant, limit } => events(
            prepare("tenant = ? ORDER BY instant DESC, sequence DESC LIMIT ?")?,
            (tenant, i64::try_from(*limit)?),
            *limit,
        )?,
    }))
}

impl Contestant for Sqlite {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        let rows = events.iter().map(Row::new).collect::<Result<Vec<_>>>()?;
        self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut written = 0;
            {
                let mut insert = transaction.prepare_cached(INSERT)?;
                let mut known = transaction
                    .prepare_cached("SELECT payload FROM events WHERE tenant = ? AND id = ?")?;
                for row in &rows {
                    let Row {
                        tenant,
                        id,
                        instant,
                        kind,
                        correlation,
                        chain,
                        link,
                        payload,
                    } = row;
                    let new = insert.execute((
                        tenant,
                        id,
                        instant,
                        kind,
                        correlation,
                        chain,
                        link,
                        payload,
                    ))?;
                    written += new;
                    if new == 0 {
                        let other: Vec<u8> = known.query_row([tenant, id], |row| row.get(0))?;
                        if other != *payload {
                            bail!("another event has the id {id}");
                        }
                    }
                }
            }
            transaction.commit()?;
            Ok(written)
        })
    }

    fn settle(&self) -> Result<()> {
        self.with(|connection| {
            Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
        })
    }

    fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        self.with(|connection| ask(connection, question).map(Some))
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        self.with(|connection| {
            let mut statement =
                connection.prepare("SELECT payload FROM events ORDER BY sequence")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(codec::decode(row.get_ref(0)?.as_blob()?)?);
            }
            Ok(())
        })
    }

    fn close(self: Box<Self>) -> Result<()> {
        for connection in self.0 {
            let connection = connection
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner);
            connection.close().map_err(|(_, error)| error)?;
        }
        Ok(())
    }
}
