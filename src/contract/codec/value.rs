//! JSON values as stored bytes. The tags are specified in the module above.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use serde_json::{Map, Number, Value};

use super::derived::text;
use super::maps::DUPLICATE_KEY;

/// How deep arrays and objects may nest in a stored JSON value. A scalar has depth 0.
///
/// By default `serde_json` reads no deeper, so a value that came from JSON text fits.
pub const MAX_JSON_DEPTH: usize = 128;

/// What encoder and decoder say about a value that nests too deep.
pub(super) const TOO_DEEP: &str = "a JSON value nests too deep";

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const UNSIGNED: u8 = 3;
const SIGNED: u8 = 4;
const FLOAT: u8 = 5;
const NUMBER_TEXT: u8 = 6;
const STRING: u8 = 7;
const ARRAY: u8 = 8;
const OBJECT: u8 = 9;

/// Writes `0`, or `1` and the value.
#[expect(clippy::ref_option, reason = "a field is given as it is")]
pub(crate) fn encode_optional<E: Encoder>(
    value: &Option<Value>,
    encoder: &mut E,
) -> Result<(), EncodeError> {
    value.is_some().encode(encoder)?;
    match value {
        Some(value) => encode(value, MAX_JSON_DEPTH, encoder),
        None => Ok(()),
    }
}

/// Reads what [`encode_optional`] wrote.
pub(crate) fn decode_optional<D: Decoder>(decoder: &mut D) -> Result<Option<Value>, DecodeError> {
    bool::decode(decoder)?
        .then(|| decode(MAX_JSON_DEPTH, decoder))
        .transpose()
}

/// `levels` is how many arrays and objects may still be entered.
fn encode<E: Encoder>(value: &Value, levels: usize, encoder: &mut E) -> Result<(), EncodeError> {
    match value {
        Value::Null => NULL.encode(encoder),
        Value::Bool(false) => FALSE.encode(encoder),
        Value::Bool(true) => TRUE.encode(encoder),
        Value::Number(number) => encode_number(number, encoder),
        Value::String(text) => {
            STRING.encode(encoder)?;
            text.encode(encoder)
        }
        Value::Array(items) => {
            let levels = levels.checked_sub(1).ok_or(EncodeError::Other(TOO_DEEP))?;
            ARRAY.encode(encoder)?;
            items.len().encode(encoder)?;
            items
                .iter()
                .try_for_each(|item| encode(item, levels, encoder))
        }
        Value::Object(members) => {
            let levels = levels.checked_sub(1).ok_or(EncodeError::Other(TOO_DEEP))?;
            OBJECT.encode(encoder)?;
            members.len().encode(encoder)?;
            // Sorted already, unless a crate turned on `preserve_order` of serde_json.
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|&(key, _)| key);
            sorted.into_iter().try_for_each(|(key, value)| {
                key.encode(encoder)?;
                encode(value, levels, encoder)
            })
        }
    }
}

/// Takes the first form that gives the very same number back. With `arbitrary_precision` a number
/// is its text, and `0.10` is not `0.1`.
fn encode_number<E: Encoder>(number: &Number, encoder: &mut E) -> Result<(), EncodeError> {
    let is_same = |candidate: Number| candidate == *number;
    if let Some(unsigned) = number.as_u64().filter(|&n| is_same(n.into())) {
        UNSIGNED.encode(encoder)?;
        unsigned.encode(encoder)
    } else if let Some(signed) = number.as_i64().filter(|&n| is_same(n.into())) {
        SIGNED.encode(encoder)?;
        signed.encode(encoder)
    } else if let Some(float) = number
        .as_f64()
        .filter(|&n| Number::from_f64(n).is_some_and(is_same))
    {
        FLOAT.encode(encoder)?;
        float.encode(encoder)
    } else {
        NUMBER_TEXT.encode(encoder)?;
        number.to_string().encode(encoder)
    }
}

fn decode<D: Decoder>(levels: usize, decoder: &mut D) -> Result<Value, DecodeError> {
    match u8::decode(decoder)? {
        NULL => Ok(Value::Null),
        FALSE => Ok(Value::Bool(false)),
        TRUE => Ok(Value::Bool(true)),
        UNSIGNED => Ok(Value::Number(u64::decode(decoder)?.into())),
        SIGNED => Ok(Value::Number(i64::decode(decoder)?.into())),
        FLOAT => {
            let float = f64::decode(decoder)?;
            let number = Number::from_f64(float);
            number
                .map(Value::Number)
                .ok_or_else(|| DecodeError::OtherString(format!("{float} is not a JSON number")))
        }
        NUMBER_TEXT => {
            let text = text(decoder)?;
            let number = text.parse().map(Value::Number);
            number.map_err(|error| {
                DecodeError::OtherString(format!("{text:?} is not a JSON number: {error}"))
            })
        }
        STRING => Ok(Value::String(text(decoder)?)),
        ARRAY => decode_array(levels, decoder),
        OBJECT => decode_object(levels, decoder),
        tag => Err(DecodeError::OtherString(format!(
            "a JSON value has tag {tag}, expected 0 to {OBJECT}"
        ))),
    }
}

fn decode_array<D: Decoder>(levels: usize, decoder: &mut D) -> Result<Value, DecodeError> {
    let levels = levels.checked_sub(1).ok_or(DecodeError::Other(TOO_DEEP))?;
    let len = usize::decode(decoder)?;
    decoder.claim_container_read::<Value>(len)?;
    let mut items = Vec::with_capacity(len);
    for _ in 0..len {
        decoder.unclaim_bytes_read(size_of::<Value>());
        items.push(decode(levels, decoder)?);
    }
    Ok(Value::Array(items))
}

fn decode_object<D: Decoder>(levels: usize, decoder: &mut D) -> Result<Value, DecodeError> {
    let levels = levels.checked_sub(1).ok_or(DecodeError::Other(TOO_DEEP))?;
    let len = usize::decode(decoder)?;
    decoder.claim_container_read::<(String, Value)>(len)?;
    let mut members = Map::new();
    for _ in 0..len {
        decoder.unclaim_bytes_read(size_of::<(String, Value)>());
        let key = text(decoder)?;
        let value = decode(levels, decoder)?;
        if members.insert(key, value).is_some() {
            return Err(DecodeError::Other(DUPLICATE_KEY));
        }
    }
    Ok(Value::Object(members))
}
