//! Answers of chats in the shape of other surfaces, whole and as streams.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_wire::{
    ChatReply, ChatResponse, ChunkMerger, FinishReason, MessagesEvent, MessagesReply, Object,
    Request, ResponsesEvent, ResponsesReply, SseDecoder, SseItem, StreamEvent, StreamTranslator,
    Surface, Usage, answer_from_chat, to_chat,
};

use crate::fixtures::{decode, sample};

fn request(surface: Surface) -> Request {
    let body: &[u8] = match surface {
        Surface::Responses => {
            br#"{"model":"asked/for","input":"x","temperature":0.50,"tools":[{"type":"function","name":"f","parameters":{}}]}"#
        }
        Surface::Completions => br#"{"model":"asked/for","prompt":"x"}"#,
        _ => br#"{"model":"asked/for","messages":[{"role":"user","content":"x"}]}"#,
    };
    Request::parse(surface, body).unwrap()
}

/// The events that come of chunks, and what was lost.
fn translate<T: AsRef<[u8]>>(surface: Surface, chunks: &[T]) -> (Vec<Object>, Vec<String>) {
    let mut translator = StreamTranslator::new(&request(surface)).unwrap();
    let mut events = Vec::new();
    for data in chunks {
        if let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_ref()).unwrap() {
            events.extend(translator.push(&chunk).unwrap());
        }
    }
    events.extend(translator.finish().unwrap());
    let losses = translator.losses().iter().map(ToString::to_string);
    (events, losses.collect())
}

fn whole(surface: Surface, answer: &ChatResponse) -> (Value, Vec<String>) {
    let translated = answer_from_chat(&request(surface), answer).unwrap();
    let losses = translated.losses.iter().map(ToString::to_string);
    (value(&translated.value), losses.collect())
}

fn value(object: &Object) -> Value {
    serde_json::from_slice(&object.to_vec()).unwrap()
}

fn values(events: &[Object]) -> Vec<Value> {
    events.iter().map(value).collect()
}

fn chunks(name: &str) -> Vec<Vec<u8>> {
    let items = decode(&mut SseDecoder::new(), &sample(name));
    let data = items.into_iter().filter_map(|item| match item {
        SseItem::Event { data, .. } => Some(data.to_vec()),
        SseItem::Comment(_) => None,
    });
    data.collect()
}

fn merged<T: AsRef<[u8]>>(chunks: &[T]) -> ChatResponse {
    let mut merger = ChunkMerger::new();
    for data in chunks {
        if let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_ref()).unwrap() {
            merger.push(&chunk).unwrap();
        }
    }
    merger.finish()
}

fn answer(name: &str) -> ChatResponse {
    match ChatReply::parse(&sample(name)).unwrap() {
        ChatReply::Answer(answer) => answer,
        ChatReply::Error(error) => panic!("{}", error.message),
    }
}

/// A whole chat answer around a message.
fn chat(message: &str, rest: &str) -> ChatResponse {
    let text = format!(
        r#"{{"id":"g","created":5,"model":"m","choices":[{{"index":0,"message":{message}{rest}}}]}}"#
    );
    ChatResponse::from_object(Object::parse(text.as_bytes()).unwrap())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

const STREAMS: &[&str] = &["chat-stream.sse", "chat-stream-text.sse"];

// === the order of events ===

/// Reads the events of Responses as a strict client: one item after the other, in it one part after the other, deltas
/// that make what the ends say, numbers without a gap. Gives the response at the end.
fn read_responses(events: &[Value]) -> Value {
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
    }
    let mut rest = events.iter().peekable();
    let mut next = |kind: &str| {
        let event = rest.next().unwrap();
        assert_eq!(text(event, "type"), kind, "{event}");
        event
    };
    for kind in ["response.created", "response.in_progress"] {
        let response = &next(kind)["response"];
        assert_eq!(
            (&response["status"], &response["usage"], &response["output"]),
            (&json!("in_progress"), &Value::Null, &json!([]))
        );
    }
    let mut items: Vec<Value> = Vec::new();
    let body = &events[2..events.len() - 1];
    let mut position = 0;
    while position < body.len() {
        position += read_item(&body[position..], items.len(), &mut items);
    }
    let last = events.last().unwrap();
    let status = text(&last["response"], "status");
    assert_eq!(text(last, "type"), format!("response.{status}"));
    assert_eq!(last["response"]["output"], Value::from(items));
    last["response"].clone()
}

/// Reads the events of one item; gives how many they are.
fn read_item(events: &[Value], index: usize, items: &mut Vec<Value>) -> usize {
    let added = &events[0];
    assert_eq!(text(added, "type"), "response.output_item.added", "{added}");
    let (mut grown, mut is_part_open) = (String::new(), false);
    for (position, event) in events.iter().enumerate() {
        assert_eq!(event["output_index"], index, "{event}");
        if position > 0 && event.get("item_id").is_some() {
            assert_eq!(event["item_id"], added["item"]["id"], "{event}");
        }
        match text(event, "type") {
            "response.output_item.added" => assert_eq!(position, 0, "{event}"),
            "response.output_item.done" => {
                assert!(!is_part_open);
                assert_eq!(event["item"]["id"], added["item"]["id"]);
                items.push(event["item"].clone());
                return position + 1;
            }
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                assert!(!is_part_open, "{event}");
                is_part_open = true;
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                assert!(is_part_open, "{event}");
                is_part_open = false;
            }
            kind if kind.ends_with(".delta") => grown.push_str(text(event, "delta")),
            "response.output_text.annotation.added" => assert!(is_part_open),
            kind if kind.ends_with(".done") => {
                let said = ["text", "refusal", "arguments"].iter();
                let said: String = said.map(|key| text(event, key)).collect();
                let nothing = grown.is_empty() && said == "{}";
                assert!(nothing || said == grown, "{event} after {grown}");
                grown.clear();
            }
            kind => panic!("unexpected {kind}"),
        }
    }
    panic!("the item has no end")
}

