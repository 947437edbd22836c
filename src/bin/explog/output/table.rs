//! Tables, a row a line: the first rows settle the columns' widths, the others follow as they come.

use std::io::{self, Write};
use std::mem;

use super::escape;
use super::style::Tint;

/// How many rows are looked at before the first is printed.
const SAMPLE: usize = 256;
/// What stands between two columns.
const GAP: &str = "  ";
/// The most columns of the terminal that one text takes, however wide the terminal is.
const MOST: usize = 400;

/// A column: its name, and what it gives up when room is short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    name: &'static str,
    /// What it keeps for as long as others have more. `None`: it is never cut, and stands at the right.
    least: Option<usize>,
}

impl Column {
    /// A column of text.
    pub(crate) const fn text(name: &'static str, least: usize) -> Self {
        Self {
            name,
            least: Some(least),
        }
    }

    /// A column of numbers.
    pub(crate) const fn number(name: &'static str) -> Self {
        Self { name, least: None }
    }
}

/// A text of a row, and what it is to look like.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    tint: Tint,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, tint: Tint) -> Self {
        Self {
            text: text.into(),
            tint,
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Tint::Plain)
    }
}

/// A table that is printed while its rows come in.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    total: Option<usize>,
    styled: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Rows are collected.
    Sampling(Vec<Row>),
    /// The head is printed, and the columns have these widths.
    Printing(Vec<usize>),
}

#[derive(Debug)]
enum Row {
    /// A text for each column.
    Cells(Vec<Cell>),
    /// A line between rows.
    Heading(Cell),
    /// Lines that are printed as they are.
    Block(String),
}

impl Table {
    /// A table that fits into `total` columns of the terminal; without a total, nothing is cut to fit.
    pub(crate) fn new(columns: Vec<Column>, total: Option<usize>) -> Self {
        Self {
            columns,
            total,
            styled: false,
            state: State::Sampling(Vec::new()),
        }
    }

    /// In colours, if `styled`.
    pub(crate) fn styled(mut self, styled: bool) -> Self {
        self.styled = styled;
        self
    }

    /// Settles the widths at once, for rows that come slowly: each column has what its name needs, or the
    /// width that `widths` gives it, and less where they do not fit together.
    pub(crate) fn settle(
        &mut self,
        output: &mut impl Write,
        widths: impl IntoIterator<Item = usize>,
    ) -> io::Result<()> {
        let samples = widths.into_iter().map(|width| "x".repeat(width).into());
        let sample = Row::Cells(samples.collect());
        self.state = State::Sampling(Vec::new());
        self.begin(output, &[sample])
    }

    /// Adds a row. The texts may hold anything: they are printed escaped.
    pub(crate) fn row<C: Into<Cell>>(
        &mut self,
        output: &mut impl Write,
        cells: Vec<C>,
    ) -> io::Result<()> {
        let cells = cells.into_iter().map(Into::into).collect();
        self.add(output, Row::Cells(cells))
    }

    /// Adds a line that belongs to the rows below it.
    pub(crate) fn heading<C: Into<Cell>>(
        &mut self,
        output: &mut impl Write,
        text: C,
    ) -> io::Result<()> {
        self.add(output, Row::Heading(text.into()))
    }

    /// Adds lines that are printed as they are, below the row before them. They must be escaped.
    pub(crate) fn block(&mut self, output: &mut impl Write, lines: String) -> io::Result<()> {
        self.add(output, Row::Block(lines))
    }

    /// Prints what was still waiting.
    pub(crate) fn finish(mut self, output: &mut impl Write) -> io::Result<()> {
        match &self.state {
            State::Sampling(_) => self.begin(output, &[]),
            State::Printing(_) => Ok(()),
        }
    }

    fn add(&mut self, output: &mut impl Write, row: Row) -> io::Result<()> {
        match &mut self.state {
            State::Printing(widths) => {
                print(output, &self.columns, widths, self.total, self.styled, &row)
            }
            State::Sampling(rows) => {
                rows.push(row);
                if rows.len() < SAMPLE {
                    return Ok(());
                }
                self.begin(output, &[])
            }
        }
    }

    /// Settles the widths, also for `samples`, and prints the head and the rows that waited.
    fn begin(&mut self, output: &mut impl Write, samples: &[Row]) -> io::Result<()> {
        let State::Sampling(rows) = mem::replace(&mut self.state, State::Printing(Vec::new()))
        else {
            return Ok(());
        };
        let widths = widths(&self.columns, rows.iter().chain(samples), self.total);
        let names = self
            .columns
            .iter()
            .map(|column| Cell::new(column.name, Tint::Strong));
        let head = Row::Cells(names.collect());
        for row in [head].iter().chain(&rows) {
            print(output, &self.columns, &widths, self.total, self.styled, row)?;
        }
        self.state = State::Printing(widths);
        Ok(())
    }
}

