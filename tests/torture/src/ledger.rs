//! What was acknowledged, and whether a log still holds it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use experience_log::{
    EventQuery, ExperienceEventKind, ExperienceLog, LogEntry, LogReader, ScanOptions,
};

use crate::clock::Span;
use crate::workload::{self, BatchShape, Random};
use crate::writer::Ack;

/// Batches whose chain and ids are asked for at each check.
const SAMPLE: u64 = 200;

/// A batch by life, writer and number.
pub type BatchId = (u64, u64, u64);

/// What the lives of a log were told is kept.
#[derive(Debug)]
pub struct Ledger {
    seed: u64,
    large: bool,
    acknowledged: HashMap<BatchId, Acknowledged>,
    events: u64,
}

/// What is known of an acknowledged batch.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    sequence: u64,
    /// It was answered while the log was being cut off.
    in_the_cut: bool,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Events in the log.
    pub events: u64,
    /// Events that were acknowledged and are not there, or not where they were said to be.
    pub lost: u64,
    /// The same, where the append was under way while the log was being cut off.
    pub lost_in_the_cut: u64,
    /// Batches of which a part is there.
    pub torn_batches: u64,
    /// Everything else that is wrong.
    pub wrong: Vec<String>,
}

/// A batch as it was found.
#[derive(Debug, Clone, Copy)]
struct Found {
    first: u64,
    events: u64,
}

impl Ledger {
    /// An empty one.
    pub fn new(seed: u64, large: bool) -> Self {
        Self {
            seed,
            large,
            acknowledged: HashMap::new(),
            events: 0,
        }
    }

    /// Notes what a life was told. Returns how many events that are. With a `cut`, what was answered while it was
    /// under way counts by itself, and an answer before counts whatever came later.
    pub fn add(&mut self, acks: &[Ack], cut: Option<Span>) -> u64 {
        let mut events = 0;
        for ack in acks {
            let id = ack.batch_id();
            let answer = Acknowledged {
                sequence: ack.sequence,
                in_the_cut: cut.is_some_and(|cut| cut.overlaps(ack.span)),
            };
            match self.acknowledged.entry(id) {
                Entry::Vacant(vacant) => {
                    vacant.insert(answer);
                    events += workload::shape(self.seed, id.0, id.1, id.2, self.large).size;
                }
                Entry::Occupied(mut known) if known.get().in_the_cut => {
                    known.insert(answer);
                }
                // It must stand where it was said to be at first.
                Entry::Occupied(_) => {}
            }
        }
        self.events += events;
        events
    }

    /// Events that were acknowledged.
    pub fn events(&self) -> u64 {
        self.events
    }

    fn shape(&self, (life, writer, batch): BatchId) -> BatchShape {
        workload::shape(self.seed, life, writer, batch, self.large)
    }

    /// Looks at a log that nobody writes, without recovering it: what a life was told must be there.
    pub fn look(&self, path: &Path, acks: &[Ack]) -> Findings {
        let mut findings = Findings::default();
        let Some(first) = acks.iter().map(|ack| ack.sequence).min() else {
            return findings;
        };
        let found = LogReader::open(path)
            .and_then(|log| log.replay(first))
            .map(|replay| self.read(replay, first, &mut findings));
        match found {
            Ok(found) => {
                for ack in acks {
                    findings.lost += self.lost(ack.batch_id(), ack.sequence, &found);
                }
            }
            Err(error) => findings.wrong.push(format!("a look fails: {error}")),
        }
        findings
    }

    /// Reads the whole log and compares: every acknowledged event is there and equal, in sequence, once;
    /// batches are whole; the indexes find what the journal holds; `verify` is content. What is lost counts
    /// once: later checks do not ask for it.
    pub fn check(&mut self, log: &ExperienceLog, random: &mut Random) -> Findings {
        let mut findings = Findings::default();
        let found = match log.replay(0) {
            Ok(replay) => self.read(replay, 0, &mut findings),
            Err(error) => {
                findings.wrong.push(format!("replay fails: {error}"));
                return findings;
            }
        };
        let mut gone = Vec::new();
        for (id, ack) in &self.acknowledged {
            let lost = self.lost(*id, ack.sequence, &found);
            if ack.in_the_cut {
                findings.lost_in_the_cut += lost;
            } else {
                findings.lost += lost;
            }
            if lost > 0 {
                gone.push(*id);
            }
        }
        for id in gone {
            self.acknowledged.remove(&id);
        }
        if let Err(error) = self.compare_indexes(log, &found, random, &mut findings) {
            findings.wrong.push(format!("a query fails: {error}"));
        }
        match log.verify() {
            Ok(verification) => findings.wrong.extend(
                verification
                    .problems
                    .into_iter()
                    .map(|problem| format!("verify: {problem}")),
            ),
            Err(error) => findings.wrong.push(format!("verify fails: {error}")),
        }
        findings
    }

