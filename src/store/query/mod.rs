//! Answering: what is asked for, the plan, and the scan that carries it out.

pub(crate) mod filter;
pub(crate) mod journal_scan;
pub(crate) mod plan;
pub(crate) mod range;
pub(crate) mod scan;
