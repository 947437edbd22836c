//! Envelope to bytes, and back.

use bincode::config;
use bincode::de::read::{Reader, SliceReader};
use bincode::de::{Decoder, DecoderImpl};
use bincode::enc::write::Writer;
use bincode::enc::{Encode, EncoderImpl};
use bincode::error::EncodeError;

use super::derived::BorrowDecode;
use super::error::{CodecAction, CodecError};
use crate::contract::experience_store::ExperienceEventEnvelope;

/// The most bytes that decoding one envelope may claim: 64 MiB.
pub const DECODE_LIMIT: usize = 64 << 20;

/// Decoding claims at most this many bytes for a byte of input. The worst is an array of `null`,
/// where one byte becomes a whole value in memory.
const MAX_CLAIM_PER_BYTE: usize = 128;

/// Inputs up to these lengths decode under a limit of their own. The limit is a type parameter of
/// bincode, so it comes in steps; anything longer decodes under [`DECODE_LIMIT`].
const SMALL: usize = 2 << 10;
const MEDIUM: usize = 64 << 10;
const SMALL_LIMIT: usize = SMALL * MAX_CLAIM_PER_BYTE;
const MEDIUM_LIMIT: usize = MEDIUM * MAX_CLAIM_PER_BYTE;

/// Up to here no bytes that were honestly encoded can claim more than [`DECODE_LIMIT`].
const ALWAYS_DECODABLE: usize = DECODE_LIMIT / MAX_CLAIM_PER_BYTE;

const _: () = {
    assert!(MEDIUM_LIMIT <= DECODE_LIMIT);
    assert!(MEDIUM <= ALWAYS_DECODABLE);
    assert!(size_of::<serde_json::Value>() <= MAX_CLAIM_PER_BYTE);
    // An entry takes two bytes at least.
    assert!(size_of::<(String, serde_json::Value)>() <= 2 * MAX_CLAIM_PER_BYTE);
};

/// A typical envelope takes some 300 bytes.
const TYPICAL_LENGTH: usize = 512;

/// The stored bytes of `envelope`; the same envelope always gives the same bytes.
///
/// # Errors
///
/// [`CodecError::TooDeep`] if its structured payload nests deeper than
/// [`MAX_JSON_DEPTH`](super::MAX_JSON_DEPTH), [`CodecError::TooLarge`] if it is so large that
/// [`decode`] would refuse it.
///
/// ```
/// use experience_log::codec;
/// use experience_log::experience_store::{ExperienceEvent, ExperienceEventEnvelope};
///
/// let event = ExperienceEvent::BudgetExceeded {
///     chain_id: "c".into(),
///     resource: "r".into(),
///     limit: "1".into(),
///     observed: None,
/// };
/// let envelope = ExperienceEventEnvelope::new("e", event).with_timestamp("t");
/// let bytes = codec::encode(&envelope)?;
/// assert_eq!(bytes, b"\x01e\x01t\0\0\x0a\x01c\x01r\x011\0");
/// assert_eq!(codec::decode(&bytes)?, envelope);
/// # Ok::<(), codec::CodecError>(())
/// ```
pub fn encode(envelope: &ExperienceEventEnvelope) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(TYPICAL_LENGTH);
    encode_into(envelope, &mut bytes, [])?;
    Ok(bytes)
}

/// Appends the stored bytes of `envelope`, and says where in them its `texts` stand: strings of the envelope
/// itself, known again by their address.
pub(crate) fn encode_into<const TEXTS: usize>(
    envelope: &ExperienceEventEnvelope,
    into: &mut Vec<u8>,
    texts: [Option<&str>; TEXTS],
) -> Result<[Option<u32>; TEXTS], CodecError> {
    let start = into.len();
    let tracker = Tracker {
        into,
        start,
        texts,
        found: [None; TEXTS],
    };
    let mut encoder = EncoderImpl::new(tracker, config::standard());
    envelope
        .encode(&mut encoder)
        .map_err(|error| CodecError::from_encode(error, &envelope.event_id))?;
    let found = encoder.into_writer().found;
    let bytes = into.get(start..).unwrap_or_default();
    if bytes.len() > ALWAYS_DECODABLE {
        ensure_decodable(bytes)?;
    }
    Ok(found)
}

/// Notes where some strings end up, unless they are so short that looking for them costs less than noting.
struct Tracker<'a, const TEXTS: usize> {
    into: &'a mut Vec<u8>,
    start: usize,
    texts: [Option<&'a str>; TEXTS],
    found: [Option<u32>; TEXTS],
}

impl<const TEXTS: usize> Writer for Tracker<'_, TEXTS> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        // Most of what is written is a count or a flag, of one byte.
        if bytes.len() > 1 {
            for (text, found) in self.texts.iter().zip(&mut self.found) {
                let same =
                    |text: &str| text.as_ptr() == bytes.as_ptr() && text.len() == bytes.len();
                if found.is_none() && text.is_some_and(same) {
                    *found = u32::try_from(self.into.len() - self.start).ok();
                }
            }
        }
        self.into.extend_from_slice(bytes);
        Ok(())
    }
}

/// What is written must be readable: for large envelopes only reading them tells.
fn ensure_decodable(bytes: &[u8]) -> Result<(), CodecError> {
    match decode(bytes) {
        Ok(_) => Ok(()),
        Err(CodecError::TooLarge { found, limit, .. }) => Err(CodecError::TooLarge {
            action: CodecAction::Encode,
            found,
            limit,
        }),
        Err(other) => Err(other),
    }
}

/// The envelope that `bytes` hold, all of them.
///
/// # Errors
///
/// [`CodecError`] says what is wrong with the bytes: they end too early, go on after the envelope,
/// claim more memory than they may, nest too deep, or hold what no envelope has. No input makes
/// it panic.
pub fn decode(bytes: &[u8]) -> Result<ExperienceEventEnvelope, CodecError> {
    decode_then(bytes, |envelope| envelope, |error| error)
}

/// As [`decode`], for a caller that has a place for the envelope and an error of its own: an envelope is large, and each
/// change of a result's type would copy it once more.
pub(crate) fn decode_then<T, E>(
    bytes: &[u8],
    then: impl FnOnce(ExperienceEventEnvelope) -> T,
    fail: impl FnOnce(CodecError) -> E,
) -> Result<T, E> {
    if bytes.len() <= SMALL {
        decode_within::<SMALL_LIMIT, T, E>(bytes, then, fail)
    } else if bytes.len() <= MEDIUM {
        decode_within::<MEDIUM_LIMIT, T, E>(bytes, then, fail)
    } else {
        decode_within::<DECODE_LIMIT, T, E>(bytes, then, fail)
    }
}

pub(super) fn decode_within<const LIMIT: usize, T, E>(
    bytes: &[u8],
    then: impl FnOnce(ExperienceEventEnvelope) -> T,
    fail: impl FnOnce(CodecError) -> E,
) -> Result<T, E> {
    let found = bytes.len();
    let config = config::standard().with_limit::<LIMIT>();
    let mut decoder = DecoderImpl::new(SliceReader::new(bytes), config, ());
    match ExperienceEventEnvelope::borrow_decode(&mut decoder) {
        Ok(envelope) if decoder.reader().peek_read(1).is_none() => Ok(then(envelope)),
        Ok(_) => {
            let mut left = 0;
            while decoder.reader().peek_read(left + 1).is_some() {
                left += 1;
            }
            let expected = found - left;
            Err(fail(CodecError::TrailingBytes { expected, found }))
        }
        Err(error) => Err(fail(CodecError::from_decode(error, found, LIMIT))),
    }
}
