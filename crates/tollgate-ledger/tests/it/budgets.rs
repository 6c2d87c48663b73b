//! Budgets of one node.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;
use tollgate_core::{
    Attempt, Call, CallerId, CostSource, Event, Failure, FailureKind, Hold, Ledger, Outcome, Plan,
    Scope, Task, Timestamp, Usd,
};
use tollgate_ledger::{
    BudgetConfig, Durability, LedgerConfig, OnSoft, Per, Period, SqliteStore, UsageTracker,
    budget_uses,
};
use tollgate_testkit::builders;

use crate::scene::{attempt, budget, call, noon, outcome, per, plan, record, usd};

/// One cent, the worst case of [`plan`].
const CENT: i64 = 10_000_000;

/// A tracker with a clock that the test sets and an observer that it reads.
struct Scene {
    tracker: UsageTracker,
    now: Arc<AtomicI64>,
    events: Arc<Mutex<Vec<Event>>>,
}

fn scene(budgets: impl IntoIterator<Item = (&'static str, BudgetConfig)>) -> Scene {
    let now = Arc::new(AtomicI64::new(noon().millis()));
    let events = Arc::new(Mutex::new(Vec::new()));
    let (clock, heard) = (now.clone(), events.clone());
    let observer = move |event: &Event| {
        if !matches!(event, Event::Settled { .. }) {
            heard.lock().unwrap().push(event.clone());
        }
    };
    let clock = move || Timestamp::from_millis(clock.load(Ordering::Relaxed));
    let tracker = UsageTracker::in_memory(&config(budgets), Arc::new(clock), Arc::new(observer));
    Scene {
        tracker,
        now,
        events,
    }
}

fn config(budgets: impl IntoIterator<Item = (&'static str, BudgetConfig)>) -> LedgerConfig {
    let budgets = budgets.into_iter();
    LedgerConfig {
        budgets: budgets.map(|(name, one)| (name.to_owned(), one)).collect(),
        ..LedgerConfig::default()
    }
}

impl Scene {
    fn hold(&self, call: &Call) -> Result<Hold, Failure> {
        self.tracker.hold(call, &plan())
    }

    /// Sends one attempt that can cost so much.
    fn dispatch(&self, hold: &mut Hold, attempt: &Attempt) -> Result<(), Failure> {
        let sent = self.tracker.dispatch(hold, attempt).now_or_never();
        sent.expect("memory keeps nobody waiting")
    }

    fn spend(&self, n: u128, nanos: i64) -> Result<(), Failure> {
        let mut call = call(n);
        call.at = Timestamp::from_millis(self.now.load(Ordering::Relaxed));
        let mut hold = self.hold(&call)?;
        self.dispatch(&mut hold, &attempt(n, 1, CENT))?;
        self.tracker.settle(hold, costing(nanos));
        Ok(())
    }

    /// Spent and held of each window, by budget and key.
    fn windows(&self) -> BTreeMap<(String, String), (i64, i64)> {
        let windows = self.tracker.budgets().into_iter();
        windows
            .map(|(window, spent, held)| {
                let budget = window.budget.split('/').next().unwrap_or_default();
                let key = (budget.to_owned(), window.key.to_string());
                (key, (spent.nanos(), held.nanos()))
            })
            .collect()
    }

    fn window(&self, budget: &str, key: &str) -> (i64, i64) {
        self.windows()[&(budget.to_owned(), key.to_owned())]
    }
}

fn costing(nanos: i64) -> Outcome {
    outcome(vec![record(1, Some((nanos, CostSource::Reported)))])
}

#[test]
fn of_a_thousand_at_once_exactly_a_hundred_fit() {
    let scene = scene([("team", budget("1.00"))]);
    let served = AtomicI64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8_u128 {
            let (scene, served) = (&scene, &served);
            scope.spawn(move || {
                for n in 0..125 {
                    match scene.spend(thread * 125 + n + 1, CENT) {
                        Ok(()) => drop(served.fetch_add(1, Ordering::Relaxed)),
                        Err(refused) => {
                            assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
                            assert!(refused.to_string().contains("\"team\""), "{refused}");
                        }
                    }
                }
            });
        }
    });
    assert_eq!(served.into_inner(), 100);
    assert_eq!(scene.window("team", ""), (100 * CENT, 0));
}

