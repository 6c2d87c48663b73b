//! Answers on trial: held back, judged, shown or replaced. The upstreams play
//! scripts, on paused time; everything else is real.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tollgate::{
    Answer, AnswerJudge, CallProfile, Catalog, CatalogView, ChatRequest, Draft, Ended, Event,
    FailureKind, Frame, FrameKind, Gateway, Judgement, LedgerStore, Loader, Order, Place, Receipt,
    StreamMode, Timestamp, Usd,
};
use tollgate_ledger::MemoryStore;
use tollgate_testkit::builders::lane;
use tollgate_testkit::providers::{
    Fault, Script, ScriptedProvider, finish_frame, text_frame, usage_frame,
};
use tollgate_testkit::views::{ModelSpec, view_on};

use crate::rig::{cut_after, ends, hear};
use crate::support::chat;

const SECOND: Duration = Duration::from_secs(1);
const FIRST: &str = "a/cheap";
const BEST: &str = "b/best";
const REFUSAL: &str = "I must decline.";

struct Fixed(Arc<CatalogView>);

impl Catalog for Fixed {
    fn view(&self) -> Arc<CatalogView> {
        self.0.clone()
    }
}

/// Two models, of which the cheap one is worth a try.
struct Rig {
    gateway: Gateway,
    store: Arc<MemoryStore>,
    provider: Arc<ScriptedProvider>,
    heard: Arc<Mutex<Vec<Event>>>,
}

impl Rig {
    async fn new(first: Script, best: Script) -> Self {
        Self::with(first, best, "", None).await
    }

    async fn with(
        first: Script,
        best: Script,
        toml: &str,
        judge: Option<Arc<dyn AnswerJudge>>,
    ) -> Self {
        let models = [
            ModelSpec::new(FIRST).price(0.1, 0.2).quality(0.8),
            ModelSpec::new(BEST).price(1.0, 2.0).quality(0.9),
        ];
        let view = view_on(vec![lane("openrouter")], models);
        let config = Loader::new()
            .with_environment(Vec::new())
            .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
            .with_text("rig.toml", "[policies.cascade]\n")
            .with_text("test.toml", toml)
            .load()
            .unwrap();
        let provider =
            ScriptedProvider::new()
                .on("openrouter", FIRST, first)
                .on("openrouter", BEST, best);
        let provider = Arc::new(provider);
        let store = Arc::new(MemoryStore::new());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = heard.clone();
        let builder = Gateway::builder(config)
            .catalog(Arc::new(Fixed(Arc::new(view))))
            .provider(provider.clone())
            .store(store.clone())
            .observer(Arc::new(move |event: &Event| {
                hear.lock().unwrap().push(event.clone());
            }))
            .seed(7);
        let builder = match judge {
            Some(judge) => builder.judge("cascade", judge),
            None => builder,
        };
        Self {
            gateway: builder.build().await.unwrap(),
            store,
            provider,
            heard,
        }
    }

    async fn ask(&self, order: impl Into<Order>) -> Answer {
        self.gateway.chat(order).await.unwrap()
    }

    fn heard<T>(&self, which: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.heard
            .lock()
            .unwrap()
            .iter()
            .filter_map(which)
            .collect()
    }

    /// Number of the attempt, and why it was rejected, of each judgement.
    fn judged(&self) -> Vec<(u32, Option<String>)> {
        self.heard(|event| match event {
            Event::Judged {
                attempt, judgement, ..
            } => Some((*attempt, judgement.rejection().map(str::to_owned))),
            _ => None,
        })
    }

    /// The models that were asked, one attempt after the other.
    fn asked(&self) -> Vec<String> {
        let sent = self.provider.sent();
        let models = sent.iter().map(|attempt| attempt.models[0].to_string());
        models.collect()
    }

    /// The one receipt, after everything is settled and nothing held.
    async fn receipt(&self) -> Receipt {
        self.gateway.clone().shutdown().await;
        let receipts = self.heard(|event| match event {
            Event::Settled { receipt } => Some(receipt.clone()),
            _ => None,
        });
        assert_eq!(receipts.len(), 1, "a call is settled exactly once");
        assert_eq!(self.provider.open(), 0, "every upstream is closed");
        assert_eq!(self.gateway.totals().unwrap().held, Usd::ZERO);
        receipts[0].clone()
    }
}

