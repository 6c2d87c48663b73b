//! What a listed model can do, and what sets it apart.

use tollgate_core::{Capabilities, ModelId, OfferTraits, Pricing, Timestamp};
use tollgate_wire::{Modality, Model, ReasoningTraits};

/// Parameters that prove a capability.
const BY_PARAMETER: &[(&str, Capabilities)] = &[
    ("tools", Capabilities::TOOLS),
    ("tool_choice", Capabilities::TOOL_CHOICE),
    ("structured_outputs", Capabilities::STRUCTURED_OUTPUT),
    ("response_format", Capabilities::RESPONSE_FORMAT),
    ("reasoning", Capabilities::REASONING),
    ("include_reasoning", Capabilities::REASONING),
    ("reasoning_effort", Capabilities::REASONING),
    ("logprobs", Capabilities::LOGPROBS),
    ("seed", Capabilities::SEED),
    ("stop", Capabilities::STOP),
];

const BY_INPUT: &[(Modality, Capabilities)] = &[
    (Modality::Image, Capabilities::IMAGE_INPUT),
    (Modality::Audio, Capabilities::AUDIO_INPUT),
    (Modality::Video, Capabilities::VIDEO_INPUT),
    (Modality::File, Capabilities::FILE_INPUT),
];

const BY_OUTPUT: &[(Modality, Capabilities)] = &[
    (Modality::Text, Capabilities::TEXT_OUTPUT),
    (Modality::Image, Capabilities::IMAGE_OUTPUT),
    (Modality::Audio, Capabilities::AUDIO_OUTPUT),
    (Modality::Embeddings, Capabilities::EMBEDDINGS_OUTPUT),
];

/// The suffix of ids that only a batch interface takes.
const BATCH: &str = "batch";

/// The tokenizer that the list names for entries that pick a model themselves.
const ROUTER_TOKENIZER: &str = "Router";

/// Whether the entry picks a model itself, or is an alias, which carries the
/// same tokenizer but stands for one model at a known price.
pub(crate) fn picks_a_model(model: &Model) -> bool {
    model.architecture.tokenizer.as_deref() == Some(ROUTER_TOKENIZER)
}

/// Whether the id stands for another model. Older lists mark aliases by their
/// id only and do not say for which.
pub(crate) fn is_alias(model: &Model) -> bool {
    model.alias_target.is_some() || model.id.starts_with('~')
}

/// Whether it is a model itself: no variant and no alias of one.
pub(crate) fn is_plain(model: &Model) -> bool {
    !is_alias(model) && ModelId::new(&model.id).is_ok_and(|id| id.variant().is_none())
}

/// Whether the parameter proves a capability.
pub(crate) fn proves(parameter: &str) -> bool {
    BY_PARAMETER.iter().any(|(one, _)| *one == parameter)
}

/// What these parameters prove.
pub(crate) fn by_parameters(supported: &[String]) -> Capabilities {
    let proven = BY_PARAMETER
        .iter()
        .filter(|(parameter, _)| supported.iter().any(|one| one == parameter));
    proven.fold(Capabilities::NONE, |can, (_, capability)| can | *capability)
}

/// What the model can do on at least one endpoint.
pub(crate) fn capabilities(model: &Model) -> Capabilities {
    let architecture = &model.architecture;
    let mut can = by_parameters(&model.supported_parameters);
    let modalities = [
        (BY_INPUT, &architecture.input_modalities),
        (BY_OUTPUT, &architecture.output_modalities),
    ];
    for (table, listed) in modalities {
        for (_, capability) in table
            .iter()
            .filter(|(modality, _)| listed.contains(modality))
        {
            can |= *capability;
        }
    }
    if model.reasoning.is_some() {
        can |= Capabilities::REASONING;
    }
    if model.pricing.input_cache_read.is_some() {
        can |= Capabilities::PROMPT_CACHE;
    }
    can
}

