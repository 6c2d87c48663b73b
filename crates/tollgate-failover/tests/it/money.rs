use tollgate_core::{
    Attempt, AttemptEnd, BoxFuture, Call, CostSource, Failover, Failure, FailureKind, Hold, Ledger,
    Outcome, Plan, Receipt, Trip, Usd,
};
use tollgate_testkit::providers::{
    Entry, NullLedger, Script, ScriptedProvider, finish_frame, role_frame, usage_frame,
};

use super::{Rig, fault, secs};

const CENT: Usd = Usd::from_nanos(10_000_000);

/// The hold after a walk whose first attempt fails that way, and how that
/// attempt was booked.
async fn after(script: Script) -> (Hold, Option<(Usd, CostSource)>) {
    let provider =
        ScriptedProvider::new()
            .on("p", "a/1", script)
            .on("q", "b/2", Script::answer(&["Hello"]));
    let rig = Rig::new(&["p a/1", "q b/2"], provider);
    let mut hold = rig.hold();
    let won = rig.run_on(&mut hold, &rig.provider).await.unwrap();
    let cost = won.failed[0].cost;
    (hold, cost.map(|cost| (cost.amount(), cost.source)))
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_unknown_cost_keeps_its_worst_case_held() {
    for kind in [
        FailureKind::Interrupted,
        FailureKind::Upstream,
        FailureKind::Silent,
    ] {
        let (hold, cost) = after(Script::refuse(fault(kind))).await;
        assert_eq!(cost, Some((CENT, CostSource::WorstCase)));
        assert_eq!(hold.needed_for(Usd::ZERO), CENT);
        assert_eq!(hold.amount(), CENT + CENT, "both attempts fit side by side");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_surely_was_not_billed_keeps_nothing() {
    for kind in [
        FailureKind::Connect,
        FailureKind::RateLimited,
        FailureKind::Auth,
    ] {
        let (hold, cost) = after(Script::refuse(fault(kind))).await;
        assert_eq!(cost, None);
        assert_eq!(
            (hold.needed_for(Usd::ZERO), hold.amount()),
            (Usd::ZERO, CENT)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_reported_its_use_keeps_what_that_costs() {
    let script = Script::new()
        .frame(role_frame())
        .frame(finish_frame())
        .frame(usage_frame(1_000, 500))
        .cut(fault(FailureKind::BadReply));
    let (hold, cost) = after(script).await;
    // 1,000 tokens at 1 and 500 at 2 dollars per million.
    let amount = Usd::from_nanos(2_000_000);
    assert_eq!(cost, Some((amount, CostSource::Computed)));
    assert_eq!(hold.needed_for(Usd::ZERO), amount);
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_reports_before_it_breaks_off_is_not_the_whole() {
    let script = Script::new()
        .frame(role_frame())
        .frame(usage_frame(10, 1))
        .cut(fault(FailureKind::BadReply));
    let (hold, cost) = after(script).await;
    assert_eq!(cost, Some((CENT, CostSource::WorstCase)));
    assert_eq!(hold.needed_for(Usd::ZERO), CENT);
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_that_ended_reports_the_whole() {
    let (_, cost) = after(Script::new().frame(usage_frame(1_000, 0))).await;
    let amount = Usd::from_nanos(1_000_000);
    assert_eq!(cost, Some((amount, CostSource::Computed)));
}

#[tokio::test(start_paused = true)]
async fn the_ledger_hears_of_each_attempt_before_it_is_sent() {
    let provider = ScriptedProvider::new()
        .on("p", "a/1", Script::refuse(fault(FailureKind::Interrupted)))
        .on("q", "b/2", Script::answer(&["Hello"]));
    let rig = Rig::new(&["p a/1", "q b/2"], provider);
    rig.run().await.unwrap();
    let story: Vec<_> = rig
        .journal
        .entries()
        .iter()
        .map(|entry| match entry {
            Entry::Dispatched { number, .. } => format!("dispatched {number}"),
            Entry::Sent { attempt, .. } => format!("sent {}", attempt.number),
            Entry::Settled(_) => "settled".to_owned(),
        })
        .collect();
    assert_eq!(story, ["dispatched 1", "sent 1", "dispatched 2", "sent 2"]);
}

#[tokio::test(start_paused = true)]
async fn when_the_ledger_has_no_room_a_cheaper_candidate_is_tried() {
    let provider = ScriptedProvider::new()
        .on("p", "a/1", Script::answer(&["dear"]))
        .on("r", "c/3", Script::answer(&["cheap"]));
    let mut rig = Rig::new(&["p a/1", "q b/2", "r c/3"], provider);
    let mut candidates: Vec<_> = rig.plan.candidates().cloned().collect();
    candidates[0].candidate.worst = Usd::from_nanos(30_000_000);
    candidates[1].candidate.worst = Usd::from_nanos(40_000_000);
    rig.plan = tollgate_testkit::builders::plan(candidates);
    rig.ledger = rig.ledger.with_limit(Usd::from_nanos(20_000_000));
    let won = rig.run().await.unwrap();
    assert_eq!((won.place, won.running.number), (2, 1));
    assert_eq!(rig.sent(), ["r c/3"]);

    rig.ledger = rig.ledger.with_limit(Usd::from_nanos(1));
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(exhausted.failure.kind(), FailureKind::BudgetExceeded);
    assert_eq!(rig.sent().len(), 1, "nothing more was sent");
}

#[tokio::test(start_paused = true)]
async fn when_a_second_hold_does_not_fit_the_first_failure_is_shown() {
    let provider = ScriptedProvider::new()
        .on("p", "a/1", Script::refuse(fault(FailureKind::Interrupted)))
        .on("q", "b/2", Script::answer(&["Hello"]));
    let mut rig = Rig::new(&["p a/1", "q b/2"], provider);
    rig.ledger = rig.ledger.with_limit(CENT);
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(exhausted.failure.kind(), FailureKind::Interrupted);
    assert_eq!(rig.sent(), ["p a/1"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_of_unknown_cost_leaves_of_the_ceiling_shortens_the_next_answer() {
    let provider = ScriptedProvider::new()
        .on("p", "a/1", Script::refuse(fault(FailureKind::Silent)))
        .on("q", "b/2", Script::answer(&["Hello"]));
    let mut rig = Rig::new(&["p a/1", "q b/2"], provider);
    let ceiling = Usd::from_nanos(15_000_000);
    let mut profile = (*rig.plan.profile).clone();
    profile.ceiling = Some(ceiling);
    rig.plan.profile = profile.into();
    rig.ledger = rig.ledger.with_limit(ceiling);
    let won = rig.run().await.unwrap();
    // One cent may be gone, and half a cent is left: at 2 dollars per million,
    // 2,480 tokens beside the prompt of at most 40 at 1 dollar.
    let second = rig.provider.sent()[1].clone();
    assert_eq!(second.max_output, Some(2_480));
    assert_eq!(won.worst, Usd::from_nanos(5_000_000));
}

/// A ledger that cannot record, or never comes back.
struct Broken {
    hangs: bool,
    inner: NullLedger,
}

impl Ledger for Broken {
    fn hold(&self, call: &Call, plan: &Plan) -> Result<Hold, Failure> {
        self.inner.hold(call, plan)
    }
    fn dispatch<'a>(
        &'a self,
        _: &'a mut Hold,
        _: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            Err(Failure::new(
                FailureKind::LedgerUnavailable,
                "the disk is full",
            ))
        })
    }
    fn settle(&self, hold: Hold, outcome: Outcome) -> Receipt {
        self.inner.settle(hold, outcome)
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recorded_is_not_sent() {
    for (hangs, kind) in [
        (false, FailureKind::LedgerUnavailable),
        (true, FailureKind::Deadline),
    ] {
        let provider = ScriptedProvider::new().on("p", "a/1", Script::answer(&["Hello"]));
        let rig = Rig::new(&["p a/1"], provider).timeout(secs(10));
        let ledger = Broken {
            hangs,
            inner: NullLedger::new(),
        };
        let Rig {
            call,
            plan,
            provider,
            manager,
            ..
        } = &rig;
        let mut hold = rig.hold();
        let trip = Trip::new(call, plan, &mut hold, &ledger, provider);
        let exhausted = manager.run(trip).await.unwrap_err();
        assert_eq!(exhausted.failure.kind(), kind);
        assert!(rig.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_answer_counts_as_abandoned_until_somebody_ends_it() {
    let provider = ScriptedProvider::new().on("p", "a/1", Script::answer(&["Hello"]));
    let rig = Rig::new(&["p a/1"], provider);
    let won = rig.run().await.unwrap();
    assert_eq!(
        (won.running.end, won.running.cost),
        (AttemptEnd::Abandoned, None)
    );
    assert_eq!(won.worst, CENT);
}
