//! The pages beside inference, in front of the simulator.

use axum::Extension;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::net::TcpListener;
use tollgate::{CallerId, Gateway, Loader, UsageQuery};
use tollgate_server::router;
use tollgate_sim::{Fault, NanoUsd, Rule, Scenario, Simulator};

use crate::support::{JSON, MODEL, OTHER, Server, chat, send};

/// A direct lane beside OpenRouter; nothing listens there.
const LOCAL: &str = r#"
[providers.local]
base_url = "http://127.0.0.1:9/v1"
api_key = "none"
[providers.local.models]
"openai/gpt-4o-mini" = "small"
"home/made" = "made"
"#;

async fn simulator() -> Simulator {
    Simulator::builder().seed(7).start().await.unwrap()
}

async fn gateway(simulator: &Simulator, toml: &str) -> Gateway {
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("openrouter.base_url", simulator.base_url())
        .with_text("test.toml", toml)
        .load()
        .unwrap();
    let builder = Gateway::builder(config).seed(7);
    builder.build().await.unwrap()
}

async fn server(simulator: &Simulator, toml: &str) -> Server {
    Server::start(gateway(simulator, toml).await).await
}

async fn get_at(address: &str, path: &str) -> (u16, Value) {
    let reply = send(address, "GET", path, "host: localhost\r\n", "").await;
    let reply = reply.rest().await;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {reply}"));
    (head[9..12].parse().unwrap(), body)
}

