use tollgate_core::{CatalogView, ModelId, ModelIndex};

use crate::suggest::did_you_mean;

/// Suffixes that tell OpenRouter how to serve a model and are no entries of
/// the list. Others (`:free`, `:batch`) are models of their own or nothing.
const SERVING: &[&str] = &["nitro", "floor", "exacto", "online", "thinking"];

/// How many suggestions come with an unknown id.
const SUGGESTIONS: usize = 3;

/// What an id that a caller named stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// A listed model, by its id or its canonical name.
    Exact(ModelIndex),
    /// A name for whatever model is newest; the list says which.
    Alias {
        /// The alias itself; it has its own price and can be sent upstream.
        alias: ModelIndex,
        /// The model behind it, when that is listed.
        target: Option<ModelIndex>,
    },
    /// A listed model with suffixes that say how to serve it: routing looks at
    /// the base, and the whole id goes upstream.
    Variant {
        /// The model.
        base: ModelIndex,
        /// The suffixes, without the first colon.
        suffix: String,
    },
    /// Not in the list.
    Unknown {
        /// The closest ids, the closest first; may be empty.
        suggestions: Vec<ModelId>,
    },
}

/// Finds out what `id` stands for.
///
/// Suffixes are read from the right, and may be stacked (`author/slug:free:online`).
pub fn resolve(view: &CatalogView, id: &str) -> Resolution {
    if let Some(found) = view.find(id) {
        return match &view.model(found).alias_of {
            Some(target) => Resolution::Alias {
                alias: found,
                target: view.find(target.as_str()),
            },
            None => Resolution::Exact(found),
        };
    }
    let mut base = id;
    while let Some((shorter, suffix)) = base.rsplit_once(':')
        && SERVING.contains(&suffix)
    {
        base = shorter;
        if let Some(found) = view.find(base) {
            return Resolution::Variant {
                base: found,
                suffix: id[base.len() + 1..].to_owned(),
            };
        }
    }
    let suggestions = did_you_mean(view, id, SUGGESTIONS);
    Resolution::Unknown {
        suggestions: suggestions
            .iter()
            .map(|place| view.model(*place).id.clone())
            .collect(),
    }
}
