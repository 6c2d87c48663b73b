//! Did you mean: the closest live ids to one that is not in the list.

use std::collections::{HashMap, HashSet};

use tollgate_core::{Capabilities, CatalogView, ModelFacts, ModelIndex, OfferTraits, Timestamp};

use crate::similarity::similarity;

/// The models whose ids are closest to `text`, the closest first, at most
/// `count`; empty when nothing is close.
///
/// An id is compared by its author, then by its words, where a rare word (a
/// family) counts for more than a common one and a version number for less:
/// versions retire, families stay. Of equals the plain model goes before its
/// variants, and the newer before the older.
pub fn did_you_mean(view: &CatalogView, text: &str, count: usize) -> Vec<ModelIndex> {
    let words = Words::of(view.models());
    let asked = Name::parse(text);
    let newest = view
        .models()
        .iter()
        .map(|model| model.created)
        .max()
        .unwrap_or_default();
    let mut scored: Vec<(f64, ModelIndex)> = (0..)
        .map(ModelIndex)
        .zip(view.models())
        .filter(|(_, model)| model.expires.is_none_or(|expires| expires > view.as_of()))
        .map(|(place, model)| {
            let score = words.closeness(&asked, &Name::parse(model.id.as_str()));
            (
                score - oddness(view, place, text) + freshness(model, newest),
                place,
            )
        })
        .filter(|(score, _)| *score >= CLOSE)
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.truncate(count);
    scored.into_iter().map(|(_, place)| place).collect()
}

/// Least score of a suggestion; below it, ids share little more than an author
/// or a common word.
const CLOSE: f64 = 0.4;

// Weights of the parts of a score; they add up to one.
const AUTHOR: f64 = 0.35;
const COVERED: f64 = 0.45;
const PRECISE: f64 = 0.10;
const SPELT: f64 = 0.10;

/// What a version number counts beside a word.
const NUMBER_WEIGHT: f64 = 0.3;

/// An id in parts, in lower case.
#[derive(Debug)]
struct Name {
    author: Option<String>,
    words: Vec<String>,
}

impl Name {
    fn parse(text: &str) -> Self {
        let text = text.trim().trim_start_matches('~').to_lowercase();
        match text.split_once('/') {
            Some((author, slug)) => Self {
                author: Some(author.into()),
                words: split(slug),
            },
            None => Self {
                author: None,
                words: split(&text),
            },
        }
    }

    /// The words to look for a bare slug in: people leave the author out, or write it as a word.
    fn all_words(&self) -> Vec<String> {
        let author = self.author.as_deref().map(split).unwrap_or_default();
        author
            .into_iter()
            .chain(self.words.iter().cloned())
            .collect()
    }
}

/// Runs of letters and digits; letters followed by digits are two words
/// (`gpt4` is `gpt 4`), digits followed by letters are one (`70b`).
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for letter in text.chars() {
        if letter.is_alphanumeric() {
            let starts =
                !last.is_alphanumeric() || (last.is_alphabetic() && letter.is_ascii_digit());
            match words.last_mut() {
                Some(word) if !starts => word.push(letter),
                _ => words.push(letter.into()),
            }
        }
        last = letter;
    }
    words
}

/// How telling each word is: rare words more than common ones.
struct Words {
    models: f64,
    carriers: HashMap<String, f64>,
}

impl Words {
    fn of(models: &[ModelFacts]) -> Self {
        let mut carriers: HashMap<String, f64> = HashMap::new();
        for model in models {
            let words: HashSet<String> = Name::parse(model.id.as_str())
                .all_words()
                .into_iter()
                .collect();
            for word in words {
                *carriers.entry(word).or_default() += 1.0;
            }
        }
        Self {
            models: models.len() as f64,
            carriers,
        }
    }

    fn weight(&self, word: &str) -> f64 {
        let carriers = self.carriers.get(word).copied().unwrap_or(0.0);
        let telling = ((self.models + 1.0) / (carriers + 1.0)).ln() + 0.1;
        if word.starts_with(|letter: char| letter.is_ascii_digit()) {
            telling * NUMBER_WEIGHT
        } else {
            telling
        }
    }

    fn closeness(&self, asked: &Name, offered: &Name) -> f64 {
        let (authors, offered) = match (&asked.author, &offered.author) {
            (Some(asked), Some(offered_author)) => (
                Some(author_closeness(asked, offered_author)),
                offered.words.clone(),
            ),
            _ => (None, offered.all_words()),
        };
        let words = COVERED * self.share(&asked.words, &offered)
            + PRECISE * self.share(&offered, &asked.words)
            + SPELT * similarity(&asked.words.join("-"), &offered.join("-"));
        match authors {
            Some(authors) => AUTHOR * authors + words,
            None => words / (1.0 - AUTHOR),
        }
    }

    /// Weighted share of `wanted` that has a counterpart in `there`.
    fn share(&self, wanted: &[String], there: &[String]) -> f64 {
        let (mut met, mut total) = (0.0, 0.0);
        for word in wanted {
            let weight = self.weight(word);
            let best = there
                .iter()
                .map(|other| word_closeness(word, other))
                .fold(0.0, f64::max);
            met += weight * best;
            total += weight;
        }
        if total > 0.0 { met / total } else { 0.0 }
    }
}

fn word_closeness(a: &str, b: &str) -> f64 {
    const ALIKE: f64 = 0.7;
    if a == b {
        return 1.0;
    }
    let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
    // Short words and numbers are alike by accident, and letters that are missing are edits.
    let is_hopeless = shorter < 4 || (shorter as f64) < ALIKE * longer as f64;
    let alike = if is_hopeless { 0.0 } else { similarity(a, b) };
    if alike >= ALIKE { alike * alike } else { 0.0 }
}

/// Authors are often written short: one name that begins the other is nearly the same.
fn author_closeness(a: &str, b: &str) -> f64 {
    let begins = a.starts_with(b) || b.starts_with(a);
    if a != b && begins && a.len().min(b.len()) >= 3 {
        return 0.9;
    }
    word_closeness(a, b)
}

/// What sets a model apart costs it, unless the text asked for that variant.
fn oddness(view: &CatalogView, place: ModelIndex, text: &str) -> f64 {
    const ODD: u8 = OfferTraits::BATCH_ONLY | OfferTraits::ROUTER | OfferTraits::NOT_CHAT;
    let model = view.model(place);
    let asked_for = model
        .id
        .variant()
        .is_some_and(|variant| text.ends_with(variant));
    let traits = view
        .offers_of(place)
        .next()
        .map(|offer| view.offer(offer).traits)
        .unwrap_or_default();
    let makes_media = view.offers_of(place).any(|offer| {
        let can = view.offer(offer).can;
        can.contains(Capabilities::IMAGE_OUTPUT) || can.contains(Capabilities::AUDIO_OUTPUT)
    });
    let cost = [
        (0.25, traits.any(ODD)),
        (0.10, model.id.variant().is_some() && !asked_for),
        (0.05, traits.any(OfferTraits::ALIAS)),
        (0.05, makes_media),
    ];
    cost.iter()
        .filter(|(_, holds)| *holds)
        .map(|(cost, _)| cost)
        .sum()
}

/// Up to 0.03 for the newest, nothing after four years.
fn freshness(model: &ModelFacts, newest: Timestamp) -> f64 {
    const FOUR_YEARS: f64 = 4.0 * 31_557_600.0;
    let age = newest.since(model.created).as_secs_f64();
    0.03 * (1.0 - age / FOUR_YEARS).max(0.0)
}
