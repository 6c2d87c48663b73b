//! The `GET` endpoints and embeddings.

use serde_json::{Value, json};
use tollgate_sim::{Catalog, Clock, Simulator};

use crate::client::{Ask, BYOK_KEY, KEY, MODEL, sim};

async fn get(sim: &Simulator, path: &str) -> Value {
    let reply = Ask::get(path).send(sim).await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
    reply.json()
}

#[tokio::test(start_paused = true)]
async fn models_are_served_as_recorded() {
    let sim = sim("").await;
    let body = Ask::get("/api/v1/models")
        .without("authorization")
        .send(&sim)
        .await
        .json();
    let rows = body["data"].as_array().unwrap();
    assert_eq!(body["total_count"], rows.len());
    assert!(rows.len() > 350 && body["links"]["next"].is_null());
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
            row["links"]["details"].is_string()
                && row["pricing"]["prompt"].is_string()
                && row["context_length"].is_u64()
        );
    }
    let all = get(&sim, "/api/v1/models?output_modalities=all").await;
    assert_eq!(
        all["data"].as_array().unwrap().len(),
        Catalog::embedded().ids().count()
    );
    let page = get(&sim, "/api/v1/models?offset=10&limit=5").await;
    assert_eq!(page["data"].as_array().unwrap(), &rows[10..15]);
    assert_eq!(page["links"]["next"], "/api/v1/models?offset=15&limit=5");
    assert_eq!(
        get(&sim, "/api/v1/models/count").await["data"]["count"],
        rows.len()
    );
    assert_eq!(
        get(&sim, &format!("/api/v1/model/{MODEL}")).await["data"]["id"],
        MODEL
    );
}

#[tokio::test(start_paused = true)]
async fn lists_of_models_are_filtered_as_the_query_says() {
    let sim = sim("").await;
    let list = async |query: &str| -> Vec<Value> {
        let page = get(&sim, &format!("/api/v1/models?{query}")).await;
        page["data"].as_array().unwrap().clone()
    };
    let all = list("").await;
    let has = |row: &Value, list: &str, word: &str| {
        let list = row.pointer(list).unwrap().as_array().unwrap();
        list.iter().any(|one| one == word)
    };
    let price = |row: &Value, key: &str| -> f64 {
        row["pricing"][key]
            .as_str()
            .unwrap()
            .parse::<f64>()
            .unwrap()
            * 1e6
    };
    let named = |row: &Value, text: &str| {
        let name = row["name"].as_str().unwrap().to_lowercase();
        name.contains(text) || row["id"].as_str().unwrap().contains(text)
    };
    let check = async |query: &str, expected: &dyn Fn(&Value) -> bool| {
        let expected: Vec<_> = all.iter().filter(|row| expected(row)).cloned().collect();
        let found = list(query).await;
        assert!(!found.is_empty() && found.len() < all.len(), "{query}");
        assert_eq!(found, expected, "{query}");
    };
    check("q=Haiku", &|row| named(row, "haiku")).await;
    check("supported_parameters=tools,reasoning", &|row| {
        let has = |word| has(row, "/supported_parameters", word);
        has("tools") && has("reasoning")
    })
    .await;
    check("input_modalities=image,file", &|row| {
        let has = |word| has(row, "/architecture/input_modalities", word);
        has("image") && has("file")
    })
    .await;
    check("min_price=1&max_price=3.5", &|row| {
        (0.999_999..=3.500_001).contains(&price(row, "prompt"))
    })
    .await;
    check("max_output_price=0.5", &|row| {
        (0.0..=0.500_001).contains(&price(row, "completion"))
    })
    .await;
    check("context=1000000", &|row| {
        row["context_length"].as_u64() >= Some(1_000_000)
    })
    .await;

    let page = get(
        &sim,
        "/api/v1/models?q=a&limit=2&supported_parameters=tools",
    )
    .await;
    assert_eq!(
        page["links"]["next"],
        "/api/v1/models?offset=2&limit=2&q=a&supported_parameters=tools"
    );
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "offset=-1",
        "max_price=x",
    ] {
        let reply = Ask::get(&format!("/api/v1/models?{query}"))
            .send(&sim)
            .await;
        assert_eq!(reply.status, Some(400), "{query}: {}", reply.text());
    }
    let count = get(&sim, "/api/v1/models/count?output_modalities=embeddings").await;
    assert_eq!(count["data"]["count"], 2);
}

