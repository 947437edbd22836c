//! Colours, by what they mean.

use anstyle::{AnsiColor, Style};

/// What a text is meant to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tint {
    /// As it is.
    #[default]
    Plain,
    /// A name at the top.
    Strong,
    /// Beside the point.
    Faint,
    /// It went wrong.
    Bad,
    /// It went well.
    Good,
    /// Mind it.
    Warning,
    /// A name of something.
    Name,
}

impl Tint {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Bad => color(AnsiColor::Red),
            Self::Good => color(AnsiColor::Green),
            Self::Warning => color(AnsiColor::Yellow),
            Self::Name => color(AnsiColor::Cyan),
        }
    }

    /// The text in this tint, if `styled`. It must be escaped already.
    pub(crate) fn paint(self, text: &str, styled: bool) -> String {
        if !styled || self == Self::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tint_shows_only_if_wanted_and_ends_with_its_text() {
        assert_eq!(Tint::Bad.paint("x", false), "x");
        assert_eq!(Tint::Bad.paint("x", true), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Tint::Plain.paint("x", true), "x");
        assert_eq!(Tint::Bad.paint("", true), "");
    }
}
