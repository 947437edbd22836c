//! Lines of a file of any size, each of a bounded one.

use std::io::{self, BufRead};

/// The longest line that is read: 64 MiB.
pub(crate) const MAX_LINE: usize = 64 << 20;

/// One line, or that it was too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The line without its end.
    Whole(&'a [u8]),
    /// More than the limit; it was passed over.
    TooLong,
}

/// Reads lines, and holds one at a time.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    limit: usize,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `input`, of at most `limit` bytes each.
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            line: Vec::new(),
            limit,
            number: 0,
            bytes: 0,
        }
    }

    /// The number of the line that was read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut too_long = false;
        let mut found = false;
        loop {
            let part = match self.input.fill_buf() {
                Ok(part) => part,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if part.is_empty() {
                break;
            }
            found = true;
            let end = part.iter().position(|byte| *byte == b'\n');
            let text = part.get(..end.unwrap_or(part.len())).unwrap_or_default();
            too_long |= self.line.len() + text.len() > self.limit;
            if !too_long {
                self.line.extend_from_slice(text);
            }
            let read = text.len() + usize::from(end.is_some());
            self.input.consume(read);
            self.bytes += read as u64;
            if end.is_some() {
                break;
            }
        }
        if !found {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(if too_long {
            Line::TooLong
        } else {
            Line::Whole(&self.line)
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(text: &[u8], limit: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        // A small buffer, so that lines span several.
        let mut lines = Lines::new(BufReader::with_capacity(3, text), limit);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let line = match line {
                Line::Whole(line) => Some(line.to_vec()),
                Line::TooLong => None,
            };
            found.push((lines.number(), line));
        }
        assert_eq!(lines.bytes(), text.len() as u64);
        found
    }

    #[test]
    fn lines_are_numbered_from_one_and_the_last_needs_no_end() {
        let whole = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(
            read(b"abcd\n\nef", 9),
            [(1, whole("abcd")), (2, whole("")), (3, whole("ef"))]
        );
        assert_eq!(read(b"", 9), []);
        assert_eq!(read(b"\n", 9), [(1, whole(""))]);
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over_and_counted() {
        assert_eq!(
            read(b"12345\n1234\n123456789", 4),
            [(1, None), (2, Some(b"1234".to_vec())), (3, None)]
        );
    }
}
