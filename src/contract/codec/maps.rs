//! Hash maps in a fixed order, as stored bytes and as JSON.
//!
//! A `HashMap` iterates in random order; the same event must always give the same bytes.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use serde::{Serialize, Serializer};

/// What the decoder says about a key that occurs twice.
pub(super) const DUPLICATE_KEY: &str = "a map has the same key twice";

/// A key with a fixed order. The contract's enums have no `Ord`, and need none outside.
pub(crate) trait CanonicalKey {
    fn canonical_cmp(&self, other: &Self) -> Ordering;
}

impl CanonicalKey for String {
    fn canonical_cmp(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

/// Writes the count, then the entries sorted by key.
pub(crate) fn encode<K, V, E>(map: &HashMap<K, V>, encoder: &mut E) -> Result<(), EncodeError>
where
    K: CanonicalKey + Encode,
    V: Encode,
    E: Encoder,
{
    map.len().encode(encoder)?;
    for (key, value) in sorted(map) {
        key.encode(encoder)?;
        value.encode(encoder)?;
    }
    Ok(())
}

/// Reads what [`encode`] wrote, in any order, refusing a key that occurs twice.
pub(crate) fn decode<K, V, D>(decoder: &mut D) -> Result<HashMap<K, V>, DecodeError>
where
    K: Decode<D::Context> + Eq + Hash,
    V: Decode<D::Context>,
    D: Decoder,
{
    let len = usize::decode(decoder)?;
    decoder.claim_container_read::<(K, V)>(len)?;
    // Grows as entries arrive: a table takes more room than its entries, which were claimed.
    let mut map = HashMap::new();
    for _ in 0..len {
        decoder.unclaim_bytes_read(size_of::<(K, V)>());
        let key = K::decode(decoder)?;
        let value = V::decode(decoder)?;
        if map.insert(key, value).is_some() {
            return Err(DecodeError::Other(DUPLICATE_KEY));
        }
    }
    Ok(map)
}

/// For `#[serde(serialize_with)]`: the same JSON object, its members sorted by key.
pub(crate) fn serialize_sorted<K, V, S>(
    map: &HashMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error>
where
    K: CanonicalKey + Serialize,
    V: Serialize,
    S: Serializer,
{
    serializer.collect_map(sorted(map))
}

fn sorted<K: CanonicalKey, V>(map: &HashMap<K, V>) -> Vec<(&K, &V)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by(|(a, _), (b, _)| a.canonical_cmp(b));
    entries
}
