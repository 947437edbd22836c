//! After: every contestant gives the same answers as ours to every question, refuses the same conflicts,
//! takes a repeat for what it is, and has everything after it was closed and opened again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by them"
)]

use clap::ValueEnum;
use experience_log::{ExperienceEventEnvelope, codec};
use peers::contestant::{Answer, Contestant, Level, Peer};
use peers::work::Work;
use peers::workload::{Generator, Question, Questions};

const EVENTS: usize = 2000;
const ASKED: usize = 40;

fn questions(events: &[ExperienceEventEnvelope]) -> Vec<Question> {
    let mut questions = Questions::new(7, events);
    let mut asked = Vec::new();
    for work in Work::QUESTIONS {
        asked.extend((0..ASKED).map(|_| questions.ask(work).unwrap()));
    }
    let nobody = "nobody".to_owned();
    asked.extend([
        Question::Correlation(nobody.clone()),
        Question::Chain(nobody.clone()),
        Question::TraceLink(nobody.clone()),
        Question::Event {
            tenant: events[0].tenant_id.clone().unwrap(),
            id: nobody.clone(),
        },
        Question::Newest {
            tenant: nobody,
            limit: 5,
        },
    ]);
    asked
}

fn work_of(question: &Question) -> Work {
    match question {
        Question::Correlation(_) => Work::ByCorrelation,
        Question::Chain(_) => Work::ByChain,
        Question::Kinds { .. } => Work::TenantKindsRange,
        Question::TraceLink(_) => Work::TraceLink,
        Question::Event { .. } => Work::EventById,
        Question::Newest { .. } => Work::Newest,
    }
}

fn answers(store: &dyn Contestant, asked: &[Question]) -> Vec<Option<Answer>> {
    let asked = asked.iter();
    asked.map(|question| store.ask(question).unwrap()).collect()
}

fn replayed(store: &dyn Contestant) -> Vec<ExperienceEventEnvelope> {
    let mut events = Vec::new();
    store.replay(&mut |event| events.push(event)).unwrap();
    events
}

/// Fills a store in batches and singly, synced and not, and gives its answers.
fn play(peer: Peer, events: &[ExperienceEventEnvelope]) -> Vec<Option<Answer>> {
    let folder = tempfile::tempdir().unwrap();
    let (batches, singles) = events.split_at(EVENTS - 20);
    let store = peer.open(folder.path(), peer.weakest()).unwrap();
    for batch in batches.chunks(300) {
        assert_eq!(store.append(batch).unwrap(), batch.len(), "{peer:?}");
    }
    let asked = questions(events);
    let unsettled = answers(&*store, &asked);
    store.settle().unwrap();
    assert!(
        unsettled == answers(&*store, &asked),
        "{peer:?} after settling"
    );
    store.close().unwrap();

    let store = peer.open(folder.path(), Level::Sync).unwrap();
    store.prepare_for_singles().unwrap();
    for event in singles {
        assert_eq!(store.append(std::slice::from_ref(event)).unwrap(), 1);
    }
    if peer.checks_ids() {
        repeats(peer, &*store, events);
    }
    store.close().unwrap();

    let store = peer.open(folder.path(), Level::Sync).unwrap();
    assert!(
        replayed(&*store) == events,
        "{peer:?} replays something else"
    );
    let answers = answers(&*store, &asked);
    store.close().unwrap();
    answers
}

fn repeats(peer: Peer, store: &dyn Contestant, events: &[ExperienceEventEnvelope]) {
    assert_eq!(store.append(&events[100..110]).unwrap(), 0, "{peer:?}");
    let mut other = events[100].clone();
    other.correlation_id = Some("another run".into());
    let batch = [Generator::after(7, 9, 9).batch(1).remove(0), other];
    assert!(store.append(&batch).is_err(), "{peer:?} takes a conflict");
}

#[test]
fn all_contestants_agree() {
    let events = Generator::new(7).batch(EVENTS);
    let ours = play(Peer::Ours, &events);
    assert!(ours.iter().all(Option::is_some));
    for peer in Peer::value_variants() {
        if peer.lacks(Work::BatchSync).is_some() {
            println!("{peer:?} is not built in");
            continue;
        }
        let theirs = play(*peer, &events);
        for ((ours, theirs), question) in ours.iter().zip(&theirs).zip(questions(&events)) {
            // Where a peer has no answer it says that it has none, and why.
            if theirs.is_none() {
                assert!(
                    peer.lacks(work_of(&question)).is_some(),
                    "{peer:?} on {question:?}"
                );
                continue;
            }
            assert!(
                ours == theirs,
                "{peer:?} on {question:?}:\n{theirs:?}\nours:\n{ours:?}"
            );
        }
    }
}

#[test]
fn the_answers_are_what_a_filter_over_all_events_gives() {
    let events = Generator::new(7).batch(EVENTS);
    let ours = play(Peer::Ours, &events);
    for (answer, question) in ours.iter().zip(questions(&events)) {
        let Some(Answer::Events(found)) = answer else {
            continue;
        };
        let matching = |event: &&ExperienceEventEnvelope| match &question {
            Question::Correlation(id) => event.correlation_id.as_ref() == Some(id),
            Question::Chain(id) => event.event.chain_id() == Some(id),
            Question::Event { id, .. } => event.event_id == *id,
            Question::Newest { tenant, .. } => event.tenant_id.as_ref() == Some(tenant),
            Question::Kinds {
                tenant,
                kinds,
                from,
                to,
                ..
            } => {
                event.tenant_id.as_ref() == Some(tenant)
                    && kinds.contains(&event.event.kind())
                    && (from..=to).contains(&&event.occurred_at)
            }
            Question::TraceLink(_) => false,
        };
        let count = events.iter().filter(matching).count();
        let limit = match &question {
            Question::Kinds { limit, .. } | Question::Newest { limit, .. } => *limit,
            _ => usize::MAX,
        };
        assert_eq!(found.len(), count.min(limit), "{question:?}");
    }
}

#[test]
fn the_workload_is_as_it_says() {
    let events = Generator::new(7).batch(20_000);
    assert_eq!(events[..500], Generator::new(7).batch(500));
    let sizes: Vec<usize> = events
        .iter()
        .map(|event| codec::encode(event).unwrap().len())
        .collect();
    let typical = sizes
        .iter()
        .filter(|size| (250..=400).contains(*size))
        .count();
    let long = sizes.iter().filter(|size| **size >= 2000).count();
    let other = sizes.len() - typical - long;
    assert!(other * 10 < sizes.len(), "{other} of another size");
    assert!((100..1000).contains(&long), "{long} long ones");
    assert!(sizes.iter().all(|size| *size <= 4096));
    let links = events
        .iter()
        .filter(|event| {
            event.event.kind() == experience_log::ExperienceEventKind::TraceLinkRecorded
        })
        .count();
    assert!((800..1200).contains(&links), "{links} trace links");
}