async fn get(server: &Server, path: &str) -> Value {
    let (status, body) = get_at(server.address(), path).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// Sends a chat and returns a header of its answer.
async fn chat_header(server: &Server, name: &str) -> String {
    header(&server.chat(false).await, name)
}

fn header(reply: &str, name: &str) -> String {
    let prefix = format!("{name}: ");
    let line = reply.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {name} in {reply}"))
        .to_owned()
}

/// How many requests for a path the upstream has seen.
fn asked(simulator: &Simulator, path: &str) -> usize {
    let log = simulator.log();
    let asked = log
        .iter()
        .filter_map(|seen| seen.path.split('?').next())
        .filter(|asked| asked.ends_with(path));
    asked.count()
}

fn ids(list: &Value) -> Vec<&str> {
    let rows = list["data"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap()).collect()
}

/// Checks a record of a generation, whose trail may lack members but has no
/// null but a status.
fn check_generation(record: &Value) {
    check_members(record, GENERATION);
    for response in record["provider_responses"].as_array().unwrap() {
        check_members(response, &[("status", "whole?")]);
        let members = response.as_object().unwrap().iter();
        for (key, value) in members.filter(|(key, _)| *key != "status") {
            assert!(!value.is_null(), "{key} in {record}");
        }
    }
}

/// Checks that members are there and of a kind, at dotted places; `?` after a
/// kind lets null pass.
fn check_members(object: &Value, members: &[(&str, &str)]) {
    for (place, kind) in members {
        let pointer = format!("/{}", place.replace('.', "/"));
        let value = object.pointer(&pointer);
        let value = value.unwrap_or_else(|| panic!("no {place} in {object}"));
        let fits = match kind.trim_end_matches('?') {
            "text" => value.is_string(),
            "whole" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "bool" => value.is_boolean(),
            "list" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("{other} is no kind"),
        };
        assert!(
            fits || (kind.ends_with('?') && value.is_null()),
            "{place} is {value}, not {kind}"
        );
    }
}

// What the schemas of OpenRouter's own client demand.

const MODEL_ROW: &[(&str, &str)] = &[
    ("id", "text"),
    ("object", "text"),
    ("owned_by", "text"),
    ("canonical_slug", "text"),
    ("name", "text"),
    ("created", "whole"),
    ("context_length", "whole?"),
    ("architecture.modality", "text?"),
    ("architecture.input_modalities", "list"),
    ("architecture.output_modalities", "list"),
    ("pricing.prompt", "text"),
    ("pricing.completion", "text"),
    ("top_provider.is_moderated", "bool"),
    ("per_request_limits", "object?"),
    ("supported_parameters", "list"),
    ("default_parameters", "object?"),
    ("supported_voices", "list?"),
    ("links.details", "text"),
];

const ENDPOINT: &[(&str, &str)] = &[
    ("name", "text"),
    ("model_id", "text"),
    ("model_name", "text"),
    ("provider_name", "text"),
    ("tag", "text"),
    ("context_length", "whole"),
    ("max_completion_tokens", "whole?"),
    ("max_prompt_tokens", "whole?"),
    ("pricing.prompt", "text"),
    ("pricing.completion", "text"),
    ("quantization", "text?"),
    ("supported_parameters", "list"),
    ("supports_implicit_caching", "bool"),
    ("supports_diarization", "bool"),
    ("service_tier", "text?"),
    ("native_tools", "object"),
    ("supports_tool_choice.auto", "bool"),
    ("supports_tool_choice.none", "bool"),
    ("supports_tool_choice.required", "bool"),
    ("supports_tool_choice.function", "bool"),
    ("uptime_last_5m", "number?"),
    ("uptime_last_30m", "number?"),
    ("uptime_last_1d", "number?"),
    ("latency_last_30m", "object?"),
    ("throughput_last_30m", "object?"),
];

const GENERATION: &[(&str, &str)] = &[
    ("id", "text"),
    ("created_at", "text"),
    ("model", "text"),
    ("origin", "text"),
    ("data_region", "text"),
    ("is_byok", "bool"),
    ("total_cost", "number"),
    ("usage", "number"),
    ("api_type", "text?"),
    ("app_id", "whole?"),
    ("cache_discount", "number?"),
    ("cancelled", "bool?"),
    ("external_user", "text?"),
    ("finish_reason", "text?"),
    ("generation_time", "whole?"),
    ("http_referer", "text?"),
    ("latency", "whole?"),
    ("moderation_latency", "number?"),
    ("native_finish_reason", "text?"),
    ("native_tokens_cached", "whole?"),
    ("native_tokens_completion", "whole?"),
    ("native_tokens_completion_images", "whole?"),
    ("native_tokens_prompt", "whole?"),
    ("native_tokens_reasoning", "whole?"),
    ("num_fetches", "whole?"),
    ("num_input_audio_prompt", "whole?"),
    ("num_media_completion", "whole?"),
    ("num_media_prompt", "whole?"),
    ("num_search_results", "whole?"),
    ("preset_id", "text?"),
    ("provider_name", "text?"),
    ("provider_responses", "list?"),
    ("router", "text?"),
    ("service_tier", "text?"),
    ("streamed", "bool?"),
    ("tokens_completion", "whole?"),
    ("tokens_prompt", "whole?"),
    ("upstream_id", "text?"),
    ("upstream_inference_cost", "number?"),
    ("user_agent", "text?"),
    ("web_search_engine", "text?"),
    ("workspace_id", "text?"),
    ("tollgate.attempts", "list"),
];

const KEY: &[(&str, &str)] = &[
    ("label", "text"),
    ("limit", "number?"),
    ("limit_remaining", "number?"),
    ("limit_reset", "text?"),
    ("include_byok_in_limit", "bool"),
    ("usage", "number"),
    ("usage_daily", "number"),
    ("usage_weekly", "number"),
    ("usage_monthly", "number"),
    ("byok_usage", "number"),
    ("byok_usage_daily", "number"),
    ("byok_usage_weekly", "number"),
    ("byok_usage_monthly", "number"),
    ("is_free_tier", "bool"),
    ("is_management_key", "bool"),
    ("is_provisioning_key", "bool"),
    ("free_model_daily_requests.limit", "whole"),
    ("free_model_daily_requests.used", "whole"),
    ("free_model_daily_requests.remaining", "whole"),
    ("budgets", "list"),
    ("effective_budget", "object?"),
    ("allowed_data_regions", "list"),
    ("creator_user_id", "text?"),
    ("organization_id", "text?"),
    ("workspace_id", "text?"),
    ("rate_limit.requests", "whole"),
    ("rate_limit.interval", "text"),
    ("rate_limit.note", "text"),
];

// === models ===

#[tokio::test]
async fn every_row_has_what_clients_insist_on() {
    let simulator = simulator().await;
    let server = server(&simulator, LOCAL).await;
    let list = get(&server, "/v1/models?output_modalities=all").await;
    let rows = list["data"].as_array().unwrap();
    assert!(rows.len() > 400, "{}", rows.len());
    assert_eq!(list["total_count"], rows.len());
    assert_eq!(list["object"], "list");
    assert!(list["links"]["next"].is_null());
    for row in rows {
        check_members(row, MODEL_ROW);
    }
    let mut ids = ids(&list);
    assert_eq!(ids[0], "tollgate/auto");
    for id in [
        "tollgate/balanced:code",
        "tollgate/cheapest",
        "home/made",
        MODEL,
    ] {
        assert!(ids.contains(&id), "{id}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.len());
    let twin = get(&server, "/api/v1/models?output_modalities=all").await;
    assert_eq!(twin, list);
}

#[tokio::test]
async fn a_listed_model_is_shown_as_the_upstream_has_it() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let ours = get(&server, &format!("/v1/models/{MODEL}")).await;
    let address = simulator.address().to_string();
    let (_, theirs) = get_at(&address, &format!("/api/v1/model/{MODEL}")).await;
    for (key, value) in theirs["data"].as_object().unwrap() {
        assert_eq!(&ours["data"][key], value, "{key}");
    }
}

#[tokio::test]
async fn without_a_lane_to_openrouter_only_what_others_offer_is_listed() {
    let simulator = simulator().await;
    let toml = format!("{LOCAL}\n[openrouter]\napi_key = \"\"\n");
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.base_url", simulator.base_url())
        .with_text("test.toml", toml)
        .load()
        .unwrap();
    let server = Server::start(Gateway::from_config(config).await.unwrap()).await;
    let list = get(&server, "/v1/models").await;
    let real: Vec<_> = ids(&list)
        .into_iter()
        .filter(|id| !id.starts_with("tollgate/"))
        .collect();
    assert_eq!(real, ["home/made", MODEL]);
    // The listed price is another seller's.
    let row = list["data"].as_array().unwrap().last().unwrap();
    assert_eq!(row["pricing"]["prompt"], "-1");
    let page = get(&server, &format!("/v1/models/{MODEL}/endpoints")).await;
    assert_eq!(page["data"]["endpoints"].as_array().unwrap().len(), 1);
    assert_eq!(asked(&simulator, "/endpoints"), 0);
}

#[tokio::test]
async fn one_model_is_found_by_any_name_and_read_by_any_client() {
    let simulator = simulator().await;
    let server = server(&simulator, LOCAL).await;
    let list = get(&server, "/v1/models").await;
    let free = ids(&list)
        .into_iter()
        .find(|id| id.ends_with(":free"))
        .unwrap();
    for (path, id) in [
        (format!("/v1/models/{MODEL}"), MODEL),
        (format!("/v1/models/{}", MODEL.replace('/', "%2F")), MODEL),
        (format!("/api/v1/model/{MODEL}"), MODEL),
        (format!("/v1/models/{free}"), free),
        (format!("/v1/models/{}", free.replace(':', "%3A")), free),
        ("/v1/models/home/made".into(), "home/made"),
        ("/v1/models/tollgate/auto".into(), "tollgate/auto"),
        (
            "/v1/models/tollgate%2Fquality:reasoning".into(),
            "tollgate/quality:reasoning",
        ),
    ] {
        let model = get(&server, &path).await;
        assert_eq!(model["id"], id, "{path}");
        check_members(&model, MODEL_ROW);
        check_members(&model["data"], MODEL_ROW);
        assert!(ids(&list).contains(&id), "{id}");
    }
}

#[tokio::test]
async fn a_model_that_there_is_not_is_refused_with_those_that_were_meant() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    for path in [
        "/v1/models/openai/gpt-4o-mni",
        "/v1/models/openai/gpt-4o-mni/endpoints",
        "/v1/models/tollgate/greedy",
        "/v1/models/tollgate/auto:cooking",
    ] {
        let (status, body) = get_at(server.address(), path).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (404, &404.into()),
            "{path}: {body}"
        );
        assert!(
            body["error"]["metadata"]["remedy_hint"].is_string(),
            "{body}"
        );
    }
    let (_, body) = get_at(server.address(), "/v1/models/openai/gpt-4o-mni").await;
    assert!(body.to_string().contains(MODEL), "{body}");
}

