//! The stored bytes of an envelope.

use crate::contract::codec;

/// The stored bytes of an envelope.
pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = codec::decode(bytes) else {
        return;
    };
    // Compared as bytes: a number that is none is not equal to itself.
    let encoded = codec::encode(&envelope).unwrap();
    let again = codec::decode(&encoded).unwrap();
    assert_eq!(codec::encode(&again).unwrap(), encoded);
    let json = serde_json::to_string(&envelope).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
}
