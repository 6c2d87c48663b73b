//! Keys and credits.

use super::members::{KEY, check_members};
use super::*;

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
