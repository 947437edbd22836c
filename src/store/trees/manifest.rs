//! The manifest: how far the trees have got, and which runs they consist of. One item of `meta`, written in
//! the same transaction as what it tells of.
//!
//! # Format, layout version 1
//!
//! ```text
//! layout u16 = 1 | log id 16 | applied u64 | chain hash 32 | segment u64 | offset u64 | blocks u32 |
//! next run u64 | varint runs × ( number u64, index u8, level u8, pages u32, postings u64 ) |
//! varint kinds × ( varint kind, varint blocks that hold it, varint events )
//! ```
//!
//! `applied` is the number of events in the trees; `chain hash`, `segment` and `offset` are the journal's
//! at that point, so that trees of another history are recognised. Trees of another layout are rebuilt.

use std::collections::BTreeMap;

use super::super::bytes::{BytesError, Put, Reader};
use super::super::journal::reader::Mark;
use super::run::RunInfo;

/// The layout of the trees that this build reads and writes.
pub(crate) const LAYOUT: u16 = 1;

/// What the trees consist of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) log_id: [u8; 16],
    pub(crate) applied: Mark,
    pub(crate) blocks: u32,
    pub(crate) next_run: u64,
    pub(crate) runs: Vec<RunInfo>,
    pub(crate) kinds: KindCounts,
}

/// How often a kind occurs in the trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct KindCount {
    /// Blocks that hold the kind: what the planner estimates by.
    pub(crate) blocks: u64,
    /// Events of the kind.
    pub(crate) events: u64,
}

/// How often each kind occurs in the trees.
pub(crate) type KindCounts = BTreeMap<u16, KindCount>;

/// Why bytes are no manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManifestFlaw {
    #[error("layout {0}")]
    Layout(u16),
    #[error(transparent)]
    Bytes(#[from] BytesError),
}

impl Manifest {
    pub(crate) fn new(log_id: [u8; 16]) -> Self {
        Self {
            log_id,
            applied: Mark::START,
            blocks: 0,
            next_run: 0,
            runs: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put_u16(LAYOUT);
        bytes.put(&self.log_id);
        self.applied.encode(&mut bytes);
        bytes.put_u32(self.blocks);
        bytes.put_u64(self.next_run);
        bytes.put_varint(self.runs.len() as u64);
        for run in &self.runs {
            bytes.put_u64(run.number);
            bytes.put_u8(run.index);
            bytes.put_u8(run.level);
            bytes.put_u32(run.pages);
            bytes.put_u64(run.postings);
        }
        bytes.put_varint(self.kinds.len() as u64);
        for (kind, count) in &self.kinds {
            bytes.put_varint(u64::from(*kind));
            bytes.put_varint(count.blocks);
            bytes.put_varint(count.events);
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ManifestFlaw> {
        let mut reader = Reader::new(bytes);
        let layout = reader.u16()?;
        if layout != LAYOUT {
            return Err(ManifestFlaw::Layout(layout));
        }
        let mut manifest = Self {
            log_id: reader.array()?,
            applied: Mark::decode(&mut reader)?,
            blocks: reader.u32()?,
            next_run: reader.u64()?,
            runs: Vec::new(),
            kinds: BTreeMap::new(),
        };
        for _ in 0..reader.varint()? {
            manifest.runs.push(RunInfo {
                number: reader.u64()?,
                index: reader.u8()?,
                level: reader.u8()?,
                pages: reader.u32()?,
                postings: reader.u64()?,
            });
        }
        for _ in 0..reader.varint()? {
            let kind = reader.varint_as()?;
            let count = KindCount {
                blocks: reader.varint()?,
                events: reader.varint()?,
            };
            manifest.kinds.insert(kind, count);
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_comes_back() {
        let mut manifest = Manifest::new([4; 16]);
        manifest.applied.count = 99;
        manifest.blocks = 3;
        manifest.runs.push(RunInfo {
            number: 7,
            index: 5,
            level: 2,
            pages: 9,
            postings: 4000,
        });
        manifest.kinds.insert(
            300,
            KindCount {
                blocks: 12,
                events: 500,
            },
        );
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes).as_ref(), Ok(&manifest));
        for cut in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..cut]).is_err());
        }
        let mut older = bytes;
        older[0] = 9;
        assert_eq!(Manifest::decode(&older), Err(ManifestFlaw::Layout(9)));
        let mut mark = Vec::new();
        Mark::START.encode(&mut mark);
        assert_eq!(mark.len(), 56);
    }
}
