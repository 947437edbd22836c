//! `explog rebuild`: makes the trees anew from the journal.

use std::io::{self, Write};

use experience_log::ExperienceLog;
use indicatif::HumanCount;

use crate::Verdict;
use crate::args::OneLog;
use crate::failure::Failure;

pub(crate) fn run(arguments: &OneLog) -> Result<Verdict, Failure> {
    let log = ExperienceLog::options()
        .create(false)
        .open(&arguments.log)?;
    log.rebuild_trees()?;
    // The latest events are in memory only: the trees get them as well.
    log.flush()?;
    let events = log.head()?;
    log.close()?;
    writeln!(
        io::stdout().lock(),
        "made the trees anew from {} events",
        HumanCount(events)
    )
    .map_err(Failure::output)?;
    Ok(Verdict::Fine)
}
