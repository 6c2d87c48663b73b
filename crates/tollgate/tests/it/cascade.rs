//! The cascade against the simulator: what is billed is what is booked.

use std::sync::Arc;

use futures_util::StreamExt;
use tollgate::{
    AnswerJudge, CallProfile, Candidate, Difference, Dimension, Draft, FailureKind, Gateway,
    Judgement, Loader, Order, Place, Ranking, Records, RoutingPolicy, StreamMode, UsageQuery, Usd,
    Verdict,
};
use tollgate_ledger::MemoryStore;
use tollgate_sim::{Scenario, Simulator};

use crate::rig::{ends, kind};
use crate::support::{chat, config, simulator};

const CHEAP: &str = "anthropic/claude-3-haiku";
const DEAR: &str = "openai/gpt-4";

const CASCADE: &str = r#"
[openrouter.routing]
chat_models = ["anthropic/claude-3-haiku", "openai/gpt-4"]
[policies.cascade]
base = "dearest"
least_acceptance = 0.0
z = 0.0
"#;

/// The dearest first, whatever is said of quality.
#[derive(Debug)]
struct Dearest;

impl RoutingPolicy for Dearest {
    fn rank(&self, _: &CallProfile, candidates: &[Candidate]) -> Ranking {
        Ranking::by_score(candidates, |candidate| candidate.expected.nanos() as f64)
    }
}

#[derive(Debug)]
struct NothingWillDo;

impl AnswerJudge for NothingWillDo {
    fn judge(&self, _: &CallProfile, _: &Draft<'_>) -> Judgement {
        Judgement::reject(0.0, "nothing will do")
    }
}

async fn gateway(simulator: &Simulator, rejects: bool) -> Gateway {
    gateway_with(simulator, CASCADE, rejects).await
}

async fn gateway_with(simulator: &Simulator, toml: &str, rejects: bool) -> Gateway {
    let builder = Gateway::builder(config(simulator, toml))
        .policy("dearest", Arc::new(Dearest))
        .store(Arc::new(MemoryStore::new()))
        .seed(7);
    let builder = match rejects {
        true => builder.judge("cascade", Arc::new(NothingWillDo)),
        false => builder,
    };
    builder.build().await.unwrap()
}

fn orders() -> [Order; 2] {
    [StreamMode::Whole, StreamMode::Stream].map(|mode| {
        let request = chat("tollgate/cascade", "Name a colour.", mode);
        Order::from(request).with_hold_back()
    })
}

fn nanos(simulator: &Simulator) -> i64 {
    let bill: Usd = simulator.bill().total().to_string().parse().unwrap();
    bill.nanos()
}

#[tokio::test]
async fn both_answers_are_billed_and_booked_to_the_nano_dollar() {
    for (rejects, expected) in [
        (false, vec![(1, "complete")]),
        (true, vec![(1, "rejected"), (2, "complete")]),
    ] {
        let simulator = simulator(Scenario::default()).await;
        let gateway = gateway(&simulator, rejects).await;
        let (mut total, mut first) = (0, 0);
        for order in orders() {
            let mut answer = gateway.chat(order).await.unwrap();
            let model = if rejects { DEAR } else { CHEAP };
            assert_eq!(answer.model().as_str(), model);
            while let Some(frame) = answer.next().await {
                frame.unwrap();
            }
            let receipt = answer.receipt().unwrap();
            assert_eq!(ends(receipt), expected);
            assert_eq!(receipt.attempts[0].requested.as_str(), CHEAP);
            total += receipt.cost().unwrap().amount().nanos();
            first += receipt.attempts[0].cost.unwrap().amount().nanos();
        }
        assert_eq!(total, nanos(&simulator), "receipts and the upstream's bill");

        let query = UsageQuery {
            by: vec![Dimension::Policy],
            ..UsageQuery::default()
        };
        let row = &gateway.usage(&query).await.unwrap()[0];
        assert_eq!(row.cost().nanos(), total);
        assert_eq!((row.calls, row.failed), (2, 0));
        assert_eq!(row.attempts, 2 * expected.len() as u64);
        assert_eq!(row.failover.nanos(), if rejects { first } else { 0 });
    }
}

#[tokio::test]
async fn however_many_are_rejected_none_of_it_counts_as_a_retry() {
    let simulator = simulator(Scenario::default()).await;
    let toml = format!("{CASCADE}[failover.retries]\nshare_percent = 0\nper_second = 0\n");
    let gateway = gateway_with(&simulator, &toml, true).await;
    for _ in 0..10 {
        for order in orders() {
            let answer = gateway.chat(order).await.unwrap();
            assert_eq!(answer.model().as_str(), DEAR);
            answer.collect().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_dry_run_shows_who_is_tried_and_why() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, false).await;
    let [whole, _] = orders();
    let explanation = gateway.plan(whole).unwrap();
    let [first, choice, ..] = explanation.candidates.as_slice() else {
        panic!("two candidates: {explanation:?}");
    };
    assert_eq!((first.model.as_str(), choice.model.as_str()), (CHEAP, DEAR));
    assert!(
        first.why.contains("judged before it is shown"),
        "{}",
        first.why
    );
    assert!(first.why.contains("acceptance "), "{}", first.why);
    assert!(choice.why.starts_with("best of 2"), "{}", choice.why);
}

#[tokio::test]
async fn without_failover_nobody_is_tried() {
    let simulator = simulator(Scenario::default()).await;
    let toml = format!("[openrouter]\nenable_fallback = false\n{CASCADE}");
    let gateway = Gateway::builder(config(&simulator, &toml))
        .policy("dearest", Arc::new(Dearest))
        .build()
        .await
        .unwrap();
    let [whole, _] = orders();
    let explanation = gateway.plan(whole).unwrap();
    let models = explanation.candidates.iter();
    let models: Vec<_> = models.map(|one| one.model.as_str()).collect();
    assert_eq!(models, [DEAR]);
}

#[tokio::test]
async fn a_replay_does_not_pretend_to_know_what_a_judge_would_say() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let toml = format!("{CASCADE}[record]\nenabled = true\npath = {path:?}\n");
    let gateway = Gateway::builder(config(&simulator, &toml))
        .policy("dearest", Arc::new(Dearest))
        .build()
        .await
        .unwrap();
    let request = chat("tollgate/dearest", "Name a colour.", StreamMode::Whole);
    let answer = gateway.chat(request).await.unwrap();
    answer.collect().await.unwrap();
    gateway.clone().shutdown().await;
    let record = Records::open(folder.path(), None, None).unwrap().next();
    let record = record.unwrap().unwrap();
    let verdict = |policy: &str| gateway.replay(policy).unwrap().add(&record);
    assert!(matches!(verdict("dearest"), Verdict::Compared(_)));
    assert!(matches!(verdict("cascade"), Verdict::Unserved(why) if why.contains("judge")));
}

