//! Who serves a stream.

use tollgate_core::{GenerationId, Served};

use crate::served::served;

/// Who serves a stream. Every chunk says it; only news are worth the allocation.
#[derive(Debug, Default)]
pub(crate) struct ServedBy {
    known: Served,
    /// The provider by its display name, which is not its id.
    provider: String,
}

impl ServedBy {
    pub(crate) fn news(
        &mut self,
        model: Option<&str>,
        provider: Option<&str>,
        id: Option<&str>,
    ) -> Option<Box<Served>> {
        let Served {
            model: known_model,
            generation,
            ..
        } = &self.known;
        let model = news(model, known_model.as_ref().map(|id| id.as_str()));
        let id = news(id, generation.as_ref().map(|id| id.as_str()));
        let provider = news(provider, Some(&self.provider));
        model.or(id).or(provider)?;
        if let Some(provider) = provider {
            self.provider = provider.to_owned();
        }
        self.known.update(&served(model, provider, id));
        Some(Box::new(self.known.clone()))
    }

    /// The generation, once a chunk has named it.
    pub(crate) fn generation(&self) -> Option<&str> {
        self.known.generation.as_ref().map(GenerationId::as_str)
    }
}

/// What is said, unless it is known.
fn news<'a>(said: Option<&'a str>, known: Option<&str>) -> Option<&'a str> {
    said.filter(|said| known != Some(*said))
}