#[test]
fn a_refusal_says_when_the_budget_opens_again() {
    let daily = BudgetConfig {
        window: Period::Day,
        ..budget("0.015")
    };
    let scene = scene([("daily", daily)]);
    scene.spend(1, CENT).unwrap();
    let refused = scene.spend(2, CENT).unwrap_err();
    assert!(
        refused.to_string().contains("opens: 2026-08-09T00:00:00"),
        "{refused}"
    );
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(12 * 3_600)));
    assert!(refused.hint().unwrap().contains("budgets.daily.limit"));
    scene.now.fetch_add(12 * 3_600_000, Ordering::Relaxed);
    scene.spend(3, CENT).unwrap();
}

#[test]
fn a_call_that_one_budget_refuses_takes_nothing_from_the_others() {
    let scene = scene([("large", budget("5")), ("small", budget("0.015"))]);
    let first = scene.hold(&call(1)).unwrap();
    scene.hold(&call(2)).unwrap_err();
    assert_eq!(scene.window("large", ""), (0, CENT));
    scene.tracker.settle(first, outcome(vec![]));
    assert_eq!(scene.window("large", ""), (0, 0));
    assert_eq!(scene.window("small", ""), (0, 0));
}

#[test]
fn budgets_count_apart_what_they_are_told_to() {
    let only = BudgetConfig {
        only: vec!["code".into()],
        ..per("0.01", Per::Task)
    };
    let scene = scene([
        ("callers", per("0.02", Per::Caller)),
        ("code", only),
        ("teams", per("0.03", Per::Tag("team".into()))),
    ]);
    let ask = |n: u128, caller: &str, team: &str, task| {
        let mut call = call(n);
        call.caller = CallerId::new(caller).unwrap();
        call.hints.tags = vec![("team".into(), team.into())];
        let mut plan: Plan = plan();
        Arc::make_mut(&mut plan.profile).task = task;
        let hold = scene.tracker.hold(&call, &plan)?;
        Ok::<_, Failure>(scene.tracker.settle(hold, costing(CENT)))
    };
    ask(1, "ann", "red", Task::Chat).unwrap();
    ask(2, "ann", "red", Task::Code).unwrap();
    let refused = ask(3, "ann", "blue", Task::Chat).unwrap_err();
    assert!(refused.to_string().contains("key: ann"), "{refused}");
    let refused = ask(4, "bob", "blue", Task::Code).unwrap_err();
    assert!(refused.to_string().contains("\"code\""), "{refused}");
    ask(5, "bob", "red", Task::Chat).unwrap();
    let refused = ask(6, "bob", "red", Task::Chat).unwrap_err();
    assert!(refused.to_string().contains("\"teams\""), "{refused}");
    assert_eq!(scene.window("callers", "bob"), (CENT, 0));
    assert_eq!(scene.window("teams", "red"), (3 * CENT, 0));
    assert_eq!(scene.window("code", "code"), (CENT, 0));
}

#[test]
fn a_models_budget_refuses_the_attempt_and_leaves_room_for_others() {
    let scene = scene([
        ("dear", per("0.015", Per::Model)),
        ("roads", per("1", Per::Lane)),
    ]);
    let mut hold = scene.hold(&call(1)).unwrap();
    scene.dispatch(&mut hold, &attempt(1, 1, CENT)).unwrap();
    let mut second = scene.hold(&call(2)).unwrap();
    let refused = scene
        .dispatch(&mut second, &attempt(2, 1, CENT))
        .unwrap_err();
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
    assert_eq!(refused.rule().scope, Scope::Endpoint);
    let mut elsewhere = attempt(2, 1, CENT);
    elsewhere.planned = vec![builders::model("b/two")];
    // What a lane calls it does not matter.
    elsewhere.models = vec![builders::model("lanes/a-one")];
    scene.dispatch(&mut second, &elsewhere).unwrap();
    assert_eq!(scene.window("dear", "a/one"), (0, CENT));
    assert_eq!(scene.window("roads", "direct"), (0, 2 * CENT));
    scene.tracker.settle(second, costing(7));
    scene.tracker.settle(hold, costing(5));
    assert_eq!(scene.window("dear", "a/one"), (5, 0));
    assert_eq!(scene.window("dear", "b/two"), (7, 0));
    assert_eq!(scene.window("roads", "direct"), (12, 0));
}

