//! The log under test beside the model, and the steps that both take.

use std::fs;
use std::path::PathBuf;

use experience_log::{
    BatchOutcome, Durability, Error, ExperienceEvent, ExperienceEventEnvelope, ExperienceLog,
    LifecycleEvent, TreesVerified,
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::check;
use super::event::{EventSpec, Identity, STATES, Time, artifact_kind, event_spec, tenant};
use super::harm::{self, Expected, Harm};
use super::question::{QuestionSpec, question_spec};
use super::vec_log::{Refusal, VecLog, instant_of};
use crate::support::{copy_as_of_now, folder_in_memory, json};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    memtable_events: usize,
    segment_bytes: u64,
    durability: Durability,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Append(EventSpec),
    Batch(Vec<EventSpec>),
    /// By the log's own constructor of envelopes.
    Transition(u8, u8, u8, u8),
    Flush,
    Rebuild,
    Verify,
    /// A second handle looks, without the lock.
    Look(QuestionSpec),
    Restart(Restart),
}

#[derive(Debug, Clone)]
pub(crate) struct Restart {
    how: End,
    harms: Vec<Harm>,
    tuning: Tuning,
    /// What is appended at once, whether the trees are open by then or not.
    at_once: Vec<EventSpec>,
}

/// How the log ends before it is opened again.
#[derive(Debug, Clone, Copy)]
enum End {
    Close,
    Drop,
    /// The process is killed: what is on disk at some moment is what there is.
    Kill,
}

pub(crate) fn tuning(durability: &'static [Durability]) -> impl Strategy<Value = Tuning> {
    let segment = prop_oneof![
        4 => Just(4096_u64),
        3 => 4096..20_000_u64,
        1 => Just(1 << 20),
    ];
    let memtable = prop_oneof![4 => 4..65_usize, 1 => Just(1_usize), 1 => Just(1000_usize)];
    (memtable, segment, prop::sample::select(durability)).prop_map(
        |(memtable_events, segment_bytes, durability)| Tuning {
            memtable_events,
            segment_bytes,
            durability,
        },
    )
}

pub(crate) fn step(durability: &'static [Durability]) -> impl Strategy<Value = Step> {
    let end = prop_oneof![3 => Just(End::Close), 1 => Just(End::Drop), 6 => Just(End::Kill)];
    let harms = prop_oneof![
        4 => Just(Vec::new()),
        6 => prop::collection::vec(harm::harm(), 1..3),
    ];
    let at_once = prop_oneof![
        1 => Just(Vec::new()),
        1 => prop::collection::vec(event_spec(), 1..6),
    ];
    let restart =
        (end, harms, tuning(durability), at_once).prop_map(|(how, harms, tuning, at_once)| {
            Step::Restart(Restart {
                how,
                harms,
                tuning,
                at_once,
            })
        });
    prop_oneof![
        30 => event_spec().prop_map(Step::Append),
        30 => prop::collection::vec(event_spec(), 0..40).prop_map(Step::Batch),
        2 => any::<[u8; 4]>().prop_map(|[a, b, c, d]| Step::Transition(a, b, c, d)),
        6 => Just(Step::Flush),
        2 => Just(Step::Rebuild),
        2 => Just(Step::Verify),
        4 => question_spec().prop_map(Step::Look),
        10 => restart,
    ]
}

pub(crate) struct World {
    folder: TempDir,
    /// Logs are copied, so the folder may have had several.
    number: u32,
    tuning: Tuning,
    log: Option<ExperienceLog>,
    model: VecLog,
    ids: u64,
}

impl World {
    pub(crate) fn new(tuning: Tuning) -> Self {
        let mut world = Self {
            folder: folder_in_memory(),
            number: 0,
            tuning,
            log: None,
            model: VecLog::default(),
            ids: 0,
        };
        world.open(tuning);
        assert!(world.log().recovery().created);
        world
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(format!("log-{}", self.number))
    }

    fn open(&mut self, tuning: Tuning) {
        let log = ExperienceLog::options()
            .memtable_events(tuning.memtable_events)
            .segment_bytes(tuning.segment_bytes)
            .durability(tuning.durability)
            .tree_cache_bytes(1 << 20)
            .open(self.path())
            .unwrap();
        self.log = Some(log);
        self.tuning = tuning;
    }

