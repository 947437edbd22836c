//! What a look-up needs in small parts, kept by number: openings of blocks, pages of runs.
//!
//! Parts are numbered one after the other within a group (all blocks, the pages of one run), so that neighbours have
//! different places. Where four parts meet at a place, the one that was asked for longest ago makes room.

use std::sync::{Mutex, PoisonError};

/// Parts at a place.
const WAYS: usize = 4;
/// Spreads groups over the places: an odd number without a pattern in its bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number of a part: its group, and which of the group.
pub(crate) type PartNumber = (u64, u32);

/// The parts at one place, the one asked for last first.
type Ways<T> = [Option<(PartNumber, T)>; WAYS];

/// Parts by their numbers.
#[derive(Debug)]
pub(crate) struct PlaceCache<T> {
    places: Mutex<Vec<Ways<T>>>,
    most_places: usize,
    largest: usize,
}

impl<T: Clone> PlaceCache<T> {
    /// Keeps about `bytes` of parts that take `typical` bytes each.
    pub(crate) fn new(bytes: usize, typical: usize) -> Self {
        Self {
            places: Mutex::default(),
            most_places: (bytes / typical / WAYS).max(1),
            // Larger ones are not kept, so that the bytes stay within what was granted, more or less.
            largest: 2 * typical,
        }
    }

    pub(crate) fn get(&self, number: PartNumber) -> Option<T> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let ways = places.get_mut(self.place_of(number))?;
        let is_it =
            |way: &Option<(PartNumber, T)>| way.as_ref().is_some_and(|(it, _)| *it == number);
        let way = ways.iter().position(is_it)?;
        ways.get_mut(..=way)?.rotate_right(1);
        let (_, part) = ways.first()?.as_ref()?;
        Some(part.clone())
    }

    /// Keeps a part of so many bytes that was just written or read, and is not there.
    pub(crate) fn keep(&self, number: PartNumber, part: &T, bytes: usize) {
        if bytes > self.largest {
            return;
        }
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place_of(number);
        if places.len() <= place {
            places.resize_with(place + 1, Ways::default);
        }
        let before = places.get_mut(place).and_then(|ways| {
            ways.rotate_right(1);
            ways.first_mut()?.replace((number, part.clone()))
        });
        drop(places);
        drop(before);
    }

    fn place_of(&self, (group, number): PartNumber) -> usize {
        let first = group.wrapping_mul(SPREAD) >> 32;
        let places = u64::try_from(self.most_places).unwrap_or(u64::MAX);
        usize::try_from((first + u64::from(number)) % places).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_do_not_drive_each_other_out() {
        let cache = PlaceCache::new(12 * 100, 100);
        for number in 0..12 {
            assert!(cache.get((5, number)).is_none());
            cache.keep((5, number), &number, 100);
        }
        assert!((0..12).all(|number| cache.get((5, number)) == Some(number)));
        assert!(cache.get((6, 0)).is_none());
        assert_eq!(cache.places.lock().unwrap().len(), 3);
    }

    #[test]
    fn what_was_asked_for_longest_ago_makes_room() {
        let cache = PlaceCache::new(400, 100);
        for number in 0..4 {
            cache.keep((0, number), &number, 100);
        }
        assert_eq!(cache.get((0, 0)), Some(0));
        cache.keep((0, 4), &4, 100);
        cache.keep((9, 9), &9, 100);
        let there = [0, 1, 2, 3, 4].map(|number| cache.get((0, number)).is_some());
        assert_eq!(there, [true, false, false, true, true]);
        assert_eq!(cache.get((9, 9)), Some(9));
    }

    #[test]
    fn a_large_part_is_not_kept() {
        let cache = PlaceCache::new(400, 100);
        cache.keep((0, 0), &'a', 200);
        cache.keep((0, 1), &'b', 201);
        assert_eq!((cache.get((0, 0)), cache.get((0, 1))), (Some('a'), None));
    }
}