#[test]
fn a_raised_hold_is_taken_from_the_budgets_too() {
    let scene = scene([("team", budget("0.035"))]);
    let mut hold = scene.hold(&call(1)).unwrap();
    scene.dispatch(&mut hold, &attempt(1, 1, CENT)).unwrap();
    hold.keep(usd(CENT));
    scene.dispatch(&mut hold, &attempt(1, 2, 2 * CENT)).unwrap();
    assert_eq!(scene.window("team", ""), (0, 3 * CENT));
    hold.keep(usd(2 * CENT));
    let refused = scene.dispatch(&mut hold, &attempt(1, 3, CENT)).unwrap_err();
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
    let ends = [(1, CENT), (2, 5)].map(|(n, cost)| record(n, Some((cost, CostSource::Reported))));
    scene.tracker.settle(hold, outcome(ends.into()));
    assert_eq!(scene.window("team", ""), (CENT + 5, 0));
}

#[test]
fn a_late_end_counts_where_it_was_admitted() {
    let hourly = BudgetConfig {
        window: Period::Hour,
        ..budget("0.01")
    };
    let scene = scene([("hourly", hourly)]);
    let mut early = scene.hold(&call(1)).unwrap();
    scene.dispatch(&mut early, &attempt(1, 1, CENT)).unwrap();
    scene.now.fetch_add(3_600_000, Ordering::Relaxed);
    scene.spend(2, 3).unwrap();
    scene.tracker.settle(early, costing(CENT));
    let spent: Vec<_> = scene
        .tracker
        .budgets()
        .into_iter()
        .map(|(window, spent, _)| (window.start.since(noon()).as_secs(), spent.nanos()))
        .collect();
    assert_eq!(spent, [(0, CENT), (3_600, 3)]);
    // The clock goes back across the edge: the open window stays open.
    scene.now.fetch_sub(3_600_000, Ordering::Relaxed);
    scene.spend(3, 4).unwrap_err();
    scene.now.fetch_add(7_200_000, Ordering::Relaxed);
    scene.spend(4, 4).unwrap();
}

#[test]
fn what_turns_out_to_cost_less_leaves_room() {
    let scene = scene([("team", budget("0.015"))]);
    let hold = scene.hold(&call(1)).unwrap();
    let ends = vec![record(1, Some((CENT, CostSource::WorstCase)))];
    scene.tracker.settle(hold, outcome(ends));
    scene.spend(2, CENT).unwrap_err();
    let cost = crate::scene::direct(2_000, CostSource::Reconciled);
    scene.tracker.adjust(call(1).id, 1, cost, None).unwrap();
    assert_eq!(scene.window("team", ""), (2_000, 0));
    scene.spend(3, CENT).unwrap();
}

