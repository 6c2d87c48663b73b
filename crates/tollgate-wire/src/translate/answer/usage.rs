//! What an answer used, in the names of other surfaces. Counts and costs stay the text they were wherever they are not
//! computed.

use crate::json::is_null;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError, Usage};

const RESPONSES: Rules = &[
    ("prompt_tokens", Rule::Named("input_tokens")),
    ("completion_tokens", Rule::Named("output_tokens")),
    ("prompt_tokens_details", Rule::Apart),
    ("completion_tokens_details", Rule::Apart),
    ("cost_details", Rule::Apart),
];

const RESPONSES_COSTS: Rules = &[
    (
        "upstream_inference_prompt_cost",
        Rule::Named("upstream_inference_input_cost"),
    ),
    (
        "upstream_inference_completions_cost",
        Rule::Named("upstream_inference_output_cost"),
    ),
];

const COUNTED: &str = "it is counted in the whole only";

const MESSAGES: Rules = &[
    ("prompt_tokens", Rule::Apart),
    ("completion_tokens", Rule::Apart),
    // The sum of the others.
    ("total_tokens", Rule::Apart),
    ("prompt_tokens_details", Rule::Apart),
    ("completion_tokens_details", Rule::Apart),
    ("server_tool_use_details", Rule::Named("server_tool_use")),
];

const MESSAGES_PROMPT: &[&str] = &["cached_tokens", "cache_write_tokens"];
const MESSAGES_COMPLETION: &[&str] = &["reasoning_tokens"];

/// The usage of a chat as Responses has it, where cached tokens are part of the input as in chats.
pub(super) fn for_responses(usage: &Object, losses: &mut Losses) -> Result<Object, ParseError> {
    let place = Place::Top.key("usage");
    let mut translated = Object::new();
    carry(usage, &mut translated, RESPONSES, &place, losses)?;
    for key in ["input_tokens", "output_tokens"] {
        if !translated.has_value(key) {
            translated.put(key, &0);
        }
    }
    for (here, there, count) in [
        (
            "prompt_tokens_details",
            "input_tokens_details",
            "cached_tokens",
        ),
        (
            "completion_tokens_details",
            "output_tokens_details",
            "reasoning_tokens",
        ),
    ] {
        let mut details: Object = usage.read(here).map_err(in_usage)?.unwrap_or_default();
        if !details.has_value(count) {
            // Clients insist on the count.
            details.put(count, &0);
        }
        translated.put(there, &details);
    }
    if !translated.has_value("total_tokens") {
        let usage = Usage::from_object(usage.clone()).map_err(in_usage)?;
        let total = usage.prompt_tokens.saturating_add(usage.completion_tokens);
        translated.put("total_tokens", &total);
    }
    if let Some(costs) = usage.read::<Object>("cost_details").map_err(in_usage)? {
        let mut renamed = Object::new();
        let place = place.key("cost_details");
        carry(&costs, &mut renamed, RESPONSES_COSTS, &place, losses)?;
        translated.put("cost_details", &renamed);
    }
    Ok(translated)
}

/// The usage of a chat as Messages has it, where cached tokens stand beside the input.
pub(super) fn for_messages(usage: &Object, losses: &mut Losses) -> Result<Object, ParseError> {
    let place = Place::Top.key("usage");
    let counts = Usage::from_object(usage.clone()).map_err(in_usage)?;
    let prompt = &counts.prompt_tokens_details;
    let cached = prompt
        .cached_tokens
        .saturating_add(prompt.cache_write_tokens);
    let mut translated = object! {
        "input_tokens": counts.prompt_tokens.saturating_sub(cached),
        "output_tokens": counts.completion_tokens,
        "cache_creation_input_tokens": prompt.cache_write_tokens,
        "cache_read_input_tokens": prompt.cached_tokens,
        "output_tokens_details": object! {
            "thinking_tokens": counts.completion_tokens_details.reasoning_tokens,
        },
    };
    carry(usage, &mut translated, MESSAGES, &place, losses)?;
    for (key, known) in [
        ("prompt_tokens_details", MESSAGES_PROMPT),
        ("completion_tokens_details", MESSAGES_COMPLETION),
    ] {
        let details: Object = usage.read(key).map_err(in_usage)?.unwrap_or_default();
        let place = place.key(key);
        for (key, count) in details.iter().filter(|(key, _)| !known.contains(key)) {
            if !is_null(count) && count.get() != "0" {
                losses.add(&place.key(key), COUNTED);
            }
        }
    }
    Ok(translated)
}

fn in_usage(error: ParseError) -> ParseError {
    error.at("usage")
}
