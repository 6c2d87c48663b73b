//! Keys that nodes share.

use tollgate_keys::{KeyConfig, KeyStore, KeyStoreError, NewKey};

use crate::server::{Server, node, number};

fn config() -> KeyConfig {
    let key = NewKey::generate().unwrap();
    KeyConfig {
        hash: Some(key.digest().hash(None)),
        models: vec!["a/*".parse().unwrap()],
        budget: Some("0.5/day".parse().unwrap()),
        expires: Some("2027-01-01".parse().unwrap()),
        ..KeyConfig::default()
    }
}

#[tokio::test]
async fn what_one_node_creates_the_others_load_until_it_is_revoked() {
    let Some(server) = Server::find("keys") else {
        return;
    };
    let settings = server.config();
    let (one, two) = (node(&settings, "one").await, node(&settings, "two").await);
    assert!(one.load().await.unwrap().is_empty());
    let key = config();
    // A name is bound, never written into a statement.
    for name in ["ci", "'; DROP TABLE keys; --"] {
        one.create(name, &key).await.unwrap();
        assert_eq!(two.load().await.unwrap()[name], key);
    }
    two.revoke("ci").await.unwrap();
    assert_eq!(one.load().await.unwrap().len(), 1);
    server.clean().await;
}

#[tokio::test]
async fn a_name_that_is_in_use_is_refused_and_an_unknown_one_is_told_with_the_likely_one() {
    let Some(server) = Server::find("names of keys") else {
        return;
    };
    let settings = server.config();
    let store = node(&settings, "one").await;
    let key = config();
    store.create("frontend", &key).await.unwrap();
    // Work that was broken off after it was done is done again.
    store.create("frontend", &key).await.unwrap();
    let error = store.create("frontend", &config()).await.unwrap_err();
    assert!(matches!(error, KeyStoreError::Exists(_)), "{error}");
    let message = store.revoke("frontent").await.unwrap_err().to_string();
    assert!(message.contains("did you mean \"frontend\"?"), "{message}");
    let client = server.watch(&settings).await;
    assert_eq!(number(&client, "SELECT count(*) FROM keys").await, 1);
    server.clean().await;
}
