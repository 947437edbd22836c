//! Times and durations, for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The zone that times are shown in.
#[derive(Debug, Clone)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// That of the machine, or of the variable `TZ`.
    pub(crate) fn local() -> Self {
        Self(TimeZone::system())
    }

    /// How a column of times is to be named.
    pub(crate) fn name(&self) -> &'static str {
        if self.0 == TimeZone::UTC {
            "UTC"
        } else {
            "local"
        }
    }

    /// The date and the time of day of an RFC 3339 text. Another text stands for itself.
    pub(crate) fn date_and_time(&self, instant: &str, milliseconds: bool) -> (String, String) {
        let Ok(timestamp) = instant.parse::<Timestamp>() else {
            return (instant.to_owned(), "?".to_owned());
        };
        let time = timestamp.to_zoned(self.0.clone()).datetime();
        let date = time.date().to_string();
        // Cut, not rounded.
        let time = time.time();
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let clock = format!("{hour:02}:{minute:02}:{second:02}");
        if milliseconds {
            (date, format!("{clock}.{:03}", time.millisecond()))
        } else {
            (date, clock)
        }
    }

    /// The same in one text.
    pub(crate) fn stamp(&self, instant: &str, milliseconds: bool) -> String {
        let (date, time) = self.date_and_time(instant, milliseconds);
        if time == "?" {
            date
        } else {
            format!("{date} {time}")
        }
    }

    /// To the minute.
    pub(crate) fn minute(&self, instant: &str) -> String {
        let (date, time) = self.date_and_time(instant, false);
        match time.get(..5) {
            Some(minute) => format!("{date} {minute}"),
            None => date,
        }
    }
}

/// A duration in at most two units.
pub(crate) fn duration(microseconds: u64) -> String {
    let (milliseconds, seconds) = (microseconds / 1_000, microseconds / 1_000_000);
    match seconds {
        0 if microseconds < 1_000 => format!("{microseconds} µs"),
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A time since the start of a run: `+1:02.345`.
pub(crate) fn offset(microseconds: u64) -> String {
    let milliseconds = microseconds / 1_000;
    let (seconds, fraction) = (milliseconds / 1_000, milliseconds % 1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("+{hours}:{minutes:02}:{seconds:02}.{fraction:03}")
    } else {
        format!("+{minutes}:{seconds:02}.{fraction:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_not_rounded() {
        let stamp = |text, milliseconds| Zone::utc().stamp(text, milliseconds);
        let text = "2026-01-21T23:59:59.9996Z";
        assert_eq!(stamp(text, false), "2026-01-21 23:59:59");
        assert_eq!(stamp(text, true), "2026-01-21 23:59:59.999");
        assert_eq!(
            stamp("1970-01-01T00:00:00Z", true),
            "1970-01-01 00:00:00.000"
        );
        assert_eq!(stamp("253402300799s after", true), "253402300799s after");
        assert_eq!(Zone::utc().minute(text), "2026-01-21 23:59");
    }

    #[test]
    fn durations_have_the_units_people_use() {
        let shown = [
            0,
            999,
            1_000,
            999_999,
            1_250_000,
            59_999_999,
            60_000_000,
            3_599_000_000,
            3_600_000_000,
            90_000_000_000,
        ]
        .map(duration);
        assert_eq!(
            shown,
            [
                "0 µs", "999 µs", "1 ms", "999 ms", "1.2 s", "59.9 s", "1m 00s", "59m 59s",
                "1h 00m", "1d 01h"
            ]
        );
        assert_eq!(offset(62_345_999), "+1:02.345");
        assert_eq!(offset(3_600_000_000), "+1:00:00.000");
    }
}
