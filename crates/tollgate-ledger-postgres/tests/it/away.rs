//! Servers that say nothing, and nodes that lost their names.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_postgres::Client;
use tollgate_core::{ApiKey, BudgetLeases, CostSource, LedgerStore, Timestamp, UsageQuery};
use tollgate_ledger_postgres::{OpenError, PostgresConfig, PostgresStore};

use crate::events::{ask, dispatch, settle, settle_from, usd, window};
use crate::leases::{check, granted};
use crate::server::{Server, blocked, node};

/// First key of the locks of names.
const LOCKS: i32 = 0x5447_4C45;

const SPOKEN: bool = false;
const SILENT: bool = true;

/// Forwards to the server while it is not silent; connections stay open.
async fn proxy(server: &Server, silent: watch::Receiver<bool>) -> PostgresConfig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = listener.local_addr().unwrap();
    let target: tokio_postgres::Config = server.url().parse().unwrap();
    let tokio_postgres::config::Host::Tcp(host) = target.get_hosts()[0].clone() else {
        panic!("the server under test is reached by TCP");
    };
    let port = target.get_ports()[0];
    let url = server
        .url()
        .replace(&format!("{host}:{port}"), &through.to_string());
    assert_ne!(url, server.url());
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(forward(from_client, to_server, silent.clone()));
            tokio::spawn(forward(from_server, to_client, silent.clone()));
        }
    });
    PostgresConfig {
        url: ApiKey::new(url),
        ..server.config()
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut silent: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let spoken = silent.wait_for(|silent| !silent).await.is_ok();
        if !spoken || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_silent_server_fails_all_work_and_loses_nothing() {
    let Some(server) = Server::find("a silent server") else {
        return;
    };
    let (silence, silent) = watch::channel(SPOKEN);
    let config = proxy(&server, silent).await;
    let config = PostgresConfig {
        connections: 2,
        ..config
    };
    let one = node(&config, "one").await;
    one.append(&[settle(1, 1)]).await.unwrap();
    silence.send(SILENT).unwrap();
    // Nobody else works on this clock, so limits are reached at once.
    tokio::time::pause();
    for n in 2..6 {
        let error = one.append(&[settle(n, 1)]).await.unwrap_err();
        let cause = error.source.to_string();
        assert!(cause.contains("within 5 s"), "{cause}");
    }
    let query = UsageQuery::default();
    assert!(one.lease(&[ask(1, 0)]).await.is_err());
    assert!(one.renew().await.is_err());
    assert!(one.open_attempts().await.is_err());
    assert!(one.report(&query).await.is_err());
    assert!(one.verify().await.is_err());
    let other = PostgresConfig {
        node: "two".into(),
        ..config.clone()
    };
    for opened in [
        PostgresStore::open(other.clone()).await,
        PostgresStore::open_to_read(other).await,
    ] {
        assert!(matches!(opened, Err(OpenError::Connect(_))), "{opened:?}");
    }
    tokio::time::resume();
    silence.send(SPOKEN).unwrap();
    let all: Vec<_> = (2..6).map(|n| settle(n, 1)).collect();
    one.append(&all).await.unwrap();
    let spent = one.spent("team", Timestamp::from_secs(0)).await.unwrap();
    assert_eq!(spent, [(window("team"), usd(5))]);
    server.clean().await;
}

/// Ends all connections of the node, as a server does that starts again.
/// Returns how many there were.
async fn break_off(client: &Client, name: &str) -> i64 {
    let sql = "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity
        WHERE application_name = 'tollgate ' || $1";
    client.query_one(sql, &[&name]).await.unwrap().get(0)
}

/// Returns when the node has its name.
async fn named(client: &Client, name: &str) {
    let sql = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'tollgate ' || $1 AND locktype = 'advisory' AND granted";
    loop {
        let row = client.query_one(sql, &[&name]).await.unwrap();
        if row.get::<_, i64>(0) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A configuration whose node has a name that no other test's has.
fn unique(server: &Server) -> PostgresConfig {
    let config = server.config();
    PostgresConfig {
        node: config.schema.clone(),
        ..config
    }
}

#[tokio::test]
async fn a_name_whose_connection_broke_is_taken_again() {
    let Some(server) = Server::find("a name whose connection broke") else {
        return;
    };
    let config = unique(&server);
    let client = server.watch(&config).await;
    let one = PostgresStore::open(config.clone()).await.unwrap();
    let epoch = one.renew().await.unwrap();
    assert_eq!(granted(&one, 10, 0).await, 10);
    assert_eq!(break_off(&client, &config.node).await, 2);
    named(&client, &config.node).await;
    let second = PostgresStore::open(config.clone()).await.unwrap_err();
    assert!(matches!(second, OpenError::NodeTaken(_)), "{second:?}");
    one.append(&[dispatch(1, 9, epoch)]).await.unwrap();
    assert_eq!(one.renew().await.unwrap(), epoch, "it keeps its leases");
    check(&client, &one, 0, 10).await;
    server.clean().await;
}

#[tokio::test]
async fn a_node_whose_name_another_has_records_nothing_until_that_ends() {
    let Some(server) = Server::find("a name that another process took") else {
        return;
    };
    let config = unique(&server);
    let client = server.watch(&config).await;
    let one = PostgresStore::open(config.clone()).await.unwrap();
    let epoch = one.renew().await.unwrap();
    assert_eq!(granted(&one, 50, 0).await, 50);
    one.append(&[dispatch(1, 9, epoch)]).await.unwrap();

    // A connection that waits for the name has it before the node has again.
    let thief = format!("{}_thief", config.node);
    let lock = format!(
        "SET application_name = 'tollgate {thief}';
         SELECT pg_advisory_lock({LOCKS}, hashtext('{}/{}'))",
        config.schema, config.node
    );
    let waiting = server.watch(&config).await;
    let stealing = async {
        blocked(&client, &thief).await;
        assert_eq!(break_off(&client, &config.node).await, 2);
    };
    let (stolen, ()) = tokio::join!(waiting.batch_execute(&lock), stealing);
    stolen.unwrap();
    // Until it has heard that its connection ended.
    while one.open_attempts().await.is_ok() {}
    let refused = one.append(&[settle(1, 2)]).await.unwrap_err();
    assert!(refused.source.to_string().contains("is running already"));
    assert!(one.lease(&[ask(1, 0)]).await.is_err());
    assert!(one.renew().await.is_err());
    drop(waiting);

    // Another process leases by that name and books what it finds.
    let two = loop {
        break_off(&client, &config.node).await;
        if let Ok(store) = PostgresStore::open(config.clone()).await {
            break store;
        }
    };
    assert!(two.renew().await.unwrap() > epoch);
    assert_eq!(granted(&two, 20, 0).await, 20);
    assert_eq!(two.open_attempts().await.unwrap().len(), 1);
    two.append(&[settle_from(CostSource::WorstCase, 1, 9)])
        .await
        .unwrap();
    check(&client, &two, 9, 20).await;
    drop(two);

    // What the first one knows of the attempt counts, and those leases do not.
    while one.append(&[settle(1, 2)]).await.is_err() {}
    check(&client, &one, 2, 20).await;
    let again = one.renew().await.unwrap();
    assert!(again > epoch + 1);
    check(&client, &one, 2, 0).await;
    for _ in 0..2 {
        one.append(&[settle(1, 2)]).await.unwrap();
        check(&client, &one, 2, 0).await;
    }
    server.clean().await;
}
