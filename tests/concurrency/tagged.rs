//! Events that tell who wrote them, in which batch, and how large it was.

use std::collections::HashMap;

use experience_log::{ExperienceEvent, ExperienceEventEnvelope, LogEntry};

/// Events in a batch.
pub(crate) fn batch_size(writer: u64, number: u64) -> u64 {
    1 + (writer * 3 + number) % 7
}

/// Batch `number` of `writer`. Times are few and disordered.
pub(crate) fn batch(writer: u64, number: u64) -> Vec<ExperienceEventEnvelope> {
    let size = batch_size(writer, number);
    let event = |index: u64| {
        let event = ExperienceEvent::BudgetExceeded {
            chain_id: format!("w{writer}"),
            resource: number.to_string(),
            limit: index.to_string(),
            observed: Some(size.to_string()),
        };
        let second = (writer + number * 3) % 10;
        ExperienceEventEnvelope::new(format!("w{writer}-b{number}-{index}"), event)
            .with_tenant(format!("w{writer}"))
            .with_correlation(format!("w{writer}-b{number}"))
            .with_timestamp(format!("2026-01-21T12:00:0{second}Z"))
    };
    (0..size).map(event).collect()
}

/// Checks events in the order of appending: without gaps, in whole batches, each writer's in its order.
/// Returns how many there are.
pub(crate) fn check_prefix(entries: &[LogEntry]) -> u64 {
    let mut next_batch: HashMap<String, u64> = HashMap::new();
    let mut rest = entries;
    let mut sequence = 0;
    while let [first, ..] = rest {
        let tag = |entry: &LogEntry| {
            let envelope = entry.envelope().unwrap();
            let ExperienceEvent::BudgetExceeded {
                chain_id,
                resource,
                limit,
                observed,
            } = envelope.event
            else {
                panic!("an event that nobody wrote");
            };
            let number = |text: &str| text.parse::<u64>().unwrap();
            let size = number(&observed.unwrap());
            (chain_id, number(&resource), number(&limit), size)
        };
        let (writer, number, _, size) = tag(first);
        let next = next_batch.entry(writer.clone()).or_default();
        assert_eq!(number, *next, "{writer} wrote another batch before");
        *next += 1;
        let size = usize::try_from(size).unwrap();
        assert!(rest.len() >= size, "half of batch {number} of {writer}");
        let (batch, others) = rest.split_at(size);
        for (index, entry) in (0..).zip(batch) {
            assert_eq!(tag(entry), (writer.clone(), number, index, size as u64));
            assert_eq!(entry.sequence(), sequence);
            sequence += 1;
        }
        rest = others;
    }
    sequence
}
