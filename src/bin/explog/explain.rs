//! `explog explain`: how a query is answered, and what that takes.

use std::fs;
use std::path::PathBuf;

use experience_log::inspect::{self, Explained};
use experience_log::{ExperienceLog, LogReader};
use indicatif::{BinaryBytes, HumanCount};

use crate::Verdict;
use crate::args::{Explain, Manners, ViewFormat};
use crate::failure::Failure;
use crate::output::figures::plural;
use crate::output::screen::Screen;
use crate::output::style::Tint;
use crate::output::{escape, json, when};

pub(crate) fn run(arguments: &Explain, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let (query, order) = (arguments.filter.query(), arguments.filter.order());
    let explained = if arguments.trees {
        let copy = Copy::of(&log)?;
        let log = ExperienceLog::options().create(false).open(&copy.path)?;
        log.flush()?;
        let explained = inspect::explain(&log.reader(), &query, order)?;
        log.close()?;
        explained
    } else {
        inspect::explain(&log, &query, order)?
    };
    let mut screen = Screen::paged(manners);
    let for_terminal = screen.on_terminal;
    match arguments.format.unwrap_or(ViewFormat::for_screen(&screen)) {
        ViewFormat::Jsonl | ViewFormat::Json => {
            json::lines(&mut screen, [&explained], for_terminal)?;
        }
        ViewFormat::Table => print(&explained, &mut screen)?,
    }
    screen.finish()?;
    Ok(Verdict::Fine)
}

/// A copy of a log in the folder for temporary files. Removed when dropped.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn of(log: &LogReader) -> Result<Self, Failure> {
        let name = format!("explog-{}-{:x}", std::process::id(), unique());
        let copy = Self {
            path: std::env::temp_dir().join(name),
        };
        log.copy_to(&copy.path)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A number that no other call has.
fn unique() -> u128 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.unwrap_or_default().as_nanos()
}

fn print(explained: &Explained, screen: &mut Screen) -> Result<(), Failure> {
    let mut facts = vec![("plan", explained.plan.clone())];
    if !explained.indexes.is_empty() {
        facts.push(("indexes", explained.indexes.join(", ")));
    }
    if explained.access == "journal" {
        facts.push((
            "read",
            format!(
                "{} of the journal, {}",
                plural(explained.commits_read, "commit"),
                BinaryBytes(explained.bytes_read)
            ),
        ));
    } else {
        facts.push((
            "read",
            format!(
                "{} of the trees, {} looked at in memory",
                plural(explained.blocks_read, "block"),
                plural(explained.in_memory as u64, "event"),
            ),
        ));
    }
    facts.extend([
        (
            "checked",
            format!(
                "{} of {}",
                HumanCount(explained.events_checked),
                plural(explained.events, "event")
            ),
        ),
        ("found", plural(explained.found, "event")),
        ("took", when::duration(explained.took_us)),
    ]);
    let columns = screen.columns.unwrap_or(usize::MAX).max(20);
    for (name, fact) in facts {
        let fact = escape::fit(&fact, columns - 9);
        screen.line(&[(Tint::Faint, &format!("{name:<9}")), (Tint::Plain, &fact)])?;
    }
    Ok(())
}
