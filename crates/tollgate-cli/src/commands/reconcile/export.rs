//! A provider's own export: comma-separated, with a line of headings.

use std::path::Path;

use tollgate::{Book, Entry, Figures, Timestamp, Usd};

use crate::commands::usage::period::rfc3339;
use crate::exit::{Trouble, code};

/// A figure, and the headings under which exports have it.
struct Column {
    figure: &'static str,
    headings: &'static [&'static str],
    is_needed: bool,
}

const COLUMNS: [Column; 7] = [
    Column {
        figure: "date",
        headings: &[
            "date",
            "day",
            "usage_date",
            "created_at",
            "timestamp",
            "time",
            "chargeperiodstart",
        ],
        is_needed: true,
    },
    Column {
        figure: "model",
        headings: &[
            "model",
            "model_id",
            "model_name",
            "sku",
            "skuid",
            "model_permaslug",
        ],
        is_needed: true,
    },
    Column {
        figure: "cost",
        headings: &[
            "cost",
            "cost_usd",
            "total_cost",
            "amount",
            "amount_usd",
            "usage",
            "spend",
            "billedcost",
        ],
        is_needed: true,
    },
    Column {
        figure: "byok",
        headings: &["byok_usage_inference", "byok_usage"],
        is_needed: false,
    },
    Column {
        figure: "requests",
        headings: &["requests", "calls", "num_requests", "num_model_requests"],
        is_needed: false,
    },
    Column {
        figure: "input",
        headings: &["prompt_tokens", "input_tokens", "tokens_prompt", "input"],
        is_needed: false,
    },
    Column {
        figure: "output",
        headings: &[
            "completion_tokens",
            "output_tokens",
            "tokens_completion",
            "output",
        ],
        is_needed: false,
    },
];

/// Reads an export; `map` names headings by figure.
pub(super) fn read(file: &Path, map: &[(String, String)]) -> Result<Book, Trouble> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let file = file.display();
        Trouble::new(code::USAGE, format!("{file} cannot be read: {error}"))
    })?;
    book(&text, map).map_err(|(what, hint)| {
        Trouble::new(code::USAGE, format!("{}: {what}", file.display())).with_hint(hint)
    })
}

/// What is wrong, and how to mend it.
type Wrong = (String, String);

fn book(text: &str, map: &[(String, String)]) -> Result<Book, Wrong> {
    let mut lines = lines(text.strip_prefix('\u{feff}').unwrap_or(text)).into_iter();
    let (_, headings) = lines
        .next()
        .ok_or_else(|| ("is empty".to_owned(), "export it with headings".to_owned()))?;
    let places = places(&headings, map)?;
    let mut book = Book::default();
    for (number, cells) in lines {
        let row = Row {
            cells: &cells,
            places: &places,
        };
        let (entry, figures) = row.read().map_err(|figure| {
            let found = row.cell(figure).unwrap_or_default();
            (
                format!("line {number} has no {figure} that can be read: {found:?}"),
                "dates are written 2026-11-01, costs as decimal dollars; --map names columns"
                    .to_owned(),
            )
        })?;
        book.add(entry, figures);
    }
    Ok(book)
}

/// Where each figure is.
type Places = [Option<usize>; COLUMNS.len()];

fn places(headings: &[String], map: &[(String, String)]) -> Result<Places, Wrong> {
    let names: Vec<_> = headings.iter().map(|heading| plain(heading)).collect();
    let at = |wanted: &str| names.iter().position(|name| *name == plain(wanted));
    let there = || format!("its headings are {}", headings.join(", "));
    let mut places = Places::default();
    for (column, place) in COLUMNS.iter().zip(&mut places) {
        *place = column.headings.iter().find_map(|heading| at(heading));
    }
    for (figure, heading) in map {
        let Some(number) = COLUMNS.iter().position(|column| column.figure == figure) else {
            let known: Vec<_> = COLUMNS.iter().map(|column| column.figure).collect();
            let hint = format!("one of {}", known.join(", "));
            return Err((format!("there is no figure {figure:?}"), hint));
        };
        let found = at(heading);
        places[number] =
            Some(found.ok_or_else(|| (format!("has no column {heading:?}"), there()))?);
    }
    let mut needed = COLUMNS.iter().zip(&places);
    match needed.find(|(column, place)| column.is_needed && place.is_none()) {
        None => Ok(places),
        Some((Column { figure, .. }, _)) => Err((
            format!("has no column for the {figure}"),
            format!("name it with `--map {figure}=HEADING`; {}", there()),
        )),
    }
}

/// Lower case with one underscore for anything between words, so that
/// `Cost (USD)` and `cost_usd` are one.
fn plain(heading: &str) -> String {
    let words = heading.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("_").to_lowercase()
}

struct Row<'a> {
    cells: &'a [String],
    places: &'a Places,
}

