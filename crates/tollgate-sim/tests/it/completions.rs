//! What only the dialect before chat has.

use serde_json::{Value, json};

use crate::client::{Ask, MODEL, sim};

fn ask(fields: Value) -> Ask {
    let mut body = json!({"model": MODEL, "prompt": "Tell me about rivers"});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    Ask::post("/api/v1/completions", &body)
}

#[tokio::test(start_paused = true)]
async fn a_prompt_may_be_a_text_texts_or_token_ids() {
    let sim = sim("").await;
    for (prompt, tokens) in [
        (json!("one two"), 2),
        (json!(["one two"]), 2),
        (json!(["one", "two"]), 2),
        (json!([1, 2, 3, 4]), 4),
    ] {
        let body = ask(json!({"prompt": prompt})).send(&sim).await.json();
        // Four for the frame of the message and three to begin the answer.
        assert_eq!(body["usage"]["prompt_tokens"], tokens + 7, "{prompt}");
        assert_eq!(body["object"], "text_completion");
        assert!(
            body["choices"][0]["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    let refused = ask(json!({"prompt": {"text": "x"}})).send(&sim).await;
    assert_eq!(refused.status, Some(400));
    assert!(
        refused.text().contains("array of token ids"),
        "{}",
        refused.text()
    );
}

#[tokio::test(start_paused = true)]
async fn chunks_have_one_usage_and_an_end() {
    for (form, choices) in [("repeats-finish", 1), ("null-finish", 1), ("no-choices", 0)] {
        let sim = sim(&format!("usage_chunk = '{form}'")).await;
        let reply = ask(json!({"stream": true})).send(&sim).await;
        let chunks = reply.chunks();
        let with_usage: Vec<&Value> = chunks
            .iter()
            .filter(|chunk| chunk.get("usage").is_some())
            .collect();
        assert_eq!(with_usage, [chunks.last().unwrap()]);
        assert_eq!(
            with_usage[0]["choices"].as_array().unwrap().len(),
            choices,
            "{form}"
        );
        assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"));
        for chunk in &chunks {
            assert!(chunk["system_fingerprint"].is_string() && chunk["provider"].is_string());
        }
    }
}
