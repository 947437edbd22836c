//! What the derives of the contract's types take for bincode: its traits, but for the one by which they read.
//!
//! bincode reads a `String` into zeroed memory, which glibc's allocator has no fast path for, and copies over the zeros.
//! An envelope has some ten strings, and allocating them takes most of the time of decoding it. Here a text, but
//! for those in maps, is copied once. The bytes are the same, and so are those that are refused.

use std::any::type_name;

use bincode::de::read::Reader;

pub(crate) use bincode::{Decode, Encode, enc, error};

use de::{BorrowDecoder, Decoder};
use error::{AllowedEnumVariants, DecodeError};

/// The paths that the derives write.
pub(crate) mod de {
    pub(crate) use bincode::de::{BorrowDecoder, Decoder};
}

/// As bincode's trait of this name, which `String` implements already.
pub(crate) trait BorrowDecode<'de, Context>: Sized {
    fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError>;
}

/// Reads what bincode writes for a `String`.
pub(super) fn text<D: Decoder>(decoder: &mut D) -> Result<String, DecodeError> {
    let length = length(decoder)?;
    decoder.claim_container_read::<u8>(length)?;
    let bytes = if let Some(bytes) = decoder.reader().peek_read(length) {
        let bytes = bytes.to_vec();
        decoder.reader().consume(length);
        bytes
    } else {
        // Too few, or of a reader that cannot look ahead.
        let mut bytes = vec![0; length];
        decoder.reader().read(&mut bytes)?;
        bytes
    };
    // Checked where it was copied to, which is aligned: std checks that sooner.
    String::from_utf8(bytes).map_err(|error| DecodeError::Utf8 {
        inner: error.utf8_error(),
    })
}

fn length<D: Decoder>(decoder: &mut D) -> Result<usize, DecodeError> {
    let length = u64::decode(decoder)?;
    usize::try_from(length).map_err(|_| DecodeError::OutsideUsizeRange(length))
}

impl<'de, Context> BorrowDecode<'de, Context> for String {
    fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        text(decoder)
    }
}

impl<'de, Context, T: BorrowDecode<'de, Context>> BorrowDecode<'de, Context> for Option<T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        match u8::decode(decoder)? {
            0 => Ok(None),
            1 => T::borrow_decode(decoder).map(Some),
            found => Err(DecodeError::UnexpectedVariant {
                type_name: type_name::<Self>(),
                allowed: &AllowedEnumVariants::Range { min: 0, max: 1 },
                found: found.into(),
            }),
        }
    }
}

impl<'de, Context, T: BorrowDecode<'de, Context>> BorrowDecode<'de, Context> for Vec<T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        let length = length(decoder)?;
        decoder.claim_container_read::<T>(length)?;
        let mut items = Self::with_capacity(length);
        for _ in 0..length {
            // Each claims what it reads.
            decoder.unclaim_bytes_read(size_of::<T>());
            items.push(T::borrow_decode(decoder)?);
        }
        Ok(items)
    }
}

macro_rules! as_bincode_reads {
    ($($number:ty),+) => {$(
        impl<'de, Context> BorrowDecode<'de, Context> for $number {
            fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, DecodeError> {
                Self::decode(decoder)
            }
        }
    )+};
}

as_bincode_reads!(bool, u64, usize, f32, f64);

/// Implements both traits for a struct that the derive cannot do, whose fields are read in this order: a field, or a
/// field and the function that reads it.
macro_rules! read_in_order {
    ($struct:ident { $($field:ident $(: $read:path)?),+ $(,)? }) => {
        impl<Context> bincode::Decode<Context> for $struct {
            fn decode<D: bincode::de::Decoder<Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                // A struct expression evaluates its fields in the order they are written.
                Ok(Self {
                    $($field: $crate::contract::codec::derived::read_in_order!(
                        @ decoder, bincode::Decode::decode $(, $read)?
                    ),)+
                })
            }
        }

        impl<'de, Context> $crate::contract::codec::derived::BorrowDecode<'de, Context> for $struct {
            fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                Ok(Self {
                    $($field: $crate::contract::codec::derived::read_in_order!(
                        @ decoder, $crate::contract::codec::derived::BorrowDecode::borrow_decode $(, $read)?
                    ),)+
                })
            }
        }
    };
    (@ $decoder:ident, $usual:path) => { $usual($decoder)? };
    (@ $decoder:ident, $usual:path, $read:path) => { $read($decoder)? };
}
pub(crate) use read_in_order;
