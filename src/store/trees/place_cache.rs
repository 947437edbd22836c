//! What a look-up needs in small parts, kept by number: openings of blocks, pages of runs.
//!
//! Parts are numbered one after the other within a group (all blocks, the pages of one run), so that neighbours have
//! different places. A place has room for four parts of the typical size; those that were asked for longest ago make
//! room for another.

use std::sync::{Mutex, PoisonError};

/// Parts at a place, at the most.
const WAYS: usize = 4;
/// Spreads groups over the places: an odd number without a pattern in its bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number of a part: its group, and which of the group.
pub(crate) type PartNumber = (u64, u32);

/// Parts by their numbers.
#[derive(Debug)]
pub(crate) struct PlaceCache<T> {
    places: Mutex<Vec<Ways<T>>>,
    most_places: usize,
    bytes_of_place: usize,
}

/// The parts at one place, the one asked for last first.
type Ways<T> = [Option<Kept<T>>; WAYS];

#[derive(Debug)]
struct Kept<T> {
    number: PartNumber,
    part: T,
    bytes: usize,
}

impl<T: Clone> PlaceCache<T> {
    /// Keeps at most `bytes` of parts, which are mostly of `typical` bytes.
    pub(crate) fn new(bytes: usize, typical: usize) -> Self {
        let bytes_of_place = WAYS * typical;
        Self {
            places: Mutex::default(),
            most_places: (bytes / bytes_of_place).max(1),
            bytes_of_place,
        }
    }

    pub(crate) fn get(&self, number: PartNumber) -> Option<T> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let ways = places.get_mut(self.place_of(number))?;
        let way = way_of(ways, number)?;
        ways.get_mut(..=way)?.rotate_right(1);
        let kept = ways.first()?.as_ref()?;
        Some(kept.part.clone())
    }

    /// Keeps a part of so many bytes that was just written or read.
    pub(crate) fn keep(&self, number: PartNumber, part: &T, bytes: usize) {
        if bytes > self.bytes_of_place {
            return;
        }
        let mut gone = Ways::default();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place_of(number);
        if places.len() <= place {
            places.resize_with(place + 1, Ways::default);
        }
        if let Some(ways) = places.get_mut(place) {
            // Another reader may have been as fast.
            let way = way_of(ways, number).unwrap_or(WAYS - 1);
            let moved = ways.get_mut(..=way).unwrap_or_default();
            moved.rotate_right(1);
            let part = part.clone();
            let kept = Kept {
                number,
                part,
                bytes,
            };
            let [first, others @ ..] = ways;
            let [replaced, too_many @ ..] = &mut gone;
            *replaced = first.replace(kept);
            let mut room = self.bytes_of_place - bytes;
            for (other, gone) in others.iter_mut().zip(too_many) {
                match other {
                    Some(kept) if kept.bytes <= room => room -= kept.bytes,
                    _ => *gone = other.take(),
                }
            }
        }
        drop(places);
        drop(gone);
    }

    fn place_of(&self, (group, number): PartNumber) -> usize {
        let first = group.wrapping_mul(SPREAD) >> 32;
        let places = u64::try_from(self.most_places).unwrap_or(u64::MAX);
        usize::try_from((first + u64::from(number)) % places).unwrap_or(0)
    }
}

fn way_of<T>(ways: &Ways<T>, number: PartNumber) -> Option<usize> {
    let is_it = |way: &Option<Kept<T>>| way.as_ref().is_some_and(|kept| kept.number == number);
    ways.iter().position(is_it)
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
    fn large_parts_take_the_room_of_several() {
        let cache = PlaceCache::new(400, 100);
        for (number, bytes) in [(0, 100), (1, 100), (2, 250), (3, 401)] {
            cache.keep((0, number), &number, bytes);
        }
        let there = [0, 1, 2, 3].map(|number| cache.get((0, number)).is_some());
        assert_eq!(there, [false, true, true, false]);
        // The same one again, and none goes.
        cache.keep((0, 2), &7, 250);
        assert_eq!((cache.get((0, 1)), cache.get((0, 2))), (Some(1), Some(7)));
        cache.keep((0, 4), &4, 400);
        assert_eq!((cache.get((0, 1)), cache.get((0, 4))), (None, Some(4)));
    }
}
