//! The OpenAPI document against the server that gives it.

use std::sync::Arc;

use serde_json::Value;
use tollgate_server::Metrics;

use crate::support::{After, Server, Upstream, gateway};

#[tokio::test]
async fn every_path_of_the_document_is_served_on_both_bases() {
    let upstream = Upstream {
        headers: Vec::new(),
        frames: Vec::new(),
        after: After::End,
    };
    let gateway = gateway(upstream, "").await;
    let server = Server::start_measured(gateway, Arc::new(Metrics::new())).await;
    let document = document(&server).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let servers = item.get("servers").unwrap_or(&document["servers"]);
        for base in servers.as_array().unwrap() {
            let base = base["url"].as_str().unwrap().trim_end_matches('/');
            for method in ["get", "post"]
                .into_iter()
                .filter(|method| item[*method].is_object())
            {
                let at = format!("{base}{}", path.replace(['{', '}'], ""));
                let reply = server
                    .send(&method.to_uppercase(), &at, "host: localhost\r\n", "")
                    .await
                    .rest()
                    .await;
                assert!(!reply.contains("there is no such path"), "{method} {at}");
                assert!(!reply.starts_with("HTTP/1.1 405"), "{method} {at}: {reply}");
            }
        }
    }
}

async fn document(server: &Server) -> Value {
    let reply = server
        .send("GET", "/openapi.json", "host: localhost\r\n", "")
        .await;
    let reply = reply.rest().await;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("application/json"), "{head}");
    let document = serde_json::from_str(body).unwrap();
    assert_eq!(document, tollgate_server::openapi());
    document
}
