//! Opening, sharing and naming.

use std::time::Duration;

use tollgate_core::{
    ApiKey, Billing, BudgetLeases, Dimension, Failure, FailureKind, LedgerEvent, LedgerStore,
    Timestamp, UsageQuery, Usd,
};
use tollgate_ledger_postgres::{OpenError, PostgresConfig, PostgresStore};
use tollgate_testkit::builders::{facts, lane_id, model, record};

use crate::server::Server;

fn named(config: &PostgresConfig, node: &str) -> PostgresConfig {
    PostgresConfig {
        node: node.into(),
        ..config.clone()
    }
}

fn settled(n: u128) -> LedgerEvent {
    LedgerEvent::Settle {
        facts: facts(n),
        record: record(1, "a/one", 10),
        windows: [].into(),
    }
}

fn dispatched(n: u128, at: Timestamp) -> [LedgerEvent; 2] {
    let facts = facts(n);
    let dispatch = LedgerEvent::Dispatch {
        call: facts.call,
        attempt: 1,
        at,
        lane: lane_id("openrouter"),
        billing: Billing::Credits,
        model: model("a/one"),
        worst: Usd::from_nanos(5),
        windows: [].into(),
        epoch: 0,
    };
    let amount = Usd::from_nanos(5);
    [LedgerEvent::Hold { facts, amount }, dispatch]
}

