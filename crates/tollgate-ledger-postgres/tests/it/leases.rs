//! Slices of budgets.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use tollgate_core::{BudgetLeases, LedgerStore};
use tollgate_ledger_postgres::{Commit, PostgresConfig, PostgresStore};

use crate::events::{ask, carried, dispatch, grant, release, settle};
use crate::server::{Server, expire, node, number};

const SPENT: &str = "SELECT coalesce(sum(spent_nanos), 0)::bigint FROM budget_window";
const LEASED: &str = "SELECT coalesce(sum(left_nanos), 0)::bigint FROM lease";

/// Checks what is spent and leased in all windows, and the ledger.
pub(crate) async fn check(client: &Client, store: &PostgresStore, spent: i64, leased: i64) {
    assert_eq!(
        (number(client, SPENT).await, number(client, LEASED).await),
        (spent, leased)
    );
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
}

/// How much more of the window `team` the node gets.
pub(crate) async fn granted(store: &PostgresStore, take: i64, give: i64) -> i64 {
    let leased = store.lease(&[ask(take, give)]).await.unwrap();
    leased.grants[0].granted.nanos()
}

#[test]
fn it_is_a_store_and_shares_budgets() {
    fn check<T: LedgerStore + BudgetLeases + 'static>(store: Arc<T>) -> Arc<dyn BudgetLeases> {
        store
    }
    let _ = check::<PostgresStore>;
}

#[tokio::test]
async fn what_is_left_is_granted_in_the_order_of_the_asks() {
    let Some(server) = Server::find("leases") else {
        return;
    };
    let config = PostgresConfig {
        commit: Commit::Soon,
        ..server.config()
    };
    let client = server.watch(&config).await;
    let (one, two) = (node(&config, "one").await, node(&config, "two").await);
    one.append(&[carried(10)]).await.unwrap();
    let leased = one.lease(&[ask(60, 0), ask(20, 0)]).await.unwrap();
    assert_eq!(leased.grants, [grant(60, 10, 1), grant(20, 10, 1)]);
    assert_eq!(leased.epoch, one.renew().await.unwrap());
    let leased = two.lease(&[ask(60, 0)]).await.unwrap();
    assert_eq!(leased.grants, [grant(10, 10, 2)], "in part");
    assert_eq!(granted(&one, 5, 0).await, 0);
    assert_eq!(granted(&one, 30, 50).await, 30, "gives back first");
    assert_eq!(granted(&one, 0, 9_999).await, 0, "no more than it has");
    check(&client, &one, 10, 10).await;
    let leased = two.lease(&[ask(99, 0)]).await.unwrap();
    assert_eq!(leased.grants, [grant(80, 10, 1)]);
    assert_eq!(one.lease(&[]).await.unwrap().grants, []);
    server.clean().await;
}

#[tokio::test]
async fn settling_takes_off_the_lease_what_it_cost() {
    let Some(server) = Server::find("leases and settlements") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let one = node(&config, "one").await;
    let epoch = one.renew().await.unwrap();
    assert_eq!(granted(&one, 80, 0).await, 80);
    // In one batch, in two, and twice.
    one.append(&[dispatch(1, 30, epoch), settle(1, 12)])
        .await
        .unwrap();
    one.append(&[dispatch(2, 30, epoch), dispatch(3, 30, epoch)])
        .await
        .unwrap();
    check(&client, &one, 12, 68).await;
    for _ in 0..2 {
        one.append(&[settle(2, 8), release(3)]).await.unwrap();
        check(&client, &one, 20, 60).await;
    }
    // An attempt that was not admitted by leases takes nothing off them.
    one.append(&[dispatch(4, 5, 0), settle(4, 5)])
        .await
        .unwrap();
    check(&client, &one, 25, 60).await;
    // More than was thought possible: the lease ends at nothing.
    one.append(&[dispatch(5, 60, epoch), settle(5, 70)])
        .await
        .unwrap();
    check(&client, &one, 95, 0).await;
    assert_eq!(granted(&one, 10, 0).await, 5);
    server.clean().await;
}

