//! What the derives of the contract's types take for bincode: its traits, but for the one by which they read; and what
//! stands for a derive where a field is stored otherwise.
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

/// Implements what the derives do for a struct that they cannot do, whose fields are stored in this order: a field, or a
/// field and the functions that write and read it.
macro_rules! stored_in_order {
    ($struct:ident { $($field:ident $(: ($write:path, $read:path))?),+ $(,)? }) => {
        impl bincode::Encode for $struct {
            fn encode<E: bincode::enc::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), bincode::error::EncodeError> {
                let Self { $($field),+ } = self;
                $($crate::contract::codec::derived::stored_in_order!(
                    @ [$field, encoder] bincode::Encode::encode $(, $write)?
                );)+
                Ok(())
            }
        }

        impl<Context> bincode::Decode<Context> for $struct {
            fn decode<D: bincode::de::Decoder<Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                // A struct expression evaluates its fields in the order they are written.
                Ok(Self {
                    $($field: $crate::contract::codec::derived::stored_in_order!(
                        @ [decoder] bincode::Decode::decode $(, $read)?
                    ),)+
                })
            }
        }

        impl<'de, Context> $crate::contract::codec::derived::BorrowDecode<'de, Context> for $struct {
            fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                Ok(Self {
                    $($field: $crate::contract::codec::derived::stored_in_order!(
                        @ [decoder] $crate::contract::codec::derived::BorrowDecode::borrow_decode $(, $read)?
                    ),)+
                })
            }
        }
    };
    (@ [$($given:ident),+] $usual:path) => { $usual($($given),+)? };
    (@ [$($given:ident),+] $usual:path, $own:path) => { $own($($given),+)? };
}
pub(crate) use stored_in_order;

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::super::envelope::decode_within;
    use super::super::error::CodecError;
    use crate::contract::experience_store::ExperienceEventEnvelope;
    use crate::contract::samples;

    /// Reads `bytes` as the log does and by bincode's own traits, which the types have as well: the stored bytes of what
    /// was read, or why not.
    fn read_both_ways<const LIMIT: usize>(bytes: &[u8]) -> [Result<Vec<u8>, String>; 2] {
        let trailing = || "trailing bytes".to_owned();
        let ours = match decode_within::<LIMIT, _, _>(bytes, |read| read, |error| error) {
            Ok(read) => Ok(encode(&read).unwrap()),
            Err(CodecError::TrailingBytes { .. }) => Err(trailing()),
            Err(error) => Err(error.to_string()),
        };
        let config = bincode::config::standard().with_limit::<LIMIT>();
        let theirs = match bincode::decode_from_slice::<ExperienceEventEnvelope, _>(bytes, config) {
            Ok((read, length)) if length == bytes.len() => Ok(encode(&read).unwrap()),
            Ok(_) => Err(trailing()),
            Err(error) => Err(CodecError::from_decode(error, bytes.len(), LIMIT).to_string()),
        };
        [ours, theirs]
    }

    #[test]
    fn bytes_are_read_and_refused_as_bincode_does() {
        let (mut read, mut refused) = (0, 0);
        for envelope in samples::envelopes() {
            let bytes = encode(&envelope).unwrap();
            let truncated = (0..=bytes.len()).map(|length| bytes[..length].to_vec());
            let changed = (0..bytes.len()).flat_map(|place| {
                [0x01, 0x10, 0x80, 0xff].map(|change| {
                    let mut changed = bytes.clone();
                    changed[place] ^= change;
                    changed
                })
            });
            for bytes in truncated.chain(changed) {
                let [ours, theirs] = read_both_ways::<{ 256 << 10 }>(&bytes);
                assert_eq!(ours, theirs);
                *(if ours.is_ok() {
                    &mut read
                } else {
                    &mut refused
                }) += 1;
            }
            // The limit is met at the same place.
            let narrow = [
                read_both_ways::<100>,
                read_both_ways::<200>,
                read_both_ways::<400>,
                read_both_ways::<800>,
                read_both_ways::<1600>,
            ];
            for [ours, theirs] in narrow.map(|read| read(&bytes)) {
                assert_eq!(ours, theirs);
            }
        }
        assert!(
            read > 1000 && refused > 1000,
            "{read} read, {refused} refused"
        );
    }

    /// A reader that cannot look ahead.
    #[test]
    fn bytes_are_read_from_a_stream() {
        for envelope in samples::envelopes() {
            let bytes = encode(&envelope).unwrap();
            let config = bincode::config::standard();
            let read: ExperienceEventEnvelope =
                bincode::decode_from_std_read(&mut bytes.as_slice(), config).unwrap();
            assert_eq!(encode(&read).unwrap(), bytes);
        }
    }
}
