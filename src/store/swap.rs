//! A value that is replaced as a whole, under readers that hold what was there before.

use super::sync::{Arc, PoisonError, RwLock};

/// The current value.
#[derive(Debug)]
pub(crate) struct Swap<T> {
    current: RwLock<Arc<T>>,
}

impl<T> Swap<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            current: RwLock::new(Arc::new(value)),
        }
    }

    pub(crate) fn get(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value by what `change` makes of it.
    pub(crate) fn change(&self, change: impl FnOnce(&T) -> T) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(change(&current));
    }
}
