//! Openings of blocks that were written or read: small, and all that a look-up needs beside one piece.
//!
//! Blocks are numbered one after the other, so each has a place by its number, and the last that was kept there
//! stays. As long as there are no more blocks than places, none drives out another.

use std::sync::{Arc, Mutex, PoisonError};

use super::opening::Opening;

/// What an opening of some forty events takes, with what keeps it.
const TYPICAL: usize = 1200;
/// Larger ones are not kept, so that the bytes stay within what was granted, more or less.
const LARGEST: usize = 2 * TYPICAL;

/// The block whose opening is at a place, and that.
type Place = Option<(u32, Arc<Opening>)>;

/// Openings by the numbers of their blocks.
#[derive(Debug)]
pub(crate) struct OpeningCache {
    places: Mutex<Vec<Place>>,
    most: usize,
}

impl OpeningCache {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            places: Mutex::default(),
            most: (bytes / TYPICAL).max(1),
        }
    }

    pub(crate) fn get(&self, number: u32) -> Option<Arc<Opening>> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (there, opening) = places.get(number as usize % self.most)?.as_ref()?;
        (*there == number).then(|| Arc::clone(opening))
    }

    /// Keeps the opening of a block that was just written or read.
    pub(crate) fn keep(&self, number: u32, opening: &Arc<Opening>) {
        if opening.bytes() > LARGEST {
            return;
        }
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = number as usize % self.most;
        if places.len() <= place {
            places.resize(place + 1, None);
        }
        let before = places
            .get_mut(place)
            .and_then(|kept| kept.replace((number, Arc::clone(opening))));
        drop(places);
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use super::super::block;
    use super::*;

    #[test]
    fn each_number_has_its_place_and_the_last_one_stays() {
        let stored = block::encode(&[]);
        let opening = Arc::new(Opening::parse(&stored.bytes, stored.bytes.len()).unwrap());
        let cache = OpeningCache::new(3 * TYPICAL);
        assert!(cache.get(0).is_none());
        for number in [0, 1, 2] {
            cache.keep(number, &opening);
        }
        assert!([0, 1, 2].iter().all(|number| cache.get(*number).is_some()));
        cache.keep(4, &opening);
        let there = [0, 1, 2, 3, 4].map(|number| cache.get(number).is_some());
        assert_eq!(there, [true, false, true, false, true]);
        assert_eq!(cache.places.lock().unwrap().len(), 3);
    }
}
