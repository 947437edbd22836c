//! Everything about a batch that can be done before it is its turn: encoding, hashing, looking for ids that
//! stand in it twice.

use std::collections::HashMap;
use std::sync::Arc;

use super::body;
use super::index::{Index, TermHash, TermHasher, TermHashes};
use super::journal::frame::{self, ChainHash, MAX_BODY};
use super::record::{Field, NewRecord, Record};
use crate::error::{Error, Result};

/// A record of a batch.
#[derive(Debug, Clone)]
pub(crate) struct PreparedRecord {
    pub(crate) record: Record,
    pub(crate) hashes: TermHashes,
    /// The record of the same batch that it repeats.
    pub(crate) repeats: Option<usize>,
}

/// A batch, ready to be written.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) records: Vec<PreparedRecord>,
    pub(crate) body: Arc<Vec<u8>>,
    pub(crate) body_hash: ChainHash,
    /// Whether the body holds every record.
    complete: bool,
}

impl Prepared {
    /// Encodes a batch.
    pub(crate) fn new(batch: &[NewRecord<'_>], hasher: &TermHasher) -> Result<Self> {
        let mut encoded = Vec::new();
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(batch.len());
        for new in batch {
            encoded.clear();
            new.encode(&mut encoded);
            body::push(&mut bytes, &encoded);
            ends.push((bytes.len() - encoded.len(), bytes.len()));
            if bytes.len() > MAX_BODY {
                return Err(Error::BatchTooLarge {
                    size: bytes.len(),
                    limit: MAX_BODY,
                });
            }
        }
        let bytes = Arc::new(bytes);
        let mut records = Vec::with_capacity(batch.len());
        for (new, (start, end)) in batch.iter().zip(ends) {
            let record = Record::parse(&bytes, start..end).map_err(|flaw| Error::Unencodable {
                event_id: new.fields.event_id.to_owned(),
                reason: flaw.to_string(),
            })?;
            let terms = hasher.record(&record);
            records.push(PreparedRecord {
                record,
                hashes: terms,
                repeats: None,
            });
        }
        mark_repeats(&mut records)?;
        let body_hash = frame::body_hash(&bytes);
        let complete = records.iter().all(|record| record.repeats.is_none());
        Ok(Self {
            records,
            body: bytes,
            body_hash,
            complete,
        })
    }

    /// The records that `keep` names, and a body that holds those only.
    pub(crate) fn only(self, keep: &[bool]) -> Result<Self> {
        if self.complete && keep.iter().all(|keep| *keep) {
            return Ok(self);
        }
        let mut bytes = Vec::new();
        let mut kept = Vec::new();
        for (prepared, _) in self
            .records
            .into_iter()
            .zip(keep)
            .filter(|(_, keep)| **keep)
        {
            body::push(&mut bytes, prepared.record.as_bytes());
            kept.push((bytes.len(), prepared));
        }
        let bytes = Arc::new(bytes);
        let mut records = Vec::with_capacity(kept.len());
        for (end, prepared) in kept {
            let start = end - prepared.record.as_bytes().len();
            let record = Record::parse(&bytes, start..end).map_err(|flaw| Error::Unencodable {
                event_id: prepared.record.event_id().to_owned(),
                reason: flaw.to_string(),
            })?;
            records.push(PreparedRecord {
                record,
                repeats: None,
                ..prepared
            });
        }
        let body_hash = frame::body_hash(&bytes);
        Ok(Self {
            records,
            body: bytes,
            body_hash,
            complete: true,
        })
    }
}

/// Whether two records carry one id in one tenant.
pub(crate) fn same_id(one: &Record, other: &Record) -> bool {
    one.event_id() == other.event_id() && one.field(Field::Tenant) == other.field(Field::Tenant)
}

/// Whether two records hold the same event.
pub(crate) fn same_content(one: &Record, other: &Record) -> bool {
    one.payload_format() == other.payload_format()
        && one.payload() == other.payload()
        && same_words(one, other)
}

/// Whether two records of other contracts say the same beside their payload. A payload of the log's own contract
/// says it all. The chain, artifact and trace link an event is found by are not compared: they were taken out
/// of the payload, and a later version may take out more.
fn same_words(one: &Record, other: &Record) -> bool {
    let same = |field| one.field(field) == other.field(field);
    same(Field::Contract)
        && (one.field(Field::Contract).is_none()
            || (same(Field::KindName)
                && same(Field::Correlation)
                && one.instant() == other.instant()))
}

fn mark_repeats(records: &mut [PreparedRecord]) -> Result<()> {
    let mut seen: HashMap<TermHash, Vec<usize>> = HashMap::with_capacity(records.len());
    for place in 0..records.len() {
        let Some(prepared) = records.get(place) else {
            continue;
        };
        let Some(hash) = prepared
            .hashes
            .get(Index::EventIds as usize)
            .copied()
            .flatten()
        else {
            continue;
        };
        let places = seen.entry(hash).or_default();
        let same = places.iter().copied().find(|other| {
            records
                .get(*other)
                .is_some_and(|other| same_id(&other.record, &prepared.record))
        });
        let Some(first) = same else {
            places.push(place);
            continue;
        };
        if !records
            .get(first)
            .is_some_and(|first| same_content(&first.record, &prepared.record))
        {
            return Err(Error::ConflictInBatch {
                event_id: prepared.record.event_id().to_owned(),
                tenant: prepared.record.field(Field::Tenant).map(str::to_owned),
            });
        }
        if let Some(prepared) = records.get_mut(place) {
            prepared.repeats = Some(first);
        }
    }
    Ok(())
}
