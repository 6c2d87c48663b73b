//! A response as its events have told of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tollgate::{Failure, FailureKind, TokenUsage};
use tollgate_wire::Text;

/// The response, its items, and how many events there were.
#[derive(Default)]
pub(super) struct Begun {
    /// The number of the next event.
    next: u64,
    /// The response as the newest event has it that shows it whole.
    response: Option<Box<RawValue>>,
    /// By their place.
    items: BTreeMap<u64, Item>,
}

/// One item of the output: whole once it is done.
#[derive(Default)]
struct Item {
    shown: Option<Box<RawValue>>,
    is_done: bool,
    /// What was told of its parts, by place and kind.
    parts: BTreeMap<(u64, Part), String>,
}

/// What pieces of text belong to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text,
    Refusal,
    Arguments,
    Input,
}

/// The events whose pieces of text are kept. Reasoning is not: half of it is of
/// no use to anybody.
const PIECES: [(&str, Part); 4] = [
    ("response.output_text.delta", Part::Text),
    ("response.refusal.delta", Part::Refusal),
    ("response.function_call_arguments.delta", Part::Arguments),
    ("response.custom_tool_call_input.delta", Part::Input),
];

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    sequence_number: Option<u64>,
    #[serde(default)]
    output_index: u64,
    #[serde(default)]
    content_index: u64,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

impl Begun {
    pub(super) fn note(&mut self, data: &[u8]) {
        // What is no event of Responses is no business of theirs.
        let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
            return;
        };
        self.next = event.sequence_number.unwrap_or(self.next).saturating_add(1);
        if let Some(response) = event.response {
            self.response = Some(response.to_owned());
        }
        if let Some(item) = event.item {
            let known = self.items.entry(event.output_index).or_default();
            known.shown = Some(item.to_owned());
            known.is_done |= event.kind.as_str() == "response.output_item.done";
        }
        let part = PIECES.iter().find(|(kind, _)| *kind == event.kind.as_str());
        if let (Some((_, part)), Some(delta)) = (part, event.delta)
            && let Ok(piece) = serde_json::from_str::<Text<'_>>(delta.get())
        {
            let known = self.items.entry(event.output_index).or_default();
            let told = known.parts.entry((event.content_index, *part)).or_default();
            told.push_str(&piece);
        }
    }

    /// The event that ends it, the next in the count: the response as OpenAI's
    /// clients read it, with what there is of the output.
    pub(super) fn failed(&self, failure: &Failure, used: Option<TokenUsage>) -> Value {
        let begun = self.response.as_ref();
        let begun = begun.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let mut response: Map<String, Value> = begun.unwrap_or_default();
        for (key, value) in absent() {
            response.entry(key).or_insert(value);
        }
        let rule = failure.rule();
        let output = self.items.values().filter_map(Item::as_it_is);
        let owned = [
            ("status", json!("failed")),
            (
                "error",
                json!({
                    "code": code(failure.kind()),
                    "message": failure.to_string(),
                    "error_type": rule.name,
                }),
            ),
            ("incomplete_details", Value::Null),
            ("output", output.collect()),
            ("usage", used.as_ref().map_or(Value::Null, usage)),
        ];
        response.extend(owned.map(|(key, value)| (key.to_owned(), value)));
        json!({
            "type": "response.failed",
            "sequence_number": self.next,
            "response": response,
        })
    }
}

impl Item {
    /// The item with what was told of it; `None` when nothing was.
    fn as_it_is(&self) -> Option<Value> {
        // What is no object is no item.
        let mut item: Map<String, Value> = serde_json::from_str(self.shown.as_ref()?.get()).ok()?;
        if self.is_done {
            return Some(item.into());
        }
        let content: Vec<Value> = self.parts.iter().filter_map(content).collect();
        if !content.is_empty() {
            item.insert("content".to_owned(), content.into());
        }
        for ((_, part), told) in &self.parts {
            let key = match part {
                Part::Arguments => "arguments",
                Part::Input => "input",
                Part::Text | Part::Refusal => continue,
            };
            item.insert(key.to_owned(), told.as_str().into());
        }
        item.insert("status".to_owned(), "incomplete".into());
        Some(item.into())
    }
}

/// A part of a message.
fn content(((_, part), told): (&(u64, Part), &String)) -> Option<Value> {
    match part {
        Part::Text => Some(json!({
            "type": "output_text", "text": told, "annotations": [], "logprobs": [],
        })),
        Part::Refusal => Some(json!({ "type": "refusal", "refusal": told })),
        Part::Arguments | Part::Input => None,
    }
}

/// What clients insist on, where the upstream has not told.
fn absent() -> [(String, Value); 12] {
    [
        ("id", json!("")),
        ("object", json!("response")),
        ("created_at", json!(0)),
        ("model", json!("")),
        ("instructions", Value::Null),
        ("metadata", json!({})),
        ("parallel_tool_calls", json!(true)),
        ("temperature", Value::Null),
        ("top_p", Value::Null),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("output", json!([])),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

/// OpenAI's words for why a response failed; there is none for most.
fn code(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::RateLimited => "rate_limit_exceeded",
        FailureKind::InvalidRequest | FailureKind::ContextLength => "invalid_prompt",
        _ => "server_error",
    }
}

fn usage(used: &TokenUsage) -> Value {
    let input = used.prompt_total();
    let output = used.output_total();
    json!({
        "input_tokens": input,
        "input_tokens_details": { "cached_tokens": used.cache_read },
        "output_tokens": output,
        "output_tokens_details": { "reasoning_tokens": used.reasoning },
        "total_tokens": input.saturating_add(output),
    })
}