#[tokio::test]
async fn leases_last_as_long_as_configured_and_are_swept_away() {
    let Some(server) = Server::find("how long leases last") else {
        return;
    };
    let config = PostgresConfig {
        lease_for: Duration::from_secs(1_234),
        ..server.config()
    };
    let client = server.watch(&config).await;
    let one = node(&config, "one").await;
    assert_eq!(granted(&one, 100, 0).await, 100);
    client
        .batch_execute("UPDATE node SET expires_at = now()")
        .await
        .unwrap();
    let epoch = one.renew().await.unwrap();
    let lasts = "SELECT (extract(epoch FROM expires_at - now()) * 1000)::bigint FROM node";
    let lasts = number(&client, lasts).await;
    // The server's clock goes on between the two statements.
    assert!((1_134_000..=1_234_000).contains(&lasts), "{lasts} ms");
    assert_eq!(one.renew().await.unwrap(), epoch, "it was in time");
    assert_eq!(granted(&one, 0, 100).await, 0);
    one.renew().await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM lease").await, 0);
    server.clean().await;
}

#[tokio::test]
async fn verifying_finds_what_was_changed_by_hand() {
    let Some(server) = Server::find("verifying") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let (one, two) = (node(&config, "one").await, node(&config, "two").await);
    let epoch = one.renew().await.unwrap();
    granted(&one, 50, 0).await;
    one.append(&[dispatch(1, 5, epoch), dispatch(2, 5, epoch), settle(2, 1)])
        .await
        .unwrap();
    expire(&client, "one").await;
    two.renew().await.unwrap();
    check(&client, &two, 1, 5).await;
    client
        .batch_execute(
            "UPDATE budget_window SET spent_nanos = 99; UPDATE lease SET epoch = 7;
             DELETE FROM running",
        )
        .await
        .unwrap();
    let findings = two.verify().await.unwrap().join("\n");
    for word in [
        "99 nano-dollars",
        "the events say 1",
        "leased by epoch 7",
        "runs, and",
    ] {
        assert!(findings.contains(word), "{findings}");
    }
    assert_eq!(findings.lines().count(), 3, "{findings}");
    server.clean().await;
}

#[tokio::test]
async fn verifying_between_the_end_of_leases_and_their_return_finds_nothing() {
    let Some(server) = Server::find("verifying while leases end") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let (one, two) = (node(&config, "one").await, node(&config, "two").await);
    let epoch = one.renew().await.unwrap();
    assert_eq!(granted(&one, 50, 0).await, 50);
    one.append(&[dispatch(1, 5, epoch)]).await.unwrap();
    // A renewal that has ended the epoch and has come no further.
    let fence = "UPDATE node SET epoch = epoch + 1, expires_at = NULL WHERE name = 'one'";
    assert_eq!(client.execute(fence, &[]).await.unwrap(), 1);
    check(&client, &two, 0, 50).await;
    two.renew().await.unwrap();
    check(&client, &two, 0, 5).await;
    server.clean().await;
}

#[tokio::test]
async fn a_node_that_lost_an_answer_begins_anew() {
    let Some(server) = Server::find("a node that begins anew") else {
        return;
    };
    let config = server.config();
    let (one, two) = (node(&config, "one").await, node(&config, "two").await);
    let leased = one.lease(&[ask(60, 0)]).await.unwrap();
    one.append(&[dispatch(1, 10, leased.epoch)]).await.unwrap();
    // The answer to this one is lost.
    one.lease(&[ask(30, 0)]).await.unwrap();
    let epoch = one.begin().await.unwrap();
    assert_eq!(epoch, leased.epoch + 1);
    let others = two.lease(&[ask(100, 0)]).await.unwrap();
    assert_eq!(
        others.grants[0].granted.nanos(),
        90,
        "all but what the attempt holds"
    );
    assert_eq!(two.verify().await.unwrap(), [""; 0]);
    server.clean().await;
}
