//! The log's answers beside the model's.

use std::path::Path;

use experience_log::{
    Artifact, ArtifactQuery, EventQuery, ExperienceEventEnvelope, LogEntry, LogReader, ScanOptions,
    TreesVerified,
};

use super::event::{CHAINS, TRACE_LINKS, longest};
use super::question::{Question, QuestionSpec, SHAPES};
use super::vec_log::{ArtifactRow, Kept, VecLog};
use crate::support::json;

fn same(found: &LogEntry, expected: &Kept) {
    let envelope = found.envelope().unwrap();
    assert_eq!(found.sequence(), expected.sequence);
    assert_eq!(json(&envelope), expected.json);
    assert_eq!(found.event_id(), envelope.event_id);
    assert_eq!(found.tenant_id(), envelope.tenant_id.as_deref());
    assert_eq!(found.correlation_id(), envelope.correlation_id.as_deref());
    assert_eq!(found.chain_id(), envelope.event.chain_id());
    assert_eq!(found.kind(), Some(envelope.event.kind()));
}

fn all_the_same(found: &[LogEntry], expected: &[&Kept], question: &EventQuery) {
    let sequences = |found: &[LogEntry]| found.iter().map(LogEntry::sequence).collect::<Vec<_>>();
    let wanted: Vec<_> = expected.iter().map(|kept| kept.sequence).collect();
    assert_eq!(sequences(found), wanted, "{question:?}");
    for (found, expected) in found.iter().zip(expected) {
        same(found, expected);
    }
}