#[tokio::test]
async fn lists_are_filtered_counted_and_parted() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let query = "supported_parameters=tools,seed&q=gpt";
    let whole = get(&server, &format!("/v1/models?{query}")).await;
    let count = get(&server, &format!("/v1/models/count?{query}")).await;
    assert_eq!(count["data"]["count"], whole["total_count"]);
    assert!(whole["total_count"].as_u64().unwrap() > 2);
    for row in whole["data"].as_array().unwrap() {
        let parameters = row["supported_parameters"].as_array().unwrap();
        assert!(parameters.contains(&"tools".into()) && parameters.contains(&"seed".into()));
    }
    let mut parts = Vec::new();
    let mut next = Some(format!("/api/v1/models?{query}&limit=2"));
    while let Some(path) = next {
        let part = get(&server, &path).await;
        parts.extend(part["data"].as_array().unwrap().clone());
        next = part["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(&parts, whole["data"].as_array().unwrap());
    let (status, body) = get_at(server.address(), "/v1/models?limit=none").await;
    assert_eq!(status, 400);
    assert!(body.to_string().contains("from 1 to 1000"), "{body}");
}

#[tokio::test]
async fn lists_of_models_for_a_user_and_for_embeddings_are_lists_too() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let all = get(&server, "/v1/models").await;
    assert_eq!(get(&server, "/v1/models/user").await, all);
    let vectors = get(&server, "/v1/embeddings/models").await;
    for row in vectors["data"].as_array().unwrap() {
        let outputs = row["architecture"]["output_modalities"].as_array().unwrap();
        assert!(outputs.contains(&"embeddings".into()), "{row}");
    }
    assert!(!ids(&vectors).contains(&MODEL));
}

