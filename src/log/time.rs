//! Times: RFC 3339 with an offset, as text in, as an instant to order by. Other contracts may have logical times
//! too: `lamport:` and a counter's value.

use jiff::Timestamp;
use jiff::civil;
use jiff::fmt::temporal::{Pieces, PiecesOffset};

use crate::store::instant::Instant;

/// The most bytes of a time.
pub(crate) const MAX_TIME: usize = 64;

/// The instant that a time names, whatever its offset; or why it names none.
pub(crate) fn parse(text: &str) -> Result<Instant, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.len() > MAX_TIME {
        return Err(format!(
            "it has {} bytes, the limit is {MAX_TIME}",
            text.len()
        ));
    }
    let pieces = Pieces::parse(text).map_err(|error| error.to_string())?;
    let time = pieces.time().ok_or("it has no time of day")?;
    let offset = match pieces.offset() {
        None => return Err("it has no offset".to_owned()),
        Some(PiecesOffset::Zulu) => 0,
        Some(PiecesOffset::Numeric(offset)) => i64::from(offset.offset().seconds()),
        Some(_) => return Err("its offset is of an unknown form".to_owned()),
    };
    if pieces.time_zone_annotation().is_some() {
        return Err("it names a time zone in brackets".to_owned());
    }
    // By the calendar, not by `Timestamp`, which ends a day before the year 9999 does.
    let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let since = civil::DateTime::from_parts(pieces.date(), time).duration_since(epoch);
    let nanoseconds = u32::try_from(since.as_nanos().rem_euclid(1_000_000_000)).unwrap_or_default();
    let seconds = since.as_secs() - i64::from(since.subsec_nanos() < 0) - offset;
    Instant::new(seconds, nanoseconds).ok_or_else(|| "it is out of range".to_owned())
}

/// What a logical time begins with.
const LOGICAL: &str = "lamport:";

/// The instant of a time that may be logical; or why the text is neither.
pub(crate) fn parse_any(text: &str) -> Result<Instant, String> {
    let Some(number) = text.strip_prefix(LOGICAL) else {
        return parse(text);
    };
    let canonical = number.bytes().all(|byte| byte.is_ascii_digit())
        && (number == "0" || !number.starts_with('0'));
    match number.parse() {
        Ok(time) if canonical => Ok(Instant::logical(time)),
        _ => Err("no number of 64 bits follows `lamport:`".to_owned()),
    }
}

/// An instant in UTC, RFC 3339; a logical time as it was written.
pub(crate) fn format(instant: Instant) -> String {
    if let Some(time) = instant.as_logical() {
        return format!("{LOGICAL}{time}");
    }
    let nanoseconds = i32::try_from(instant.nanoseconds()).unwrap_or_default();
    match Timestamp::new(instant.seconds(), nanoseconds) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => format!("{}s after 1970-01-01T00:00:00Z", instant.seconds()),
    }
}

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub(crate) fn nanoseconds(instant: Instant) -> i128 {
    i128::from(instant.seconds()) * 1_000_000_000 + i128::from(instant.nanoseconds())
}

/// Whether such nanoseconds stand for a logical time, which is no distance from 1970.
pub(crate) fn is_logical(nanoseconds: i128) -> bool {
    instant(nanoseconds).is_some_and(|instant| instant.as_logical().is_some())
}

fn instant(nanoseconds: i128) -> Option<Instant> {
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    let fraction = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
    Instant::new(seconds, fraction)
}

/// Such nanoseconds in UTC, RFC 3339; a logical time as it was written.
pub(crate) fn format_nanoseconds(nanoseconds: i128) -> String {
    instant(nanoseconds).map_or_else(|| nanoseconds.to_string(), format)
}

/// A time of recording in UTC, RFC 3339. `nanoseconds` count from 1970.
pub(crate) fn format_recorded(nanoseconds: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).map_or_else(
        |_| nanoseconds.to_string(),
        |timestamp| timestamp.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> (i64, u32) {
        let instant = parse(text).unwrap();
        (instant.seconds(), instant.nanoseconds())
    }

    #[test]
    fn any_offset_names_the_same_instant() {
        assert_eq!(at("1970-01-01T00:00:00Z"), (0, 0));
        assert_eq!(at("2026-01-21T12:00:00Z"), (1_768_996_800, 0));
        assert_eq!(at("2026-01-21T13:30:00+01:30"), (1_768_996_800, 0));
        assert_eq!(at("2026-01-21t07:00:00.000-05:00"), (1_768_996_800, 0));
        assert_eq!(
            at("2026-01-21T12:00:00.123456789Z"),
            (1_768_996_800, 123_456_789)
        );
        assert_eq!(at("1969-12-31T23:59:59.5Z"), (-1, 500_000_000));
        assert_eq!(at("0000-01-01T00:00:00Z"), (-62_167_219_200, 0));
        assert_eq!(
            at("9999-12-31T23:59:59.999999999Z"),
            (253_402_300_799, 999_999_999)
        );
        assert_eq!(
            at("9999-12-31T23:59:59-23:59"),
            (253_402_300_799 + 86_340, 0)
        );
        // A leap second is the last second of its minute.
        assert_eq!(at("2016-12-31T23:59:60Z"), at("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-01-21",
            "2026-01-21T12:00:00",
            "2026-01-21T12:00:00[Europe/Berlin]",
            "2026-01-21T12:00:00+01:00[Europe/Berlin]",
            "2026-02-30T12:00:00Z",
            "2026-01-21T25:00:00Z",
            "2026-01-21T12:00:00.1234567890Z",
            "1768996800",
            "2026-01-21T12:00:00Z ",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse(&format!("2026-01-21T12:00:00Z{}", "0".repeat(64))).is_err());
    }

    #[test]
    fn logical_times_are_taken_where_they_may_be() {
        for text in ["lamport:0", "lamport:7", "lamport:18446744073709551615"] {
            assert_eq!(format(parse_any(text).unwrap()), text);
            assert!(parse(text).is_err());
        }
        assert!(parse_any("lamport:9").unwrap() < parse_any("lamport:10").unwrap());
        assert!(
            parse_any("lamport:18446744073709551615").unwrap()
                < parse_any("0000-01-01T00:00:00+23:59").unwrap()
        );
        for text in [
            "lamport:",
            "lamport:-1",
            "lamport:+1",
            "lamport:01",
            "lamport:1.5",
            "lamport: 1",
            "lamport:18446744073709551616",
            "Lamport:1",
            "logical:1",
        ] {
            assert!(parse_any(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn instants_are_shown_in_utc() {
        assert_eq!(
            format(parse("2026-01-21T13:00:00.5+01:00").unwrap()),
            "2026-01-21T12:00:00.5Z"
        );
        assert_eq!(format_recorded(-1_000_000_000), "1969-12-31T23:59:59Z");
        assert!(format(parse("9999-12-31T23:59:59Z").unwrap()).starts_with("253402300799s"));
    }
}
