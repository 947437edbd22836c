//! Text out: escaping, JSON, tables, progress.

pub(crate) mod escape;
pub(crate) mod figures;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod screen;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod when;
