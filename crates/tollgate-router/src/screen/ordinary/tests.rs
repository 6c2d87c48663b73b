use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;
use tollgate_catalog::{CatalogConfig, LaneSpec, ModelCatalog, Serves};
use tollgate_core::{
    Breaker, CallProfile, Catalog, CatalogView, Habits, Health, HealthView, Lane, Price, Pricing,
    Rate, Rates, Silent, Spot, Task, TokenBounds, Warm,
};
use tollgate_testkit::builders::{self, NOON};
use tollgate_testkit::views::{ModelSpec, synthetic, view_on};

use super::*;
use crate::RouterConfig;
use crate::overlay::Overlay;
use crate::screen::Breakers;

/// The catalog that ships, a made-up one, and one of what is rare in both.
static VIEWS: LazyLock<[Arc<CatalogView>; 3]> =
    LazyLock::new(|| [real(), Arc::new(synthetic(200)), Arc::new(rare())]);

fn real() -> Arc<CatalogView> {
    let spec = LaneSpec {
        lane: builders::lane("openrouter"),
        serves: Serves::All,
    };
    let config = CatalogConfig::default();
    ModelCatalog::open(
        config,
        vec![spec],
        None,
        Arc::new(|| NOON),
        Arc::new(Silent),
    )
    .expect("the snapshot is sane")
    .view()
}

fn rare() -> CatalogView {
    let with_fee = Lane {
        fee_basis_points: 550,
        ..builders::lane("openrouter")
    };
    let known = |rates| {
        Pricing::Known(Price {
            base: rates,
            overrides: Vec::new(),
        })
    };
    let paid = Rates {
        input: Rate::from_attos(1_000_000_000_000),
        output: Rate::from_attos(3_000_000_000_000),
        ..Rates::default()
    };
    let habits = |tokens_per_estimate, tokens| Habits {
        tokens_per_estimate,
        answer_tokens: [tokens; Task::COUNT],
    };
    let mut models = vec![
        ModelSpec::new("fee/one").on(&["openrouter", "direct"]),
        ModelSpec::new("per/request").pricing(known(Rates {
            request: Some(Rate::from_attos(10_000_000_000_000_000)),
            ..paid
        })),
        ModelSpec::new("per/image").pricing(known(Rates {
            image: Some(Rate::from_attos(1_000_000_000_000_000)),
            ..paid
        })),
        ModelSpec::new("dear/cache").pricing(known(Rates {
            cache_write: Some(Rate::from_attos(2_000_000_000_000)),
            ..paid
        })),
        ModelSpec::new("beyond/64-bits").price(10_000.0, 1_000_000.0),
        ModelSpec::new("free/contract:free").free(),
        ModelSpec::new("no/limits").context(0).max_output(0),
        ModelSpec::new("tiny/window").context(3_000).max_output(0),
        ModelSpec::new("gone/already").expires(NOON),
        ModelSpec::new("zero/price").price(0.0, 0.0),
        ModelSpec::new("tier/early").tier(500, 2.0, 8.0),
    ];
    for (number, factor) in [(0, 0.5), (1, 1.3), (2, 9.0)] {
        let spec = |author| {
            ModelSpec::new(format!("{author}/{number}"))
                .habits(habits(factor, Some(700.0 * number as f32)))
                .on(&["direct"])
        };
        models.extend([spec("habits"), spec("thinks-little").reasoning(0.1)]);
    }
    view_on(vec![with_fee, builders::lane("direct")], models)
}

prop_compose! {
    // From nothing over all real windows to where 32 and 64 bits end.
    fn tokens()(magnitude in prop_oneof![9 => 0..21_u32, 1 => 21..64_u32], mantissa in 1..1_024_u64) -> u64 {
        (mantissa << magnitude >> 10).max(mantissa >> 10)
    }
}

prop_compose! {
    // Around what calls cost, with nothing, debts and more than there is.
    fn amounts()(magnitude in prop_oneof![9 => 0..12_u32, 1 => 12..19_u32], nanos in prop_oneof![Just(0), Just(-1), 1..10_i64]) -> Usd {
        Usd::from_nanos(nanos.saturating_mul(10_i64.pow(magnitude)))
    }
}

