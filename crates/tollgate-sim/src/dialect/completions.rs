//! `POST /completions`, the dialect before chat: a prompt in, a text out.

use serde_json::{Map, Value};

use super::chat::{error_event, format, head, reasoning, usage_choices, usage_event, words};
use super::{CHAT, Dialect, Event, Frame, PARTIAL, groups};
use crate::answer::{Answer, Finish};
use crate::ask::{Ask, Choice, Reading, Turn, count_tokens, limit};
use crate::draw::Draw;
use crate::fault::Place;
use crate::json::{Object, object};
use crate::refusal::Refusal;

#[derive(Debug)]
pub(super) struct Completions;

/// Chunks of a stream are the same kind of object as a whole answer.
const OBJECT: &str = "text_completion";

impl Dialect for Completions {
    fn route(&self) -> &'static str {
        "completions"
    }

    fn read(&self, fields: &Map<String, Value>) -> Result<Ask, String> {
        let prompt = fields
            .get("prompt")
            .ok_or("Invalid request: prompt is required")?;
        let (text, tokens) = text_and_tokens(prompt)?;
        let reading = Reading {
            prompt: vec![Turn::new(prompt, tokens)],
            last_text: text,
            from_user: true,
            choice: Choice::Never,
            format: format(fields.get("response_format")),
            reasoning: reasoning(fields)?,
            limit: limit(fields, &["max_tokens"])?,
            ..Reading::default()
        };
        Ask::new(fields, reading)
    }

    fn whole(&self, frame: &Frame<'_>, answer: &Answer) -> Object {
        let reasoning = Some(answer.shown_reasoning().concat()).filter(|text| !text.is_empty());
        let choice = choice(
            &answer.content.concat(),
            reasoning.as_deref(),
            answer.finish,
        );
        head(frame, OBJECT, &[choice])
            .with_some(
                "usage",
                frame.charge.map(|charge| charge.to_json()).as_ref(),
            )
            .with_some("openrouter_metadata", frame.metadata)
    }

    fn events(&self, frame: &Frame<'_>, answer: &Answer, draw: &mut Draw) -> Vec<Event> {
        let chunk = |text: &str, reasoning: Option<&str>, finish, tokens| {
            let choice = choice(text, reasoning, finish);
            Event::new(&head(frame, OBJECT, &[choice]), tokens)
        };
        let mut events = vec![chunk("", None, None, answer.hidden_tokens())];
        for (text, tokens) in groups(answer.shown_reasoning(), draw) {
            events.push(chunk("", Some(&text), None, tokens));
        }
        for (text, tokens) in groups(&answer.content, draw) {
            events.push(chunk(&text, None, None, tokens));
        }
        if answer.finish.is_some() {
            events.push(chunk("", None, answer.finish, 0));
        }
        if frame.charge.is_some() {
            let form = frame.scenario.usage_chunk;
            let choices = usage_choices(form, answer.finish, |finish| choice("", None, finish));
            events.push(usage_event(frame, OBJECT, &choices));
        }
        if frame.has_end() {
            events.push(Event::done());
        }
        events
    }

    fn refusal(&self, id: &str, refusal: &Refusal) -> Object {
        CHAT.refusal(id, refusal)
    }

    fn whole_error(&self, frame: &Frame<'_>, refusal: &Refusal) -> Object {
        if frame.fault.place != Place::Choice {
            return CHAT.whole_error(frame, refusal);
        }
        let choice = error_choice(PARTIAL).with("error", &refusal.error.to_json());
        head(frame, OBJECT, &[choice]).with_some("openrouter_metadata", frame.metadata)
    }

    fn error_events(&self, frame: &Frame<'_>, refusal: &Refusal, _sent: usize) -> Vec<Event> {
        let error = refusal.error.to_json();
        vec![error_event(frame, OBJECT, &error, || error_choice(""))]
    }
}

/// The text of a prompt, and what it counts: a text, several (read as one), or token ids.
fn text_and_tokens(prompt: &Value) -> Result<(String, u64), String> {
    let several = |texts: &[Value]| -> Option<String> {
        let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
        texts.map(|texts| texts.join("\n"))
    };
    let text = match prompt {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) if parts.is_empty() => {
            return Err("Invalid request: prompt must not be empty".into());
        }
        Value::Array(ids) if ids.iter().all(Value::is_number) => {
            return Ok((String::new(), ids.len() as u64));
        }
        Value::Array(texts) => several(texts),
        _ => None,
    };
    let text = text.ok_or(
        "Invalid request: prompt must be a string, an array of strings, or an array of token ids",
    )?;
    let tokens = count_tokens(&text);
    Ok((text, tokens))
}

fn choice(text: &str, reasoning: Option<&str>, finish: Option<Finish>) -> Object {
    let words = words(finish);
    object! {
        "index": 0,
        "text": text,
        "logprobs": None::<&str>,
        "finish_reason": words.map(|(word, _)| word),
        "native_finish_reason": words.map(|(_, native)| native),
    }
    .with_some("reasoning", reasoning)
}

fn error_choice(text: &str) -> Object {
    object! {
        "index": 0, "text": text, "logprobs": None::<&str>,
        "finish_reason": "error", "native_finish_reason": None::<&str>,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::text_and_tokens;

    #[test]
    fn a_prompt_is_a_text_several_texts_or_token_ids() {
        for (prompt, expected) in [
            (json!("two words"), Ok(("two words", 3))),
            (json!(["one", "two"]), Ok(("one\ntwo", 2))),
            (json!([1, 2, 3]), Ok(("", 3))),
            (json!([]), Err("must not be empty")),
            (json!([1, "two"]), Err("must be a string")),
            (json!({"text": "x"}), Err("must be a string")),
        ] {
            let read = text_and_tokens(&prompt);
            match expected {
                Ok((text, tokens)) => assert_eq!(read, Ok((text.to_owned(), tokens)), "{prompt}"),
                Err(part) => assert!(read.unwrap_err().contains(part), "{prompt}"),
            }
        }
    }
}
