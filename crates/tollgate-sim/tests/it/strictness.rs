//! What published clients insist on, found by running them: one test for each kind of reply. A
//! reply that misses one of these fails in some client, whatever the documentation says.

use serde_json::{Value, json};
use tollgate_sim::Simulator;

use crate::client::{Ask, MODEL, Reply, sim};
use crate::surface::{SURFACES, Wish};

async fn get(sim: &Simulator, path: &str) -> Value {
    let reply = Ask::get(path).send(sim).await;
    assert_eq!(reply.status, Some(200), "{path}: {}", reply.text());
    reply.json()
}

/// Every chat request that makes another form of reply.
fn chats(stream: bool) -> Vec<Ask> {
    let tool = json!([{"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}]);
    [
        json!({}),
        json!({"model": "deepseek/deepseek-r1"}),
        json!({"model": "deepseek/deepseek-r1", "reasoning": {"exclude": true}}),
        json!({"max_tokens": 2}),
        json!({"tools": tool, "tool_choice": "required"}),
        json!({"response_format": {"type": "json_object"}}),
    ]
    .into_iter()
    .map(|mut fields| {
        fields["stream"] = json!(stream);
        Ask::chat(fields)
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn a_chat_reply_has_its_keys_and_no_null_tool_calls() {
    let sim = sim("").await;
    for ask in chats(false) {
        let body = ask.send(&sim).await.json();
        assert!(body["system_fingerprint"].is_string(), "{body}");
        assert!(
            body["created"].is_u64() && body["provider"].is_string(),
            "{body}"
        );
        let choice = &body["choices"][0];
        assert!(choice.get("finish_reason").is_some(), "{body}");
        assert!(
            choice["message"]
                .get("tool_calls")
                .is_none_or(Value::is_array),
            "{body}"
        );
        assert!(choice["message"].get("content").is_some(), "{body}");
        assert!(body["usage"]["total_tokens"].is_u64(), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chat_chunk_has_its_keys_and_a_stream_one_usage_before_its_end() {
    for form in ["repeats-finish", "null-finish", "no-choices"] {
        let sim = sim(&format!("usage_chunk = '{form}'")).await;
        for ask in chats(true) {
            let reply = ask.send(&sim).await;
            let chunks = reply.chunks();
            for chunk in &chunks {
                assert!(
                    chunk["system_fingerprint"].is_string() && chunk["provider"].is_string(),
                    "{chunk}"
                );
                assert!(chunk.get("usage").is_none_or(Value::is_object), "{chunk}");
                for choice in chunk["choices"].as_array().unwrap() {
                    assert!(choice.get("finish_reason").is_some(), "{chunk}");
                    assert!(
                        choice["delta"]
                            .get("tool_calls")
                            .is_none_or(Value::is_array),
                        "{chunk}"
                    );
                }
            }
            let usages = chunks
                .iter()
                .filter(|chunk| chunk.get("usage").is_some())
                .count();
            assert!(usages == 1 && chunks.last().unwrap().get("usage").is_some());
            assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_has_an_integer_code_and_a_message() {
    let sim = sim("").await;
    let mut asks: Vec<Ask> = [
        "/api/v1/models/nobody/nothing",
        "/api/v1/models/nobody/nothing/endpoints",
        "/api/v1/generation?id=gen-0-nothing",
        "/api/v1/nowhere",
    ]
    .map(Ask::get)
    .into();
    asks.push(Ask::get("/api/v1/key").without("authorization"));
    asks.push(Ask::post("/api/v1/embeddings", &json!({})));
    for surface in SURFACES.iter().filter(|surface| surface.name != "messages") {
        let ask = surface.ask(Wish::Text, json!({}));
        asks.push(ask.clone().with("x-sim-fault", "unavailable"));
        asks.push(ask.with("x-sim-fault", "error-200"));
    }
    for ask in asks {
        let reply = ask.send(&sim).await;
        let error = &reply.json()["error"];
        assert!(
            error["code"].is_u64() && error["message"].is_string(),
            "{}",
            reply.text()
        );
        assert!(
            reply.status == Some(200) || error["code"] == reply.status.unwrap(),
            "{}",
            reply.text()
        );
    }
}

/// The service never says so itself; a scenario can have it say so.
#[tokio::test(start_paused = true)]
async fn a_failure_can_tell_clients_not_to_retry() {
    let sim =
        sim("[[rules]]\nfault = { status = 503, headers = { x-should-retry = 'false' } }").await;
    for surface in SURFACES {
        let reply = surface.ask(Wish::Text, json!({})).send(&sim).await;
        assert_eq!(
            (reply.status, reply.header("x-should-retry")),
            (Some(503), Some("false"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_of_models_has_its_keys() {
    let sim = sim("").await;
    let list = get(&sim, "/api/v1/models?output_modalities=all").await;
    let rows = list["data"].as_array().unwrap();
    assert_eq!(list["total_count"], rows.len());
    assert_eq!(list["links"].get("next"), Some(&Value::Null));
    for row in rows {
        for key in [
            "canonical_slug",
            "supported_voices",
            "default_parameters",
            "per_request_limits",
        ] {
            assert!(row.get(key).is_some(), "{key}: {row}");
        }
        assert!(
            row["links"]["details"].is_string() && row["context_length"].is_u64(),
            "{row}"
        );
        let prices = row["pricing"].as_object().unwrap();
        for key in ["prompt", "completion"] {
            assert!(prices[key].is_string(), "{key}: {row}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_model_is_a_row_of_the_list_under_either_path() {
    let sim = sim("").await;
    let list = get(&sim, "/api/v1/models").await;
    let row = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == MODEL)
        .unwrap()
        .clone();
    for path in ["models", "model"] {
        // Some clients escape the slash.
        for name in [MODEL.to_owned(), MODEL.replace('/', "%2F")] {
            let body = get(&sim, &format!("/api/v1/{path}/{name}")).await;
            assert_eq!(body, json!({"data": row}), "{path} {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_endpoint_says_which_tool_choices_it_supports() {
    let sim = sim("").await;
    for model in [MODEL, "deepseek/deepseek-r1", "anthropic/claude-haiku-4.5"] {
        let body = get(&sim, &format!("/api/v1/models/{model}/endpoints")).await;
        for endpoint in body["data"]["endpoints"].as_array().unwrap() {
            for way in ["auto", "none", "required", "function"] {
                assert!(
                    endpoint["supports_tool_choice"][way].is_boolean(),
                    "{endpoint}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_has_budgets_and_a_rate_limit_that_is_not_negative() {
    let sim = sim("").await;
    let key = get(&sim, "/api/v1/key").await["data"].clone();
    assert!(
        key["budgets"].is_array() && key.get("effective_budget").is_some(),
        "{key}"
    );
    assert!(key["rate_limit"]["requests"].is_u64(), "{key}");
}

#[tokio::test(start_paused = true)]
async fn a_generation_of_any_dialect_has_all_keys_and_whole_times() {
    const KEYS: [&str; 45] = [
        "id",
        "request_id",
        "session_id",
        "created_at",
        "model",
        "api_type",
        "router",
        "data_region",
        "provider_name",
        "upstream_id",
        "streamed",
        "cancelled",
        "is_byok",
        "total_cost",
        "usage",
        "upstream_inference_cost",
        "cache_discount",
        "latency",
        "generation_time",
        "moderation_latency",
        "finish_reason",
        "native_finish_reason",
        "tokens_prompt",
        "tokens_completion",
        "native_tokens_prompt",
        "native_tokens_completion",
        "native_tokens_reasoning",
        "native_tokens_cached",
        "native_tokens_completion_images",
        "num_media_prompt",
        "num_media_completion",
        "num_input_audio_prompt",
        "num_search_results",
        "num_fetches",
        "origin",
        "http_referer",
        "user_agent",
        "app_id",
        "external_user",
        "workspace_id",
        "preset_id",
        "service_tier",
        "web_search_engine",
        "response_cache_source_id",
        "provider_responses",
    ];
    let sim = sim("latency = 'realistic'").await;
    let mut replies: Vec<Reply> = Vec::new();
    for surface in SURFACES {
        replies.push(surface.ask(Wish::Text, json!({})).send(&sim).await);
    }
    let embed = json!({"model": "sim-labs/embed-small", "input": "x"});
    replies.push(Ask::post("/api/v1/embeddings", &embed).send(&sim).await);
    for reply in replies {
        let id = reply.header("x-generation-id").unwrap();
        let record = get(&sim, &format!("/api/v1/generation?id={id}")).await["data"].clone();
        for key in KEYS {
            assert!(record.get(key).is_some(), "{key}: {record}");
        }
        let attempts = record["provider_responses"].as_array().unwrap();
        let is_text = |attempt: &Value| attempt["endpoint_id"].is_string();
        assert!(
            !attempts.is_empty() && attempts.iter().all(is_text),
            "{record}"
        );
        assert!(
            record["latency"].is_u64() && record["generation_time"].is_u64(),
            "{record}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn credits_and_providers_have_their_keys() {
    let sim = sim("").await;
    let credits = get(&sim, "/api/v1/credits").await["data"].clone();
    assert!(
        credits["total_credits"].is_number() && credits["total_usage"].is_number(),
        "{credits}"
    );
    for provider in get(&sim, "/api/v1/providers").await["data"]
        .as_array()
        .unwrap()
    {
        assert!(
            provider["name"].is_string() && provider["slug"].is_string(),
            "{provider}"
        );
        for key in [
            "privacy_policy_url",
            "terms_of_service_url",
            "status_page_url",
            "headquarters",
            "datacenters",
        ] {
            assert!(provider.get(key).is_some(), "{key}: {provider}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn embeddings_in_base64_are_the_numbers_as_little_endian_floats() {
    let sim = sim("").await;
    let ask = |fields: Value| {
        let mut body = json!({"model": "sim-labs/embed-small", "input": ["one", "two words"], "dimensions": null});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        Ask::post("/api/v1/embeddings", &body)
    };
    let numbers = ask(json!({"encoding_format": "float"}))
        .send(&sim)
        .await
        .json();
    let coded = ask(json!({"encoding_format": "base64"}))
        .send(&sim)
        .await
        .json();
    assert_eq!(numbers["object"], "list");
    for index in 0..2 {
        let row = &numbers["data"][index];
        assert_eq!(
            (&row["object"], &row["index"]),
            (&json!("embedding"), &json!(index))
        );
        let numbers: Vec<f32> = row["embedding"]
            .as_array()
            .unwrap()
            .iter()
            .map(|number| number.to_string().parse().unwrap())
            .collect();
        assert_eq!(
            floats(coded["data"][index]["embedding"].as_str().unwrap()),
            numbers
        );
    }
    for part in ["prompt", "completions"] {
        let key = format!("upstream_inference_{part}_cost");
        assert!(coded["usage"]["cost_details"][&key].is_number(), "{key}");
    }
    assert!(coded["usage"]["prompt_tokens"].is_u64() && coded["usage"]["total_tokens"].is_u64());
}

/// Reads base64, letter by letter, as floats.
fn floats(text: &str) -> Vec<f32> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut word, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').chars() {
        word = word << 6 | u32::try_from(ALPHABET.find(letter).unwrap()).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 255).unwrap());
        }
    }
    bytes
        .chunks(4)
        .map(|group| f32::from_le_bytes(group.try_into().unwrap()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn keys_of_twenty_characters_are_long_enough_and_shorter_ones_are_not() {
    let sim = sim("").await;
    for (key, status) in [("sk-or-v1-12345678901", 200), ("sk-or-v1-1234567890", 401)] {
        let ask = Ask::chat(json!({})).with("authorization", &format!("Bearer {key}"));
        assert_eq!(ask.send(&sim).await.status, Some(status), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_dialect_is_under_either_base_path() {
    let sim = sim("").await;
    for surface in SURFACES {
        let body = surface.ask(Wish::Text, json!({}));
        let short = body.clone().at(&surface.path.replace("/api", ""));
        for ask in [body, short] {
            assert_eq!(ask.send(&sim).await.status, Some(200), "{}", surface.name);
        }
    }
}
