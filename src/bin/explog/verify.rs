//! `explog verify`: reads everything again and compares.

use std::io::{self, Write};

use experience_log::{LogReader, TreesVerified, Verification};
use indicatif::HumanCount;

use crate::Verdict;
use crate::args::OneLog;
use crate::failure::{Failure, say, warn};
use crate::output::progress::Progress;

pub(crate) fn run(arguments: &OneLog) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let mut progress = Progress::over_events();
    let found = log.verify_with(&mut |done, total| progress.reach_of(done, total));
    progress.finish();
    let found = found?;
    print(&found).map_err(Failure::output)?;
    for problem in &found.problems {
        warn(problem);
    }
    if found.is_intact() {
        return Ok(Verdict::Fine);
    }
    let path = arguments.log.display();
    let problems = plural(found.problems.len() as u64, "problem");
    let advice = if found.events < log.head()? {
        "bring the journal's file back from a copy, and do not rebuild before: the trees may hold what it lost"
            .to_owned()
    } else {
        format!("`explog rebuild {path}` mends all but the journal, which has to come from a copy")
    };
    say(format_args!(
        "{path} is not intact ({problems} found); {advice}"
    ));
    Ok(Verdict::Found)
}

fn print(found: &Verification) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "journal  {} whole, in {} and {}",
        plural(found.events, "event"),
        plural(found.commits, "commit"),
        plural(found.segments, "segment"),
    )?;
    match found.trees {
        TreesVerified::Compared { events } => writeln!(
            output,
            "trees    compared with {} of these events; {} are not in them yet",
            HumanCount(events),
            HumanCount(found.events.saturating_sub(events)),
        ),
        TreesVerified::HeldByWriter => {
            writeln!(output, "trees    not compared: a writer holds the log")
        }
        TreesVerified::Missing => writeln!(
            output,
            "trees    there are none; the next opening makes them"
        ),
        TreesVerified::Unusable => writeln!(
            output,
            "trees    they cannot be used; the next opening makes new ones"
        ),
        TreesVerified::Outdated => writeln!(
            output,
            "trees    of another version; the next opening makes new ones"
        ),
        _ => writeln!(output, "trees    not compared"),
    }?;
    write!(output, "chain    ")?;
    for byte in found.chain_hash {
        write!(output, "{byte:02x}")?;
    }
    writeln!(output)?;
    if found.is_intact() {
        writeln!(output, "intact")?;
    }
    output.flush()
}

fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", HumanCount(count))
}
