//! JSON as the contract has it; for a terminal, with more of it escaped.

use std::io::{self, Write};

use experience_log::inspect::Content;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use serde_json::{Serializer, Value};

use super::escape;
use crate::failure::Failure;

/// Writes one value, compact, without an end of line.
pub(crate) fn write<W: Write, T: Serialize>(
    output: &mut W,
    value: &T,
    for_terminal: bool,
) -> Result<(), Failure> {
    let written = if for_terminal {
        value.serialize(&mut Serializer::with_formatter(output, TerminalSafe))
    } else {
        value.serialize(&mut Serializer::with_formatter(output, CompactFormatter))
    };
    written.map_err(Failure::output)
}

/// One value over several lines, each behind `indent`, with nothing in it that could steer a terminal.
pub(crate) fn pretty<T: Serialize>(value: &T, indent: &str) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut shown = String::with_capacity(text.len() + text.len() / 4);
    for line in text.lines() {
        shown.push_str(indent);
        for character in line.chars() {
            // Outside of strings there is nothing unsafe; inside, this is how JSON writes it.
            if escape::is_unsafe(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = std::fmt::Write::write_fmt(&mut shown, format_args!("\\u{unit:04x}"));
                }
            } else {
                shown.push(character);
            }
        }
        shown.push('\n');
    }
    shown
}

/// What an event says, over several lines.
pub(crate) fn pretty_content(content: &Content, indent: &str) -> String {
    match content {
        Content::Own(event) => pretty(event, indent),
        Content::Foreign { json, .. } => match serde_json::from_str::<Value>(json) {
            Ok(value) => pretty(&value, indent),
            Err(_) => format!("{indent}{}\n", escape::line(json)),
        },
        Content::Unreadable(reason) => {
            format!("{indent}unreadable: {}\n", escape::line(reason))
        }
        _ => String::new(),
    }
}

/// Writes values one per line.
pub(crate) fn lines<'a, W: Write, T: Serialize + 'a>(
    output: &mut W,
    values: impl IntoIterator<Item = &'a T>,
    for_terminal: bool,
) -> Result<(), Failure> {
    for value in values {
        write(output, value, for_terminal)?;
        output.write_all(b"\n").map_err(Failure::output)?;
    }
    Ok(())
}

/// Writes JSON that is text already, on one line and otherwise as it is.
pub(crate) fn write_text(
    output: &mut impl Write,
    json: &str,
    for_terminal: bool,
) -> Result<(), Failure> {
    use std::fmt::Write;

    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            // These stand between the parts of JSON only: in a string they are escaped.
            '\n' | '\r' | '\t' => line.push(' '),
            // And these stand in strings only.
            character if for_terminal && escape::is_unsafe(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
            character => line.push(character),
        }
    }
    output.write_all(line.as_bytes()).map_err(Failure::output)
}

/// Compact JSON in which nothing can steer a terminal. JSON itself escapes only what lies below the
/// space.
struct TerminalSafe;

impl Formatter for TerminalSafe {
    fn write_raw_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        // What is unsafe stands in strings only: JSON that is given as text is on one line.
        self.write_string_fragment(writer, fragment)
    }

    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut rest = fragment;
        while let Some((place, character)) =
            rest.char_indices().find(|(_, c)| escape::is_unsafe(*c))
        {
            let (safe, tail) = rest.split_at(place);
            writer.write_all(safe.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = tail.get(character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_for_a_terminal_says_the_same_escaped() {
        let text = "a\u{1b}\u{9b}\u{7f}\u{202e}ü漢\u{e0041}\"\\";
        let mut shown = Vec::new();
        write(&mut shown, &text, true).unwrap();
        let shown = String::from_utf8(shown).unwrap();
        assert_eq!(shown, r#""a\u001b\u009b\u007f\u202eü漢\udb40\udc41\"\\""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }

    #[test]
    fn text_that_is_json_stays_on_its_line() {
        let shown = |for_terminal| {
            let mut shown = Vec::new();
            let json = "{\n\t\"a\": \"\u{202e}\u{7f}\\n\", \"b\":1.50}";
            write_text(&mut shown, json, for_terminal).unwrap();
            String::from_utf8(shown).unwrap()
        };
        assert_eq!(shown(false), "{  \"a\": \"\u{202e}\u{7f}\\n\", \"b\":1.50}");
        assert_eq!(shown(true), r#"{  "a": "\u202e\u007f\n", "b":1.50}"#);
    }

    #[test]
    fn other_json_is_what_serde_writes() {
        let text = "a\u{1b}\u{9b}\u{202e}";
        let mut shown = Vec::new();
        write(&mut shown, &text, false).unwrap();
        assert_eq!(shown, serde_json::to_vec(text).unwrap());
    }
}
