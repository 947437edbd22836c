//! The instant that events are ordered by, and the key that orders them.

use super::bytes::{BytesError, Put, Reader};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z and nanoseconds within the second.
///
/// Covers every time RFC 3339 can name, which 64 bits of nanoseconds do not.
///
/// Logical times (a counter's values) lie before all of these, in the order of their numbers: the counter's
/// lower [`LOGICAL_BITS`] bits stand for nanoseconds, the upper ones for seconds from `i64::MIN` on. 35 bits of
/// seconds from there end some 9.2e18 seconds before the year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Instant {
    seconds: i64,
    nanoseconds: u32,
}

/// Bits of a logical time that stand in the place of nanoseconds.
const LOGICAL_BITS: u32 = 29;
/// The last second that logical times take.
const LAST_LOGICAL_SECOND: i64 = i64::MIN + (u64::MAX >> LOGICAL_BITS).cast_signed();
/// A day before the year 0: no time of RFC 3339, with whatever offset, is earlier.
const EARLIEST_CLOCK_SECOND: i64 = -62_167_219_200 - 86_400;

const _: () = assert!(1 << LOGICAL_BITS <= 1_000_000_000);
const _: () = assert!(LAST_LOGICAL_SECOND < EARLIEST_CLOCK_SECOND);

impl Instant {
    pub(crate) const MIN: Self = Self {
        seconds: i64::MIN,
        nanoseconds: 0,
    };
    pub(crate) const MAX: Self = Self {
        seconds: i64::MAX,
        nanoseconds: 999_999_999,
    };

    /// `None` if `nanoseconds` are a second or more.
    pub(crate) fn new(seconds: i64, nanoseconds: u32) -> Option<Self> {
        (nanoseconds < 1_000_000_000).then_some(Self {
            seconds,
            nanoseconds,
        })
    }

    /// The instant of a logical time.
    pub(crate) fn logical(time: u64) -> Self {
        let low = time & ((1 << LOGICAL_BITS) - 1);
        Self {
            seconds: i64::MIN + (time >> LOGICAL_BITS).cast_signed(),
            nanoseconds: u32::try_from(low).unwrap_or_default(),
        }
    }

    /// The logical time that this is, if it is one.
    pub(crate) fn as_logical(self) -> Option<u64> {
        let low = u64::from(self.nanoseconds);
        let logical = self.seconds <= LAST_LOGICAL_SECOND && low >> LOGICAL_BITS == 0;
        let high = self.seconds.wrapping_sub(i64::MIN).cast_unsigned();
        logical.then_some(high << LOGICAL_BITS | low)
    }

    pub(crate) fn seconds(self) -> i64 {
        self.seconds
    }

    pub(crate) fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// Twelve bytes that sort as the instants do.
    pub(crate) fn to_sortable(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let (seconds, nanoseconds) = bytes.split_at_mut(8);
        seconds.copy_from_slice(&(self.seconds ^ i64::MIN).to_be_bytes());
        nanoseconds.copy_from_slice(&self.nanoseconds.to_be_bytes());
        bytes
    }

    pub(crate) fn from_sortable(reader: &mut Reader<'_>) -> Result<Self, BytesError> {
        let seconds = i64::from_be_bytes(reader.array()?) ^ i64::MIN;
        let nanoseconds = u32::from_be_bytes(reader.array()?);
        Self::new(seconds, nanoseconds).ok_or(BytesError::Overlong)
    }

    pub(crate) fn encode(self, into: &mut Vec<u8>) {
        into.put_signed_varint(self.seconds);
        into.put_varint(u64::from(self.nanoseconds));
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, BytesError> {
        let seconds = reader.signed_varint()?;
        let nanoseconds = reader.varint_as()?;
        Self::new(seconds, nanoseconds).ok_or(BytesError::Overlong)
    }
}

/// Where an event stands in the order of results: by instant, then by sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) instant: Instant,
    pub(crate) sequence: u64,
}

impl Position {
    pub(crate) const MIN: Self = Self {
        instant: Instant::MIN,
        sequence: 0,
    };
    pub(crate) const MAX: Self = Self {
        instant: Instant::MAX,
        sequence: u64::MAX,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logical_times_sort_by_number_before_every_clock_time() {
        let times = [
            0,
            1,
            2,
            9,
            10,
            (1 << 29) - 1,
            1 << 29,
            1 << 40,
            u64::MAX - 1,
            u64::MAX,
        ];
        let instants = times.map(Instant::logical);
        assert!(instants.is_sorted());
        for (time, instant) in times.into_iter().zip(instants) {
            assert_eq!(instant.as_logical(), Some(time));
            assert!(instant < Instant::new(EARLIEST_CLOCK_SECOND, 0).unwrap());
        }
        assert_eq!(Instant::MIN.as_logical(), Some(0));
        for second in [EARLIEST_CLOCK_SECOND, 0, 253_402_300_799] {
            assert_eq!(Instant::new(second, 5).unwrap().as_logical(), None);
        }
        assert_eq!(
            Instant::new(i64::MIN, 999_999_999).unwrap().as_logical(),
            None
        );
    }

    #[test]
    fn sortable_bytes_sort_as_instants_do() {
        let mut instants = vec![Instant::MIN, Instant::MAX];
        for seconds in [-62_167_219_200, -1, 0, 1, 253_402_300_799] {
            for nanoseconds in [0, 1, 999_999_999] {
                instants.push(Instant::new(seconds, nanoseconds).unwrap());
            }
        }
        let mut by_bytes = instants.clone();
        instants.sort();
        by_bytes.sort_by_key(|instant| instant.to_sortable());
        assert_eq!(instants, by_bytes);
        for instant in instants {
            let sortable = instant.to_sortable();
            assert_eq!(
                Instant::from_sortable(&mut Reader::new(&sortable)),
                Ok(instant)
            );
            let mut bytes = Vec::new();
            instant.encode(&mut bytes);
            assert_eq!(Instant::decode(&mut Reader::new(&bytes)), Ok(instant));
        }
        assert_eq!(Instant::new(0, 1_000_000_000), None);
    }
}
