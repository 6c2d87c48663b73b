//! What was done: one generation.

use super::members::check_generation;
use super::*;

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
