//! The four dialects as a client uses them: how a wish is said, and how an answer is read.

use serde_json::{Value, json};
use tollgate_sim::Simulator;
use tollgate_wire::{SseDecoder, SseItem};

use crate::client::{Ask, MODEL, Reply};

/// What is wished for, in no dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Text,
    /// At most this many tokens.
    Limited(u64),
    /// A model that reasons.
    Reasoning,
    /// The tool of [`schema`] must be called.
    Tool,
    /// A text of the form of [`schema`].
    Structured,
}

/// What was told, in no dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    /// Name and arguments.
    pub(crate) call: Option<(String, String)>,
    pub(crate) finish: String,
    /// Input and output tokens.
    pub(crate) tokens: (u64, u64),
}

/// One dialect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surface {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) calls_tools: bool,
    /// What a request for text has besides its model.
    prompt: fn(&str) -> Value,
    /// What a wish adds.
    fields: fn(Wish) -> Value,
    pub(crate) whole: fn(&Value) -> Told,
    pub(crate) stream: fn(&[Event]) -> Told,
    /// How a finish is said: of a text, of a limit, of a tool.
    pub(crate) finishes: [&'static str; 3],
}

/// An event: its name, and its data.
pub(crate) type Event = (Option<String>, Value);

pub(crate) const PROMPT: &str = "Tell me about rivers";

pub(crate) const SURFACES: [Surface; 4] = [
    Surface {
        name: "chat",
        path: "/api/v1/chat/completions",
        calls_tools: true,
        prompt: |text| json!({"messages": [{"role": "user", "content": text}]}),
        fields: |wish| match wish {
            Wish::Text | Wish::Reasoning => json!({}),
            Wish::Limited(tokens) => json!({"max_tokens": tokens}),
            Wish::Tool => json!({
                "tool_choice": "required",
                "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": schema()}}],
            }),
            Wish::Structured => json!({
                "response_format": {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema()}},
            }),
        },
        whole: |body| chat(&[(None, body.clone())], "message"),
        stream: |events| chat(events, "delta"),
        finishes: ["stop", "length", "tool_calls"],
    },
    Surface {
        name: "completions",
        path: "/api/v1/completions",
        calls_tools: false,
        prompt: |text| json!({"prompt": text}),
        fields: |wish| match wish {
            Wish::Text | Wish::Reasoning | Wish::Tool => json!({}),
            Wish::Limited(tokens) => json!({"max_tokens": tokens}),
            Wish::Structured => json!({
                "response_format": {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema()}},
            }),
        },
        whole: |body| completions(&[(None, body.clone())]),
        stream: completions,
        finishes: ["stop", "length", "tool_calls"],
    },
    Surface {
        name: "responses",
        path: "/api/v1/responses",
        calls_tools: true,
        prompt: |text| json!({"input": text}),
        fields: |wish| match wish {
            Wish::Text | Wish::Reasoning => json!({}),
            Wish::Limited(tokens) => json!({"max_output_tokens": tokens}),
            Wish::Tool => json!({
                "tool_choice": {"type": "function", "name": "get_weather"},
                "tools": [{"type": "function", "name": "get_weather", "parameters": schema()}],
            }),
            Wish::Structured => json!({
                "text": {"format": {"type": "json_schema", "name": "weather", "schema": schema()}},
            }),
        },
        whole: response,
        stream: response_stream,
        finishes: ["completed", "max_output_tokens", "completed"],
    },
    Surface {
        name: "messages",
        path: "/api/v1/messages",
        calls_tools: true,
        prompt: |text| json!({"messages": [{"role": "user", "content": text}], "max_tokens": 4000}),
        fields: |wish| match wish {
            Wish::Text => json!({}),
            Wish::Limited(tokens) => json!({"max_tokens": tokens}),
            Wish::Reasoning => json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
            Wish::Tool => json!({
                "tool_choice": {"type": "any"},
                "tools": [{"name": "get_weather", "input_schema": schema()}],
            }),
            Wish::Structured => json!({
                "output_config": {"format": {"type": "json_schema", "schema": schema()}},
            }),
        },
        whole: message,
        stream: message_stream,
        finishes: ["end_turn", "max_tokens", "tool_use"],
    },
];

