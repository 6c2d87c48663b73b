//! What plans expect by what usage has shown, and of conversations that go on.

use tollgate_core::{
    CallProfile, Capabilities, CatalogView, Habits, HealthView, Lane, OutputSource, Plan, Price,
    Pricing, Rate, Rates, Task, TokenBounds, Usd, Warm,
};
use tollgate_router::RouterConfig;
use tollgate_testkit::builders::{self, lane_id, model};
use tollgate_testkit::views::{ModelSpec, view, view_on};

use crate::{optimizer, plan, profile};

fn answers_of(tokens: f32) -> Habits {
    Habits {
        answer_tokens: [None, Some(tokens), None],
        ..Habits::default()
    }
}

fn counts(tokens_per_estimate: f32) -> Habits {
    Habits {
        tokens_per_estimate,
        ..Habits::default()
    }
}

/// A model at 2 dollars per million prompt tokens, a tenth of that from its
/// cache, and 4 per million of output.
fn caching(id: &str) -> ModelSpec {
    let rate = |dollars: u64| Rate::from_attos(dollars * 100_000_000_000);
    ModelSpec::new(id).pricing(Pricing::Known(Price {
        base: Rates {
            input: rate(20),
            output: rate(40),
            cache_read: Some(rate(2)),
            ..Rates::default()
        },
        overrides: Vec::new(),
    }))
}

/// A call about code with a prompt of 10,000 tokens.
fn long_call(target: &str) -> CallProfile {
    CallProfile {
        task: Task::Code,
        prompt: TokenBounds {
            low: 9_000,
            likely: 10_000,
            high: 30_000,
        },
        ..profile(target)
    }
}

fn warm_at(id: &str, tokens: u64) -> Option<Warm> {
    Some(Warm {
        model: model(id),
        lane: lane_id("openrouter"),
        tokens,
        order: Vec::new(),
    })
}

fn planned(view: &CatalogView, profile: CallProfile) -> Plan {
    plan(RouterConfig::default(), profile, view).unwrap()
}

fn first(view: &CatalogView, profile: CallProfile) -> (u32, Usd, Usd) {
    let plan = planned(view, profile);
    let candidate = plan.first().candidate;
    (candidate.output_tokens, candidate.expected, candidate.worst)
}

// === answer lengths ===

#[test]
fn a_learned_length_takes_the_place_of_the_assumed_one_at_its_task_alone() {
    let view = view([ModelSpec::new("a/one").habits(answers_of(50.0))]);
    let unknown = self::view([ModelSpec::new("a/one")]);
    let at = |task| CallProfile {
        task,
        ..profile("a/one")
    };
    assert_eq!(first(&view, at(Task::Code)).0, 50);
    assert_eq!(
        first(&view, at(Task::Chat)),
        first(&unknown, at(Task::Chat))
    );
}

#[test]
fn a_learned_length_holds_for_models_that_think_as_it_was_seen() {
    let view = view([ModelSpec::new("a/one")
        .reasoning(0.8)
        .habits(answers_of(900.0))]);
    assert_eq!(first(&view, long_call("a/one")).0, 900);
}

#[test]
fn a_learned_length_grows_where_more_reasoning_is_asked_for_than_is_usual() {
    let tokens = |share: f32| {
        let view = view([ModelSpec::new("a/one")
            .reasoning(share)
            .habits(answers_of(900.0))]);
        let mut call = long_call("a/one");
        call.needs |= Capabilities::REASONING;
        first(&view, call).0
    };
    // Four tenths are reasoning at least: (1 - 0.1) / (1 - 0.4) times as long.
    assert_eq!(tokens(0.1), 1_350);
    assert_eq!(tokens(0.8), 900);
}

#[test]
fn a_learned_length_is_no_longer_than_the_answer_may_be() {
    let view = view([ModelSpec::new("a/one").habits(answers_of(900.0))]);
    let mut call = long_call("a/one");
    call.max_output = Some(100);
    assert_eq!(first(&view, call).0, 100);
}

#[test]
fn who_writes_little_is_the_cheapest_although_its_tokens_are_dearer() {
    let terse = ModelSpec::new("a/terse")
        .price(1.0, 3.0)
        .habits(answers_of(100.0));
    let wordy = ModelSpec::new("b/wordy")
        .price(1.0, 2.0)
        .habits(answers_of(5_000.0));
    let plan = planned(&view([terse, wordy]), long_call("tollgate/cheapest"));
    assert_eq!(plan.first().model, model("a/terse"));
}

#[test]
fn what_usage_shows_does_not_change_the_most_that_a_call_can_cost() {
    let habits = Habits {
        tokens_per_estimate: 2.0,
        ..answers_of(50.0)
    };
    let plain = first(&view([caching("a/one")]), long_call("a/one"));
    let learned = first(&view([caching("a/one").habits(habits)]), long_call("a/one"));
    let mut call = long_call("a/one");
    call.warm = warm_at("a/one", 8_000);
    let warm = first(&view([caching("a/one")]), call);
    assert_eq!((plain.2, plain.2), (learned.2, warm.2));
    assert_ne!(plain.1, learned.1);
    assert_ne!(plain.1, warm.1);
}

// === token factors ===

