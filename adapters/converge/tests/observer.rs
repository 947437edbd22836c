//! The observer: every event is recorded, or counted and told of; ids and times are fresh in every process; the
//! engine does not wait for the disk.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use converge_core::suggestors::{ReactOnceSuggestor, SeedSuggestor};
use converge_core::{
    ContextState, Engine, EventQuery, ExperienceEventEnvelope, ExperienceEventKind,
    ExperienceEventObserver, ExperienceStore,
};
use converge_experience_log::{Counts, LogObserver, Reason};
use experience_log::Error;
use support::{Store, budget, outcome, promoted};
use uuid::Uuid;

fn recorded(store: &Store) -> Vec<ExperienceEventEnvelope> {
    store.log.query_events(&EventQuery::default()).unwrap()
}

#[test]
fn events_of_an_engine_are_recorded_with_fresh_ids_and_times() {
    let before = jiff::Timestamp::now();
    let mut store = Store::new();
    let mut ids = BTreeSet::new();
    // Two processes, as far as the log can tell.
    for process in 1..=2 {
        let observer = store.log.observer().tenant("tenant-a").start().unwrap();
        let mut engine = Engine::new();
        engine.register_suggestor(SeedSuggestor::new("goal", "a venue"));
        engine.register_suggestor(ReactOnceSuggestor::new("guess", "the boathouse"));
        engine.set_event_observer(Arc::new(observer.clone()));
        let result = pollster::block_on(engine.run(ContextState::new())).unwrap();
        assert!(result.converged);
        observer.flush().unwrap();
        assert_eq!(observer.counts().recorded, 2);
        let run = observer.correlation().clone();
        drop((observer, engine));
        store = store.reopened();
        let events = recorded(&store);
        assert_eq!(events.len(), 2 * process);
        for event in events
            .iter()
            .filter(|e| e.correlation_id.as_ref() == Some(&run))
        {
            let id: Uuid = event.event_id.parse().unwrap();
            assert_eq!(id.get_version_num(), 7);
            let time: jiff::Timestamp = event.occurred_at.parse().unwrap();
            assert!(before <= time && time <= jiff::Timestamp::now());
            assert_eq!(event.tenant_id.as_deref(), Some("tenant-a"));
            assert_eq!(event.event.kind(), ExperienceEventKind::FactPromoted);
            ids.insert(id);
        }
    }
    assert_eq!(ids.len(), 4);
}

#[test]
fn the_order_of_observing_is_the_order_of_the_log() {
    let store = Store::new();
    let observer = store.log.observer().batch(7).start().unwrap();
    for number in 0..1000 {
        observer.on_event(&promoted(&format!("f-{number}")));
    }
    observer.flush().unwrap();
    let events = recorded(&store);
    assert_eq!(events.len(), 1000);
    for (number, event) in events.iter().enumerate() {
        let json = support::says(event);
        assert_eq!(json["event"]["data"]["fact_id"], format!("f-{number}"));
    }
    assert!(events.is_sorted_by_key(|event| event.event_id.to_string()));
}

#[test]
fn threads_and_runs_share_an_observer() {
    let store = Store::new();
    let observer = store
        .log
        .observer()
        .correlation("run-0")
        .capacity(16)
        .patience(Duration::MAX);
    let observer = observer.start().unwrap();
    thread::scope(|scope| {
        for run in 0..4 {
            let observer = observer.for_run(format!("run-{run}"));
            scope.spawn(move || {
                for _ in 0..250 {
                    observer.on_event(&outcome("c"));
                }
            });
        }
    });
    observer.flush().unwrap();
    let counts = observer.counts();
    assert_eq!(
        (
            counts.observed,
            counts.recorded,
            counts.lost,
            counts.waiting
        ),
        (1000, 1000, 0, 0)
    );
    for run in 0..4 {
        let query = EventQuery {
            correlation_id: Some(format!("run-{run}").into()),
            ..EventQuery::default()
        };
        assert_eq!(store.log.query_events(&query).unwrap().len(), 250);
    }
}

#[test]
fn dropping_the_last_of_them_records_what_waits() {
    let store = Store::new();
    let observer = store.log.observer().start().unwrap();
    let other = observer.for_run("run-2");
    for _ in 0..300 {
        observer.on_event(&outcome("c"));
    }
    drop(observer);
    other.on_event(&outcome("c"));
    drop(other);
    assert_eq!(recorded(&store.reopened()).len(), 301);
}

/// What a callback was told: how many events, and why.
type Told = Arc<Mutex<Vec<(usize, String)>>>;

fn telling(store: &Store) -> (Told, converge_experience_log::ObserverOptions) {
    let told = Told::default();
    let options = store.log.observer().on_unrecorded({
        let told = Arc::clone(&told);
        move |unrecorded| {
            let reason = match unrecorded.reason {
                Reason::QueueFull { .. } => "full".to_owned(),
                Reason::Refused(error) => format!("refused {error}"),
                Reason::Failed(Error::Closed) => "closed".to_owned(),
                other => format!("{other:?}"),
            };
            assert!(unrecorded.to_string().contains("not recorded"));
            told.lock().unwrap().push((unrecorded.events.len(), reason));
        }
    });
    (told, options)
}

