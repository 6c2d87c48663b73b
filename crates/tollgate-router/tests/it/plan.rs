use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{
    Breaker, CallProfile, Candidate, Capabilities, DropReason, FailureKind, Health, HealthView,
    ModelId, OfferTraits, Place, Plan, Ranked, Ranking, RoutingPolicy, Spot, TaskSource, Terms,
    Timestamp, Usd,
};
use tollgate_router::{CostOptimizer, RouterConfig, RouterError, TaskLists};
use tollgate_testkit::builders::{self, NOON, model};
use tollgate_testkit::views::{ModelSpec, view, view_on};

use crate::{line, optimizer, plan, profile};

fn ids(ids: &[&str]) -> Vec<ModelId> {
    ids.iter().copied().map(model).collect()
}

fn chain(models: &[&str]) -> RouterConfig {
    RouterConfig {
        fallback_chain: ids(models),
        ..RouterConfig::default()
    }
}

fn models() -> [ModelSpec; 4] {
    [
        ModelSpec::new("a/junk").price(0.01, 0.02).quality(0.1),
        ModelSpec::new("b/good").price(0.2, 0.6).quality(0.7),
        ModelSpec::new("c/best")
            .price(10.0, 40.0)
            .quality(0.8)
            .on(&["openrouter", "direct"]),
        ModelSpec::new("d/gift:free").free().quality(0.4),
    ]
}

fn first(plan: &Plan) -> &str {
    plan.first().model.as_str()
}

// === targets ===

#[test]
fn a_named_model_goes_first_on_each_lane_then_the_requests_own_then_the_chain() {
    let mut profile = profile("c/best");
    profile.fallbacks = ids(&["b/good"]);
    let plan = plan(
        chain(&["b/good", "a/junk", "c/best"]),
        profile,
        &view(models()),
    )
    .unwrap();
    assert_eq!(
        line(&plan),
        "c/best@openrouter:Named c/best@direct:Named b/good@openrouter:Named a/junk@openrouter:Chain"
    );
    assert_eq!(&*plan.policy, "named");
    assert_eq!(plan.dropped.of(DropReason::NotInList), 1);
}

#[test]
fn a_policy_beside_a_named_model_has_to_exist_and_is_told_what_it_is_for() {
    let ask = |policy: &str| {
        let mut profile = profile("b/good");
        profile.policy = Some(policy.to_owned());
        plan(RouterConfig::default(), profile, &view(models()))
    };
    let told = ask("cheapest").unwrap().warnings;
    assert_eq!(
        told,
        ["the call names its model, so the policy cheapest chooses among its endpoints alone"]
    );
    let refused = ask("chepest").unwrap_err();
    assert_eq!(refused.kind(), FailureKind::InvalidRequest);
}

#[test]
fn each_policy_picks_what_its_name_says() {
    let view = view(models());
    let choice =
        |target| first(&plan(RouterConfig::default(), profile(target), &view).unwrap()).to_owned();
    assert_eq!(choice("tollgate/cheapest"), "a/junk");
    assert_eq!(choice("tollgate/balanced"), "b/good");
    assert_eq!(choice("tollgate/quality"), "c/best");
    assert_eq!(choice("tollgate/auto"), "b/good");
}

#[test]
fn who_is_best_on_another_host_is_kept_for_when_that_of_all_others_is_down() {
    let many = (0..20).map(|number| {
        ModelSpec::new(format!("cheap/{number:02}")).price(0.1 + f64::from(number) / 100.0, 0.2)
    });
    let direct = [
        ModelSpec::new("dear/one").price(5.0, 9.0).on(&["direct"]),
        ModelSpec::new("dear/two").price(7.0, 9.0).on(&["direct"]),
        ModelSpec::new("only/here").price(9.0, 9.0).on(&["other"]),
    ];
    let lanes = ["openrouter", "direct", "other"]
        .map(builders::lane)
        .to_vec();
    let view = view_on(lanes, many.chain(direct));
    let config = RouterConfig {
        plan_limit: 3,
        ..chain(&["cheap/19"])
    };
    let decided = plan(config.clone(), profile("tollgate/cheapest"), &view).unwrap();
    assert_eq!(
        line(&decided),
        "cheap/00@openrouter:Ranked cheap/01@openrouter:Ranked cheap/02@openrouter:Ranked \
         cheap/19@openrouter:Chain dear/one@direct:OtherHost only/here@other:OtherHost"
    );
    let optimizer = optimizer(config);
    let told = optimizer.explain(&profile("tollgate/cheapest"), &view, &HealthView::default());
    assert_eq!(
        told.candidates[4].why,
        "best of 2 on direct, should the hosts of all others be down"
    );
    assert_eq!(
        told.candidates[5].why,
        "the only one on other, should the hosts of all others be down"
    );

    // Nobody else is tried where nothing else may be.
    let alone = RouterConfig {
        fallback: false,
        ..RouterConfig::default()
    };
    let alone = plan(alone, profile("tollgate/cheapest"), &view).unwrap();
    assert_eq!(line(&alone), "cheap/00@openrouter:Ranked");
}

