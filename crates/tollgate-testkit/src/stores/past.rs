//! Single calls that have ended.

use tollgate_core::{
    AttemptEnd, CallerId, CostSource, Ended, FailureKind, LedgerEvent, Receipt, TokenUsage,
};

use super::{SharedStore, adjust, append, credits, dispatch, generation, hold, later, settle};
use crate::builders::{facts, model, record};

async fn find(store: &SharedStore, caller: &CallerId, id: &str) -> Option<Receipt> {
    let found = store.past_call(caller, id).await;
    found.expect("the store looks calls up")
}

pub(super) async fn a_call_is_found_by_its_caller_alone(store: SharedStore) {
    let (mine, mut theirs) = (facts(1), facts(2));
    theirs.caller = CallerId::new("somebody-else").expect("a literal in a test is a valid id");
    for facts in [&mine, &theirs] {
        let mut answered = record(1, "a/one", 100);
        answered.served.generation = Some(generation("gen-the-same"));
        append(&store, &[settle(facts, answered)]).await;
    }
    for facts in [&mine, &theirs] {
        let by_generation = find(&store, &facts.caller, "gen-the-same").await;
        let by_call = find(&store, &facts.caller, &facts.call.to_string()).await;
        for found in [by_generation, by_call] {
            assert_eq!(found.map(|receipt| receipt.facts).as_ref(), Some(facts));
        }
    }
    for id in [
        &theirs.call.to_string(),
        "gen-other",
        "",
        "' OR 1=1 --",
        "%",
    ] {
        assert_eq!(find(&store, &mine.caller, id).await, None, "{id}");
    }
    let running = crate::builders::facts(3);
    append(&store, &[hold(&running), dispatch(&running, 1, later(1))]).await;
    let id = running.call.to_string();
    assert_eq!(find(&store, &running.caller, &id).await, None, "it runs");
}

pub(super) async fn a_call_is_told_as_it_counts_now(store: SharedStore) {
    let mut facts = facts(1);
    facts.tags = vec![("team".into(), "re\"d".into())];
    let mut failed = record(1, "a/one", 0);
    failed.cost = None;
    failed.end = AttemptEnd::Failed {
        kind: FailureKind::RateLimited,
        status: Some(429),
        message: "later".into(),
    };
    failed.took_ms = 30;
    let mut answered = record(2, "a/one", 100);
    answered.served.model = Some(model("a/one-dated"));
    answered.served.generation = Some(generation("gen-1"));
    answered.started_ms = 40;
    answered.first_token_ms = Some(5);
    answered.took_ms = 60;
    let LedgerEvent::Hold { amount, .. } = hold(&facts) else {
        unreachable!("it makes nothing else")
    };
    let ends = [failed.clone(), answered.clone()].map(|record| settle(&facts, record));
    append(&store, &[hold(&facts)]).await;
    append(&store, &ends).await;
    let found = find(&store, &facts.caller, "gen-1").await;
    let expected = Receipt {
        facts: facts.clone(),
        ended: Ended::Complete,
        took_ms: 100,
        held: amount,
        attempts: vec![failed, answered],
    };
    assert_eq!(found.as_ref(), Some(&expected));

    let learned = TokenUsage {
        input: 11,
        output: 22,
        ..TokenUsage::default()
    };
    append(&store, &[settle(&facts, record(3, "a/one", 1))]).await;
    let mut adjusted = adjust(&facts, 1, 70, Some(learned));
    if let LedgerEvent::Adjust { attempt, .. } = &mut adjusted {
        *attempt = 2;
    }
    append(&store, &[adjusted]).await;
    let found = find(&store, &facts.caller, "gen-1").await;
    let answered = &found.as_ref().map(|receipt| &receipt.attempts[1]);
    assert_eq!(
        answered.map(|answered| (answered.cost, answered.tokens)),
        Some((Some(credits(70, CostSource::Reconciled)), learned))
    );
}

pub(super) async fn a_call_ended_as_its_caller_saw_it(store: SharedStore) {
    let failed = || AttemptEnd::Failed {
        kind: FailureKind::RateLimited,
        status: None,
        message: "later".into(),
    };
    let cut = || AttemptEnd::Cut {
        kind: FailureKind::Truncated,
        message: "broken off".into(),
    };
    let rejected = || AttemptEnd::Rejected {
        message: "empty".into(),
    };
    let cases = [
        (vec![AttemptEnd::Complete, failed()], Ended::Complete),
        (vec![rejected(), AttemptEnd::Complete], Ended::Complete),
        (vec![cut(), failed()], Ended::Cut(FailureKind::Truncated)),
        (vec![rejected(), failed()], Ended::Abandoned),
        (
            vec![failed(), AttemptEnd::Outrun],
            Ended::Failed(FailureKind::RateLimited),
        ),
    ];
    for (number, (ends, expected)) in (1..).zip(cases) {
        let facts = facts(number);
        for (attempt, end) in (1..).zip(ends) {
            let mut record = record(attempt, "a/one", 100);
            record.end = end;
            append(&store, &[settle(&facts, record)]).await;
        }
        let found = find(&store, &facts.caller, &facts.call.to_string()).await;
        let ended = found.map(|receipt| receipt.ended);
        assert_eq!(ended, Some(expected), "case {number}");
    }
}
