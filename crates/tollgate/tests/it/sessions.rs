//! Conversations of several turns, with prices that change between them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate::{
    CallerId, Catalog, CatalogView, ChatRequest, Clock, Gateway, Message, Order, Price, Pricing,
    Rate, Rates, Records, StreamMode, Timestamp,
};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};
use tollgate_testkit::builders::NOON;
use tollgate_testkit::views::{ModelSpec, view};

use crate::support::{config, simulator};

const ONE: &str = "openai/gpt-4o-mini";
const OTHER: &str = "openai/gpt-4.1-mini";

/// Both models with caches at a tenth, the one at 2 dollars per million prompt
/// tokens, the other at so many tenths of one.
fn prices(other: u64) -> CatalogView {
    let model = |id, tenths: u64| {
        let rate = |tenths: u64| Rate::from_attos(tenths * 100_000_000_000);
        let base = Rates {
            input: rate(tenths),
            output: rate(80),
            cache_read: Some(Rate::from_attos(tenths * 10_000_000_000)),
            ..Rates::default()
        };
        ModelSpec::new(id).pricing(Pricing::Known(Price {
            base,
            overrides: Vec::new(),
        }))
    };
    view([model(ONE, 20), model(OTHER, other)])
}

/// A catalog whose prices change when the test says so.
struct Market(Mutex<Arc<CatalogView>>);

impl Market {
    fn set(&self, view: CatalogView) {
        *self.0.lock().unwrap() = Arc::new(view);
    }
}

impl Catalog for Market {
    fn view(&self) -> Arc<CatalogView> {
        self.0.lock().unwrap().clone()
    }
}

struct Watch(Mutex<Timestamp>);

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Rig {
    simulator: Simulator,
    market: Arc<Market>,
    watch: Arc<Watch>,
    gateway: Gateway,
}

impl Rig {
    async fn new(toml: &str) -> Self {
        let simulator = simulator(Scenario::default()).await;
        // The one is the cheaper by a tenth.
        let market = Arc::new(Market(Mutex::new(Arc::new(prices(22)))));
        let watch = Arc::new(Watch(Mutex::new(NOON)));
        let gateway = Gateway::builder(config(&simulator, toml))
            .seed(7)
            .catalog(market.clone())
            .clock(watch.clone())
            .build()
            .await
            .unwrap();
        Self {
            simulator,
            market,
            watch,
            gateway,
        }
    }

    fn pass(&self, seconds: u64) {
        let mut now = self.watch.0.lock().unwrap();
        *now = now.plus(Duration::from_secs(seconds));
    }

    /// Sends an order; returns who has answered.
    async fn send(&self, order: impl Into<Order>) -> String {
        let answer = self.gateway.chat(order).await.unwrap();
        let model = answer.model().to_string();
        answer.collect().await.unwrap();
        model
    }

    /// Sends the next turn of a conversation of that subject.
    async fn turn(&self, subject: &str, turn: usize) -> String {
        self.send(conversation(subject, turn)).await
    }
}

/// A conversation up to a turn, from 0; its first words are some thousand tokens.
fn conversation(subject: &str, turn: usize) -> ChatRequest {
    let beginning = format!(
        "Let us talk about {subject}. {}",
        "It matters much. ".repeat(600)
    );
    let mut messages = vec![Message::user(&beginning)];
    for number in 0..turn {
        messages.push(Message::assistant(&format!("Answer {number}.")));
        messages.push(Message::user(&format!("And why is that, {number}?")));
    }
    ChatRequest::new(messages)
        .unwrap()
        .with_model("tollgate/cheapest")
        .with_stream(StreamMode::Stream)
}

#[tokio::test]
async fn a_conversation_stays_with_its_model_while_another_is_a_little_cheaper() {
    let rig = Rig::new("").await;
    assert_eq!(rig.turn("tea", 0).await, ONE);
    rig.market.set(prices(18));
    for turn in 1..4 {
        assert_eq!(rig.turn("tea", turn).await, ONE, "turn {turn}");
    }
    assert_eq!(rig.turn("coffee", 0).await, OTHER, "another conversation");
}

