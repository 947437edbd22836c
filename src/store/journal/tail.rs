//! What stands behind the last good frame of the last segment: nothing, a torn write, or damage.

use super::frame::{self, ALIGNMENT, ChecksumSeed, Frame, FrameHeader, MAGIC};

/// Looks in `bytes`, which start at a bad frame that should carry `sequence`, for proof that this frame was
/// once on stable storage: a later frame that says so. Returns how far behind it stands.
///
/// A crash may leave unsynced frames behind a torn one, so a later frame alone proves nothing. What is
/// searched may be a torn payload, made to look like many long frames: the search gives up, without a
/// proof, once it has checked several times what there is.
pub(crate) fn proof_of_sync(bytes: &[u8], seed: ChecksumSeed, sequence: u64) -> Option<usize> {
    let mut budget = bytes.len().saturating_mul(4);
    for offset in (ALIGNMENT..bytes.len()).step_by(ALIGNMENT) {
        let candidate = bytes.get(offset..).unwrap_or_default();
        if !candidate.starts_with(&MAGIC) {
            continue;
        }
        let later = frame::announced_sequence(candidate).is_some_and(|first| first > sequence);
        let Ok(body) = frame::announced_body(candidate) else {
            continue;
        };
        if !later || frame::frame_length(body) > candidate.len() {
            continue;
        }
        budget = budget.checked_sub(frame::frame_length(body))?;
        let proves = |frame: Frame<'_>| {
            let FrameHeader {
                first_sequence,
                synced,
                ..
            } = frame.header;
            first_sequence > sequence && synced > sequence && synced <= first_sequence
        };
        if Frame::parse_anywhere(candidate, seed).is_ok_and(proves) {
            return Some(offset);
        }
    }
    None
}

/// The number of bytes up to the last one that is not zero.
pub(crate) fn written_length(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::super::frame::{CHAIN_START, body_hash, encode};
    use super::*;

    fn seed() -> ChecksumSeed {
        ChecksumSeed::new(&[9; 16])
    }

    fn frame(first_sequence: u64, synced: u64) -> Vec<u8> {
        let header = FrameHeader {
            count: 1,
            first_sequence,
            recorded_at: 0,
            synced,
        };
        let mut bytes = Vec::new();
        encode(
            &header,
            b"x",
            &body_hash(b"x"),
            &CHAIN_START,
            seed(),
            &mut bytes,
        );
        bytes
    }

    #[test]
    fn only_a_later_frame_that_knows_of_a_sync_is_proof() {
        let torn = [0xff; 64];
        assert_eq!(proof_of_sync(&torn, seed(), 5), None);
        assert_eq!(
            proof_of_sync(&[&torn[..], &frame(6, 5)].concat(), seed(), 5),
            None
        );
        assert_eq!(
            proof_of_sync(&[&torn[..], &frame(6, 6)].concat(), seed(), 5),
            Some(64)
        );
        assert_eq!(
            proof_of_sync(&[&torn[..], &frame(6, 5), &frame(7, 6)].concat(), seed(), 5),
            Some(64 + frame(6, 5).len())
        );
        // A stale frame of an earlier time proves nothing.
        assert_eq!(
            proof_of_sync(&[&torn[..], &frame(4, 4)].concat(), seed(), 5),
            None
        );
    }

    #[test]
    fn a_payload_of_fake_frames_is_searched_in_bounded_time() {
        // Each looks like a frame that takes nearly all that follows.
        let length = 1 << 20;
        let mut bytes = vec![0; length];
        for offset in (8..length - 256).step_by(64) {
            let body = u32::try_from(length - offset - 128).unwrap_or(0);
            bytes[offset..offset + 4].copy_from_slice(&MAGIC);
            bytes[offset + 8..offset + 12].copy_from_slice(&body.to_le_bytes());
            bytes[offset + 16..offset + 24].copy_from_slice(&u64::MAX.to_le_bytes());
        }
        assert_eq!(proof_of_sync(&bytes, seed(), 5), None);
    }

    #[test]
    fn zeros_are_not_written() {
        assert_eq!(written_length(&[0; 9]), 0);
        assert_eq!(written_length(&[0, 3, 0]), 2);
    }
}
