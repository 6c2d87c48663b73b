use tollgate_core::{GenerationId, ModelId, ProviderId, Served};

/// Who served, from the upstream's words. A word that cannot be an id is left out.
pub(crate) fn served(
    model: Option<&str>,
    provider: Option<&str>,
    generation: Option<&str>,
) -> Served {
    Served {
        model: model.and_then(|model| ModelId::new(model).ok()),
        provider: provider.and_then(provider_id),
        generation: generation.and_then(|generation| GenerationId::new(generation).ok()),
    }
}

/// Providers go by display names such as `Example Labs`, and ids have no spaces.
fn provider_id(name: &str) -> Option<ProviderId> {
    if !name.contains(char::is_whitespace) {
        return ProviderId::new(name).ok();
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    ProviderId::new(words.join("-")).ok()
}
