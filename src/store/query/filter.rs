//! The exact check that every result passes, whichever way it was found.

use super::super::index::{Index, TermHash, TermHasher};
use super::super::instant::Position;
use super::super::record::{Field, Record};

/// What a query asks for, apart from time. `None` and an empty `kinds` restrict nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) tenant: Option<String>,
    pub(crate) kinds: Vec<u16>,
    pub(crate) correlation: Option<String>,
    pub(crate) chain: Option<String>,
    pub(crate) artifact: Option<String>,
}

/// The conditions of a query and the hashes of its terms.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    wanted: Wanted,
    terms: Vec<(Index, TermHash)>,
    /// Events from this sequence number on are not published yet.
    head: u64,
}

impl Filter {
    pub(crate) fn new(wanted: Wanted, head: u64, hasher: &TermHasher) -> Self {
        let terms = [
            (Index::Correlations, &wanted.correlation),
            (Index::Chains, &wanted.chain),
            (Index::Artifacts, &wanted.artifact),
        ];
        let terms = terms
            .into_iter()
            .filter_map(|(index, term)| Some((index, hasher.text(term.as_deref()?))))
            .collect();
        Self {
            wanted,
            terms,
            head,
        }
    }

    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        self.wanted.tenant.as_deref()
    }

    pub(crate) fn kinds(&self) -> &[u16] {
        &self.wanted.kinds
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The terms that every result carries.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (Index, TermHash)> + '_ {
        self.terms.iter().copied()
    }

    pub(crate) fn matches(&self, position: Position, record: &Record) -> bool {
        let carries = |wanted: &Option<String>, field: Field| {
            wanted
                .as_deref()
                .is_none_or(|wanted| record.field(field) == Some(wanted))
        };
        position.sequence < self.head
            && (self.wanted.kinds.is_empty() || self.wanted.kinds.contains(&record.kind()))
            && carries(&self.wanted.tenant, Field::Tenant)
            && carries(&self.wanted.correlation, Field::Correlation)
            && carries(&self.wanted.chain, Field::Chain)
            && carries(&self.wanted.artifact, Field::Artifact)
    }
}
