//! Limits of keys that nodes share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tollgate_core::{ApiKey, LedgerStore};
use tollgate_keys::{
    KeyBook, KeyConfig, KeyTable, LimitStore, NewKey, SharedLimits, SliceAsk, WINDOW,
};
use tollgate_ledger_postgres::{Commit, PostgresConfig, PostgresStore};

use crate::server::{Server, node, number};

#[path = "../../../tollgate-keys/tests/contract/limits.rs"]
mod contract;

/// As if a whole window had gone by on the server.
const AGE: &str = "UPDATE limit_slice SET at = at - interval '66.001 seconds'";

#[tokio::test]
async fn postgres_keeps_the_contract_of_shared_limits() {
    let Some(server) = Server::find("the contract of shared limits") else {
        return;
    };
    let config = server.config();
    let (one, two) = (node(&config, "one").await, node(&config, "two").await);
    let client = server.watch(&config).await;
    let age = async || client.batch_execute(AGE).await.unwrap();
    contract::check(Arc::new(one), Arc::new(two), age).await;
    server.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_grants_no_more_than_there_is_to_many_at_once() {
    let Some(server) = Server::find("many that lease limits at once") else {
        return;
    };
    let config = PostgresConfig {
        commit: Commit::Soon,
        ..server.config()
    };
    contract::check_at_once(Arc::new(node(&config, "one").await)).await;
    server.clean().await;
}

#[tokio::test]
async fn slices_that_count_no_more_are_forgotten() {
    let Some(server) = Server::find("slices that are forgotten") else {
        return;
    };
    let config = server.config();
    let store = PostgresStore::open_beside(config.clone()).await.unwrap();
    let client = server.watch(&config).await;
    let ask = SliceAsk {
        key: "ci".into(),
        most_requests: 10,
        most_tokens: 10,
        requests: 1,
        tokens: 1,
    };
    for _ in 0..3 {
        store.lease(&[], std::slice::from_ref(&ask)).await.unwrap();
        client.batch_execute(AGE).await.unwrap();
        client.batch_execute(AGE).await.unwrap();
    }
    store.lease(&[], &[ask]).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM limit_slice").await, 1);
    server.clean().await;
}

#[tokio::test]
async fn a_store_beside_a_node_takes_no_name_and_records_nothing() {
    let Some(server) = Server::find("a store beside a node") else {
        return;
    };
    let config = server.config();
    let _node = node(&config, "main").await;
    let beside = PostgresStore::open_beside(config.clone()).await.unwrap();
    assert!(beside.append(&[]).await.is_err());
    assert_eq!(LimitStore::lease(&beside, &[], &[]).await.unwrap(), []);
    let nowhere = PostgresConfig {
        url: ApiKey::new("postgres://postgres@127.0.0.1:1/none"),
        ..config
    };
    assert!(PostgresStore::open_beside(nowhere).await.is_err());
    server.clean().await;
}

/// On the clock of the machine: what is checked holds however slow it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_let_in_as_many_as_the_limit_says_and_no_more() {
    const LIMIT: usize = 40;
    let Some(server) = Server::find("nodes that share limits of keys") else {
        return;
    };
    let config = server.config();
    let key = NewKey::generate().unwrap();
    let mut nodes = Vec::new();
    for name in ["one", "two"] {
        let table = KeyTable {
            origin: "a test".into(),
            keys: BTreeMap::from([("ci".to_owned(), limited(&key, LIMIT))]),
        };
        let book = KeyBook::build(None, vec![table]).unwrap();
        let limits = SharedLimits::start(Arc::new(node(&config, name).await));
        limits.share(&book).await;
        nodes.push((book, limits));
    }
    let mut let_in: Vec<Instant> = Vec::new();
    let mut refused = 0;
    while let_in.len() < LIMIT || refused < 100 {
        for (book, _) in &nodes {
            let entry = book.entries().next().unwrap();
            let now = Instant::now();
            match entry.gate().take(1, now) {
                Ok(_) => let_in.push(now),
                Err(_) => refused += 1,
            }
        }
        tokio::task::yield_now().await;
    }
    for end in &let_in {
        let minute = let_in
            .iter()
            .filter(|at| *at <= end && **at + WINDOW >= *end);
        assert!(minute.count() <= LIMIT);
    }
    for (_, limits) in nodes {
        limits.stop().await;
    }
    server.clean().await;
}

fn limited(key: &NewKey, requests: usize) -> KeyConfig {
    KeyConfig {
        hash: Some(key.digest().hash(None)),
        requests_per_minute: u32::try_from(requests).ok(),
        ..KeyConfig::default()
    }
}