#[test]
fn nearing_the_limit_is_told_once_and_advises() {
    let softly = |on_soft| BudgetConfig {
        soft_percent: 50,
        on_soft,
        ..budget("0.10")
    };
    let scene = scene([
        ("free", softly(OnSoft::FreeOnly)),
        ("thrifty", softly(OnSoft::Policy("cheapest".into()))),
        ("told", softly(OnSoft::Warn)),
    ]);
    let advice = || {
        let mut profile = (*plan().profile).clone();
        profile.max_output = Some(100);
        scene.tracker.advise(&call(9), &profile).unwrap()
    };
    for n in 1..=4 {
        scene.spend(n, CENT).unwrap();
        assert_eq!(advice(), tollgate_core::Advice::default());
    }
    for n in 5..=8 {
        scene.spend(n, CENT).unwrap();
    }
    let advice = advice();
    assert!(advice.free_only);
    assert_eq!(advice.policy.as_deref(), Some("cheapest"));
    let profile = advice.apply((*plan().profile).clone());
    assert_eq!(
        (profile.ceiling, profile.prefer_free),
        (Some(Usd::ZERO), Some(true))
    );
    let told = scene.events.lock().unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|event| match event {
            Event::BudgetWarned { window, used, .. } => (&*window.budget, used.nanos()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            ("free", 5 * CENT),
            ("thrifty", 5 * CENT),
            ("told", 5 * CENT)
        ]
    );
}

#[test]
fn a_call_without_a_limit_of_its_own_gets_a_share_of_what_is_left() {
    let scene = scene([("large", budget("100")), ("team", budget("1.00"))]);
    let advice = || scene.tracker.advise(&call(9), &plan().profile);
    let first = advice().unwrap();
    assert_eq!(
        (first.ceiling, first.share),
        (Some(usd(100 * CENT)), Some(usd(10 * CENT))),
        "a tenth of what is left"
    );
    assert_eq!(first.budget.as_deref(), Some("team"));
    scene.spend(1, 95 * CENT).unwrap();
    assert_eq!(
        advice().unwrap().share,
        Some(usd(CENT)),
        "a hundredth of the limit"
    );
    scene.spend(2, 5 * CENT - 7).unwrap();
    let last = advice().unwrap();
    assert_eq!(last.ceiling, Some(usd(7)), "all there is");
    let nothing = Failure::new(FailureKind::NoCandidate, "no model can serve the call");
    let other = last.explain(nothing);
    assert_eq!(
        other.kind(),
        FailureKind::NoCandidate,
        "not for want of money"
    );
    let nothing = other.with("over_ceiling", 3);
    let refused = last.explain(nothing);
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded);
    assert!(refused.to_string().contains("\"team\""), "{refused}");
}

#[test]
fn what_is_free_goes_on_when_a_budget_is_spent() {
    let free = BudgetConfig {
        on_soft: OnSoft::FreeOnly,
        ..budget("0.01")
    };
    let scene = scene([("team", free)]);
    scene.spend(1, CENT).unwrap();
    let advice = scene.tracker.advise(&call(2), &plan().profile).unwrap();
    assert!(advice.free_only);
    let mut costless = builders::planned("a/free", "direct");
    costless.candidate.worst = Usd::ZERO;
    let hold = scene
        .tracker
        .hold(&call(2), &builders::plan(vec![costless]))
        .unwrap();
    scene.tracker.settle(hold, costing(0));
    scene.spend(3, CENT).unwrap_err();
}

#[test]
fn what_is_free_goes_on_when_more_than_a_budget_is_spent() {
    let free = BudgetConfig {
        on_soft: OnSoft::FreeOnly,
        ..budget("0.01")
    };
    let scene = scene([("team", free)]);
    // An upstream may bill more than it can cost.
    let hold = scene.hold(&call(1)).unwrap();
    scene.tracker.settle(hold, costing(3 * CENT));
    let advice = scene.tracker.advise(&call(2), &plan().profile).unwrap();
    assert!(advice.free_only);
    let profile = advice.apply((*plan().profile).clone());
    assert_eq!(profile.ceiling, Some(Usd::ZERO), "nothing, and not less");
    assert_eq!(profile.share, Some(Usd::ZERO));
}

#[test]
fn what_calls_under_way_hold_may_be_free_again_soon() {
    let scene = scene([("team", budget("0.015"))]);
    let hold = scene.hold(&call(1)).unwrap();
    let refused = scene.hold(&call(2)).unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(1)));
    assert!(refused.hint().unwrap().contains("under way"));
    scene.tracker.settle(hold, costing(CENT));
    let refused = scene.hold(&call(3)).unwrap_err();
    assert!(refused.retry_after() > Some(Duration::from_secs(86_400)));
}