#[test]
fn a_refused_event_takes_no_other_with_it() {
    let store = Store::new();
    let (told, options) = telling(&store);
    let observer = options.start().unwrap();
    let chain_too_long = "x".repeat(300);
    for number in 0..100 {
        let chain = if number % 40 == 7 {
            chain_too_long.as_str()
        } else {
            "c"
        };
        observer.on_event(&outcome(chain));
    }
    let error = observer.flush().unwrap_err();
    assert_eq!(error.lost, 3);
    // It is told once.
    observer.flush().unwrap();
    assert_eq!(recorded(&store).len(), 97);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3);
    assert!(
        told.iter()
            .all(|(count, why)| *count == 1 && why.contains("chain_id")),
        "{told:?}"
    );
    let counts = observer.counts();
    assert_eq!(
        (counts.observed, counts.recorded, counts.lost),
        (100, 97, 3)
    );
}

#[test]
fn a_log_that_takes_no_more_is_told_of() {
    let store = Store::new();
    let (told, options) = telling(&store);
    let observer = options.start().unwrap();
    observer.on_event(&outcome("c"));
    observer.flush().unwrap();
    store.log.clone().close().unwrap();
    for _ in 0..10 {
        observer.on_event(&budget("c"));
    }
    assert_eq!(observer.flush().unwrap_err().lost, 10);
    let told = told.lock().unwrap();
    assert_eq!(told.iter().map(|(count, _)| count).sum::<usize>(), 10);
    assert!(told.iter().all(|(_, why)| why == "closed"), "{told:?}");
    assert_eq!(observer.counts().recorded, 1);
}

/// A disk that stalls: the callback for a refused event holds the observer's thread until it is let go.
struct Stalled {
    observer: LogObserver,
    go_on: mpsc::Sender<()>,
    told: Told,
}

impl Stalled {
    fn new(store: &Store, patience: Duration) -> Self {
        let (go_on, held) = mpsc::channel::<()>();
        let (reached, arrived) = mpsc::channel();
        let (held, reached) = (Mutex::new(held), Mutex::new(reached));
        let told = Told::default();
        let options = store
            .log
            .observer()
            .capacity(5)
            .patience(patience)
            .on_unrecorded({
                let told = Arc::clone(&told);
                move |unrecorded| {
                    if matches!(unrecorded.reason, Reason::Refused(_)) {
                        reached.lock().unwrap().send(()).unwrap();
                        // Also when the other end is gone.
                        let _ = held.lock().unwrap().recv();
                    } else {
                        let reason = format!("{:?}", unrecorded.reason);
                        told.lock().unwrap().push((unrecorded.events.len(), reason));
                    }
                }
            });
        let observer = options.start().unwrap();
        observer.on_event(&outcome(&"x".repeat(300)));
        arrived.recv().unwrap();
        Self {
            observer,
            go_on,
            told,
        }
    }
}

#[test]
fn a_full_queue_loses_no_event_quietly() {
    let store = Store::new();
    let stalled = Stalled::new(&store, Duration::from_millis(1));
    for _ in 0..9 {
        stalled.observer.on_event(&outcome("c"));
    }
    let Counts {
        observed,
        recorded: kept,
        lost,
        waiting,
        ..
    } = stalled.observer.counts();
    assert_eq!((observed, kept, lost, waiting), (10, 0, 4, 6));
    assert_eq!(stalled.told.lock().unwrap().len(), 4);
    stalled.go_on.send(()).unwrap();
    assert_eq!(stalled.observer.flush().unwrap_err().lost, 5);
    assert_eq!(recorded(&store).len(), 5);
    let counts = stalled.observer.counts();
    assert_eq!((counts.observed, counts.recorded, counts.lost), (10, 5, 5));
}

#[test]
fn patience_without_end_loses_nothing_to_a_full_queue() {
    let store = Store::new();
    let stalled = Stalled::new(&store, Duration::MAX);
    thread::scope(|scope| {
        let engine = scope.spawn(|| {
            for _ in 0..50 {
                stalled.observer.on_event(&outcome("c"));
            }
        });
        stalled.go_on.send(()).unwrap();
        engine.join().unwrap();
    });
    assert_eq!(stalled.observer.flush().unwrap_err().lost, 1);
    assert_eq!(recorded(&store).len(), 50);
    assert!(stalled.told.lock().unwrap().is_empty());
}

#[test]
fn a_callback_that_panics_costs_nothing_else() {
    let store = Store::new();
    let observer = store
        .log
        .observer()
        .on_unrecorded(|_| panic!("of the callback"))
        .start()
        .unwrap();
    observer.on_event(&outcome(&"x".repeat(300)));
    assert_eq!(observer.flush().unwrap_err().lost, 1);
    observer.on_event(&outcome("c"));
    observer.flush().unwrap();
    assert_eq!(recorded(&store).len(), 1);
}

#[test]
fn the_callback_may_hold_the_last_observer() {
    let store = Store::new();
    let kept: Arc<Mutex<Option<LogObserver>>> = Arc::default();
    let (done, ended) = mpsc::channel();
    let done = Mutex::new(done);
    let observer = store.log.observer().on_unrecorded({
        let kept = Arc::clone(&kept);
        move |_| {
            // Dropped here, on the observer's own thread.
            drop(kept.lock().unwrap().take());
            done.lock().unwrap().send(()).unwrap();
        }
    });
    let observer = observer.start().unwrap();
    *kept.lock().unwrap() = Some(observer.clone());
    observer.on_event(&outcome(&"x".repeat(300)));
    drop(observer);
    ended.recv().unwrap();
}

#[test]
fn options_that_make_no_observer_are_refused() {
    let store = Store::new();
    for options in [
        store.log.observer().capacity(0),
        store.log.observer().batch(0),
    ] {
        let error = options.start().unwrap_err();
        assert!(matches!(error, Error::InvalidOption { .. }), "{error}");
    }
}