/// What rules the model out of ordinary competition.
pub(crate) fn traits(
    model: &Model,
    id: &ModelId,
    pricing: &Pricing,
    can: Capabilities,
) -> OfferTraits {
    let tiered = matches!(pricing, Pricing::Known(price) if !price.overrides.is_empty());
    let bits = [
        (OfferTraits::FREE, *pricing == Pricing::Free),
        (OfferTraits::BATCH_ONLY, id.variant() == Some(BATCH)),
        (OfferTraits::ALIAS, is_alias(model)),
        (OfferTraits::ROUTER, *pricing == Pricing::Dynamic),
        (OfferTraits::TIERED, tiered),
        (
            OfferTraits::NOT_CHAT,
            !can.contains(Capabilities::TEXT_OUTPUT),
        ),
    ];
    OfferTraits(
        bits.iter()
            .filter(|(_, holds)| *holds)
            .fold(0, |bits, (bit, _)| bits | bit),
    )
}

/// The share of output that is reasoning.
///
/// Rounded between mean and median over 234 models of completion and reasoning
/// tokens per request in 31 days to 2026-08-08, from OpenRouter's public usage
/// pages: mandatory 0.53 and 0.65, on by default 0.40 and 0.48, default not
/// said 0.37 and 0.42, off by default 0.10 and 0.06.
pub(crate) fn reasoning_share(reasoning: Option<&ReasoningTraits>) -> f32 {
    match reasoning {
        None => 0.0,
        Some(traits) if traits.mandatory => 0.6,
        Some(traits) if traits.default_enabled == Some(false) => 0.1,
        Some(_) => 0.4,
    }
}

/// What [`reasoning_share`] reads, without the rest.
pub(crate) fn reasoning_read_here(row: ReasoningTraits) -> ReasoningTraits {
    let mut traits = ReasoningTraits::default();
    traits.mandatory = row.mandatory;
    traits.default_enabled = row.default_enabled;
    traits
}

/// The moment after the last day.
pub(crate) fn expires(model: &Model) -> Option<Timestamp> {
    const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
    let last_day = Timestamp::parse_date(model.expiration_date.as_deref()?)?;
    Some(last_day.plus(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price;

    fn model(json: &str) -> Model {
        Model::parse(json.as_bytes()).unwrap()
    }

    fn traits_of(json: &str) -> OfferTraits {
        let model = model(json);
        let id = ModelId::new(&model.id).unwrap();
        traits(&model, &id, &price::of(&model), capabilities(&model))
    }

    #[test]
    fn capabilities_come_from_parameters_modalities_and_prices() {
        let can = capabilities(&model(
            r#"{"id":"a/b","supported_parameters":["tools","include_reasoning","top_k"],
            "architecture":{"input_modalities":["text","image"],"output_modalities":["text","hologram"]},
            "pricing":{"input_cache_read":"0.1"}}"#,
        ));
        assert_eq!(
            can.to_string(),
            "tools, reasoning, image_input, text_output, prompt_cache"
        );
    }

    #[test]
    fn what_does_not_compete_is_marked() {
        const TEXT: &str = r#""architecture":{"tokenizer":"Router","output_modalities":["text"]}"#;
        const PRICE: &str = r#""pricing":{"prompt":"1","completion":"1"}"#;
        const ZERO: &str = r#""pricing":{"prompt":"0","completion":"0"}"#;
        for (json, expected) in [
            (
                format!(r#"{{"id":"a/b:batch",{TEXT},{PRICE}}}"#),
                OfferTraits::BATCH_ONLY,
            ),
            (
                format!(r#"{{"id":"a/b:free",{TEXT},{ZERO}}}"#),
                OfferTraits::FREE,
            ),
            (
                format!(r#"{{"id":"a/free",{TEXT},{ZERO}}}"#),
                OfferTraits::ROUTER,
            ),
            (
                format!(r#"{{"id":"~a/x",{TEXT},{PRICE}}}"#),
                OfferTraits::ALIAS,
            ),
            (
                format!(r#"{{"id":"a/x","alias_target":{{"slug":"a/b"}},{TEXT},{PRICE}}}"#),
                OfferTraits::ALIAS,
            ),
            (format!(r#"{{"id":"a/b",{PRICE}}}"#), OfferTraits::NOT_CHAT),
            (format!(r#"{{"id":"a/b",{TEXT},{PRICE}}}"#), 0),
        ] {
            assert_eq!(traits_of(&json), OfferTraits(expected), "{json}");
        }
    }

    #[test]
    fn a_model_serves_on_its_last_day() {
        let model = model(r#"{"id":"a/b","expiration_date":"2026-12-31"}"#);
        assert_eq!(expires(&model), Timestamp::parse_date("2027-01-01"));
    }
}
