//! What counts in the windows of budgets, and that it counts once.

use tollgate_core::{CostSource, GenerationId, LedgerEvent, LedgerStore, Timestamp, Uncertain};
use tollgate_ledger_postgres::PostgresStore;
use tollgate_testkit::builders::{NOON, facts, lane_id, record};

use crate::events::{
    adjust, carried, dispatch, release, settle, settle_from, settle_in, settle_with, usd, window,
    windows,
};
use crate::server::{Server, node};

async fn spent(store: &PostgresStore, budget: &str) -> i64 {
    let spent = store.spent(budget, Timestamp::from_secs(0)).await.unwrap();
    spent.iter().map(|(_, spent)| spent.nanos()).sum()
}

async fn is_right(store: &PostgresStore) {
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn each_event_counts_once_however_often_it_comes() {
    let Some(server) = Server::find("counting once") else {
        return;
    };
    let store = node(&server.config(), "one").await;
    let mut other_key = window("team");
    other_key.key = "\"ops\" 雪".into();
    let mut other_settle = settle(3, 1_000);
    if let LedgerEvent::Settle { windows, .. } = &mut other_settle {
        *windows = [other_key.clone(), window("all")].into();
    }
    let batch = [
        carried(7),
        carried(5),
        dispatch(1, 50, 0),
        settle(1, 40),
        settle(1, 9_999),
        release(1),
        adjust(1, 1, 30, -10),
        adjust(1, 2, 35, 5),
        dispatch(2, 50, 0),
        release(2),
        settle(2, 9_999),
        settle_in(&["all", "team"], 4, 100),
        other_settle,
    ];
    for _ in 0..3 {
        assert_eq!(store.append(&batch).await.unwrap(), [0; 0]);
        let read = store.spent("team", Timestamp::from_secs(0)).await.unwrap();
        let team = (window("team"), usd(7 + 35 + 100));
        assert_eq!(read, [team, (other_key.clone(), usd(1_000))]);
        assert_eq!(spent(&store, "all").await, 1_100);
        is_right(&store).await;
    }
    for event in &batch {
        store.append(std::slice::from_ref(event)).await.unwrap();
    }
    assert_eq!(spent(&store, "team").await, 1_142);
    let later = Timestamp::from_millis(NOON.millis() + 1);
    assert_eq!(store.spent("team", later).await.unwrap(), []);
    is_right(&store).await;
    server.clean().await;
}

#[tokio::test]
async fn an_adjustment_changes_what_counts_whoever_knows_of_it() {
    let Some(server) = Server::find("adjusting by several nodes") else {
        return;
    };
    let config = server.config();
    let (one, two) = (node(&config, "one").await, node(&config, "two").await);
    // The attempt was booked as lost by the other node, before its own did.
    let lost = settle_from(CostSource::WorstCase, 1, 90);
    two.append(&[lost]).await.unwrap();
    one.append(&[settle_from(CostSource::Estimated, 1, 50)])
        .await
        .unwrap();
    assert_eq!(spent(&one, "team").await, 50, "its own node knows better");
    let worse = settle_from(CostSource::WorstCase, 1, 70);
    one.append(&[worse, settle_from(CostSource::Estimated, 1, 55), release(1)])
        .await
        .unwrap();
    assert_eq!(spent(&one, "team").await, 50, "and as good is not better");
    // Both ask what it cost, and each says what that changes as far as it knows.
    one.append(&[adjust(1, 1, 60, 10)]).await.unwrap();
    assert_eq!(spent(&one, "team").await, 60);
    two.append(&[adjust(1, 2, 60, -30)]).await.unwrap();
    one.append(&[settle(1, 40)]).await.unwrap();
    assert_eq!(spent(&one, "team").await, 60, "what was learned stands");
    // Nothing is known here of an attempt: then its node's word counts.
    one.append(&[adjust(2, 1, 60, 5)]).await.unwrap();
    assert_eq!(spent(&one, "team").await, 65);
    is_right(&one).await;
    server.clean().await;
}

#[tokio::test]
async fn amounts_at_the_end_of_the_type_are_recorded() {
    let Some(server) = Server::find("amounts without end") else {
        return;
    };
    let store = node(&server.config(), "one").await;
    let all = i64::MAX;
    let batch = [settle(1, all), settle(2, all), adjust(2, 1, 0, -all)];
    store.append(&batch[..2]).await.unwrap();
    assert_eq!(spent(&store, "team").await, all);
    store.append(&batch).await.unwrap();
    server.clean().await;
}

#[tokio::test]
async fn costs_are_uncertain_until_they_are_adjusted() {
    let Some(server) = Server::find("uncertain costs") else {
        return;
    };
    let store = node(&server.config(), "one").await;
    let named = |n: u128| LedgerEvent::Named {
        call: facts(n).call,
        attempt: 1,
        generation: GenerationId::new(format!("gen-{n}")).unwrap(),
    };
    let mut own_name = record(1, "a/one", 8);
    own_name.cost.as_mut().unwrap().source = CostSource::Estimated;
    own_name.served.generation = Some(GenerationId::new("gen-own").unwrap());
    let batch = [
        named(1),
        settle_from(CostSource::WorstCase, 1, 9),
        named(2),
        settle_with(&["team"], 2, own_name),
        settle_from(CostSource::Estimated, 3, 7),
        named(4),
        settle(4, 6),
        named(5),
        release(5),
    ];
    store.append(&batch).await.unwrap();
    let expected = |n: u128, name: &str, cost: i64, source: CostSource| Uncertain {
        call: facts(n).call,
        attempt: 1,
        at: NOON,
        lane: lane_id("openrouter"),
        generation: GenerationId::new(name).unwrap(),
        cost: tollgate_core::Cost::paid_by(tollgate_core::Billing::Credits, usd(cost), source),
        windows: windows(&["team"]),
    };
    let first = expected(1, "gen-1", 9, CostSource::WorstCase);
    let second = expected(2, "gen-own", 8, CostSource::Estimated);
    let found = store.uncertain(NOON).await.unwrap();
    assert_eq!(found, [first, second.clone()]);
    let later = Timestamp::from_millis(NOON.millis() + 1);
    assert_eq!(store.uncertain(later).await.unwrap(), []);
    store.append(&[adjust(1, 1, 5, -4)]).await.unwrap();
    assert_eq!(store.uncertain(NOON).await.unwrap(), [second]);
    server.clean().await;
}

#[tokio::test]
async fn what_was_carried_once_by_an_older_schema_counts_on() {
    let Some(server) = Server::find("what an older schema carried") else {
        return;
    };
    let config = server.config();
    let client = server.watch(&config).await;
    let store = node(&config, "one").await;
    store.append(&[carried(7), settle(1, 40)]).await.unwrap();
    drop(store);
    let older = "ALTER TABLE carried DROP CONSTRAINT carried_pkey,
            ADD PRIMARY KEY (budget, key, start_ms);
        DELETE FROM schema_version WHERE version >= 8";
    client.batch_execute(older).await.unwrap();
    let store = node(&config, "two").await;
    for (amount, expected) in [(7, 47), (9, 49), (8, 49)] {
        store.append(&[carried(amount)]).await.unwrap();
        assert_eq!(spent(&store, "team").await, expected);
        is_right(&store).await;
    }
    server.clean().await;
}
