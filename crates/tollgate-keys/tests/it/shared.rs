//! Nodes that share the limits of a key, in paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use tokio::time::{Instant, advance, sleep};
use tollgate_core::{StoreError, Timestamp};
use tollgate_keys::{
    EndedSlice, KeyBook, LimitRefusal, LimitStore, MemoryLimits, SLICE_FOR, SharedLimits, SliceAsk,
    SliceGrant, Taken, WINDOW,
};

use crate::find::book_of;

/// A store whose connection can be cut.
#[derive(Debug, Default)]
struct Cuttable {
    store: MemoryLimits,
    is_cut: AtomicBool,
}

#[async_trait]
impl LimitStore for Cuttable {
    async fn lease(
        &self,
        ended: &[EndedSlice],
        asks: &[SliceAsk],
    ) -> Result<Vec<SliceGrant>, StoreError> {
        match self.is_cut.load(Ordering::Relaxed) {
            true => Err(StoreError::new("lease limits", "the connection is cut")),
            false => self.store.lease(ended, asks).await,
        }
    }
}

struct Node {
    book: KeyBook,
    limits: SharedLimits,
}

impl Node {
    async fn start(store: &Arc<Cuttable>, toml: &str) -> Self {
        let (book, _) = book_of(toml);
        let limits = SharedLimits::start(Arc::clone(store) as Arc<dyn LimitStore>);
        limits.share(&book).await;
        Self { book, limits }
    }

    fn take(&self, tokens: u64) -> Result<Taken, LimitRefusal> {
        let entry = self.book.entries().next().unwrap();
        entry.gate().take(tokens, Instant::now().into_std())
    }
}