#[tokio::test]
async fn nodes_share_one_ledger_and_start_at_the_same_time() {
    let Some(server) = Server::find("nodes that share a ledger") else {
        return;
    };
    let config = server.config();
    let (one, two) = tokio::join!(
        PostgresStore::open(named(&config, "one")),
        PostgresStore::open(named(&config, "two"))
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    one.append(&[settled(1), settled(2)]).await.unwrap();
    two.append(&[settled(2), settled(3)]).await.unwrap();
    let rows = one.report(&UsageQuery::default()).await.unwrap();
    assert_eq!(rows[0].credits.nanos(), 30, "each end counts once");
    server.clean().await;
}

#[tokio::test]
async fn a_nodes_name_is_taken_once() {
    let Some(server) = Server::find("the names of nodes") else {
        return;
    };
    let config = server.config();
    let first = PostgresStore::open(config.clone()).await.unwrap();
    let second = PostgresStore::open(config.clone()).await.unwrap_err();
    assert!(matches!(&second, OpenError::NodeTaken(node) if node == "main"));
    assert!(second.to_string().contains("ledger.node"));
    let other = PostgresStore::open(server.config()).await;
    assert!(other.is_ok(), "another schema is another ledger");
    drop(first);
    server.clean().await;
}

#[tokio::test]
async fn a_node_recovers_its_own_attempts_and_those_long_lost() {
    let Some(server) = Server::find("open attempts of several nodes") else {
        return;
    };
    let config = server.config();
    let one = PostgresStore::open(named(&config, "one")).await.unwrap();
    let two = PostgresStore::open(named(&config, "two")).await.unwrap();
    // By the server's clock: one long ago, one that may still be running.
    let far_future = Timestamp::from_secs(32_503_680_000);
    one.append(&dispatched(1, Timestamp::from_secs(0)))
        .await
        .unwrap();
    one.append(&dispatched(2, far_future)).await.unwrap();
    let calls = |open: Vec<tollgate_core::OpenAttempt>| -> Vec<_> {
        open.iter().map(|attempt| attempt.facts.call).collect()
    };
    let (old, new) = (facts(1).call, facts(2).call);
    assert_eq!(calls(one.open_attempts().await.unwrap()), [old, new]);
    assert_eq!(calls(two.open_attempts().await.unwrap()), [old]);
    server.clean().await;
}

#[tokio::test]
async fn newer_tables_are_left_alone() {
    let Some(server) = Server::find("newer tables") else {
        return;
    };
    let config = server.config();
    drop(PostgresStore::open(named(&config, "old")).await.unwrap());
    let newer = format!(
        "INSERT INTO {}.schema_version (version) VALUES (99)",
        config.schema
    );
    server.execute(&newer).await;
    let error = PostgresStore::open(named(&config, "new"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error:?}"
    );
    server.clean().await;
}

#[tokio::test]
async fn names_that_are_no_names_are_refused_before_connecting() {
    for schema in [
        "",
        "Ledger",
        "1st",
        "a-b",
        "x\"; DROP TABLE hold; --",
        &"x".repeat(64),
    ] {
        let config = PostgresConfig {
            schema: schema.to_owned(),
            ..PostgresConfig::new(ApiKey::new("postgres://127.0.0.1:1/none"))
        };
        let error = PostgresStore::open(config).await.unwrap_err();
        assert!(
            matches!(error, OpenError::SchemaName(_)),
            "{schema}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_address_is_explained_without_its_password() {
    for url in [
        "postgres://user:hunter2@host:port/x",
        "postgres://user:hunter2@127.0.0.1:1/x",
    ] {
        let config = PostgresConfig {
            lost_after: Duration::from_secs(1),
            ..PostgresConfig::new(ApiKey::new(url))
        };
        let error = PostgresStore::open(config).await.unwrap_err();
        assert!(error.to_string().contains("ledger.url"));
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        assert_eq!(Failure::from(error).kind(), FailureKind::Configuration);
    }
}

#[tokio::test]
async fn reading_takes_no_name_and_changes_nothing() {
    let Some(server) = Server::find("opening to read") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let missing = PostgresStore::open_to_read(config.clone())
        .await
        .unwrap_err();
    assert!(matches!(&missing, OpenError::Missing(schema) if *schema == config.schema));
    let made = "SELECT to_regnamespace($1) IS NOT NULL";
    let row = client.query_one(made, &[&config.schema]).await.unwrap();
    assert!(!row.get::<_, bool>(0), "it made nothing");

    let node = PostgresStore::open(config.clone()).await.unwrap();
    node.append(&[settled(1)]).await.unwrap();
    node.append(&dispatched(2, Timestamp::from_secs(0)))
        .await
        .unwrap();
    // Beside the node, by its own name.
    let reader = PostgresStore::open_to_read(config.clone()).await.unwrap();
    let rows = reader.report(&UsageQuery::default()).await.unwrap();
    assert_eq!(rows[0].credits.nanos(), 10);
    assert_eq!(reader.open_attempts().await.unwrap().len(), 1);
    assert_eq!(reader.verify().await.unwrap(), [""; 0]);
    for refused in [
        reader.append(&[settled(3)]).await.map(|_| ()),
        reader.lease(&[]).await.map(|_| ()),
        reader.renew().await.map(|_| ()),
    ] {
        let source = refused.unwrap_err().source.to_string();
        assert!(source.contains("opened for reading"), "{source}");
    }
    drop(node);

    let versions = "DELETE FROM schema_version WHERE version > 2";
    client.batch_execute(versions).await.unwrap();
    let older = PostgresStore::open_to_read(config.clone()).await;
    let older = older.unwrap_err();
    assert!(matches!(older, OpenError::Older { found: 2, known } if known > 2));
    assert!(older.to_string().contains("start the node once"));
    let versions = "INSERT INTO schema_version (version) VALUES (99)";
    client.batch_execute(versions).await.unwrap();
    let newer = PostgresStore::open_to_read(config).await.unwrap_err();
    assert!(matches!(newer, OpenError::Newer { found: 99, .. }));
    server.clean().await;
}

/// What the first schema's migration made, as the release that had it did.
const FIRST: &str = include_str!("../../src/migrations/0001_ledger.sql");

#[tokio::test]
async fn tables_of_the_first_schema_report_what_they_did_before() {
    let Some(server) = Server::find("tables of the first schema") else {
        return;
    };
    let config = server.config();
    let schema = &config.schema;
    let first = format!(
        "CREATE SCHEMA {schema}; SET search_path TO {schema};
         CREATE TABLE schema_version (
             version bigint PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
         {FIRST}
         INSERT INTO schema_version (version) VALUES (1);
         INSERT INTO terminal SELECT * FROM jsonb_populate_record(NULL::terminal, '{ROW}');
         INSERT INTO adjust (call, attempt, at_ms, credits_nanos, provider_nanos, source)
         VALUES ('0000000000000000000000000000000a', 1, 5, 70, 0, 'reconciled');"
    );
    server.execute(&first).await;
    let store = PostgresStore::open(config).await.unwrap();
    let query = UsageQuery {
        by: vec![Dimension::Requested, Dimension::Planned, Dimension::Model],
        ..UsageQuery::default()
    };
    let rows = store.report(&query).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].key, ["auto", "a/one", "a/one-2026"]);
    assert_eq!(
        (rows[0].credits.nanos(), rows[0].unresolved.nanos()),
        (70, 0)
    );
    assert_eq!((rows[0].tokens.input, rows[0].tokens.output), (10, 22));
    server.clean().await;
}

/// An attempt whose cost was not known when it ended.
const ROW: &str = r#"{
    "call": "0000000000000000000000000000000a", "attempt": 1, "kind": "settle",
    "at_ms": 1786190400000, "day": 20673, "caller": "local", "requested": "auto",
    "task": "chat", "policy": "balanced", "tags": [["env", "prod"]], "lane": "openrouter",
    "billing": "credits", "wanted": "a/one", "model": "a/one-2026", "started_ms": 0,
    "took_ms": 5, "ended": "complete", "credits_nanos": 900, "provider_nanos": 0,
    "source": "worst_case", "input": 10, "cache_read": 0, "cache_write": 0,
    "cache_write_1h": 0, "audio_input": 0, "output": 22, "reasoning": 0,
    "audio_output": 0, "image_output": 0, "images": 0, "web_searches": 0
}"#;
