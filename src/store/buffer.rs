//! Buffers that are used again.
//!
//! An allocator of small chunks tidies all of them up whenever a large one comes or goes: with glibc's, a question
//! that allocated its blocks anew spent a third of its time there, mostly in the strings of the events it decoded.

use std::cell::RefCell;
use std::ops::Deref;

/// Smaller buffers cost nothing to allocate, and larger ones are not worth keeping.
const SMALLEST: usize = 256;
const LARGEST: usize = 512 << 10;
/// Buffers are multiples of this.
const ROUNDED: usize = 8 << 10;
/// What a thread keeps at most.
const MOST_BUFFERS: usize = 64;
const MOST_BYTES: usize = 1 << 20;

thread_local! {
    static SPARE: Spares<u8> = const { Spares::new() };
}

/// Emptied vectors of one thread.
#[derive(Debug)]
pub(crate) struct Spares<T>(RefCell<Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    vectors: Vec<Vec<T>>,
    bytes: usize,
}

impl<T> Spares<T> {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Kept {
            vectors: Vec::new(),
            bytes: 0,
        }))
    }

    /// A vector with whatever it held, or a new one.
    pub(crate) fn take(&self) -> Vec<T> {
        let mut kept = self.0.borrow_mut();
        let vector = kept.vectors.pop().unwrap_or_default();
        kept.bytes -= size_of_vector(&vector);
        vector
    }

    /// Keeps a vector for the next that takes one, if it is worth it.
    pub(crate) fn give(&self, vector: Vec<T>) {
        let bytes = size_of_vector(&vector);
        let mut kept = self.0.borrow_mut();
        if (SMALLEST..=LARGEST).contains(&bytes)
            && kept.vectors.len() < MOST_BUFFERS
            && kept.bytes + bytes <= MOST_BYTES
        {
            kept.vectors.push(vector);
            kept.bytes += bytes;
        }
    }
}

fn size_of_vector<T>(vector: &Vec<T>) -> usize {
    vector.capacity() * size_of::<T>()
}

/// Bytes that a record or a block lies in. What is dropped is used again by the next of the same thread.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// Longer than `length` where the buffer was used before: what it held need not be overwritten twice.
    bytes: Vec<u8>,
    length: usize,
}

impl Buffer {
    /// A buffer of `length` bytes, whatever they are: for a caller that overwrites all of them.
    pub(crate) fn scratch(length: usize) -> Self {
        let worth = (SMALLEST..=LARGEST).contains(&length);
        let spare = || SPARE.try_with(Spares::take).unwrap_or_default();
        let mut bytes = if worth { spare() } else { Vec::new() };
        if bytes.len() < length {
            // All of much the same size, so that any of them serves the next.
            let rounded = if worth {
                length.next_multiple_of(ROUNDED)
            } else {
                length
            };
            bytes.resize(rounded, 0);
        }
        Self { bytes, length }
    }

    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::scratch(bytes.len());
        copy.as_mut_slice().copy_from_slice(bytes);
        copy
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        Self { bytes, length }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() >= SMALLEST {
            // A thread that ends keeps nothing.
            let _ = SPARE.try_with(|spares| spares.give(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_the_next_one() {
        let mut first = Buffer::scratch(5000);
        first.as_mut_slice().fill(7);
        let place = first.as_ptr();
        drop(first);
        let second = Buffer::scratch(3000);
        assert_eq!((second.as_ptr(), second.len()), (place, 3000));
        let third = Buffer::scratch(3000);
        assert_ne!(third.as_ptr(), place);
        drop(second);
        let larger = Buffer::scratch(9000);
        assert_eq!(larger.len(), 9000);
        assert!(larger[5000..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_thread_keeps_few_and_none_that_are_large() {
        let kept = || {
            let lengths = |spares: &Spares<u8>| {
                let kept = spares.0.borrow();
                assert_eq!(
                    kept.bytes,
                    kept.vectors.iter().map(Vec::capacity).sum::<usize>()
                );
                kept.vectors.iter().map(Vec::len).collect::<Vec<_>>()
            };
            SPARE.with(lengths)
        };
        let many = |length| (0..2 * MOST_BUFFERS).map(move |_| Buffer::scratch(length));
        drop(Buffer::scratch(LARGEST + 1));
        drop(Buffer::from(vec![0; 10]));
        assert_eq!(kept(), [0; 0]);
        drop(many(SMALLEST).collect::<Vec<_>>());
        assert_eq!(kept(), [ROUNDED; MOST_BUFFERS]);
        drop(many(LARGEST).collect::<Vec<_>>());
        assert_eq!(kept(), [LARGEST; MOST_BYTES / LARGEST]);
    }
}
