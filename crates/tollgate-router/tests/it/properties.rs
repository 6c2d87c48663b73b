use proptest::prelude::*;
use tollgate_core::{
    Breaker, CallProfile, Capabilities, DropCounts, DropReason, Entry, Health, HealthView,
    OfferIndex, Place, Planned, Spot, Tally, Task, TokenBounds, Usd,
};
use tollgate_router::{RouterConfig, TaskLists};
use tollgate_testkit::builders;
use tollgate_testkit::views::synthetic;

use crate::optimizer;

const MODELS: usize = 120;

prop_compose! {
    fn profiles()(
        target in prop_oneof![
            Just("tollgate/auto"), Just("tollgate/cheapest"), Just("tollgate/quality:code"),
            Just("maker-05/model-00042"), Just("maker-13/model-00050:nitro"), Just("maker-15/model-00015:free"),
        ],
        // Around the tiers and windows of the synthetic view.
        likely in prop_oneof![1..2_000_u64, 100_000..400_000_u64],
        max_output in proptest::option::of(1..70_000_u64),
        answers in 1..3_u64,
        needs in prop_oneof![Just(Capabilities::NONE), Just(Capabilities::TOOLS), Just(Capabilities::IMAGE_INPUT), Just(Capabilities::REASONING)],
        ceiling in proptest::option::of(prop_oneof![0..100_000_000_i64, 0..10_000_000_000_i64]),
        prefer_free in proptest::option::of(any::<bool>()),
        fallbacks in proptest::collection::vec(0..MODELS, 0..3),
    ) -> CallProfile {
        let view = synthetic(MODELS);
        let mut profile = crate::profile(target);
        profile.prompt = TokenBounds { low: likely * 7 / 10, likely, high: likely * 5 };
        profile.max_output = max_output;
        profile.answers = answers;
        profile.needs |= needs;
        profile.ceiling = ceiling.map(Usd::from_nanos);
        profile.prefer_free = prefer_free;
        profile.fallbacks = fallbacks.into_iter().map(|place| view.models()[place].id.clone()).collect();
        profile
    }
}

prop_compose! {
    fn configs()(list in proptest::collection::vec(0..MODELS, 0..12), chain in proptest::collection::vec(0..MODELS, 0..6),
                 allow_free in any::<bool>(), plan_limit in 1..=16_usize) -> RouterConfig {
        let view = synthetic(MODELS);
        let pick = |places: Vec<usize>| places.into_iter().map(|place| view.models()[place].id.clone()).collect();
        RouterConfig {
            lists: TaskLists { chat: pick(list), ..TaskLists::default() },
            fallback_chain: pick(chain),
            allow_free,
            plan_limit,
            ..RouterConfig::default()
        }
    }
}

fn healths() -> impl Strategy<Value = HealthView> {
    let entry =
        (0..MODELS, any::<bool>(), 0.0..1.0_f32).prop_map(|(place, is_open, failure_share)| {
            let spot = Spot::Endpoint {
                lane: builders::lane_id("openrouter"),
                model: synthetic(MODELS).models()[place].id.clone(),
            };
            Health {
                breaker: if is_open {
                    Breaker::Open
                } else {
                    Breaker::Closed
                },
                failure_share,
                attempts: 1,
                ..Health::unseen(spot)
            }
        });
    proptest::collection::vec(entry, 0..6).prop_map(HealthView::new)
}