#[tokio::test]
async fn what_a_rejected_answer_cost_is_saved_by_a_policy_that_tries_nobody() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let toml = format!("{CASCADE}[record]\nenabled = true\npath = {path:?}\n");
    let gateway = gateway_with(&simulator, &toml, true).await;
    // Before something is learned from the call.
    let mut replay = gateway.replay("dearest").unwrap();
    let [whole, _] = orders();
    let answer = gateway.chat(whole).await.unwrap();
    answer.collect().await.unwrap();
    gateway.clone().shutdown().await;

    let record = Records::open(folder.path(), None, None).unwrap().next();
    let record = record.unwrap().unwrap();
    let [rejected, choice] = [0, 1].map(|place| record.attempts[place].known_cost().unwrap());
    assert!(rejected > Usd::ZERO);
    let Verdict::Compared(compared) = replay.add(&record) else {
        panic!("a call with an answer is compared");
    };
    assert_eq!(compared.route.to.as_str(), DEAR);
    assert_eq!(compared.actual, rejected + choice);
    assert_eq!(compared.replayed, choice);
    let expected = Difference {
        choice: Usd::ZERO - rejected,
        ..Difference::default()
    };
    assert_eq!(compared.difference, expected);
    let [old, new] = compared.quality.unwrap();
    assert_eq!(old.to_bits(), new.to_bits(), "the same model answers");
}

// === a policy that has no judge ===

/// The cheapest on trial before the dearest.
#[derive(Debug)]
struct TriesTheCheapest;

impl RoutingPolicy for TriesTheCheapest {
    fn rank(&self, call: &CallProfile, candidates: &[Candidate]) -> Ranking {
        let ranking = Dearest.rank(call, candidates);
        let cheapest = ranking.as_slice().last().copied();
        match cheapest {
            Some(cheapest) => ranking.with_trial(cheapest),
            None => ranking,
        }
    }
}

#[tokio::test]
async fn a_trial_that_nobody_judges_has_a_warning() {
    let simulator = simulator(Scenario::default()).await;
    for is_judged in [false, true] {
        let builder = Gateway::builder(config(&simulator, CASCADE))
            .policy("dearest", Arc::new(Dearest))
            .policy("mine", Arc::new(TriesTheCheapest));
        let builder = match is_judged {
            true => builder.judge("mine", Arc::new(NothingWillDo)),
            false => builder,
        };
        let gateway = builder.build().await.unwrap();
        let order = || chat("tollgate/mine", "Name a colour.", StreamMode::Whole);
        let explanation = gateway.plan(order()).unwrap();
        assert_eq!(explanation.candidates[0].place, Place::OnTrial);
        let (_, plan) = gateway.decide(order()).unwrap();
        let answer = gateway.chat(order()).await.unwrap();
        for warnings in [&explanation.warnings, &plan.warnings, answer.warnings()] {
            let warns = |warning: &String| warning.contains("policy mine puts a model on trial");
            assert_eq!(warnings.iter().any(warns), !is_judged, "{warnings:?}");
        }
    }
}

// === configuration ===

#[tokio::test]
async fn there_is_no_cascade_unless_it_is_configured() {
    let simulator = simulator(Scenario::default()).await;
    let [whole, _] = orders();
    let gateway = crate::support::gateway(&simulator, "").await;
    assert_eq!(
        kind(gateway.chat(whole.clone()).await),
        FailureKind::InvalidRequest
    );
    let gateway = crate::support::gateway(&simulator, "[policies.cascade]\n").await;
    assert!(gateway.policies().contains(&"cascade".to_owned()));
}

#[tokio::test]
async fn a_base_that_is_not_there_stops_the_start() {
    let simulator = simulator(Scenario::default()).await;
    for base in ["nobody", "cascade"] {
        let toml = format!("[policies.cascade]\nbase = {base:?}\n");
        let refused = Gateway::from_config(config(&simulator, &toml)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), FailureKind::Configuration);
        assert!(refused.to_string().contains(base), "{refused}");
    }
}

#[test]
fn figures_out_of_range_are_told_with_their_key() {
    let toml = "[policies.cascade.weights]\nrefusal = 2.0\n";
    let loader = Loader::new().with_environment(Vec::new());
    let refused = loader.with_text("test.toml", toml).load().unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("policies.cascade.weights.refusal"), "{text}");
    assert!(text.contains("2 is not between 0 and 1"), "{text}");
}
