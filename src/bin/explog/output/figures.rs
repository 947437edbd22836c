//! Numbers and bars, for people.

/// A cost in US dollars.
pub(crate) fn dollars(microdollars: u64) -> String {
    format!(
        "${}.{:06}",
        microdollars / 1_000_000,
        microdollars % 1_000_000
    )
}

/// What stands where there is nothing to tell.
pub(crate) const NOTHING: &str = "-";

/// A figure that may be missing.
pub(crate) fn or_nothing<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), show)
}

/// A bar that stands for `value` where `most` takes `width` columns. What is not nothing shows.
pub(crate) fn bar(value: u64, most: u64, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if value == 0 || most == 0 {
        return String::new();
    }
    let full = width as u128 * 8;
    let eighths = (u128::from(value.min(most)) * full).div_ceil(u128::from(most));
    let (whole, rest) = (eighths / 8, eighths % 8);
    let mut bar = "█".repeat(usize::try_from(whole).unwrap_or(width));
    if rest > 0 {
        let part = usize::try_from(rest)
            .ok()
            .and_then(|rest| EIGHTHS.get(rest));
        bar.extend(part);
    }
    bar
}

/// `1 event`, `2 events`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", indicatif::HumanCount(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_their_value() {
        let widths = [0, 1, 25, 50, 100, 400].map(|value| bar(value, 100, 4));
        assert_eq!(widths, ["", "▏", "█", "██", "████", "████"]);
        assert_eq!(bar(u64::MAX, u64::MAX, 3), "███");
        assert_eq!(bar(1, u64::MAX, 3), "▏");
        assert_eq!(bar(5, 0, 3), "");
    }

    #[test]
    fn dollars_keep_every_digit() {
        assert_eq!(dollars(0), "$0.000000");
        assert_eq!(dollars(12_000_045), "$12.000045");
    }
}
