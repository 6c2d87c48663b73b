//! Names of models at the company that makes them.

use tollgate_core::ModelId;
use tollgate_wire::Model;

use super::form::{Form, dated, spelt};
use super::{How, surest};

/// The forms of names, with their dates apart.
pub(super) fn forms<'a>(names: impl Iterator<Item = &'a ModelId>) -> Vec<Form<'a>> {
    names
        .map(|name| {
            let bare = name.as_str().to_lowercase();
            let spelt = spelt(&bare);
            let (stem, date) = match dated(&spelt) {
                Some((stem, date)) => (stem.to_owned(), Some(date)),
                None => (spelt.clone(), None),
            };
            Form {
                name,
                has_author: bare.contains('/'),
                bare,
                spelt,
                stem,
                date,
            }
        })
        .collect()
}

/// The names that fit a model best, and how.
pub(super) fn best(model: &Model, id: &ModelId, forms: &[Form<'_>]) -> Option<(How, Vec<ModelId>)> {
    let slug = slug(id.as_str()).to_lowercase();
    let wanted = spelt(&slug);
    // A name without a version moves on to other models behind `-latest`.
    let is_versioned = slug.bytes().any(|byte| byte.is_ascii_digit());
    let latest = is_versioned.then(|| format!("{wanted}-latest"));
    let date = model
        .canonical_slug
        .as_deref()
        .and_then(|canonical| dated(self::slug(canonical)).map(|(_, date)| date));
    surest(forms, |form| {
        if form.bare == slug {
            return Some(How::Same);
        }
        if form.spelt == wanted {
            return Some(How::Spelling);
        }
        if latest.as_ref() == Some(&form.spelt) {
            return Some(How::Latest);
        }
        if form.date.is_none() || form.stem != wanted {
            return None;
        }
        match &date {
            None => Some(How::OnlyDate),
            known if *known == form.date => Some(How::Date),
            Some(_) => None,
        }
    })
}

fn slug(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, slug)| slug)
}