/// One question, in both orders and as the contract puts it.
pub(crate) fn question(reader: &LogReader, model: &VecLog, question: &Question) {
    let query = &question.query;
    let limit = query.limit.unwrap_or(usize::MAX);
    let mut expected = model.all_matches(question);
    let scan = |options: ScanOptions| {
        let scan = reader.scan(query, options).unwrap();
        scan.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let oldest: Vec<_> = expected.iter().take(limit).copied().collect();
    all_the_same(&scan(ScanOptions::oldest_first()), &oldest, query);
    let found = reader.query(query).unwrap();
    assert_eq!(
        found.iter().map(json).collect::<Vec<_>>(),
        oldest
            .iter()
            .map(|kept| kept.json.clone())
            .collect::<Vec<_>>()
    );
    expected.reverse();
    expected.truncate(limit);
    all_the_same(&scan(ScanOptions::newest_first()), &expected, query);
    assert!(
        !reader
            .explain(query, ScanOptions::oldest_first())
            .unwrap()
            .to_string()
            .is_empty()
    );
}

/// The same answer in pages, each from the cursor of the one before.
pub(crate) fn pages(reader: &LogReader, model: &VecLog, question: &Question, size: usize) {
    let expected = model.all_matches(question);
    for newest_first in [false, true] {
        let page = EventQuery {
            limit: Some(size),
            ..question.query.clone()
        };
        let mut options = if newest_first {
            ScanOptions::newest_first()
        } else {
            ScanOptions::oldest_first()
        };
        let mut found = Vec::new();
        loop {
            let entries = reader.scan(&page, options).unwrap();
            let entries: Vec<_> = entries.collect::<Result<_, _>>().unwrap();
            assert!(entries.len() <= size);
            let Some(last) = entries.last() else { break };
            // A cursor can be kept as text.
            let cursor = last.cursor().to_string().parse().unwrap();
            assert_eq!(last.cursor(), cursor);
            options = options.after(cursor);
            found.extend(entries);
        }
        let mut expected = expected.clone();
        if newest_first {
            expected.reverse();
        }
        all_the_same(&found, &expected, &page);
    }
}

pub(crate) fn replay(reader: &LogReader, model: &VecLog, from: u64) {
    let mut replay = reader.replay(from).unwrap();
    let mut next = from;
    for kept in model.events.iter().filter(|kept| kept.sequence >= from) {
        assert_eq!(replay.position(), next);
        same(&replay.next().unwrap().unwrap(), kept);
        next += 1;
    }
    assert!(replay.next().is_none());
    assert_eq!(replay.position(), next.max(from));
}

/// The event of an id, if the log has one.
pub(crate) fn get(reader: &LogReader, model: &VecLog, event: &ExperienceEventEnvelope) {
    let expected = model.events.iter().find(|kept| {
        kept.envelope.event_id == event.event_id && kept.envelope.tenant_id == event.tenant_id
    });
    let found = reader
        .get(event.tenant_id.as_deref(), &event.event_id)
        .unwrap();
    match (found, expected) {
        (Some(found), Some(expected)) => same(&found, expected),
        (None, None) => {}
        (found, expected) => panic!("expected {expected:?}, found {found:?}"),
    }
}

fn trace_links(reader: &LogReader, model: &VecLog) {
    let large = longest(TRACE_LINKS[0]);
    for id in TRACE_LINKS.into_iter().chain(["no-link", "", &large]) {
        let found = reader.get_trace_link(id).unwrap();
        assert_eq!(found.as_ref(), model.trace_link(id), "{id:.40}");
    }
}

fn artifacts(reader: &LogReader, model: &VecLog, query: &ArtifactQuery) {
    let row = |artifact: Artifact| -> ArtifactRow {
        let Artifact {
            artifact_id,
            tenant_id,
            kind,
            state,
            history,
            ..
        } = artifact;
        for change in &history {
            let kept = &model.events[usize::try_from(change.sequence).unwrap()];
            assert_eq!(change.event_id, kept.envelope.event_id);
            assert_eq!(change.occurred_at, kept.envelope.occurred_at);
        }
        let kind = kind.map(|kind| serde_json::to_string(&kind).unwrap());
        let history = history
            .into_iter()
            .map(|change| (change.sequence, change.allowed))
            .collect();
        (tenant_id, artifact_id, kind, state, history)
    };
    let found: Vec<_> = reader
        .query_artifacts(query)
        .unwrap()
        .into_iter()
        .map(row)
        .collect();
    assert_eq!(found, model.artifacts(query), "{query:?}");
}

fn stats(reader: &LogReader, model: &VecLog) {
    let stats = reader.stats().unwrap();
    assert_eq!(stats.events, model.len());
    assert_eq!(stats.kinds, model.kinds());
    assert_eq!(stats.tenants, model.tenants());
    assert_eq!(stats.oldest.is_some(), model.len() > 0);
    assert_eq!(stats.newest.is_some(), model.len() > 0);
}

/// Each kind of answer once.
pub(crate) fn everything_once(reader: &LogReader, model: &VecLog) {
    assert_eq!(reader.head().unwrap(), model.len());
    stats(reader, model);
    replay(reader, model, 0);
    trace_links(reader, model);
    artifacts(reader, model, &ArtifactQuery::new());
    for kept in model.events.iter().step_by(5) {
        get(reader, model, &kept.envelope);
    }
    for query in [
        EventQuery::new(),
        EventQuery::new().chain(CHAINS[0]),
        EventQuery::new().correlation("run-1"),
    ] {
        question(reader, model, &Question::unbounded(query));
    }
}

/// Questions of every shape.
pub(crate) fn everything(reader: &LogReader, model: &VecLog, spec: &QuestionSpec) {
    everything_once(reader, model);
    for fields in 0..SHAPES {
        question(reader, model, &spec.with_fields(fields));
    }
    pages(reader, model, &spec.question(), 1 + model.events.len() / 7);
    replay(reader, model, model.len() / 2);
    replay(reader, model, model.len() + 3);
    artifacts(reader, model, &spec.artifacts());
}

/// What a handle sees that has no lock.
pub(crate) fn look(path: &Path, model: &VecLog, spec: &QuestionSpec) {
    let reader = LogReader::open(path).unwrap();
    everything_once(&reader, model);
    question(&reader, model, &spec.question());
    pages(&reader, model, &spec.question(), 10);
    artifacts(&reader, model, &spec.artifacts());
    replay(&reader, model, model.len() / 2);
}

/// A closed log is whole, and nothing is changed by looking.
pub(crate) fn verify_without_lock(path: &Path, model: &VecLog) {
    let verified = LogReader::open(path).unwrap().verify().unwrap();
    assert!(verified.is_intact(), "{:?}", verified.problems);
    assert_eq!(verified.events, model.len());
    let events = model.len();
    assert_eq!(verified.trees, TreesVerified::Compared { events });
}
