//! Processes and connections that end in the middle.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio_postgres::config::Host;
use tollgate_core::{ApiKey, BudgetLeases, CostSource, LedgerStore, Timestamp};
use tollgate_ledger_postgres::PostgresConfig;

use crate::events::{ask, dispatch, grant, settle, settle_from, usd, window};
use crate::server::{Server, blocked, node, number};

/// Names the schema to the process that is to be killed.
const SCHEMA: &str = "TOLLGATE_TEST_KILLED";

/// What that process does: leases and dispatches, says so, and goes on for ever.
#[tokio::test]
#[ignore = "it never ends by itself; the next test starts and kills it"]
#[expect(
    clippy::disallowed_methods,
    reason = "a process of its own learns by its environment what to do"
)]
async fn a_process_to_be_killed() {
    let Ok(schema) = std::env::var(SCHEMA) else {
        return;
    };
    let url = std::env::var("TOLLGATE_TEST_POSTGRES").unwrap();
    let config = PostgresConfig {
        schema,
        lease_for: Duration::from_secs(1),
        ..PostgresConfig::new(ApiKey::new(&url))
    };
    let store = node(&config, "killed").await;
    let leased = store.lease(&[ask(60, 0)]).await.unwrap();
    store
        .append(&[dispatch(1, 10, leased.epoch)])
        .await
        .unwrap();
    println!("holding");
    std::future::pending().await
}

#[tokio::test]
async fn what_a_killed_process_leased_comes_back() {
    let Some(server) = Server::find("a process that is killed") else {
        return;
    };
    let config = PostgresConfig {
        lost_after: Duration::ZERO,
        ..server.config()
    };
    let two = node(&config, "two").await;
    let client = server.watch(&config).await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::a_process_to_be_killed", "--exact", "--ignored"])
        .arg("--nocapture")
        .env(SCHEMA, &config.schema)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines
        .next_line()
        .await
        .unwrap()
        .unwrap()
        .contains("holding")
    {}
    let leased = two.lease(&[ask(100, 0)]).await.unwrap();
    assert_eq!(leased.grants, [grant(40, 0, 2)], "it holds the rest");

    // A signal that no process can catch.
    child.kill().await.unwrap();
    client
        .batch_execute(
            "SELECT pg_sleep(extract(epoch FROM expires_at - clock_timestamp()))
             FROM node WHERE name = 'killed' AND expires_at > clock_timestamp()",
        )
        .await
        .unwrap();
    two.renew().await.unwrap();
    let leased = two.lease(&[ask(100, 0)]).await.unwrap();
    assert_eq!(leased.grants, [grant(50, 0, 1)], "but for its attempt");

    let open = two.open_attempts().await.unwrap();
    assert_eq!(open.len(), 1);
    let lost = settle_from(CostSource::WorstCase, 1, open[0].worst.nanos());
    two.append(&[lost]).await.unwrap();
    let leased = "SELECT sum(left_nanos)::bigint FROM lease";
    assert_eq!(number(&client, leased).await, 90);
    assert_eq!(two.verify().await.unwrap(), [""; 0]);
    server.clean().await;
}

#[tokio::test]
async fn what_a_lost_connection_carried_is_done_on_another() {
    let Some(server) = Server::find("lost connections") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let activity = server.watch(&config).await;
    let name = config.schema.clone();
    let one = node(&config, &name).await;
    one.append(&[settle(1, 1)]).await.unwrap();
    let lock = "BEGIN; SELECT FROM budget_window FOR UPDATE";
    client.batch_execute(lock).await.unwrap();
    let events = [settle(2, 1)];
    let end = async {
        blocked(&activity, &name).await;
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'tollgate ' || $1";
        let ended: i64 = activity.query_one(sql, &[&name]).await.unwrap().get(0);
        assert!(ended >= 2, "the one that works and the one with the name");
        client.batch_execute("ROLLBACK").await.unwrap();
    };
    let (appended, ()) = tokio::join!(one.append(&events), end);
    assert_eq!(appended.unwrap(), [0; 0]);
    let spent = one.spent("team", Timestamp::from_secs(0)).await.unwrap();
    assert_eq!(spent, [(window("team"), usd(2))]);
    server.clean().await;
}

#[tokio::test]
async fn appending_fails_while_the_server_is_away_and_works_again_after_that() {
    let Some(server) = Server::find("a server that is away") else {
        return;
    };
    let address: tokio_postgres::Config = server.url().parse().unwrap();
    let Host::Tcp(host) = &address.get_hosts()[0] else {
        println!("skipped: the server is reached by a socket");
        return;
    };
    let target = format!("{host}:{}", address.get_ports()[0]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = listener.local_addr().unwrap();
    let open = tokio::spawn(pass_on(listener, target.clone()));
    let mut config = server.config();
    let url = server.url().replace(&target, &way.to_string());
    config.url = ApiKey::new(&url);
    let one = node(&config, "one").await;
    one.append(&[settle(1, 1)]).await.unwrap();

    open.abort();
    assert!(open.await.unwrap_err().is_cancelled());
    for _ in 0..2 {
        let error = one.append(&[settle(2, 1)]).await.unwrap_err();
        assert_eq!(error.to_string(), "the ledger store cannot append events");
        assert!(one.lease(&[ask(9, 0)]).await.is_err());
        assert!(one.renew().await.is_err());
    }
    let listener = TcpListener::bind(way).await.unwrap();
    let open = tokio::spawn(pass_on(listener, target));
    one.append(&[settle(2, 1)]).await.unwrap();
    let leased = one.lease(&[ask(9, 0)]).await.unwrap();
    assert_eq!(leased.grants, [grant(9, 2, 1)]);
    open.abort();
    server.clean().await;
}

/// A network: when this ends, it is cut.
async fn pass_on(listener: TcpListener, target: String) {
    let mut connections = JoinSet::new();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(&target).await.unwrap();
        connections.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
    }
}
