//! The exact check that every result passes, whichever way it was found.

use super::super::index::{Index, TermHash, TermHasher};
use super::super::instant::Position;
use super::super::record::{Field, Kind, NAMED_KIND, Record};

/// What a query asks for, apart from time. `None` and an empty `kinds` restrict nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) tenant: Option<String>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) correlation: Option<String>,
    pub(crate) chain: Option<String>,
    pub(crate) artifact: Option<String>,
    pub(crate) contract: Contracts,
}

/// Whose events are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Contracts {
    #[default]
    Any,
    /// The log's own.
    Own,
    /// One of these.
    Named(Vec<String>),
}

impl Contracts {
    pub(crate) fn include(&self, record: &Record) -> bool {
        match self {
            Self::Any => true,
            Self::Own => record.field(Field::Contract).is_none(),
            Self::Named(names) => record
                .field(Field::Contract)
                .is_some_and(|contract| names.iter().any(|name| name == contract)),
        }
    }
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

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.wanted.kinds
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The terms that every result carries.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (Index, TermHash)> + '_ {
        self.terms.iter().copied()
    }

    /// Whether a kind of this number may be wanted, which is asked for only if it matters. Named kinds share one number.
    pub(crate) fn may_match_kind<E>(
        &self,
        number: impl FnOnce() -> Result<u16, E>,
    ) -> Result<bool, E> {
        if self.wanted.kinds.is_empty() {
            return Ok(true);
        }
        let number = number()?;
        let may = |kind: &Kind| match kind {
            Kind::Number(wanted) => *wanted == number,
            Kind::Named(_) => number == NAMED_KIND,
        };
        Ok(self.wanted.kinds.iter().any(may))
    }

    pub(crate) fn matches(&self, position: Position, record: &Record) -> bool {
        let carries = |wanted: &Option<String>, field: Field| {
            wanted
                .as_deref()
                .is_none_or(|wanted| record.carries(field, wanted))
        };
        position.sequence < self.head
            && (self.wanted.kinds.is_empty()
                || self.wanted.kinds.iter().any(|kind| kind.is_of(record)))
            && self.wanted.contract.include(record)
            && carries(&self.wanted.tenant, Field::Tenant)
            && carries(&self.wanted.correlation, Field::Correlation)
            && carries(&self.wanted.chain, Field::Chain)
            && carries(&self.wanted.artifact, Field::Artifact)
    }
}