// === endpoints and providers ===

#[tokio::test]
async fn endpoints_are_openrouters_and_those_of_direct_lanes() {
    let simulator = simulator().await;
    let server = server(&simulator, LOCAL).await;
    let page = get(&server, &format!("/v1/models/{MODEL}/endpoints")).await;
    let data = &page["data"];
    assert_eq!(data["id"], MODEL);
    assert_eq!(data["tollgate"]["from"], "openrouter");
    check_members(
        data,
        &[
            ("name", "text"),
            ("created", "whole"),
            ("description", "text"),
        ],
    );
    let endpoints = data["endpoints"].as_array().unwrap();
    for endpoint in endpoints {
        check_members(endpoint, ENDPOINT);
    }
    let (local, others) = endpoints.split_last().unwrap();
    assert_eq!(
        (&local["tag"], &local["provider_name"]),
        (&"local".into(), &"local".into())
    );
    assert!(!others.is_empty());
    assert!(others.iter().all(|other| other["provider_name"] != "local"));
    // A virtual model is nobody's.
    let page = get(&server, "/v1/models/tollgate/auto/endpoints").await;
    assert_eq!(page["data"]["endpoints"], serde_json::json!([]));
}

#[tokio::test]
async fn many_that_ask_for_the_same_are_one_question_upstream() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let path = format!("/v1/models/{MODEL}/endpoints");
    let asking = (0..8).map(|_| get(&server, &path));
    let pages = join_all(asking).await;
    assert!(pages.iter().all(|page| page == &pages[0]));
    for _ in 0..2 {
        get(&server, "/v1/providers").await;
    }
    assert_eq!(asked(&simulator, "/endpoints"), 1);
    assert_eq!(asked(&simulator, "/providers"), 1);
}

