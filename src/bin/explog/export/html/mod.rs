//! One self-contained page.

use experience_log::LogReader;

use super::Target;
use crate::Verdict;
use crate::args::Export;
use crate::failure::Failure;

pub(super) fn export(_: &LogReader, _: &Export, _: Target<'_>) -> Result<Verdict, Failure> {
    Err(Failure::Usage("not yet".to_owned()))
}
