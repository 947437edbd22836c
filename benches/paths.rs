//! Single paths, for regressions: append, query, replay. `cargo bench --bench paths`

#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark fails by them"
)]

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use experience_log::{
    DecisionStep, Durability, EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceLog,
    ScanOptions,
};

/// Events of a run.
const RUN: u64 = 44;
/// Events of the log that is read.
const EVENTS: u64 = 100_000;

/// Some 300 stored bytes; runs of 44 events, 20 tenants.
fn event(number: u64) -> ExperienceEventEnvelope {
    let run = number / RUN;
    let event = match number % 3 {
        0 => ExperienceEvent::OutcomeRecorded {
            chain_id: format!("chain-{run}-{}", number % RUN / 15),
            step: DecisionStep::Planning,
            passed: !number.is_multiple_of(7),
            stop_reason: Some("the plan was complete".into()),
            latency_ms: Some(number % 977),
            tokens: Some(number % 4000),
            cost_microdollars: Some(number),
            backend: Some("openai/gpt-4o".into()),
        },
        1 => ExperienceEvent::BackendInvoked {
            backend_name: "openai/gpt-4o".into(),
            adapter_id: None,
            trace_link_id: format!("trace-{number}"),
            step: DecisionStep::Reasoning,
            policy_snapshot_hash: Some(format!("{:064x}", number.wrapping_mul(0x9e37_79b9))),
        },
        _ => ExperienceEvent::FactPromoted {
            proposal_id: format!("proposal-{number}"),
            fact_id: format!("fact-{number}"),
            promoted_by: "policy-gate".into(),
            reason: format!(
                "the customer confirmed the change of reservation {:x} and its fare difference of {} dollars",
                number.wrapping_mul(0xd6e8_feb8),
                number % 331
            ),
            requires_human: false,
        },
    };
    let second = number / 100;
    ExperienceEventEnvelope::new(format!("event-{number:012}"), event)
        .with_tenant(format!("tenant-{}", run % 20))
        .with_correlation(format!("run-{run}"))
        .with_timestamp(format!(
            "2026-01-01T{:02}:{:02}:{:02}.{:02}Z",
            second / 3600 % 24,
            second / 60 % 60,
            second % 60,
            number % 100
        ))
}

fn batch(first: u64, size: u64) -> Vec<ExperienceEventEnvelope> {
    (first..first + size).map(event).collect()
}

fn open(path: &Path, durability: Durability) -> ExperienceLog {
    match ExperienceLog::options().durability(durability).open(path) {
        Ok(log) => log,
        Err(error) => unreachable!("a fresh directory opens: {error}"),
    }
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for (name, durability) in [("sync", Durability::Sync), ("os", Durability::Os)] {
        for size in [1, 1000] {
            let folder = tempfile::tempdir().expect("a temporary directory");
            let log = open(folder.path(), durability);
            let mut next = 0;
            group.throughput(Throughput::Elements(size));
            group.bench_function(format!("{name}/{size}"), |bencher| {
                bencher.iter_batched(
                    || {
                        next += size;
                        batch(next, size)
                    },
                    |events| log.append_batch(&events),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let log = open(folder.path(), Durability::Os);
    for first in (0..EVENTS).step_by(1000) {
        log.append_batch(&batch(first, 1000)).expect("an append");
    }
    log.flush().expect("a flush");
    let mut group = criterion.benchmark_group("query");
    let mut pick = 0;
    let mut next = move || {
        pick = (pick + 7919) % (EVENTS / RUN);
        pick
    };
    group.bench_function("correlation", |bencher| {
        bencher.iter(|| log.query(&EventQuery::new().correlation(format!("run-{}", next()))));
    });
    group.bench_function("newest 20 of a tenant", |bencher| {
        bencher.iter(|| {
            let query = EventQuery::new()
                .tenant(format!("tenant-{}", next() % 20))
                .limit(20);
            log.scan(&query, ScanOptions::newest_first())
                .map(Iterator::count)
        });
    });
    group.bench_function("event by id", |bencher| {
        bencher.iter(|| {
            let event = event(next() * RUN);
            log.get(event.tenant_id.as_deref(), &event.event_id)
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("replay");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(EVENTS));
    group.bench_function("decoded", |bencher| {
        bencher.iter(|| {
            let entries = log.replay(0).expect("a replay");
            for entry in entries {
                let _ = black_box(entry.and_then(|entry| entry.envelope()));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, append, read);
criterion_main!(benches);
