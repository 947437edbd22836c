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
        passed: number.is_multiple_of(2),
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

/// What a batch holds; it follows from the seed and the batch's place alone, so that whoever finds an event
/// of it, acknowledged or not, knows what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchShape {
    /// Its events.
    pub size: u64,
    /// The filler of each, in bytes.
    pub bytes: usize,
}

/// The default limit for an event, less what an event has besides its filler.
pub const LARGEST: usize = (16 << 20) - 4096;

/// The shape of batch `batch` of writer `writer` in life `life`. One life in five, if `large`, appends an
/// event of the limit's size early on.
pub fn shape(seed: u64, life: u64, writer: u64, batch: u64, large: bool) -> BatchShape {
    let mut random = Random::new(mix(mix(mix(mix(seed) ^ life) ^ writer) ^ batch));
    if large && life.is_multiple_of(5) && writer == 0 && batch == 2 {
        return BatchShape {
            size: 1,
            bytes: LARGEST,
        };
    }
    let bytes = match random.below(1000) {
        0 => 128 << 10..if large { 2 << 20 } else { 256 << 10 },
        1..=20 => 8 << 10..128 << 10,
        21..=200 => 512..8 << 10,
        _ => 64..512,
    };
    let size = match random.below(4) {
        0 if bytes.end <= 512 => 2 + random.below(63),
        0 => 2 + random.below(3),
        _ => 1,
    };
    let spread = (bytes.end - bytes.start) as u64;
    BatchShape {
        size,
        bytes: bytes.start + random.below(spread) as usize,
    }
}

/// The events of a batch.
pub fn batch_events(
    life: u64,
    writer: u64,
    batch: u64,
    shape: BatchShape,
) -> Vec<ExperienceEventEnvelope> {
    (0..shape.size)
        .map(|number| event(life, writer, batch, number, shape.size, shape.bytes))
        .collect()
}

/// Spreads a number over all bits (the finalizer of splitmix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
