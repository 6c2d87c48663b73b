//! Answers that come back in the next turn.

use super::*;

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
