//! How the answer is made: `generationConfig`.

use super::schema;
use crate::raw::as_text;
use crate::translate::from_chat::{output_limit, value};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{ChatRequest, Modality, Object, ParseError, Reasoning, ReasoningEffort, Thinking};

/// Options that have another name only.
const NAMED: &[(&str, &str)] = &[
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("n", "candidateCount"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
];

/// How hard to think: the word in a chat, the nearest level there is, whether it is the same, and a budget in tokens.
#[rustfmt::skip]
const LEVELS: &[(ReasoningEffort, &str, bool, u64)] = &[
    (ReasoningEffort::Max,     "high",    false, 24_576),
    (ReasoningEffort::XHigh,   "high",    false, 24_576),
    (ReasoningEffort::High,    "high",    true,  24_576),
    (ReasoningEffort::Medium,  "medium",  true,   8_192),
    (ReasoningEffort::Low,     "low",     true,   1_024),
    (ReasoningEffort::Minimal, "minimal", true,     512),
    (ReasoningEffort::None,    "minimal", false,      0),
];

const IMAGES: &[(&str, &str)] = &[("aspect_ratio", "aspectRatio"), ("image_size", "imageSize")];

pub(super) fn of(
    chat: &ChatRequest,
    thinking: Thinking,
    losses: &mut Losses,
) -> Result<Object, ParseError> {
    let from = chat.object();
    let mut generation = Object::new();
    for (here, there) in NAMED {
        if let Some(option) = value(from, here) {
            generation.set_raw(there, option.to_owned());
        }
    }
    if let Some(limit) = output_limit(from) {
        generation.set_raw("maxOutputTokens", limit.to_owned());
    }
    if let Some(stop) = value(from, "stop") {
        match as_text(stop) {
            Some(text) => generation.put("stopSequences", &[text]),
            None => generation.set_raw("stopSequences", stop.to_owned()),
        }
    }
    format(from, &mut generation, losses)?;
    modalities(from, &mut generation, losses)?;
    if let Some(reasoning) = chat.reasoning()? {
        generation.put("thinkingConfig", &config(&reasoning, thinking, losses));
    }
    Ok(generation)
}

fn format(from: &Object, generation: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let Some(format) = from.read::<Object>("response_format")? else {
        return Ok(());
    };
    let place = Place::Top.key("response_format");
    let kind = format.get("type").and_then(as_text).unwrap_or_default();
    match kind.as_ref() {
        "text" => return Ok(()),
        "json_object" | "json_schema" => generation.put("responseMimeType", "application/json"),
        _ => {
            losses.add(&place, "gemini answers in text, or in JSON by a schema");
            return Ok(());
        }
    }
    let place = place.key("json_schema");
    let Some(described) = value(&format, "json_schema") else {
        return Ok(());
    };
    let described: Object = place.read(described)?;
    for (key, member) in described.iter() {
        let place = place.key(key);
        match (key, member.get()) {
            ("schema", _) => {
                let schema = schema::of(member, &place, losses)?;
                generation.set_raw("responseJsonSchema", schema.into_inner());
            }
            ("strict", "true") | ("name", "\"answer\"") | (_, "null") => {}
            ("strict", _) => losses.add(&place, "a schema is always kept to"),
            _ => losses.add(&place, "a schema has no such member"),
        }
    }
    Ok(())
}

fn modalities(
    from: &Object,
    generation: &mut Object,
    losses: &mut Losses,
) -> Result<(), ParseError> {
    let place = Place::Top.key("modalities");
    let asked: Vec<Modality> = from.read("modalities")?.unwrap_or_default();
    let mut wanted = Vec::new();
    for modality in &asked {
        wanted.push(match modality {
            Modality::Text => "TEXT",
            Modality::Image => "IMAGE",
            other => {
                return Err(place.error(format!(
                    "holds `{other}`, and gemini's answers are taken as text and images"
                )));
            }
        });
    }
    if wanted.contains(&"IMAGE") {
        generation.put("responseModalities", &wanted);
    }
    let Some(config) = from.read::<Object>("image_config")? else {
        return Ok(());
    };
    let place = Place::Top.key("image_config");
    let mut images = Object::new();
    for (key, member) in config.iter() {
        match IMAGES.iter().find(|(here, _)| *here == key) {
            Some((_, there)) => images.set_raw(there, member.to_owned()),
            None => losses.add(&place.key(key), "images of gemini have no such option"),
        }
    }
    if !images.is_empty() {
        generation.put("imageConfig", &images);
    }
    Ok(())
}

fn config(reasoning: &Reasoning, thinking: Thinking, losses: &mut Losses) -> Object {
    let place = Place::Top.key("reasoning");
    let is_off =
        reasoning.enabled == Some(false) || reasoning.effort == Some(ReasoningEffort::None);
    let effort = match is_off {
        true => Some(&ReasoningEffort::None),
        false => reasoning.effort.as_ref(),
    };
    let mut config = object! { "includeThoughts": !is_off && reasoning.exclude != Some(true) };
    let row = effort.and_then(|effort| LEVELS.iter().find(|(known, ..)| known == effort));
    match (reasoning.max_tokens.filter(|_| !is_off), row, thinking) {
        (Some(budget), ..) => config.put("thinkingBudget", &budget),
        (None, Some((_, level, is_same, _)), Thinking::Effort) => {
            config.put("thinkingLevel", *level);
            if !is_same {
                losses.add(
                    &place.key("effort"),
                    "gemini has no such level; it gets the nearest",
                );
            }
        }
        (None, Some((_, _, _, budget)), Thinking::Budget) => config.put("thinkingBudget", budget),
        (None, None, _) if effort.is_some() => {
            losses.add(&place.key("effort"), "gemini has no such level");
        }
        (None, None, _) => {}
    }
    let lost = [
        ("summary", reasoning.summary.is_some()),
        ("context", reasoning.context.is_some()),
        ("mode", reasoning.mode.is_some()),
    ];
    for (key, _) in lost.iter().filter(|(_, is_there)| *is_there) {
        losses.add(&place.key(key), "thinking has no such option");
    }
    config
}