#[test]
fn prompts_cost_what_the_model_is_expected_to_count_in_them() {
    let cost = |habits| {
        let model = ModelSpec::new("a/one").price(2.0, 0.0).habits(habits);
        first(&view([model]), long_call("a/one")).1
    };
    assert_eq!(cost(counts(1.0)), Usd::from_nanos(20_000_000));
    assert_eq!(cost(counts(1.5)), Usd::from_nanos(30_000_000));
    assert_eq!(cost(counts(0.5)), Usd::from_nanos(10_000_000));
}

#[test]
fn a_factor_beyond_belief_is_believed_in_part() {
    let cost = |factor| {
        let model = ModelSpec::new("a/one")
            .price(2.0, 0.0)
            .habits(counts(factor));
        first(&view([model]), long_call("a/one")).1
    };
    assert_eq!(cost(100.0), cost(4.0));
    assert_eq!(cost(0.0), cost(0.25));
}

#[test]
fn a_factor_can_bring_a_prompt_into_a_dearer_tier() {
    let tiered = |factor| {
        ModelSpec::new("a/one")
            .price(1.0, 0.0)
            .tier(12_000, 4.0, 0.0)
            .habits(counts(factor))
    };
    let cost = |factor| first(&view([tiered(factor)]), long_call("a/one")).1;
    assert_eq!(cost(1.0), Usd::from_nanos(10_000_000));
    assert_eq!(cost(1.5), Usd::from_nanos(15_000 * 4_000));
}

// === conversations ===

#[test]
fn what_is_expected_from_the_cache_costs_what_it_costs_there() {
    let habits = answers_of(100.0);
    let view = view([caching("a/one").habits(habits)]);
    let cost = |warm| {
        let mut call = long_call("a/one");
        call.warm = warm;
        first(&view, call).1
    };
    let dollars =
        |prompt: i64, cached: i64| Usd::from_nanos((prompt * 2_000 + cached * 200) + 100 * 4_000);
    assert_eq!(cost(None), dollars(10_000, 0));
    assert_eq!(cost(warm_at("a/one", 8_000)), dollars(2_000, 8_000));
    // No more than there is.
    assert_eq!(cost(warm_at("a/one", 50_000)), dollars(0, 10_000));
    assert_eq!(cost(warm_at("a/other", 8_000)), dollars(10_000, 0));
    let elsewhere = warm_at("a/one", 8_000).map(|warm| Warm {
        lane: lane_id("direct"),
        ..warm
    });
    assert_eq!(cost(elsewhere), dollars(10_000, 0));
}

#[test]
fn each_policy_stays_with_who_has_read_the_conversation_while_that_is_worth_it() {
    let rival = |input| ModelSpec::new("b/rival").price(input, 4.0).quality(0.505);
    for policy in ["cheapest", "balanced", "quality"] {
        let choice = |input, tokens| {
            let view = view([caching("a/one").quality(0.5), rival(input)]);
            let mut call = long_call(&format!("tollgate/{policy}"));
            call.warm = warm_at("a/one", tokens).filter(|warm| warm.tokens > 0);
            planned(&view, call).first().model.to_string()
        };
        // Nine of ten prompt tokens at a tenth: 0.19 of their price.
        assert_eq!(choice(1.8, 0), "b/rival", "{policy}");
        assert_eq!(choice(1.8, 9_000), "a/one", "{policy}");
        assert_eq!(choice(0.1, 9_000), "b/rival", "{policy}");
    }
}

// === explanations ===

#[test]
fn explanations_say_how_long_answers_are_expected_and_by_what() {
    let view = view([
        ModelSpec::new("a/known").habits(answers_of(120.0)),
        ModelSpec::new("b/assumed"),
    ]);
    let explanation = optimizer(RouterConfig::default()).explain(
        &long_call("tollgate/cheapest"),
        &view,
        &HealthView::default(),
    );
    let said = explanation.candidates.iter();
    let said: Vec<_> = said
        .map(|one| (one.output_tokens, one.output_source))
        .collect();
    assert_eq!(
        said,
        [(120, OutputSource::Usage), (930, OutputSource::Prior)]
    );
}

#[test]
fn explanations_say_who_has_read_the_conversation() {
    let view = view([caching("a/one"), ModelSpec::new("b/other")]);
    let mut call = long_call("tollgate/cheapest");
    call.warm = warm_at("a/one", 8_000);
    let explanation =
        optimizer(RouterConfig::default()).explain(&call, &view, &HealthView::default());
    let why = |id: &str| {
        let mut all = explanation.candidates.iter();
        all.find(|one| one.model == model(id)).unwrap().why.clone()
    };
    let expected = "; has read 8000 tokens of this conversation, which are expected to cost \
                    $0.0016 from its cache instead of $0.016";
    assert!(why("a/one").ends_with(expected), "{}", why("a/one"));
    assert!(
        !why("b/other").contains("conversation"),
        "{}",
        why("b/other")
    );
}

#[test]
fn explanations_count_no_more_of_a_conversation_than_is_sent_and_charge_the_fee() {
    let with_fee = Lane {
        fee_basis_points: 1_000,
        ..builders::lane("openrouter")
    };
    let view = view_on(vec![with_fee], [caching("a/one")]);
    let mut call = long_call("tollgate/cheapest");
    call.warm = warm_at("a/one", 50_000);
    let explanation =
        optimizer(RouterConfig::default()).explain(&call, &view, &HealthView::default());
    let why = &explanation.candidates[0].why;
    let expected = "; has read 10000 tokens of this conversation, which are expected to cost \
                    $0.0022 from its cache instead of $0.022";
    assert!(why.ends_with(expected), "{why}");
}