    fn log(&self) -> &ExperienceLog {
        self.log.as_ref().unwrap()
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Append(spec) => self.append(std::slice::from_ref(spec), false),
            Step::Batch(specs) => self.append(specs, true),
            Step::Transition(artifact, kind, state, tenant) => {
                self.transition([*artifact, *kind, *state, *tenant]);
            }
            Step::Flush => {
                self.log().flush().unwrap();
                assert_eq!(self.log().stats().unwrap().in_memory, Some(0));
                self.verify();
            }
            Step::Rebuild => {
                self.log().rebuild_trees().unwrap();
                self.verify();
            }
            Step::Verify => self.verify(),
            Step::Look(spec) => check::look(&self.path(), &self.model, spec),
            Step::Restart(restart) => self.restart(restart),
        }
    }

    /// A question after a step.
    pub(crate) fn ask(&self, spec: &QuestionSpec) {
        assert_eq!(self.log().head().unwrap(), self.model.len());
        check::question(&self.log().reader(), &self.model, &spec.question());
    }

    /// Everything that can be asked, before and after all is in the trees, and after the end.
    pub(crate) fn finish(mut self, spec: &QuestionSpec) {
        check::everything(&self.log().reader(), &self.model, spec);
        self.take(&Step::Flush);
        check::everything(&self.log().reader(), &self.model, spec);
        self.log.take().unwrap().close().unwrap();
        check::look(&self.path(), &self.model, spec);
        check::verify_without_lock(&self.path(), &self.model);
    }

    fn append(&mut self, specs: &[EventSpec], as_batch: bool) {
        let batch = self.resolve(specs);
        let result = match batch.as_slice() {
            [event] if !as_batch => self.log().append(event).map(|appended| {
                let mut outcome = BatchOutcome::default();
                outcome.events.push(appended);
                outcome
            }),
            batch => self.log().append_batch(batch),
        };
        match (self.model.append(&batch), result) {
            (Ok(expected), Ok(outcome)) => {
                let found: Vec<_> = outcome
                    .events
                    .iter()
                    .map(|event| (event.sequence, event.already_present))
                    .collect();
                assert_eq!(found, expected);
                let new = outcome.sequences().collect::<Vec<_>>();
                assert_eq!(new.len(), outcome.written());
                assert!(new.windows(2).all(|pair| pair[0] + 1 == pair[1]));
            }
            (Err(expected), Err(error)) => {
                assert!(error.is_conflict() && error.is_refusal());
                let found = match error {
                    Error::Conflict {
                        event_id,
                        tenant,
                        sequence,
                    } => Refusal::Conflict {
                        event_id,
                        tenant,
                        sequence,
                    },
                    Error::ConflictInBatch { event_id, tenant } => {
                        Refusal::ConflictInBatch { event_id, tenant }
                    }
                    other => panic!("{other}"),
                };
                assert_eq!(found, expected);
            }
            (expected, found) => panic!("expected {expected:?}, found {found:?}"),
        }
        for event in &batch {
            check::get(&self.log().reader(), &self.model, event);
        }
    }

    fn resolve(&mut self, specs: &[EventSpec]) -> Vec<ExperienceEventEnvelope> {
        let mut batch: Vec<ExperienceEventEnvelope> = Vec::new();
        for spec in specs {
            self.ids += 1;
            let fresh = spec.envelope(self.ids);
            let kept = |place: u16| {
                let events = &self.model.events;
                let place = usize::from(place).checked_rem(events.len())?;
                Some(events[place].envelope.clone())
            };
            let in_batch = |place: u16| {
                let place = usize::from(place).checked_rem(batch.len())?;
                Some(batch[place].clone())
            };
            let other_content = |event: ExperienceEventEnvelope| ExperienceEventEnvelope {
                correlation_id: Some(format!("other-{}", self.ids)),
                ..event
            };
            let event = match spec.identity {
                Identity::Fresh => None,
                Identity::Again(place) => kept(place),
                Identity::Conflicting(place) => kept(place).map(other_content),
                Identity::ElsewhereToo(place) => kept(place).map(|event| ExperienceEventEnvelope {
                    tenant_id: tenant(spec.tenant).map(str::to_owned),
                    ..event
                }),
                Identity::AgainInBatch(place) => in_batch(place),
                Identity::ConflictingInBatch(place) => in_batch(place).map(other_content),
            };
            batch.push(event.unwrap_or(fresh));
        }
        batch
    }

    fn transition(&mut self, [artifact, kind, to, whose]: [u8; 4]) {
        self.ids += 1;
        let artifact_id = format!("transitioned-{}", artifact % 2);
        let state = |place: u8| STATES[usize::from(place) % STATES.len()];
        let event = LifecycleEvent {
            from_state: state(to / 16),
            to_state: state(to),
            timestamp: Time::Ticking.at(self.ids).0,
            actor: "ops".into(),
            reason: "by the log's own hand".into(),
            ticket_ref: None,
            tenant_id: tenant(whose).map(str::to_owned),
        };
        let appended = self
            .log()
            .write_artifact_state_transition(&artifact_id, artifact_kind(kind), event.clone())
            .unwrap();
        assert!(!appended.already_present);
        let entry = self.log().replay(appended.sequence).unwrap().next();
        let envelope = entry.unwrap().unwrap().envelope().unwrap();
        assert_eq!(envelope.occurred_at, event.timestamp);
        assert_eq!(envelope.tenant_id, event.tenant_id);
        assert_eq!(envelope.correlation_id, None);
        let expected = ExperienceEvent::ArtifactStateTransitioned {
            artifact_id,
            artifact_kind: artifact_kind(kind),
            event,
        };
        assert_eq!(envelope.event, expected);
        let placed = self.model.append(&[envelope]).unwrap();
        assert_eq!(placed, [(appended.sequence, false)]);
    }

    fn verify(&self) {
        let verified = self.log().verify().unwrap();
        assert!(verified.is_intact(), "{:?}", verified.problems);
        assert_eq!(verified.events, self.model.len());
        assert_eq!(verified.commits, self.model.batch_ends.len() as u64);
        assert!(matches!(verified.trees, TreesVerified::Compared { .. }));
    }

    fn restart(&mut self, restart: &Restart) {
        let mut synced = self.model.len();
        match restart.how {
            End::Close => {
                let clone = self.log().clone();
                self.log.take().unwrap().close().unwrap();
                assert!(matches!(clone.head(), Err(Error::Closed)));
                assert!(matches!(clone.append_batch(&[]), Err(Error::Closed)));
            }
            End::Drop => drop(self.log.take()),
            End::Kill => synced = self.kill(),
        }
        let expected = harm::inflict(&self.path(), &restart.harms, synced);
        if let Some(events) = expected.events {
            self.model.truncate(events);
        }
        self.open(restart.tuning);
        self.append(&restart.at_once, true);
        self.check_recovery(&expected);
        if expected.trees_spoiled {
            // Answers are right whatever the trees hold; what is wrong with them may be found only now.
            check::everything_once(&self.log().reader(), &self.model);
            let verified = self.log().verify().unwrap();
            // Reading may have found it already, and have new ones made at this moment: wait for those.
            let being_made = matches!(verified.trees, TreesVerified::Missing);
            if being_made || !verified.is_intact() {
                self.log().rebuild_trees().unwrap();
            }
            self.verify();
        }
    }

    /// Goes on with a copy of what is on disk now. Returns how many events of it are synced for certain.
    fn kill(&mut self) -> u64 {
        let killed = self.path();
        self.number += 1;
        copy_as_of_now(&killed, &self.path());
        // What is on its way into the trees is synced, and may be there already. Once less than a memtable is
        // left, none of that was.
        let synced = loop {
            let stats = self.log().stats().unwrap();
            match stats.in_memory {
                None => break stats.events,
                Some(waiting) if waiting < self.tuning.memtable_events as u64 => {
                    break stats.events - waiting;
                }
                Some(_) => std::thread::yield_now(),
            }
        };
        drop(self.log.take());
        fs::remove_dir_all(killed).unwrap();
        synced
    }

    fn check_recovery(&self, expected: &Expected) {
        let recovery = self.log().recovery();
        assert!(!recovery.created);
        assert_eq!(recovery.torn_bytes, expected.torn_bytes);
        assert_eq!(
            recovery.head_ignored.is_some(),
            expected.head_ignored,
            "{recovery:?}"
        );
        if expected.trees_lost {
            assert!(recovery.trees_rebuilt.is_some());
        }
        assert_eq!(self.log().head().unwrap(), self.model.len());
        check::replay(&self.log().reader(), &self.model, 0);
        for kept in self.model.events.iter().rev().take(3) {
            assert_eq!(instant_of(&kept.envelope.occurred_at), kept.instant);
            let found = self
                .log()
                .get(kept.envelope.tenant_id.as_deref(), &kept.envelope.event_id)
                .unwrap()
                .unwrap();
            assert_eq!(json(&found.envelope().unwrap()), kept.json);
        }
    }
}
