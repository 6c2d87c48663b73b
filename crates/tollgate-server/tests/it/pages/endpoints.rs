//! Endpoints of a model, and providers.

use super::members::{ENDPOINT, check_members};
use super::*;

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
