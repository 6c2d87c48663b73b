//! The direct providers as their clients use them.

use serde_json::{Value, json};
use tollgate_sim::{Host, Simulator};

use crate::client::Ask;
use crate::surface::{
    Event, PROMPT, Told, Wish, chat, events, message, message_stream, number, push, response,
    response_stream, schema,
};

/// One dialect of a direct provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) host: Host,
    /// The header of the key, and its value.
    pub(super) key: (&'static str, &'static str),
    /// What the host calls the model, and what the catalog does.
    pub(super) model: &'static str,
    pub(super) id: &'static str,
    /// A model that thinks, as the host calls it.
    thinker: &'static str,
    /// Whether thoughts are told when they are asked for.
    pub(super) thinks_aloud: bool,
    path: fn(&str, bool) -> String,
    body: fn(Wish) -> Value,
    pub(super) whole: fn(&Value) -> Told,
    pub(super) stream: fn(&[Event]) -> Told,
    /// How a finish is said: of a text, of a limit, of a tool.
    pub(super) finishes: [&'static str; 3],
}

pub(super) const PEERS: [Peer; 4] = [
    Peer {
        name: "openai chat",
        host: Host::OpenAi,
        key: ("authorization", "Bearer sk-simulated-key-0000001"),
        model: "gpt-4o-mini",
        id: "openai/gpt-4o-mini",
        thinker: "o4-mini",
        thinks_aloud: false,
        path: |_, _| "/v1/chat/completions".into(),
        body: |wish| {
            let messages = json!([{"role": "user", "content": PROMPT}]);
            match wish {
                Wish::Text => json!({"messages": messages}),
                Wish::Reasoning => json!({"messages": messages, "reasoning_effort": "high"}),
                Wish::Limited(tokens) => json!({"messages": messages, "max_tokens": tokens}),
                Wish::Tool => json!({
                    "messages": messages, "tool_choice": "required",
                    "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": schema()}}],
                }),
                Wish::Structured => json!({
                    "messages": messages,
                    "response_format": {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema()}},
                }),
            }
        },
        whole: |body| chat(&[(None, body.clone())], "message"),
        stream: |events| chat(events, "delta"),
        finishes: ["stop", "length", "tool_calls"],
    },
    Peer {
        name: "openai responses",
        host: Host::OpenAi,
        key: ("authorization", "Bearer sk-simulated-key-0000001"),
        model: "gpt-4o-mini",
        id: "openai/gpt-4o-mini",
        thinker: "o4-mini",
        thinks_aloud: true,
        path: |_, _| "/v1/responses".into(),
        body: |wish| match wish {
            Wish::Text => json!({"input": PROMPT}),
            Wish::Reasoning => {
                json!({"input": PROMPT, "reasoning": {"effort": "high", "summary": "auto"}})
            }
            Wish::Limited(tokens) => json!({"input": PROMPT, "max_output_tokens": tokens}),
            Wish::Tool => json!({
                "input": PROMPT, "tool_choice": {"type": "function", "name": "get_weather"},
                "tools": [{"type": "function", "name": "get_weather", "parameters": schema()}],
            }),
            Wish::Structured => json!({
                "input": PROMPT,
                "text": {"format": {"type": "json_schema", "name": "weather", "schema": schema()}},
            }),
        },
        whole: response,
        stream: response_stream,
        finishes: ["completed", "max_output_tokens", "completed"],
    },
    Peer {
        name: "anthropic",
        host: Host::Anthropic,
        key: ("x-api-key", "sk-ant-simulated-key-0001"),
        model: "claude-haiku-4-5",
        id: "anthropic/claude-haiku-4.5",
        thinker: "claude-haiku-4-5",
        thinks_aloud: true,
        path: |_, _| "/v1/messages".into(),
        body: |wish| {
            let mut body =
                json!({"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 4000});
            let more = match wish {
                Wish::Text => json!({}),
                Wish::Reasoning => json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
                Wish::Limited(tokens) => json!({"max_tokens": tokens}),
                Wish::Tool => json!({
                    "tool_choice": {"type": "any"},
                    "tools": [{"name": "get_weather", "input_schema": schema()}],
                }),
                Wish::Structured => json!({
                    "output_config": {"format": {"type": "json_schema", "schema": schema()}},
                }),
            };
            extend(&mut body, more);
            body
        },
        whole: message,
        stream: message_stream,
        finishes: ["end_turn", "max_tokens", "tool_use"],
    },
    Peer {
        name: "gemini",
        host: Host::Gemini,
        key: ("x-goog-api-key", "AIzaSimulatedKey000000001"),
        model: "gemini-2.5-flash",
        id: "google/gemini-2.5-flash",
        thinker: "gemini-2.5-pro",
        thinks_aloud: true,
        path: |model, stream| match stream {
            true => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            false => format!("/v1beta/models/{model}:generateContent"),
        },
        body: |wish| {
            let contents = json!([{"role": "user", "parts": [{"text": PROMPT}]}]);
            match wish {
                Wish::Text => json!({"contents": contents}),
                Wish::Reasoning => json!({
                    "contents": contents,
                    "generationConfig": {"thinkingConfig": {"includeThoughts": true}},
                }),
                Wish::Limited(tokens) => {
                    json!({"contents": contents, "generationConfig": {"maxOutputTokens": tokens}})
                }
                Wish::Tool => json!({
                    "contents": contents,
                    "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
                    "tools": [{"functionDeclarations": [{"name": "get_weather", "parameters": schema()}]}],
                }),
                Wish::Structured => json!({
                    "contents": contents,
                    "generationConfig": {"responseMimeType": "application/json", "responseSchema": schema()},
                }),
            }
        },
        whole: |body| content(&[(None, body.clone())]),
        stream: content,
        finishes: ["STOP", "MAX_TOKENS", "STOP"],
    },
];

/// A simulator of this host with seed 7.
pub(super) async fn direct(host: Host) -> Simulator {
    Simulator::builder()
        .seed(7)
        .host(host)
        .start()
        .await
        .unwrap()
}

pub(super) fn extend(body: &mut Value, more: Value) {
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
}

impl Peer {
    /// What stands before the key in its header.
    pub(super) fn scheme(&self) -> &'static str {
        if self.host == Host::OpenAi {
            "Bearer "
        } else {
            ""
        }
    }

    pub(super) fn ask(&self, wish: Wish, stream: bool) -> Ask {
        self.ask_with(wish, stream, json!({}))
    }

    pub(super) fn ask_with(&self, wish: Wish, stream: bool, more: Value) -> Ask {
        let model = match wish {
            Wish::Reasoning => self.thinker,
            _ => self.model,
        };
        self.make(model, wish, stream, more)
    }

    pub(super) fn ask_model(&self, model: &str, wish: Wish, stream: bool) -> Ask {
        self.make(model, wish, stream, json!({}))
    }

    fn make(&self, model: &str, wish: Wish, stream: bool, more: Value) -> Ask {
        let mut body = (self.body)(wish);
        if self.host != Host::Gemini {
            extend(&mut body, json!({"model": model}));
            if stream {
                extend(&mut body, json!({"stream": true}));
            }
        }
        extend(&mut body, more);
        self.post(&(self.path)(model, stream), &body)
    }

    /// A request with the headers that the host wants.
    pub(super) fn post(&self, path: &str, body: &Value) -> Ask {
        self.signed(Ask::post(path, body))
    }

    pub(super) fn get(&self, path: &str) -> Ask {
        self.signed(Ask::get(path))
    }

    fn signed(&self, ask: Ask) -> Ask {
        let (header, key) = self.key;
        let ask = ask.without("authorization").with(header, key);
        match self.host {
            Host::Anthropic => ask.with("anthropic-version", "2023-06-01"),
            _ => ask,
        }
    }

    /// The answer to a wish, whole and streamed.
    pub(super) async fn both(&self, sim: &Simulator, wish: Wish) -> (Told, Told) {
        let more = match self.name {
            "openai chat" => json!({"stream_options": {"include_usage": true}}),
            _ => json!({}),
        };
        let whole = self.ask(wish, false).send(sim).await;
        let stream = self.ask_with(wish, true, more).send(sim).await;
        let statuses = (whole.status, stream.status);
        assert_eq!(
            statuses,
            (Some(200), Some(200)),
            "{} {}",
            self.name,
            whole.text()
        );
        ((self.whole)(&whole.json()), (self.stream)(&events(&stream)))
    }

    /// The kind and the message of an error.
    pub(super) fn error(&self, body: &Value) -> (String, String) {
        let error = body.pointer("/response/error").unwrap_or(&body["error"]);
        let kind = if self.host == Host::Gemini {
            "status"
        } else {
            "type"
        };
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        (text(kind), text("message"))
    }
}

/// An answer of Google's, in one body or in events.
fn content(events: &[Event]) -> Told {
    let mut told = Told::default();
    for (name, body) in events {
        assert_eq!(*name, None);
        let candidate = &body["candidates"][0];
        assert_eq!(candidate["content"]["role"], "model");
        for part in candidate["content"]["parts"].as_array().unwrap() {
            if part["thought"] == true {
                push(&mut told.reasoning, &part["text"]);
            } else if let Some(call) = part.get("functionCall") {
                let name = call["name"].as_str().unwrap().to_owned();
                told.call = Some((name, call["args"].to_string()));
            } else {
                push(&mut told.text, &part["text"]);
            }
        }
        if let Some(finish) = candidate.get("finishReason") {
            finish.as_str().unwrap().clone_into(&mut told.finish);
            let usage = &body["usageMetadata"];
            let thoughts = usage["thoughtsTokenCount"].as_u64().unwrap_or_default();
            let output = number(&usage["candidatesTokenCount"]) + thoughts;
            told.tokens = (number(&usage["promptTokenCount"]), output);
            assert_eq!(number(&usage["totalTokenCount"]), told.tokens.0 + output);
        }
    }
    told
}
