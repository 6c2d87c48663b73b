use std::sync::Arc;

use tollgate_core::Silent;
use tollgate_ledger::{
    Durability, InvalidConfig, LedgerConfig, OpenError, StoreKind, UsageTracker,
};

use crate::scene::noon;

fn parse(json: &str) -> Result<LedgerConfig, serde_json::Error> {
    serde_json::from_str(json)
}

#[test]
fn what_is_not_said_has_its_default() {
    let config = parse("{}").unwrap();
    assert_eq!(config, LedgerConfig::default());
    assert_eq!((config.queue, config.max_batch), (8_192, 512));
    assert_eq!(config.memory_rows, 100_000);
    assert_eq!(config.validate(), Ok(()));
}

#[test]
fn every_word_is_understood_and_no_other() {
    let config = parse(r#"{"store":"sqlite","path":"x.db","durability":"strict"}"#).unwrap();
    assert_eq!(config.store, StoreKind::Sqlite);
    assert_eq!(config.durability, Durability::Strict);
    assert!(parse(r#"{"sotre":"sqlite"}"#).is_err());
    assert!(parse(r#"{"max_cost_per_request":"1"}"#).is_err());
}

#[test]
fn sizes_of_zero_and_a_missing_address_are_named() {
    let check = |json: &str| parse(json).unwrap().validate();
    assert_eq!(check(r#"{"queue":0}"#), Err(InvalidConfig::Zero("queue")));
    assert_eq!(
        check(r#"{"max_batch":0}"#),
        Err(InvalidConfig::Zero("max_batch"))
    );
    assert_eq!(
        check(r#"{"memory_rows":0}"#),
        Err(InvalidConfig::Zero("memory_rows"))
    );
    assert_eq!(check(r#"{"store":"postgres"}"#), Err(InvalidConfig::NoUrl));
}

#[test]
fn a_password_is_not_shown() {
    let config = parse(r#"{"url":"postgres://user:hunter2@host/db"}"#).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_schema_names_the_defaults() {
    let schema = serde_json::to_value(schemars::schema_for!(LedgerConfig)).unwrap();
    let default = |key: &str| schema["properties"][key]["default"].clone();
    assert_eq!(default("store"), "memory");
    assert_eq!(default("durability"), "default");
    assert_eq!(default("memory_rows"), 100_000);
}

#[tokio::test]
async fn postgres_is_opened_elsewhere() {
    let config = parse(r#"{"store":"postgres","url":"postgres://host/db"}"#).unwrap();
    let opened = UsageTracker::open(&config, Arc::new(noon), Arc::new(Silent)).await;
    assert!(matches!(opened, Err(OpenError::NotLocal)));
}