#[test]
fn an_upstream_that_bills_too_much_is_told_once() {
    let scene = scene([("team", budget("0.02"))]);
    scene.spend(1, 3 * CENT).unwrap();
    scene.spend(2, CENT).unwrap_err();
    let empty = scene.tracker.advise(&call(9), &plan().profile).unwrap_err();
    assert!(empty.to_string().contains("\"team\""), "{empty}");
    let events = scene.events.lock().unwrap();
    let over = events
        .iter()
        .filter(|event| matches!(event, Event::Overspent { .. }));
    assert_eq!(over.count(), 1);
    assert_eq!(scene.window("team", ""), (3 * CENT, 0));
}

#[tokio::test]
async fn budgets_go_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let start = |budgets: Vec<(&'static str, BudgetConfig)>| {
        let (path, config) = (path.clone(), config(budgets));
        async move {
            let store = Arc::new(SqliteStore::open(path, Durability::Default).await.unwrap());
            let tracker = UsageTracker::start(
                store,
                &config,
                Arc::new(noon),
                Arc::new(tollgate_core::Silent),
            );
            let early = tracker.hold(&call(99), &plan()).unwrap_err();
            assert_eq!(
                early.kind(),
                FailureKind::LedgerUnavailable,
                "before it is read"
            );
            tracker.recover().await.unwrap();
            tracker
        }
    };
    let spend = async |tracker: &UsageTracker, n, nanos| {
        let mut hold = tracker.hold(&call(n), &plan())?;
        tracker.dispatch(&mut hold, &attempt(n, 1, CENT)).await?;
        tracker.settle(hold, costing(nanos));
        Ok::<_, Failure>(())
    };
    let first = start(vec![("team", budget("0.025"))]).await;
    spend(&first, 1, CENT).await.unwrap();
    // One is under way when the process ends.
    let mut lost = first.hold(&call(2), &plan()).unwrap();
    first
        .dispatch(&mut lost, &attempt(2, 1, CENT))
        .await
        .unwrap();
    first.shutdown().await.unwrap();
    drop(first);

    // A budget that is new finds what was spent before it was there.
    let both = vec![("new", budget("0.035")), ("team", budget("0.025"))];
    let second = start(both.clone()).await;
    let spent = |tracker: &UsageTracker| -> Vec<_> {
        let windows = tracker.budgets().into_iter();
        windows
            .map(|(w, spent, _)| (w.budget.to_string(), spent.nanos()))
            .collect()
    };
    let expected = [("new".to_owned(), 2 * CENT), ("team".to_owned(), 2 * CENT)];
    assert_eq!(spent(&second), expected);
    spend(&second, 3, CENT).await.unwrap_err();
    second.shutdown().await.unwrap();
    drop(second);

    let third = start(both.clone()).await;
    assert_eq!(spent(&third), expected);
    third.shutdown().await.unwrap();
    drop(third);
    let store = SqliteStore::open_read_only(&path).await.unwrap();
    let uses = budget_uses(&config(both).budgets, &store, noon())
        .await
        .unwrap();
    let left: Vec<_> = uses
        .iter()
        .map(|one| (one.budget.as_str(), one.left().nanos()))
        .collect();
    assert_eq!(left, [("new", CENT + CENT / 2), ("team", CENT / 2)]);
}

