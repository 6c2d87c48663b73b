use tollgate_core::{Price, Rate, Timestamp};
use tollgate_policy_balanced::Balanced;
use tollgate_policy_cheapest::Cheapest;
use tollgate_testkit::builders;

use super::*;

/// Dollars per million tokens, and milliseconds to the first token.
fn endpoint(tag: &str, dollars: f64, first_token_ms: f32) -> Endpoint {
    Endpoint {
        can: Capabilities::TOOLS,
        tokens_per_second: Some(100.0),
        ..builders::endpoint(tag, dollars, first_token_ms)
    }
}

struct Case {
    profile: CallProfile,
    planned: Planned,
    age_minutes: i64,
    list: Vec<Endpoint>,
}

/// A call that may cost ten dollars per million tokens.
fn case(list: impl IntoIterator<Item = Endpoint>) -> Case {
    let mut planned = builders::planned("a/b", "openrouter");
    let ten = Rate::from_attos(10_000_000_000_000);
    planned.pricing = Pricing::Known(Price {
        base: Rates {
            input: ten,
            output: ten,
            ..Rates::default()
        },
        overrides: Vec::new(),
    });
    Case {
        profile: builders::profile(),
        planned,
        age_minutes: 0,
        list: list.into_iter().collect(),
    }
}

impl Case {
    fn choice(&self, policy: &dyn RoutingPolicy) -> EndpointChoice {
        let as_of = self.profile.at.millis() - self.age_minutes * 60_000;
        let endpoints = Endpoints::new(Timestamp::from_millis(as_of), self.list.clone());
        choice(policy, &self.profile, &self.planned, &endpoints).unwrap()
    }

    fn order(&self, policy: &dyn RoutingPolicy) -> Vec<String> {
        let order = self.choice(policy).preferences.order;
        order.iter().map(|tag| tag.to_string()).collect()
    }

    fn reason(&self) -> &'static str {
        match self.choice(&Balanced::default()).why {
            EndpointReason::Callers => "callers",
            EndpointReason::Warm => "warm",
            EndpointReason::OwnKeys => "own keys",
            EndpointReason::Variant => "variant",
            EndpointReason::Stale { .. } => "stale",
            EndpointReason::NoChoice { .. } => "no choice",
            EndpointReason::Better { .. } => "better",
            EndpointReason::Alike { .. } => "alike",
            EndpointReason::Tools { .. } => "tools",
            _ => "something new",
        }
    }
}

fn fast_and_slow() -> [Endpoint; 3] {
    [
        endpoint("cheap", 1.0, 9_000.0),
        endpoint("fast", 1.1, 500.0),
        endpoint("dear", 1.3, 400.0),
    ]
}

#[test]
fn the_policy_of_the_call_orders_the_endpoints() {
    let case = case(fast_and_slow());
    let cheapest = Cheapest::default();
    assert_eq!(case.order(&cheapest), ["cheap", "fast", "dear"]);
    assert_eq!(case.order(&Balanced::default()), ["fast", "dear", "cheap"]);
}

#[test]
fn the_reason_has_the_figures_of_the_first_and_of_a_draw() {
    let choice = case([
        endpoint("slow", 1.0, 3_000.0),
        endpoint("fast", 1.0, 1_000.0),
    ])
    .choice(&Balanced::default());
    assert_eq!(
        choice.why.to_string(),
        "fast first, $0.00031 in 4.0 s; a draw: $0.00031 in 5.0 s; 2 of 2 can serve it"
    );
}

#[test]
fn what_is_deranked_or_costs_more_than_is_held_or_cannot_serve_is_not_named() {
    let [cheap, fast, dear] = fast_and_slow();
    let deranked = Endpoint {
        status: -2,
        ..endpoint("deranked", 0.1, 1.0)
    };
    let short = Endpoint {
        context: 100,
        ..endpoint("short", 0.1, 1.0)
    };
    let mute = Endpoint {
        max_output: 100,
        ..endpoint("mute", 0.1, 1.0)
    };
    let above = endpoint("above", 10.5, 1.0);
    let case = case([deranked, short, mute, above, cheap, fast, dear]);
    assert_eq!(case.order(&Cheapest::default()), ["cheap", "fast", "dear"]);
}

#[test]
fn an_endpoint_must_be_able_to_do_what_the_call_needs() {
    let mut case = case(fast_and_slow());
    case.profile.needs = Capabilities::TEXT_OUTPUT | Capabilities::LOGPROBS;
    assert_eq!(case.reason(), "no choice");
    for endpoint in &mut case.list[1..] {
        endpoint.can = Capabilities::LOGPROBS;
    }
    assert_eq!(case.order(&Cheapest::default()), ["fast", "dear"]);
}

#[test]
fn a_name_is_judged_by_the_worst_that_it_means() {
    let [cheap, fast, dear] = fast_and_slow();
    let alike = endpoint("fast/eu", 1.1, 20_000.0);
    let mut case = case([cheap, fast, dear, alike]);
    assert_eq!(case.order(&Balanced::default())[0], "dear");
    case.list[3].status = -2;
    let order = case.order(&Balanced::default());
    assert!(!order.iter().any(|tag| tag == "fast"), "{order:?}");
}

#[test]
fn an_endpoint_that_tells_no_times_does_not_win_by_that() {
    let [cheap, fast, dear] = fast_and_slow();
    let silent = Endpoint {
        first_token_ms: None,
        ..endpoint("silent", 1.1, 0.0)
    };
    let order = case([cheap, silent, fast, dear]).order(&Balanced::default());
    assert_eq!(order, ["fast", "dear", "cheap", "silent"]);
}