prop_compose! {
    fn profiles()(
        likely in tokens(), spread in 1..6_u64,
        max_output in proptest::option::of(prop_oneof![Just(0), tokens()]),
        answers in prop_oneof![8 => Just(1), 2 => 1..5_u64, 1 => Just(1 << 33)],
        images in prop_oneof![4 => Just(0), 1 => 1..4_u64],
        needs in prop_oneof![3 => Just(Capabilities::NONE), 1 => Just(Capabilities::TOOLS), 1 => Just(Capabilities::REASONING)],
        ceiling in proptest::option::of(amounts()), share in proptest::option::of(amounts()),
        max_latency in proptest::option::weighted(0.2, 0..100_000_u64),
        prefer_free in proptest::option::of(any::<bool>()),
        has_key in prop_oneof![6 => Just(false), 1 => Just(true)],
        warm in proptest::option::of((0..200_usize, tokens())),
        task in 0..Task::COUNT,
    ) -> (CallProfile, Option<usize>) {
        let mut profile = builders::profile();
        profile.task = Task::ALL[task];
        profile.prompt = TokenBounds { low: likely / spread, likely, high: likely.saturating_mul(spread) };
        profile.max_output = max_output;
        profile.answers = answers;
        profile.images = images;
        profile.searches = images / 2;
        profile.needs |= needs;
        profile.ceiling = ceiling;
        profile.share = share;
        profile.max_latency = max_latency.map(Duration::from_millis);
        profile.prefer_free = prefer_free;
        profile.own_keys = has_key.then(|| builders::lane_id("direct")).into_iter().collect();
        profile.warm = warm.map(|(_, tokens)| Warm { model: builders::model("a/b"), lane: builders::lane_id("openrouter"), tokens, order: Vec::new() });
        (profile, warm.map(|(place, _)| place))
    }
}

/// What was seen of a place among the models, or of a lane.
type Seen = (Option<usize>, bool, f32, Option<f32>);

fn seen() -> impl Strategy<Value = Vec<Seen>> {
    let place = proptest::option::weighted(0.9, 0..200_usize);
    let first_token_ms = proptest::option::of(1.0..5_000.0_f32);
    let one = (
        place,
        proptest::bool::weighted(0.2),
        0.0..1.0_f32,
        first_token_ms,
    );
    proptest::collection::vec(one, 0..12)
}

fn health(view: &CatalogView, seen: &[Seen]) -> HealthView {
    let entries = seen
        .iter()
        .map(|(place, is_open, failure_share, first_token_ms)| {
            let lane = builders::lane_id("openrouter");
            let spot = match place {
                Some(place) => Spot::Endpoint {
                    lane,
                    model: view.models()[place % view.models().len()].id.clone(),
                },
                None => Spot::Key { lane },
            };
            Health {
                breaker: if *is_open {
                    Breaker::Open
                } else {
                    Breaker::Closed
                },
                failure_share: *failure_share,
                first_token_ms: *first_token_ms,
                ..Health::unseen(spot)
            }
        });
    HealthView::new(entries.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_offer_gets_the_answer_of_the_long_way(
        (profile, warm) in profiles(), seen in seen(), allow_free in any::<bool>(), min_answer_tokens in prop_oneof![Just(256), 0..5_000_u32],
    ) {
        let config = RouterConfig { allow_free, min_answer_tokens, ..RouterConfig::default() };
        for view in &*VIEWS {
            let mut profile = profile.clone();
            if let (Some(place), Some(warm)) = (warm, &mut profile.warm) {
                warm.model = view.models()[place % view.models().len()].id.clone();
            }
            let mut overlay = Overlay::default();
            overlay.fill(view, &health(view, &seen));
            for breakers in [Breakers::Obeyed, Breakers::Advice] {
                let screen = Screen::new(&config, view, &profile, &overlay, breakers);
                // What stood there before is not to show.
                let (mut made, mut dropped) = (vec![Candidate::neutral(u32::MAX); 7], Vec::new());
                Ordinary::of(&screen).gather(view.contest(profile.task), &mut made, |place, reason| {
                    dropped.push((place, reason));
                });
                let (mut made, mut dropped) = (made.into_iter(), dropped.into_iter());
                for &place in view.open() {
                    match screen.check_open(place) {
                        Ok(candidate) => prop_assert_eq!(made.next(), Some(candidate)),
                        Err(reason) => prop_assert_eq!(dropped.next(), Some((place, reason))),
                    }
                }
                prop_assert_eq!((made.next(), dropped.next()), (None, None));
            }
        }
    }
}

#[test]
fn most_offers_of_the_real_catalog_are_ordinary() {
    let (view, config, overlay) = (&VIEWS[0], RouterConfig::default(), {
        let mut overlay = Overlay::default();
        overlay.fill(&VIEWS[0], &HealthView::default());
        overlay
    });
    let profile = builders::profile();
    let screen = Screen::new(&config, view, &profile, &overlay, Breakers::Obeyed);
    let ordinary = Ordinary::of(&screen);
    let columns = view.contest(profile.task).columns;
    let special = columns
        .iter()
        .map(|columns| ordinary.figures(columns).is_special);
    let special = special.flatten().take(view.open().len());
    let special = special.filter(|is_special| *is_special).count();
    assert!(special * 5 < view.open().len(), "{special}");
}