#[test]
fn the_hint_names_the_policy_before_the_target_does() {
    let mut profile = profile("tollgate/quality");
    profile.policy = Some("cheapest".into());
    let plan = plan(RouterConfig::default(), profile, &view(models())).unwrap();
    assert_eq!((first(&plan), &*plan.policy), ("a/junk", "cheapest"));
}

#[test]
fn a_list_limits_who_competes_and_the_chain_follows() {
    let lists = TaskLists {
        chat: ids(&["b/good", "c/best"]),
        ..TaskLists::default()
    };
    let config = RouterConfig {
        lists,
        ..chain(&["c/best", "a/junk"])
    };
    let plan = plan(config, profile("tollgate/cheapest"), &view(models())).unwrap();
    assert_eq!(
        line(&plan),
        "b/good@openrouter:Ranked c/best@openrouter:Ranked c/best@direct:Ranked a/junk@openrouter:Chain"
    );
    assert_eq!(
        (plan.dropped.of(DropReason::NotInList), plan.dropped.total()),
        (1, 1)
    );
}

#[test]
fn without_a_model_the_default_one_is_named_and_may_be_virtual() {
    let view = view(models());
    let mut call = builders::profile();
    call.target = None;
    let config = |id| RouterConfig {
        default_model: Some(model(id)),
        ..chain(&["a/junk"])
    };
    let named = plan(config("b/good"), call.clone(), &view).unwrap();
    assert_eq!(
        line(&named),
        "b/good@openrouter:Named a/junk@openrouter:Chain"
    );
    assert_eq!(
        first(&plan(config("tollgate/quality"), call.clone(), &view).unwrap()),
        "c/best"
    );
    assert_eq!(
        first(&plan(RouterConfig::default(), call, &view).unwrap()),
        "b/good"
    );
}

#[test]
fn the_default_model_gives_way_to_a_hint_of_policy_or_task() {
    let view = view(models());
    let choice = |change: &dyn Fn(&mut tollgate_core::CallProfile)| {
        let mut call = builders::profile();
        change(&mut call);
        let config = RouterConfig {
            default_model: Some(model("a/junk")),
            ..RouterConfig::default()
        };
        let plan = plan(config, call, &view).unwrap();
        (first(&plan).to_owned(), plan.policy.to_string())
    };
    let check = |change: &dyn Fn(&mut tollgate_core::CallProfile), model: &str, policy: &str| {
        assert_eq!(choice(change), (model.to_owned(), policy.to_owned()));
    };
    check(&|_| {}, "a/junk", "named");
    check(
        &|call| call.policy = Some("quality".into()),
        "c/best",
        "quality",
    );
    check(
        &|call| call.task_source = TaskSource::Given,
        "b/good",
        "balanced",
    );
}

#[test]
fn a_retired_default_model_leaves_it_to_the_policy_with_a_warning() {
    let view = view(models());
    let config = |lists| RouterConfig {
        default_model: Some(model("x/retired")),
        lists,
        ..chain(&["a/junk"])
    };
    let everything = plan(config(TaskLists::default()), builders::profile(), &view).unwrap();
    assert_eq!(
        line(&everything),
        "b/good@openrouter:Ranked c/best@openrouter:Ranked c/best@direct:Ranked a/junk@openrouter:Ranked"
    );
    assert_eq!(
        everything.warnings,
        ["default_model x/retired is not in the catalog: the call is routed as tollgate/auto"]
    );
    let lists = TaskLists {
        chat: ids(&["c/best"]),
        ..TaskLists::default()
    };
    let listed = config(lists);
    assert_eq!(
        line(&plan(listed.clone(), builders::profile(), &view).unwrap()),
        "c/best@openrouter:Ranked c/best@direct:Ranked a/junk@openrouter:Chain"
    );
    let explanation =
        optimizer(listed).explain(&builders::profile(), &view, &HealthView::default());
    assert_eq!(explanation.target, "tollgate/auto");
}

