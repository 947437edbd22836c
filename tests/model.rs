//! Random lives of a log, beside a plain `Vec` with a linear filter: appends, batches, repeats, conflicts,
//! equal and disordered times, flushes, reopenings, kills, torn journal tails, lost and broken trees, and
//! questions of every shape in between. Whatever befalls the directory, the log answers as the `Vec` does.
//!
//! `EXPLOG_MODEL_CASES` sets the number of lives. Those that once failed are kept beside this file and are
//! tried first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

#[path = "support/mod.rs"]
mod support;

#[path = "model/check.rs"]
mod check;
#[path = "model/event.rs"]
mod event;
#[path = "model/harm.rs"]
mod harm;
#[path = "model/question.rs"]
mod question;
#[path = "model/vec_log.rs"]
mod vec_log;
#[path = "model/world.rs"]
mod world;

use std::time::Duration;

use experience_log::Durability;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use question::{QuestionSpec, question_spec};
use world::{Step, Tuning, World, step, tuning};

const FAST: &[Durability] = &[Durability::Os];
const ANY: &[Durability] = &[
    Durability::Sync,
    Durability::Periodic(Duration::from_millis(5)),
    Durability::Os,
];

fn config(cases: u32) -> ProptestConfig {
    let asked_for = std::env::var("EXPLOG_MODEL_CASES").ok();
    let cases = asked_for.map_or(cases, |cases| cases.parse().unwrap());
    let kept = FileFailurePersistence::WithSource("proptest-regressions");
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(kept)),
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    }
}

/// Steps, each with the questions that follow it.
fn life(
    durability: &'static [Durability],
) -> impl Strategy<Value = Vec<(Step, Vec<QuestionSpec>)>> {
    let questions = prop::collection::vec(question_spec(), 0..2);
    prop::collection::vec((step(durability), questions), 1..16)
}

fn live(tuning: Tuning, life: &[(Step, Vec<QuestionSpec>)], last: &QuestionSpec) {
    let mut world = World::new(tuning);
    for (step, questions) in life {
        world.take(step);
        for spec in questions {
            world.ask(spec);
        }
    }
    world.finish(last);
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn the_log_answers_as_the_model_does(
        tuning in tuning(FAST),
        life in life(FAST),
        last in question_spec(),
    ) {
        live(tuning, &life, &last);
    }

    #[test]
    fn so_it_does_at_every_level_of_durability(
        tuning in tuning(ANY),
        life in life(ANY),
        last in question_spec(),
    ) {
        live(tuning, &life, &last);
    }
}
