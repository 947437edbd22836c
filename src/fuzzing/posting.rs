//! Postings, and what leads to them.

use super::checksum::{LOG_ID, number, with_checksum};
use crate::store::index::TermHash;
use crate::store::trees::filter::Probe;
use crate::store::trees::ids;
use crate::store::trees::run::{self, Guide, Page, Run, RunInfo};

/// A page of postings, the guides that lead to pages, and the ids that are known before.
pub fn posting(bytes: &[u8]) {
    for unique in [false, true] {
        let Ok(page) = Page::parse(bytes, unique) else {
            continue;
        };
        let postings: Vec<_> = page.postings().collect();
        let encoded = run::encode_page(&postings, unique);
        let again = Page::parse(&encoded, unique).unwrap();
        assert!(again.postings().eq(postings.iter().copied()));
        assert!(encoded.len() <= bytes.len(), "its widths are not the least");
        for hash in postings.iter().map(|posting| posting.hash).take(8) {
            assert!(page.of_term(hash).all(|posting| posting.hash == hash));
        }
        if postings.is_sorted() {
            let all = postings
                .iter()
                .take(64)
                .all(|posting| page.of_term(posting.hash).any(|other| other == *posting));
            assert!(all, "a posting is not found under its term");
        }
    }
    let of_log = crc32c::crc32c(&LOG_ID);
    for record in [bytes, &with_checksum(bytes, 4, 8..bytes.len(), of_log)] {
        if let Some((mark, filter)) = ids::decode(&LOG_ID, record) {
            assert_eq!(ids::encode(&LOG_ID, Some(&filter), &mark)[8..], record[8..]);
        }
    }
    let Ok(guide) = Guide::decode(bytes) else {
        return;
    };
    assert_eq!(Guide::decode(&guide.encode().concat()), Ok(guide.clone()));
    let info = RunInfo {
        number: 0,
        index: 0,
        level: 0,
        pages: u32::try_from(guide.firsts.len()).unwrap(),
        postings: 0,
        terms: 0,
        lines: guide.filter.lines(),
    };
    let run = Run::new(info, guide).unwrap();
    for hash in [0, number(bytes, 3), u64::MAX].map(TermHash) {
        let mut pages = run.pages_of(hash, &Probe::new(hash));
        assert!(pages.all(|page| page < info.pages));
    }
}