#[test]
fn an_unknown_model_is_not_found_even_with_a_chain() {
    let failure = plan(chain(&["a/junk"]), profile("x/unknown"), &view(models())).unwrap_err();
    assert_eq!(
        (failure.kind(), failure.is_retryable()),
        (FailureKind::NotFound, false)
    );
    assert!(failure.hint().unwrap().contains("tollgate models"));
}

#[test]
fn a_list_of_nothing_but_unknown_models_is_a_matter_of_configuration() {
    let lists = TaskLists {
        chat: ids(&["x/gone", "y/gone"]),
        ..TaskLists::default()
    };
    let config = RouterConfig {
        lists,
        ..chain(&["a/junk", "z/gone"])
    };
    let failure = plan(config.clone(), profile("tollgate/auto"), &view(models())).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Configuration);
    assert_eq!(
        optimizer(config).unknown_models(&view(models())),
        ids(&["x/gone", "y/gone", "z/gone"])
    );
}

#[test]
fn an_unknown_policy_names_those_there_are() {
    let failure = plan(
        RouterConfig::default(),
        profile("tollgate/luck"),
        &view(models()),
    )
    .unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert_eq!(
        failure.hint(),
        Some("policies are cheapest, balanced, quality")
    );
}

#[test]
fn suffixes_of_routing_keep_their_name_upstream() {
    let view = view(models());
    let route =
        |id: &str| plan(RouterConfig::default(), profile(id), &view).map(|plan| line(&plan));
    assert_eq!(
        route("c/best:nitro").unwrap(),
        "c/best:nitro@openrouter:Named c/best@direct:Named"
    );
    assert_eq!(
        route("c/best:online").unwrap(),
        "c/best:online@openrouter:Named"
    );
    assert_eq!(
        route("c/best:batch").unwrap_err().kind(),
        FailureKind::NotFound
    );
}

#[test]
fn a_model_that_gives_vectors_serves_embeddings_though_it_does_not_chat() {
    let spec = ModelSpec::new("a/vectors")
        .traits(OfferTraits::NOT_CHAT)
        .can(Capabilities::EMBEDDINGS_OUTPUT);
    let mut profile = profile("a/vectors");
    profile.needs = Capabilities::EMBEDDINGS_OUTPUT;
    let plan = plan(RouterConfig::default(), profile, &view([spec])).unwrap();
    assert_eq!(first(&plan), "a/vectors");
}

// === drops ===

/// Checks why one offer is left out of competition.
fn check_drop(spec: ModelSpec, needs: Capabilities, expected: DropReason) {
    let mut profile = profile("tollgate/auto");
    profile.needs |= needs;
    profile.max_output = Some(1_000);
    profile.max_latency = Some(Duration::from_secs(60));
    let other = ModelSpec::new("z/other").can(needs);
    let plan = plan(RouterConfig::default(), profile, &view([spec, other])).unwrap();
    assert_eq!(first(&plan), "z/other");
    assert_eq!(
        (plan.dropped.of(expected), plan.dropped.total()),
        (1, 1),
        "{expected}"
    );
}

#[test]
fn what_cannot_serve_the_call_is_dropped_with_its_reason() {
    let spec = || ModelSpec::new("a/b");
    let none = Capabilities::NONE;
    check_drop(spec().traits(OfferTraits::ALIAS), none, DropReason::Alias);
    check_drop(spec().traits(OfferTraits::ROUTER), none, DropReason::Router);
    check_drop(
        spec().traits(OfferTraits::BATCH_ONLY),
        none,
        DropReason::BatchOnly,
    );
    check_drop(
        spec().traits(OfferTraits::NOT_CHAT),
        none,
        DropReason::NotChat,
    );
    check_drop(spec().free(), none, DropReason::FreeTier);
    check_drop(spec().expires(NOON), none, DropReason::Expired);
    check_drop(spec().unpriced(), none, DropReason::PriceUnknown);
    let vision = Capabilities::IMAGE_INPUT;
    check_drop(spec(), vision, DropReason::CannotDo { missing: vision });
    check_drop(
        spec().context(1_009),
        none,
        DropReason::ContextTooSmall {
            needed: 0,
            window: 0,
        },
    );
    check_drop(
        spec().max_output(999),
        none,
        DropReason::OutputTooShort {
            wanted: 0,
            limit: 0,
        },
    );
    check_drop(
        spec().speed(500.0, 1.0),
        none,
        DropReason::TooSlow {
            expected_ms: 0,
            limit_ms: 0,
        },
    );
}

#[test]
fn what_fits_exactly_is_not_dropped() {
    let mut profile = profile("a/b");
    profile.max_output = Some(1_000);
    // 10 likely tokens, 13 with the error of the estimate.
    let spec = ModelSpec::new("a/b")
        .context(1_013)
        .max_output(1_000)
        .expires(Timestamp::from_secs(NOON.secs() + 1));
    assert!(plan(RouterConfig::default(), profile, &view([spec])).is_ok());
}

