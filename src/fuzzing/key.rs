//! What leads to blocks.

use std::sync::Arc;

use crate::store::instant::Position;
use crate::store::query::range::{Order, Range};
use crate::store::trees::directory::{BlockInfo, Directory, decode_group, encode_group};
use crate::store::trees::keys;
use crate::store::trees::manifest::Manifest;

/// What leads to blocks: keys of events, pages of the directory, the manifest.
pub fn key(bytes: &[u8]) {
    let Some((sort, bytes)) = bytes.split_first() else {
        return;
    };
    match sort % 3 {
        0 => event_key(bytes),
        1 => directory(bytes),
        _ => manifest(bytes),
    }
}

fn event_key(bytes: &[u8]) {
    let _ = keys::run_of_key(bytes);
    if let Ok((tenant, position)) = keys::parse_event_key(bytes) {
        let key = keys::event_key(tenant.as_deref(), position, "id");
        assert_eq!(keys::parse_event_key(&key), Ok((tenant, position)));
    }
}

/// Blocks told of: of each, the length of its key, the length of its value, and both.
fn directory(bytes: &[u8]) {
    let mut blocks: Vec<BlockInfo> = Vec::new();
    let mut rest = bytes;
    while let [key, value, after @ ..] = rest {
        let Some((key, after)) = after.split_at_checked(usize::from(*key)) else {
            break;
        };
        let Some((value, after)) = after.split_at_checked(usize::from(*value)) else {
            break;
        };
        rest = after;
        if let Ok(mut group) = decode_group(key, value) {
            for (info, number) in group.iter_mut().zip(blocks.len()..) {
                info.number = u32::try_from(number).unwrap();
            }
            assert_eq!(decode_group(key, &encode_group(&group)), Ok(group.clone()));
            blocks.extend(group);
        }
    }
    let mut directory = Directory::default();
    directory.add(blocks.clone());
    let directory = Arc::new(directory);
    let at = |place: usize| {
        blocks
            .get(place % blocks.len().max(1))
            .map_or(Position::MIN, |block| block.first)
    };
    let ranges = [
        Range::ALL,
        Range {
            start: at(bytes.len()),
            end: at(bytes.len() / 2),
        },
        Range {
            start: at(1),
            end: at(2),
        },
    ];
    let tenant = blocks.first().and_then(|block| block.tenant.clone());
    for tenant in [None, tenant.as_deref()] {
        for range in ranges {
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let mut expected: Vec<u32> = blocks
                    .iter()
                    .filter(|block| tenant.is_none() || block.tenant.as_deref() == tenant)
                    .filter(|block| range.overlaps(block.first, block.last))
                    .map(|block| block.number)
                    .collect();
                let mut found: Vec<u32> = directory
                    .walk(tenant, range, order)
                    .map(|block| block.number)
                    .collect();
                expected.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, expected);
            }
        }
    }
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::decode(bytes) {
        assert_eq!(Manifest::decode(&manifest.encode()).as_ref(), Ok(&manifest));
    }
}
