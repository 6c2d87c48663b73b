use std::sync::Arc;

use tollgate_ledger_postgres::PostgresStore;
use tollgate_testkit::stores::{self, SharedStore};

use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_the_contract() {
    let Some(server) = Server::find("the contract of stores") else {
        return;
    };
    stores::check(|| async {
        let store = PostgresStore::open(server.config()).await.unwrap();
        Arc::new(store) as SharedStore
    })
    .await;
    server.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_counts_what_is_spent_of_budgets() {
    let Some(server) = Server::find("the contract of stores that count") else {
        return;
    };
    stores::check_counting(|| async {
        let store = PostgresStore::open(server.config()).await.unwrap();
        Arc::new(store) as SharedStore
    })
    .await;
    server.clean().await;
}
