//! The layout of the peers that are ordered maps: one table of events by sequence number, and one table
//! an index, whose keys end in the sequence number.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | events | sequence | payload |
//! | ids | tenant 0 id | sequence |
//! | times | tenant 0 instant sequence | kind |
//! | kinds | kind instant sequence | |
//! | correlations | correlation 0 instant sequence | |
//! | chains | chain 0 instant sequence | |
//! | links | link 0 sequence | |

use anyhow::{Context, Result, bail};
use experience_log::{ExperienceEvent, ExperienceEventEnvelope, TraceLink, codec};

use super::ROOM;
use crate::contestant::Answer;
use crate::row::{self, Row};
use crate::workload::Question;

/// Names of the tables, by [`Table`].
pub(super) const NAMES: [&str; 7] = [
    "events",
    "ids",
    "times",
    "kinds",
    "correlations",
    "chains",
    "links",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Events,
    Ids,
    Times,
    Kinds,
    Correlations,
    Chains,
    Links,
}

/// Which way a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// Goes on, or not.
pub(super) type More = bool;

/// The tables as of one moment.
pub(super) trait View {
    fn get<R>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<Option<R>>;

    /// Gives what is from `start` to `end`, without `end`, until `each` has enough.
    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        each: impl FnMut(&[u8], &[u8]) -> Result<More>,
    ) -> Result<()>;
}

/// One commit being made. It reads what it wrote.
pub(super) trait Commit {
    fn read(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn write(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()>;
}

/// Order of bytes is order of numbers.
fn sortable(instant: i64) -> [u8; 8] {
    (instant.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn key(text: &str, rest: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(text.len() + 17);
    key.extend(text.as_bytes());
    key.push(0);
    for part in rest {
        key.extend(*part);
    }
    key
}

/// From the first key of `text` to the first behind them.
fn all_of(text: &str) -> (Vec<u8>, Vec<u8>) {
    let (start, mut end) = (key(text, &[]), text.as_bytes().to_vec());
    end.push(1);
    (start, end)
}

/// Puts `rows` into `commit`, from the sequence number `first` on. Gives how many are new.
pub(super) fn append(commit: &mut impl Commit, first: u64, rows: &[Row<'_>]) -> Result<u64> {
    let mut written = 0;
    for row in rows {
        let id = key(row.tenant, &[row.id.as_bytes()]);
        if let Some(known) = commit.read(Table::Ids, &id)? {
            let other = commit.read(Table::Events, &known)?;
            if other.as_ref() != Some(&row.payload) {
                bail!("another event has the id {}", row.id);
            }
            continue;
        }
        let sequence = (first + written).to_be_bytes();
        let place: [&[u8]; 2] = [&sortable(row.instant), &sequence];
        commit.write(Table::Events, &sequence, &row.payload)?;
        commit.write(Table::Ids, &id, &sequence)?;
        commit.write(Table::Times, &key(row.tenant, &place), &[row.kind])?;
        let kind = [&[row.kind], place[0], place[1]].concat();
        commit.write(Table::Kinds, &kind, &[])?;
        if let Some(correlation) = row.correlation {
            commit.write(Table::Correlations, &key(correlation, &place), &[])?;
        }
        if let Some(chain) = row.chain {
            commit.write(Table::Chains, &key(chain, &place), &[])?;
        }
        if let Some(link) = row.link {
            commit.write(Table::Links, &key(link, &[&sequence]), &[])?;
        }
        written += 1;
    }
    Ok(written)
}

/// The sequence number that comes next.
pub(super) fn next_sequence(view: &impl View) -> Result<u64> {
    let mut next = 0;
    let last = |key: &[u8], _: &[u8]| {
        next = u64::from_be_bytes(key.try_into()?) + 1;
        Ok(false)
    };
    view.scan(Table::Events, &[], &[0xff; 9], Direction::Backward, last)?;
    Ok(next)
}

fn sequence_of(key: &[u8]) -> Result<&[u8]> {
    let start = key.len().checked_sub(8).context("a key is too short")?;
    Ok(&key[start..])
}

fn event(view: &impl View, sequence: &[u8]) -> Result<ExperienceEventEnvelope> {
    view.get(Table::Events, sequence, |payload| {
        Ok(codec::decode(payload)?)
    })?
    .context("an index names an event that is not there")
}

fn events(
    view: &impl View,
    table: Table,
    (start, end): &(Vec<u8>, Vec<u8>),
    direction: Direction,
    limit: usize,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Vec<ExperienceEventEnvelope>> {
    let mut found = Vec::with_capacity(limit.min(ROOM));
    view.scan(table, start, end, direction, |key, value| {
        if wanted(value) {
            found.push(event(view, sequence_of(key)?)?);
        }
        Ok(found.len() < limit)
    })?;
    Ok(found)
}

fn latest_link(view: &impl View, id: &str) -> Result<Option<Box<TraceLink>>> {
    let found = events(
        view,
        Table::Links,
        &all_of(id),
        Direction::Backward,
        1,
        |_| true,
    )?;
    Ok(found.into_iter().find_map(|event| match event.event {
        ExperienceEvent::TraceLinkRecorded { trace_link, .. } => Some(Box::new(trace_link)),
        _ => None,
    }))
}

/// The answer to `question`.
pub(super) fn ask(view: &impl View, question: &Question) -> Result<Answer> {
    let any = |_: &[u8]| true;
    Ok(Answer::Events(match question {
        Question::Correlation(id) => events(
            view,
            Table::Correlations,
            &all_of(id),
            Direction::Forward,
            usize::MAX,
            any,
        )?,
        Question::Chain(id) => events(
            view,
            Table::Chains,
            &all_of(id),
            Direction::Forward,
            usize::MAX,
            any,
        )?,
        Question::Kinds {
            tenant,
            kinds,
            from,
            to,
            limit,
        } => {
            let start = key(tenant, &[&sortable(row::instant(from)?)]);
            let end = key(tenant, &[&sortable(row::instant(to)? + 1)]);
            let wanted = |value: &[u8]| {
                kinds
                    .iter()
                    .any(|kind| value.first() == Some(&(*kind as u8)))
            };
            events(
                view,
                Table::Times,
                &(start, end),
                Direction::Forward,
                *limit,
                wanted,
            )?
        }
        Question::TraceLink(id) => return Ok(Answer::Link(latest_link(view, id)?)),
        Question::Event { tenant, id } => {
            let key = key(tenant, &[id.as_bytes()]);
            let sequence = view.get(Table::Ids, &key, |value| Ok(value.to_vec()))?;
            let found = sequence.map(|sequence| event(view, &sequence));
            found.into_iter().collect::<Result<_>>()?
        }
        Question::Newest { tenant, limit } => events(
            view,
            Table::Times,
            &all_of(tenant),
            Direction::Backward,
            *limit,
            any,
        )?,
    }))
}

/// Every event, decoded, in order.
pub(super) fn replay(
    view: &impl View,
    each: &mut dyn FnMut(ExperienceEventEnvelope),
) -> Result<()> {
    view.scan(
        Table::Events,
        &[],
        &[0xff; 9],
        Direction::Forward,
        |_, payload| {
            each(codec::decode(payload)?);
            Ok(true)
        },
    )
}
