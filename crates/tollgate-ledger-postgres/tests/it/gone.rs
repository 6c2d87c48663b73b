//! What becomes of the leases and attempts of a node that is gone.

use tollgate_core::{Billing, BudgetLeases, CostSource, GenerationId, LedgerEvent, LedgerStore};
use tollgate_ledger_postgres::{PostgresConfig, PostgresStore};
use tollgate_testkit::builders::facts;

use crate::events::{
    ask, dispatch, dispatch_in, grant, release, settle, settle_from, usd, windows,
};
use crate::leases::{check, granted};
use crate::server::{Server, expire, node};

#[tokio::test]
async fn a_node_that_is_gone_keeps_what_its_attempts_hold() {
    let Some(server) = Server::find("nodes that are gone") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let (one, two) = (node(&config, "one").await, node(&config, "two").await);
    let epoch = one.renew().await.unwrap();
    assert_eq!(granted(&one, 90, 0).await, 90);
    let held = [10, 20, 25].map(|worst| dispatch(worst, i64::try_from(worst).unwrap(), epoch));
    one.append(&held).await.unwrap();
    one.append(&[dispatch(1, 4, epoch), settle(1, 4)])
        .await
        .unwrap();
    two.renew().await.unwrap();
    assert_eq!(granted(&two, 99, 0).await, 10, "one keeps its lease");

    expire(&client, "one").await;
    two.renew().await.unwrap();
    check(&client, &two, 4, 10 + 55).await;
    let leased = two.lease(&[ask(99, 0)]).await.unwrap();
    assert_eq!(leased.grants, [grant(31, 4, 1)], "what nobody holds");

    // Its word counts no more, but what it ended does.
    let late = [
        dispatch(2, 1, epoch),
        settle(10, 7),
        dispatch(3, 1, 0),
        dispatch(4, 1, epoch),
    ];
    for _ in 0..2 {
        assert_eq!(one.append(&late).await.unwrap(), [0, 3]);
        check(&client, &two, 11, 41 + 45).await;
    }
    one.append(&[release(20)]).await.unwrap();
    check(&client, &two, 11, 41 + 25).await;
    // The last one is booked by another node; what it cost comes after that.
    let lost = settle_from(CostSource::WorstCase, 25, 25);
    two.append(&[lost]).await.unwrap();
    check(&client, &two, 36, 41).await;
    one.append(&[settle(25, 3)]).await.unwrap();
    check(&client, &two, 14, 41).await;

    // It begins anew, with nothing.
    let leased = one.lease(&[ask(99, 50)]).await.unwrap();
    assert_eq!(leased.grants, [grant(45, 14, 2)]);
    assert!(leased.epoch > epoch);
    assert_eq!(one.renew().await.unwrap(), leased.epoch);
    let batch = [dispatch(5, 1, epoch), dispatch(6, 1, leased.epoch)];
    assert_eq!(one.append(&batch).await.unwrap(), [0]);
    check(&client, &one, 14, 86).await;
    server.clean().await;
}

#[tokio::test]
async fn a_new_process_does_not_have_what_an_earlier_one_leased() {
    let Some(server) = Server::find("nodes that start again") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let first = node(&config, "one").await;
    let epoch = first.renew().await.unwrap();
    assert_eq!(granted(&first, 100, 0).await, 100);
    first.append(&[dispatch(1, 30, epoch)]).await.unwrap();
    drop(first);
    let again = loop {
        let config = PostgresConfig {
            node: "one".into(),
            ..config.clone()
        };
        // The server notices by and by that the first one hung up.
        if let Ok(store) = PostgresStore::open(config).await {
            break store;
        }
    };
    // Before it leases, what it settles is the earlier one's.
    assert_eq!(again.open_attempts().await.unwrap().len(), 1);
    let leased = again.lease(&[ask(99, 0)]).await.unwrap();
    assert_eq!(leased.grants, [grant(70, 0, 1)]);
    assert!(leased.epoch > epoch);
    again.append(&[settle(1, 5)]).await.unwrap();
    check(&client, &again, 5, 70).await;
    server.clean().await;
}

#[tokio::test]
async fn attempts_of_other_nodes_are_open_when_these_are_gone() {
    let Some(server) = Server::find("attempts of nodes that are gone") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let (one, two) = (node(&config, "one").await, node(&config, "two").await);
    let epoch = one.renew().await.unwrap();
    let named = LedgerEvent::Named {
        call: facts(1).call,
        attempt: 1,
        generation: GenerationId::new("gen-1").unwrap(),
    };
    // By the server's clock it was dispatched long ago.
    one.append(&[dispatch_in(&["team", "all"], 1, 9, epoch), named])
        .await
        .unwrap();
    one.append(&[dispatch(2, 9, 0)]).await.unwrap();
    assert_eq!(two.open_attempts().await.unwrap(), [], "one is there");
    expire(&client, "one").await;
    assert_eq!(
        two.open_attempts().await.unwrap(),
        [],
        "nobody has ended it"
    );
    two.renew().await.unwrap();
    let open = two.open_attempts().await.unwrap();
    assert_eq!(open.len(), 2);
    assert_eq!(open[0].generation, GenerationId::new("gen-1").ok());
    assert_eq!(open[0].windows, windows(&["team", "all"]));
    assert_eq!((open[0].billing, open[0].worst), (Billing::Byok, usd(9)));
    assert_eq!(open, one.open_attempts().await.unwrap());
    // It is back, but what an ended epoch left behind stays lost.
    one.renew().await.unwrap();
    let open = two.open_attempts().await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].facts.call, facts(1).call);
    server.clean().await;
}
