//! The names that direct providers have for the models of the catalog.

use std::sync::Arc;

use super::Host;
use crate::catalog::{Catalog, Model, Resolved};

/// The author whose models a direct provider serves.
const AUTHORS: [(Host, &str); 3] = [
    (Host::OpenAi, "openai"),
    (Host::Anthropic, "anthropic"),
    (Host::Gemini, "google"),
];

/// The recorded catalog has no embeddings, so invented ones answer under OpenAI's names: its name,
/// the catalog's, and the length of its vectors.
const EMBEDDINGS: [(&str, &str, u64); 2] = [
    ("text-embedding-3-small", "sim-labs/embed-small", 1_536),
    ("text-embedding-3-large", "sim-labs/embed-large", 3_072),
];

impl Host {
    /// The models that this host serves, each with its name here.
    pub(crate) fn models(self, catalog: &Catalog) -> Vec<(String, Arc<Model>)> {
        catalog
            .models()
            .iter()
            .filter_map(|model| Some((self.name_of(model)?, Arc::clone(model))))
            .collect()
    }

    /// What a name means here.
    pub(crate) fn find(self, catalog: &Catalog, name: &str) -> Option<Resolved> {
        if !self.is_direct() {
            return catalog.find(name);
        }
        if let Some((_, id, _)) = self.embedding(name) {
            return catalog.find(id);
        }
        let is_named = |model: &&Arc<Model>| {
            self.name_of(model)
                .is_some_and(|known| known == name || self.dated(&known, model) == name)
        };
        let model = catalog.models().iter().find(is_named)?;
        Some(Resolved {
            model: Arc::clone(model),
            strategy: "direct",
        })
    }

    /// What this host calls a model; `None` where it does not serve it.
    pub(crate) fn name_of(self, model: &Model) -> Option<String> {
        self.name_of_id(&model.id)
    }

    /// What this host calls the model of an id of the catalog.
    pub(crate) fn name_of_id(self, id: &str) -> Option<String> {
        if let Some((name, _, _)) = self.embedding(id) {
            return Some((*name).to_owned());
        }
        let (_, author) = AUTHORS.iter().find(|(host, _)| *host == self)?;
        let slug = id.strip_prefix(author)?.strip_prefix('/')?;
        // Variants (`:free`, `:batch`) are OpenRouter's.
        let is_variant = slug.contains(':');
        let name = match self {
            Self::Anthropic => slug.replace('.', "-"),
            _ => slug.to_owned(),
        };
        Some(name).filter(|_| !is_variant)
    }

    /// What an answer reports as its model.
    pub(crate) fn served_name(self, model: &Model) -> String {
        match self.name_of(model) {
            Some(name) => self.dated(&name, model),
            None => model.canonical_slug.clone(),
        }
    }

    /// The usual length of a vector of this model.
    pub(crate) fn dimensions(self, name: &str) -> Option<u64> {
        self.embedding(name).map(|(_, _, dimensions)| *dimensions)
    }

    fn embedding(self, name: &str) -> Option<&'static (&'static str, &'static str, u64)> {
        let is_it = |row: &&(&str, &str, u64)| row.0 == name || row.1 == name;
        EMBEDDINGS
            .iter()
            .filter(|_| self == Self::OpenAi)
            .find(is_it)
    }

    /// The name with the date of its release as the host writes it, where the catalog knows one.
    fn dated(self, name: &str, model: &Model) -> String {
        let date = model.canonical_slug.rsplit('-').next().unwrap_or_default();
        let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Anthropic if is_date => format!("{name}-{date}"),
            Self::OpenAi if is_date => {
                let (year, rest) = date.split_at(4);
                let (month, day) = rest.split_at(2);
                format!("{name}-{year}-{month}-{day}")
            }
            Self::OpenAi => {
                let slug = model.canonical_slug.strip_prefix("openai/");
                slug.unwrap_or(name).to_owned()
            }
            _ => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Host;
    use crate::catalog::Catalog;

    #[test]
    fn models_have_the_names_of_their_host() {
        let catalog = Catalog::embedded();
        for (host, name, id, served) in [
            (
                Host::OpenAi,
                "gpt-4o-mini",
                "openai/gpt-4o-mini",
                "gpt-4o-mini",
            ),
            (
                Host::OpenAi,
                "gpt-5.4",
                "openai/gpt-5.4",
                "gpt-5.4-2026-03-05",
            ),
            (Host::OpenAi, "o3", "openai/o3", "o3-2025-04-16"),
            (
                Host::Anthropic,
                "claude-haiku-4-5",
                "anthropic/claude-haiku-4.5",
                "claude-haiku-4-5-20251001",
            ),
            (
                Host::Gemini,
                "gemini-2.5-flash",
                "google/gemini-2.5-flash",
                "gemini-2.5-flash",
            ),
        ] {
            for name in [name, served] {
                let found = host.find(&catalog, name).unwrap();
                assert_eq!(found.model.id, id);
                assert_eq!(host.served_name(&found.model), served);
            }
        }
    }

    #[test]
    fn no_host_knows_the_names_of_another() {
        let catalog = Catalog::embedded();
        for (host, name) in [
            (Host::OpenAi, "openai/gpt-4o-mini"),
            (Host::OpenAi, "gpt-4o-mini:batch"),
            (Host::OpenAi, "claude-haiku-4-5"),
            (Host::Anthropic, "claude-haiku-4.5"),
            (Host::Gemini, "models/gemini-2.5-flash"),
            (Host::Gemini, "text-embedding-3-small"),
        ] {
            assert!(host.find(&catalog, name).is_none(), "{host} {name}");
        }
    }

    #[test]
    fn names_are_unique_at_a_host() {
        for host in [Host::OpenAi, Host::Anthropic, Host::Gemini] {
            let mut names: Vec<String> = host
                .models(&Catalog::embedded())
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{host}");
            assert!(all > 5, "{host}");
        }
    }
}
