//! Opening a directory that somebody has changed.
//!
//! A small log is made once and kept in memory. Each input changes a copy of it and says, by its first byte,
//! how: as damage changes files, or with checksums made right, as nobody but an attacker would.

use std::path::Path;
use std::sync::OnceLock;

use super::template::{Harm, Scratch, Template, options};
use crate::contract::experience_store::{
    ArtifactQuery, EventQuery, ExperienceEvent, ExperienceEventEnvelope,
};
use crate::error::{Error, Result};
use crate::log::{LogReader, ScanOptions};

/// Opens a log changed by `bytes`, asks it everything, appends, and opens it again.
pub fn open(bytes: &[u8]) {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    let template = TEMPLATE.get_or_init(Template::new);
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let scratch = Scratch::new();
    let path = scratch.0.join("log");
    template.write(&path);
    let harm = match how % 6 {
        0..=1 => template.damage(&path, bytes),
        2 => template.forge_frame(&path, bytes),
        3 => template.forge_head(&path, bytes),
        4 => template.forge_tree(&path, bytes),
        _ => template.forge_sealed(&path, bytes),
    };
    // Somebody else may look at any time, and changes nothing.
    let rare = usize::from(*how) / 6;
    if rare % 4 == 1
        && let Err(error) = LogReader::open(&path).and_then(|reader| ask(&reader))
    {
        check_error(&error);
    }
    match use_log(&path, template, harm, rare % 4 == 2) {
        Ok(head) => {
            // What was opened, read and written opens again.
            let log = options().open(&path);
            if harm == Harm::Damage {
                let log = log.unwrap();
                assert_eq!(log.head().unwrap(), head);
                log.close().unwrap();
            }
        }
        Err(error) => check_error(&error),
    }
}

/// An error says what is wrong with the log, not that the log did something wrong.
fn check_error(error: &Error) {
    let text = error.to_string();
    assert!(!text.contains("panicked"), "{text}");
    assert!(
        matches!(
            error,
            Error::Damaged(_)
                | Error::Undecodable { .. }
                | Error::ForeignEvent { .. }
                | Error::NotALog { .. }
                | Error::NewerFormat { .. }
                | Error::NoSuchLog { .. }
                | Error::Io { .. }
                | Error::Poisoned { .. }
        ),
        "{error:?}"
    );
}

/// Every way out. Returns the events in sequence order.
fn ask(reader: &LogReader) -> Result<Vec<ExperienceEventEnvelope>> {
    let head = reader.head()?;
    let replayed = reader
        .replay(0)?
        .map(|entry| entry?.envelope())
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(replayed.len() as u64, head);
    let queries = [
        EventQuery::new(),
        EventQuery::new().tenant("nordhaven-insurance"),
        EventQuery::new().correlation("claims-7"),
    ];
    for (place, query) in queries.iter().enumerate() {
        let found = reader.query(query)?;
        assert!(place > 0 || found.len() == replayed.len());
        let back = reader.scan(query, ScanOptions::newest_first())?;
        assert_eq!(back.collect::<Result<Vec<_>>>()?.len(), found.len());
        let _ = reader.explain(query, ScanOptions::default())?;
    }
    if let Some(event) = replayed.last() {
        reader.get(event.tenant_id.as_deref(), &event.event_id)?;
    }
    reader.get_trace_link("claims-11-tl-2")?;
    reader.query_artifacts(&ArtifactQuery::default())?;
    reader.stats()?;
    Ok(replayed)
}

fn use_log(path: &Path, template: &Template, harm: Harm, rebuild: bool) -> Result<u64> {
    let log = options().open(path)?;
    let intact = log.verify()?;
    match harm {
        // A forged posting or block hides events: only `verify` can tell.
        Harm::Forgery => ask_forged(&log.reader())?,
        Harm::Damage => {
            let events = ask(&log.reader())?;
            assert!(
                !intact.is_intact() || template.events.starts_with(&events),
                "an event was changed, and nobody noticed"
            );
        }
    }
    if rebuild {
        log.rebuild_trees()?;
        assert!(!intact.is_intact() || log.verify()?.is_intact());
    }
    let event = ExperienceEvent::BudgetExceeded {
        chain_id: "a-chain".into(),
        resource: "tokens".into(),
        limit: "1".into(),
        observed: None,
    };
    log.append(
        &ExperienceEventEnvelope::new("one-more", event).with_timestamp("2026-01-01T00:00:00Z"),
    )?;
    log.flush()?;
    let head = log.head()?;
    log.close()?;
    Ok(head)
}

fn ask_forged(reader: &LogReader) -> Result<()> {
    for entry in reader.replay(0)? {
        entry?.envelope()?;
    }
    for query in [
        EventQuery::new(),
        EventQuery::new().tenant("nordhaven-insurance"),
        EventQuery::new().correlation("claims-7"),
    ] {
        for order in [ScanOptions::oldest_first(), ScanOptions::newest_first()] {
            reader.explain(&query, order)?;
            for entry in reader.scan(&query, order)? {
                entry?.envelope()?;
            }
        }
    }
    reader.get(None, "one-more")?;
    reader.get_trace_link("claims-11-tl-2")?;
    reader.query_artifacts(&ArtifactQuery::default())?;
    reader.stats()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::template::EVENTS;
    use super::*;

    #[test]
    fn the_log_that_inputs_change_is_intact() {
        let template = Template::new();
        let scratch = Scratch::new();
        template.write(&scratch.0);
        let log = options().open(&scratch.0).unwrap();
        assert_eq!(log.recovery().trees_rebuilt, None);
        assert!(log.verify().unwrap().is_intact());
        assert_eq!(ask(&log.reader()).unwrap(), template.events);
        assert!(template.items.len() > 20);
        log.close().unwrap();
        assert_eq!(
            use_log(&scratch.0, &template, Harm::Damage, true).unwrap(),
            EVENTS as u64 + 1
        );
    }
}