/// The expected cost of a paid candidate, by the general sum over full prices.
fn exactly_expected(planned: &Planned, profile: &CallProfile) -> Option<Usd> {
    let rates = planned.rates(profile.prompt.likely, profile.at)?;
    let mut tally = Tally::default();
    tally.add(rates.input, profile.prompt.likely);
    tally.add(
        rates.output,
        u64::from(planned.candidate.output_tokens) * profile.answers,
    );
    (!planned.candidate.free).then(|| tally.ceil())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_sorted_unique_and_within_every_constraint(profile in profiles(), config in configs(), health in healths()) {
        let view = synthetic(MODELS);
        let limit = config.plan_limit;
        let Ok(plan) = optimizer(config).plan(profile.clone(), &view, &health) else { return Ok(()) };
        let ranked: Vec<_> = plan.candidates().filter(|planned| planned.place == Place::Ranked).collect();
        prop_assert!(ranked.len() <= limit);
        for group in ranked.chunk_by(|a, b| a.candidate.free == b.candidate.free) {
            prop_assert!(group.windows(2).all(|pair| pair[0].score >= pair[1].score));
        }
        let places: Vec<Place> = plan.candidates().map(|planned| planned.place).collect();
        let group = |place: &Place| (*place == Place::LastResort, *place == Place::Chain);
        prop_assert!(places.is_sorted_by_key(group), "{places:?}");
        let mut offers: Vec<_> = plan.candidates().map(|planned| planned.candidate.offer).collect();
        offers.sort_unstable();
        let count = offers.len();
        offers.dedup();
        prop_assert_eq!(offers.len(), count);
        for planned in plan.candidates() {
            let candidate = &planned.candidate;
            let offer = view.offer(candidate.offer);
            prop_assert!(candidate.expected <= candidate.worst || candidate.clamp.is_some());
            prop_assert!(profile.ceiling.is_none_or(|ceiling| candidate.worst <= ceiling));
            let published = match offer.max_output {
                0 => u64::MAX,
                limit => u64::from(limit),
            };
            let length = profile.max_output.or(candidate.clamp.map(u64::from)).unwrap_or(u64::MAX);
            let length = length.min(published).min(u64::from(offer.context) - profile.prompt.low);
            prop_assert_eq!(candidate.worst, planned.quote.at(length));
            if let Some(exact) = exactly_expected(planned, &profile) {
                prop_assert_eq!(candidate.expected, exact);
            }
            // A second attempt has room, or the first needs more than half for a useful answer.
            if let (Some(ceiling), None) = (profile.ceiling, profile.max_output) {
                let least = planned.quote.at(u64::from(candidate.output_tokens.max(256)));
                prop_assert!(candidate.worst.nanos() <= ceiling.nanos() / 2 || least.nanos() + 2 > ceiling.nanos() / 2
                    || candidate.worst <= least);
            }
            prop_assert!(offer.can.contains(profile.needs) && offer.priced);
            prop_assert!(u64::from(offer.context) > profile.prompt.likely);
            prop_assert!(candidate.clamp.is_none() || profile.max_output.is_none());
            prop_assert!(candidate.clamp.is_none_or(|clamp| clamp >= 256));
        }
    }

    #[test]
    fn plan_and_explanation_never_disagree(profile in profiles(), config in configs(), health in healths()) {
        let view = synthetic(MODELS);
        let optimizer = optimizer(config);
        let explanation = optimizer.explain(&profile, &view, &health);
        match optimizer.plan(profile, &view, &health) {
            Ok(plan) => {
                let planned: Vec<_> = plan.candidates().map(|p| (p.model.clone(), p.lane.id.clone(), p.candidate.worst, p.place)).collect();
                let explained: Vec<_> = explanation.candidates.iter().map(|c| (c.model.clone(), c.lane.clone(), c.worst, c.place)).collect();
                prop_assert_eq!(planned, explained);
                prop_assert_eq!(&plan.warnings, &explanation.warnings);
                prop_assert_eq!(plan.dropped.total() as usize, explanation.dropped.len());
                for dropped in &explanation.dropped {
                    let same = explanation.dropped.iter().filter(|other| other.reason.index() == dropped.reason.index());
                    prop_assert_eq!(plan.dropped.of(dropped.reason) as usize, same.count());
                }
                // What is in the plan was not left out.
                for dropped in &explanation.dropped {
                    let is_planned = explanation.candidates.iter().any(|candidate| candidate.model == dropped.model && candidate.lane == dropped.lane);
                    prop_assert!(!is_planned, "{} is in the plan and left out", dropped.model);
                }
            }
            Err(failure) => {
                prop_assert!(explanation.candidates.is_empty());
                prop_assert!(explanation.warnings.iter().any(|warning| warning.contains(failure.message())));
            }
        }
    }
}

#[test]
fn a_view_knows_who_can_compete() {
    let view = synthetic(MODELS);
    let mut counts = DropCounts::default();
    let mut seen = 0;
    for (place, offer) in (0..).map(OfferIndex).zip(view.offers()) {
        let brief = view.brief(place);
        assert_eq!((brief.model, brief.can), (offer.model, offer.can));
        let facts = view.model(offer.model);
        for task in Task::ALL {
            assert_eq!(
                view.outlooks(task)[place.0 as usize].quality,
                facts.quality[task.index()]
            );
        }
        match brief.bar(Entry::Open) {
            None => assert!(view.open().binary_search(&place).is_ok()),
            Some(reason) => {
                assert!(view.barred().contains(&(place, reason)));
                counts.count(reason);
            }
        }
        seen += 1;
    }
    assert_eq!(seen, view.open().len() + view.barred().len());
    assert_eq!(view.barred_counts(), &counts);
    let reasons = [
        DropReason::BatchOnly,
        DropReason::Alias,
        DropReason::Router,
        DropReason::PriceUnknown,
    ];
    // In 120 models, as the synthetic view says: one router, which has no price either.
    assert_eq!(reasons.map(|reason| counts.of(reason)), [30, 4, 1, 0]);
}
