//! A stand-in for the indexes: the view names their types.

#[derive(Debug, Clone, Copy)]
pub(crate) struct Index;

#[derive(Debug, Clone, Copy)]
pub(crate) struct TermHash;
