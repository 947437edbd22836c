//! Two things at once.

use std::thread;

/// Does `here`, and `there` in another thread meanwhile; afterwards, if there can be no other thread.
pub(crate) fn beside<T, O: Send>(there: impl Fn() -> O + Sync, here: impl FnOnce() -> T) -> (T, O) {
    let (done, other) = thread::scope(|scope| {
        let name = "explog beside".to_owned();
        let other = thread::Builder::new()
            .name(name)
            .spawn_scoped(scope, &there);
        let done = here();
        (done, other.ok().and_then(|other| other.join().ok()))
    });
    (done, other.unwrap_or_else(there))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_done_even_if_the_other_thread_ends_early() {
        let here = thread::current().id();
        assert_eq!(beside(|| 1, || 2), (2, 1));
        let there = || {
            assert!(thread::current().id() == here, "only here it works");
            1
        };
        assert_eq!(beside(there, || 2), (2, 1));
    }
}
