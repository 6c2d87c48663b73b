//! A request to go on with a text: a chat of one message.

use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{Object, ParseError};

const RULES: Rules = &[
    ("prompt", Rule::Apart),
    ("logprobs", Rule::Apart),
    (
        "suffix",
        Rule::Refused(
            &["\"\""],
            "a chat cannot fill in a gap; leave it out or use a provider of completions",
        ),
    ),
    (
        "echo",
        Rule::Lost(&["false"], "a chat's answer does not repeat the prompt"),
    ),
    (
        "best_of",
        Rule::Lost(&["1"], "a chat does not choose among answers"),
    ),
];

pub(super) fn to_chat(request: &Object, losses: &mut Losses) -> Result<Object, ParseError> {
    let place = Place::Top.key("prompt");
    let prompt = request
        .get("prompt")
        .ok_or_else(|| place.error("is required: a text"))?;
    let message = object! { "role": "user", "content": text(prompt, &place)? };
    let mut chat = object! { "messages": [message] };
    carry(request, &mut chat, RULES, &Place::Top, losses)?;
    if let Some(count) = request.get("logprobs") {
        log_probabilities(count, &mut chat);
    }
    Ok(chat)
}

fn text(prompt: &RawValue, place: &Place<'_>) -> Result<String, ParseError> {
    if let Some(text) = as_text(prompt) {
        return Ok(text.into_owned());
    }
    let mut texts: Vec<String> = serde_json::from_str(prompt.get()).map_err(|_| {
        place.error("a chat reads one text, not token ids; send the prompt as a text")
    })?;
    match texts.len() {
        1 => Ok(texts.remove(0)),
        _ => Err(place.error("a chat reads one text; send one request for each prompt")),
    }
}

/// Completions say how many alternatives they want; chats say whether, and then how many.
fn log_probabilities(count: &RawValue, chat: &mut Object) {
    match count.get() {
        "null" => {}
        "true" | "false" => chat.set_raw("logprobs", count.to_owned()),
        number => {
            chat.put("logprobs", &true);
            if number != "0" {
                chat.set_raw("top_logprobs", count.to_owned());
            }
        }
    }
}
