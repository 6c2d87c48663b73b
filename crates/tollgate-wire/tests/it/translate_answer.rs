//! Answers of chats in the shape of other surfaces, whole and as streams.

mod any_chat;
mod next_turn;
mod order;
mod pieces;
mod reader;
mod whole;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_wire::{
    ChatReply, ChatResponse, ChunkMerger, FinishReason, MessagesEvent, MessagesMerger,
    MessagesReply, Object, Request, ResponsesEvent, ResponsesReply, SseDecoder, SseItem,
    StreamEvent, StreamTranslator, Surface, Usage, answer_from_chat, to_chat,
};

use crate::fixtures::{decode, sample};

use self::reader::{read_messages, read_responses};

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

const NO_USAGE: &str = "`usage`: the chat did not say; messages must";