/// The schema of the tool and of structured answers.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["city", "days", "unit"],
        "properties": {
            "city": {"type": "string", "minLength": 10},
            "days": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 7}, "minItems": 2},
            "unit": {"enum": ["c", "f"]},
        },
    })
}

/// Whether a text is valid for [`schema`].
pub(crate) fn fits_schema(text: &str) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return false;
    };
    let days = fields["days"].as_array().unwrap();
    fields.len() == 3
        && fields["city"].as_str().unwrap().len() >= 10
        && days.len() >= 2
        && days
            .iter()
            .all(|day| (1..=7).contains(&day.as_i64().unwrap()))
        && ["c", "f"].contains(&fields["unit"].as_str().unwrap())
}

impl Surface {
    pub(crate) fn ask(&self, wish: Wish, more: Value) -> Ask {
        let model = if wish == Wish::Reasoning {
            "deepseek/deepseek-r1"
        } else {
            MODEL
        };
        let mut body = json!({"model": model});
        for part in [(self.prompt)(PROMPT), (self.fields)(wish), more] {
            body.as_object_mut()
                .unwrap()
                .extend(part.as_object().unwrap().clone());
        }
        Ask::post(self.path, &body)
    }

    /// The answer to a wish, whole and streamed.
    pub(crate) async fn both(&self, sim: &Simulator, wish: Wish) -> (Told, Told) {
        let whole = self.ask(wish, json!({})).send(sim).await;
        let stream = self.ask(wish, json!({"stream": true})).send(sim).await;
        assert_eq!(
            (whole.status, stream.status),
            (Some(200), Some(200)),
            "{}",
            whole.text()
        );
        assert_eq!(stream.header("content-type"), Some("text/event-stream"));
        ((self.whole)(&whole.json()), (self.stream)(&events(&stream)))
    }