/// Reads the events of Messages as a strict client. Gives the message that they make.
fn read_messages(events: &[Value]) -> Value {
    let (first, last) = (&events[0], events.last().unwrap());
    assert_eq!(text(first, "type"), "message_start");
    assert_eq!(text(last, "type"), "message_stop");
    let mut message = first["message"].clone();
    assert_eq!(message["content"], json!([]));
    let mut open: Option<(Value, String)> = None;
    for event in &events[1..events.len() - 1] {
        match text(event, "type") {
            "content_block_start" => {
                assert!(open.is_none(), "{event}");
                assert_eq!(event["index"], message["content"].as_array().unwrap().len());
                open = Some((event["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                assert_eq!(event["index"], message["content"].as_array().unwrap().len());
                let (block, arguments) = open.as_mut().unwrap();
                grow(block, arguments, &event["delta"]);
            }
            "content_block_stop" => {
                let (mut block, arguments) = open.take().unwrap();
                if !arguments.is_empty() {
                    block["input"] = serde_json::from_str(&arguments).unwrap();
                }
                message["content"].as_array_mut().unwrap().push(block);
            }
            "message_delta" => {
                assert!(open.is_none());
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"] = event["usage"].clone();
            }
            kind => panic!("unexpected {kind}"),
        }
    }
    let late = last.as_object().unwrap().iter();
    for (key, value) in late.filter(|(key, _)| *key != "type") {
        message[key] = value.clone();
    }
    message
}

fn grow(block: &mut Value, arguments: &mut String, delta: &Value) {
    let key = match text(delta, "type") {
        "text_delta" => "text",
        "thinking_delta" => "thinking",
        "signature_delta" => "signature",
        "input_json_delta" => return arguments.push_str(text(delta, "partial_json")),
        "citations_delta" => {
            let citations = block["citations"].as_array_mut().unwrap();
            return citations.push(delta["citation"].clone());
        }
        kind => panic!("unexpected {kind}"),
    };
    block[key] = Value::from(format!("{}{}", text(block, key), text(delta, key)));
}

#[test]
fn the_samples_make_streams_that_strict_clients_read_and_that_say_what_the_whole_says() {
    for name in STREAMS {
        let chunks = chunks(name);
        let answer = merged(&chunks);
        let (events, _) = translate(Surface::Responses, &chunks);
        let response = read_responses(&values(&events));
        assert_eq!(response, whole(Surface::Responses, &answer).0, "{name}");
        let (events, _) = translate(Surface::Messages, &chunks);
        let message = read_messages(&values(&events));
        assert_eq!(message, whole(Surface::Messages, &answer).0, "{name}");
    }
}

#[test]
fn what_this_crate_reads_in_the_events_is_what_the_chat_said() {
    for name in STREAMS {
        let chunks = chunks(name);
        let chat = merged(&chunks);
        let choice = chat.choices().remove(0);
        let usage = chat.usage().unwrap();
        let said = choice.text().len()
            + choice.message.reasoning.as_deref().map_or(0, str::len)
            + choice
                .message
                .tool_calls
                .iter()
                .map(|call| call.function.arguments_text().len())
                .sum::<usize>();
        let calls = choice.message.tool_calls.len();

        let (mut bytes, mut items, mut ended) = (0, 0, None);
        for event in translate(Surface::Responses, &chunks).0 {
            match ResponsesEvent::parse(&event.to_vec()).unwrap() {
                ResponsesEvent::Begun(reply) => assert_eq!(reply.id(), chat.id()),
                ResponsesEvent::Delta { text_bytes } => bytes += text_bytes,
                ResponsesEvent::Item => items += 1,
                ResponsesEvent::Ended(reply) => ended = Some(reply),
                ResponsesEvent::Other(_) => {}
                event => panic!("{event:?}"),
            }
        }
        let ended: ResponsesReply = ended.unwrap();
        assert_eq!((bytes, items), (said, calls), "{name}");
        assert_eq!(ended.text_bytes(), said, "{name}");
        assert_eq!(ended.finish_reason(), chat.finish_reason(), "{name}");
        assert_eq!(
            (ended.model(), ended.provider()),
            (chat.model(), chat.provider())
        );
        let read: Object = ended.object().read("usage").unwrap().unwrap();
        assert_eq!(
            read.read("input_tokens").unwrap(),
            Some(usage.prompt_tokens)
        );
        assert_eq!(
            ended.read_usage().unwrap().unwrap().cost,
            usage.cost,
            "{name}"
        );

        let (mut bytes, mut blocks, mut finish, mut used) = (0, 0, None, None);
        for event in translate(Surface::Messages, &chunks).0 {
            match MessagesEvent::parse(&event.to_vec()).unwrap() {
                MessagesEvent::Begun(reply) => assert_eq!(reply.provider(), chat.provider()),
                MessagesEvent::Delta { text_bytes } => bytes += text_bytes,
                MessagesEvent::Block => blocks += 1,
                MessagesEvent::Ending {
                    finish: why,
                    usage: newer,
                } => (finish, used) = (why, newer.unwrap()),
                MessagesEvent::Stop | MessagesEvent::Other(_) => {}
                MessagesEvent::Done => panic!("messages end with an event"),
                MessagesEvent::Error(error) => panic!("{}", error.message),
            }
        }
        let used = used.unwrap();
        assert_eq!((bytes, blocks), (said, calls), "{name}");
        assert_eq!(finish, chat.finish_reason(), "{name}");
        assert_eq!(
            (used.input_tokens, used.output_tokens, used.cost.clone()),
            (
                Some(usage.prompt_tokens),
                Some(usage.completion_tokens),
                usage.cost
            )
        );
        assert_eq!(
            used.thinking_tokens(),
            usage.completion_tokens_details.reasoning_tokens
        );
    }
}

fn transcript(events: &[Object]) -> String {
    let lines = events
        .iter()
        .map(|event| String::from_utf8(event.to_vec()).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_stream_as_responses() {
    let (events, losses) = translate(Surface::Responses, &chunks("chat-stream.sse"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(transcript(&events));
}

#[test]
fn the_sample_stream_as_messages() {
    let (events, losses) = translate(Surface::Messages, &chunks("chat-stream.sse"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(transcript(&events));
}

#[test]
fn the_sample_stream_as_completions() {
    let (events, losses) = translate(Surface::Completions, &chunks("chat-stream-text.sse"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(transcript(&events));
}

#[test]
fn a_chat_stays_as_it_is() {
    let chunks = chunks("chat-stream-text.sse");
    let (events, _) = translate(Surface::Chat, &chunks);
    let data: Vec<Vec<u8>> = events.iter().map(Object::to_vec).collect();
    assert_eq!(data, chunks[..data.len()]);
    let answer = answer("chat.json");
    assert_eq!(whole(Surface::Chat, &answer).0, value(answer.object()));
}

// === whole answers ===

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn the_sample_answer_as_responses() {
    let (response, losses) = whole(Surface::Responses, &answer("chat.json"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(pretty(&response));
}

#[test]
fn the_sample_answer_as_a_message() {
    let (message, losses) = whole(Surface::Messages, &answer("chat.json"));
    let place = "`choices[0].message.annotations`: citations of messages name no place in the text";
    assert_eq!(losses, [place]);
    insta::assert_snapshot!(pretty(&message));
}

#[test]
fn the_sample_calls_as_responses() {
    let (response, losses) = whole(Surface::Responses, &answer("chat-tools.json"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(pretty(&response["output"]));
}

#[test]
fn the_sample_calls_as_a_message() {
    let (message, losses) = whole(Surface::Messages, &answer("chat-tools.json"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(pretty(&message["content"]));
}

#[test]
fn replies_that_this_crate_reads_say_what_the_chat_said() {
    for name in ["chat.json", "chat-tools.json", "chat-byok.json"] {
        let chat = answer(name);
        let usage = chat.usage().unwrap();
        let response = answer_from_chat(&request(Surface::Responses), &chat).unwrap();
        let response = ResponsesReply::parse(&response.value.to_vec())
            .unwrap()
            .unwrap();
        let read: Usage = response.read_usage().unwrap().unwrap();
        assert_eq!(
            (response.finish_reason(), read.cost, response.id()),
            (chat.finish_reason(), usage.cost.clone(), chat.id()),
            "{name}"
        );
        let message = answer_from_chat(&request(Surface::Messages), &chat).unwrap();
        let message = MessagesReply::parse(&message.value.to_vec())
            .unwrap()
            .unwrap();
        let read = message.read_usage().unwrap().unwrap();
        let cached = usage.prompt_tokens_details.cached_tokens;
        assert_eq!(
            (
                message.finish_reason(),
                read.cost,
                read.cache_read_input_tokens
            ),
            (chat.finish_reason(), usage.cost, Some(cached)),
            "{name}"
        );
        assert_eq!(
            read.input_tokens,
            Some(usage.prompt_tokens - cached),
            "{name}"
        );
    }
}

#[test]
fn an_answer_ends_in_the_words_of_its_surface() {
    let check = |message: &str, finish: &str, status: &str, reason: Value, stop: &str| {
        let chat = chat(message, finish);
        let response = whole(Surface::Responses, &chat).0;
        assert_eq!(
            (text(&response, "status"), &response["incomplete_details"]),
            (status, &reason),
            "{finish}"
        );
        let message = whole(Surface::Messages, &chat).0;
        assert_eq!(text(&message, "stop_reason"), stop, "{finish}");
    };
    let said = r#"{"content":"t"}"#;
    let called = r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}"#;
    let refused = r#"{"content":null,"refusal":"no"}"#;
    check(
        said,
        r#","finish_reason":"stop""#,
        "completed",
        Value::Null,
        "end_turn",
    );
    check(
        said,
        r#","finish_reason":"length""#,
        "incomplete",
        json!({"reason":"max_output_tokens"}),
        "max_tokens",
    );
    check(
        said,
        r#","finish_reason":"content_filter""#,
        "incomplete",
        json!({"reason":"content_filter"}),
        "refusal",
    );
    check(
        called,
        r#","finish_reason":"tool_calls""#,
        "completed",
        Value::Null,
        "tool_use",
    );
    check(
        called,
        r#","finish_reason":"stop""#,
        "completed",
        Value::Null,
        "tool_use",
    );
    check(
        refused,
        r#","finish_reason":"stop""#,
        "completed",
        Value::Null,
        "refusal",
    );
    check(
        said,
        r#","finish_reason":"stop","native_finish_reason":"stop_sequence""#,
        "completed",
        Value::Null,
        "stop_sequence",
    );
    check(
        said,
        r#","finish_reason":"length","native_finish_reason":"MAX_TOKENS""#,
        "incomplete",
        json!({"reason":"max_output_tokens"}),
        "max_tokens",
    );
}

#[test]
fn a_cut_or_failed_answer_is_never_told_as_whole() {
    let check = |rest: &str, expected: &str| {
        for surface in [Surface::Responses, Surface::Messages, Surface::Completions] {
            let error = answer_from_chat(&request(surface), &chat(r#"{"content":"t"}"#, rest));
            assert_eq!(error.unwrap_err().to_string(), expected);
        }
    };
    let cut = "`choices[0].finish_reason`: is missing at the end, so the answer was cut";
    check("", cut);
    check(r#","finish_reason":null"#, cut);
    let mut translator = StreamTranslator::new(&request(Surface::Messages)).unwrap();
    assert_eq!(translator.finish().unwrap_err().to_string(), cut);
    let embeddings = Request::parse(Surface::Embeddings, br#"{"input":"x"}"#).unwrap();
    assert_eq!(
        StreamTranslator::new(&embeddings).unwrap_err().to_string(),
        "vectors cannot be made from a chat's answer"
    );
}

/// Checks the items of the response and the blocks of the message that a chat's message becomes.
fn check_message(
    message: &str,
    rest: &str,
    items: Value,
    losses: &[&str],
    blocks: Value,
    messages_losses: &[&str],
) {
    let chat = chat(message, &format!(r#","finish_reason":"stop"{rest}"#));
    let (response, found) = whole(Surface::Responses, &chat);
    assert_eq!(response["output"], items, "{message}");
    assert_eq!(found, losses, "{message}");
    let (found_message, found) = whole(Surface::Messages, &chat);
    assert_eq!(found_message["content"], blocks, "{message}");
    assert_eq!(found, [messages_losses, &[NO_USAGE]].concat(), "{message}");
}

const NO_USAGE: &str = "`usage`: the chat did not say; messages must";

#[test]
fn a_refusal_is_a_part_of_its_own_or_text() {
    check_message(
        r#"{"content":"t","refusal":"no"}"#,
        "",
        json!([{"type":"message","id":"msg_0_g","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"t","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"no"}]}]),
        &[],
        json!([{"type":"text","text":"t","citations":[]},{"type":"text","text":"no","citations":[]}]),
        &[],
    );
}

#[test]
fn reasoning_without_details_is_reasoning_all_the_same() {
    for key in ["reasoning", "reasoning_content"] {
        check_message(
            &format!(r#"{{"content":"t","{key}":"why"}}"#),
            "",
            json!([{"type":"reasoning","id":"rs_0_g","summary":[],"content":[{"type":"reasoning_text","text":"why"}]},
                {"type":"message","id":"msg_1_g","role":"assistant","status":"completed","content":[
                    {"type":"output_text","text":"t","annotations":[],"logprobs":[]}]}]),
            &[],
            json!([{"type":"thinking","thinking":"why","signature":""},{"type":"text","text":"t","citations":[]}]),
            &[],
        );
    }
}

#[test]
fn log_probabilities_are_carried_where_there_is_a_place() {
    let logprobs = r#","logprobs":{"content":[{"token":"t","logprob":-0.5,"bytes":[116],"top_logprobs":[{"token":"t","logprob":-0.5}]}]}"#;
    check_message(
        r#"{"content":"t"}"#,
        logprobs,
        json!([{"type":"message","id":"msg_0_g","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"t","annotations":[],"logprobs":[
                {"token":"t","logprob":-0.5,"bytes":[116],"top_logprobs":[{"token":"t","logprob":-0.5}]}]}]}]),
        &[],
        json!([{"type":"text","text":"t","citations":[]}]),
        &["`choices[0].logprobs`: messages have no log probabilities"],
    );
    let chat = chat(
        r#"{"content":"t"}"#,
        &format!(r#","finish_reason":"stop"{logprobs}"#),
    );
    assert_eq!(
        whole(Surface::Completions, &chat).0["choices"],
        json!([{"index":0,"text":"t","finish_reason":"stop","logprobs":{
            "tokens":["t"],"token_logprobs":[-0.5],"top_logprobs":[{"t":-0.5}],"text_offset":[0]}}])
    );
}

#[test]
fn what_a_surface_has_no_place_for_is_listed() {
    check_message(
        r#"{"content":null,"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}],"audio":{"data":"BB"},"annotations":[{"type":"file","file":{}}]}"#,
        "",
        json!([{"type":"image_generation_call","id":"ig_0_g","status":"completed","result":"AA"}]),
        &[
            "`choices[0].message.audio`: answers of this surface have no sound",
            "`choices[0].message.annotations[0]`: answers of this surface have citations of URLs only",
        ],
        json!([]),
        &[
            "`choices[0].message.audio`: answers of this surface have no sound",
            "`choices[0].message.annotations[0]`: answers of this surface have citations of URLs only",
            "`choices[0].message.images`: messages hold no images that a model made",
        ],
    );
    let chat = chat(
        r#"{"content":"t","reasoning":"why","tool_calls":[{"id":"c"}]}"#,
        r#","finish_reason":"stop"},{"index":1,"message":{"content":"u"},"finish_reason":"stop""#,
    );
    let (completion, losses) = whole(Surface::Completions, &chat);
    assert_eq!(completion["choices"][1]["text"], "u");
    assert_eq!(
        losses,
        [
            "`choices[0].message.reasoning`: completions are text only",
            "`choices[0].message.tool_calls`: completions are text only"
        ]
    );
    let error = answer_from_chat(&request(Surface::Messages), &chat).unwrap();
    assert_eq!(
        error.losses[0].to_string(),
        "`choices[1]`: an answer of this surface is always one"
    );
}

#[test]
fn arguments_that_are_no_object_become_an_empty_one_and_the_rest_of_the_answer_is_told() {
    const CUT: &str = "`choices[0].message.tool_calls`: arguments that were cut are no object";
    const NONE: &str =
        "`choices[0].message.tool_calls`: arguments of messages are an object, and these are none";
    let check = |arguments: &str, finish: &str, input: Value, losses: &[&str]| {
        let call = json!({"index":0,"id":"c","function":{"name":"f","arguments":arguments}});
        let message = json!({"content":"t","tool_calls":[call]});
        let finish = format!(r#","finish_reason":"{finish}""#);
        let (message_told, found) = whole(Surface::Messages, &chat(&message.to_string(), &finish));
        assert_eq!(message_told["content"][0]["text"], "t", "{arguments}");
        assert_eq!(message_told["content"][1]["input"], input, "{arguments}");
        assert_eq!(found, [losses, &[NO_USAGE]].concat(), "{arguments}");
        let chunk = format!(r#"{{"id":"g","choices":[{{"index":0,"delta":{message}{finish}}}]}}"#);
        let (events, _) = translate(Surface::Messages, &[chunk]);
        let told = values(&events);
        let told = told
            .iter()
            .filter_map(|event| event["delta"]["partial_json"].as_str());
        let told: String = told.collect();
        let object = arguments.trim_start().starts_with('{');
        assert_eq!(told, if object { arguments } else { "" });
    };
    check("", "tool_calls", json!({}), &[]);
    check("null", "tool_calls", json!({}), &[]);
    check(" {\"a\":1}", "tool_calls", json!({"a":1}), &[]);
    check("[1]", "tool_calls", json!({}), &[NONE]);
    check("\"Oslo\"", "tool_calls", json!({}), &[NONE]);
    check("{\"a\":", "tool_calls", json!({}), &[NONE]);
    check("{\"a\":", "length", json!({}), &[CUT]);
}

#[test]
fn an_answer_of_more_blocks_than_any_model_means_is_refused() {
    let mut translator = StreamTranslator::new(&request(Surface::Responses)).unwrap();
    let mut push = |index: usize| {
        let call = json!({"index":index,"function":{"name":"f","arguments":"{}"}});
        let chunk = json!({"id":"g","choices":[{"index":0,"delta":{"tool_calls":[call]}}]});
        let data = chunk.to_string();
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!("a chunk")
        };
        translator.push(&chunk).map(drop)
    };
    assert!((0..4096).all(|index| push(index).is_ok()));
    assert_eq!(
        push(4096).unwrap_err().to_string(),
        "`choices[0]`: has more than 4096 thoughts, texts and calls, which no model means"
    );
}

#[test]
fn losses_beyond_the_first_are_one_that_says_so() {
    let members: serde_json::Map<String, Value> = (0..100)
        .map(|number| (format!("new_{number}"), json!(1)))
        .collect();
    let mut message = json!({"tool_calls":[members]});
    message["tool_calls"][0]["function"] = json!({"name":"f"});
    let (_, losses) = whole(
        Surface::Responses,
        &chat(&message.to_string(), r#","finish_reason":"stop""#),
    );
    assert_eq!(losses.len(), 65);
    assert!(losses[63].contains("tool_calls[0].new_"), "{losses:?}");
    assert_eq!(losses[64], "`and more`: there are too many places to name");
}

#[test]
fn a_whole_answer_makes_the_events_that_its_chunks_would_have_made() {
    for (surface, kinds) in [
        (
            Surface::Messages,
            "message_start content_block_start content_block_delta content_block_stop message_delta message_stop",
        ),
        (Surface::Completions, "text_completion"),
        (Surface::Chat, "chat.completion.chunk"),
    ] {
        let mut answer = chat(r#"{"content":"t"}"#, r#","finish_reason":"stop""#);
        answer
            .object_mut()
            .set("object", "chat.completion")
            .unwrap();
        let mut translator = StreamTranslator::new(&request(surface)).unwrap();
        let mut events = translator.push_whole(&answer).unwrap();
        events.extend(translator.finish().unwrap());
        let told = values(&events);
        let told: Vec<&str> = told
            .iter()
            .map(|event| event["type"].as_str().or(event["object"].as_str()).unwrap())
            .collect();
        assert_eq!(told.join(" "), kinds, "{surface}");
    }
}

#[test]
fn usage_keeps_its_sums_in_the_names_of_the_surface() {
    let mut chat = chat(r#"{"content":"t"}"#, r#","finish_reason":"stop""#);
    let usage = br#"{"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"cost":1.50e-3,"is_byok":false,"prompt_tokens_details":{"cached_tokens":30,"cache_write_tokens":10,"audio_tokens":4},"completion_tokens_details":null,"cost_details":{"upstream_inference_cost":0.10,"upstream_inference_prompt_cost":0.04,"upstream_inference_completions_cost":0.06},"server_tool_use_details":{"web_search_requests":1},"odd":1.0}}"#;
    let usage: Object = Object::parse(usage)
        .unwrap()
        .read("usage")
        .unwrap()
        .unwrap();
    chat.object_mut().set("usage", &usage).unwrap();
    let check = |surface, expected: &str, losses: &[&str]| {
        let translated = answer_from_chat(&request(surface), &chat).unwrap();
        let usage = translated.value.get("usage").unwrap().get().to_owned();
        assert_eq!(usage, expected);
        let found: Vec<String> = translated.losses.iter().map(ToString::to_string).collect();
        assert_eq!(found, losses);
    };
    check(
        Surface::Responses,
        r#"{"input_tokens":100,"output_tokens":20,"total_tokens":120,"cost":1.50e-3,"is_byok":false,"server_tool_use_details":{"web_search_requests":1},"odd":1.0,"input_tokens_details":{"cached_tokens":30,"cache_write_tokens":10,"audio_tokens":4},"output_tokens_details":{"reasoning_tokens":0},"cost_details":{"upstream_inference_cost":0.10,"upstream_inference_input_cost":0.04,"upstream_inference_output_cost":0.06}}"#,
        &[],
    );
    check(
        Surface::Messages,
        r#"{"input_tokens":60,"output_tokens":20,"cache_creation_input_tokens":10,"cache_read_input_tokens":30,"output_tokens_details":{"thinking_tokens":0},"cost":1.50e-3,"is_byok":false,"cost_details":{"upstream_inference_cost":0.10,"upstream_inference_prompt_cost":0.04,"upstream_inference_completions_cost":0.06},"server_tool_use":{"web_search_requests":1},"odd":1.0}"#,
        &["`usage.prompt_tokens_details.audio_tokens`: it is counted in the whole only"],
    );
}

#[test]
fn values_stay_the_text_they_were() {
    let chat = chat(
        r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"a\": 1.10}"}}]}"#,
        r#","finish_reason":"stop""#,
    );
    let message = answer_from_chat(&request(Surface::Messages), &chat).unwrap();
    let written = String::from_utf8(message.value.to_vec()).unwrap();
    assert!(written.contains(r#""input":{"a": 1.10}"#), "{written}");
    let response = answer_from_chat(&request(Surface::Responses), &chat).unwrap();
    let written = String::from_utf8(response.value.to_vec()).unwrap();
    assert!(
        written.contains(r#""temperature":0.50"#),
        "what is repeated of the request: {written}"
    );
}

// === pieces ===

/// Checks the items of the response and the blocks of the message that pieces become, and what is lost with both.
fn check_pieces(deltas: &[Value], items: Value, blocks: Value, losses: [&[&str]; 2]) {
    let choice =
        |delta: &Value| json!({"id":"g","model":"m","choices":[{"index":0,"delta":delta}]});
    let mut chunks: Vec<String> = deltas
        .iter()
        .map(|delta| choice(delta).to_string())
        .collect();
    chunks.push(
        json!({"id":"g","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}).to_string(),
    );
    let (events, found) = translate(Surface::Responses, &chunks);
    assert_eq!(
        read_responses(&values(&events))["output"],
        items,
        "{deltas:?}"
    );
    assert_eq!(found, losses[0], "{deltas:?}");
    let (events, found) = translate(Surface::Messages, &chunks);
    assert_eq!(
        read_messages(&values(&events))["content"],
        blocks,
        "{deltas:?}"
    );
    assert_eq!(found, [losses[1], &[NO_USAGE]].concat(), "{deltas:?}");
}

fn call_item(position: usize, id: &str, name: &str, arguments: &str) -> Value {
    json!({"type":"function_call","id":format!("fc_{position}_g"),"call_id":id,"name":name,"arguments":arguments,"status":"completed"})
}

fn call_block(id: &str, name: &str, input: Value) -> Value {
    json!({"type":"tool_use","id":id,"name":name,"input":input})
}

#[test]
fn what_only_its_model_can_read_is_told_in_one_piece() {
    let piece = |data: &str| json!({"reasoning_details":[{"type":"reasoning.encrypted","index":0,"format":"anthropic-claude-v1","data":data}]});
    check_pieces(
        &[piece("X"), piece("Y")],
        json!([{"type":"reasoning","id":"rs_0_g","summary":[],"format":"anthropic-claude-v1","encrypted_content":"XY"}]),
        json!([{"type":"redacted_thinking","data":"XY"}]),
        [&[], &[]],
    );
}

#[test]
fn reasoning_as_text_beside_details_that_are_none_is_kept() {
    check_pieces(
        &[
            json!({"reasoning":"why","reasoning_details":[{"type":"reasoning.encrypted","index":0,"format":"anthropic-claude-v1","data":"X"}]}),
        ],
        json!([{"type":"reasoning","id":"rs_0_g","summary":[],"content":[{"type":"reasoning_text","text":"why"}]},
            {"type":"reasoning","id":"rs_1_g","summary":[],"format":"anthropic-claude-v1","encrypted_content":"X"}]),
        json!([{"type":"thinking","thinking":"why","signature":""},{"type":"redacted_thinking","data":"X"}]),
        [&[], &[]],
    );
}

#[test]
fn what_is_told_of_reasoning_after_its_beginning_or_its_end_is_listed() {
    let detail = |members: Value| json!({"reasoning_details":[members]});
    let text = json!({"type":"output_text","text":"t","annotations":[],"logprobs":[]});
    check_pieces(
        &[
            detail(json!({"type":"reasoning.text","index":0,"format":"f","text":"a"})),
            detail(json!({"index":0,"id":"late"})),
            json!({"content":"t"}),
            detail(json!({"index":0,"signature":"S"})),
        ],
        json!([{"type":"reasoning","id":"rs_0_g","summary":[],"format":"f","content":[{"type":"reasoning_text","text":"a"}]},
            {"type":"message","id":"msg_1_g","role":"assistant","status":"completed","content":[text]}]),
        json!([{"type":"thinking","thinking":"a","signature":"","detail":{"type":"reasoning.text","format":"f"}},
            {"type":"text","text":"t","citations":[]}]),
        [
            &[
                "`choices[0].message.reasoning_details.id`: it came after the item had begun",
                "`choices[0].message.reasoning_details[0]`: it came after its end had been told",
            ],
            &[
                "`choices[0].message.reasoning_details`: some of it came after the block had begun",
                "`choices[0].message.reasoning_details[0]`: it came after its end had been told",
            ],
        ],
    );
}

#[test]
fn reasoning_without_a_signature_is_told_as_text_and_its_format_is_listed() {
    check_pieces(
        &[
            json!({"reasoning_details":[{"type":"reasoning.text","index":0,"format":"anthropic-claude-v1","text":"a"}]}),
        ],
        json!([{"type":"reasoning","id":"rs_0_g","summary":[],"format":"anthropic-claude-v1","content":[{"type":"reasoning_text","text":"a"}]}]),
        json!([{"type":"thinking","thinking":"a","signature":""}]),
        [
            &[],
            &[
                "`choices[0].message.reasoning_details`: without a signature it comes back as text alone",
            ],
        ],
    );
}

#[test]
fn citations_wait_for_their_text_and_come_too_late_after_it() {
    let cite =
        json!({"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t"}}]});
    let call =
        json!({"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]});
    let late = "`choices[0].message.annotations[0]`: it came after its end had been told";
    check_pieces(
        &[cite.clone(), json!({"content":"x"}), call, cite.clone()],
        json!([{"type":"message","id":"msg_0_g","role":"assistant","status":"completed","content":[
                {"type":"output_text","text":"x","annotations":[{"type":"url_citation","url":"u","title":"t"}],"logprobs":[]}]},
            call_item(1, "c", "f", "{}")]),
        json!([{"type":"text","text":"x","citations":[{"type":"web_search_result_location","url":"u","title":"t","cited_text":"","encrypted_index":""}]},
            call_block("c", "f", json!({}))]),
        [&[late], &[late]],
    );
    let homeless = "`choices[0].message.annotations`: there is no text that they belong to";
    check_pieces(&[cite], json!([]), json!([]), [&[homeless], &[homeless]]);
}

#[test]
fn a_call_begins_when_its_name_is_known() {
    let piece = |function: Value| json!({"tool_calls":[{"index":0,"id":"c","function":function}]});
    check_pieces(
        &[
            piece(json!({"arguments":""})),
            piece(json!({"name":"f","arguments":"{}"})),
        ],
        json!([call_item(0, "c", "f", "{}")]),
        json!([call_block("c", "f", json!({}))]),
        [&[], &[]],
    );
}

#[test]
fn calls_are_told_apart_by_index_id_or_name() {
    let calls = |pieces: &[Value], ids: [&str; 2]| {
        let deltas: Vec<Value> = pieces
            .iter()
            .map(|piece| json!({"tool_calls":[piece]}))
            .collect();
        check_pieces(
            &deltas,
            json!([
                call_item(0, ids[0], "f", "{\"a\":1}"),
                call_item(1, ids[1], "g", "{}")
            ]),
            json!([
                call_block(ids[0], "f", json!({"a":1})),
                call_block(ids[1], "g", json!({}))
            ]),
            [&[], &[]],
        );
    };
    calls(
        &[
            json!({"index":0,"id":"a","function":{"name":"f","arguments":"{\"a\":1}"}}),
            json!({"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}),
        ],
        ["a", "b"],
    );
    calls(
        &[
            json!({"id":"a","function":{"name":"f","arguments":"{\"a\""}}),
            json!({"id":"b","function":{"name":"g","arguments":"{}"}}),
            json!({"id":"a","function":{"arguments":":1}"}}),
        ],
        ["a", "b"],
    );
    calls(
        &[
            json!({"function":{"name":"f","arguments":"{\"a\""}}),
            json!({"function":{"arguments":":1}"}}),
            json!({"function":{"name":"g","arguments":{}}}),
        ],
        ["call_0_g", "call_1_g"],
    );
}

#[test]
fn usage_is_taken_from_each_of_its_three_forms() {
    for choices in [
        json!([]),
        json!([{"index":0,"delta":{"content":""},"finish_reason":null}]),
        json!([{"index":0,"delta":{"content":""},"finish_reason":"stop"}]),
    ] {
        let chunks = [
            json!({"id":"g","choices":[{"index":0,"delta":{"content":"t"},"finish_reason":"stop"}]}).to_string(),
            json!({"id":"g","choices":choices,"usage":{"completion_tokens":7}}).to_string(),
        ];
        let (events, _) = translate(Surface::Responses, &chunks);
        let response = read_responses(&values(&events));
        assert_eq!(
            response["usage"],
            json!({"input_tokens":0,"output_tokens":7,"total_tokens":7,
                "input_tokens_details":{"cached_tokens":0},"output_tokens_details":{"reasoning_tokens":0}})
        );
        // Chunks that do not say who serves: it is told as asked.
        assert_eq!(response["model"], "asked/for");
        let (events, losses) = translate(Surface::Messages, &chunks);
        let message = read_messages(&values(&events));
        assert_eq!(
            (&message["usage"]["output_tokens"], &message["model"]),
            (&json!(7), &json!("asked/for"))
        );
        assert_eq!(losses, [""; 0]);
    }
}

#[test]
fn log_probabilities_come_with_their_text_and_count_from_its_beginning() {
    let chunk = |text: &str| {
        json!({"id":"g","choices":[{"index":0,"delta":{"content":text},"finish_reason":"stop",
            "logprobs":{"content":[{"token":text,"logprob":-1}]}}]})
        .to_string()
    };
    let chunks = [chunk("\u{e9}"), chunk("b")];
    let (events, _) = translate(Surface::Responses, &chunks);
    let events = values(&events);
    let deltas = events
        .iter()
        .filter(|event| text(event, "type").ends_with(".delta"));
    let told: Vec<&Value> = deltas.map(|event| &event["logprobs"]).collect();
    assert_eq!(
        told,
        [
            &json!([{"token":"\u{e9}","logprob":-1}]),
            &json!([{"token":"b","logprob":-1}])
        ]
    );
    let (events, _) = translate(Surface::Completions, &chunks);
    let offsets: Vec<Value> = values(&events)
        .iter()
        .map(|event| event["choices"][0]["logprobs"]["text_offset"].clone())
        .collect();
    assert_eq!(offsets, [json!([0]), json!([1])]);
}

// === the next turn ===

/// What comes back when a client sends the answer with its next request.
fn sent_back(surface: Surface, answer: &ChatResponse) -> Value {
    let whole = answer_from_chat(&request(surface), answer).unwrap().value;
    let whole = value(&whole);
    let body = match surface {
        Surface::Responses => {
            let mut input = vec![json!({"role":"user","content":"x"})];
            input.extend(whole["output"].as_array().unwrap().iter().cloned());
            json!({"input":input})
        }
        _ => {
            json!({"messages":[{"role":"user","content":"x"},{"role":"assistant","content":whole["content"]}]})
        }
    };
    let request = Request::parse(surface, body.to_string().as_bytes()).unwrap();
    let chat = value(to_chat(&request).unwrap().value.object());
    chat["messages"][1].clone()
}

#[test]
fn an_answer_comes_back_with_its_reasoning_calls_and_ids_as_they_were() {
    let stream = merged(&chunks("chat-stream.sse"));
    for chat in [answer("chat.json"), answer("chat-tools.json"), stream] {
        let message = value(&chat.choices().remove(0).message.to_object());
        for surface in [Surface::Responses, Surface::Messages] {
            let back = sent_back(surface, &chat);
            assert_eq!(back["content"], message["content"], "{surface}");
            assert_eq!(
                back["reasoning_details"], message["reasoning_details"],
                "{surface}"
            );
            let calls = |message: &Value| -> Vec<Value> {
                let calls = message["tool_calls"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let known = |call: &Value| json!([call["id"], call["type"], call["function"]]);
                calls.iter().map(known).collect()
            };
            assert_eq!(calls(&back), calls(&message), "{surface}");
        }
    }
}

#[test]
fn reasoning_of_every_kind_comes_back_as_it_was() {
    let details = json!([
        {"type":"reasoning.text","text":"a","signature":"S","format":"anthropic-claude-v1","index":0},
        {"type":"reasoning.encrypted","data":"R","format":"anthropic-claude-v1","index":1},
        {"type":"reasoning.text","text":"b","signature":"T","format":"google-gemini-v1","id":"i","index":2},
        {"type":"reasoning.text","text":"c","signature":"U","format":"google-gemini-v1","id":"i","index":3},
        {"type":"reasoning.summary","summary":"d","format":"openai-responses-v1","id":"rs_0a1b","index":4},
        {"type":"reasoning.summary","summary":"e","format":"openai-responses-v1","id":"rs_0a1b","index":5},
        {"type":"reasoning.encrypted","data":"V","format":"openai-responses-v1","id":"rs_0a1b","index":6},
        {"type":"reasoning.text","text":"f","format":"unknown","index":7},
    ]);
    let message = json!({"content":"t","reasoning_details":details}).to_string();
    let chat = chat(&message, r#","finish_reason":"stop""#);
    for surface in [Surface::Responses, Surface::Messages] {
        assert_eq!(
            sent_back(surface, &chat)["reasoning_details"],
            details,
            "{surface}"
        );
    }
    let plain = r#"{"content":"t","reasoning":"why"}"#;
    let plain = self::chat(plain, r#","finish_reason":"stop""#);
    for surface in [Surface::Responses, Surface::Messages] {
        assert_eq!(sent_back(surface, &plain)["reasoning"], "why", "{surface}");
    }
}

// === any chat ===

/// The chunks of a chat: thoughts, then text, then calls whose pieces are dealt out in turns, then the end.
fn any_chunks() -> impl Strategy<Value = Vec<String>> {
    // Few letters, so that pieces are short and characters of several bytes are cut apart from others.
    let words = || prop::collection::vec("[a-c\u{e9}\u{1f686}\"]{1,3}", 0..4);
    let arguments = "[a-c]{0,6}".prop_map(|text| json!({ "k": text }).to_string());
    let calls = prop::collection::vec((arguments, 1..4_usize), 0..4);
    let finish = prop::sample::select(vec!["stop", "length", "content_filter", "tool_calls"]);
    let signed = any::<bool>();
    (words(), signed, words(), words(), calls, finish, any::<u16>()).prop_map(
        |(thoughts, signed, plain, texts, calls, finish, tokens)| {
            let mut deltas: Vec<Value> = Vec::new();
            for thought in &thoughts {
                deltas.push(json!({"reasoning":thought,"reasoning_details":[
                    {"type":"reasoning.text","index":0,"format":"anthropic-claude-v1","text":thought}]}));
            }
            if signed && !thoughts.is_empty() {
                deltas.push(json!({"reasoning_details":[{"type":"reasoning.text","index":0,"signature":"S"}]}));
            }
            if thoughts.is_empty() {
                deltas.extend(plain.iter().map(|text| json!({"reasoning":text})));
            }
            deltas.extend(texts.iter().map(|text| json!({"content":text})));
            deltas.extend(dealt(&calls));
            let mut chunks: Vec<String> = deltas
                .into_iter()
                .map(|delta| json!({"id":"g","created":5,"model":"m","choices":[{"index":0,"delta":delta,"finish_reason":null}]}).to_string())
                .collect();
            chunks.push(json!({"id":"g","created":5,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":finish}]}).to_string());
            chunks.push(json!({"id":"g","choices":[],"usage":{"prompt_tokens":tokens,"completion_tokens":7,"total_tokens":7 + u32::from(tokens)}}).to_string());
            chunks
        },
    )
}

/// The first pieces of all calls in order, then the second ones, and so on.
fn dealt(calls: &[(String, usize)]) -> Vec<Value> {
    let mut deltas = Vec::new();
    for round in 0..4 {
        for (index, (arguments, pieces)) in calls.iter().enumerate() {
            let size = arguments.len().div_ceil(*pieces);
            let Some(piece) = arguments.as_bytes().chunks(size).nth(round) else {
                continue;
            };
            let mut call =
                json!({"index":index,"function":{"arguments":String::from_utf8_lossy(piece)}});
            if round == 0 {
                call["id"] = json!(format!("c{index}"));
                call["function"]["name"] = json!("f");
            }
            deltas.push(json!({"tool_calls":[call]}));
        }
    }
    deltas
}

proptest! {
    #[test]
    fn a_stream_and_the_whole_of_the_same_chat_are_the_same_answer(chunks in any_chunks()) {
        let answer = merged(&chunks);
        let (events, losses) = translate(Surface::Responses, &chunks);
        let (response, whole_losses) = whole(Surface::Responses, &answer);
        prop_assert_eq!(read_responses(&values(&events)), response);
        prop_assert_eq!(losses, whole_losses);
        let (events, losses) = translate(Surface::Messages, &chunks);
        let (message, whole_losses) = whole(Surface::Messages, &answer);
        prop_assert_eq!(read_messages(&values(&events)), message);
        prop_assert_eq!(losses, whole_losses);
        let (events, _) = translate(Surface::Completions, &chunks);
        let text: String = values(&events).iter().map(|event| text(&event["choices"][0], "text").to_owned()).collect();
        prop_assert_eq!(text, answer.text());
    }

    #[test]
    fn nothing_is_told_before_what_comes_first_and_nothing_waits_without_need(texts in prop::collection::vec("[a-z]{1,3}", 1..6)) {
        let mut translator = StreamTranslator::new(&request(Surface::Messages)).unwrap();
        for said in &texts {
            let data = json!({"id":"g","choices":[{"index":0,"delta":{"content":said}}]}).to_string();
            let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else { panic!() };
            let events = values(&translator.push(&chunk).unwrap());
            prop_assert_eq!(&events.last().unwrap()["delta"]["text"], said);
        }
    }
}

#[test]
fn a_call_streams_at_once_and_the_next_waits_until_it_is_complete() {
    let piece = |index: usize, arguments: &str, name: &str| {
        let mut call = json!({"index":index,"function":{"arguments":arguments}});
        if !name.is_empty() {
            call["id"] = json!(name);
            call["function"]["name"] = json!(name);
        }
        json!({"id":"g","choices":[{"index":0,"delta":{"tool_calls":[call]}}]}).to_string()
    };
    let mut translator = StreamTranslator::new(&request(Surface::Responses)).unwrap();
    let mut push = |data: String| -> Vec<String> {
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!("{data}")
        };
        let events = values(&translator.push(&chunk).unwrap());
        events
            .iter()
            .map(|event| {
                let name = text(event, "type").trim_start_matches("response.");
                format!("{name} {}", event["output_index"])
            })
            .collect()
    };
    assert_eq!(
        push(piece(0, "{", "a"))[2..],
        ["output_item.added 0", "function_call_arguments.delta 0"]
    );
    assert_eq!(push(piece(1, "{}", "b")), [""; 0]);
    assert_eq!(
        push(piece(0, "}", "")),
        [
            "function_call_arguments.delta 0",
            "function_call_arguments.done 0",
            "output_item.done 0",
            "output_item.added 1",
            "function_call_arguments.delta 1"
        ]
    );
}

#[test]
fn a_finish_reason_of_chats_is_read_back_from_the_words_of_both() {
    for (finish, expected) in [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
    ] {
        let chat = chat(
            r#"{"content":"t"}"#,
            &format!(r#","finish_reason":"{finish}""#),
        );
        let response = answer_from_chat(&request(Surface::Responses), &chat).unwrap();
        let response = ResponsesReply::parse(&response.value.to_vec())
            .unwrap()
            .unwrap();
        assert_eq!(response.finish_reason(), Some(expected.clone()));
        let message = answer_from_chat(&request(Surface::Messages), &chat).unwrap();
        let message = MessagesReply::parse(&message.value.to_vec())
            .unwrap()
            .unwrap();
        assert_eq!(message.finish_reason(), Some(expected));
    }
}
