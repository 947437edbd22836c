//! Words, numbers and identifiers.

use fastrand::Rng;
use jiff::Timestamp;

const WORDS: &str = "the a of to and in for on with by from at as is was not or that this it \
account adapter address adjusted admin after agent agreed airport allowed already amount answer appeal applied \
approved archive arrival asked attached audit average balance baggage bank batch before below benefit between \
billing booking branch budget cabin call cancelled candidate card carrier case category certificate change \
charge checked citation city claim class clause client closed code comment company compared complete confirmed \
contact contract corrected cost coverage credit currency customer daily damage data date deadline decided delay \
delivered department deposit detail device difference direct discount dispatch document double draft due early \
economy eligible email employee enough entry error escalated estimate evidence exact excess expected expired \
extra factor fare fee field file final first flight follow form forward found freight full gate given guest \
half handled held higher hold hotel hour human identity incident included income increase index insurance \
interest invoice issue item journey kept label large last late latency ledger legal letter level limit line \
list local located location loss lower luggage manager manual matched maximum measured medical meeting member \
message method minimum missing model month mutual name needed network next night normal note notice number \
offer office open option order original other outcome overdue owner package page paid parcel partner passenger \
patient payment pending percent period phone pickup plan policy portal position possible premium prepared \
present previous price primary priority process product profile promised proof proposal provider public \
purchase quality quantity question queue quoted range rate reached reason receipt received record recovered \
reduced reference refund region rejected related release remaining reminder renewal repair replaced reply \
report request required reservation reserved resolved response result retained return review revised risk \
route rule schedule scope score seat second section segment selected sender separate service settled shipment \
signed similar single site size source special standard start state statement status step storage stored \
subject submitted summary supplier supported system table target team term ticket time title token total \
traced track transfer travel trip type under unit until update upgrade urgent usage valid value vehicle vendor \
verified version visit voucher waived warehouse warning weather week weight window within without work written \
year zone";

/// About `length` bytes of words, with a number now and then.
pub(super) fn prose(rng: &mut Rng, length: usize) -> String {
    use std::fmt::Write;
    use std::sync::OnceLock;
    static LIST: OnceLock<Vec<&str>> = OnceLock::new();
    let words = LIST.get_or_init(|| WORDS.split_whitespace().collect());
    let mut text = String::with_capacity(length + 12);
    while text.len() < length {
        // Common words are short and come often.
        let most = if rng.u8(0..3) == 0 { 20 } else { words.len() };
        match rng.u8(0..16) {
            0 => write!(text, "{} ", rng.u32(1..20_000)).unwrap_or_default(),
            1 => write!(text, "{}, ", words[rng.usize(0..most)]).unwrap_or_default(),
            _ => write!(text, "{} ", words[rng.usize(0..most)]).unwrap_or_default(),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// `digits` random hexadecimal digits, at most 64.
pub(super) fn hex(rng: &mut Rng, digits: usize) -> String {
    let mut text = format!("{:032x}{:032x}", rng.u128(..), rng.u128(..));
    text.truncate(digits);
    text
}

/// An id as UUID version 7 has it: the milliseconds of `time`, then random bits.
pub(super) fn uuid(rng: &mut Rng, time: Timestamp) -> String {
    let millis = u64::try_from(time.as_millisecond()).unwrap_or_default();
    format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
        millis >> 16,
        millis & 0xffff,
        rng.u16(0..1 << 12),
        rng.u16(0x8000..0xc000),
        rng.u64(0..1 << 48),
    )
}

/// One of `choices`.
pub(super) fn one(rng: &mut Rng, choices: &[&str]) -> String {
    choices[rng.usize(0..choices.len())].to_owned()
}
