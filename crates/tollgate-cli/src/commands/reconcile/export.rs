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
    let lines = lines(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|number| {
        (
            format!("has a quote in line {number} that is never closed"),
            "close it; a quote inside of quotes is doubled".to_owned(),
        )
    })?;
    let mut lines = lines.into_iter();
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
                HINT.to_owned(),
            )
        })?;
        book.add(entry, figures);
    }
    Ok(book)
}

const HINT: &str = "dates are written 2026-11-01, costs as decimal dollars such as 1234.5 or \
                    1,234.50, counts as 1234 or 1,234; write 0 where there is none; --map names \
                    columns";

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
        // A cost is never left out, the part of it that is BYOK may be.
        let byok = self.cell("byok");
        let byok = byok.filter(|cell| !cell.is_empty());
        let figures = Figures {
            credits: self.cell("cost").and_then(dollars).ok_or("cost")?,
            provider: byok.map_or(Some(Usd::ZERO), dollars).ok_or("byok")?,
            requests: self.count("requests")?,
            prompt: self.count("input")?,
            output: self.count("output")?,
            one_sum: self.cell("byok").is_none(),
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
        let count = ungrouped(cell).and_then(|digits| digits.parse().ok());
        count.map(Some).ok_or(figure)
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
    const AROUND: [char; 3] = ['-', '$', ' '];
    let digits = text.trim_start_matches(AROUND);
    let sign = match text[..text.len() - digits.len()].matches('-').count() {
        0 => "",
        1 => "-",
        _ => return None,
    };
    let digits = ungrouped(digits.trim_end_matches(['$', ' ']))?;
    Usd::parse_rounded(&format!("{sign}{digits}")).ok()
}

/// A number without the commas between groups of three digits. None when a comma
/// is anything else: in half of the world it begins the decimals.
fn ungrouped(number: &str) -> Option<String> {
    let end = number.find('.').unwrap_or(number.len());
    let (whole, rest) = number.split_at(end);
    if rest.contains(',') {
        return None;
    }
    let mut groups = whole.split(',');
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    let begins_well = (1..=3).contains(&first.len()) && is_digits(first) && !first.starts_with('0');
    if whole.contains(',') && !begins_well {
        return None;
    }
    let all_threes = groups.all(|group| group.len() == 3 && is_digits(group));
    all_threes.then(|| number.replace(',', ""))
}

/// Lines with their numbers and cells, after RFC 4180: a quoted cell may hold
/// commas, line ends and doubled quotes; a quote within any other cell is a
/// letter. Empty lines are left out.
///
/// # Errors
/// The line in which a quote is opened that is never closed.
fn lines(text: &str) -> Result<Vec<(usize, Vec<String>)>, usize> {
    let mut lines = Vec::new();
    let mut opened = 1;
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let (mut number, mut begun) = (1, 1);
    let mut letters = text.chars().chain(['\n']).peekable();
    while let Some(letter) = letters.next() {
        number += usize::from(letter == '\n');
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' if quoted => quoted = false,
            '"' if cell.trim().is_empty() => (quoted, opened) = (true, number),
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
    if quoted { Err(opened) } else { Ok(lines) }
}

#[cfg(test)]
mod tests;
