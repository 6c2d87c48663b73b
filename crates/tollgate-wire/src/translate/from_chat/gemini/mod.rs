//! A chat request as the body of Gemini's `generateContent`. Gemini refuses members that it does not know, so that what
//! no table names is lost.

mod contents;
mod generation;
mod parts;
mod schema;
mod tools;

use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::{ChatRequest, Object, ParseError, Thinking};

const SAMPLING: &str = "gemini does not sample so";
const WHO: &str = "gemini is not told who asks, or what for";
const ROUTING: &str = "only a router knows it";
const UNKNOWN: &str = "gemini has no such member";

/// What becomes of the members of a chat. The model and the delivery stand in the address.
const RULES: Rules = &[
    ("model", Rule::Apart),
    ("stream", Rule::Apart),
    ("messages", Rule::Apart),
    ("tools", Rule::Apart),
    ("tool_choice", Rule::Apart),
    ("response_format", Rule::Apart),
    ("modalities", Rule::Apart),
    ("image_config", Rule::Apart),
    ("reasoning", Rule::Apart),
    ("reasoning_effort", Rule::Apart),
    ("include_reasoning", Rule::Apart),
    ("max_tokens", Rule::Apart),
    ("max_completion_tokens", Rule::Apart),
    ("temperature", Rule::Apart),
    ("top_p", Rule::Apart),
    ("top_k", Rule::Apart),
    ("stop", Rule::Apart),
    ("n", Rule::Apart),
    ("seed", Rule::Apart),
    ("presence_penalty", Rule::Apart),
    ("frequency_penalty", Rule::Apart),
    // The plan has already used them up.
    ("models", Rule::Apart),
    ("route", Rule::Apart),
    (
        "stream_options",
        Rule::Lost(
            &["{\"include_usage\":true}", "{}"],
            "streams of gemini have no options",
        ),
    ),
    (
        "parallel_tool_calls",
        Rule::Lost(&["true"], "gemini calls as many functions as it likes"),
    ),
    ("usage", Rule::Lost(&["{\"include\":true}"], UNKNOWN)),
    ("logit_bias", Rule::Lost(&["{}"], SAMPLING)),
    ("min_p", Rule::Lost(&["0"], SAMPLING)),
    ("top_a", Rule::Lost(&["0"], SAMPLING)),
    ("repetition_penalty", Rule::Lost(&["1"], SAMPLING)),
    (
        "logprobs",
        Rule::Lost(&["false"], "its log probabilities are not read"),
    ),
    (
        "top_logprobs",
        Rule::Lost(&["0"], "its log probabilities are not read"),
    ),
    (
        "audio",
        Rule::Refused(&[], "gemini has other voices and formats; leave it out"),
    ),
    ("user", Rule::Lost(&[], WHO)),
    ("metadata", Rule::Lost(&["{}"], WHO)),
    ("session_id", Rule::Lost(&[], WHO)),
    ("safety_identifier", Rule::Lost(&[], WHO)),
    ("provider", Rule::Lost(&["{}"], ROUTING)),
    ("preset", Rule::Lost(&[], ROUTING)),
    ("plugins", Rule::Lost(&["[]"], ROUTING)),
    ("transforms", Rule::Lost(&["[]"], ROUTING)),
    (
        "cache_control",
        Rule::Lost(&[], "gemini caches without being asked"),
    ),
    (
        "web_search_options",
        Rule::Lost(&[], "gemini searches with a tool of its own"),
    ),
];

pub(in crate::translate) fn from_chat(
    chat: &ChatRequest,
    thinking: Thinking,
    losses: &mut Losses,
) -> Result<Object, ParseError> {
    let from = chat.object();
    let mut unknown = Object::new();
    carry(from, &mut unknown, RULES, &Place::Top, losses)?;
    unknown.drop_nulls();
    for (key, _) in unknown.iter() {
        losses.add(&Place::Top.key(key), UNKNOWN);
    }
    let mut request = contents::of(chat, losses)?;
    tools::push(from, &mut request, losses)?;
    let generation = generation::of(chat, thinking, losses)?;
    if !generation.is_empty() {
        request.put("generationConfig", &generation);
    }
    Ok(request)
}