const MANAGEMENT_KEY: &str = "sk-or-management-not-real-000";

#[tokio::test(start_paused = true)]
async fn activity_and_windows_are_the_bill_by_day() {
    let saturday_noon = 1_786_190_400;
    let sim = Simulator::builder()
        .clock(Clock::Running(saturday_noon))
        .start()
        .await
        .unwrap();
    let activity = async |query: &str| {
        let ask = Ask::get(&format!("/api/v1/activity{query}"));
        let reply = ask.with("authorization", &format!("Bearer {MANAGEMENT_KEY}"));
        reply.send(&sim).await
    };
    for key in [KEY, KEY, BYOK_KEY] {
        let ask = Ask::chat(json!({})).with("authorization", &format!("Bearer {key}"));
        ask.send(&sim).await;
    }
    let none = json!([]);
    assert_eq!(activity("").await.json()["data"], none, "whole days only");
    tokio::time::sleep(std::time::Duration::from_secs(86_400)).await;
    Ask::chat(json!({})).send(&sim).await;

    let reply = activity("").await;
    let lines = sim.bill().lines;
    let prompt: u64 = lines[..3].iter().map(|line| line.prompt_tokens).sum();
    let row = &reply.json()["data"][0];
    let facts = [
        &row["date"],
        &row["model"],
        &row["requests"],
        &row["prompt_tokens"],
    ];
    assert_eq!(
        facts,
        [
            &json!("2026-08-08"),
            &json!(MODEL),
            &json!(3),
            &json!(prompt)
        ]
    );
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 1);
    // As text, since the amounts are exact.
    let usage = lines[0].credits + lines[1].credits + lines[2].fee;
    let inference = lines[2].provider_cost;
    for amount in [
        format!("\"usage\":{usage},"),
        format!("\"byok_usage_inference\":{inference},"),
    ] {
        assert!(reply.text().contains(&amount), "{amount}: {}", reply.text());
    }
    let of_day = activity("?date=2026-08-08").await;
    assert_eq!(of_day.json(), reply.json());
    assert_eq!(activity("?date=2026-08-07").await.json()["data"], none);

    // It is Sunday of the same week and month.
    let key = Ask::get("/api/v1/key").send(&sim).await;
    let today = lines[3].credits;
    let ever = lines[0].credits + lines[1].credits + today;
    for (window, amount) in [("daily", today), ("weekly", ever), ("monthly", ever)] {
        let amount = format!("\"usage_{window}\":{amount},");
        assert!(key.text().contains(&amount), "{amount}: {}", key.text());
    }

    let refused = Ask::get("/api/v1/activity").send(&sim).await;
    assert_eq!(refused.status, Some(401), "{}", refused.text());
}

#[tokio::test(start_paused = true)]
async fn endpoints_and_providers_agree() {
    let sim = sim("price_spread_percent = 10").await;
    let providers = get(&sim, "/api/v1/providers").await;
    let slugs: Vec<&Value> = providers["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|provider| &provider["slug"])
        .collect();
    let model = get(&sim, "/api/v1/models/deepseek/deepseek-r1/endpoints").await;
    let endpoints = model["data"]["endpoints"].as_array().unwrap();
    assert!((1..=4).contains(&endpoints.len()));
    for endpoint in endpoints {
        assert!(slugs.contains(&&endpoint["tag"]), "{endpoint}");
        for way in ["auto", "none", "required", "function"] {
            assert!(endpoint["supports_tool_choice"][way].is_boolean());
        }
        assert!(
            endpoint["latency_last_30m"]["p50"].as_u64() > Some(20)
                && endpoint["throughput_last_30m"]["p50"].is_u64()
        );
        assert!(endpoint["pricing"]["prompt"].is_string());
    }
    let unknown = Ask::get("/api/v1/models/nobody/nothing/endpoints")
        .send(&sim)
        .await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["code"]),
        (Some(404), &json!(404))
    );
}

