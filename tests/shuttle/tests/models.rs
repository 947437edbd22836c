//! The models, under random orders of steps and under PCT. `SHUTTLE_ITERATIONS` sets how many orders each
//! scheduler tries.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle_models::commit::{Rotation, group_commit, told_once};
use shuttle_models::publish::{
    Awaited, Order, publish, publish_before_the_trees, publish_on_a_failing_disk,
};

/// Preemptions that PCT looks for.
const DEPTH: usize = 4;

fn iterations() -> usize {
    std::env::var("SHUTTLE_ITERATIONS").map_or(5_000, |text| {
        text.parse().expect("SHUTTLE_ITERATIONS is a number")
    })
}

fn holds(model: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(model.clone(), iterations());
    shuttle::check_pct(model, iterations(), DEPTH);
}

/// A wrong order must be caught, with one of these complaints.
fn fails(model: impl Fn() + Send + Sync + 'static, complaints: &[&str]) {
    let run = AssertUnwindSafe(|| shuttle::check_pct(model, 100_000, DEPTH));
    let panic = catch_unwind(run).expect_err("a wrong order was not caught");
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    let expected = complaints.iter().any(|complaint| text.contains(complaint));
    assert!(expected, "{text:?}");
}

#[test]
fn nothing_is_acknowledged_that_is_not_on_stable_storage() {
    holds(|| group_commit(Rotation::ThroughTheGroup));
}

#[test]
fn a_second_sync_beside_the_group_commit_is_caught() {
    fails(
        || group_commit(Rotation::ByItself),
        &["not on stable storage", "the old file is synced"],
    );
}

#[test]
fn a_failure_is_told_once_and_first() {
    holds(told_once);
}

#[test]
fn readers_see_every_event_once() {
    holds(|| publish(Order::Right));
}

#[test]
fn readers_see_nothing_untrue_on_a_failing_disk() {
    holds(|| publish_on_a_failing_disk(Order::Right));
}

#[test]
fn the_view_before_the_head_is_caught() {
    fails(|| publish(Order::ViewBeforeHead), &["a reader saw"]);
}

#[test]
fn publishing_before_the_insert_is_caught() {
    fails(|| publish(Order::PublishBeforeInsert), &["a reader saw"]);
}

#[test]
fn publishing_before_the_sync_is_caught() {
    fails(|| publish(Order::PublishBeforeSync), &["power cut"]);
}

#[test]
fn a_memtable_dropped_before_the_trees_have_it_is_caught() {
    fails(|| publish(Order::DropBeforeTrees), &["a reader saw"]);
}

#[test]
fn a_memtable_kept_after_the_trees_have_it_is_caught() {
    fails(|| publish(Order::TreesBeforeDrop), &["a reader saw"]);
}

/// Trees that end where the memtable begins; that are further; that lack what no memtable has.
const AWAITED: [Awaited; 3] = [
    Awaited {
        applied: 2,
        begins: 2,
    },
    Awaited {
        applied: 2,
        begins: 1,
    },
    Awaited {
        applied: 1,
        begins: 3,
    },
];

#[test]
fn readers_see_every_event_once_while_the_trees_come() {
    for awaited in AWAITED {
        holds(move || publish_before_the_trees(Order::Right, awaited));
    }
}

#[test]
fn memtables_that_forget_too_late_are_caught() {
    fails(
        || publish_before_the_trees(Order::TreesBeforeForgetting, AWAITED[1]),
        &["a reader saw"],
    );
}

#[test]
fn trees_that_are_shown_before_what_they_lack_are_caught() {
    fails(
        || publish_before_the_trees(Order::TreesBeforeLacking, AWAITED[2]),
        &["a reader saw"],
    );
}
