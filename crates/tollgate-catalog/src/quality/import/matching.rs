//! From the names in published tables to the catalog's ids.

use std::collections::BTreeSet;

use tollgate_core::ModelId;
use tollgate_wire::Model;

use crate::facts;
use crate::names::form::{dated, spelt};

/// How a name was found, the surest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// It is the id, or the slug in it, but for the case.
    Same,
    /// It is the permanent name, or the name for people.
    Other,
    /// It is the same but for points, dashes and blanks.
    Spelling,
    /// It is the same with the date of the permanent name.
    Date,
    /// It is the same with a date, where the catalog knows none.
    AnyDate,
    /// It has the same words in another order, and the same numbers in the
    /// same order: `claude-4-1-opus` and `claude-opus-4.1`.
    Order,
}

/// What a name fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit<'n> {
    One(Level, &'n str),
    Several,
    None,
}

/// What tables add to the name of a model that runs as it does by default.
/// Other settings make another row of it, which nothing stands for here.
const DEFAULTS: [&str; 3] = ["-base", "-default", "-default-think"];

/// The forms of all models of a catalog.
pub(super) struct Names<'a>(Vec<Known<'a>>);

struct Known<'a> {
    id: &'a str,
    slug: String,
    spelt: String,
    ordered: String,
    date: Option<String>,
    others: BTreeSet<String>,
}

impl<'a> Names<'a> {
    /// Variants and aliases have no scores of their own.
    pub(super) fn of(listing: &'a [Model]) -> Self {
        let plain = listing.iter().filter(|model| facts::is_plain(model));
        Self(plain.map(Known::of).collect())
    }

    /// The model that a name fits in the surest way in which it fits any.
    pub(super) fn fit(&self, name: &str) -> Fit<'a> {
        let wanted = Wanted::of(name);
        let fitting = self.0.iter().filter_map(|known| {
            let level = known.level(&wanted)?;
            Some((level, known.id))
        });
        let mut fitting: Vec<(Level, &str)> = fitting.collect();
        fitting.sort_unstable();
        match fitting.as_slice() {
            [] => Fit::None,
            [(first, _), (second, _), ..] if first == second => Fit::Several,
            [(level, id), ..] => Fit::One(*level, id),
        }
    }
}

impl<'a> Known<'a> {
    fn of(model: &'a Model) -> Self {
        let id = model.id.as_str();
        let slug = bare(slug(id));
        let canonical = model
            .canonical_slug
            .as_deref()
            .map(|name| bare(self::slug(name)));
        let spelt_canonical = canonical.as_deref().map(spelt);
        let date = spelt_canonical.as_deref().and_then(dated);
        // `Author: Name`; without a point, a name says too little of the version.
        let people = model.name.as_deref();
        let people = people.and_then(|name| Some(spelt(&bare(name.split_once(": ")?.1))));
        Self {
            id,
            spelt: spelt(&slug),
            ordered: ordered(&spelt(&slug)),
            date: date.map(|(_, date)| date),
            others: spelt_canonical.iter().cloned().chain(people).collect(),
            slug,
        }
    }

    fn level(&self, wanted: &Wanted) -> Option<Level> {
        if !wanted.is_by(self.id) {
            return None;
        }
        let agrees = match (&wanted.date, &self.date) {
            (Some(wanted), Some(known)) => wanted == known,
            _ => true,
        };
        let same_date = if self.date.is_some() {
            Level::Date
        } else {
            Level::AnyDate
        };
        [
            (self.slug == wanted.bare, Level::Same),
            (self.others.contains(&wanted.spelt), Level::Other),
            (self.spelt == wanted.spelt, Level::Spelling),
            (agrees && self.spelt == wanted.stem, same_date),
            (agrees && self.others.contains(&wanted.stem), same_date),
            (agrees && self.ordered == wanted.ordered, Level::Order),
        ]
        .into_iter()
        .find_map(|(fits, level)| fits.then_some(level))
    }
}

/// The forms of a name in a table.
struct Wanted {
    author: Option<String>,
    bare: String,
    spelt: String,
    stem: String,
    ordered: String,
    date: Option<String>,
}