fn whole() -> ChatRequest {
    chat("tollgate/cascade", "Say hello.", StreamMode::Whole)
}

fn stream() -> Order {
    chat("tollgate/cascade", "Say hello.", StreamMode::Stream).into()
}

fn refused() -> Script {
    Script::refuse(Fault::new(FailureKind::Upstream))
}

// === in one piece ===

#[tokio::test(start_paused = true)]
async fn an_accepted_answer_is_the_only_one_that_is_asked_for() {
    let rig = Rig::new(Script::body("Hello."), Script::body("Good day.")).await;
    let answer = rig.ask(whole()).await;
    assert_eq!(answer.model().as_str(), FIRST);
    assert!(answer.warnings().is_empty());
    let collected = answer.collect().await.unwrap();
    assert_eq!(collected.response.text(), "Hello.");
    assert_eq!(rig.judged(), [(1, None)]);
    assert_eq!(rig.asked(), [FIRST]);
    let receipt = rig.receipt().await;
    assert_eq!(receipt, collected.receipt);
    assert_eq!(ends(&receipt), [(1, "complete")]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_answer_gives_way_to_the_choice_at_once_and_both_are_paid() {
    let rig = Rig::new(Script::body(REFUSAL), Script::body("Good day.")).await;
    let begun = Instant::now();
    let answer = rig.ask(whole()).await;
    assert_eq!(
        begun.elapsed(),
        Duration::ZERO,
        "what was rejected is no failure"
    );
    assert_eq!(answer.model().as_str(), BEST, "known before it is read");
    let collected = answer.collect().await.unwrap();
    assert_eq!(collected.response.text(), "Good day.");
    assert_eq!(rig.judged(), [(1, Some("it refuses".to_owned()))]);

    let receipt = rig.receipt().await;
    assert_eq!(receipt.ended, Ended::Complete);
    assert_eq!(ends(&receipt), [(1, "rejected"), (2, "complete")]);
    let (.., why) = receipt.attempts[0].end.columns();
    assert_eq!(why, Some("it refuses (score 0.00)"));
    assert_eq!(receipt.served().unwrap().number, 2);
    assert_eq!(receipt.failovers(), 0);
    let costs: Vec<Usd> = receipt
        .attempts
        .iter()
        .map(|attempt| attempt.cost.unwrap().amount())
        .collect();
    assert!(costs.iter().all(|cost| *cost > Usd::ZERO));
    assert_eq!(receipt.cost().unwrap().amount(), costs[0] + costs[1]);
    // What the first had cost stayed held beside the second's worst case.
    assert_eq!(receipt.held, costs[0] + rig.provider.sent()[1].worst);
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_the_choice_is_not_judged() {
    let rig = Rig::new(refused(), Script::body(REFUSAL)).await;
    let collected = rig.ask(whole()).await.collect().await.unwrap();
    assert_eq!(collected.response.text(), REFUSAL);
    assert_eq!(rig.judged(), []);
    assert_eq!(ends(&rig.receipt().await), [(1, "failed"), (2, "complete")]);
}

// === nobody else ===

/// A rejected answer that comes back, with what was said of it.
async fn comes_back(rig: &Rig, order: impl Into<Order>) -> String {
    let answer = rig.ask(order).await;
    assert_eq!(answer.model().as_str(), FIRST);
    let [warning] = answer.warnings() else {
        panic!("one warning: {:?}", answer.warnings());
    };
    let warning = warning.clone();
    let collected = answer.collect().await.unwrap();
    assert_eq!(collected.response.text(), REFUSAL);
    assert_eq!(collected.receipt.ended, Ended::Complete);
    assert_eq!(collected.receipt.served().unwrap().number, 1);
    assert_eq!(rig.judged(), [(1, Some("it refuses".to_owned()))]);
    assert!(warning.contains("rejected: it refuses"), "{warning}");
    warning
}

#[tokio::test(start_paused = true)]
async fn when_nobody_else_answers_the_rejected_answer_is_given_after_all() {
    let rig = Rig::new(Script::body(REFUSAL), refused()).await;
    comes_back(&rig, whole()).await;
    let receipt = rig.receipt().await;
    let [first, others @ ..] = receipt.attempts.as_slice() else {
        panic!("attempts: {receipt:?}");
    };
    assert_eq!(first.end.columns().0, "complete");
    assert!(!others.is_empty());
    for (at, other) in (2..).zip(others) {
        assert_eq!((other.number, other.end.columns().0), (at, "failed"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_attempts_holds_for_both_together() {
    let toml = "[failover]\nattempts = 1\n";
    let rig = Rig::with(Script::body(REFUSAL), Script::body("no"), toml, None).await;
    let warning = comes_back(&rig, whole()).await;
    assert!(warning.contains("all the attempts"), "{warning}");
    assert_eq!(rig.asked(), [FIRST]);
}

/// The most that the choice can cost, for a request with a limit of its own.
fn worst_of_the_choice(gateway: &Gateway, request: &ChatRequest) -> Usd {
    let (_, plan) = gateway.decide(request.clone()).unwrap();
    let [first, choice] = [0, 1].map(|place| plan.get(place).unwrap());
    assert_eq!((first.place, choice.place), (Place::OnTrial, Place::Ranked));
    choice.candidate.worst
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_that_does_not_fit_under_the_ceiling_is_not_asked_for() {
    let rig = Rig::new(Script::body(REFUSAL), Script::body("no")).await;
    let request = whole().with_max_tokens(500);
    let worst = worst_of_the_choice(&rig.gateway, &request);
    comes_back(&rig, Order::from(request).with_max_cost(worst)).await;
    assert_eq!(rig.asked(), [FIRST]);
    assert!(rig.receipt().await.cost().unwrap().amount() <= worst);
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_that_does_not_fit_into_a_budget_is_not_asked_for() {
    let request = whole().with_max_tokens(500);
    let rig = Rig::new(Script::body(REFUSAL), Script::body("no")).await;
    let worst = worst_of_the_choice(&rig.gateway, &request);
    let toml = format!("[budgets.all]\nlimit = \"{worst}\"\nwindow = \"day\"\n");
    let rig = Rig::with(Script::body(REFUSAL), Script::body("no"), &toml, None).await;
    comes_back(&rig, request).await;
    assert_eq!(rig.asked(), [FIRST]);
    assert!(rig.receipt().await.cost().unwrap().amount() <= worst);
}

// === streams ===

#[tokio::test(start_paused = true)]
async fn a_stream_comes_from_the_choice_as_it_is_made_and_says_so() {
    let rig = Rig::new(Script::answer(&["no"]), Script::answer(&["Good ", "day"])).await;
    let mut answer = rig.ask(stream()).await;
    let [warning] = answer.warnings() else {
        panic!("one warning: {:?}", answer.warnings());
    };
    assert!(warning.contains("held back"), "{warning}");
    assert_eq!(hear(&mut answer).await.parts, ["Good day"]);
    assert_eq!(rig.judged(), []);
    assert_eq!(ends(&rig.receipt().await), [(1, "complete")]);
}

const BUFFERED: &str = "[policies.cascade]\nbuffer_streams = true\n";

#[tokio::test(start_paused = true)]
async fn a_stream_that_may_be_held_back_is_judged_and_played_again() {
    for (toml, order) in [("", stream().with_hold_back()), (BUFFERED, stream())] {
        let slow = Script::new()
            .frame(text_frame("Hel"))
            .wait(3 * SECOND)
            .frame(text_frame("lo"))
            .frame(finish_frame())
            .frame(usage_frame(10, 1))
            .frame(Frame::done());
        let rig = Rig::with(slow, Script::answer(&["no"]), toml, None).await;
        let begun = Instant::now();
        let mut answer = rig.ask(order).await;
        assert_eq!(
            begun.elapsed(),
            3 * SECOND,
            "nothing is shown before its end"
        );
        let mut kinds = Vec::new();
        let mut text = String::new();
        while let Some(frame) = answer.next().await {
            let frame = frame.unwrap();
            let data: serde_json::Value = serde_json::from_slice(&frame.data).unwrap_or_default();
            text += data["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap_or("");
            kinds.push(frame.kind);
        }
        assert_eq!(text, "Hello");
        assert_eq!(kinds.pop(), Some(FrameKind::Done));
        assert!(
            kinds.iter().all(|kind| *kind == FrameKind::Event),
            "{kinds:?}"
        );
        assert_eq!(rig.judged(), [(1, None)]);
        let receipt = rig.receipt().await;
        assert_eq!(ends(&receipt), [(1, "complete")]);
        assert_eq!(receipt.attempts[0].tokens.output, 1, "counted once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_stream_gives_way_unseen() {
    let rig = Rig::new(
        Script::answer(&["I must ", "decline."]),
        Script::answer(&["Hi"]),
    )
    .await;
    let mut answer = rig.ask(stream().with_hold_back()).await;
    assert_eq!(answer.model().as_str(), BEST);
    let heard = hear(&mut answer).await;
    assert_eq!(
        (heard.parts, heard.notices.len()),
        (vec!["Hi".to_owned()], 0)
    );
    assert_eq!(
        ends(&rig.receipt().await),
        [(1, "rejected"), (2, "complete")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_while_it_is_held_back_leaves_nothing_behind() {
    let rig = Rig::new(cut_after(&["Hel"]), Script::answer(&["Good day"])).await;
    let mut answer = rig.ask(stream().with_hold_back()).await;
    let heard = hear(&mut answer).await;
    assert!(heard.broke.is_none());
    assert_eq!(heard.parts.concat(), "Good day");
    assert_eq!(rig.judged(), []);
    assert_eq!(ends(&rig.receipt().await), [(1, "cut"), (2, "complete")]);
}

// === cancelled in between ===

async fn left(first: Script, best: Script) -> Receipt {
    let rig = Rig::new(first, best).await;
    let asked = rig.gateway.chat(stream().with_hold_back());
    assert!(tokio::time::timeout(SECOND, asked).await.is_err());
    rig.receipt().await
}

#[tokio::test(start_paused = true)]
async fn leaving_while_the_first_answer_is_held_back_settles_it_once() {
    let receipt = left(Script::new().frame(text_frame("Hel")).stall(), refused()).await;
    assert_eq!(receipt.ended, Ended::Abandoned);
    assert_eq!(ends(&receipt), [(1, "abandoned")]);
    assert!(receipt.cost().is_some() || receipt.unresolved() > Usd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn leaving_while_the_second_is_waited_for_settles_both_once() {
    let receipt = left(Script::answer(&[REFUSAL]), Script::unreachable()).await;
    assert_eq!(receipt.ended, Ended::Abandoned);
    assert_eq!(ends(&receipt), [(1, "rejected"), (2, "abandoned")]);
    assert!(receipt.cost().is_some(), "the first is known");
    assert!(receipt.unresolved() > Usd::ZERO, "the second is not");
}

// === feedback ===

/// The models of which something was seen, with how much.
async fn seen(best: Script) -> Vec<(String, i64)> {
    let toml = "[feedback]\nautomatic = true\n";
    let rig = Rig::with(Script::body(REFUSAL), best, toml, None).await;
    rig.ask(whole()).await.collect().await.unwrap();
    rig.receipt().await;
    let rows = rig.store.feedback(Timestamp::default()).await.unwrap();
    let seen = rows.iter().map(|row| (row.model.to_string(), row.weight));
    seen.collect()
}

#[tokio::test(start_paused = true)]
async fn every_answer_that_came_is_seen_once_shown_or_not() {
    let once = |model: &str| (model.to_owned(), 100);
    let both = seen(Script::body("Good day.")).await;
    assert_eq!(both, [once(FIRST), once(BEST)]);
    assert_eq!(seen(refused()).await, [once(FIRST)]);
}

// === judges of the program ===

/// A unit check.
#[derive(Debug)]
struct Says(&'static str);

impl AnswerJudge for Says {
    fn judge(&self, _: &CallProfile, draft: &Draft<'_>) -> Judgement {
        match draft.text().contains(self.0) {
            true => Judgement::accept(0.9),
            false => Judgement::reject(0.1, "the word is missing"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_judges_of_a_policy_have_to_accept() {
    for (text, why) in [
        ("Hello.", None),
        ("Good day.", Some("the word is missing")),
        (REFUSAL, Some("it refuses")),
    ] {
        let judge = Arc::new(Says("Hello"));
        let rig = Rig::with(Script::body(text), Script::body("no"), "", Some(judge)).await;
        rig.ask(whole()).await.collect().await.unwrap();
        assert_eq!(rig.judged(), [(1, why.map(str::to_owned))]);
    }
}
