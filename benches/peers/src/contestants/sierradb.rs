//! `SierraDB`, an event store, by its core crate: its append path. One partition holds all, since a
//! transaction takes place in one; a run is a stream. It mints its own event ids (they hold the hash of the
//! partition), so it cannot check ours. It acknowledges what is synced, and knows no weaker level.

use std::path::Path;

use anyhow::Result;
use experience_log::ExperienceEventEnvelope;
use experience_log::codec;
use futures::executor::block_on;
use sierradb::bucket::segment::CommittedEvents;
use sierradb::database::{Database, DatabaseBuilder, ExpectedVersion, NewEvent, Transaction};
use sierradb::id::{uuid_to_partition_hash, uuid_v7_with_partition_hash};
use sierradb::{IterDirection, StreamId};
use uuid::Uuid;

use crate::contestant::{Answer, Contestant};
use crate::row::Row;
use crate::workload::Question;

const PARTITION: u16 = 0;
const PARTITION_KEY: Uuid = Uuid::from_u128(7);

/// The store.
pub struct Sierradb(Database);

impl Sierradb {
    /// Opens the store in `path`.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub fn open(path: &Path) -> Result<Self> {
        // By default it waits up to five milliseconds, or for 4 KiB, before it syncs.
        let store = DatabaseBuilder::new()
            .total_buckets(1)
            .bucket_ids_from_range(0..1)
            .writer_threads(1)
            .min_sync_bytes(0)
            .open(path)?;
        Ok(Self(store))
    }
}

fn event(event: &ExperienceEventEnvelope) -> Result<NewEvent> {
    let row = Row::new(event)?;
    let hash = uuid_to_partition_hash(PARTITION_KEY);
    Ok(NewEvent {
        event_id: uuid_v7_with_partition_hash(hash),
        stream_id: StreamId::new(row.correlation.unwrap_or("none"))?,
        stream_version: ExpectedVersion::Any,
        event_name: row.kind.to_string(),
        timestamp: row.instant.cast_unsigned(),
        metadata: Vec::new(),
        payload: row.payload,
    })
}

impl Contestant for Sierradb {
    fn append(&self, events: &[ExperienceEventEnvelope]) -> Result<usize> {
        let new = events.iter().map(event).collect::<Result<_>>()?;
        let transaction = Transaction::new(PARTITION_KEY, PARTITION, new)?;
        block_on(self.0.append_events(transaction))?;
        Ok(events.len())
    }

    fn settle(&self) -> Result<()> {
        Ok(())
    }

    fn ask(&self, _: &Question) -> Result<Option<Answer>> {
        Ok(None)
    }

    fn replay(&self, each: &mut dyn FnMut(ExperienceEventEnvelope)) -> Result<()> {
        block_on(async {
            let mut commits = self
                .0
                .read_partition(PARTITION, 0, IterDirection::Forward)
                .await?;
            while let Some(commit) = commits.next().await? {
                match commit {
                    CommittedEvents::Single(event) => each(codec::decode(&event.payload)?),
                    CommittedEvents::Transaction { events, .. } => {
                        for event in events.iter() {
                            each(codec::decode(&event.payload)?);
                        }
                    }
                }
            }
            Ok(())
        })
    }

    fn close(self: Box<Self>) -> Result<()> {
        block_on(self.0.shutdown());
        Ok(())
    }
}