    /// The code, word and message of an error body or event.
    pub(crate) fn error(&self, body: &Value) -> (Value, String) {
        let error = match body.pointer("/response/error") {
            Some(error) => error,
            None if body["type"] == "error" && self.name == "responses" => body,
            None => body.pointer("/choices/0/error").unwrap_or(&body["error"]),
        };
        let code = error.get("code").unwrap_or(&error["type"]);
        (
            code.clone(),
            error["message"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

/// The events of a stream that are JSON, as a decoder has them.
pub(crate) fn events(reply: &Reply) -> Vec<Event> {
    let mut decoder = SseDecoder::new();
    decoder.push(&reply.body);
    let mut events = Vec::new();
    while let Some(item) = decoder.next() {
        if let SseItem::Event { event, data } = item.unwrap() {
            let name = event.map(|name| String::from_utf8(name.to_vec()).unwrap());
            if let Ok(data) = serde_json::from_slice(&data) {
                events.push((name, data));
            }
        }
    }
    events
}

pub(crate) fn push(text: &mut String, value: &Value) {
    text.push_str(value.as_str().unwrap_or_default());
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

pub(crate) fn chat(events: &[Event], key: &str) -> Told {
    let mut told = Told::default();
    for (_, body) in events {
        let choice = &body["choices"][0];
        push(&mut told.text, &choice[key]["content"]);
        push(&mut told.reasoning, &choice[key]["reasoning"]);
        if let Some(call) = choice[key].pointer("/tool_calls/0/function") {
            let (name, arguments) = told.call.get_or_insert_default();
            push(name, &call["name"]);
            push(arguments, &call["arguments"]);
        }
        finish_and_usage(&mut told, body);
    }
    told
}

fn completions(events: &[Event]) -> Told {
    let mut told = Told::default();
    for (_, body) in events {
        assert_eq!(body["object"], "text_completion");
        push(&mut told.text, &body["choices"][0]["text"]);
        push(&mut told.reasoning, &body["choices"][0]["reasoning"]);
        finish_and_usage(&mut told, body);
    }
    told
}

fn finish_and_usage(told: &mut Told, body: &Value) {
    if let Some(finish) = body["choices"][0]["finish_reason"].as_str() {
        finish.clone_into(&mut told.finish);
    }
    if let Some(usage) = body.get("usage").filter(|usage| !usage.is_null()) {
        told.tokens = (
            number(&usage["prompt_tokens"]),
            number(&usage["completion_tokens"]),
        );
    }
}

pub(crate) fn response(body: &Value) -> Told {
    let mut told = Told::default();
    for item in body["output"].as_array().unwrap() {
        match item["type"].as_str().unwrap() {
            "reasoning" => push(&mut told.reasoning, &item["summary"][0]["text"]),
            "message" => push(&mut told.text, &item["content"][0]["text"]),
            "function_call" => {
                let text = |key: &str| item[key].as_str().unwrap().to_owned();
                told.call = Some((text("name"), text("arguments")));
            }
            other => panic!("{other}"),
        }
    }
    let reason = body
        .pointer("/incomplete_details/reason")
        .unwrap_or(&body["status"]);
    push(&mut told.finish, reason);
    let usage = &body["usage"];
    told.tokens = (
        number(&usage["input_tokens"]),
        number(&usage["output_tokens"]),
    );
    told
}

/// Told by the deltas, and compared with what the last event has of them.
pub(crate) fn response_stream(events: &[Event]) -> Told {
    let mut told = Told::default();
    for (index, (name, body)) in events.iter().enumerate() {
        assert_eq!(body["sequence_number"], index);
        let kind = body["type"].as_str().unwrap();
        assert!(
            name.as_deref().is_none_or(|name| name == kind),
            "{name:?} {kind}"
        );
        match kind {
            "response.output_text.delta" => push(&mut told.text, &body["delta"]),
            "response.reasoning_summary_text.delta" => push(&mut told.reasoning, &body["delta"]),
            "response.function_call_arguments.delta" => {
                push(&mut told.call.as_mut().unwrap().1, &body["delta"])
            }
            "response.output_item.added" if body["item"]["type"] == "function_call" => {
                told.call = Some((
                    body["item"]["name"].as_str().unwrap().to_owned(),
                    String::new(),
                ));
            }
            _ => {}
        }
    }
    let last = response(&events.last().unwrap().1["response"]);
    let said = (&told.text, &told.reasoning, &told.call);
    assert_eq!(said, (&last.text, &last.reasoning, &last.call));
    last
}

pub(crate) fn message(body: &Value) -> Told {
    let mut told = Told::default();
    for block in body["content"].as_array().unwrap() {
        match block["type"].as_str().unwrap() {
            "thinking" => {
                assert!(
                    block["signature"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty())
                );
                push(&mut told.reasoning, &block["thinking"]);
            }
            "text" => push(&mut told.text, &block["text"]),
            "tool_use" => {
                told.call = Some((
                    block["name"].as_str().unwrap().to_owned(),
                    block["input"].to_string(),
                ));
            }
            other => panic!("{other}"),
        }
    }
    push(&mut told.finish, &body["stop_reason"]);
    let usage = &body["usage"];
    let cached = usage["cache_read_input_tokens"]
        .as_u64()
        .unwrap_or_default();
    told.tokens = (
        number(&usage["input_tokens"]) + cached,
        number(&usage["output_tokens"]),
    );
    told
}

pub(crate) fn message_stream(events: &[Event]) -> Told {
    let mut told = Told::default();
    let mut open = None;
    for (name, body) in events {
        let kind = body["type"].as_str().unwrap();
        assert_eq!(name.as_deref(), Some(kind));
        match kind {
            "content_block_start" => {
                assert_eq!(open.replace(body["index"].clone()), None);
                let block = &body["content_block"];
                if block["type"] == "tool_use" {
                    told.call = Some((block["name"].as_str().unwrap().to_owned(), String::new()));
                }
            }
            "content_block_delta" => {
                assert_eq!(open.as_ref(), Some(&body["index"]));
                let delta = &body["delta"];
                match delta["type"].as_str().unwrap() {
                    "text_delta" => push(&mut told.text, &delta["text"]),
                    "thinking_delta" => push(&mut told.reasoning, &delta["thinking"]),
                    "input_json_delta" => {
                        push(&mut told.call.as_mut().unwrap().1, &delta["partial_json"])
                    }
                    "signature_delta" => assert!(delta["signature"].is_string()),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => assert_eq!(open.take().as_ref(), Some(&body["index"])),
            "message_delta" => {
                push(&mut told.finish, &body["delta"]["stop_reason"]);
                let usage = &body["usage"];
                let cached = number(&usage["cache_read_input_tokens"]);
                told.tokens = (
                    number(&usage["input_tokens"]) + cached,
                    number(&usage["output_tokens"]),
                );
            }
            _ => {}
        }
    }
    assert_eq!(open, None);
    told
}