#[tokio::test]
async fn a_budget_with_other_windows_knows_what_was_spent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let changed = |change: fn(&mut BudgetConfig)| {
        let mut one = budget("1");
        change(&mut one);
        config([("team", one)])
    };
    let configs = [
        changed(|_| {}),
        changed(|one| one.zone = Some("Europe/Berlin".into())),
        changed(|one| one.anchor = Some("15".into())),
        changed(|one| one.per = Per::Caller),
        changed(|one| one.window = Period::Lifetime),
    ];
    for (round, config) in configs.iter().enumerate() {
        let store = Arc::new(SqliteStore::open(&path, Durability::Default).await.unwrap());
        let tracker = UsageTracker::start(
            store.clone(),
            config,
            Arc::new(noon),
            Arc::new(tollgate_core::Silent),
        );
        tracker.recover().await.unwrap();
        if round == 0 {
            let mut hold = tracker.hold(&call(1), &plan()).unwrap();
            tracker
                .dispatch(&mut hold, &attempt(1, 1, 99 * CENT))
                .await
                .unwrap();
            tracker.settle(hold, costing(99 * CENT));
        } else {
            assert_eq!(
                tracker.budgets()[0].1.nanos(),
                99 * CENT,
                "{:?}",
                config.budgets
            );
        }
        tracker.flush().await.unwrap();
        let verified = store.verify().await.unwrap();
        assert!(verified.is_ok(), "{verified:?}");
        tracker.shutdown().await.unwrap();
    }
}

/// What may happen to one call.
#[derive(Debug, Clone)]
struct Story {
    caller: usize,
    attempts: Vec<(i64, Option<i64>)>,
    ends: usize,
}

prop_compose! {
    fn story()(
        caller in 0_usize..3,
        attempts in prop::collection::vec((1..2 * CENT, prop::option::of(0..CENT)), 0..4),
        ends in 0_usize..12,
    ) -> Story {
        Story { caller, attempts, ends }
    }
}

proptest! {
    /// Whatever calls do, in whatever order they end: never more is held and
    /// spent than the limit allows, nothing stays held, and what was spent is
    /// the sum of what was booked.
    #[test]
    fn no_story_overspends_or_leaks(stories in prop::collection::vec(story(), 1..60)) {
        let scene = scene([
            ("all", budget("0.30")),
            ("callers", per("0.12", Per::Caller)),
            ("models", per("0.25", Per::Model)),
        ]);
        let mut running: Vec<(usize, Story, Hold, Vec<_>)> = Vec::new();
        let mut booked = 0;
        for (n, story) in stories.into_iter().enumerate() {
            let mut call = call(n as u128 + 1);
            call.caller = CallerId::new(["ann", "bob", "eve"][story.caller]).unwrap();
            if let Ok(mut hold) = scene.hold(&call) {
                let mut ends = Vec::new();
                for (number, (worst, cost)) in (1..).zip(&story.attempts) {
                    if scene.dispatch(&mut hold, &attempt(call.id.as_u128(), number, *worst)).is_err() {
                        break;
                    }
                    let cost = cost.map(|cost| (cost.min(*worst), CostSource::Reported));
                    hold.keep(usd(cost.map_or(0, |(cost, _)| cost)));
                    booked += cost.map_or(0, |(cost, _)| cost);
                    ends.push(record(number, cost));
                }
                running.push((n + story.ends, story, hold, ends));
            }
            let (over, rest): (Vec<_>, Vec<_>) = running.into_iter().partition(|one| one.0 <= n);
            running = rest;
            for (_, _, hold, ends) in over {
                scene.tracker.settle(hold, outcome(ends));
            }
            for ((budget, _), (spent, held)) in scene.windows() {
                let limit = match budget.as_str() { "all" => 30, "callers" => 12, _ => 25 };
                prop_assert!(spent + held <= limit * CENT, "{budget}: {spent} + {held}");
            }
        }
        for (_, _, hold, ends) in running {
            scene.tracker.settle(hold, outcome(ends));
        }
        let sums = |name: &str| {
            let windows = scene.windows();
            let named = windows.iter().filter(|((budget, _), _)| budget == name);
            named.fold((0, 0), |sum, (_, (spent, held))| (sum.0 + spent, sum.1 + held))
        };
        prop_assert_eq!(sums("all"), (booked, 0));
        prop_assert_eq!(sums("callers"), (booked, 0));
        prop_assert_eq!(sums("models"), (booked, 0));
    }
}
