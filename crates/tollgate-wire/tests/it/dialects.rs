//! Chats to upstreams that speak none, and their answers back.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_wire::{
    ChatRequest, ChatResponse, ChatTranslator, ChunkMerger, GeminiReply, Loss, Object, SseDecoder,
    SseItem, StreamEvent, Surface, Thinking, UpstreamDialect, anthropic_from_messages,
    chat_from_answer, from_chat, gemini_from_chat,
};

use crate::fixtures::{decode, read_stream, sample};

const CREATED: u64 = 1_786_190_400;

// === the golden files ===

fn data(folder: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialects");
    data.join(folder)
}

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(data(folder)).unwrap();
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn value(object: &Object) -> Value {
    serde_json::from_slice(&object.to_vec()).unwrap()
}

/// Compares with the file of that name, or writes it when `UPDATE_GOLDEN` is set.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the test says so in the environment"
)]
fn golden(name: &str, object: &Object, losses: &[Loss]) {
    let mut found = format!("{:#}\n---\n", value(object));
    for loss in losses {
        found.push_str(&format!("{loss}\n"));
    }
    let path = data("golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; set UPDATE_GOLDEN", path.display()));
    assert_eq!(found, expected, "{name}");
}

/// What a chat becomes for an upstream, and each loss on the way.
fn upstream(dialect: UpstreamDialect, chat: &ChatRequest, style: Thinking) -> (Object, Vec<Loss>) {
    match dialect {
        UpstreamDialect::Messages => {
            let message = from_chat(Surface::Messages, chat).unwrap();
            let narrowed = anthropic_from_messages(message.value, style).unwrap();
            let losses = [message.losses, narrowed.losses].concat();
            (narrowed.value.into_object(), losses)
        }
        UpstreamDialect::Gemini => {
            let body = gemini_from_chat(chat, style).unwrap();
            (body.value, body.losses)
        }
    }
}

const DIALECTS: [UpstreamDialect; 2] = [UpstreamDialect::Messages, UpstreamDialect::Gemini];

/// A whole answer as a chat.
fn whole(dialect: UpstreamDialect, body: &[u8]) -> (ChatResponse, Vec<Loss>) {
    let answer = chat_from_answer(dialect, CREATED, body).unwrap();
    (answer.value, answer.losses)
}

/// A stream as a chat.
fn streamed(dialect: UpstreamDialect, bytes: &[u8]) -> (ChatResponse, Vec<Loss>) {
    let mut chat = ChatTranslator::new(dialect).with_created(CREATED);
    let mut merger = ChunkMerger::new();
    let mut merge = |chunks: Vec<Object>| {
        for chunk in chunks {
            let data = chunk.to_vec();
            let StreamEvent::Chunk(chunk) = StreamEvent::parse(&data).unwrap() else {
                panic!("{chunk:?}")
            };
            merger.push(&chunk).unwrap();
        }
    };
    for item in decode(&mut SseDecoder::new(), bytes) {
        if let SseItem::Event { data, .. } = item {
            merge(chat.push(&data).unwrap());
        }
    }
    merge(chat.finish().unwrap());
    (merger.finish(), chat.losses().to_vec())
}

fn answer(dialect: UpstreamDialect, name: &str, bytes: &[u8]) -> (ChatResponse, Vec<Loss>) {
    match name.ends_with(".sse") {
        true => streamed(dialect, bytes),
        false => whole(dialect, bytes),
    }
}

/// The request that goes on from an answer: with it, and a result for each call.
fn going_on(answer: &ChatResponse) -> ChatRequest {
    let answer = value(answer.object());
    let mut said = answer["choices"][0]["message"].clone();
    said["role"] = "assistant".into();
    let calls = said["tool_calls"].as_array().cloned().unwrap_or_default();
    let mut messages = vec![json!({"role":"user","content":"x"}), said];
    let result = |call: &Value| json!({"role":"tool","tool_call_id":call["id"],"content":"r"});
    messages.extend(calls.iter().map(result));
    let body = json!({"messages":messages,"max_tokens":4000});
    ChatRequest::parse(body.to_string().as_bytes()).unwrap()
}

#[test]
fn each_request_becomes_the_body_that_it_means() {
    for (name, body) in files("requests") {
        let chat = ChatRequest::parse(&body).unwrap();
        for dialect in DIALECTS {
            let name = name.replace(".json", "");
            let name = format!("{name}.{}", dialect.as_str());
            let (body, losses) = upstream(dialect, &chat, Thinking::Effort);
            golden(&name, &body, &losses);
            let (of_budget, losses) = upstream(dialect, &chat, Thinking::Budget);
            if of_budget != body {
                golden(&format!("{name}-budget"), &of_budget, &losses);
            }
        }
    }
}

