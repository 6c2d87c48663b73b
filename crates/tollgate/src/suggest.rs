//! The closest models to one that a caller named and nobody has.

use tollgate_catalog::did_you_mean;
use tollgate_core::{CatalogView, Failure, FailureKind, Surface};

/// How many are named.
const NAMED: usize = 3;

/// The failure to plan, with the closest names where the one that was asked for is unknown.
pub(crate) fn suggested(failure: Failure, surface: Surface, view: &CatalogView) -> Failure {
    if failure.kind() != FailureKind::NotFound {
        return failure;
    }
    if surface == Surface::Embeddings {
        // Vectors of another model are no substitute, and no policy chooses one.
        return failure
            .with_hint("see `tollgate models --can embeddings_output` for the models there are");
    }
    let mut context = failure.context().iter();
    let Some((_, asked)) = context.find(|(key, _)| *key == "model") else {
        return failure;
    };
    let closest = did_you_mean(view, asked, NAMED);
    let closest: Vec<&str> = closest
        .iter()
        .map(|place| view.model(*place).id.as_str())
        .collect();
    match closest.is_empty() {
        true => failure,
        false => failure.with_hint(format!(
            "closest: {}; or name a virtual one such as `tollgate/auto`",
            closest.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use tollgate_testkit::views::{ModelSpec, view};

    use super::*;

    fn hint(asked: &str, surface: Surface) -> Option<String> {
        let view = view([
            ModelSpec::new("openai/gpt-oss-120b"),
            ModelSpec::new("mistralai/mistral-small"),
        ]);
        let failure = Failure::new(FailureKind::NotFound, "no such model").with("model", asked);
        suggested(failure, surface, &view).hint().map(str::to_owned)
    }

    #[test]
    fn a_name_with_a_slip_is_told_what_is_close_to_it() {
        let told = hint("opnai/gpt-oss-120b", Surface::Chat).expect("a hint");
        assert!(told.starts_with("closest: openai/gpt-oss-120b"), "{told}");
        assert_eq!(hint("zzz/qqq", Surface::Chat), None);
        let told = hint("opnai/gpt-oss-120b", Surface::Embeddings).expect("a hint");
        assert!(told.contains("embeddings_output"), "{told}");
    }

    #[test]
    fn nothing_else_is_touched() {
        let view = view([ModelSpec::new("a/b")]);
        let failure = Failure::new(FailureKind::ContextLength, "too long").with("model", "a/b");
        assert_eq!(suggested(failure, Surface::Chat, &view).hint(), None);
    }
}