    fn read(
        &self,
        replay: impl Iterator<Item = experience_log::Result<LogEntry>>,
        first: u64,
        findings: &mut Findings,
    ) -> HashMap<BatchId, Found> {
        let mut found: HashMap<BatchId, Found> = HashMap::new();
        for (expected, entry) in (first..).zip(replay) {
            if let Err(wrong) = entry
                .map_err(|error| error.to_string())
                .and_then(|entry| self.read_entry(&entry, expected, &mut found))
            {
                findings
                    .wrong
                    .push(format!("sequence number {expected}: {wrong}"));
                break;
            }
            findings.events += 1;
        }
        for (id, batch) in &found {
            if batch.events != self.shape(*id).size {
                findings.torn_batches += 1;
            }
        }
        found
    }

    fn read_entry(
        &self,
        entry: &LogEntry,
        expected: u64,
        found: &mut HashMap<BatchId, Found>,
    ) -> Result<(), String> {
        if entry.sequence() != expected {
            return Err(format!("it is {}", entry.sequence()));
        }
        let (id, number) = parse_id(entry.event_id())
            .ok_or_else(|| format!("event {:?} was never written", entry.event_id()))?;
        let batch = found.entry(id).or_insert(Found {
            first: expected,
            events: 0,
        });
        if number != batch.events || expected != batch.first + number {
            return Err(format!(
                "event {:?} is there twice, or its batch is scattered",
                entry.event_id()
            ));
        }
        batch.events += 1;
        let BatchShape { size, bytes } = self.shape(id);
        let (life, writer, batch) = id;
        let event = entry.envelope().map_err(|error| error.to_string())?;
        if event != workload::event(life, writer, batch, number, size, bytes) {
            return Err(format!(
                "event {:?} is not what was appended",
                entry.event_id()
            ));
        }
        Ok(())
    }

    /// How many events of an acknowledged batch are not there, or not where they were said to be.
    fn lost(&self, id: BatchId, sequence: u64, found: &HashMap<BatchId, Found>) -> u64 {
        let size = self.shape(id).size;
        let there = found
            .get(&id)
            .filter(|found| found.first == sequence)
            .map_or(0, |found| found.events.min(size));
        size - there
    }

    fn compare_indexes(
        &self,
        log: &ExperienceLog,
        found: &HashMap<BatchId, Found>,
        random: &mut Random,
        findings: &mut Findings,
    ) -> experience_log::Result<()> {
        let (newest, oldest) = (ScanOptions::newest_first(), ScanOptions::oldest_first());
        let mut expect = |what: &str, expected: u64, query: &EventQuery, order| {
            let mut count = 0;
            for entry in log.scan(query, order)? {
                entry?;
                count += 1;
            }
            if count != expected {
                findings.wrong.push(format!(
                    "{what} finds {count} events, the journal has {expected}"
                ));
            }
            Ok::<_, experience_log::Error>(())
        };
        let all: u64 = found.values().map(|batch| batch.events).sum();
        let kind = EventQuery::new().kind(ExperienceEventKind::OutcomeRecorded);
        expect("the kind", all, &kind, newest)?;
        for tenant in 0..3 {
            let of_tenant = found
                .iter()
                .filter(|((_, writer, _), _)| writer % 3 == tenant);
            let expected = of_tenant.map(|(_, batch)| batch.events).sum();
            let name = format!("tenant-{tenant}");
            expect(&name, expected, &EventQuery::new().tenant(&name), oldest)?;
        }
        let mut ids: Vec<&BatchId> = found.keys().collect();
        ids.sort_unstable();
        if ids.is_empty() {
            return Ok(());
        }
        let mut lost_ids = Vec::new();
        for _ in 0..SAMPLE {
            let id = *ids[random.below(ids.len() as u64) as usize];
            let (life, writer, batch) = id;
            let Found { first, events } = found[&id];
            let chain = format!("chain-{life}-{writer}-{batch}");
            expect(&chain, events, &EventQuery::new().chain(&chain), newest)?;
            let event_id = format!("{life}-{writer}-{batch}-0");
            let entry = log.get(Some(&format!("tenant-{}", writer % 3)), &event_id)?;
            if entry.map(|entry| entry.sequence()) != Some(first) {
                lost_ids.push(format!("event {event_id:?} is not found by its id"));
            }
        }
        let last = ids[ids.len() - 1].0;
        for life in [random.below(last + 1), last] {
            let of_life = found.iter().filter(|((of, _, _), _)| *of == life);
            let expected = of_life.map(|(_, batch)| batch.events).sum();
            let name = format!("life-{life}");
            expect(
                &name,
                expected,
                &EventQuery::new().correlation(&name),
                oldest,
            )?;
        }
        findings.wrong.append(&mut lost_ids);
        Ok(())
    }
}

/// Life, writer, batch and number, from an event's id.
fn parse_id(event_id: &str) -> Option<(BatchId, u64)> {
    let mut parts = event_id.split('-').map(str::parse);
    let mut next = || parts.next()?.ok();
    let id = (next()?, next()?, next()?);
    Some((id, next()?))
}
