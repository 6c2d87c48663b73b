use tollgate_core::{GenerationId, ModelId, ProviderId, Served};

/// Who served, from the upstream's words. A word that cannot be an id is left out.
pub(crate) fn served(
    model: Option<&str>,
    provider: Option<&str>,
    generation: Option<&str>,
) -> Served {
    Served {
        model: model.and_then(|model| ModelId::new(model).ok()),
        provider: provider.and_then(|provider| ProviderId::new(provider).ok()),
        generation: generation.and_then(|generation| GenerationId::new(generation).ok()),
    }
}