#[test]
fn each_sample_answer_can_be_gone_on_from_at_every_upstream() {
    for name in [
        "chat.json",
        "chat-tools.json",
        "chat-byok.json",
        "chat-stream.sse",
    ] {
        let bytes = sample(name);
        let answer = match name.ends_with(".sse") {
            true => read_stream(&bytes).merger.finish(),
            false => ChatResponse::from_object(Object::parse(&bytes).unwrap()),
        };
        for dialect in DIALECTS {
            let (body, losses) = upstream(dialect, &going_on(&answer), Thinking::Effort);
            let name = name.replace('.', "-");
            golden(
                &format!("after-{name}.{}", dialect.as_str()),
                &body,
                &losses,
            );
        }
    }
}

#[test]
fn each_answer_becomes_a_chat_that_is_the_same_when_it_goes_back() {
    let sample = ("sample.sse".to_owned(), sample("messages-stream.sse"));
    for dialect in DIALECTS {
        let mut answers = files(dialect.as_str());
        if dialect == UpstreamDialect::Messages {
            answers.push(sample.clone());
        }
        for (name, bytes) in answers {
            let (chat, losses) = answer(dialect, &name, &bytes);
            let name = name.replace('.', "-");
            golden(&format!("{name}.chat"), chat.object(), &losses);
            let (body, losses) = upstream(dialect, &going_on(&chat), Thinking::Effort);
            golden(&format!("{name}.back"), &body, &losses);
        }
    }
}

// === what golden files cannot say ===

/// What the model said, in the upstream's own words: in an answer, in a request.
fn said(dialect: UpstreamDialect, answer: &Value) -> Value {
    match dialect {
        UpstreamDialect::Messages => answer["content"].clone(),
        UpstreamDialect::Gemini => answer["candidates"][0]["content"]["parts"].clone(),
    }
}

fn said_again(dialect: UpstreamDialect, request: &Value) -> Value {
    match dialect {
        UpstreamDialect::Messages => request["messages"][1]["content"].clone(),
        UpstreamDialect::Gemini => request["contents"][1]["parts"].clone(),
    }
}

#[test]
fn thoughts_signatures_and_calls_come_back_to_the_letter() {
    for (dialect, name) in [
        (UpstreamDialect::Messages, "thinking-tools.json"),
        (UpstreamDialect::Gemini, "text.json"),
        (UpstreamDialect::Gemini, "tools.json"),
        (UpstreamDialect::Gemini, "image.json"),
    ] {
        let bytes = std::fs::read(data(dialect.as_str()).join(name)).unwrap();
        let (chat, losses) = whole(dialect, &bytes);
        assert_eq!(losses, [], "{name}");
        let (body, losses) = upstream(dialect, &going_on(&chat), Thinking::Effort);
        assert_eq!(losses, [], "{name}");
        let mut given = said(dialect, &serde_json::from_slice(&bytes).unwrap());
        // A call without an id has got one, and no arguments are none.
        for (index, part) in given.as_array_mut().unwrap().iter_mut().enumerate() {
            if part.get("functionCall").is_some() {
                part["functionCall"]["id"] = format!("call_{}_r-tools", index - 1).into();
                let args = &mut part["functionCall"]["args"];
                *args = std::mem::take(args)
                    .as_object()
                    .cloned()
                    .unwrap_or_default()
                    .into();
            }
        }
        assert_eq!(said_again(dialect, &value(&body)), given, "{name}");
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(
            text.contains("\"days\":1.0"),
            name.contains("tools"),
            "{text}"
        );
    }
}

#[test]
fn calls_whose_signature_did_not_come_back_are_sent_as_calls_of_others() {
    let call =
        |id: &str| json!({"id":id,"type":"function","function":{"name":"f","arguments":"{}"}});
    let result = |id: &str| json!({"role":"tool","tool_call_id":id,"content":"r"});
    let body = json!({"messages":[{"role":"user","content":"x"},
        {"role":"assistant","content":"y","tool_calls":[call("a"),call("b")]},result("a"),result("b")]});
    let chat = ChatRequest::parse(body.to_string().as_bytes()).unwrap();
    let body = gemini_from_chat(&chat, Thinking::Effort).unwrap();
    let parts = &value(&body.value)["contents"][1]["parts"];
    assert_eq!(
        parts[1]["thoughtSignature"],
        "skip_thought_signature_validator"
    );
    let others = [&parts[0], &parts[2]];
    assert!(others.iter().all(|part| part["thoughtSignature"].is_null()));
}

