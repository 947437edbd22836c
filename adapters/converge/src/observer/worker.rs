//! The thread that appends what was observed.

use std::panic::{self, AssertUnwindSafe};

use converge_core::ExperienceEventEnvelope;
use experience_log::Error;

use super::queue::Queue;
use super::report::Reason;
use crate::log::ConvergeLog;

/// Takes batches until the queue is closed and empty.
pub(crate) fn run(queue: &Queue, log: &ConvergeLog) {
    let _last = Abandon(queue);
    while let Some(batch) = queue.take() {
        // A panic would end the thread, and with it the record of all that follows.
        let appended = panic::catch_unwind(AssertUnwindSafe(|| append(queue, log, &batch)));
        let lost = appended.unwrap_or_else(|_| {
            queue.report(&batch, Reason::Panicked);
            batch.len() as u64
        });
        queue.settle(batch.len() as u64 - lost, lost);
    }
}

/// However the thread ends, nobody waits for it afterwards.
struct Abandon<'a>(&'a Queue);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Appends a batch, and says how many events of it are lost. A batch is all or nothing, so where one is refused,
/// each half is tried by itself.
fn append(queue: &Queue, log: &ConvergeLog, batch: &[ExperienceEventEnvelope]) -> u64 {
    match log.append_batch(batch) {
        Ok(()) => 0,
        Err(error) if error.is_refusal() && batch.len() > 1 => {
            let (first, second) = batch.split_at(batch.len() / 2);
            append(queue, log, first) + append(queue, log, second)
        }
        Err(error) => {
            queue.report(batch, reason(&error));
            batch.len() as u64
        }
    }
}

fn reason(error: &Error) -> Reason<'_> {
    if error.is_refusal() {
        Reason::Refused(error)
    } else {
        Reason::Failed(error)
    }
}
