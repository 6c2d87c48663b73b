//! A chat request as a Messages request.

mod blocks;
mod options;
mod schema;
mod turns;

use super::{output_limit, value};
use crate::raw::as_text;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::{ChatRequest, Decimal, Object, ParseError};

const SAMPLING: &str = "messages are not sampled so";
const CACHES: &str = "messages are cached up to marks in them";
const BLANK_STOP: &str = "messages do not stop at white space";
const RULES: Rules = &[
    ("messages", Rule::Apart),
    ("tools", Rule::Apart),
    ("tool_choice", Rule::Apart),
    ("parallel_tool_calls", Rule::Apart),
    ("response_format", Rule::Apart),
    ("reasoning", Rule::Apart),
    ("reasoning_effort", Rule::Apart),
    ("include_reasoning", Rule::Apart),
    ("metadata", Rule::Apart),
    ("user", Rule::Apart),
    ("stop", Rule::Apart),
    ("max_tokens", Rule::Apart),
    ("max_completion_tokens", Rule::Apart),
    (
        "stream_options",
        Rule::Lost(
            &["{\"include_usage\":true}", "{}"],
            "streams of messages have no options",
        ),
    ),
    (
        "n",
        Rule::Lost(&["1"], "an answer of this surface is always one"),
    ),
    ("seed", Rule::Lost(&[], SAMPLING)),
    ("logit_bias", Rule::Lost(&["{}"], SAMPLING)),
    ("min_p", Rule::Lost(&[], SAMPLING)),
    ("top_a", Rule::Lost(&[], SAMPLING)),
    ("frequency_penalty", Rule::Lost(&["0"], SAMPLING)),
    ("presence_penalty", Rule::Lost(&["0"], SAMPLING)),
    ("repetition_penalty", Rule::Lost(&["1"], SAMPLING)),
    (
        "logprobs",
        Rule::Lost(&["false"], "messages have no log probabilities"),
    ),
    (
        "top_logprobs",
        Rule::Lost(&[], "messages have no log probabilities"),
    ),
    ("verbosity", Rule::Lost(&[], "messages have no verbosity")),
    (
        "prediction",
        Rule::Lost(&[], "messages cannot be predicted"),
    ),
    ("audio", Rule::Lost(&[], "messages have no sound")),
    (
        "web_search_options",
        Rule::Lost(&[], "messages search with a tool"),
    ),
    (
        "transforms",
        Rule::Lost(&["[]"], "messages have no transforms"),
    ),
    (
        "modalities",
        Rule::Lost(&["[\"text\"]"], "messages are text"),
    ),
    ("prompt_cache_key", Rule::Lost(&[], CACHES)),
    ("prompt_cache_retention", Rule::Lost(&[], CACHES)),
    (
        "safety_identifier",
        Rule::Lost(&[], "messages know one word for who asks: `user`"),
    ),
    ("store", Rule::Lost(&["false"], "messages are not kept")),
];

pub(super) fn from_chat(chat: &ChatRequest, losses: &mut Losses) -> Result<Object, ParseError> {
    let from = chat.object();
    let mut request = Object::new();
    turns::push(chat, &mut request, losses)?;
    carry(from, &mut request, RULES, &Place::Top, losses)?;
    request.drop_nulls();
    if let Some(limit) = output_limit(from) {
        request.set_raw("max_tokens", limit.to_owned());
    }
    stop(from, &mut request, losses);
    who_asks(from, &mut request)?;
    cool(&mut request, losses);
    options::tools(from, &mut request, losses)?;
    let mut config = Object::new();
    options::thinking(chat, &mut request, &mut config, losses)?;
    one_way_of_sampling(&mut request, losses);
    options::format(from, &mut config, losses)?;
    if !config.is_empty() {
        request.put("output_config", &config);
    }
    Ok(request)
}

/// What ends an answer. White space may not; what is no list of texts is for the upstream to refuse.
fn stop(from: &Object, request: &mut Object, losses: &mut Losses) {
    let Some(stop) = value(from, "stop") else {
        return;
    };
    let place = Place::Top.key("stop");
    let is_blank = |text: &str| text.trim().is_empty();
    if let Some(text) = as_text(stop) {
        match is_blank(&text) {
            true => losses.add(&place, BLANK_STOP),
            false => request.put("stop_sequences", &[text]),
        }
        return;
    }
    let texts: Vec<String> = place.read(stop).unwrap_or_default();
    if !texts.iter().any(|text| is_blank(text)) {
        return request.set_raw("stop_sequences", stop.to_owned());
    }
    let (blank, kept): (Vec<_>, Vec<_>) = texts
        .iter()
        .enumerate()
        .partition(|(_, text)| is_blank(text));
    for (index, _) in blank {
        losses.add(&place.index(index), BLANK_STOP);
    }
    let kept: Vec<&String> = kept.into_iter().map(|(_, text)| text).collect();
    if !kept.is_empty() {
        request.put("stop_sequences", &kept);
    }
}

fn who_asks(from: &Object, request: &mut Object) -> Result<(), ParseError> {
    let mut metadata: Object = from.read("metadata")?.unwrap_or_default();
    if let Some(user) = value(from, "user") {
        metadata.set_raw("user_id", user.to_owned());
    }
    if !metadata.is_empty() {
        request.put("metadata", &metadata);
    }
    Ok(())
}

/// Chats may be twice as hot as messages.
fn cool(request: &mut Object, losses: &mut Losses) {
    let asked: Option<Decimal> = request.read("temperature").ok().flatten();
    let asked: Option<f64> = asked.and_then(|asked| asked.as_str().parse().ok());
    if asked.is_some_and(|asked| asked > 1.0) {
        losses.add(
            &Place::Top.key("temperature"),
            "messages are sampled at 1 at most",
        );
        request.put("temperature", &1);
    }
}

/// Newer models refuse a temperature and a nucleus together.
fn one_way_of_sampling(request: &mut Object, losses: &mut Losses) {
    if request.contains("temperature") && request.remove("top_p").is_some() {
        losses.add(
            &Place::Top.key("top_p"),
            "messages are sampled by `temperature` or `top_p`, not both",
        );
    }
}
