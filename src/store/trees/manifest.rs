//! The manifest: how far the trees have got, and which runs they consist of. One item of `meta`, written in
//! the same transaction as what it tells of.
//!
//! # Format, layout 9
//!
//! ```text
//! layout u16 = 9 | log id 16 | applied u64 | chain hash 32 | segment u64 | offset u64 | blocks u32 |
//! block bytes u64 | next run u64 | varint runs × ( number u64, index u8, level u8, pages u32, postings u64, terms u64,
//! lines u32 ) |
//! varint kinds × ( varint kind, varint blocks that hold it, varint events ) |
//! varint names × ( varint length, the kind's name, varint blocks that hold it, varint events )
//! ```
//!
//! `applied` is the number of events in the trees; `chain hash`, `segment` and `offset` are the journal's
//! at that point, so that trees of another history are recognised. Trees of another layout are rebuilt.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::super::bytes::{BytesError, Put, Reader};
use super::super::journal::reader::Mark;
use super::super::record::Kind;
use super::run::RunInfo;

/// The layout of the trees that this build reads and writes.
pub(crate) const LAYOUT: u16 = 9;

/// Kinds with a name that are counted each by itself. Names come from whoever appends, so their number is
/// bounded: those that come later are counted together.
const MAX_NAMES: usize = 256;

/// The name under which kinds beyond [`MAX_NAMES`] are counted. No kind has it.
pub(crate) const OTHER_NAMES: &str = "";

/// What the trees consist of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) log_id: [u8; 16],
    pub(crate) applied: Mark,
    pub(crate) blocks: u32,
    /// The end of the file of blocks.
    pub(crate) block_bytes: u64,
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

impl KindCount {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, BytesError> {
        Ok(Self {
            blocks: reader.varint()?,
            events: reader.varint()?,
        })
    }
}

/// How often each kind occurs in the trees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct KindCounts {
    counts: BTreeMap<Kind, KindCount>,
    names: usize,
}

impl KindCounts {
    /// Counts the events of one block.
    pub(crate) fn count(&mut self, block: impl Iterator<Item = Kind>) {
        let mut seen = BTreeSet::new();
        for kind in block {
            let kind = self.counted_as(kind);
            let count = self.counts.entry(kind.clone()).or_default();
            count.events += 1;
            count.blocks += u64::from(seen.insert(kind));
        }
    }

    /// How many blocks hold the kind, at the most.
    pub(crate) fn blocks_holding(&self, kind: &Kind) -> u64 {
        let count = self.counts.get(kind).or_else(|| match kind {
            Kind::Named(_) => self.counts.get(&Kind::Named(OTHER_NAMES.into())),
            Kind::Number(_) => None,
        });
        count.map_or(0, |count| count.blocks)
    }

    /// Every kind and its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Kind, KindCount)> {
        self.counts.iter().map(|(kind, count)| (kind, *count))
    }

    /// Reads the count of a kind, which no manifest tells twice.
    fn read(&mut self, kind: Kind, reader: &mut Reader<'_>) -> Result<(), ManifestFlaw> {
        match self.counts.insert(kind, KindCount::decode(reader)?) {
            None => Ok(()),
            Some(_) => Err(ManifestFlaw::Repeated),
        }
    }

    fn counted_as(&mut self, kind: Kind) -> Kind {
        if matches!(kind, Kind::Number(_)) || self.counts.contains_key(&kind) {
            return kind;
        }
        if self.names >= MAX_NAMES {
            return Kind::Named(OTHER_NAMES.into());
        }
        self.names += 1;
        kind
    }
}

/// Why bytes are no manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManifestFlaw {
    #[error("layout {LAYOUT} expected, {0} found")]
    Layout(u16),
    #[error("a kind's name that is not UTF-8")]
    Name,
    #[error("two runs of number {0}")]
    RunTwice(u64),
    #[error("a kind that is counted twice")]
    Repeated,
    #[error(transparent)]
    Bytes(#[from] BytesError),
}

