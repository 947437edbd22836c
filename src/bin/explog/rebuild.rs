//! `explog rebuild`: makes the trees anew from the journal.

use std::io::{self, Write};

use experience_log::{Error, ExperienceLog, LogReader};
use indicatif::HumanCount;

use crate::Verdict;
use crate::args::OneLog;
use crate::failure::Failure;
use crate::output::progress::Progress;

pub(crate) fn run(arguments: &OneLog) -> Result<Verdict, Failure> {
    // Old trees go when new ones are made. Over a damaged journal they may be the only ones that still
    // hold what it lost, so it is read to its end first.
    read_journal(&LogReader::open(&arguments.log)?).map_err(|error| match error {
        Error::Damaged(damage) => Failure::Trouble(format!(
            "{damage}; the trees were left as they are, since they may hold what the journal lost; bring the file back from a copy, then rebuild"
        )),
        other => other.into(),
    })?;
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

fn read_journal(log: &LogReader) -> experience_log::Result<()> {
    let mut progress = Progress::over_events();
    let total = log.head()?;
    for event in log.replay(0)? {
        progress.reach_of(event?.sequence() + 1, total);
    }
    Ok(())
}
