//! What came from an agent is not trusted with the terminal: it is shown escaped.

use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// Whether a character could steer a terminal, reorder a line or hide in it.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Bidirectional marks, embeddings, overrides and isolates.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Ends of lines and paragraphs.
            | '\u{2028}' | '\u{2029}'
            // Without width, and without a use in running text.
            | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text on one line, with nothing in it that could steer a terminal.
pub(crate) fn line(text: &str) -> String {
    fit(text, usize::MAX)
}

/// The same, cut to `width` columns. A cut shows as `…`.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let mut shown = String::new();
    let mut used = 0;
    // Where the text ends if it turns out to be too long: one column stays free.
    let mut keep = 0;
    for character in text.chars() {
        let columns = push(&mut shown, character);
        if used + columns > width {
            shown.truncate(keep);
            if width > 0 {
                shown.push('…');
            }
            return shown;
        }
        used += columns;
        if used < width {
            keep = shown.len();
        }
    }
    shown
}

/// How many columns a text takes that was made by [`fit`] or [`line()`].
pub(crate) fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// Adds a character, escaped if need be. Tells how many columns it takes.
fn push(shown: &mut String, character: char) -> usize {
    if !is_unsafe(character) {
        shown.push(character);
        return character.width().unwrap_or(0);
    }
    let before = shown.len();
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        _ => {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        }
    }
    shown.len() - before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_visible() {
        assert_eq!(line("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(line("\u{9b}2J\u{7f}\0"), "\\u{9b}2J\\u{7f}\\u{0}");
        assert_eq!(line("a\r\n\tb"), "a\\r\\n\\tb");
        assert_eq!(
            line("\u{202e}x\u{2066}\u{200f}"),
            "\\u{202e}x\\u{2066}\\u{200f}"
        );
        assert_eq!(line("\u{e0041}\u{feff}"), "\\u{e0041}\\u{feff}");
        let plain = "Zürich 漢字 👩‍🔬 مرحبا";
        assert_eq!(line(plain), plain);
    }

    #[test]
    fn every_c0_and_c1_character_is_unsafe() {
        for code in (0..0x20).chain(0x7f..0xa0) {
            assert!(is_unsafe(char::from(code)), "{code:#x}");
        }
    }

    #[test]
    fn a_cut_text_fits_and_says_so() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdef", 5), "abcd…");
        assert_eq!(fit("abcdef", 1), "…");
        assert_eq!(fit("abcdef", 0), "");
        assert_eq!(fit("", 0), "");
        assert_eq!(fit("漢字漢", 5), "漢字…");
        assert_eq!(fit("漢字漢", 4), "漢…");
        // An escape is shown whole or not at all.
        assert_eq!(fit("ab\u{1b}cd", 7), "ab…");
        assert_eq!(fit("ab\u{1b}", 8), "ab\\u{1b}");
        for cut in 0..12 {
            assert!(width(&fit("a\u{1b}漢z\u{202e}", cut)) <= cut);
        }
    }
}
