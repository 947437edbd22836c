//! The plan of a query: which trees, which range, what is left to check. Pure: no I/O, no log.

use std::fmt;

use super::super::index::{INDEXES, Index, TermHash, TermHasher};
use super::super::trees::manifest::KindCounts;
use super::filter::{Contracts, Filter};
use super::range::{Order, Range};

/// An index of kinds is worth its reading if at most one block in this many holds one of them.
const RARE: u64 = 8;

/// How results are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing can match.
    Nothing,
    /// By postings: blocks and slots that all of `terms`, and one of `kinds` if there are any, point to.
    Postings {
        terms: Vec<(Index, TermHash)>,
        kinds: Vec<TermHash>,
    },
    /// By time, all blocks of the tenant that overlap the range.
    Time,
}

/// What the planner knows of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statistics<'a> {
    pub(crate) blocks: u64,
    pub(crate) kinds: &'a KindCounts,
}

/// Chooses how to find what `filter` asks for.
pub(crate) fn plan(
    filter: &Filter,
    range: Range,
    limit: Option<usize>,
    hasher: &TermHasher,
    statistics: Statistics<'_>,
) -> Access {
    if range.is_empty() || limit == Some(0) {
        return Access::Nothing;
    }
    let terms: Vec<_> = filter.terms().collect();
    if !terms.is_empty() {
        // Few blocks carry a run's id: reading them beats reading the postings of its kinds too.
        return Access::Postings {
            terms,
            kinds: Vec::new(),
        };
    }
    let holding = |kind| statistics.kinds.blocks_holding(kind);
    let blocks: u64 = filter.kinds().iter().map(holding).sum();
    if !filter.kinds().is_empty() && blocks.saturating_mul(RARE) <= statistics.blocks {
        let kinds = filter
            .kinds()
            .iter()
            .map(|kind| hasher.kind(kind))
            .collect();
        return Access::Postings { terms, kinds };
    }
    Access::Time
}

/// How a query is answered. Print it, or look at its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Where results are looked for.
    pub access: AccessPath,
    /// The tenant whose blocks are looked at; all, if `None`.
    pub tenant: Option<String>,
    /// Conditions that are checked on each event found.
    pub checks: Vec<&'static str>,
    /// The order of the results.
    pub order: Order,
    /// The most results given.
    pub limit: Option<usize>,
    /// Blocks of the trees that would be opened if every result was taken.
    pub blocks: usize,
    /// Events that are still in memory, and are looked at there.
    pub in_memory: usize,
}

/// Where the results of a query are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessPath {
    /// Nowhere: nothing can match.
    Nothing,
    /// In the blocks that the postings of all these trees point to.
    Postings(Vec<&'static str>),
    /// In the tenant's blocks that overlap the time range.
    TimeRange,
    /// In the whole journal, because there are no trees to use: by a read-only handle.
    Journal,
}

impl AccessPath {
    pub(crate) fn of(access: &Access) -> Self {
        match access {
            Access::Nothing => Self::Nothing,
            Access::Time => Self::TimeRange,
            Access::Postings { terms, kinds } => {
                let used = |index: Index| {
                    terms.iter().any(|(term, _)| *term == index)
                        || (index == Index::Kinds && !kinds.is_empty())
                };
                let trees = INDEXES.iter().filter(|definition| used(definition.index));
                Self::Postings(trees.map(|definition| definition.tree).collect())
            }
        }
    }
}

impl Explanation {
    pub(crate) fn checks_of(filter: &Filter) -> Vec<&'static str> {
        let wanted = filter.wanted();
        let conditions = [
            (wanted.tenant.is_some(), "tenant"),
            (!wanted.kinds.is_empty(), "kind"),
            (wanted.correlation.is_some(), "correlation"),
            (wanted.chain.is_some(), "chain"),
            (wanted.artifact.is_some(), "artifact"),
            (wanted.contract != Contracts::Any, "contract"),
        ];
        conditions
            .into_iter()
            .filter(|(given, _)| *given)
            .map(|(_, name)| name)
            .collect()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.access {
            AccessPath::Nothing => return write!(f, "nothing can match"),
            AccessPath::Journal => write!(f, "scan the journal")?,
            AccessPath::TimeRange => write!(f, "scan {} blocks by time", self.blocks)?,
            AccessPath::Postings(trees) => {
                write!(f, "open {} blocks by {}", self.blocks, trees.join(" and "))?;
            }
        }
        match &self.tenant {
            Some(tenant) => write!(f, " of tenant {tenant:?}")?,
            None => write!(f, " of every tenant")?,
        }
        if self.in_memory > 0 {
            write!(f, ", look at {} events in memory", self.in_memory)?;
        }
        if !self.checks.is_empty() {
            write!(f, ", check {}", self.checks.join(", "))?;
        }
        let order = match self.order {
            Order::OldestFirst => "oldest first",
            Order::NewestFirst => "newest first",
        };
        write!(f, ", {order}")?;
        match self.limit {
            Some(limit) => write!(f, ", stop after {limit}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::record::Kind;
    use super::super::filter::Wanted;
    use super::*;

    fn access(wanted: Wanted, limit: Option<usize>) -> AccessPath {
        let hasher = TermHasher::new([0; 16]);
        let filter = Filter::new(wanted, u64::MAX, &hasher);
        let mut kinds = KindCounts::default();
        for (kind, blocks) in [
            (Kind::Number(1), 900),
            (Kind::Number(2), 3),
            (Kind::Named("Rare".into()), 3),
        ] {
            for _ in 0..blocks {
                kinds.count(std::iter::once(kind.clone()));
            }
        }
        let statistics = Statistics {
            blocks: 1000,
            kinds: &kinds,
        };
        AccessPath::of(&plan(&filter, Range::ALL, limit, &hasher, statistics))
    }

    #[test]
    fn the_narrowest_way_is_chosen() {
        let kinds = |kinds: &[u16]| Wanted {
            kinds: kinds.iter().copied().map(Kind::Number).collect(),
            ..Wanted::default()
        };
        assert_eq!(access(Wanted::default(), None), AccessPath::TimeRange);
        assert_eq!(access(Wanted::default(), Some(0)), AccessPath::Nothing);
        assert_eq!(access(kinds(&[1]), None), AccessPath::TimeRange);
        assert_eq!(
            access(kinds(&[2]), None),
            AccessPath::Postings(vec!["kinds"])
        );
        // A kind that never was: its postings are none.
        assert_eq!(
            access(kinds(&[2, 7]), None),
            AccessPath::Postings(vec!["kinds"])
        );
        assert_eq!(access(kinds(&[1, 2]), None), AccessPath::TimeRange);
        let named = Wanted {
            kinds: vec![Kind::Named("Rare".into())],
            ..Wanted::default()
        };
        assert_eq!(access(named, None), AccessPath::Postings(vec!["kinds"]));
        let run = Wanted {
            correlation: Some("c".to_owned()),
            chain: Some("x".to_owned()),
            ..kinds(&[2])
        };
        assert_eq!(
            access(run, None),
            AccessPath::Postings(vec!["chains", "correlations"])
        );
    }
}
