//! What Google insists on, and its pages.

use serde_json::{Value, json};
use tollgate_sim::{Host, Simulator};

use super::peer::{PEERS, Peer, direct};
use crate::client::Reply;
use crate::surface::{Wish, events, schema};

const PEER: Peer = PEERS[3];
/// A model of which every call comes back with its signature.
const INSISTING: &str = "gemini-3.5-flash";

fn complains(reply: &Reply, part: &str) {
    assert_eq!(reply.status, Some(400), "{part}: {}", reply.text());
    let (kind, message) = PEER.error(&reply.json());
    assert_eq!(kind, "INVALID_ARGUMENT");
    assert!(message.contains(part), "{part}: {message}");
}

async fn generate(sim: &Simulator, model: &str, body: &Value) -> Reply {
    let path = format!("/v1beta/models/{model}:generateContent");
    PEER.post(&path, body).send(sim).await
}

#[tokio::test(start_paused = true)]
async fn the_key_is_in_a_header_or_in_the_address() {
    let sim = direct(Host::Gemini).await;
    let (header, key) = PEER.key;
    let ask = PEER.ask(Wish::Text, false).without(header);
    let path = format!("/v1beta/models/{}:generateContent?key={key}", PEER.model);
    assert_eq!(ask.at(&path).send(&sim).await.status, Some(200));
    assert_eq!(sim.log()[0].key.as_deref(), Some(key));
}

#[tokio::test(start_paused = true)]
async fn unknown_names_are_refused_and_both_forms_of_known_ones_taken() {
    let sim = direct(Host::Gemini).await;
    let contents = json!([{"parts": [{"text": "hi"}]}]);
    for (fields, part) in [
        (
            json!({"provider": {}}),
            "Unknown name \"provider\": Cannot find field.",
        ),
        (json!({"models": []}), "Unknown name \"models\""),
        (json!({"messages": []}), "Unknown name \"messages\""),
        (
            json!({"generationConfig": {"maxTokens": 5}}),
            "Unknown name \"maxTokens\" at 'generation_config'",
        ),
        (
            json!({"contents": [{"parts": [{"text": "hi", "cache_control": {}}]}]}),
            "Unknown name \"cacheControl\" at 'contents[0].parts[0]'",
        ),
    ] {
        let mut body = json!({"contents": contents});
        super::peer::extend(&mut body, fields);
        let reply = generate(&sim, PEER.model, &body).await;
        complains(&reply, part);
        let details = &reply.json()["error"]["details"][0];
        assert_eq!(
            details["@type"],
            "type.googleapis.com/google.rpc.BadRequest"
        );
    }
    let config = json!({"max_output_tokens": 3});
    let body = json!({"contents": contents, "generation_config": config, "system_instruction": {"parts": [{"text": "be brief"}]}});
    let reply = generate(&sim, PEER.model, &body).await.json();
    assert_eq!(reply["candidates"][0]["finishReason"], "MAX_TOKENS");
}

