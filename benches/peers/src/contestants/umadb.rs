//! `UmaDB`, an event store, by its core crate: events have tags, and an append may forbid that a tag is
//! known. It syncs twice for each commit and knows no weaker level, and it has no index on time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use experience_log::{ExperienceEvent, ExperienceEventEnvelope, codec};
use umadb_core::db::{UmaDb, process_append_request};
use umadb_core::mvcc::{Mvcc, StorageOptions};
use umadb_dcb::{
    DcbAppendCondition, DcbEvent, DcbEventStoreSync, DcbQuery, DcbQueryItem, DcbSequencedEvent,
};
use uuid::Uuid;

use crate::contestant::{Answer, Contestant};
use crate::row::Row;
use crate::workload::Question;

/// The store.
pub struct Umadb {
    mvcc: Arc<Mvcc>,
    store: UmaDb,
    writer: Mutex<()>,
}

impl Umadb {
    /// Opens the store in `path`.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub fn open(path: &Path) -> Result<Self> {
        let options = StorageOptions::default().db_path(path.join("events.uma"));
        let mvcc = Arc::new(Mvcc::new(false, options)?);
        Ok(Self {
            store: UmaDb::from_arc(Arc::clone(&mvcc)),
            mvcc,
            writer: Mutex::new(()),
        })
    }

    fn read(&self, tag: String, backwards: bool) -> Result<Vec<DcbSequencedEvent>> {
        let limit = backwards.then_some(1);
        Ok(self
            .store
            .read(Some(tagged(tag)), None, backwards, limit)?
            .collect::<Result<_, _>>()?)
    }

    /// The events of a tag, by time.
    fn events(&self, tag: String) -> Result<Vec<ExperienceEventEnvelope>> {
        let found = self.read(tag, false)?;
        let events = found.iter().map(|found| codec::decode(&found.event.data));
        let mut events = events.collect::<Result<Vec<_>, _>>()?;
        // All times of the workload are in UTC with six digits of the second.
        events.sort_by(|one, other| one.occurred_at.cmp(&other.occurred_at));
        Ok(events)
    }
}

fn tagged(tag: String) -> DcbQuery {
    DcbQuery::new().item(DcbQueryItem::new().tags([tag]))
}

fn id_tag(tenant: &str, id: &str) -> String {
    format!("id {tenant} {id}")
}

fn event(row: &Row<'_>) -> DcbEvent {
    let mut tags = vec![id_tag(row.tenant, row.id), format!("tenant {}", row.tenant)];
    let further = [
        ("run", row.correlation),
        ("chain", row.chain),
        ("link", row.link),
    ];
    for (name, value) in further {
        tags.extend(value.map(|value| format!("{name} {value}")));
    }
    let event = DcbEvent::new()
        .event_type(row.kind.to_string())
        .tags(tags)
        .data(row.payload.clone());
    // A known id is told from a conflict by it.
    event.uuid(Uuid::parse_str(row.id).unwrap_or_default())
}

impl Contestant for Umadb {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        let rows = events.iter().map(Row::new).collect::<Result<Vec<_>>>()?;
        let _one_at_a_time = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = self.mvcc.writer()?;
        let mut written = 0;
        for row in &rows {
            let tag = id_tag(row.tenant, row.id);
            let condition = DcbAppendCondition::new(tagged(tag.clone()));
            let next = writer.next_position.0;
            let mvcc = &*self.mvcc;
            process_append_request(
                vec![event(row)],
                Some(condition),
                None,
                mvcc,
                &mut writer,
                None,
            )
            .with_context(|| format!("another event has the id {}", row.id))?;
            if writer.next_position.0 > next {
                written += 1;
                continue;
            }
            let known = self.read(tag, true)?.pop().context("repeated in a batch")?;
            if known.event.data != row.payload {
                bail!("another event has the id {}", row.id);
            }
        }
        self.mvcc.commit(&mut writer)?;
        Ok(written)
    }

    fn settle(&self) -> Result<()> {
        Ok(())
    }

    fn ask(&self, question: &Question) -> Result<Option<Answer>> {
        Ok(Some(Answer::Events(match question {
            Question::Correlation(id) => self.events(format!("run {id}"))?,
            Question::Chain(id) => self.events(format!("chain {id}"))?,
            Question::Event { tenant, id } => self.events(id_tag(tenant, id))?,
            Question::TraceLink(id) => {
                let found = self.read(format!("link {id}"), true)?.pop();
                let event = found.map(|found| codec::decode(&found.event.data));
                let link = event.transpose()?.and_then(|event| match event.event {
                    ExperienceEvent::TraceLinkRecorded { trace_link, .. } => {
                        Some(Box::new(trace_link))
                    }
                    _ => None,
                });
                return Ok(Some(Answer::Link(link)));
            }
            Question::Kinds { .. } | Question::Newest { .. } => return Ok(None),
        })))
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        const AT_ONCE: u32 = 1000;
        let mut start = None;
        loop {
            let found = self.store.read(None, start, false, Some(AT_ONCE))?;
            let mut last = None;
            for found in found {
                let found = found?;
                last = Some(found.position + 1);
                each(codec::decode(&found.event.data)?);
            }
            if last.is_none() {
                return Ok(());
            }
            start = last;
        }
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
