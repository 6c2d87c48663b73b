//! Costs at their edges: ceilings, clamps, tiers, fees.

use tollgate_core::{DropReason, FailureKind, Price, Pricing, Rate, Rates, TokenBounds, Usd};
use tollgate_router::RouterConfig;
use tollgate_testkit::builders;
use tollgate_testkit::views::{ModelSpec, view, view_on};

use crate::{plan, profile};

/// 1,000 likely prompt tokens, 4,000 at most.
fn long_profile(target: &str) -> tollgate_core::CallProfile {
    let mut profile = profile(target);
    profile.prompt = TokenBounds {
        low: 700,
        likely: 1_000,
        high: 4_000,
    };
    profile
}

fn dollars(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn expected_and_worst_cost_add_up() {
    let view = view([ModelSpec::new("a/b").price(1.0, 2.0).max_output(8_000)]);
    let plan = plan(RouterConfig::default(), long_profile("a/b"), &view).unwrap();
    let candidate = plan.first().candidate;
    // The mean of a log-normal with median 349 and sigma 0.758.
    assert_eq!(candidate.output_tokens, 465);
    assert_eq!(candidate.expected, dollars("0.00193")); // 1,000 × $1 + 465 × $2 a million
    assert_eq!(candidate.worst, dollars("0.02")); // 4,000 × $1 + 8,000 × $2 a million
    assert_eq!(candidate.clamp, None);
}

#[test]
fn an_open_length_is_clamped_to_half_of_the_ceiling_or_to_all_of_it() {
    let view = view([ModelSpec::new("a/b").price(1.0, 2.0).max_output(8_000)]);
    let check = |ceiling: &str, clamp, worst: &str| {
        let mut profile = long_profile("a/b");
        profile.ceiling = Some(dollars(ceiling));
        let plan = plan(RouterConfig::default(), profile, &view).unwrap();
        assert_eq!(plan.first().candidate.clamp, clamp, "{ceiling}");
        assert_eq!(plan.worst(), dollars(worst), "{ceiling}");
    };
    // At most 4,000 × $1 for the prompt and 8,000 × $2 for the answer, a million.
    check("0.04", None, "0.02");
    check("0.039", Some(7_750), "0.0195"); // ($0.0195 − $0.004) ÷ $2 a million
    // The expected 465 tokens just fit into half of the ceiling, then just not.
    check("0.00986", Some(465), "0.00493");
    check("0.009858", Some(2_929), "0.009858");
    check("0.005", Some(500), "0.005");
}

#[test]
fn a_call_without_an_answer_is_held_to_the_ceiling_too() {
    // Vectors have no output tokens: 4,000 × $1 a million for the prompt is all.
    let view = view([ModelSpec::new("a/b").price(1.0, 0.0)]);
    let planned = |ceiling: &str| {
        let mut profile = long_profile("tollgate/auto");
        profile.max_output = Some(0);
        profile.ceiling = Some(dollars(ceiling));
        plan(RouterConfig::default(), profile, &view)
    };
    let candidate = planned("0.004").unwrap().first().candidate;
    assert_eq!((candidate.worst, candidate.clamp), (dollars("0.004"), None));
    let failure = planned("0.003999999").unwrap_err();
    assert_eq!(failure.kind(), FailureKind::NoCandidate);
}

#[test]
fn what_fits_the_ceiling_but_not_half_of_it_is_left_as_it_is() {
    let view = view([ModelSpec::new("a/b").price(1.0, 2.0).max_output(400)]);
    let mut profile = long_profile("a/b");
    profile.ceiling = Some(dollars("0.005")); // 4,000 × $1 + 400 × $2 a million is $0.0048
    let plan = plan(RouterConfig::default(), profile, &view).unwrap();
    assert_eq!(plan.first().candidate.clamp, None);
    assert_eq!(plan.worst(), dollars("0.0048"));
}

#[test]
fn the_quote_of_a_candidate_says_what_any_length_costs_at_most() {
    let mut lane = builders::lane("openrouter");
    lane.fee_basis_points = 500;
    let spec = ModelSpec::new("a/b").price(1.0, 2.0).tier(2_000, 3.0, 4.0);
    let view = view_on(vec![lane], [spec.max_output(1_000)]);
    let plan = plan(RouterConfig::default(), long_profile("a/b"), &view).unwrap();
    let planned = plan.first();
    assert_eq!(planned.quote.at(1_000), planned.candidate.worst);
    assert_eq!(planned.quote.at(0), dollars("0.0126")); // 4,000 × $3 a million, and 5 %
    assert_eq!(planned.quote.longest_within(dollars("0.0147")), 500);
}

#[test]
fn a_clamp_leaves_room_for_the_expected_answer_or_the_model_is_dropped() {
    let view = view([
        ModelSpec::new("a/b").price(1.0, 2.0),
        ModelSpec::new("c/d").price(0.1, 0.1),
    ]);
    let check = |ceiling: &str, dropped| {
        let mut profile = long_profile("tollgate/auto");
        profile.ceiling = Some(dollars(ceiling));
        let plan = plan(RouterConfig::default(), profile, &view).unwrap();
        let reason = DropReason::OverCeiling {
            worst: Usd::ZERO,
            ceiling: Usd::ZERO,
        };
        assert_eq!(plan.dropped.of(reason), dropped, "{ceiling}");
    };
    // 4,000 × $1 + 465 × $2 a million is the least that must fit.
    check("0.00493", 0);
    check("0.004929999", 1);
}

#[test]
fn a_length_that_the_caller_set_is_never_clamped() {
    let view = view([ModelSpec::new("a/b").price(1.0, 2.0)]);
    let mut profile = long_profile("a/b");
    profile.max_output = Some(1_000);
    profile.ceiling = Some(dollars("0.006")); // 4,000 × $1 + 1,000 × $2 a million
    assert_eq!(
        plan(RouterConfig::default(), profile.clone(), &view)
            .unwrap()
            .first()
            .candidate
            .clamp,
        None
    );
    profile.ceiling = Some(dollars("0.005999999"));
    assert!(plan(RouterConfig::default(), profile, &view).is_err());
}

#[test]
fn tiers_count_from_the_likely_prompt_for_ranking_and_from_the_longest_for_limits() {
    let view = view([ModelSpec::new("a/b")
        .price(1.0, 2.0)
        .tier(2_000, 3.0, 4.0)
        .max_output(1_000)]);
    let cost = |likely| {
        let mut profile = long_profile("a/b");
        profile.prompt.likely = likely;
        let candidate = plan(RouterConfig::default(), profile, &view)
            .unwrap()
            .first()
            .candidate;
        (candidate.expected, candidate.worst)
    };
    let worst = dollars("0.016"); // 4,000 × $3 + 1,000 × $4
    assert_eq!(cost(2_000), (dollars("0.00293"), worst)); // 2,000 × $1 + 465 × $2
    assert_eq!(cost(2_001), (dollars("0.007863"), worst)); // 2,001 × $3 + 465 × $4
}

#[test]
fn the_lanes_fee_comes_on_top() {
    let mut lane = builders::lane("openrouter");
    lane.fee_basis_points = 550;
    let view = view_on(
        vec![lane],
        [ModelSpec::new("a/b").price(1.0, 2.0).max_output(8_000)],
    );
    let candidate = plan(RouterConfig::default(), long_profile("a/b"), &view)
        .unwrap()
        .first()
        .candidate;
    assert_eq!(candidate.worst, dollars("0.0211"));
}

#[test]
fn answers_multiply_the_output() {
    let view = view([ModelSpec::new("a/b").price(1.0, 2.0).max_output(1_000)]);
    let mut profile = long_profile("a/b");
    profile.answers = 3;
    let candidate = plan(RouterConfig::default(), profile, &view)
        .unwrap()
        .first()
        .candidate;
    assert_eq!(
        (candidate.expected, candidate.worst),
        (dollars("0.00379"), dollars("0.01"))
    );
}

#[test]
fn searches_are_in_both_costs_at_the_model_s_price() {
    let per_search = Rate::from_attos(10_000_000_000_000_000);
    let rates = Rates {
        input: Rate::from_attos(1_000_000_000_000),
        output: Rate::from_attos(2_000_000_000_000),
        web_search: Some(per_search),
        ..Rates::default()
    };
    let pricing = Pricing::Known(Price {
        base: rates,
        overrides: Vec::new(),
    });
    let view = view([ModelSpec::new("a/b").pricing(pricing).max_output(8_000)]);
    for target in ["a/b", "tollgate/cheapest"] {
        let costs = |searches| {
            let mut profile = long_profile(target);
            profile.searches = searches;
            let plan = plan(RouterConfig::default(), profile, &view).unwrap();
            let candidate = plan.first().candidate;
            (candidate.expected, candidate.worst)
        };
        assert_eq!(costs(0), (dollars("0.00193"), dollars("0.02")), "{target}");
        assert_eq!(costs(2), (dollars("0.02193"), dollars("0.04")), "{target}");
    }
}

#[test]
fn what_no_price_list_bounds_is_warned_of_where_there_is_a_limit() {
    let view = view([ModelSpec::new("a/b").price(1.0, 2.0)]);
    let warnings = |unbounded: Option<&str>, ceiling: Option<&str>| {
        let mut profile = long_profile("a/b");
        profile.unbounded = unbounded.map(str::to_owned);
        profile.ceiling = ceiling.map(dollars);
        plan(RouterConfig::default(), profile, &view)
            .unwrap()
            .warnings
    };
    let tool = Some("openrouter:web_search");
    let told = warnings(tool, Some("1"));
    assert!(
        told[0].contains("openrouter:web_search") && told[0].contains("$1"),
        "{told:?}"
    );
    assert!(warnings(tool, None).is_empty() && warnings(None, Some("1")).is_empty());
}

#[test]
fn reasoning_lengthens_the_expected_answer() {
    let view = view([ModelSpec::new("a/b").reasoning(0.5)]);
    let plan = plan(RouterConfig::default(), long_profile("a/b"), &view).unwrap();
    assert_eq!(plan.first().candidate.output_tokens, 930);
}

#[test]
fn the_output_is_bounded_by_window_less_prompt_and_never_unbounded() {
    let worst = |spec: ModelSpec| {
        let plan = plan(
            RouterConfig::default(),
            long_profile("a/b"),
            &view([spec.price(1.0, 2.0)]),
        )
        .unwrap();
        (plan.worst(), plan.first().candidate.clamp)
    };
    // 4,000 × $1 + (10,000 − 700) × $2 a million.
    assert_eq!(
        worst(ModelSpec::new("a/b").context(10_000).max_output(0)),
        (dollars("0.0226"), None)
    );
    // Nothing published limits the answer: the plan does, at 131,072 tokens.
    assert_eq!(
        worst(ModelSpec::new("a/b").context(0).max_output(0)),
        (dollars("0.266144"), Some(131_072))
    );
    // What costs nothing needs no limit, and servers refuse one that they cannot hold.
    let free = ModelSpec::new("a/b").context(0).max_output(0);
    let plan = plan(
        RouterConfig::default(),
        long_profile("a/b"),
        &view([free.price(0.0, 0.0)]),
    )
    .unwrap();
    assert_eq!(
        (plan.worst(), plan.first().candidate.clamp),
        (Usd::ZERO, None)
    );
}

#[test]
fn why_an_answer_is_cut_short_is_the_limit_that_does_it() {
    let view = view([ModelSpec::new("a/b").price(1.0, 2.0).max_output(8_000)]);
    let why = |ceiling: &str, share: Option<&str>| {
        let mut profile = long_profile("a/b");
        profile.ceiling = Some(dollars(ceiling));
        profile.share = share.map(dollars);
        let health = tollgate_core::HealthView::default();
        let explained = crate::optimizer(RouterConfig::default()).explain(&profile, &view, &health);
        explained.candidates[0].why.clone()
    };
    let second = "so that a second attempt stays within the limit";
    assert!(why("0.039", None).ends_with(second));
    // Budgets that would give more than half of it are not what limits it.
    assert!(why("0.039", Some("10")).ends_with(second));
    assert!(why("0.039", Some("0.01")).ends_with("so that budgets have something left for others"));
    assert!(why("0.005", None).ends_with("so that it stays within the limit"));
}
