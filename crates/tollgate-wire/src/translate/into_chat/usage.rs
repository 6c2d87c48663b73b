//! What a message used, in the names of chats: the way back of `answer::usage`.

use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{MessagesUsage, Object, ParseError};

/// What is not named here goes on as it is: the cost behind another gateway, and what Anthropic counts besides.
const RULES: Rules = &[
    ("input_tokens", Rule::Apart),
    ("output_tokens", Rule::Apart),
    ("cache_creation_input_tokens", Rule::Apart),
    ("cache_read_input_tokens", Rule::Apart),
    ("output_tokens_details", Rule::Apart),
    ("server_tool_use", Rule::Named("server_tool_use_details")),
];

/// The usage of a message as a chat has it, where cached tokens are part of the prompt.
pub(super) fn from_messages(usage: &Object, losses: &mut Losses) -> Result<Object, ParseError> {
    let place = Place::Top.key("usage");
    let counts = MessagesUsage::from_object(usage.clone());
    let counts = counts.map_err(|error| error.at("usage"))?;
    let read = counts.cache_read_input_tokens.unwrap_or(0);
    let written = counts.cache_creation_input_tokens.unwrap_or(0);
    let fresh = counts.input_tokens.unwrap_or(0);
    let prompt = fresh.saturating_add(read).saturating_add(written);
    let completion = counts.output_tokens.unwrap_or(0);
    let mut translated = object! {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
        "prompt_tokens_details": object! { "cached_tokens": read, "cache_write_tokens": written },
        "completion_tokens_details": object! { "reasoning_tokens": counts.thinking_tokens() },
    };
    carry(usage, &mut translated, RULES, &place, losses)?;
    Ok(translated)
}