#[test]
fn an_endpoint_that_fails_is_worth_less() {
    let [cheap, fast, dear] = fast_and_slow();
    let failing = Endpoint {
        uptime: Some(0.5),
        ..fast
    };
    let order = case([cheap, failing, dear]).order(&Balanced::default());
    assert_eq!(order, ["dear", "cheap", "fast"]);
}

#[test]
fn where_a_draw_is_as_good_only_what_becomes_slow_is_avoided() {
    let choice = case([endpoint("one", 1.0, 1_000.0), endpoint("two", 1.0, 1_100.0)])
        .choice(&Balanced::default());
    assert!(matches!(
        choice.why,
        EndpointReason::Alike { usable: 2, .. }
    ));
    assert_eq!(
        choice.preferences,
        EndpointPreferences {
            order: Vec::new(),
            max_first_token_ms: Some(2_100),
            min_tokens_per_second: Some(50),
        }
    );
}

#[test]
fn the_order_by_quality_of_tool_calls_is_left_to_the_upstream() {
    let mut case = case(fast_and_slow());
    case.profile.needs = Capabilities::TEXT_OUTPUT | Capabilities::TOOLS;
    assert_eq!(case.reason(), "tools");
    assert!(case.order(&Balanced::default()).is_empty());
}

#[test]
fn endpoints_are_left_alone_for_a_reason() {
    let check = |change: fn(&mut Case), reason: &str| {
        let mut case = case(fast_and_slow());
        change(&mut case);
        assert_eq!(case.reason(), reason);
        let preferences = case.choice(&Balanced::default()).preferences;
        assert_eq!(preferences.is_empty(), reason != "better", "{reason}");
    };
    check(|_| {}, "better");
    check(|case| case.profile.orders_endpoints = true, "callers");
    check(
        |case| Arc::make_mut(&mut case.planned.lane).billing = Billing::Byok,
        "own keys",
    );
    check(
        |case| case.planned.upstream_id = builders::model("a/b:nitro"),
        "variant",
    );
    check(|case| case.age_minutes = 14, "better");
    check(|case| case.age_minutes = 15, "stale");
    check(|case| case.list.truncate(1), "no choice");
}

#[test]
fn a_conversation_stays_with_the_endpoint_that_has_it_in_its_cache() {
    let mut case = case(fast_and_slow());
    let warm = |model: &str| tollgate_core::Warm {
        model: builders::model(model),
        lane: case.planned.lane.id.clone(),
        tokens: 1_000,
        order: Vec::new(),
    };
    let (here, elsewhere) = (warm("a/b"), warm("x/y"));
    case.profile.warm = Some(here);
    assert_eq!(case.reason(), "warm");
    case.profile.warm = Some(elsewhere);
    assert_eq!(case.reason(), "better");
}

/// To which all endpoints are the same.
#[derive(Debug)]
struct Indifferent;

impl RoutingPolicy for Indifferent {
    fn rank(&self, _: &CallProfile, candidates: &[Candidate]) -> tollgate_core::Ranking {
        tollgate_core::Ranking::by_score(candidates, |candidate| f64::from(candidate.quality.mean))
    }
}

#[test]
fn a_policy_that_does_not_separate_endpoints_orders_none() {
    let case = case([
        endpoint("dear", 5.0, 100.0),
        endpoint("cheap", 1.0, 9_000.0),
    ]);
    let choice = case.choice(&Indifferent);
    assert!(
        matches!(choice.why, EndpointReason::Alike { usable: 2, .. }),
        "{choice:?}"
    );
    assert_eq!(case.order(&Cheapest::default()), ["cheap", "dear"]);
}

#[test]
fn a_warm_turn_asks_for_the_order_of_the_turn_before() {
    let mut case = case(fast_and_slow());
    let order: Vec<Arc<str>> = vec!["fast".into(), "cheap".into()];
    case.profile.warm = Some(tollgate_core::Warm {
        model: builders::model("a/b"),
        lane: case.planned.lane.id.clone(),
        tokens: 1_000,
        order: order.clone(),
    });
    let choice = case.choice(&Balanced::default());
    assert_eq!(choice.why, EndpointReason::Warm);
    let preferences = EndpointPreferences {
        order,
        ..EndpointPreferences::default()
    };
    assert_eq!(choice.preferences, preferences);
}

#[test]
fn a_host_is_compared_at_the_price_that_the_prompt_meets() {
    let mut tiered = endpoint("tiered", 1.0, 500.0);
    let dearer = Rate::from_attos(4_000_000_000_000);
    tiered.price.overrides.push(tollgate_core::PriceOverride {
        when: tollgate_core::PriceCondition {
            min_prompt_tokens: Some(20_000),
            ..Default::default()
        },
        rates: tollgate_core::RatesPatch {
            input: Some(dearer),
            output: Some(dearer),
            ..Default::default()
        },
    });
    let mut case = case([tiered, endpoint("flat", 2.0, 500.0)]);
    let first = |case: &Case| case.order(&Cheapest::default())[0].clone();
    assert_eq!(first(&case), "tiered");
    let prompt = &mut case.profile.prompt;
    (prompt.low, prompt.likely, prompt.high) = (30_000, 30_000, 30_000);
    assert_eq!(first(&case), "flat");
}
