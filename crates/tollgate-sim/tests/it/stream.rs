//! The form of streams.

use serde_json::{Value, json};
use tollgate_wire::{
    ChatReply, ChatResponse, Choice, ChunkMerger, SseDecoder, SseItem, StreamEvent, ToolCall,
};

use crate::client::{Ask, Reply, sim};

/// What a client makes of a stream.
fn merge(reply: &Reply) -> ChatResponse {
    let mut decoder = SseDecoder::new();
    decoder.push(&reply.body);
    let mut merger = ChunkMerger::new();
    let mut done = false;
    while let Some(item) = decoder.next() {
        let SseItem::Event { data, .. } = item.unwrap() else {
            continue;
        };
        match StreamEvent::parse(&data).unwrap() {
            StreamEvent::Chunk(chunk) => merger.push(&chunk).unwrap(),
            StreamEvent::Done => done = true,
            StreamEvent::Error(error) => panic!("{error:?}"),
        }
    }
    assert!(done, "{}", reply.text());
    merger.finish()
}

#[tokio::test(start_paused = true)]
async fn a_stream_says_the_same_as_the_whole_answer() {
    let sim = sim("").await;
    let tools = json!([{"type": "function", "function": {"name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}},
    }}}]);
    for fields in [
        json!({}),
        json!({"model": "deepseek/deepseek-r1"}),
        json!({"max_tokens": 3}),
        json!({"tools": tools, "tool_choice": "required"}),
    ] {
        let whole = Ask::chat(fields.clone()).send(&sim).await;
        let mut streamed = fields;
        streamed["stream"] = json!(true);
        let merged = merge(&Ask::chat(streamed).send(&sim).await);
        let ChatReply::Answer(whole) = ChatReply::parse(&whole.body).unwrap() else {
            panic!("{}", whole.text());
        };
        assert_eq!(merged.text(), whole.text());
        assert_eq!(merged.finish_reason(), whole.finish_reason());
        assert_eq!(merged.usage(), whole.usage());
        let (merged, whole) = (merged.choices(), whole.choices());
        assert_eq!(merged.len(), 1);
        let message = |choices: &[Choice]| {
            let message = &choices[0].message;
            let call = |call: &ToolCall| {
                let function = &call.function;
                (
                    call.id.clone(),
                    function.name.clone(),
                    function.arguments_text().into_owned(),
                )
            };
            let calls: Vec<_> = message.tool_calls.iter().map(call).collect();
            (message.reasoning.clone(), calls)
        };
        assert_eq!(message(&merged), message(&whole));
    }
}

#[tokio::test(start_paused = true)]
async fn chunks_have_what_clients_insist_on() {
    let sim = sim("comments = 2").await;
    let reply = Ask::chat(json!({"stream": true})).send(&sim).await;
    assert!(
        reply.text().starts_with(
            ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {\"id\":\"gen-"
        )
    );
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let chunks = reply.chunks();
    let id = reply.header("x-generation-id").unwrap();
    for chunk in &chunks {
        assert_eq!(chunk["id"], id);
        assert!(
            chunk["system_fingerprint"].is_string()
                && chunk["provider"].is_string()
                && chunk["created"].is_u64()
        );
        assert!(chunk["choices"][0].get("finish_reason").is_some());
        assert!(chunk.get("usage").is_none_or(Value::is_object));
        assert_eq!(chunk["choices"][0]["delta"]["role"], "assistant");
        assert!(chunk["choices"][0]["delta"].get("tool_calls").is_none());
    }
    assert_eq!(
        chunks
            .iter()
            .filter(|chunk| chunk.get("usage").is_some())
            .count(),
        1
    );
    assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"));
}

#[tokio::test(start_paused = true)]
async fn the_usage_chunk_has_three_forms() {
    let stop = json!("stop");
    for (form, finish) in [
        ("repeats-finish", Some(&stop)),
        ("null-finish", Some(&Value::Null)),
        ("no-choices", None),
    ] {
        let sim = sim(&format!("usage_chunk = '{form}'")).await;
        let chunks = Ask::chat(json!({"stream": true})).send(&sim).await.chunks();
        let [.., before, last] = chunks.as_slice() else {
            panic!("{chunks:?}")
        };
        assert_eq!(before["choices"][0]["finish_reason"], "stop", "{form}");
        assert_eq!(last.pointer("/choices/0/finish_reason"), finish, "{form}");
        assert!(last["usage"]["cost"].is_number(), "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_realistic_stream_takes_its_time() {
    let sim = sim("latency = { fixed = { first_token_ms = 400, tokens_per_second = 10 } }\noutput_tokens = 20").await;
    let reply = Ask::chat(json!({"stream": true})).send(&sim).await;
    assert_eq!(reply.headers_after.as_millis(), 0);
    assert_eq!(reply.first_event_after.unwrap().as_millis() / 10, 40);
    assert_eq!(reply.all_after.as_millis() / 100, 24);
    let whole = Ask::chat(json!({})).send(&sim).await;
    assert_eq!(whole.headers_after.as_millis() / 100, 24);
}

#[tokio::test(start_paused = true)]
async fn metadata_comes_on_the_last_chunk_when_asked_for() {
    let sim = sim("").await;
    let ask = Ask::chat(json!({"stream": true}));
    assert!(!ask.send(&sim).await.text().contains("openrouter_metadata"));
    let chunks = ask
        .with("x-openrouter-metadata", "enabled")
        .send(&sim)
        .await
        .chunks();
    let with: Vec<usize> = (0..chunks.len())
        .filter(|index| chunks[*index].get("openrouter_metadata").is_some())
        .collect();
    assert_eq!(with, [chunks.len() - 1]);
}
