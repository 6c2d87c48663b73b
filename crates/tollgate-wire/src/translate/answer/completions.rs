//! Chunks of a chat as chunks of a completion.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::losses::Losses;
use crate::translate::object;
use crate::translate::place::Place;
use crate::{ChatChunk, Object, ParseError, PartView, Raw};

/// What a choice of a completion has in its own words, and what is not in a delta that is only text.
const WORDS: &[&str] = &["role", "content"];

/// Writes completions, of as many choices as there are.
#[derive(Debug, Default)]
pub(super) struct Completions {
    /// Characters of text so far, by choice: log probabilities say where their token begins.
    lengths: BTreeMap<u64, usize>,
    has_ended: bool,
}

impl Completions {
    pub(super) fn push(
        &mut self,
        chunk: &ChatChunk<'_>,
        losses: &mut Losses,
    ) -> Result<Vec<Object>, ParseError> {
        self.has_ended |= chunk.finish_reason().is_some();
        let mut completion = Object::parse(chunk.data)?;
        let place = Place::Top.key("choices");
        let choices: Vec<Object> = completion.read("choices")?.unwrap_or_default();
        let translate = |(index, choice)| self.choice(choice, &place.index(index), losses);
        let choices: Vec<Object> = choices
            .iter()
            .enumerate()
            .map(translate)
            .collect::<Result<_, _>>()?;
        completion.put("object", "text_completion");
        completion.put("choices", &choices);
        Ok(vec![completion])
    }

    pub(super) fn finish(&self) -> Result<Vec<Object>, ParseError> {
        if self.has_ended {
            return Ok(Vec::new());
        }
        let place = Place::Top.key("choices");
        let place = place.index(0);
        Err(place
            .key("finish_reason")
            .error("is missing at the end, so the answer was cut"))
    }

    fn choice(
        &mut self,
        choice: &Object,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<Object, ParseError> {
        let index: u64 = choice
            .read("index")
            .map_err(|error| error.at(&place.to_string()))?
            .unwrap_or(0);
        let delta: Object = choice
            .read("delta")
            .map_err(|error| error.at(&place.to_string()))?
            .unwrap_or_default();
        let text = match delta.get("content") {
            Some(content) => text(content, &place.key("message").key("content"))?,
            None => choice
                .get("text")
                .and_then(as_text)
                .unwrap_or_default()
                .into_owned(),
        };
        for (key, value) in delta.iter().filter(|(key, _)| !WORDS.contains(key)) {
            if !is_null(value) && !matches!(value.get(), "\"\"" | "[]") {
                losses.add(&place.key("message").key(key), "completions are text only");
            }
        }
        let mut completion = object! { "index": index, "text": text };
        for (key, value) in choice.iter() {
            match key {
                "index" | "delta" | "text" => {}
                "logprobs" if !is_null(value) => {
                    let start = self.lengths.get(&index).copied().unwrap_or(0);
                    completion.put(key, &logprobs(value, start, &place.key(key))?);
                }
                _ => completion.set_raw(key, value.to_owned()),
            }
        }
        *self.lengths.entry(index).or_default() += text.chars().count();
        Ok(completion)
    }
}

fn text(content: &RawValue, place: &Place<'_>) -> Result<String, ParseError> {
    if is_null(content) {
        return Ok(String::new());
    }
    if let Some(text) = as_text(content) {
        return Ok(text.into_owned());
    }
    let parts: Vec<PartView<'_>> = place.read(content)?;
    Ok(parts
        .iter()
        .filter_map(|part| part.text.as_deref())
        .collect())
}

/// Lists beside each other, where chats have a list of tokens.
fn logprobs(raw: &RawValue, start: usize, place: &Place<'_>) -> Result<Object, ParseError> {
    let logprobs: Object = place.read(raw)?;
    let tokens: Vec<Object> = logprobs
        .read("content")
        .map_err(|error| error.at(&place.to_string()))?
        .unwrap_or_default();
    let (mut offset, mut offsets, mut alternatives) = (start, Vec::new(), Vec::new());
    for token in &tokens {
        offsets.push(offset);
        offset += token
            .get("token")
            .and_then(as_text)
            .map_or(0, |text| text.chars().count());
        let mut by_token = Object::new();
        for one in token
            .read::<Vec<Object>>("top_logprobs")?
            .unwrap_or_default()
        {
            if let (Some(text), Some(logprob)) =
                (one.get("token").and_then(as_text), one.get("logprob"))
            {
                by_token.set_raw(&text, logprob.to_owned());
            }
        }
        alternatives.push(by_token);
    }
    let list = |key: &str| -> Vec<Option<Raw>> {
        let values = tokens.iter().map(|token| token.get(key));
        values
            .map(|value| value.map(|value| Raw::from(value.to_owned())))
            .collect()
    };
    Ok(object! {
        "tokens": list("token"),
        "token_logprobs": list("logprob"),
        "top_logprobs": alternatives,
        "text_offset": offsets,
    })
}
