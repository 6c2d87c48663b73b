//! Who waits for whom, and what is left when somebody does not.

use std::pin::pin;

use futures_util::FutureExt;
use tollgate_core::{BudgetLeases, LedgerStore, Timestamp};
use tollgate_ledger_postgres::PostgresConfig;

use crate::events::{ask, dispatch, settle, settle_in, usd, window};
use crate::leases::{check, granted};
use crate::server::{Server, blocked, expire, node};

#[tokio::test]
async fn who_goes_away_leaves_no_transaction_open() {
    let Some(server) = Server::find("futures that are dropped") else {
        return;
    };
    let config = PostgresConfig {
        connections: 1,
        ..server.config()
    };
    let client = server.watch(&config).await;
    let activity = server.watch(&config).await;
    let name = config.schema.clone();
    let one = node(&config, &name).await;
    one.append(&[settle(1, 1)]).await.unwrap();
    granted(&one, 10, 0).await;
    let locks = [
        "SELECT FROM budget_window FOR UPDATE",
        "SELECT FROM node FOR UPDATE",
    ];
    for lock in locks {
        client
            .batch_execute(&format!("BEGIN; {lock}"))
            .await
            .unwrap();
        // All three wait for a connection or a lock when they are dropped.
        let asks = [ask(1, 0)];
        let events = [settle(2, 1)];
        assert!(pin!(one.lease(&asks)).now_or_never().is_none());
        assert!(pin!(one.append(&events)).now_or_never().is_none());
        assert!(pin!(one.renew()).now_or_never().is_none());
        blocked(&activity, &name).await;
        client.batch_execute("ROLLBACK").await.unwrap();
        // Takes the only connection after them.
        let at = Timestamp::from_secs(0);
        assert_eq!(
            one.spent("team", at).await.unwrap(),
            [(window("team"), usd(2))]
        );
    }
    let sql = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'tollgate ' || $1 AND state LIKE 'idle in transaction%'";
    let open: i64 = activity.query_one(sql, &[&name]).await.unwrap().get(0);
    assert_eq!(open, 0);
    server.clean().await;
}

#[tokio::test]
async fn who_dispatches_and_who_ends_the_leases_wait_for_each_other() {
    let Some(server) = Server::find("dispatching while leases end") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let activity = server.watch(&config).await;
    let names = ["one", "two"].map(|name| format!("{}_{name}", config.schema));
    let (one, two) = (
        node(&config, &names[0]).await,
        node(&config, &names[1]).await,
    );
    let epoch = one.renew().await.unwrap();
    assert_eq!(granted(&one, 100, 0).await, 100);
    expire(&client, &names[0]).await;
    let lock = "BEGIN; SELECT FROM budget_window FOR UPDATE";
    client.batch_execute(lock).await.unwrap();
    // It has seen that its leases live, and waits before it dispatches.
    let events = [dispatch(1, 10, epoch), settle(1, 5), dispatch(2, 20, epoch)];
    let unlock = async {
        blocked(&activity, &names[0]).await;
        let ends = tokio::spawn(async move { two.renew().await.map(|_| two) });
        blocked(&activity, &names[1]).await;
        client.batch_execute("ROLLBACK").await.unwrap();
        ends.await.unwrap().unwrap()
    };
    let (refused, two) = tokio::join!(one.append(&events), unlock);
    assert_eq!(refused.unwrap(), [0; 0]);
    check(&client, &two, 5, 20).await;
    assert_eq!(one.append(&[dispatch(3, 1, epoch)]).await.unwrap(), [0]);
    server.clean().await;
}

#[tokio::test]
async fn what_the_server_breaks_off_is_begun_again() {
    let Some(server) = Server::find("deadlocks") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let activity = server.watch(&config).await;
    let name = config.schema.clone();
    let one = node(&config, &name).await;
    one.append(&[settle_in(&["a", "b"], 1, 1)]).await.unwrap();
    let lock = |budget| format!("SELECT FROM budget_window WHERE budget = '{budget}' FOR UPDATE");
    // A stranger who takes them the other way round, and is the more patient.
    let begin = format!("SET deadlock_timeout = '1min'; BEGIN; {}", lock("b"));
    client.batch_execute(&begin).await.unwrap();
    let circle = async {
        blocked(&activity, &name).await;
        client.batch_execute(&lock("a")).await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    };
    let events = [settle_in(&["a", "b"], 2, 1)];
    let (appended, ()) = tokio::join!(one.append(&events), circle);
    assert_eq!(appended.unwrap(), [0; 0]);
    check(&client, &one, 4, 0).await;
    server.clean().await;
}