#[test]
fn a_cut_stream_is_no_whole_answer() {
    for (dialect, name, end) in [
        (
            UpstreamDialect::Messages,
            "mixed.sse",
            "event: message_delta",
        ),
        (
            UpstreamDialect::Gemini,
            "tools.sse",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\"",
        ),
    ] {
        let bytes = std::fs::read(data(dialect.as_str()).join(name)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let cut = &text[..text.find(end).unwrap()];
        let mut chat = ChatTranslator::new(dialect);
        for item in decode(&mut SseDecoder::new(), cut.as_bytes()) {
            if let SseItem::Event { data, .. } = item {
                chat.push(&data).unwrap();
            }
        }
        let error = chat.finish().unwrap_err().to_string();
        assert!(error.contains("cut"), "{error}");
    }
}

#[test]
fn errors_are_no_answers() {
    let overloaded =
        br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let exhausted = br#"[{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}]"#;
    let malformed = br#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#;
    for (dialect, body) in [
        (UpstreamDialect::Messages, &overloaded[..]),
        (UpstreamDialect::Gemini, exhausted),
        (UpstreamDialect::Gemini, malformed),
        (UpstreamDialect::Gemini, br#"{"candidates":[]}"#),
        (UpstreamDialect::Gemini, br#"{"unknown":1}"#),
    ] {
        let error = chat_from_answer(dialect, 0, body);
        assert!(error.is_err(), "{}", String::from_utf8_lossy(body));
    }
    assert!(
        ChatTranslator::new(UpstreamDialect::Messages)
            .push(overloaded)
            .is_err()
    );
}

#[test]
fn a_blocked_prompt_is_an_error_with_what_it_used() {
    let body = br#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"responseId":"r"}"#;
    let error = GeminiReply::parse(body).unwrap().unwrap_err();
    assert_eq!(
        error.error_type().unwrap().as_str(),
        "content_policy_violation"
    );
    assert_eq!(error.usage().unwrap().prompt_tokens, 9);
    assert_eq!(error.id.as_deref(), Some("r"));
}

#[test]
fn what_an_upstream_cannot_do_is_refused_with_its_place() {
    let gemini = |body: Value, expected: &str| {
        let chat = ChatRequest::parse(body.to_string().as_bytes()).unwrap();
        let error = gemini_from_chat(&chat, Thinking::Effort).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let user = json!({"role":"user","content":"x"});
    gemini(
        json!({"messages":[{"role":"system","content":"x"}]}),
        "`messages`: must have one that is no instruction: gemini answers to somebody",
    );
    gemini(
        json!({"messages":[user,{"role":"tool","tool_call_id":"c","content":"r"}]}),
        "`messages[1].tool_call_id`: is that of no call before it, and gemini wants the function's name",
    );
    gemini(
        json!({"messages":[user],"tools":[{"type":"openrouter:web_search"}]}),
        "`tools[0].type`: gemini has no tool `openrouter:web_search`; send functions and run them yourself",
    );
    gemini(
        json!({"messages":[user],"modalities":["audio"]}),
        "`modalities`: holds `audio`, and gemini's answers are taken as text and images",
    );
    gemini(
        json!({"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"pcm16"}}]}]}),
        "`messages[0].content[0].input_audio.format`: must be one of wav, mp3, flac, m4a, ogg, aiff, aac",
    );
    gemini(
        json!({"messages":[user,{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"[1]"}}]}]}),
        "`messages[1].tool_calls[0].function.arguments`: must be a JSON object in a string",
    );
    let body = json!({"max_tokens":9,"messages":[user],"tools":[{"type":"openrouter:web_search"}]});
    let request = tollgate_wire::Request::parse(Surface::Messages, body.to_string().as_bytes());
    let error = anthropic_from_messages(request.unwrap(), Thinking::Effort).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`tools[0].type`: `openrouter:web_search` runs"),
        "{error}"
    );
}

#[test]
fn a_message_that_anthropic_takes_stays_the_text_it_was() {
    let body = br#"{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens": 2000},"messages":[{"role":"user","content": "x"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}, {"type":"text","text":"y"}]},{"role":"user","content":"thinking\""}],"metadata":{"user_id":"u"},"service_tier":"auto","new":1.10}"#;
    let request = tollgate_wire::Request::parse(Surface::Messages, body).unwrap();
    let narrowed = anthropic_from_messages(request, Thinking::Budget).unwrap();
    assert_eq!(narrowed.losses, []);
    assert_eq!(narrowed.value.object().to_vec(), body);
}

#[test]
fn a_budget_of_thinking_fits_below_the_limit() {
    let check = |style, given: Value, expected: Value, losses: &[&str]| {
        let request =
            tollgate_wire::Request::parse(Surface::Messages, given.to_string().as_bytes());
        let narrowed = anthropic_from_messages(request.unwrap(), style).unwrap();
        let mut found = value(narrowed.value.object());
        found.as_object_mut().unwrap().remove("messages");
        assert_eq!(found, expected);
        let places: Vec<&str> = narrowed
            .losses
            .iter()
            .map(|loss| loss.place.as_str())
            .collect();
        assert_eq!(places, losses);
    };
    let messages = json!([{"role":"user","content":"x"}]);
    let budget = "thinking.budget_tokens";
    check(
        Thinking::Effort,
        json!({"messages":messages,"max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":5000}}),
        json!({"max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":2400}}),
        &[budget],
    );
    check(
        Thinking::Effort,
        json!({"messages":messages,"max_tokens":1025,"thinking":{"type":"enabled","budget_tokens":1025}}),
        json!({"max_tokens":1025,"thinking":{"type":"enabled","budget_tokens":1024}}),
        &[budget],
    );
    check(
        Thinking::Effort,
        json!({"messages":messages,"max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":2999}}),
        json!({"max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":2999}}),
        &[],
    );
    check(
        Thinking::Effort,
        json!({"messages":messages,"max_tokens":1000,"thinking":{"type":"enabled","budget_tokens":5000}}),
        json!({"max_tokens":1000,"thinking":{"type":"disabled"}}),
        &[budget],
    );
    check(
        Thinking::Budget,
        json!({"messages":messages,"max_tokens":10000,"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"high"}}),
        json!({"max_tokens":10000,"thinking":{"type":"enabled","display":"omitted","budget_tokens":8000}}),
        &[],
    );
    check(
        Thinking::Effort,
        json!({"messages":messages,"max_tokens":10000,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}),
        json!({"max_tokens":10000,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}),
        &[],
    );
}

#[test]
fn an_answer_of_endless_parts_is_refused() {
    let call = json!({"type":"tool_use","id":"c","name":"f","input":{}});
    let body = json!({"id":"m","content":vec![call; 5000],"stop_reason":"end_turn"}).to_string();
    let error = chat_from_answer(UpstreamDialect::Messages, 0, body.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("4096"), "{error}");
    let call = json!({"functionCall":{"name":"f"}});
    let content = json!({"parts":vec![call; 5000]});
    let body = json!({"candidates":[{"content":content,"finishReason":"STOP"}]}).to_string();
    let error = chat_from_answer(UpstreamDialect::Gemini, 0, body.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("4096"), "{error}");
}

// === any answer ===

const TEXT: &str = "[a\u{e9}\" \n]{1,6}";

/// The parts of an answer in an order in which a chat can hold them: thoughts, text, calls.
fn answer_in(dialect: UpstreamDialect) -> impl Strategy<Value = Vec<Value>> {
    let thoughts = prop::collection::vec((TEXT, any::<bool>()), 0..3);
    // Texts of white space alone do not go back.
    let text = TEXT.prop_filter("blank", |text| !text.trim().is_empty());
    let text = prop::option::of((text, any::<bool>()));
    let calls = prop::collection::vec((TEXT, any::<bool>()), 0..4);
    (thoughts, text, calls).prop_map(move |(thoughts, text, calls)| {
        let gemini = dialect == UpstreamDialect::Gemini;
        let mut parts = Vec::new();
        for (index, (thought, hidden)) in thoughts.into_iter().enumerate() {
            let signature = format!("s{index}");
            parts.push(match (gemini, hidden) {
                // Without a signature between them two thoughts would be one.
                (true, _) => json!({"text":thought,"thought":true,"thoughtSignature":signature}),
                (false, true) => json!({"type":"redacted_thinking","data":signature}),
                (false, false) => {
                    json!({"type":"thinking","thinking":thought,"signature":signature})
                }
            });
        }
        if let Some((text, signed)) = text {
            // White space at the end of the last turn is another test's matter.
            let mut part = match gemini {
                true => json!({"text":text}),
                false => json!({"type":"text","text":text}),
            };
            if gemini && signed {
                part["thoughtSignature"] = "st".into();
            }
            parts.push(part);
        }
        for (index, (argument, signed)) in calls.into_iter().enumerate() {
            let (id, args) = (format!("id{index}"), json!({"a":argument}));
            let mut part = match gemini {
                true => json!({"functionCall":{"id":id,"name":"f","args":args}}),
                false => json!({"type":"tool_use","id":id,"name":"f","input":args}),
            };
            // The first call of a step is signed, the others may be.
            if gemini && (signed || index == 0) {
                part["thoughtSignature"] = format!("c{index}").into();
            }
            parts.push(part);
        }
        if parts.is_empty() {
            parts.push(match gemini {
                true => json!({"text":"a"}),
                false => json!({"type":"text","text":"a"}),
            });
        }
        parts
    })
}

fn body_of(dialect: UpstreamDialect, parts: &[Value]) -> Value {
    match dialect {
        UpstreamDialect::Messages => {
            json!({"id":"m","model":"c","content":parts,"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}})
        }
        UpstreamDialect::Gemini => {
            json!({"candidates":[{"content":{"parts":parts},"finishReason":"STOP"}],"responseId":"r"})
        }
    }
}

/// The same answer as the events of a stream.
fn events_of(dialect: UpstreamDialect, parts: &[Value]) -> Vec<Value> {
    if dialect == UpstreamDialect::Gemini {
        let event =
            |part: &Value| json!({"candidates":[{"content":{"parts":[part]}}],"responseId":"r"});
        let mut events: Vec<Value> = parts.iter().map(event).collect();
        events.push(json!({"candidates":[{"finishReason":"STOP"}],"responseId":"r"}));
        return events;
    }
    let mut events = vec![
        json!({"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":1}}}),
    ];
    for (index, part) in parts.iter().enumerate() {
        let kind = part["type"].as_str().unwrap();
        let (start, deltas) = match kind {
            "thinking" => (
                json!({"type":"thinking","thinking":"","signature":""}),
                vec![
                    json!({"type":"thinking_delta","thinking":part["thinking"]}),
                    json!({"type":"signature_delta","signature":part["signature"]}),
                ],
            ),
            "text" => (
                json!({"type":"text","text":""}),
                vec![json!({"type":"text_delta","text":part["text"]})],
            ),
            "tool_use" => {
                let text = part["input"].to_string();
                let half = text.floor_char_boundary(text.len() / 2);
                let piece = |text: &str| json!({"type":"input_json_delta","partial_json":text});
                let mut start = part.clone();
                start["input"] = json!({});
                (start, vec![piece(&text[..half]), piece(&text[half..])])
            }
            _ => (part.clone(), Vec::new()),
        };
        events.push(json!({"type":"content_block_start","index":index,"content_block":start}));
        let delta = |delta| json!({"type":"content_block_delta","index":index,"delta":delta});
        events.extend(deltas.into_iter().map(delta));
        events.push(json!({"type":"content_block_stop","index":index}));
    }
    events.push(json!({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}));
    events.push(json!({"type":"message_stop"}));
    events
}

fn check_round_trip(dialect: UpstreamDialect, parts: &[Value]) -> Result<(), TestCaseError> {
    let (chat, losses) = whole(dialect, body_of(dialect, parts).to_string().as_bytes());
    prop_assert_eq!(losses, vec![]);
    let events = events_of(dialect, parts);
    let stream: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    let (of_stream, losses) = streamed(dialect, stream.as_bytes());
    prop_assert_eq!(losses, vec![]);
    // A stream that has no usage has no chunk of it.
    let choices = |chat: &ChatResponse| value(chat.object())["choices"].clone();
    prop_assert_eq!(choices(&of_stream), choices(&chat));
    let mut going_on = value(going_on(&chat).object());
    let messages = going_on["messages"].as_array_mut().unwrap();
    messages.push(json!({"role":"user","content":"y"}));
    let chat = ChatRequest::parse(going_on.to_string().as_bytes()).unwrap();
    let (body, losses) = upstream(dialect, &chat, Thinking::Effort);
    prop_assert_eq!(losses, vec![]);
    prop_assert_eq!(
        said_again(dialect, &value(&body)),
        Value::from(parts.to_vec())
    );
    Ok(())
}

proptest! {
    #[test]
    fn any_answer_of_messages_comes_back_as_it_was(parts in answer_in(UpstreamDialect::Messages)) {
        check_round_trip(UpstreamDialect::Messages, &parts)?;
    }

    #[test]
    fn any_answer_of_gemini_comes_back_as_it_was(parts in answer_in(UpstreamDialect::Gemini)) {
        check_round_trip(UpstreamDialect::Gemini, &parts)?;
    }

    /// Whatever comes is read or refused, never a panic.
    #[test]
    fn whatever_an_upstream_sends_is_read_or_refused(data in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
        for dialect in DIALECTS {
            let _ = ChatTranslator::new(dialect).push(data.as_bytes());
            let _ = chat_from_answer(dialect, 0, data.as_bytes());
        }
    }
}
