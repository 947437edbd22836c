//! What stands behind the last good frame of the last segment: nothing, a torn write, or damage.

use super::frame::{ALIGNMENT, ChecksumSeed, Frame, MAGIC};

/// Looks in `bytes`, which start at a bad frame that should carry `sequence`, for proof that this frame was
/// once on stable storage: a later frame that says so. Returns how far behind it stands.
///
/// A crash may leave unsynced frames behind a torn one, so a later frame alone proves nothing.
pub(crate) fn proof_of_sync(bytes: &[u8], seed: ChecksumSeed, sequence: u64) -> Option<usize> {
    (ALIGNMENT..bytes.len()).step_by(ALIGNMENT).find(|offset| {
        let Some(candidate) = bytes.get(*offset..) else {
            return false;
        };
        if !candidate.starts_with(&MAGIC) {
            return false;
        }
        Frame::parse_anywhere(candidate, seed).is_ok_and(|frame| {
            frame.header.first_sequence > sequence
                && frame.header.synced > sequence
                && frame.header.synced <= frame.header.first_sequence
        })
    })
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
    use super::super::frame::{CHAIN_START, FrameHeader, body_hash, encode};
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
    fn zeros_are_not_written() {
        assert_eq!(written_length(&[0; 9]), 0);
        assert_eq!(written_length(&[0, 3, 0]), 2);
    }
}
