//! The indexes as data: writing, reading, verifying and counting loop over [`INDEXES`].

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::record::{Field, Kind, Record};

/// One secondary index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Index {
    EventIds,
    Kinds,
    Chains,
    Correlations,
    Artifacts,
    TraceLinks,
}

/// How an index is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Definition {
    pub(crate) index: Index,
    /// The sled tree that holds it.
    pub(crate) tree: &'static str,
    /// Its number in stored bytes.
    pub(crate) code: u8,
    /// Whether a term stands at one event of a block at most, so that a slot number does for a mask.
    pub(crate) unique: bool,
    /// Bits of a run's filter for each term. Every append asks for its event id in vain, so those get more.
    pub(crate) filter_bits: u32,
    /// Whether its pages are kept in memory as they are written: who looks for one event asks for another page each time.
    pub(crate) keeps_written: bool,
}

/// Every index, in the order of its code.
pub(crate) const INDEXES: [Definition; 6] = [
    Definition {
        index: Index::EventIds,
        tree: "event_ids",
        code: 0,
        unique: true,
        filter_bits: ID_FILTER_BITS,
        keeps_written: true,
    },
    Definition {
        index: Index::Kinds,
        tree: "kinds",
        code: 1,
        unique: false,
        filter_bits: 10,
        keeps_written: false,
    },
    Definition {
        index: Index::Chains,
        tree: "chains",
        code: 2,
        unique: false,
        filter_bits: 10,
        keeps_written: false,
    },
    Definition {
        index: Index::Correlations,
        tree: "correlations",
        code: 3,
        unique: false,
        filter_bits: 10,
        keeps_written: false,
    },
    Definition {
        index: Index::Artifacts,
        tree: "artifacts",
        code: 4,
        unique: false,
        filter_bits: 10,
        keeps_written: false,
    },
    Definition {
        index: Index::TraceLinks,
        tree: "trace_links",
        code: 5,
        unique: false,
        filter_bits: 10,
        keeps_written: true,
    },
];

/// Bits of a filter for each event id, which every append asks in vain.
pub(crate) const ID_FILTER_BITS: u32 = 20;

/// The hashes of a record's terms, by index; `None` where the record carries no such term.
pub(crate) type TermHashes = [Option<TermHash>; INDEXES.len()];

/// A term as the indexes know it: the upper 40 bits of its hash, then zeros. Two terms may share a hash, so a match is
/// checked against the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TermHash(pub(crate) u64);

/// The lower bits of a hash, which are zero.
pub(crate) const HASH_ZEROS: u32 = 24;

/// Hashes terms: SipHash-1-3 under the log's id, so that nobody can prepare terms that collide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TermHasher {
    key: [u8; 16],
    /// The hashes of the first kinds, which every record asks for.
    kinds: [TermHash; 16],
}

impl TermHasher {
    pub(crate) fn new(log_id: [u8; 16]) -> Self {
        let mut hasher = Self {
            key: log_id,
            kinds: [TermHash(0); 16],
        };
        hasher.kinds =
            std::array::from_fn(|kind| hasher.kind_anew(u16::try_from(kind).unwrap_or(u16::MAX)));
        hasher
    }

    /// A chain, correlation, artifact or trace link id.
    pub(crate) fn text(&self, term: &str) -> TermHash {
        self.finish(|hasher| hasher.write(term.as_bytes()))
    }

    pub(crate) fn kind(&self, kind: &Kind) -> TermHash {
        match kind {
            Kind::Number(number) => self.kind_number(*number),
            Kind::Named(name) => self.text(name),
        }
    }

    fn kind_number(&self, kind: u16) -> TermHash {
        let known = self.kinds.get(usize::from(kind)).copied();
        known.unwrap_or_else(|| self.kind_anew(kind))
    }

    fn kind_anew(&self, kind: u16) -> TermHash {
        self.finish(|hasher| hasher.write(&kind.to_le_bytes()))
    }

    /// An event id, which is unique within its tenant only.
    pub(crate) fn event_id(&self, tenant: Option<&str>, event_id: &str) -> TermHash {
        self.finish(|hasher| {
            // The length keeps ("ab", "c") apart from ("a", "bc").
            let tag = tenant.map_or(0, |tenant| tenant.len() as u64 + 1);
            hasher.write(&tag.to_le_bytes());
            hasher.write(tenant.unwrap_or_default().as_bytes());
            hasher.write(event_id.as_bytes());
        })
    }

    /// The hashes of everything a record is found by.
    pub(crate) fn record(&self, record: &Record) -> TermHashes {
        INDEXES.map(|definition| match definition.index {
            Index::EventIds => Some(self.event_id(record.field(Field::Tenant), record.event_id())),
            Index::Kinds => Some(match record.field(Field::KindName) {
                Some(name) => self.text(name),
                None => self.kind_number(record.kind()),
            }),
            Index::Chains => record.field(Field::Chain).map(|term| self.text(term)),
            Index::Correlations => record.field(Field::Correlation).map(|term| self.text(term)),
            Index::Artifacts => record.field(Field::Artifact).map(|term| self.text(term)),
            Index::TraceLinks => record.field(Field::TraceLink).map(|term| self.text(term)),
        })
    }

    fn finish(&self, write: impl FnOnce(&mut SipHasher13)) -> TermHash {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        write(&mut hasher);
        TermHash(hasher.finish() >> HASH_ZEROS << HASH_ZEROS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_places_in_the_table() {
        for (place, definition) in INDEXES.iter().enumerate() {
            assert_eq!(usize::from(definition.code), place);
            assert_eq!(definition.index as usize, place);
        }
    }

    #[test]
    fn an_event_id_is_hashed_with_its_tenant() {
        let hasher = TermHasher::new([7; 16]);
        let hashes = [
            hasher.event_id(None, "abc"),
            hasher.event_id(Some(""), "abc"),
            hasher.event_id(Some("a"), "bc"),
            hasher.event_id(Some("ab"), "c"),
        ];
        for (place, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..place].contains(hash));
        }
    }

    #[test]
    fn hashes_are_part_of_the_format() {
        let hasher = TermHasher::new(*b"0123456789abcdef");
        assert_eq!(hasher.text("run-1").0, 0x9068_8003_2100_0000);
        assert_eq!(hasher.kind(&Kind::Number(3)).0, 0x1aba_cb52_dd00_0000);
    }
}