#[tokio::test(start_paused = true)]
async fn requests_that_google_refuses_say_why() {
    let sim = direct(Host::Gemini).await;
    let user = json!({"role": "user", "parts": [{"text": "hi"}]});
    let call = json!({"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]});
    let answer = json!({"functionResponse": {"name": "f", "response": {}}});
    for (body, part) in [
        (json!({"contents": []}), "contents is not specified"),
        (
            json!({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}),
            "valid role: user, model",
        ),
        (
            json!({"contents": [{"role": "user", "parts": []}]}),
            "parts must not be empty",
        ),
        (
            json!({"contents": [user, call, {"role": "user", "parts": [answer, answer]}]}),
            "number of function response parts",
        ),
        (
            json!({"contents": [user, {"role": "user", "parts": [answer]}]}),
            "number of function response parts",
        ),
        (
            json!({"contents": [user], "generationConfig": {"maxOutputTokens": 9_000_000}}),
            "maxOutputTokens value of 9000000",
        ),
    ] {
        complains(&generate(&sim, PEER.model, &body).await, part);
    }
    let array = PEER.ask(Wish::Text, true);
    let path = format!("/v1beta/models/{}:streamGenerateContent", PEER.model);
    complains(&array.at(&path).send(&sim).await, "?alt=sse");
}

/// A question, the signed call of a model, and the answer of the tool.
async fn tool_turn(sim: &Simulator, model: &str) -> Vec<Value> {
    let question = json!({"role": "user", "parts": [{"text": "Please get weather for Oslo"}]});
    let body = asking(std::slice::from_ref(&question));
    let reply = generate(sim, model, &body).await.json();
    let content = reply["candidates"][0]["content"].clone();
    assert!(
        content["parts"][0]["thoughtSignature"].is_string(),
        "{reply}"
    );
    let answer = json!({"functionResponse": {"name": "get_weather", "response": {"sky": "rain"}}});
    vec![
        question,
        content,
        json!({"role": "user", "parts": [answer]}),
    ]
}

fn asking(contents: &[Value]) -> Value {
    json!({
        "contents": contents, "generationConfig": {"thinkingConfig": {"thinkingBudget": -1}},
        "tools": [{"functionDeclarations": [{"name": "get_weather", "parameters": schema()}]}],
    })
}

#[tokio::test(start_paused = true)]
async fn a_call_comes_back_as_it_was_signed() {
    let sim = direct(Host::Gemini).await;
    for model in [PEER.model, INSISTING] {
        let turn = tool_turn(&sim, model).await;
        let reply = generate(&sim, model, &asking(&turn)).await;
        assert_eq!(reply.status, Some(200), "{model} {}", reply.text());

        let mut wrong = turn.clone();
        wrong[1]["parts"][0]["thoughtSignature"] = json!("c2ltdWxhdGVk");
        let reply = generate(&sim, model, &asking(&wrong)).await;
        complains(&reply, "Thought signature is not valid");
        let mut changed = turn.clone();
        changed[1]["parts"][0]["functionCall"]["args"]["city"] = json!("Bergen");
        let reply = generate(&sim, model, &asking(&changed)).await;
        complains(&reply, "Thought signature is not valid");

        // Google's own word for a call that comes from elsewhere.
        let mut foreign = turn.clone();
        foreign[1]["parts"][0]["thoughtSignature"] = json!("skip_thought_signature_validator");
        assert_eq!(
            generate(&sim, model, &asking(&foreign)).await.status,
            Some(200)
        );

        let mut unsigned = turn;
        unsigned[1]["parts"][0]
            .as_object_mut()
            .unwrap()
            .remove("thoughtSignature");
        let reply = generate(&sim, model, &asking(&unsigned)).await;
        if model == INSISTING {
            complains(&reply, "missing a thought_signature");
            // What was said before the current turn is not looked at.
            unsigned.push(json!({"role": "model", "parts": [{"text": "It rains."}]}));
            unsigned.push(json!({"role": "user", "parts": [{"text": "Thanks"}]}));
            let reply = generate(&sim, model, &asking(&unsigned)).await;
            assert_eq!(reply.status, Some(200), "{}", reply.text());
        } else {
            assert_eq!(reply.status, Some(200), "{}", reply.text());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_events_without_names_and_ends_with_the_finish() {
    let sim = direct(Host::Gemini).await;
    let reply = PEER.ask(Wish::Text, true).send(&sim).await;
    let events = events(&reply);
    let (last, others) = events.split_last().unwrap();
    assert_eq!(last.1["candidates"][0]["finishReason"], "STOP");
    assert!(
        others
            .iter()
            .all(|(_, data)| data["candidates"][0].get("finishReason").is_none())
    );
    assert!(
        events
            .iter()
            .all(|(_, data)| data["responseId"] == last.1["responseId"])
    );
    assert!(!reply.text().contains("[DONE]"));
    assert_eq!(last.1["modelVersion"], PEER.model);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_counted_of_contents_or_of_a_request() {
    let sim = direct(Host::Gemini).await;
    let path = format!("/v1beta/models/{}:countTokens", PEER.model);
    let contents = json!([{"role": "user", "parts": [{"text": "Tell me about rivers"}]}]);
    let answer = PEER.ask(Wish::Text, false).send(&sim).await.json();
    for body in [
        json!({"contents": contents}),
        json!({"generateContentRequest": {"contents": contents}}),
    ] {
        let count = PEER.post(&path, &body).send(&sim).await.json();
        assert_eq!(
            count["totalTokens"],
            answer["usageMetadata"]["promptTokenCount"]
        );
    }
    assert_eq!(sim.bill().lines.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_seen_by_models_that_can() {
    let sim = direct(Host::Gemini).await;
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}});
    let body = json!({"contents": [{"parts": [{"text": "what is it"}, image]}]});
    let reply = generate(&sim, PEER.model, &body).await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
    complains(
        &generate(&sim, "gemma-2-27b-it", &body).await,
        "image input",
    );
}

#[tokio::test(start_paused = true)]
async fn models_are_listed_page_by_page() {
    let sim = direct(Host::Gemini).await;
    let page = async |query: &str| {
        PEER.get(&format!("/v1beta/models{query}"))
            .send(&sim)
            .await
            .json()
    };
    let all = page("?pageSize=1000").await;
    assert!(all.get("nextPageToken").is_none());
    let mut seen = Vec::new();
    let mut query = "?pageSize=7".to_owned();
    loop {
        let rows = page(&query).await;
        seen.extend(rows["models"].as_array().unwrap().clone());
        let Some(token) = rows.get("nextPageToken") else {
            break;
        };
        query = format!("?pageSize=7&pageToken={}", token.as_str().unwrap());
    }
    assert_eq!(&seen, all["models"].as_array().unwrap());
    let one = page("/gemini-2.5-flash").await;
    assert_eq!(one["name"], "models/gemini-2.5-flash");
    assert_eq!(one["thinking"], true);
}
