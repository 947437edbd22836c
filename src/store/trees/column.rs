//! A column of a block's table: one number of each event, any of which is read without the others.
//!
//! # Format
//!
//! ```text
//! head:    shape u8: bytes of a value (0 to 8), and 16 × the power of ten (0 to 9) | the least number, signed varint
//! values:  so many bytes of each, little-endian: (number − least) ÷ power of ten
//! ```

use super::super::bytes::{BytesError, Put, Reader};

/// What times are often rounded to: a second, in nanoseconds, at the most.
const MAX_EXPONENT: u32 = 9;
/// Bytes of a head, at the most.
pub(crate) const MAX_HEAD: usize = 11;
/// Bytes of a value, at the most.
pub(crate) const MAX_VALUE: usize = 8;

/// Appends a column of these numbers: the head to `heads`, the rest to `values`.
pub(crate) fn encode(
    numbers: impl Iterator<Item = i64> + Clone,
    heads: &mut Vec<u8>,
    values: &mut Vec<u8>,
) {
    let least = numbers.clone().min().unwrap_or_default();
    let steps = numbers.map(|number| number.wrapping_sub(least).cast_unsigned());
    let divides = |exponent: &u32| {
        let mut steps = steps.clone();
        steps.all(|step| step.is_multiple_of(10_u64.pow(*exponent)))
    };
    let exponent = (0..=MAX_EXPONENT).take_while(divides).last();
    let most = steps.clone().max().unwrap_or_default();
    // All the same: no value needs to be told.
    let exponent = exponent.filter(|_| most > 0).unwrap_or_default();
    let unit = 10_u64.pow(exponent);
    let bits = u64::BITS - (most / unit).leading_zeros();
    let width = bits.div_ceil(8) as usize;
    heads.put_u8(
        u8::try_from(width).unwrap_or_default() | u8::try_from(exponent << 4).unwrap_or_default(),
    );
    heads.put_signed_varint(least);
    for step in steps {
        let value = (step / unit).to_le_bytes();
        values.put(value.get(..width).unwrap_or_default());
    }
}

/// Where a column's values lie, and what they are told against.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Column {
    start: usize,
    width: usize,
    mask: u64,
    unit: u64,
    least: i64,
}

impl Column {
    /// Reads a head. Where the values lie is still to be said.
    pub(crate) fn parse(reader: &mut Reader<'_>) -> Result<Self, BytesError> {
        let shape = reader.u8()?;
        let (width, exponent) = (usize::from(shape & 0x0f), u32::from(shape >> 4));
        if width > MAX_VALUE || exponent > MAX_EXPONENT {
            return Err(BytesError::Overlong);
        }
        let bits = u32::try_from(width * 8).unwrap_or(u64::BITS);
        Ok(Self {
            start: 0,
            width,
            mask: u64::MAX.checked_shr(u64::BITS - bits).unwrap_or_default(),
            unit: 10_u64.pow(exponent),
            least: reader.signed_varint()?,
        })
    }

    /// Says that the values, so many, start here, and gives where they end.
    pub(crate) fn place(&mut self, start: usize, count: usize) -> usize {
        self.start = start;
        start + self.width * count
    }

    /// The number at a place in the column; `bytes` are those that the values lie in.
    #[inline]
    pub(crate) fn get(&self, bytes: &[u8], place: usize) -> Result<i64, BytesError> {
        let start = self.start + self.width * place;
        let rest = bytes.get(start..).unwrap_or_default();
        let value = if let Some(eight) = rest.first_chunk() {
            u64::from_le_bytes(*eight) & self.mask
        } else {
            let mut reader = Reader::new(rest);
            let mut eight = [0; MAX_VALUE];
            let value = reader.take(self.width)?;
            eight
                .iter_mut()
                .zip(value)
                .for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(eight)
        };
        let step = value.wrapping_mul(self.unit).cast_signed();
        Ok(self.least.wrapping_add(step))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(numbers: &[i64]) -> (Vec<u8>, Vec<u8>) {
        let (mut heads, mut values) = (Vec::new(), Vec::new());
        encode(numbers.iter().copied(), &mut heads, &mut values);
        (heads, values)
    }

    fn read(numbers: &[i64]) -> Vec<i64> {
        let (heads, values) = encoded(numbers);
        let mut reader = Reader::new(&heads);
        let mut column = Column::parse(&mut reader).unwrap();
        assert_eq!(reader.left(), 0);
        assert_eq!(column.place(0, numbers.len()), values.len());
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
        let column = Column::parse(&mut Reader::new(&[2, 0])).unwrap();
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
