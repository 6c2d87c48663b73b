//! Stored provider keys: how they are kept, and what they do to answers, costs and the bill.

use serde_json::{Value, json};
use tollgate_sim::{NanoUsd, Simulator};

use crate::client::{Ask, KEY, Reply, sim};

const MANAGEMENT: &str = "sk-or-management-key-0001";
const SECRET: &str = "sk-provider-secret-0123456789";
/// A model with several providers under seed 7.
const MODEL: &str = "deepseek/deepseek-r1";

fn managed(ask: Ask) -> Ask {
    ask.with("authorization", &format!("Bearer {MANAGEMENT}"))
}

async fn store(sim: &Simulator, provider: &str, more: Value) -> Value {
    let mut body = json!({"provider": provider, "key": SECRET});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let reply = managed(Ask::post("/api/v1/byok", &body)).send(sim).await;
    assert_eq!(reply.status, Some(201), "{}", reply.text());
    assert!(!reply.text().contains(SECRET));
    reply.json()["data"].clone()
}

async fn change(sim: &Simulator, id: &Value, body: &Value) -> Reply {
    let path = format!("/api/v1/byok/{}", id.as_str().unwrap());
    managed(Ask::post(&path, body).method("PATCH"))
        .send(sim)
        .await
}

/// The providers of the model, in the order in which they are tried.
async fn providers(sim: &Simulator) -> Vec<String> {
    let page = Ask::get(&format!("/api/v1/models/{MODEL}/endpoints"))
        .send(sim)
        .await
        .json();
    let rows = page["data"]["endpoints"].as_array().unwrap().clone();
    rows.iter()
        .map(|row| row["tag"].as_str().unwrap().to_owned())
        .collect()
}

async fn chat(sim: &Simulator) -> Value {
    let reply = Ask::chat(json!({"model": MODEL})).send(sim).await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
    reply.json()
}

#[tokio::test(start_paused = true)]
async fn keys_are_stored_listed_changed_and_deleted() {
    let sim = sim("").await;
    let first = store(&sim, "alpha-cloud", json!({"name": "mine"})).await;
    let second = store(&sim, "birch-compute", json!({"is_fallback": true})).await;
    assert_eq!(
        (&first["name"], &first["label"], &first["provider"]),
        (&json!("mine"), &json!("sk-p...6789"), &json!("alpha-cloud"))
    );
    assert_eq!(
        (&first["sort_order"], &second["sort_order"]),
        (&json!(0), &json!(1))
    );
    let list = async |query: &str| {
        let ask = managed(Ask::get(&format!("/api/v1/byok{query}")));
        ask.send(&sim).await.json()
    };
    assert_eq!(
        list("").await,
        json!({"data": [first, second], "total_count": 2})
    );
    assert_eq!(
        list("?provider=birch-compute").await["data"],
        json!([second])
    );
    assert_eq!(list("?offset=1&limit=1").await["data"], json!([second]));

    let changed = change(
        &sim,
        &first["id"],
        &json!({"disabled": true, "name": null, "key": "another-provider-key"}),
    )
    .await;
    let row = &changed.json()["data"];
    assert_eq!(
        (&row["disabled"], &row["name"], &row["label"]),
        (&json!(true), &Value::Null, &json!("anot...-key"))
    );
    let path = format!("/api/v1/byok/{}", first["id"].as_str().unwrap());
    let deleted = managed(Ask::get(&path).method("DELETE")).send(&sim).await;
    assert_eq!(
        (deleted.status, deleted.json()),
        (Some(200), json!({"deleted": true}))
    );
    assert_eq!(managed(Ask::get(&path)).send(&sim).await.status, Some(404));
    assert_eq!(list("").await["total_count"], 1);
    sim.reset();
    assert_eq!(list("").await["total_count"], 0);
}