impl Manifest {
    pub(crate) fn new(log_id: [u8; 16]) -> Self {
        Self {
            log_id,
            applied: Mark::START,
            blocks: 0,
            block_bytes: 0,
            next_run: 0,
            runs: Vec::new(),
            kinds: KindCounts::default(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put_u16(LAYOUT);
        bytes.put(&self.log_id);
        self.applied.encode(&mut bytes);
        bytes.put_u32(self.blocks);
        bytes.put_u64(self.block_bytes);
        bytes.put_u64(self.next_run);
        bytes.put_varint(self.runs.len() as u64);
        for run in &self.runs {
            bytes.put_u64(run.number);
            bytes.put_u8(run.index);
            bytes.put_u8(run.level);
            bytes.put_u32(run.pages);
            bytes.put_u64(run.postings);
            bytes.put_u64(run.terms);
            bytes.put_u32(run.lines);
        }
        let (mut numbers, mut names) = (Vec::new(), Vec::new());
        let mut kinds = (0, 0);
        for (kind, count) in self.kinds.iter() {
            let bytes = match kind {
                Kind::Number(number) => {
                    kinds.0 += 1;
                    numbers.put_varint(u64::from(*number));
                    &mut numbers
                }
                Kind::Named(name) => {
                    kinds.1 += 1;
                    names.put_prefixed(name.as_bytes());
                    &mut names
                }
            };
            bytes.put_varint(count.blocks);
            bytes.put_varint(count.events);
        }
        bytes.put_varint(kinds.0);
        bytes.put(&numbers);
        bytes.put_varint(kinds.1);
        bytes.put(&names);
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
            block_bytes: reader.u64()?,
            next_run: reader.u64()?,
            runs: Vec::new(),
            kinds: KindCounts::default(),
        };
        let mut numbers = HashSet::new();
        for _ in 0..reader.varint()? {
            let number = reader.u64()?;
            if !numbers.insert(number) {
                return Err(ManifestFlaw::RunTwice(number));
            }
            manifest.runs.push(RunInfo {
                number,
                index: reader.u8()?,
                level: reader.u8()?,
                pages: reader.u32()?,
                postings: reader.u64()?,
                terms: reader.u64()?,
                lines: reader.u32()?,
            });
        }
        for _ in 0..reader.varint()? {
            let kind = Kind::Number(reader.varint_as()?);
            manifest.kinds.read(kind, &mut reader)?;
        }
        for _ in 0..reader.varint()? {
            let name = std::str::from_utf8(reader.prefixed()?).map_err(|_| ManifestFlaw::Name)?;
            manifest.kinds.names += usize::from(name != OTHER_NAMES);
            manifest.kinds.read(Kind::Named(name.into()), &mut reader)?;
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_with_a_name_are_counted_up_to_a_bound() {
        let mut kinds = KindCounts::default();
        let name = |number: usize| Kind::Named(format!("kind-{number}").into());
        for block in 0..3 {
            kinds.count((0..MAX_NAMES + 50).map(name));
            assert_eq!(kinds.blocks_holding(&name(0)), block + 1);
            assert_eq!(kinds.blocks_holding(&name(MAX_NAMES)), block + 1);
        }
        assert_eq!(kinds.iter().count(), MAX_NAMES + 1);
        let events: u64 = kinds.iter().map(|(_, count)| count.events).sum();
        assert_eq!(events, 3 * (MAX_NAMES as u64 + 50));
        assert_eq!(kinds.blocks_holding(&Kind::Number(1)), 0);

        let mut manifest = Manifest::new([4; 16]);
        manifest.kinds = kinds;
        let bytes = manifest.encode();
        assert!(bytes.len() < 64 << 10);
        assert_eq!(Manifest::decode(&bytes).unwrap(), manifest);
    }

    #[test]
    fn a_kind_that_is_counted_twice_is_refused() {
        let bytes = Manifest::new([4; 16]).encode();
        let before = &bytes[..bytes.len() - 2];
        // A count of 7 blocks and 9 events, for kind 5 and for the name "K".
        let (number, name) = (&[5, 7, 9][..], &[1, b'K', 7, 9][..]);
        let once = [before, &[1], number, &[1], name].concat();
        assert_eq!(Manifest::decode(&once).unwrap().kinds.iter().count(), 2);
        for twice in [
            [before, &[2], number, number, &[0]].concat(),
            [before, &[0, 2], name, name].concat(),
        ] {
            assert_eq!(Manifest::decode(&twice), Err(ManifestFlaw::Repeated));
        }
    }

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
            terms: 7,
            lines: 3,
        });
        for kinds in [
            vec![Kind::Number(300); 7],
            vec![Kind::Number(2), Kind::Named("Later".into())],
        ] {
            manifest.kinds.count(kinds.into_iter());
        }
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes).as_ref(), Ok(&manifest));
        for cut in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..cut]).is_err());
        }
        manifest.runs.push(manifest.runs[0]);
        let twice = Manifest::decode(&manifest.encode());
        assert_eq!(twice, Err(ManifestFlaw::RunTwice(7)));
        let mut older = bytes;
        older[0] = 8;
        assert_eq!(Manifest::decode(&older), Err(ManifestFlaw::Layout(8)));
        let mut mark = Vec::new();
        Mark::START.encode(&mut mark);
        assert_eq!(mark.len(), 56);
    }
}