/// What each column takes: what its texts need, and less where they do not fit together.
fn widths<'a>(
    columns: &[Column],
    rows: impl Iterator<Item = &'a Row>,
    total: Option<usize>,
) -> Vec<usize> {
    let mut widths: Vec<usize> = columns
        .iter()
        .map(|column| escape::width(column.name))
        .collect();
    for row in rows {
        let Row::Cells(cells) = row else { continue };
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(escape::width(&escape::fit(&cell.text, MOST)));
        }
    }
    let Some(total) = total else { return widths };
    let room = total.saturating_sub(GAP.len() * columns.len().saturating_sub(1));
    // The widest gives first: what it has above its least, and when nobody has, of that too.
    for keeps_least in [true, false] {
        while widths.iter().sum::<usize>() > room {
            let floor = |column: &Column| {
                column
                    .least
                    .map(|least| if keeps_least { least } else { 1 })
            };
            let giver = widths
                .iter_mut()
                .zip(columns)
                .filter(|(width, column)| floor(column).is_some_and(|floor| **width > floor))
                .map(|(width, _)| width)
                .max();
            let Some(width) = giver else { break };
            *width -= 1;
        }
    }
    widths
}

fn print(
    output: &mut impl Write,
    columns: &[Column],
    widths: &[usize],
    total: Option<usize>,
    styled: bool,
    row: &Row,
) -> io::Result<()> {
    let cells = match row {
        Row::Cells(cells) => cells,
        Row::Heading(cell) => {
            let text = escape::fit(&cell.text, total.unwrap_or(MOST));
            return writeln!(output, "{}", cell.tint.paint(&text, styled));
        }
        Row::Block(lines) => return output.write_all(lines.as_bytes()),
    };
    let mut line = String::new();
    let mut owed = 0;
    for ((column, width), cell) in columns.iter().zip(widths).zip(cells) {
        let most = match (column.least, total) {
            (Some(_), Some(_)) => *width,
            _ => MOST,
        };
        let text = escape::fit(&cell.text, most);
        let missing = width.saturating_sub(escape::width(&text));
        let (before, after) = match column.least {
            None => (missing, 0),
            Some(_) => (0, missing),
        };
        // Blanks are added when something follows, so that no line ends with them.
        if text.is_empty() {
            owed += width + GAP.len();
        } else {
            line.extend(std::iter::repeat_n(' ', owed + before));
            line.push_str(&cell.tint.paint(&text, styled));
            owed = after + GAP.len();
        }
    }
    writeln!(output, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(total: Option<usize>, rows: &[[&str; 3]]) -> Vec<String> {
        let columns = vec![
            Column::number("n"),
            Column::text("name", 4),
            Column::text("detail", 8),
        ];
        let mut output = Vec::new();
        let mut table = Table::new(columns, total);
        for row in rows {
            table
                .row(&mut output, row.map(str::to_owned).to_vec())
                .unwrap();
        }
        table.finish(&mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        output.lines().map(str::to_owned).collect()
    }

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        assert_eq!(
            table(None, &[["1", "a", "x"], ["100", "漢字", ""]]),
            ["  n  name  detail", "  1  a     x", "100  漢字"]
        );
    }

    #[test]
    fn the_widest_gives_first_and_no_line_is_too_long() {
        let row = [
            "7",
            "a-rather-long-name",
            "and a detail that is longer still",
        ];
        assert_eq!(
            table(Some(40), &[row]),
            [
                "n  name                detail",
                "7  a-rather-long-name  and a detail tha…"
            ]
        );
        assert_eq!(
            table(Some(16), &[row]),
            ["n  name  detail", "7  a-r…  and a …"]
        );
        for total in 8..60 {
            for line in table(
                Some(total),
                &[row, ["12", "漢字漢字漢字", "\u{1b}[2J\u{202e}"]],
            ) {
                assert!(escape::width(&line) <= total, "{total}: {line}");
            }
        }
    }

    #[test]
    fn rows_behind_the_sample_keep_to_its_widths() {
        let mut rows = vec![["1", "ab", "x"]; SAMPLE];
        rows.push(["2", "a-long-name", "y"]);
        let cut = table(Some(30), &rows);
        assert_eq!(cut.len(), SAMPLE + 2);
        assert_eq!(cut.last().unwrap(), "2  a-l…  y");
        assert_eq!(table(None, &rows).last().unwrap(), "2  a-long-name  y");
    }

    #[test]
    fn nothing_reaches_the_terminal_raw() {
        for line in table(Some(40), &[["1", "a\u{1b}]0;b\u{7}", "c\nd\u{9b}e"]]) {
            assert!(!line.chars().any(escape::is_unsafe), "{line:?}");
        }
    }
}
