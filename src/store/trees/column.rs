//! A column of a block's table: a number of each event, in as many bytes as all of them need, so that any of them is
//! read without the others.
//!
//! # Format
//!
//! ```text
//! head:    shape u8: bytes of a value (0 to 8), and 16 × the power of ten (0 to 9) | the least number, signed varint
//! value:   so many bytes, little-endian: (number − least) ÷ power of ten
//! ```
//!
//! A row holds the values of all columns, one after the other: what is asked of one event lies together.

use super::super::bytes::{BytesError, Put, Reader};

/// What times are often rounded to: a second, in nanoseconds, at the most.
const MAX_EXPONENT: u32 = 9;
/// The powers of ten, up to [`MAX_EXPONENT`].
const UNITS: [u64; 1 + MAX_EXPONENT as usize] = [
    1,
    10,
    100,
    1000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];
/// Bytes of a head, at the most.
pub(crate) const MAX_HEAD: usize = 11;
/// Bytes of a value, at the most.
pub(crate) const MAX_VALUE: usize = 8;

/// How the numbers of a column are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    least: i64,
    exponent: u32,
    width: usize,
}

impl Shape {
    /// The one in which these numbers take the fewest bytes.
    pub(crate) fn of(numbers: impl Iterator<Item = i64> + Clone) -> Self {
        let least = numbers.clone().min().unwrap_or_default();
        let steps = numbers.map(|number| number.wrapping_sub(least).cast_unsigned());
        let most = steps.clone().max().unwrap_or_default();
        if most == 0 {
            // All the same: no value needs to be told.
            return Self {
                least,
                exponent: 0,
                width: 0,
            };
        }
        let divides = |exponent: &u32| {
            let mut steps = steps.clone();
            steps.all(|step| step.is_multiple_of(10_u64.pow(*exponent)))
        };
        let exponent = (0..=MAX_EXPONENT).take_while(divides).last();
        let exponent = exponent.unwrap_or_default();
        let bits = u64::BITS - (most / 10_u64.pow(exponent)).leading_zeros();
        Self {
            least,
            exponent,
            width: bits.div_ceil(8) as usize,
        }
    }

    /// Appends the head.
    pub(crate) fn put_head(&self, into: &mut Vec<u8>) {
        let narrow = |number: u32| u8::try_from(number).unwrap_or_default();
        into.put_u8(narrow(self.exponent << 4) | u8::try_from(self.width).unwrap_or_default());
        into.put_signed_varint(self.least);
    }

    /// Appends the value of a number.
    pub(crate) fn put_value(&self, number: i64, into: &mut Vec<u8>) {
        let step = number.wrapping_sub(self.least).cast_unsigned();
        let value = (step / 10_u64.pow(self.exponent)).to_le_bytes();
        into.put(value.get(..self.width).unwrap_or_default());
    }
}

/// Where a column's values lie, and what they are told against.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Column {
    least: i64,
    start: u16,
    stride: u8,
    width: u8,
    exponent: u8,
}

impl Column {
    /// Reads a head. Where the values lie is still to be said.
    pub(crate) fn parse(reader: &mut Reader<'_>) -> Result<Self, BytesError> {
        let shape = reader.u8()?;
        let (width, exponent) = (shape & 0x0f, shape >> 4);
        if usize::from(width) > MAX_VALUE || u32::from(exponent) > MAX_EXPONENT {
            return Err(BytesError::Overlong);
        }
        Ok(Self {
            least: reader.signed_varint()?,
            start: 0,
            stride: 0,
            width,
            exponent,
        })
    }

    /// Bytes of a value.
    pub(crate) fn width(&self) -> u8 {
        self.width
    }

    /// Says that the first value starts here, and the others each so many bytes later.
    pub(crate) fn place(&mut self, start: u16, stride: u8) {
        (self.start, self.stride) = (start, stride);
    }

    /// The number at a place in the column; `bytes` are those that the values lie in.
    #[inline]
    pub(crate) fn get(&self, bytes: &[u8], place: usize) -> Result<i64, BytesError> {
        let width = usize::from(self.width);
        let rest = bytes.get(usize::from(self.start) + usize::from(self.stride) * place..);
        let rest = rest.unwrap_or_default();
        let value = if let Some(eight) = rest.first_chunk() {
            let others = u64::BITS - u32::from(self.width) * 8;
            let mask = u64::MAX.checked_shr(others).unwrap_or_default();
            u64::from_le_bytes(*eight) & mask
        } else {
            let value = Reader::new(rest).take(width)?;
            let mut eight = [0; MAX_VALUE];
            eight
                .iter_mut()
                .zip(value)
                .for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(eight)
        };
        let unit = UNITS.get(usize::from(self.exponent)).copied();
        let step = value.wrapping_mul(unit.unwrap_or(1)).cast_signed();
        Ok(self.least.wrapping_add(step))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(numbers: &[i64]) -> (Vec<u8>, Vec<u8>) {
        let (mut heads, mut values) = (Vec::new(), Vec::new());
        let shape = Shape::of(numbers.iter().copied());
        shape.put_head(&mut heads);
        for number in numbers {
            shape.put_value(*number, &mut values);
        }
        (heads, values)
    }

    fn read(numbers: &[i64]) -> Vec<i64> {
        let (heads, values) = encoded(numbers);
        let mut reader = Reader::new(&heads);
        let mut column = Column::parse(&mut reader).unwrap();
        assert_eq!(reader.left(), 0);
        column.place(0, column.width());
        let all = 0..numbers.len();
        all.map(|place| column.get(&values, place).unwrap())
            .collect()
    }

    #[test]
    fn a_column_takes_no_more_than_its_numbers_need() {
        for (numbers, head, values) in [
            (vec![], vec![0, 0], vec![]),
            (vec![7, 7, 7], vec![0, 14], vec![]),
            (vec![-1, 254], vec![1, 1], vec![0, 255]),
            (vec![0, 256], vec![2, 0], vec![0, 0, 0, 1]),
            (vec![5, 2_000_005], vec![0x61, 10], vec![0, 2]),
            (vec![0, 30_000_000_000], vec![0x91, 0], vec![0, 30]),
        ] {
            assert_eq!(encoded(&numbers), (head, values), "{numbers:?}");
            assert_eq!(read(&numbers), numbers);
        }
    }

    #[test]
    fn a_shape_that_none_has_is_refused() {
        for shape in [0x09, 0x0f, 0xa0, 0xff] {
            assert!(Column::parse(&mut Reader::new(&[shape, 0])).is_err());
        }
        assert!(Column::parse(&mut Reader::new(&[1])).is_err());
        let mut column = Column::parse(&mut Reader::new(&[2, 0])).unwrap();
        column.place(0, 2);
        assert!(column.get(&[1, 2], 1).is_err());
    }

    proptest! {
        #[test]
        fn numbers_come_back(
            numbers in prop::collection::vec(any::<i64>(), 0..70),
            unit in prop::sample::select(vec![1_i64, 10, 1000, 1_000_000, 10_000_000_000]),
        ) {
            prop_assert_eq!(read(&numbers), &numbers[..]);
            let rounded: Vec<_> = numbers.iter().map(|number| number / unit * unit).collect();
            prop_assert_eq!(read(&rounded), rounded);
            let small: Vec<_> = numbers.iter().map(|number| number % 1000 * unit).collect();
            prop_assert_eq!(read(&small), small);
        }
    }
}
