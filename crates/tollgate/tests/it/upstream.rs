//! Another upstream than OpenRouter behind `openrouter.base_url`.

use tollgate_core::CatalogSource;
use tollgate_sim::{Catalog, Simulator};

use crate::support::gateway;

const RECORDED: &str = include_str!("../../../tollgate-catalog/catalog/models-2026-08-08.json");

#[tokio::test]
async fn an_upstream_with_a_short_list_is_taken_at_its_word() {
    let mut list: serde_json::Value = serde_json::from_str(RECORDED).unwrap();
    list["data"].as_array_mut().unwrap().truncate(3);
    let catalog = Catalog::from_json(&list.to_string()).unwrap();
    let simulator = Simulator::builder().catalog(catalog).start().await.unwrap();
    let gateway = gateway(&simulator, "").await;
    let view = gateway.catalog().view();
    assert_eq!(view.source(), CatalogSource::Network);
    assert!(view.models().len() < 10, "{}", view.models().len());
    gateway.shutdown().await;
}