#[tokio::test]
async fn a_conversation_moves_when_that_saves_more_than_the_cache() {
    let rig = Rig::new("").await;
    assert_eq!(rig.turn("tea", 0).await, ONE);
    rig.market.set(prices(1));
    assert_eq!(rig.turn("tea", 1).await, OTHER);
    // And stays there, with who has read it last.
    rig.market.set(prices(22));
    assert_eq!(rig.turn("tea", 2).await, OTHER);
}

#[tokio::test]
async fn a_conversation_moves_when_its_model_fails_and_stays_where_it_was_answered() {
    let rig = Rig::new("").await;
    assert_eq!(rig.turn("tea", 0).await, ONE);
    let down = Rule::new(Fault::named("unavailable").unwrap()).for_model(ONE);
    rig.simulator
        .set_scenario(Scenario::default().with_rule(down))
        .unwrap();
    assert_eq!(rig.turn("tea", 1).await, OTHER);
    rig.simulator.set_scenario(Scenario::default()).unwrap();
    assert_eq!(rig.turn("tea", 2).await, OTHER);
}

#[tokio::test]
async fn a_conversation_that_has_rested_is_decided_anew() {
    let rig = Rig::new("").await;
    assert_eq!(rig.turn("tea", 0).await, ONE);
    rig.market.set(prices(18));
    rig.pass(600);
    assert_eq!(rig.turn("tea", 1).await, ONE);
    rig.pass(601);
    assert_eq!(rig.turn("tea", 2).await, OTHER);
}

#[tokio::test]
async fn a_session_is_one_conversation_whatever_it_says_but_each_callers_own() {
    let rig = Rig::new("").await;
    let order = |subject| Order::from(conversation(subject, 0)).with_session("s");
    assert_eq!(rig.send(order("tea")).await, ONE);
    rig.market.set(prices(18));
    assert_eq!(rig.send(order("coffee")).await, ONE);
    let other = order("tea").with_caller(CallerId::new("other").unwrap());
    assert_eq!(rig.send(other).await, OTHER);
}

#[tokio::test]
async fn a_plan_says_who_has_read_the_conversation_as_the_call_decides() {
    let rig = Rig::new("").await;
    let before = rig.gateway.plan(conversation("tea", 1)).unwrap();
    assert!(
        !before.candidates[0].why.contains("conversation"),
        "{before:?}"
    );
    rig.turn("tea", 0).await;
    rig.market.set(prices(18));
    let plan = rig.gateway.plan(conversation("tea", 1)).unwrap();
    let [first, second] = &plan.candidates[..] else {
        panic!("{plan:?}");
    };
    assert_eq!(first.model.as_str(), ONE);
    assert!(
        first.why.contains("tokens of this conversation"),
        "{}",
        first.why
    );
    assert!(!second.why.contains("conversation"), "{}", second.why);
    let (_, decided) = rig.gateway.decide(conversation("tea", 1)).unwrap();
    assert_eq!(decided.first().model, first.model);
}

#[tokio::test]
async fn a_recorded_turn_is_decided_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let rig = Rig::new(&format!("[record]\nenabled = true\npath = {path:?}\n")).await;
    rig.turn("tea", 0).await;
    rig.market.set(prices(18));
    assert_eq!(rig.turn("tea", 1).await, ONE);
    rig.gateway.clone().shutdown().await;

    let records = Records::open(folder.path(), None, None).unwrap();
    let records: Vec<_> = records.map(Result::unwrap).collect();
    let warm = records[1].profile.warm.as_ref().unwrap();
    assert_eq!(
        (warm.model.as_str(), warm.lane.as_str()),
        (ONE, "openrouter")
    );
    // Without it, the other would have been chosen in both.
    let mut replay = rig.gateway.replay("cheapest").unwrap();
    let routes: Vec<_> = records
        .iter()
        .map(|record| match replay.add(record) {
            tollgate::Verdict::Compared(compared) => compared.route.to.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(routes, [OTHER, ONE]);
}