#[tokio::test(start_paused = true)]
async fn the_key_page_has_what_clients_insist_on() {
    let sim = sim("").await;
    let key = get(&sim, "/api/v1/key").await["data"].clone();
    assert!(key["budgets"].is_array() && key.get("effective_budget").is_some());
    assert!(key["rate_limit"]["requests"].as_u64().is_some());
    let sample: [&str; 24] = [
        "label",
        "limit",
        "limit_remaining",
        "limit_reset",
        "include_byok_in_limit",
        "usage",
        "usage_daily",
        "usage_weekly",
        "usage_monthly",
        "byok_usage",
        "byok_usage_daily",
        "byok_usage_weekly",
        "byok_usage_monthly",
        "is_free_tier",
        "is_management_key",
        "is_provisioning_key",
        "free_model_daily_requests",
        "budgets",
        "effective_budget",
        "allowed_data_regions",
        "creator_user_id",
        "organization_id",
        "workspace_id",
        "expires_at",
    ];
    for name in sample {
        assert!(key.get(name).is_some(), "{name}");
    }
    assert!(!key.to_string().contains(KEY));
}

#[tokio::test(start_paused = true)]
async fn a_generation_has_every_key() {
    let sim = sim("").await;
    let reply = Ask::chat(json!({}))
        .with("authorization", &format!("Bearer {BYOK_KEY}"))
        .send(&sim)
        .await;
    let id = reply.header("x-generation-id").unwrap();
    let record = get(&sim, &format!("/api/v1/generation?id={id}")).await["data"].clone();
    assert_eq!(record.as_object().unwrap().len(), 45);
    assert_eq!(
        (&record["id"], &record["is_byok"], &record["finish_reason"]),
        (&json!(id), &json!(true), &json!("stop"))
    );
    assert!(
        record["latency"].is_u64()
            && record["generation_time"].is_u64()
            && record["upstream_inference_cost"].is_number()
    );
    assert_eq!(
        Ask::get("/api/v1/generation?id=gen-0-nothing")
            .send(&sim)
            .await
            .status,
        Some(404)
    );
}

#[tokio::test(start_paused = true)]
async fn embeddings_come_as_numbers_or_base64_and_are_charged() {
    let sim = sim("").await;
    let ask = |format: &str| {
        let body = json!({"model": "sim-labs/embed-small", "input": ["one", "two words"], "encoding_format": format, "dimensions": 8});
        Ask::post("/api/v1/embeddings", &body)
    };
    let body = ask("float").send(&sim).await.json();
    assert_eq!(body["data"][1]["embedding"].as_array().unwrap().len(), 8);
    assert_eq!(
        (&body["data"][1]["index"], &body["usage"]["prompt_tokens"]),
        (&json!(1), &json!(4))
    );
    let text = ask("base64").send(&sim).await.json();
    // 8 floats are 32 bytes, 44 letters.
    assert_eq!(text["data"][0]["embedding"].as_str().unwrap().len(), 44);
    assert_eq!(sim.bill().credits().nanos(), 2 * 4 * 20);
    let chat_model = Ask::post("/api/v1/embeddings", &json!({"model": MODEL, "input": "x"}))
        .send(&sim)
        .await;
    assert_eq!(chat_model.status, Some(400));
    let refused = ask("float")
        .with("x-sim-fault", "unavailable")
        .send(&sim)
        .await;
    assert_eq!(refused.status, Some(503));
}
