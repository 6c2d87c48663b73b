//! Lists of models, and one model.

use super::members::{MODEL_ROW, check_members};
use super::*;

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
