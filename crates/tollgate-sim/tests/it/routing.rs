//! Failover inside the simulated service.

use serde_json::{Value, json};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::client::{Ask, MODEL, sim};

/// The names of the model's providers, in the order in which they are tried.
async fn providers(sim: &Simulator, model: &str) -> Vec<String> {
    let body = Ask::get(&format!("/api/v1/models/{model}/endpoints"))
        .send(sim)
        .await
        .json();
    let list = body["data"]["endpoints"].as_array().unwrap();
    list.iter()
        .map(|endpoint| endpoint["provider_name"].as_str().unwrap().to_owned())
        .collect()
}

/// A model with three or more endpoints.
async fn wide_model(sim: &Simulator) -> (String, Vec<String>) {
    for model in [
        "openai/gpt-4o-mini",
        "deepseek/deepseek-r1",
        "openai/gpt-4o",
        "anthropic/claude-haiku-4.5",
        "anthropic/claude-sonnet-4.5",
    ] {
        let providers = providers(sim, model).await;
        if providers.len() >= 3 {
            return (model.to_owned(), providers);
        }
    }
    panic!("no model of the list has three endpoints with this seed");
}

#[tokio::test(start_paused = true)]
async fn a_failing_provider_is_hidden_by_the_next() {
    let sim = sim("").await;
    let (model, providers) = wide_model(&sim).await;
    let rule = |index: usize, fault: &str| {
        Rule::new(Fault::named(fault).unwrap()).for_provider(providers[index].clone())
    };
    sim.set_scenario(
        Scenario::default()
            .with_rule(rule(0, "rate-limited"))
            .with_rule(rule(1, "bad-gateway")),
    )
    .unwrap();

    let body = Ask::chat(json!({"model": model}))
        .with("x-openrouter-metadata", "enabled")
        .send(&sim)
        .await
        .json();
    assert_eq!(body["provider"], providers[2].as_str());
    let statuses: Vec<&Value> = body["openrouter_metadata"]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["status"])
        .collect();
    assert_eq!(statuses, [429, 502, 200]);
    assert_eq!(body["openrouter_metadata"]["attempt"], 3);
    assert_eq!(body["openrouter_metadata"]["strategy"], "direct");
    // Only the answer is charged.
    assert_eq!(sim.bill().lines.len(), 1);

    let alone =
        json!({"model": model, "provider": {"order": [providers[1]], "allow_fallbacks": false}});
    let reply = Ask::chat(alone).send(&sim).await;
    assert_eq!(
        (
            reply.status,
            &reply.json()["error"]["metadata"]["provider_name"]
        ),
        (Some(502), &json!(providers[1]))
    );

    let all = providers
        .iter()
        .map(|name| Rule::new(Fault::status(503)).for_provider(name.clone()));
    sim.set_scenario(all.fold(Scenario::default(), Scenario::with_rule))
        .unwrap();
    let body = Ask::chat(json!({"model": model})).send(&sim).await.json();
    assert_eq!(
        body["error"]["metadata"]["previous_errors"]
            .as_array()
            .unwrap()
            .len(),
        providers.len() - 1
    );
}

#[tokio::test(start_paused = true)]
async fn failover_between_providers_can_be_turned_off() {
    let sim = sim("").await;
    let (model, providers) = wide_model(&sim).await;
    let rule = Rule::new(Fault::status(503)).for_provider(providers[0].clone());
    let scenario = Scenario {
        provider_failover: false,
        ..Scenario::default()
    };
    sim.set_scenario(scenario.with_rule(rule)).unwrap();
    assert_eq!(
        Ask::chat(json!({"model": model})).send(&sim).await.status,
        Some(503)
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_model_is_hidden_by_the_next_of_the_list() {
    let sim = sim("[[rules]]\nmodel = 'openai/*'\nfault = 'moderation'").await;
    let next = "anthropic/claude-haiku-4.5";
    let ask = Ask::chat(json!({"models": ["sim/unavailable", "nobody/nothing", next]}))
        .with("x-openrouter-metadata", "enabled");
    for stream in [false, true] {
        let reply = Ask::chat(json!({"models": [next], "stream": stream}))
            .send(&sim)
            .await;
        assert_eq!(reply.status, Some(200), "{}", reply.text());
    }
    let body = ask.send(&sim).await.json();
    assert_eq!(body["model"], "anthropic/claude-4.5-haiku-20251001");
    assert_eq!(
        (
            &body["openrouter_metadata"]["requested"],
            &body["openrouter_metadata"]["strategy"]
        ),
        (&json!(MODEL), &json!("fallback"))
    );
    assert_eq!(sim.log().last().unwrap().model.as_deref(), Some(next));
    // The last error is the one that is seen.
    let reply = Ask::chat(json!({"models": ["sim/unavailable"]}))
        .send(&sim)
        .await;
    assert_eq!(reply.status, Some(503));
}

#[tokio::test(start_paused = true)]
async fn a_fault_after_the_first_token_is_not_hidden() {
    let sim = sim("[[rules]]\nmodel = 'openai/*'\nfault = 'cut-event=4'").await;
    let reply = Ask::chat(json!({"models": ["anthropic/claude-haiku-4.5"], "stream": true}))
        .send(&sim)
        .await;
    assert_eq!(reply.events().len(), 4);
    assert_eq!(reply.chunks()[0]["model"], MODEL);
}

#[tokio::test(start_paused = true)]
async fn routers_and_aliases_report_what_they_picked() {
    let sim = sim("").await;
    for (model, strategy) in [
        ("openrouter/auto", "auto"),
        ("openrouter/free", "free"),
        ("~anthropic/claude-haiku-latest", "latest"),
    ] {
        let body = Ask::chat(json!({"model": model}))
            .with("x-openrouter-metadata", "enabled")
            .send(&sim)
            .await
            .json();
        assert_eq!(body["openrouter_metadata"]["strategy"], strategy);
        assert_eq!(body["openrouter_metadata"]["requested"], model);
        assert_ne!(body["model"], model);
        assert_eq!(body["usage"]["cost"] == 0, strategy == "free", "{body}");
    }
}
