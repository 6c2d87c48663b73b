//! How many series there are, whatever is counted.

use tollgate::{
    AttemptEnd, AttemptRecord, Billing, Breaker, BudgetWindow, CallFacts, CallId, CallerId, Cost,
    CostSource, Doubt, Ended, Event, FailureKind, Gateway, LaneId, ModelId, Observer, Receipt,
    Served, Spot, Task, Timestamp, TokenUsage, Usd,
};
use tollgate_server::Metrics;

use crate::metrics::{CANARY, config};
use crate::openmetrics::Page;
use crate::support::MODEL;

fn receipt(lane: &str, model: &str, tag: &str) -> Receipt {
    let attempt = AttemptRecord {
        number: 1,
        lane: LaneId::new(lane).unwrap(),
        billing: Billing::Credits,
        requested: ModelId::new(model).unwrap(),
        served: Served::default(),
        started_ms: 0,
        first_token_ms: Some(300),
        took_ms: 2_000,
        end: AttemptEnd::Complete,
        tokens: TokenUsage {
            input: 10,
            cache_read: 1,
            output: 5,
            reasoning: 2,
            ..TokenUsage::default()
        },
        cost: Some(Cost::paid_by(
            Billing::Credits,
            Usd::from_nanos(7),
            CostSource::Reported,
        )),
    };
    Receipt {
        facts: CallFacts {
            call: CallId::from_u128(1),
            caller: CallerId::new(tag).unwrap(),
            at: Timestamp::default(),
            requested: tag.to_owned(),
            task: Task::Chat,
            policy: model.to_owned(),
            tags: vec![(tag.to_owned(), tag.to_owned())],
        },
        ended: Ended::Complete,
        took_ms: 2_100,
        held: Usd::ZERO,
        attempts: vec![attempt],
    }
}

#[tokio::test]
async fn ten_thousand_models_and_lanes_make_no_more_series_than_the_first_few() {
    let config = config("http://127.0.0.1:9", "[catalog]\noffline = true\n");
    let metrics = Metrics::new();
    let gateway = Gateway::builder(config).seed(7).build().await.unwrap();
    let flood = |names: std::ops::Range<u32>| {
        for name in names {
            let (model, lane) = (format!("author/model-{name}"), format!("lane-{name}"));
            for lane in [&lane, "openrouter"] {
                let receipt = receipt(lane, &model, CANARY);
                metrics.on(&Event::Settled { receipt });
            }
            let spot = Spot::Endpoint {
                lane: LaneId::new(&lane).unwrap(),
                model: ModelId::new(&model).unwrap(),
            };
            metrics.on(&Event::Alarm {
                spot: spot.clone(),
                what: CANARY.to_owned(),
            });
            metrics.on(&Event::BreakerChanged {
                spot,
                breaker: Breaker::Open,
                why: CANARY.to_owned(),
            });
        }
    };
    let page = || {
        let text = metrics.text(&gateway);
        assert!(!text.contains(CANARY));
        Page::parse(&text)
    };
    flood(0..1_000);
    let early = page();
    flood(1_000..10_000);
    let late = page();
    assert_eq!(early.len(), late.len());
    assert!(late.len() < 20_000, "{}", late.len());
    // The first 200 pairs, 100 models each on two lanes, and the rest.
    assert!(late.values("model").len() <= 201);
    assert!(late.values("lane").len() <= 65);
    assert!(late.values("model").contains("other"));
    // Nothing is lost by sharing a series.
    assert_eq!(late.sum("tollgate_cost_nanodollars_total", &[]), 140_000);
    assert_eq!(late.sum("tollgate_tokens_total", &[]), 20_000 * 16);
    let class = |class| late.sum("tollgate_tokens_total", &[("class", class)]);
    assert_eq!((class("output"), class("reasoning")), (60_000, 40_000));
    assert_eq!(late.sum("tollgate_alarms_total", &[]), 10_000);
}

#[tokio::test]
async fn every_event_has_its_counter() {
    let config = config("http://127.0.0.1:9", "[catalog]\noffline = true\n");
    let metrics = Metrics::new();
    let gateway = Gateway::builder(config).seed(7).build().await.unwrap();
    let call = CallId::from_u128(1);
    let window = window_with_escapes();
    let mut cut = receipt("openrouter", MODEL, "someone");
    cut.ended = Ended::Cut(FailureKind::Truncated);
    let broken = cut.attempts[0].clone();
    for event in [
        Event::Settled { receipt: cut },
        Event::Hedged {
            call,
            attempt: 1,
            waited_ms: 9,
        },
        Event::Rejoined {
            call,
            record: broken,
            anew: true,
        },
        Event::Doubted {
            call,
            attempt: 1,
            lane: LaneId::new("openrouter").unwrap(),
            generation: None,
            doubts: [Doubt::Parts, Doubt::Total].into_iter().collect(),
            earlier: None,
        },
        Event::BudgetWarned {
            window: window.clone(),
            used: Usd::ZERO,
            limit: Usd::ZERO,
        },
        Event::Overspent {
            window,
            spent: Usd::ZERO,
            limit: Usd::ZERO,
        },
        Event::Catalog {
            what: CANARY.to_owned(),
            taken: false,
        },
    ] {
        metrics.on(&event);
    }
    let page = Page::parse(&metrics.text(&gateway));
    for (name, label) in [
        ("tollgate_calls_total", ("kind", "upstream_truncated")),
        ("tollgate_hedges_total", ("kind", "")),
        ("tollgate_rejoins_total", ("kind", "anew")),
        ("tollgate_doubts_total", ("kind", "parts")),
        ("tollgate_doubts_total", ("kind", "total")),
        ("tollgate_budget_warnings_total", ("budget", "a \"b\"\\")),
        ("tollgate_budget_overspends_total", ("budget", "a \"b\"\\")),
        ("tollgate_catalog_refreshes_total", ("kind", "refused")),
    ] {
        assert_eq!(page.sum(name, &[label]), 1, "{name} {label:?}");
    }
}

/// A window whose name needs every escape.
fn window_with_escapes() -> BudgetWindow {
    BudgetWindow {
        budget: "a \"b\"\\".into(),
        key: CANARY.into(),
        start: Timestamp::default(),
    }
}
