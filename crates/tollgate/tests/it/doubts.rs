//! Reports of upstreams that cannot be right: what is booked, and who hears of it.

use std::sync::Arc;

use tollgate::{
    Billing, CallId, Cost, CostSource, Doubt, Doubts, Event, Facts, Frame, FrameKind, GenerationId,
    Receipt, Served, StreamMode, TokenUsage, UsageReport, Usd,
};
use tollgate_core::{Observed, Timestamp, book};
use tollgate_testkit::builders::planned;
use tollgate_testkit::providers::{Script, ScriptedProvider, finish_frame, text_frame};

use crate::rig::{Rig, ask, hear};

/// An upstream's last event.
fn report(generation: &str, tokens: (u64, u64), nanos: Option<i64>, doubts: &[Doubt]) -> Frame {
    let usage = UsageReport {
        tokens: TokenUsage {
            input: tokens.0,
            output: tokens.1,
            ..TokenUsage::default()
        },
        cost: nanos.map(|nanos| {
            Cost::paid_by(
                Billing::Credits,
                Usd::from_nanos(nanos),
                CostSource::Reported,
            )
        }),
        billing: None,
        doubts: doubts.iter().copied().collect(),
    };
    let served = Served {
        generation: Some(GenerationId::new(generation).unwrap()),
        ..Served::default()
    };
    Frame {
        kind: FrameKind::Event,
        data: r#"{"choices":[]}"#.into(),
        facts: Facts {
            usage: Some(Box::new(usage)),
            served: Some(Box::new(served)),
            ..Facts::default()
        },
    }
}

fn answer(last: Frame) -> Script {
    Script::new().frames([
        text_frame("Hello there"),
        finish_frame(),
        last,
        Frame::done(),
    ])
}

#[test]
fn the_fee_on_an_own_key_is_owed_to_whoever_runs_the_lane() {
    for (billing, credits, provider) in [
        (Billing::Credits, 21_000, 0),
        (Billing::Byok, 1_000, 20_000),
        (Billing::Direct, 0, 21_000),
    ] {
        let mut planned = planned("a/one", "openrouter");
        let lane = Arc::make_mut(&mut planned.lane);
        lane.billing = billing;
        lane.fee_basis_points = 500;
        let usage = UsageReport {
            tokens: TokenUsage {
                input: 10,
                output: 5,
                ..TokenUsage::default()
            },
            cost: None,
            billing: None,
            doubts: Doubts::default(),
        };
        let observed = Observed {
            usage: Some(&usage),
            ..Observed::default()
        };
        let worst = planned.candidate.worst;
        let (_, cost) = book(&planned, 10, Timestamp::from_secs(0), worst, observed);
        let cost = cost.unwrap();
        let owed = (cost.credits.nanos(), cost.provider.nanos());
        assert_eq!(
            (owed, cost.source),
            ((credits, provider), CostSource::Computed)
        );
    }
}

type Told = (CallId, Doubts, Option<CallId>);

/// The receipts of that many calls, and the doubts that were told.
async fn calls(script: Script, count: usize) -> (Vec<Receipt>, Vec<Told>) {
    let provider = ScriptedProvider::new().on("openrouter", "a/one", script);
    let rig = Rig::new(provider).await;
    let mut receipts = Vec::new();
    for _ in 0..count {
        let mut answer = rig.stream(ask(StreamMode::Stream)).await;
        assert!(hear(&mut answer).await.broke.is_none());
        receipts.push(answer.receipt().unwrap().clone());
    }
    let told = rig.heard(|event| match event {
        Event::Doubted {
            call,
            doubts,
            earlier,
            ..
        } => Some((*call, *doubts, *earlier)),
        _ => None,
    });
    (receipts, told)
}

#[tokio::test]
async fn the_best_that_can_be_trusted_is_booked_and_told_once() {
    const CENTS: i64 = 10_000_000;
    let parts = &[Doubt::Parts, Doubt::Total];
    for (tokens, nanos, seen, source, output, doubts) in [
        ((10, 5), Some(700), &[][..], CostSource::Reported, 5, ""),
        (
            (10, 5),
            Some(700),
            parts,
            CostSource::Reported,
            5,
            "parts, total",
        ),
        (
            (10, 5),
            None,
            &[Doubt::Figure],
            CostSource::Estimated,
            5,
            "figure",
        ),
        (
            (10, 5),
            Some(900 * CENTS),
            &[],
            CostSource::Estimated,
            5,
            "far_above_worst",
        ),
        (
            (1 << 40, 5),
            Some(700),
            &[],
            CostSource::Reported,
            3,
            "too_many_tokens",
        ),
        (
            (1 << 40, 5),
            None,
            &[],
            CostSource::Estimated,
            3,
            "too_many_tokens",
        ),
        (
            (0, 0),
            None,
            &[Doubt::Unreadable],
            CostSource::Estimated,
            3,
            "unreadable, too_few",
        ),
        ((0, 0), None, &[], CostSource::Estimated, 3, "too_few"),
        ((10, 0), None, &[], CostSource::Estimated, 3, "too_few"),
        ((0, 0), Some(0), &[], CostSource::Reported, 0, ""),
    ] {
        let (receipts, told) = calls(answer(report("gen-1", tokens, nanos, seen)), 1).await;
        let attempt = &receipts[0].attempts[0];
        let cost = attempt.cost.unwrap();
        assert_eq!(
            (cost.source, attempt.tokens.output_total()),
            (source, output),
            "{doubts}"
        );
        if source == CostSource::Reported {
            assert_eq!(Some(cost.amount().nanos()), nanos, "{doubts}");
        } else {
            assert!((1..CENTS).contains(&cost.amount().nanos()), "{doubts}");
        }
        let told: Vec<_> = told
            .iter()
            .map(|(_, doubts, _)| doubts.to_string())
            .collect();
        let expected: Vec<_> = (!doubts.is_empty())
            .then(|| doubts.to_owned())
            .into_iter()
            .collect();
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn a_generation_is_paid_once() {
    let (receipts, told) = calls(answer(report("gen-1", (10, 5), Some(700), &[])), 3).await;
    let costs: Vec<_> = receipts
        .iter()
        .map(|receipt| receipt.attempts[0].cost.map(|cost| cost.amount().nanos()))
        .collect();
    assert_eq!(costs, [Some(700), None, None]);
    let first = receipts[0].facts.call;
    let again = |receipt: &Receipt| {
        let doubts = [Doubt::Repeated].into_iter().collect();
        (receipt.facts.call, doubts, Some(first))
    };
    assert_eq!(told, [again(&receipts[1]), again(&receipts[2])]);
}

#[tokio::test]
async fn servers_without_figures_may_give_all_answers_one_name() {
    let (receipts, told) = calls(answer(report("chatcmpl-0", (10, 5), None, &[])), 3).await;
    for receipt in receipts {
        assert_eq!(receipt.cost().unwrap().source, CostSource::Computed);
    }
    assert!(told.is_empty());
}

#[test]
fn each_answer_that_was_asked_for_has_a_window_of_its_own() {
    let mut planned = planned("a/b", "direct");
    planned.window = 8_192;
    let report = UsageReport {
        tokens: TokenUsage {
            input: 100,
            output: 20_000,
            ..TokenUsage::default()
        },
        cost: None,
        billing: None,
        doubts: Doubts::default(),
    };
    let mut is_doubted = |answers| {
        planned.quote.answers = answers;
        let doubts = tollgate_core::doubts(&report, &planned, Usd::MAX, 60_000);
        doubts.contains(Doubt::TooManyTokens)
    };
    assert_eq!([1, 8].map(&mut is_doubted), [true, false]);
}
