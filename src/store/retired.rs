//! Entries that the trees have by now, on their way out of memory.
//!
//! Those who append free them, some at a time. A thread that freed a memtable at once would take the lock of the
//! allocator's arena that the entries are from, time and again, while the one who allocates there appends: with
//! glibc's allocator, more than one append in a hundred waited for it.

use std::sync::{Arc, Mutex, PoisonError};

use super::memtable::Entry;

/// Freed for each event that is appended: more than come in, so that they do not pile up.
const FOR_EACH: usize = 2;
/// Freed at a time, so that few appends are the longer for it.
const AT_ONCE: usize = 512;

/// Entries to be freed.
#[derive(Debug, Default)]
pub(crate) struct Retired(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<Arc<Entry>>,
    /// So many of them are to go by now.
    due: usize,
}

impl Retired {
    /// Takes entries that nobody needs any more, but readers that hold them.
    pub(crate) fn add(&self, mut entries: Vec<Arc<Entry>>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entries.append(&mut entries);
    }

    /// Frees all.
    pub(crate) fn free_all(&self) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(waiting);
    }

    /// Frees some, since so many events were appended.
    pub(crate) fn make_room(&self, appended: usize) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.entries.is_empty() {
            return;
        }
        waiting.due += FOR_EACH * appended;
        if waiting.due >= AT_ONCE {
            let left = waiting.entries.len().saturating_sub(waiting.due);
            waiting.entries.truncate(left);
            waiting.due = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::instant::Instant;
    use super::super::record::{Fields, Hints, NewRecord};
    use super::*;

    fn entries(count: u64) -> Vec<Arc<Entry>> {
        let new = NewRecord {
            payload_format: 1,
            kind: 0,
            instant: Instant::MIN,
            fields: Fields::default(),
            hints: Hints::default(),
            payload: &[],
        };
        let entry = |sequence| Arc::new(Entry::of(&new, sequence));
        (0..count).map(entry).collect()
    }

    #[test]
    fn entries_go_faster_than_they_come_and_some_at_a_time() {
        let retired = Retired::default();
        let all = entries(5000);
        let left = || all.iter().filter(|one| Arc::strong_count(one) > 1).count();
        // Nothing is owed for what was appended before.
        retired.make_room(10_000);
        retired.add(all.clone());
        retired.make_room(AT_ONCE / FOR_EACH - 1);
        assert_eq!(left(), 5000);
        retired.make_room(1);
        assert_eq!(left(), 5000 - AT_ONCE);
        retired.make_room(1000);
        assert_eq!(left(), 5000 - AT_ONCE - 2000);
        retired.make_room(5000);
        assert_eq!(left(), 0);
        retired.add(all.clone());
        assert_eq!(left(), 5000);
        retired.free_all();
        assert_eq!(left(), 0);
    }
}
