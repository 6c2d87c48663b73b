//! What a model has signed behind OpenRouter, its maker takes when it is asked directly.

use serde_json::{Value, json};
use tollgate_sim::{Host, Simulator};

use super::peer::{PEERS, direct};
use crate::client::Ask;
use crate::surface::{Wish, events};

async fn openrouter(path: &str, body: &Value) -> crate::client::Reply {
    let sim = Simulator::builder().start().await.unwrap();
    let reply = Ask::post(path, body).send(&sim).await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
    reply
}

fn thinking(stream: bool) -> Value {
    json!({
        "model": "anthropic/claude-haiku-4.5", "stream": stream,
        "messages": [{"role": "user", "content": "Think."}], "reasoning": {"effort": "low"},
    })
}

async fn anthropic_takes(thought: &Value, signature: &Value) {
    let sim = direct(Host::Anthropic).await;
    let said = json!([
        {"type": "thinking", "thinking": thought, "signature": signature},
        {"type": "text", "text": "So."},
    ]);
    let messages = json!([
        {"role": "user", "content": "Think."}, {"role": "assistant", "content": said},
        {"role": "user", "content": "And?"},
    ]);
    let reply = PEERS[2].ask_with(Wish::Text, false, json!({"messages": messages}));
    let reply = reply.send(&sim).await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn a_thought_of_a_chat_is_claudes_own() {
    let reply = openrouter("/api/v1/chat/completions", &thinking(false)).await;
    let detail = reply.json()["choices"][0]["message"]["reasoning_details"][0].clone();
    assert_eq!(detail["format"], "anthropic-claude-v1");
    anthropic_takes(&detail["text"], &detail["signature"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_streamed_thought_ends_with_its_signature() {
    let reply = openrouter("/api/v1/chat/completions", &thinking(true)).await;
    let (mut thought, mut signatures) = (String::new(), Vec::new());
    for chunk in reply.chunks() {
        let detail = &chunk["choices"][0]["delta"]["reasoning_details"][0];
        thought.push_str(detail["text"].as_str().unwrap_or_default());
        signatures.extend(detail.get("signature").cloned());
    }
    let [signature] = signatures.as_slice() else {
        panic!("one signature: {signatures:?}")
    };
    anthropic_takes(&json!(thought), signature).await;
}

#[tokio::test(start_paused = true)]
async fn a_thought_of_a_message_is_claudes_own() {
    let body = json!({
        "model": "anthropic/claude-haiku-4.5", "max_tokens": 4000,
        "messages": [{"role": "user", "content": "Think."}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    });
    let reply = openrouter("/api/v1/messages", &body).await.json();
    let block = &reply["content"][0];
    anthropic_takes(&block["thinking"], &block["signature"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_thought_of_a_response_is_claudes_own() {
    let body = |stream| {
        json!({
            "model": "anthropic/claude-haiku-4.5", "input": "Think.", "stream": stream,
            "reasoning": {"effort": "low"},
        })
    };
    let whole = openrouter("/api/v1/responses", &body(false)).await.json();
    let item = whole["output"][0].clone();
    assert_eq!(item["format"], "anthropic-claude-v1");
    anthropic_takes(&item["content"][0]["text"], &item["signature"]).await;

    let stream = openrouter("/api/v1/responses", &body(true)).await;
    let (mut thought, mut done) = (String::new(), Value::Null);
    for (name, data) in events(&stream) {
        match name.as_deref() {
            Some("response.reasoning_text.delta") => {
                thought.push_str(data["delta"].as_str().unwrap());
            }
            Some("response.output_item.done") if done.is_null() => done = data["item"].clone(),
            _ => {}
        }
    }
    assert_eq!(done["content"][0]["text"], thought);
    anthropic_takes(&json!(thought), &done["signature"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_chat_has_the_signature_that_google_wants() {
    let tool = json!({"name": "get_weather", "parameters": crate::surface::schema()});
    let body = |stream| {
        json!({
            "model": "google/gemini-3-flash-preview", "stream": stream, "tool_choice": "required",
            "messages": [{"role": "user", "content": "Weather?"}], "reasoning": {"effort": "low"},
            "tools": [{"type": "function", "function": tool}],
        })
    };
    let is_signed = |detail: &Value| detail["type"] == "reasoning.encrypted";
    let reply = openrouter("/api/v1/chat/completions", &body(false)).await;
    let message = reply.json()["choices"][0]["message"].clone();
    let call = &message["tool_calls"][0];
    let details = message["reasoning_details"].as_array().unwrap();
    let signed = details.iter().find(|detail| is_signed(detail)).unwrap();
    assert_eq!(
        (&signed["id"], &signed["format"]),
        (&call["id"], &json!("google-gemini-v1"))
    );

    let streamed = openrouter("/api/v1/chat/completions", &body(true)).await;
    let details = streamed.chunks().into_iter().filter_map(|chunk| {
        let detail = chunk["choices"][0]["delta"]["reasoning_details"][0].clone();
        is_signed(&detail).then_some(detail)
    });
    assert_eq!(details.count(), 1);

    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    let called = json!({"functionCall": {"name": "get_weather", "args": arguments}, "thoughtSignature": signed["data"]});
    let result = json!({"functionResponse": {"name": "get_weather", "response": {"sky": "rain"}}});
    let contents = json!([
        {"role": "user", "parts": [{"text": "Weather?"}]}, {"role": "model", "parts": [called]},
        {"role": "user", "parts": [result]},
    ]);
    let sim = direct(Host::Gemini).await;
    let path = "/v1beta/models/gemini-3-flash-preview:generateContent";
    let reply = PEERS[3]
        .post(path, &json!({"contents": contents}))
        .send(&sim)
        .await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
}
