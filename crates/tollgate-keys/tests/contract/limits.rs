//! What every store of shared limits keeps to.

use std::sync::Arc;

use tollgate_keys::{EndedSlice, LimitStore, SliceAsk, SliceGrant};

fn ask(key: &str, requests: u64, tokens: u64) -> SliceAsk {
    SliceAsk {
        key: key.into(),
        most_requests: 10,
        most_tokens: 1_000,
        requests,
        tokens,
    }
}

fn ended(grant: &SliceGrant, requests: u64, tokens: u64) -> EndedSlice {
    EndedSlice {
        id: grant.id,
        requests,
        tokens,
    }
}

/// Two nodes of a new store; `age` lets a whole window of its time go by.
pub(crate) async fn check<S, A>(one: Arc<dyn LimitStore>, two: Arc<dyn LimitStore>, mut age: A)
where
    A: FnMut() -> S,
    S: Future<Output = ()>,
{
    let get = async |store: &Arc<dyn LimitStore>, ended: &[EndedSlice], asks: &[SliceAsk]| {
        store.lease(ended, asks).await.unwrap()
    };
    let amount = |grant: &SliceGrant| (grant.requests, grant.tokens);

    // In part when there is not enough, and nothing when there is nothing.
    let first = get(&one, &[], &[ask("a", 4, 700)]).await[0];
    assert_eq!(amount(&first), (4, 700));
    let second = get(&two, &[], &[ask("a", 4, 700)]).await[0];
    assert_eq!(amount(&second), (4, 300));
    let both = get(&one, &[], &[ask("a", 4, 1), ask("a", 4, 1)]).await;
    assert_eq!(
        both.iter().map(amount).collect::<Vec<_>>(),
        [(2, 0), (0, 0)]
    );
    assert!(both[1].frees_in.as_secs() <= 66 && both[1].frees_in.as_secs() >= 50);

    // Keys do not know each other, and answers come in the order of the asks.
    let others = get(&one, &[], &[ask("c", 1, 1), ask("b", 2, 2)]).await;
    assert_eq!(
        others.iter().map(amount).collect::<Vec<_>>(),
        [(1, 1), (2, 2)]
    );

    // What ended goes back first, once, however often it is told.
    for _ in 0..2 {
        assert_eq!(get(&one, &[ended(&first, 1, 100)], &[]).await, []);
    }
    let third = get(&two, &[], &[ask("a", 10, 1_000)]).await[0];
    assert_eq!(amount(&third), (3, 600));
    let fourth = get(&two, &[ended(&third, 0, 0)], &[ask("a", 2, 100)]).await[0];
    assert_eq!(amount(&fourth), (2, 100));

    // What it came to can be told again, and be more than it had.
    get(&one, &[ended(&first, 1, 5_000)], &[]).await;
    let fifth = get(&two, &[], &[ask("a", 1, 1)]).await[0];
    assert_eq!(amount(&fifth), (1, 0));

    // Without a limit, only the other one is counted.
    let free = SliceAsk {
        most_requests: u64::MAX,
        most_tokens: u64::MAX,
        ..ask("d", 5, 5)
    };
    let grants = get(&one, &[], &[free.clone(), free]).await;
    assert_eq!(
        grants.iter().map(amount).collect::<Vec<_>>(),
        [(5, 5), (5, 5)]
    );

    // Slices that nobody told about end with their window.
    age().await;
    let all = get(&two, &[], &[ask("a", 10, 1_000)]).await[0];
    assert_eq!(amount(&all), (10, 1_000));
    // And what is told of them then changes nothing.
    get(&one, &[ended(&first, 9, 900)], &[]).await;
    let none = get(&one, &[ended(&all, 10, 900)], &[ask("a", 10, 1_000)]).await[0];
    assert_eq!(amount(&none), (0, 100));
}

/// Many at once never get more than there is.
pub(crate) async fn check_at_once(store: Arc<dyn LimitStore>) {
    let mut tasks = Vec::new();
    for task in 0..8_u32 {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            let mut got = [0; 2];
            for round in 0..10 {
                // In opposite orders.
                let mut asks = [ask("x", 1, 7), ask("y", 1, 7)];
                let turned = (task + round) % 2 == 1;
                if turned {
                    asks.reverse();
                }
                let mut grants = store.lease(&[], &asks).await.unwrap();
                if turned {
                    grants.reverse();
                }
                got[0] += grants[0].requests;
                got[1] += grants[1].requests;
            }
            got
        }));
    }
    let mut sums = [0; 2];
    for task in tasks {
        let got = task.await.unwrap();
        sums = [sums[0] + got[0], sums[1] + got[1]];
    }
    assert_eq!(sums, [10, 10]);
}