/// Lets the tasks of the nodes do what they have to.
async fn settle() {
    sleep(Duration::from_millis(50)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_request_finds_a_slice() {
    let store = Arc::default();
    for _ in 0..3 {
        let node = Node::start(&store, "requests_per_minute = 60\ntokens_per_minute = 6000").await;
        assert!(node.take(100).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn all_of_a_limit_can_be_used_and_nothing_beyond() {
    let store = Arc::default();
    let nodes = [
        Node::start(&store, "requests_per_minute = 100").await,
        Node::start(&store, "requests_per_minute = 100").await,
    ];
    let mut let_in = 0;
    // Longer than it takes to ask for slices, and shorter than a minute.
    for _ in 0..600 {
        let_in += nodes.iter().filter(|node| node.take(1).is_ok()).count();
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(let_in, 100);
    let refusal = nodes[0].take(1).unwrap_err();
    let LimitRefusal::Requests {
        limit: 100,
        retry_after,
    } = refusal
    else {
        panic!("{refusal:?}");
    };
    assert!(retry_after > Duration::from_secs(20), "{retry_after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_lets_one_in_at_any_time() {
    let store = Arc::default();
    let node = Node::start(&store, "requests_per_minute = 1").await;
    for step in 0..500 {
        let taken = node.take(1);
        let taken = taken.unwrap_or_else(|refusal| panic!("step {step}: {refusal}"));
        taken.cancel(Instant::now().into_std());
        sleep(Duration::from_millis(137)).await;
    }
    assert!(node.take(1).is_ok());
    settle().await;
    assert!(matches!(
        node.take(1),
        Err(LimitRefusal::Requests { limit: 1, .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_large_request_finds_a_slice_when_it_comes_again() {
    let store = Arc::default();
    let node = Node::start(&store, "tokens_per_minute = 10000").await;
    let refusal = node.take(4_000).unwrap_err();
    let LimitRefusal::Tokens { retry_after, .. } = refusal else {
        panic!("{refusal:?}");
    };
    sleep(retry_after).await;
    assert!(node.take(4_000).is_ok());
    assert!(matches!(
        node.take(10_001),
        Err(LimitRefusal::TooLarge { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn without_the_store_a_node_uses_its_slice_and_then_says_why_not() {
    let store: Arc<Cuttable> = Arc::default();
    let node = Node::start(&store, "requests_per_minute = 100").await;
    store.is_cut.store(true, Ordering::Relaxed);
    let let_in = std::iter::from_fn(|| node.take(1).ok()).count();
    assert_eq!(let_in, 10, "a tenth");
    settle().await;
    assert_eq!(node.take(1).unwrap_err(), LimitRefusal::StoreGone);
    store.is_cut.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(2)).await;
    assert!(node.take(1).is_ok(), "it is back");
}

#[tokio::test(start_paused = true)]
async fn a_slice_is_not_used_when_it_is_too_old() {
    let store: Arc<Cuttable> = Arc::default();
    let node = Node::start(&store, "requests_per_minute = 100").await;
    store.is_cut.store(true, Ordering::Relaxed);
    sleep(SLICE_FOR).await;
    assert_eq!(node.take(1).unwrap_err(), LimitRefusal::StoreGone);
}

#[tokio::test(start_paused = true)]
async fn what_a_node_gives_back_others_can_use() {
    let store: Arc<Cuttable> = Arc::default();
    let one = Node::start(&store, "requests_per_minute = 10\ntokens_per_minute = 1000").await;
    let taken: Vec<_> = std::iter::from_fn(|| one.take(50).ok()).collect();
    assert_eq!(taken.len(), 1);
    for taken in taken {
        // Late: it ended with its slice.
        sleep(SLICE_FOR * 2).await;
        taken.correct(10, Instant::now().into_std());
    }
    one.limits.stop().await;
    let ask = SliceAsk {
        key: "ci".into(),
        most_requests: 10,
        most_tokens: 1_000,
        requests: 10,
        tokens: 1_000,
    };
    let granted = store.lease(&[], &[ask]).await.unwrap()[0];
    assert_eq!((granted.requests, granted.tokens), (9, 990));
}

#[tokio::test(start_paused = true)]
async fn a_new_book_goes_on_with_the_slices_of_the_one_before() {
    let store: Arc<Cuttable> = Arc::default();
    let mut node = Node::start(&store, "requests_per_minute = 100").await;
    let (book, _) = book_of("requests_per_minute = 50");
    let book = book.inherit(&node.book);
    node.limits.share(&book).await;
    node.book = book;
    let mut let_in = 0;
    for _ in 0..400 {
        let_in += usize::from(node.take(1).is_ok());
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(let_in, 50);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever nodes do, and whenever the store is away, no minute has more
    /// than the limit over all of them.
    #[test]
    fn no_minute_has_more_than_the_limit_over_all_nodes(
        steps in prop::collection::vec(
            (0_usize..3, 0_u64..=300, prop_oneof![0_u64..100, 0_u64..9_000], 0_u8..20),
            100..400,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            const TOML: &str = "requests_per_minute = 20\ntokens_per_minute = 3000";
            let store: Arc<Cuttable> = Arc::default();
            let mut nodes = Vec::new();
            for _ in 0..3 {
                nodes.push(Node::start(&store, TOML).await);
            }
            let mut log: Vec<(Instant, u64)> = Vec::new();
            for (node, tokens, pause, what) in steps {
                match what {
                    0 => store.is_cut.store(true, Ordering::Relaxed),
                    1..=3 => store.is_cut.store(false, Ordering::Relaxed),
                    _ => {}
                }
                if let Ok(taken) = nodes[node].take(tokens) {
                    let now = Instant::now();
                    let used = if what % 2 == 0 { tokens } else { tokens / 2 };
                    taken.correct(used, now.into_std());
                    log.push((now, used));
                }
                sleep(Duration::from_millis(pause)).await;
            }
            for (end, _) in &log {
                let minute = log.iter().filter(|(at, _)| at <= end && *at + WINDOW >= *end);
                let (requests, tokens) = minute.fold((0, 0), |(n, sum), (_, t)| (n + 1, sum + t));
                assert!(requests <= 20 && tokens <= 3_000, "{requests} {tokens}");
            }
            assert!(!log.is_empty());
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_without_rates_is_not_shared() {
    let store: Arc<Cuttable> = Arc::default();
    store.is_cut.store(true, Ordering::Relaxed);
    let node = Node::start(&store, "max_concurrent = 1").await;
    advance(Duration::from_secs(60)).await;
    assert!(node.take(1).is_ok());
    let _ = node.book.find("", Timestamp::from_secs(0));
}