impl Row<'_> {
    /// The name of the figure that cannot be read, if there is one.
    fn read(&self) -> Result<(Entry, Figures), &'static str> {
        let model = self.cell("model").filter(|model| !model.is_empty());
        let entry = Entry {
            day: self.cell("date").and_then(day).ok_or("date")?,
            model: model.ok_or("model")?.to_owned(),
        };
        let byok = self.cell("byok").map_or(Some(Usd::ZERO), dollars);
        let figures = Figures {
            credits: self.cell("cost").and_then(dollars).ok_or("cost")?,
            provider: byok.ok_or("byok")?,
            requests: self.count("requests")?,
            prompt: self.count("input")?,
            output: self.count("output")?,
            ..Figures::default()
        };
        Ok((entry, figures))
    }

    fn cell(&self, figure: &str) -> Option<&str> {
        let number = COLUMNS.iter().position(|column| column.figure == figure)?;
        let cell = self.cells.get(self.places[number]?);
        Some(cell.map_or("", |cell| cell.trim()))
    }

    fn count(&self, figure: &'static str) -> Result<Option<u64>, &'static str> {
        let Some(cell) = self.cell(figure) else {
            return Ok(None);
        };
        let digits = cell.replace(',', "");
        digits.parse().map(Some).map_err(|_| figure)
    }
}

/// The UTC day of a date or of a moment.
fn day(text: &str) -> Option<i64> {
    let moment = Timestamp::parse_date(text).or_else(|| rfc3339(text));
    // `2026-11-01 00:00:00`, without a zone, as exports in UTC have it.
    let moment = moment.or_else(|| Timestamp::parse_date(text.get(..10)?));
    moment.map(Timestamp::day)
}

fn dollars(text: &str) -> Option<Usd> {
    let digits: String = text
        .chars()
        .filter(|one| !matches!(one, '$' | ','))
        .collect();
    match digits.trim() {
        "" => Some(Usd::ZERO),
        digits => Usd::parse_rounded(digits).ok(),
    }
}

/// Lines with their numbers and cells, after RFC 4180: a quoted cell may hold
/// commas, line ends and doubled quotes. Empty lines are left out.
fn lines(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut lines = Vec::new();
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let (mut number, mut begun) = (1, 1);
    let mut letters = text.chars().chain(['\n']).peekable();
    while let Some(letter) = letters.next() {
        number += usize::from(letter == '\n');
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                let line = std::mem::take(&mut cells);
                if line.iter().any(|cell| !cell.is_empty()) {
                    lines.push((begun, line));
                }
                begun = number;
            }
            _ => cell.push(letter),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, map: &[(&str, &str)]) -> Result<Vec<String>, Wrong> {
        let map: Vec<_> = map
            .iter()
            .map(|(figure, heading)| ((*figure).to_owned(), (*heading).to_owned()))
            .collect();
        let book = book(text, &map)?;
        let row = |(entry, figures): (&Entry, &Figures)| {
            let day = tollgate::Dimension::day(entry.day);
            let model = &entry.model;
            format!("{day} {model} {} {:?}", figures.cost(), figures.requests)
        };
        Ok(book.iter().map(row).collect())
    }

    #[test]
    fn columns_are_found_by_their_headings_in_any_order() {
        let text = "Model,Requests,Cost (USD),Date\n\
                    \"a,one\",\"1,000\",\"$1,234.5\",2026-08-08\n\n\
                    b/two,2,1e-7,2026-08-09T23:59:59Z\r\n\
                    b/two,3,0.1,2026-08-09 10:00:00\n";
        let read = rows(text, &[]).unwrap();
        let expected = [
            "2026-08-08 a,one 1234.5 Some(1000)",
            "2026-08-09 b/two 0.1000001 Some(5)",
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn headings_can_be_named() {
        let text = "\u{feff}When,What,Price\n2026-08-08,a/one,1\n";
        let refused = rows(text, &[]).unwrap_err();
        assert!(refused.1.contains("--map date=HEADING"), "{refused:?}");
        assert!(refused.1.contains("When, What, Price"), "{refused:?}");
        let map = [("date", "when"), ("model", "What"), ("cost", "Price")];
        assert_eq!(rows(text, &map).unwrap(), ["2026-08-08 a/one 1 None"]);
        let refused = rows(text, &[("price", "Price")]).unwrap_err();
        assert!(refused.1.contains("requests"), "{refused:?}");
        assert!(rows(text, &[("cost", "Prize")]).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let head = "date,model,cost,requests\n";
        for (row, figure) in [
            ("tomorrow,a/one,1,1", "date"),
            ("2026-08-08,,1,1", "model"),
            ("2026-08-08,a/one,dear,1", "cost"),
            ("2026-08-08,a/one,1,many", "requests"),
        ] {
            let text = format!("{head}2026-08-08,\"two\nlines\",1,1\n{row}\n");
            let (what, _) = rows(&text, &[]).unwrap_err();
            assert!(what.contains(&format!("line 4 has no {figure}")), "{what}");
        }
        assert!(rows("", &[]).is_err());
        assert_eq!(rows(head, &[]).unwrap(), [""; 0]);
    }
}