#[tokio::test]
async fn when_openrouter_is_gone_the_catalog_knows_its_lane() {
    let simulator = simulator().await;
    let server = server(&simulator, LOCAL).await;
    simulator.shutdown().await;
    let page = get(&server, &format!("/v1/models/{MODEL}/endpoints")).await;
    assert_eq!(page["data"]["tollgate"]["from"], "catalog", "{page}");
    let endpoints = page["data"]["endpoints"].as_array().unwrap();
    let tags: Vec<_> = endpoints
        .iter()
        .map(|one| one["tag"].as_str().unwrap())
        .collect();
    assert_eq!(tags, ["openrouter", "local"]);
    for endpoint in endpoints {
        check_members(endpoint, ENDPOINT);
    }
    assert_ne!(endpoints[0]["pricing"]["prompt"], "-1");
    let providers = get(&server, "/v1/providers").await;
    let slugs: Vec<_> = providers["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["slug"].as_str().unwrap())
        .collect();
    assert_eq!(slugs, ["openrouter", "local"]);
}

#[tokio::test]
async fn providers_are_openrouters_and_direct_lanes() {
    let simulator = simulator().await;
    let server = server(&simulator, LOCAL).await;
    let page = get(&server, "/v1/providers").await;
    let providers = page["data"].as_array().unwrap();
    assert!(providers.len() > 2);
    for provider in providers {
        check_members(
            provider,
            &[
                ("name", "text"),
                ("slug", "text"),
                ("privacy_policy_url", "text?"),
                ("terms_of_service_url", "text?"),
                ("status_page_url", "text?"),
                ("headquarters", "text?"),
                ("datacenters", "list?"),
            ],
        );
    }
    assert_eq!(providers.last().unwrap()["slug"], "local");
}

// === what was done ===

#[tokio::test]
async fn a_generation_is_openrouters_record_with_our_receipt() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let id = chat_header(&server, "x-generation-id").await;
    let page = get(&server, &format!("/v1/generation?id={id}")).await;
    let data = &page["data"];
    check_generation(data);
    assert_eq!(data["id"], id.as_str());
    assert_eq!(data["tollgate"]["cost_source"], "reported");
    assert_eq!(data["tollgate"]["attempts"][0]["generation"], id.as_str());
    let cost: f64 = data["tollgate"]["cost"].as_str().unwrap().parse().unwrap();
    assert!(cost > 0.0);
    assert_eq!(data["total_cost"].as_f64(), Some(cost));
    // OpenRouter alone knows this.
    assert!(data["native_finish_reason"].is_string(), "{data}");
    // The account's own business.
    assert!(data["workspace_id"].is_null());
    let again = get(&server, &format!("/v1/generation?id={id}")).await;
    assert_eq!(again, page);
    assert_eq!(asked(&simulator, "/generation"), 1, "it is remembered");
}

#[tokio::test]
async fn a_generation_without_a_record_is_what_the_receipt_says() {
    let simulator = simulator().await;
    let scenario = Scenario {
        generation_delay_ms: 3_600_000,
        ..Scenario::default()
    };
    simulator.set_scenario(scenario).unwrap();
    let server = server(&simulator, "").await;
    let call = chat_header(&server, "x-request-id").await;
    let page = get(&server, &format!("/v1/generation?id={call}")).await;
    let data = &page["data"];
    check_generation(data);
    assert_eq!(data["request_id"], call.as_str());
    assert_eq!(data["tollgate"]["call"], call.as_str());
    assert!(data["native_tokens_prompt"].as_u64().unwrap() > 0);
    assert!(data["total_cost"].as_f64().unwrap() > 0.0);
    assert_eq!(data["provider_responses"][0]["status"], 200);
}

#[tokio::test]
async fn attempts_that_failed_before_are_in_the_receipt() {
    let simulator = simulator().await;
    let server = server(
        &simulator,
        &format!("[openrouter.optimization]\nfallback_chain = [{OTHER:?}]\n[failover]\ngroup_models = false\n"),
    )
    .await;
    let rule = Rule::new(Fault::named("unavailable").unwrap());
    simulator
        .set_scenario(Scenario::default().with_rule(rule.for_model(MODEL)))
        .unwrap();
    let call = chat_header(&server, "x-request-id").await;
    let page = get(&server, &format!("/v1/generation?id={call}")).await;
    let ours = &page["data"]["tollgate"];
    assert!(ours["failovers"].as_u64().unwrap() > 0, "{ours}");
    assert_eq!(ours["attempts"][0]["end"], "failed");
    assert_eq!(
        ours["attempts"].as_array().unwrap().last().unwrap()["end"],
        "complete"
    );
}

