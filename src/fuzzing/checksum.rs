//! Bytes with their checksum made right, and numbers out of bytes.

use std::ops::Range;

pub(super) const LOG_ID: [u8; 16] = [7; 16];

/// The bytes with the CRC32C of `covered` at `place`; as they are, if they are too short.
pub(super) fn with_checksum(
    bytes: &[u8],
    place: usize,
    covered: Range<usize>,
    seed: u32,
) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let crc = bytes
        .get(covered)
        .map(|covered| crc32c::crc32c_append(seed, covered));
    if let (Some(crc), Some(stored)) = (crc, bytes.get_mut(place..place + 4)) {
        stored.copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

pub(super) fn number(bytes: &[u8], place: usize) -> u64 {
    let mut number = [0; 8];
    for (to, from) in number.iter_mut().zip(bytes.iter().skip(place)) {
        *to = *from;
    }
    u64::from_le_bytes(number)
}
