//! What holds whatever the upstreams do.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use tollgate_core::{AttemptEnd, CostSource, Delivery, FailureKind, Scope, Usd};
use tollgate_testkit::providers::{
    Entry, Fault, Script, ScriptedProvider, body_frame, role_frame, served_text_frame,
};

use super::{Rig, hear};

/// What one upstream does, each time it is asked.
#[derive(Debug, Clone)]
enum Doing {
    Answer,
    Refuse(Fault),
    CutBefore(Fault),
    CutAfter(Fault),
    Stall,
    Comments,
}

impl Doing {
    /// The script; every text that it sends is the model's own name.
    fn script(self, delivery: Delivery, model: &str) -> Script {
        let text = || served_text_frame(model, model);
        match self {
            Self::Answer if delivery == Delivery::Whole => Script::new().frame(body_frame(model)),
            Self::Answer => Script::answer(&[model]),
            Self::Refuse(fault) => Script::refuse(fault),
            Self::CutBefore(fault) => Script::new().frame(role_frame()).cut(fault),
            Self::CutAfter(fault) => Script::new().frame(text()).cut(fault),
            Self::Stall => Script::unreachable(),
            Self::Comments => Script::new().keep_alives(1_000, Duration::from_secs(7)),
        }
    }
}

/// Mostly failures: one good upstream hides all the others.
fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        2 => Just(Doing::Answer),
        4 => fault().prop_map(Doing::Refuse),
        2 => fault().prop_map(Doing::CutBefore),
        2 => fault().prop_map(Doing::CutAfter),
        1 => Just(Doing::Stall),
        1 => Just(Doing::Comments),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let kind = prop::sample::select(vec![
        FailureKind::Connect,
        FailureKind::Interrupted,
        FailureKind::InvalidRequest,
        FailureKind::NotFound,
        FailureKind::ContextLength,
        FailureKind::Auth,
        FailureKind::RateLimited,
        FailureKind::Upstream,
        FailureKind::BadReply,
        FailureKind::Truncated,
    ]);
    let scope = prop::option::weighted(0.2, Just(Scope::Key));
    (
        kind,
        prop::option::of(400_u16..600),
        prop::option::of(0_u64..40),
        scope,
    )
        .prop_map(|(kind, status, after, scope)| {
            let fault = Fault::new(kind);
            let fault = status.into_iter().fold(fault, Fault::status);
            let fault = after
                .map(Duration::from_secs)
                .into_iter()
                .fold(fault, Fault::retry_after);
            scope.into_iter().fold(fault, Fault::scope)
        })
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop::sample::select(vec![Delivery::Stream, Delivery::Whole])
}

async fn check(doings: Vec<Vec<Doing>>, delivery: Delivery, calls: usize) {
    let lanes = ["openrouter", "openrouter", "openrouter", "direct", "other"];
    let models = ["a/1", "b/2", "c/3", "d/4", "e/5"];
    let candidates: Vec<_> = lanes
        .iter()
        .zip(models)
        .map(|(lane, model)| format!("{lane} {model}"))
        .collect();
    let candidates: Vec<_> = candidates.iter().map(String::as_str).collect();
    let provider = doings.into_iter().zip(lanes.iter().zip(models)).fold(
        ScriptedProvider::new(),
        |provider, (doings, (lane, model))| {
            doings.into_iter().fold(provider, |provider, doing| {
                provider.on(lane, model, doing.script(delivery, model))
            })
        },
    );
    let mut rig = Rig::new(&candidates, provider);
    rig.call.delivery = delivery;

    for _ in 0..calls {
        let entries_before = rig.journal.entries().len();
        let mut hold = rig.hold();
        let result = rig.run_on(&mut hold, &rig.provider).await;
        let entries = rig.journal.entries().split_off(entries_before);

        // Each attempt is recorded, then sent; never more than four, never
        // more than two of one candidate as the wanted one.
        let mut tries = HashMap::new();
        for (index, pair) in entries.chunks(2).enumerate() {
            let [
                Entry::Dispatched { number, held, .. },
                Entry::Sent { attempt, .. },
            ] = pair
            else {
                panic!("{pair:?}");
            };
            assert_eq!((*number, attempt.number), (index as u32 + 1, *number));
            assert!(*held >= attempt.worst);
            *tries
                .entry((attempt.lane.clone(), attempt.models[0].clone()))
                .or_insert(0) += 1;
        }
        assert!(entries.len() <= 2 * 4, "{entries:?}");
        assert!(tries.values().all(|tries| *tries <= 2), "{tries:?}");

        let failed = match &result {
            Ok(won) => &won.failed,
            Err(exhausted) => &exhausted.failed,
        };
        assert!(
            failed
                .iter()
                .all(|record| matches!(record.end, AttemptEnd::Failed { .. }))
        );
        let numbers: Vec<_> = failed.iter().map(|record| record.number as usize).collect();
        assert_eq!(numbers, (1..=failed.len()).collect::<Vec<_>>());
        let kept: Usd = failed
            .iter()
            .filter_map(|record| record.cost)
            .map(|cost| cost.amount())
            .sum();
        assert_eq!(hold.needed_for(Usd::ZERO), kept);
        assert!(
            failed
                .iter()
                .filter_map(|record| record.cost)
                .all(|cost| cost.source != CostSource::Reported)
        );

        match result {
            Ok(won) => {
                assert_eq!(entries.len(), 2 * (won.failed.len() + 1));
                let wanted = models[won.place];
                let heard = hear(won).await;
                // One model's answer, whole or honestly cut.
                assert_eq!(heard.text, wanted);
                if let Some(broke) = heard.broke {
                    assert_eq!(delivery, Delivery::Stream);
                    assert_eq!(broke.kind(), FailureKind::Truncated);
                    assert!(!broke.is_retryable());
                }
            }
            Err(exhausted) => {
                assert_eq!(entries.len(), 2 * exhausted.failed.len());
                assert!(!exhausted.failure.is_retryable());
            }
        }
        assert_eq!(rig.provider.open(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_walk_is_bounded_recorded_and_honest(
        doings in prop::collection::vec(prop::collection::vec(doing(), 1..4), 5),
        delivery in delivery(),
        calls in 1_usize..12,
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(check(doings, delivery, calls));
    }
}
