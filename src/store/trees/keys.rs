//! The keys of the trees. Bytes sort as what they stand for.
//!
//! - `events`: tenant, instant, sequence number and event id of a block's first event.
//!   The tenant is `00` if there is none, else `01`, its bytes with `00` written as `00 ff`, and `00 00`;
//!   the instant is 12 bytes (seconds with the sign bit flipped, nanoseconds), the sequence number 8, both
//!   big-endian; the event id ends the key.
//! - index trees: run number (8 bytes, big-endian), `00` for a guide or `01` for a page, and its number
//!   (4 bytes, big-endian).
//! - `meta`: `manifest`.

use super::super::bytes::{BytesError, Reader};
use super::super::instant::{Instant, Position};

/// The key of the manifest in `meta`.
pub(crate) const MANIFEST: &[u8] = b"manifest";

/// What tells the keys of a run's pages from those of its guide.
const GUIDE: u8 = 0;
const PAGE: u8 = 1;

/// The key of a block in `events`.
pub(crate) fn event_key(tenant: Option<&str>, position: Position, event_id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(tenant.map_or(0, str::len) + event_id.len() + 24);
    match tenant {
        None => key.push(0),
        Some(tenant) => {
            key.push(1);
            for byte in tenant.bytes() {
                key.push(byte);
                if byte == 0 {
                    key.push(0xff);
                }
            }
            key.extend_from_slice(&[0, 0]);
        }
    }
    key.extend_from_slice(&position.instant.to_sortable());
    key.extend_from_slice(&position.sequence.to_be_bytes());
    key.extend_from_slice(event_id.as_bytes());
    key
}

/// The tenant and the position that a key of `events` holds.
pub(crate) fn parse_event_key(key: &[u8]) -> Result<(Option<String>, Position), BytesError> {
    let mut reader = Reader::new(key);
    let tenant = match reader.u8()? {
        0 => None,
        1 => {
            let mut tenant = Vec::new();
            loop {
                match reader.u8()? {
                    0 if reader.u8()? == 0 => break,
                    byte => tenant.push(byte),
                }
            }
            Some(String::from_utf8(tenant).map_err(|_| BytesError::Overlong)?)
        }
        _ => return Err(BytesError::Overlong),
    };
    let instant = Instant::from_sortable(&mut reader)?;
    let sequence = u64::from_be_bytes(reader.array()?);
    Ok((tenant, Position { instant, sequence }))
}

/// The key of a page of a run.
pub(crate) fn page_key(run: u64, page: u32) -> [u8; 13] {
    run_key(run, PAGE, page)
}

/// The key of a guide of a run.
pub(crate) fn guide_key(run: u64, guide: u32) -> [u8; 13] {
    run_key(run, GUIDE, guide)
}

fn run_key(run: u64, sort: u8, number: u32) -> [u8; 13] {
    let mut key = [sort; 13];
    let (run_part, rest) = key.split_at_mut(8);
    let (_, number_part) = rest.split_at_mut(1);
    run_part.copy_from_slice(&run.to_be_bytes());
    number_part.copy_from_slice(&number.to_be_bytes());
    key
}

/// The run and the number of the page that a key of an index tree stands for.
pub(crate) fn page_of_key(key: &[u8]) -> Option<(u64, u32)> {
    let (run, rest) = key.split_first_chunk()?;
    let (sort, number) = rest.split_first()?;
    let number = u32::from_be_bytes(number.try_into().ok()?);
    (*sort == PAGE).then_some((u64::from_be_bytes(*run), number))
}

/// The run that a key of an index tree belongs to.
pub(crate) fn run_of_key(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_keys_sort_by_tenant_time_and_sequence() {
        let mut parts = Vec::new();
        for tenant in [
            None,
            Some(""),
            Some("a"),
            Some("a\0"),
            Some("a\0b"),
            Some("ab"),
            Some("b"),
        ] {
            for seconds in [-5, 0, 7] {
                for sequence in [0, 1, 256] {
                    let instant = Instant::new(seconds, 0).unwrap();
                    parts.push((tenant, Position { instant, sequence }));
                }
            }
        }
        let keys: Vec<_> = parts
            .iter()
            .map(|(tenant, position)| event_key(*tenant, *position, "e"))
            .collect();
        assert!(keys.is_sorted());
        for (key, (tenant, position)) in keys.iter().zip(&parts) {
            assert_eq!(
                parse_event_key(key),
                Ok((tenant.map(str::to_owned), *position))
            );
            for cut in 0..key.len() - 1 {
                assert!(parse_event_key(&key[..cut]).is_err());
            }
        }
    }

    #[test]
    fn run_keys_sort_by_run_and_number() {
        let keys = [
            guide_key(1, 0),
            guide_key(1, 300),
            page_key(1, 0),
            page_key(1, 300),
            guide_key(2, 0),
        ];
        assert!(keys.is_sorted());
        assert_eq!(run_of_key(&keys[4]), Some(2));
        let pages = [None, None, Some((1, 0)), Some((1, 300)), None];
        assert_eq!(keys.map(|key| page_of_key(&key)), pages);
        assert_eq!(page_of_key(&keys[3][..12]), None);
    }
}
