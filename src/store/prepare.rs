//! Everything about a batch that can be done before it is its turn: encoding, hashing, looking for ids that
//! stand in it twice.

use std::sync::Arc;

use super::body;
use super::buffer::Buffer;
use super::index::{Index, TermHash, TermHasher, TermHashes};
use super::journal::frame::{self, ChainHash, MAX_BODY};
use super::record::{EncodedRecord, Field, NewRecord, Record};
use crate::error::{Error, Result};

/// A record of a batch.
#[derive(Debug, Clone)]
pub(crate) struct PreparedRecord {
    pub(crate) record: Record,
    pub(crate) hashes: TermHashes,
    /// The record of the same batch that it repeats.
    pub(crate) repeats: Option<usize>,
}

impl PreparedRecord {
    /// The hash of the event's id, in its tenant. Every record has one.
    pub(crate) fn id_hash(&self) -> TermHash {
        let hash = self.hashes.get(Index::EventIds as usize).copied();
        hash.flatten().unwrap_or(TermHash(0))
    }
}

/// A batch, ready to be written.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) records: Vec<PreparedRecord>,
    pub(crate) body: Arc<Buffer>,
    pub(crate) body_hash: ChainHash,
    /// Whether the body holds every record.
    complete: bool,
}

/// Takes the records of a batch one by one.
#[derive(Debug)]
pub(crate) struct BatchEncoder {
    bytes: Vec<u8>,
    records: Vec<EncodedRecord>,
    scratch: Vec<u8>,
}

/// A record of typical events, for the first guess at a batch's size.
pub(crate) const TYPICAL_RECORD: usize = 500;

impl BatchEncoder {
    /// For a batch of about so many records.
    pub(crate) fn with_capacity(records: usize) -> Self {
        Self {
            bytes: Vec::with_capacity((records * TYPICAL_RECORD).min(MAX_BODY)),
            records: Vec::with_capacity(records),
            scratch: Vec::with_capacity(64),
        }
    }

    pub(crate) fn push(&mut self, new: &NewRecord<'_>) -> Result<()> {
        let encoded = new
            .encode_prefixed(&mut self.bytes, &mut self.scratch)
            .map_err(|flaw| Error::Unencodable {
                event_id: new.fields.event_id.to_owned(),
                reason: flaw.to_string(),
            })?;
        if self.bytes.len() > MAX_BODY {
            return Err(Error::BatchTooLarge {
                size: self.bytes.len(),
                limit: MAX_BODY,
            });
        }
        self.records.push(encoded);
        Ok(())
    }

    /// The batch, with its hashes and repeats.
    pub(crate) fn finish(self, hasher: &TermHasher) -> Result<Prepared> {
        let bytes = Arc::new(Buffer::from(self.bytes));
        let prepare = |encoded: EncodedRecord| {
            let record = encoded.within(&bytes);
            PreparedRecord {
                hashes: hasher.record(&record),
                record,
                repeats: None,
            }
        };
        let mut records: Vec<_> = self.records.into_iter().map(prepare).collect();
        mark_repeats(&mut records)?;
        let body_hash = frame::body_hash(&bytes);
        let complete = records.iter().all(|record| record.repeats.is_none());
        Ok(Prepared {
            records,
            body: bytes,
            body_hash,
            complete,
        })
    }
}

impl Prepared {
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
        let bytes = Arc::new(Buffer::from(bytes));
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

/// Finds the records that carry the id of an earlier one.
fn mark_repeats(records: &mut [PreparedRecord]) -> Result<()> {
    let mut places: Vec<(TermHash, usize)> = records
        .iter()
        .enumerate()
        .map(|(place, prepared)| (prepared.id_hash(), place))
        .collect();
    places.sort_unstable();
    let mut repeats = Vec::new();
    // The first in the batch is told of, whatever the hashes' order.
    let mut conflict: Option<usize> = None;
    for alike in places.chunk_by(|one, other| one.0 == other.0) {
        for (index, (_, place)) in alike.iter().enumerate().skip(1) {
            let Some(prepared) = records.get(*place) else {
                continue;
            };
            // Two ids may share a hash.
            let earlier = alike.iter().take(index).find_map(|(_, earlier)| {
                let other = records.get(*earlier)?;
                same_id(&other.record, &prepared.record).then_some((*earlier, other))
            });
            let Some((first, other)) = earlier else {
                continue;
            };
            if same_content(&other.record, &prepared.record) {
                repeats.push((*place, first));
            } else {
                conflict = Some(conflict.map_or(*place, |earliest| earliest.min(*place)));
            }
        }
    }
    if let Some(prepared) = conflict.and_then(|place| records.get(place)) {
        return Err(Error::ConflictInBatch {
            event_id: prepared.record.event_id().to_owned(),
            tenant: prepared.record.field(Field::Tenant).map(str::to_owned),
        });
    }
    for (place, first) in repeats {
        if let Some(prepared) = records.get_mut(place) {
            prepared.repeats = Some(first);
        }
    }
    Ok(())
}