impl Wanted {
    fn of(name: &str) -> Self {
        let name = bare(name);
        let plain = DEFAULTS.iter().find_map(|end| name.strip_suffix(end));
        let name = plain.unwrap_or(&name);
        let bare = slug(name).to_owned();
        let author = ModelId::new(name).ok();
        let author = author.and_then(|id| id.author().map(str::to_owned));
        let spelt = spelt(&bare);
        let (stem, date) = match dated(&spelt) {
            Some((stem, date)) => (stem.to_owned(), Some(date)),
            None => (spelt.clone(), None),
        };
        Self {
            author,
            ordered: ordered(&stem),
            bare,
            spelt,
            stem,
            date,
        }
    }

    /// Whether the author that the name says, if any, is the model's.
    fn is_by(&self, id: &str) -> bool {
        let author = id.split_once('/').map(|(author, _)| author);
        self.author.is_none() || self.author.as_deref() == author
    }
}

/// Lower case, with dashes for blanks and without brackets.
fn bare(name: &str) -> String {
    let name = name.trim().to_lowercase();
    let kept: String = name.chars().filter(|c| !"(),".contains(*c)).collect();
    kept.split_whitespace().collect::<Vec<_>>().join("-")
}

/// Words sorted, then the numbers in their order: a version read backwards
/// would be another version.
fn ordered(stem: &str) -> String {
    let is_number = |part: &&str| part.starts_with(|first: char| first.is_ascii_digit());
    let (numbers, mut words): (Vec<&str>, Vec<&str>) = stem.split('-').partition(is_number);
    words.sort_unstable();
    words.extend(numbers);
    words.join("-")
}

fn slug(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, slug)| slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(rows: &[(&str, &str, &str)]) -> Vec<Model> {
        let parse = |(id, canonical, name): &(&str, &str, &str)| {
            let text = format!(r#"{{"id":"{id}","canonical_slug":"{canonical}","name":"{name}"}}"#);
            Model::parse(text.as_bytes()).unwrap()
        };
        rows.iter().map(parse).collect()
    }

    #[test]
    fn names_are_found_in_normal_forms_and_never_by_likeness() {
        let listed = models(&[
            (
                "a/claude-opus-4.1",
                "a/claude-4.1-opus-20250805",
                "A: Claude Opus 4.1",
            ),
            ("o/gpt-4o", "o/gpt-4o", "O: GPT-4o"),
            (
                "o/gpt-4o-2024-08-06",
                "o/gpt-4o-2024-08-06",
                "O: GPT-4o (2024-08-06)",
            ),
            ("o/gpt-4.5", "o/gpt-4.5", "O: GPT-4.5"),
            ("o/gpt-5.4", "o/gpt-5.4", "O: GPT-5.4"),
            (
                "d/deepseek-chat-v3-0324",
                "d/deepseek-chat-v3-0324",
                "D: DeepSeek V3 0324",
            ),
            ("x/same", "x/same", "X: Same"),
            ("y/same", "y/same", "Y: Same"),
        ]);
        let names = Names::of(&listed);
        for (name, expected) in [
            (
                "claude-4-1-opus-20250805-base",
                Fit::One(Level::Other, "a/claude-opus-4.1"),
            ),
            (
                "claude-opus-4-1-20250805",
                Fit::One(Level::Date, "a/claude-opus-4.1"),
            ),
            (
                "Claude Opus 4.1 (20250805)",
                Fit::One(Level::Date, "a/claude-opus-4.1"),
            ),
            (
                "claude-4-1-opus",
                Fit::One(Level::Order, "a/claude-opus-4.1"),
            ),
            ("claude-opus-4-1-20250806", Fit::None),
            ("claude-opus-4-1-thinking", Fit::None),
            (
                "gpt-4o-2024-08-06",
                Fit::One(Level::Same, "o/gpt-4o-2024-08-06"),
            ),
            ("gpt-4o-2024-11-20", Fit::One(Level::AnyDate, "o/gpt-4o")),
            ("gpt-5-4", Fit::One(Level::Other, "o/gpt-5.4")),
            (
                "DeepSeek V3 (0324)",
                Fit::One(Level::Other, "d/deepseek-chat-v3-0324"),
            ),
            ("gpt-4o-min", Fit::None),
            ("same", Fit::Several),
            ("Y/Same", Fit::One(Level::Same, "y/same")),
            ("a + b", Fit::None),
        ] {
            assert_eq!(names.fit(name), expected, "{name}");
        }
    }

    #[test]
    fn versions_are_not_read_backwards() {
        assert_ne!(ordered("gpt-4-5"), ordered("gpt-5-4"));
        assert_eq!(ordered("claude-4-1-opus"), ordered("claude-opus-4-1"));
    }
}