#[tokio::test]
async fn a_generation_of_an_earlier_process_is_in_the_ledger() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let toml = format!("[ledger]\nstore = \"sqlite\"\npath = {path:?}\n");
    let before = gateway(&simulator, &toml).await;
    let answering = Server::start(before.clone()).await;
    let reply = answering.chat(false).await;
    let ids = ["x-generation-id", "x-request-id"].map(|name| header(&reply, name));
    answering.stop().await.until(std::future::pending()).await;
    before.shutdown().await;

    let after = gateway(&simulator, &toml).await;
    let asking = Server::start(after.clone()).await;
    for id in &ids {
        let page = get(&asking, &format!("/v1/generation?id={id}")).await;
        check_generation(&page["data"]);
        let ours = &page["data"]["tollgate"];
        assert_eq!(ours["call"], ids[1].as_str());
        assert_eq!(ours["ended"], "complete");
        assert_eq!(ours["attempts"][0]["generation"], ids[0].as_str());
    }
    let other = CallerId::new("somebody-else").unwrap();
    for id in &ids {
        assert!(after.past_call(&other, id).await.unwrap().is_none(), "{id}");
    }
}

#[tokio::test]
async fn generations_of_others_are_not_there() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, "").await;
    let alice = mounted(&gateway, Some("alice")).await;
    let call = call_at(&alice).await;
    let bob = mounted(&gateway, Some("bob")).await;
    let nobody = mounted(&gateway, None).await;
    let path = format!("/v1/generation?id={call}");
    assert_eq!(get_at(&alice, &path).await.0, 200);
    for (address, path) in [
        (&bob, path.as_str()),
        (&nobody, path.as_str()),
        (&alice, "/v1/generation?id=gen-unknown"),
    ] {
        let (status, body) = get_at(address, path).await;
        assert_eq!(status, 404, "{body}");
    }
    let (status, body) = get_at(&alice, "/v1/generation").await;
    assert_eq!(status, 400, "{body}");
}

// === money ===

/// Makes a call over a router that knows its caller, and returns its id.
async fn call_at(address: &str) -> String {
    let reply = send(address, "POST", "/v1/chat/completions", JSON, &chat(false)).await;
    header(&reply.rest().await, "x-request-id")
}

/// The router as a program mounts it that knows its callers.
async fn mounted(gateway: &Gateway, caller: Option<&str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut router = router(gateway.clone(), &tollgate::ServerConfig::default());
    if let Some(caller) = caller {
        router = router.layer(Extension(CallerId::new(caller).unwrap()));
    }
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

const BUDGETS: &str = r#"
[budgets.everyone]
limit = 100
window = "month"
[budgets.each]
limit = 2
window = "day"
per = "caller"
[budgets.alices]
limit = 5
window = "lifetime"
per = "caller"
only = ["alice"]
[budgets.small]
limit = 1
window = "hour"
per = "model"
"#;

#[tokio::test]
async fn a_key_shows_what_its_caller_spent_and_may_still_spend() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, BUDGETS).await;
    let alice = mounted(&gateway, Some("alice")).await;
    call_at(&alice).await;
    let spent = simulator.bill().total().nanos();
    stored(&gateway).await;
    let (_, page) = get_at(&alice, "/v1/key").await;
    let key = &page["data"];
    check_members(key, KEY);
    assert_eq!(key["label"], "alice");
    let nanos = |value: &Value| (value.as_f64().unwrap() * 1e9).round() as i64;
    for usage in ["usage", "usage_daily", "usage_weekly", "usage_monthly"] {
        assert_eq!(nanos(&key[usage]), spent as i64, "{usage}");
    }
    assert_eq!(nanos(&key["byok_usage"]), 0);
    let budgets: Vec<_> = key["budgets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["budget_id"].as_str().unwrap(),
                one["scope"].as_str().unwrap(),
            )
        })
        .collect();
    // What everybody counts in tells of everybody's calls.
    assert_eq!(budgets, [("alices", "api_key"), ("each", "api_key")]);
    for budget in key["budgets"].as_array().unwrap() {
        assert_eq!(nanos(&budget["spend_usd"]), spent as i64, "{budget}");
    }
    assert_eq!(key["effective_budget"]["budget_id"], "each");
    assert_eq!(
        (&key["limit"], &key["limit_reset"]),
        (&2.into(), &"daily".into())
    );
    assert_eq!(nanos(&key["limit_remaining"]), 2_000_000_000 - spent as i64);

    let (_, page) = get_at(&mounted(&gateway, Some("bob")).await, "/v1/key").await;
    let key = &page["data"];
    assert_eq!(nanos(&key["usage"]), 0);
    assert_eq!(key["budgets"].as_array().unwrap().len(), 1);
    assert_eq!(nanos(&key["limit_remaining"]), 2_000_000_000);
}