#[test]
fn aliases_and_free_variants_serve_when_they_are_named() {
    let view = view([
        ModelSpec::new("a/latest").traits(OfferTraits::ALIAS),
        ModelSpec::new("b/gift:free").free(),
    ]);
    assert!(plan(RouterConfig::default(), profile("a/latest"), &view).is_ok());
    let free = plan(RouterConfig::default(), profile("b/gift:free"), &view).unwrap();
    assert_eq!(
        (free.first().candidate.expected, free.worst()),
        (Usd::ZERO, Usd::ZERO)
    );
}

#[test]
fn free_variants_compete_when_allowed_and_go_first_when_preferred() {
    let view = view(models());
    let choice = |config, target| line(&plan(config, profile(target), &view).unwrap());
    let preferred = RouterConfig {
        prefer_free_tier: true,
        ..RouterConfig::default()
    };
    assert!(
        choice(preferred, "tollgate/quality").starts_with("d/gift:free@openrouter:Ranked c/best")
    );
    let allowed = RouterConfig {
        allow_free: true,
        ..RouterConfig::default()
    };
    assert!(choice(allowed.clone(), "tollgate/cheapest").starts_with("d/gift:free"));
    assert!(choice(allowed, "tollgate/quality").starts_with("c/best"));
    let chained = choice(chain(&["d/gift:free"]), "tollgate/quality");
    assert!(
        chained.ends_with("d/gift:free@openrouter:Chain"),
        "{chained}"
    );
}

// === health ===

fn health(lane: &str, id: Option<&str>, breaker: Breaker, failure_share: f32) -> Health {
    let lane = builders::lane_id(lane);
    let spot = match id.map(model) {
        Some(model) => Spot::Endpoint { lane, model },
        None => Spot::Key { lane },
    };
    Health {
        breaker,
        failure_share,
        attempts: 20,
        ..Health::unseen(spot)
    }
}

#[test]
fn what_is_out_of_service_stands_behind_everything_else() {
    let view = view(models());
    let plan = |entry| {
        let health = HealthView::new(vec![entry]);
        optimizer(RouterConfig::default())
            .plan(profile("c/best"), &view, &health)
            .unwrap()
    };
    assert_eq!(
        line(&plan(health(
            "openrouter",
            Some("c/best"),
            Breaker::Open,
            1.0
        ))),
        "c/best@direct:Named c/best@openrouter:LastResort"
    );
    let of_lane = plan(health("direct", None, Breaker::Open, 1.0));
    assert_eq!(
        line(&of_lane),
        "c/best@openrouter:Named c/best@direct:LastResort"
    );
    assert_eq!(of_lane.dropped.of(DropReason::BreakerOpen), 0);
    assert_eq!(
        plan(health("openrouter", Some("c/best"), Breaker::Probing, 0.7))
            .first()
            .candidate
            .failure_share,
        0.7
    );
}

#[test]
fn when_open_breakers_leave_nothing_they_are_advice() {
    let entries = ["openrouter", "direct"].map(|lane| health(lane, None, Breaker::Open, 1.0));
    let plan = optimizer(RouterConfig::default())
        .plan(
            profile("c/best"),
            &view(models()),
            &HealthView::new(entries.to_vec()),
        )
        .unwrap();
    assert_eq!(plan.len(), 2);
    assert_eq!(
        plan.warnings,
        ["everything that could serve the call is out of service for the moment"]
    );
}

#[test]
fn measured_time_to_the_first_token_counts() {
    let mut entry = health("openrouter", Some("b/good"), Breaker::Closed, 0.01);
    entry.first_token_ms = Some(30_000.0);
    let latency = |health: HealthView| {
        let plan = optimizer(RouterConfig::default())
            .plan(profile("b/good"), &view(models()), &health)
            .unwrap();
        plan.first().candidate.latency_ms
    };
    let (assumed, measured) = (
        latency(HealthView::default()),
        latency(HealthView::new(vec![entry])),
    );
    assert!(
        (measured - assumed - (30_000.0 - 1_127.0)).abs() < 1.0,
        "{assumed} {measured}"
    );
}

// === failures ===

