//! A report as comma-separated values, after RFC 4180 but for plain line ends.

use super::sheet::{FIGURES, Sheet};

/// All figures of all rows, under their names. There is no row for the total,
/// so that a column can be summed.
pub(super) fn sheet(sheet: &Sheet) -> String {
    let by = sheet.query.by.iter().map(ToString::to_string);
    let names = FIGURES.iter().map(|figure| figure.name.to_owned());
    let head = line(by.chain(names));
    let rows = sheet.rows.iter().map(|row| {
        let key = row.key.iter().map(|value| text(value));
        let figures = FIGURES.iter().map(|figure| (figure.of)(row).to_string());
        line(key.chain(figures))
    });
    lines(std::iter::once(head).chain(rows))
}

/// The lines one below the other.
pub(super) fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of cells, quoted where they must be.
pub(crate) fn line(cells: impl Iterator<Item = String>) -> String {
    let quoted = |cell: String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    };
    cells.map(quoted).collect::<Vec<_>>().join(",")
}

/// A text that others chose. Spreadsheets take what begins like a formula for
/// one, so it gets an apostrophe in front.
pub(crate) fn text(value: &str) -> String {
    match value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{value}"),
        false => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let cells = ["a", "b,c", "say \"hi\"", "two\nlines", ""].map(str::to_owned);
        assert_eq!(
            line(cells.into_iter()),
            "a,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\","
        );
    }

    #[test]
    fn texts_are_no_formulas() {
        assert_eq!(text("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(text("@cf/model"), "'@cf/model");
        assert_eq!(text("a=b"), "a=b");
    }
}