#[tokio::test]
async fn what_others_spent_of_a_shared_budget_is_shown_to_its_operator_alone() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, "[budgets.everyone]\nlimit = 100\n").await;
    call_at(&mounted(&gateway, Some("alice")).await).await;
    let spent = simulator.bill().total().nanos() as i64;
    stored(&gateway).await;
    let nanos = |value: &Value| (value.as_f64().unwrap() * 1e9).round() as i64;
    let left = 100_000_000_000 - spent;

    let bob = mounted(&gateway, Some("bob")).await;
    let (_, page) = get_at(&bob, "/v1/key").await;
    let key = &page["data"];
    check_members(key, KEY);
    assert_eq!(key["budgets"], Value::Array(Vec::new()));
    assert!(key["limit"].is_null() && key["effective_budget"].is_null());
    assert_eq!(nanos(&key["limit_remaining"]), left);
    let (_, page) = get_at(&bob, "/v1/credits").await;
    assert_eq!(nanos(&page["data"]["total_credits"]), left);
    assert_eq!(nanos(&page["data"]["total_usage"]), 0);

    let operator = Server::start(gateway.clone()).await;
    let page = get(&operator, "/v1/key").await;
    let budget = &page["data"]["effective_budget"];
    assert_eq!(budget["budget_id"], "everyone");
    assert_eq!(nanos(&budget["spend_usd"]), spent);
}

#[tokio::test(start_paused = true)]
async fn what_a_caller_spent_is_read_once_in_a_while() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, "").await;
    let alice = mounted(&gateway, Some("alice")).await;
    let usage = async || {
        stored(&gateway).await;
        let (_, page) = get_at(&alice, "/v1/key").await;
        page["data"]["usage"].as_f64().unwrap()
    };
    call_at(&alice).await;
    let first = usage().await;
    assert!(first > 0.0);
    call_at(&alice).await;
    assert_eq!(usage().await, first);
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    assert!(usage().await > first);
}

/// Waits until all that was booked is in the ledger's store.
async fn stored(gateway: &Gateway) {
    gateway.usage(&UsageQuery::default()).await.unwrap();
}

#[tokio::test]
async fn a_key_without_budgets_has_no_limit() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let page = get(&server, "/v1/key").await;
    check_members(&page["data"], KEY);
    assert!(page["data"]["limit"].is_null() && page["data"]["effective_budget"].is_null());
    assert!(page["data"]["rate_limit"]["requests"].as_i64().unwrap() >= 0);
}

#[tokio::test]
async fn the_accounts_credits_are_shown_to_nobody_but_its_operator() {
    let simulator = simulator().await;
    let scenario = Scenario {
        credits: NanoUsd::new(12_500_000_000),
        ..Scenario::default()
    };
    simulator.set_scenario(scenario).unwrap();
    let gateway = gateway(&simulator, BUDGETS).await;
    let operator = Server::start(gateway.clone()).await;
    let page = get(&operator, "/v1/credits").await;
    assert_eq!(page["data"]["total_credits"], 12.5);
    // A caller with a key sees its own budget; so does whoever comes by
    // another way than this machine's own name.
    for caller in [Some("alice"), None] {
        let (status, page) = get_at(&mounted(&gateway, caller).await, "/v1/credits").await;
        assert_eq!(
            (status, &page["data"]["total_credits"]),
            (200, &2.into()),
            "{page}"
        );
    }
    assert_eq!(asked(&simulator, "/credits"), 1);
}

#[tokio::test]
async fn without_a_budget_others_than_the_operator_are_shown_no_credits() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, "").await;
    for caller in [Some("alice"), None] {
        let (status, page) = get_at(&mounted(&gateway, caller).await, "/v1/credits").await;
        assert_eq!(status, 403, "{page}");
        assert!(page.to_string().contains("/v1/key"), "{page}");
    }
    assert_eq!(asked(&simulator, "/credits"), 0);
}

