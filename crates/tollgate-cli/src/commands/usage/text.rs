//! A report as a table for people.

use comfy_table::CellAlignment;
use tollgate::{UsageRow, Usd};

use super::sheet::{Amount, FIGURES, Figure, Sheet, Shown};
use crate::ui;

/// A table with a total, and a sentence on what is not known yet.
pub(super) fn table(sheet: &Sheet) -> String {
    let figures = figures(&sheet.total);
    let names = sheet.query.by.iter().map(ToString::to_string);
    let headings = names.chain(figures.iter().map(|figure| figure.name.replace('_', " ")));
    let headings: Vec<String> = headings.collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = ui::table(&headings);
    for row in &sheet.rows {
        table.add_row(cells(&row.key, row, &figures));
    }
    if sheet.rows.len() > 1 {
        table.add_row(cells(
            &total_key(sheet.query.by.len()),
            &sheet.total,
            &figures,
        ));
    }
    for column in table.column_iter_mut().skip(sheet.query.by.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}{}", unknown(&sheet.total))
}

/// Those that a person wants to see.
fn figures(total: &UsageRow) -> Vec<&'static Figure> {
    let shown = |figure: &&Figure| figure.shown == Shown::Always || !(figure.of)(total).is_zero();
    FIGURES.iter().filter(shown).collect()
}

fn cells(key: &[String], row: &UsageRow, figures: &[&Figure]) -> Vec<String> {
    let key = key.iter().map(|value| match value.as_str() {
        "" => "-".to_owned(),
        value => printable(value),
    });
    let figures = figures.iter().map(|figure| match (figure.of)(row) {
        Amount::Count(count) => count.to_string(),
        Amount::Money(amount) => format!("${amount}"),
    });
    key.chain(figures).collect()
}

/// Callers choose tags; what they put into them must not reach the terminal as
/// a command.
fn printable(value: &str) -> String {
    value.replace(char::is_control, "\u{FFFD}")
}

fn total_key(columns: usize) -> Vec<String> {
    let first = std::iter::once("total".to_owned());
    first
        .chain(std::iter::repeat_n(" ".to_owned(), columns))
        .take(columns)
        .collect()
}

/// What is owed at most beside the cost, on a line of its own; empty if nothing is.
pub(super) fn unknown(total: &UsageRow) -> String {
    if total.unresolved == Usd::ZERO {
        return String::new();
    }
    let most = total.unresolved;
    format!("\nand at most ${most} more for attempts whose cost is not known")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_command_the_terminal() {
        assert_eq!(
            printable("\u{1b}[2Jgone\r\u{9b}"),
            "\u{FFFD}[2Jgone\u{FFFD}\u{FFFD}"
        );
    }
}
