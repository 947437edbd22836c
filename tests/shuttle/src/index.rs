//! A stand-in for the indexes: the view names their types.

#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "the models keep no terms")]
pub(crate) enum Index {
    EventIds,
    Chains,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct TermHash;
