//! Reading and writing the primitives that all formats of the store are made of.
//!
//! Fixed integers are little-endian. A *varint* is LEB128: seven bits a byte, low bits first, at most ten
//! bytes. A signed varint is zigzag-coded first. Nothing here allocates by a length that it has read.

/// The input ended early, or holds a number that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BytesError {
    /// Fewer bytes are left than the field has.
    #[error("{needed} more bytes expected, {left} left")]
    Short { needed: usize, left: usize },
    /// A varint does not end, or is larger than its type.
    #[error("a number is longer than its type")]
    Overlong,
}

/// A cursor over bytes that came from disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The number of bytes not read yet.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], BytesError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(BytesError::Short {
                needed: length,
                left: self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], BytesError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(BytesError::Short {
                needed: N,
                left: self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, BytesError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, BytesError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, BytesError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, BytesError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, BytesError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, BytesError> {
        // Most numbers take one byte.
        match self.rest.split_first() {
            Some((byte, rest)) if byte & 0x80 == 0 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, BytesError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BytesError::Overlong)
    }

    /// A varint of a type narrower than 64 bits.
    #[inline]
    pub(crate) fn varint_as<T: TryFrom<u64>>(&mut self) -> Result<T, BytesError> {
        T::try_from(self.varint()?).map_err(|_| BytesError::Overlong)
    }

    #[inline]
    pub(crate) fn signed_varint(&mut self) -> Result<i64, BytesError> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()))
    }

    /// A varint length, then that many bytes.
    #[inline]
    pub(crate) fn prefixed(&mut self) -> Result<&'a [u8], BytesError> {
        let length = self.varint_as()?;
        self.take(length)
    }
}

/// Writes primitives to the end of a buffer.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.put(&value.to_le_bytes());
    }

    fn put_varint(&mut self, mut value: u64) {
        loop {
            let bits = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                return self.put_u8(bits);
            }
            self.put_u8(bits | 0x80);
        }
    }

    fn put_signed_varint(&mut self, value: i64) {
        self.put_varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn put_prefixed(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.put(bytes);
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            bytes.put_varint(value);
            bytes.put_signed_varint(value.cast_signed());
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.signed_varint(), Ok(value.cast_signed()));
            assert_eq!(reader.left(), 0);
        }
    }

    #[test]
    fn overlong_and_short_input_is_an_error() {
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(BytesError::Overlong));
        let mut ten = [0xff; 10];
        ten[9] = 2;
        assert_eq!(Reader::new(&ten).varint(), Err(BytesError::Overlong));
        assert_eq!(
            Reader::new(&[0x80]).varint(),
            Err(BytesError::Short { needed: 1, left: 0 })
        );
        assert_eq!(
            Reader::new(&[0xff, 0x03]).varint_as::<u8>(),
            Err(BytesError::Overlong)
        );
        assert_eq!(
            Reader::new(&[9, 1, 2]).prefixed(),
            Err(BytesError::Short { needed: 9, left: 2 })
        );
    }
}