#[tokio::test(start_paused = true)]
async fn bad_requests_for_keys_say_why() {
    let sim = sim("").await;
    let post = async |body: Value| managed(Ask::post("/api/v1/byok", &body)).send(&sim).await;
    for (body, part) in [
        (
            json!({"key": SECRET}),
            "provider must be one of alpha-cloud",
        ),
        (
            json!({"provider": "openai", "key": SECRET}),
            "provider must be one of",
        ),
        (json!({"provider": "alpha-cloud"}), "key is required"),
        (json!({"provider": "alpha-cloud", "key": ""}), "not empty"),
        (
            json!({"provider": "alpha-cloud", "key": SECRET, "is_fallbak": true}),
            "is_fallbak",
        ),
        (
            json!({"provider": "alpha-cloud", "key": SECRET, "disabled": "no"}),
            "invalid type",
        ),
    ] {
        let reply = post(body).await;
        assert_eq!(reply.status, Some(400), "{part}");
        assert!(
            reply.text().contains(part) && !reply.text().contains(SECRET),
            "{}",
            reply.text()
        );
    }
    let ordinary = Ask::post("/api/v1/byok", &json!({})).send(&sim).await;
    assert_eq!(ordinary.status, Some(401));
    assert!(
        ordinary.text().contains("management"),
        "{}",
        ordinary.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stored_key_makes_its_provider_answer_first_and_bill_directly() {
    let sim = sim("byok_fee_percent = 5").await;
    let providers = providers(&sim).await;
    assert!(providers.len() > 1, "{providers:?}");
    let shared = chat(&sim).await;
    assert_eq!(shared["usage"]["is_byok"], false);
    let last = providers.last().unwrap();
    store(&sim, last, json!({})).await;

    let reply = Ask::chat(json!({"model": MODEL})).send(&sim).await;
    let usage = reply.json()["usage"].clone();
    let bill = sim.bill();
    let [credits, own] = &bill.lines[..] else {
        panic!("{bill:?}");
    };
    assert_eq!(own.provider.to_lowercase().replace(' ', "-"), *last);
    assert!(!credits.is_byok && own.is_byok);
    assert_eq!(
        (own.credits, own.provider_cost),
        (NanoUsd::ZERO, credits.credits)
    );
    // Five percent of the price, rounded to a nano.
    assert!(
        (own.fee.nanos() * 20 - own.provider_cost.nanos()).abs() <= 10,
        "{own:?}"
    );
    assert_eq!(usage["is_byok"], true);
    assert_eq!(
        usage["cost"].to_string().parse::<f64>().unwrap(),
        own.fee.to_string().parse::<f64>().unwrap()
    );
    let upstream = &usage["cost_details"]["upstream_inference_cost"];
    assert_eq!(
        upstream.as_f64().unwrap(),
        own.provider_cost.to_string().parse::<f64>().unwrap()
    );
    assert_eq!(bill.total(), credits.credits + own.fee + own.provider_cost);
    assert_eq!(
        (bill.credits(), bill.fees(), bill.provider_cost()),
        (credits.credits, own.fee, own.provider_cost)
    );

    let id = reply.header("x-generation-id").unwrap();
    let record = Ask::get(&format!("/api/v1/generation?id={id}"))
        .send(&sim)
        .await
        .json();
    let record = &record["data"];
    assert_eq!(
        (&record["is_byok"], &record["total_cost"]),
        (&json!(true), &usage["cost"])
    );
    assert_eq!(&record["upstream_inference_cost"], upstream);
    assert_eq!(record["provider_responses"][0]["is_byok"], true);
}

#[tokio::test(start_paused = true)]
async fn the_fee_begins_where_the_allowance_ends() {
    let sim = sim("byok_fee_percent = 5\nbyok_allowance = \"0.0001\"\noutput_tokens = 20").await;
    store(&sim, &providers(&sim).await[0], json!({})).await;
    for _ in 0..6 {
        chat(&sim).await;
    }
    let bill = sim.bill();
    let price = bill.lines[0].provider_cost.nanos();
    let free = 100_000;
    assert!(price < free && 6 * price > free, "{price}");
    assert_eq!(bill.lines[0].fee, NanoUsd::ZERO);
    let fees = bill.fees().nanos() * 20;
    assert!(
        (fees - (6 * price - free)).abs() <= 6 * 10,
        "{fees} {price}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fault_on_the_own_key_leads_to_shared_capacity_unless_it_is_required() {
    let rules = "[[rules]]\nbyok = true\nfault = 'rate-limited'";
    let sim = sim(rules).await;
    let providers = providers(&sim).await;
    let key = store(&sim, &providers[0], json!({})).await;
    assert_eq!(chat(&sim).await["usage"]["is_byok"], false);
    let attempts = sim.log().last().unwrap().attempts.clone();
    let tried: Vec<(u16, bool)> = attempts
        .iter()
        .map(|one| (one.status, one.is_byok))
        .collect();
    assert_eq!(tried, [(429, true), (200, false)]);
    assert_eq!(attempts[0].provider, attempts[1].provider);

    // Required: another provider may answer, this one not.
    change(&sim, &key["id"], &json!({"is_required": true})).await;
    chat(&sim).await;
    let attempts = sim.log().last().unwrap().attempts.clone();
    assert!(!attempts[1].is_byok && attempts[0].provider != attempts[1].provider);
    let only = json!({"model": MODEL, "provider": {"only": [providers[0]]}});
    let refused = Ask::chat(only).send(&sim).await;
    assert_eq!(refused.status, Some(429));
    assert_eq!(refused.json()["error"]["metadata"]["is_byok"], true);

    // A fallback is asked after all others.
    change(
        &sim,
        &key["id"],
        &json!({"is_required": false, "is_fallback": true}),
    )
    .await;
    chat(&sim).await;
    assert!(
        sim.log()
            .last()
            .unwrap()
            .attempts
            .iter()
            .all(|one| !one.is_byok)
    );
    // Disabled: nobody asks with it.
    change(
        &sim,
        &key["id"],
        &json!({"disabled": true, "is_fallback": false}),
    )
    .await;
    chat(&sim).await;
    assert!(
        sim.log()
            .last()
            .unwrap()
            .attempts
            .iter()
            .all(|one| !one.is_byok)
    );
}

#[tokio::test(start_paused = true)]
async fn embeddings_use_stored_keys_too() {
    let sim = sim("").await;
    let body = json!({"model": "sim-labs/embed-small", "input": "one"});
    let ask = Ask::post("/api/v1/embeddings", &body);
    ask.send(&sim).await;
    let provider = sim.bill().lines[0]
        .provider
        .to_lowercase()
        .replace(' ', "-");
    store(&sim, &provider, json!({})).await;
    assert_eq!(ask.send(&sim).await.json()["usage"]["is_byok"], true);
    let told = ask.with("authorization", &format!("Bearer {KEY}"));
    assert_eq!(told.send(&sim).await.status, Some(200));
    assert!(sim.bill().lines[1].is_byok);
}