// === plans and hints ===

#[tokio::test]
async fn a_plan_is_made_for_every_surface() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    for (query, body) in [
        ("", r#"{"messages":[{"role":"user","content":"hello"}]}"#),
        (
            "?surface=chat",
            r#"{"messages":[{"role":"user","content":"hello"}]}"#,
        ),
        ("?surface=responses", r#"{"input":"hello"}"#),
        (
            "?surface=messages",
            r#"{"max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
        ),
        ("?surface=completions", r#"{"prompt":"hello"}"#),
    ] {
        let reply = server
            .send("POST", &format!("/v1/plan{query}"), JSON, body)
            .await;
        let reply = reply.rest().await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{query}: {reply}");
        assert!(reply.contains("\"candidates\":[{"), "{query}: {reply}");
    }
    for (query, body, why) in [
        (
            "?surface=telepathy",
            "{}",
            "one of chat, responses, messages",
        ),
        ("?surface=responses", r#"{"messages":[]}"#, "input"),
    ] {
        let reply = server
            .send("POST", &format!("/v1/plan{query}"), JSON, body)
            .await;
        let reply = reply.rest().await;
        assert!(
            reply.starts_with("HTTP/1.1 400") && reply.contains(why),
            "{query}: {reply}"
        );
    }
}

#[tokio::test]
async fn a_misspelt_limit_stops_the_call() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let headers = format!("{JSON}x-tollgate-maxcost: 0.01\r\n");
    for path in ["/v1/chat/completions", "/v1/plan"] {
        let reply = server
            .send("POST", path, &headers, &chat(false))
            .await
            .rest()
            .await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
        assert!(
            reply.contains("did you mean x-tollgate-max-cost?"),
            "{reply}"
        );
    }
    assert_eq!(asked(&simulator, "/chat/completions"), 0);
}

// === feedback ===

async fn rate_at(address: &str, body: &str) -> (u16, Value) {
    let reply = send(address, "POST", "/v1/feedback", JSON, body).await;
    let reply = reply.rest().await;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {reply}"));
    (head[9..12].parse().unwrap(), body)
}

#[tokio::test]
async fn an_answer_is_rated_by_either_of_its_ids() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let reply = server.chat(false).await;
    let (call, generation) = (
        header(&reply, "x-request-id"),
        header(&reply, "x-generation-id"),
    );
    let first = format!(r#"{{"id":"{call}","good":true}}"#);
    let (status, body) = rate_at(server.address(), &first).await;
    assert_eq!(status, 200, "{body}");
    let rated = &body["data"];
    assert_eq!(
        (&rated["model"], &rated["task"]),
        (&MODEL.into(), &"chat".into())
    );
    assert_eq!(
        (&rated["score"], &rated["replaces"]),
        (&1.0.into(), &false.into())
    );
    let second = format!(r#"{{"id":"{generation}","score":0.25}}"#);
    let (_, body) = rate_at(server.address(), &second).await;
    assert_eq!(body["data"]["call"], call.as_str());
    assert_eq!(body["data"]["replaces"], true);
}

#[tokio::test]
async fn what_is_no_rating_is_refused_and_calls_of_others_are_not_there() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, "").await;
    let alice = mounted(&gateway, Some("alice")).await;
    let bob = mounted(&gateway, Some("bob")).await;
    let call = call_at(&alice).await;
    for (address, body, expected) in [
        (&alice, format!(r#"{{"id":"{call}","score":1.5}}"#), 400),
        (&alice, format!(r#"{{"id":"{call}"}}"#), 400),
        (
            &alice,
            format!(r#"{{"id":"{call}","good":true,"score":1}}"#),
            400,
        ),
        (&alice, format!(r#"{{"id":"{call}","stars":5}}"#), 400),
        (&alice, r#"{"score":1}"#.to_owned(), 400),
        (
            &alice,
            r#"{"id":"gen-unknown","good":false}"#.to_owned(),
            404,
        ),
        (&bob, format!(r#"{{"id":"{call}","good":false}}"#), 404),
        (&alice, format!(r#"{{"id":"{call}","good":false}}"#), 200),
    ] {
        let (status, answer) = rate_at(address, &body).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
}
