//! Text out: escaping, JSON, tables, progress.

pub(crate) mod escape;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod terminal;
