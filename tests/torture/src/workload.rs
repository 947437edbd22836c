//! Events whose content follows from their id, so that whoever reads one knows whether it is whole.

use experience_log::{DecisionStep, ExperienceEvent, ExperienceEventEnvelope};

/// A small generator (xorshift), so that a run can be repeated by its seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`, which is above zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Event `number` of batch `batch` of writer `writer` in life `life`, of some `bytes` stored bytes.
pub fn event(
    life: u64,
    writer: u64,
    batch: u64,
    number: u64,
    size: u64,
    bytes: usize,
) -> ExperienceEventEnvelope {
    let filler = format!("{life:x}.{writer:x}.{batch:x}.{number:x};");
    let event = ExperienceEvent::OutcomeRecorded {
        chain_id: format!("chain-{life}-{writer}-{batch}"),
        step: DecisionStep::Planning,
        passed: number % 2 == 0,
        stop_reason: Some(filler.repeat(bytes / filler.len())),
        latency_ms: Some(number),
        // The size of its batch: a reader counts whether all of it is there.
        tokens: Some(size),
        cost_microdollars: None,
        backend: None,
    };
    ExperienceEventEnvelope::new(format!("{life}-{writer}-{batch}-{number}"), event)
        .with_tenant(format!("tenant-{}", writer % 3))
        .with_correlation(format!("life-{life}"))
        .with_timestamp(format!(
            "2026-01-01T00:{:02}:{:02}Z",
            batch / 60 % 60,
            batch % 60
        ))
}