#[test]
fn nothing_left_says_what_would_have_to_change() {
    let check =
        |spec: ModelSpec, change: &dyn Fn(&mut tollgate_core::CallProfile), kind, hint: &str| {
            let mut profile = profile("a/b");
            change(&mut profile);
            let failure = plan(RouterConfig::default(), profile, &view([spec])).unwrap_err();
            assert_eq!(failure.kind(), kind, "{failure}");
            assert_eq!(failure.hint(), Some(hint));
        };
    let spec = || ModelSpec::new("a/b");
    // 40 tokens at $1 and 465 at $2 a million.
    check(
        spec(),
        &|profile| profile.ceiling = Some(Usd::from_nanos(900_000)),
        FailureKind::NoCandidate,
        "raise the cost limit to at least $0.00097, or ask for a shorter answer with `max_tokens`",
    );
    check(
        spec().context(200),
        &|_| {},
        FailureKind::ContextLength,
        "shorten the prompt, or ask for a shorter answer with `max_tokens`: 269 tokens are needed for both, the largest window holds 200",
    );
    check(
        spec(),
        &|profile| profile.needs |= Capabilities::AUDIO_INPUT,
        FailureKind::NoCandidate,
        "name a model that can do: audio_input",
    );
    check(
        spec(),
        &|profile| profile.max_output = Some(10_000),
        FailureKind::NoCandidate,
        "ask for at most 8192 output tokens",
    );
}

// === configuration ===

#[test]
fn a_bad_configuration_says_how_to_mend_it() {
    let check = |config, expected: &str| {
        let error: RouterError = CostOptimizer::new(config, Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        RouterConfig::default(),
        "no policy is named \"balanced\"; policies are ",
    );
    check(
        RouterConfig {
            plan_limit: 17,
            ..RouterConfig::default()
        },
        "plan_limit is 17; it can be 1 to 16",
    );
    let mut config = RouterConfig::default();
    config.output.sigma = -1.0;
    check(config, "output.sigma must be a positive number");
    let config = RouterConfig {
        default_model: Some(model("tollgate/auto:poetry")),
        ..RouterConfig::default()
    };
    check(
        config,
        "default_model: unknown task \"poetry\"; tasks are chat, code and reasoning",
    );
}

// === trials ===

/// The best, with the cheapest on trial before it.
#[derive(Debug)]
struct Trial;

impl RoutingPolicy for Trial {
    fn rank(&self, _: &CallProfile, candidates: &[Candidate]) -> Ranking {
        let ranking = Ranking::by_score(candidates, |one| f64::from(one.quality.mean));
        let cheapest = (0..).zip(candidates).min_by_key(|(_, one)| one.expected);
        let (place, _) = cheapest.unwrap();
        ranking.with_warning("a trial").with_trial(Ranked {
            place,
            score: 0.0,
            terms: Terms::default(),
        })
    }
}

fn trial_of(config: RouterConfig) -> Plan {
    let optimizer = optimizer(config).with_policy("trial", Arc::new(Trial));
    let profile = profile("tollgate/trial");
    let health = HealthView::default();
    optimizer.plan(profile, &view(models()), &health).unwrap()
}

#[test]
fn a_candidate_on_trial_stands_before_the_choice_and_warnings_are_told() {
    let plan = trial_of(RouterConfig::default());
    assert_eq!(
        line(&plan),
        "a/junk@openrouter:OnTrial c/best@openrouter:Ranked c/best@direct:Ranked b/good@openrouter:Ranked"
    );
    assert_eq!(plan.warnings, ["a trial"]);
}

#[test]
fn nobody_is_on_trial_in_a_plan_of_one() {
    let one = RouterConfig {
        plan_limit: 1,
        ..RouterConfig::default()
    };
    let no_fallback = RouterConfig {
        fallback: false,
        ..RouterConfig::default()
    };
    for config in [one, no_fallback] {
        let plan = trial_of(config);
        assert_eq!(first(&plan), "c/best");
        assert_eq!(plan.first().place, Place::Ranked);
    }
}

#[test]
fn only_a_speed_of_late_rules_a_model_out() {
    let slow = || ModelSpec::new("a/slow").speed(500.0, 1.0);
    let kept = |spec: ModelSpec| {
        let mut profile = profile("tollgate/auto");
        profile.max_latency = Some(Duration::from_secs(1));
        let other = ModelSpec::new("z/other").speed(1.0, 1e6);
        let plan = plan(RouterConfig::default(), profile, &view([spec, other])).unwrap();
        let mut models = plan.candidates();
        let slow = models.find(|planned| planned.model.as_str() == "a/slow");
        slow.map(|planned| planned.candidate.latency_known)
    };
    assert_eq!(kept(slow()), None);
    assert_eq!(kept(slow().traits(OfferTraits::SPEED_OLD)), Some(false));
    assert_eq!(kept(ModelSpec::new("a/slow")), Some(false));
}
