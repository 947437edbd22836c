//! One row per event, as Apache Parquet.

#[cfg(feature = "parquet")]
mod file;

use experience_log::LogReader;

use super::Target;
use crate::Verdict;
use crate::args::Export;
use crate::failure::Failure;

#[cfg(feature = "parquet")]
pub(super) fn export(
    log: &LogReader,
    arguments: &Export,
    target: Target<'_>,
) -> Result<Verdict, Failure> {
    file::export(log, arguments, target)
}

#[cfg(not(feature = "parquet"))]
pub(super) fn export(
    _log: &LogReader,
    _arguments: &Export,
    _target: Target<'_>,
) -> Result<Verdict, Failure> {
    Err(Failure::Usage(
        "this explog was built without parquet; build it with `cargo install --path . --features parquet`, or export csv"
            .to_owned(),
    ))
}
