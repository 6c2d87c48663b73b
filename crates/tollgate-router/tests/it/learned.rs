//! A look at the prompt: what it changes, and what the guard keeps.

use std::sync::Arc;

use tollgate_core::{
    Call, CallProfile, CatalogView, Explanation, HealthView, LookVerdict, Quality, QualitySource,
    Task,
};
use tollgate_policy_balanced::Balanced;
use tollgate_policy_cheapest::Cheapest;
use tollgate_policy_quality::BestQuality;
use tollgate_router::{CostOptimizer, InWords, RouterConfig};
use tollgate_router_learned::{
    Learned, NEUTRAL_DIFFICULTY, OutcomeModel, Outcomes, TrainConfig, train,
};
use tollgate_testkit::builders;
use tollgate_testkit::views::{ModelSpec, view};
use tollgate_wire::{Request, Surface};

const POEM: &str =
    "Write a poem about the moon, the night and my heart, with rhymes on every line.";
const SUM: &str = "Ada has 12 apples and buys 7 more. How many apples does Ada have now?";

/// Poets write poems, counters count; each is poor at the other.
fn learned(rows: usize) -> Arc<Learned> {
    let named = |name: &str| OutcomeModel {
        name: name.to_owned(),
        input: None,
        output: None,
    };
    let subjects = ["moon", "sea", "rain", "snow", "stars", "wind", "dawn"];
    let things = ["apples", "boats", "coins", "drums", "eggs"];
    let mut lines = String::new();
    for row in 0..rows {
        let (task, prompt, good) = match row % 2 {
            0 => {
                let subject = subjects[row / 2 % 7];
                (
                    "poems",
                    format!(
                        "Write a poem about the {subject}, the night and my heart, with {} rhymes on every line.",
                        row % 9
                    ),
                    [0.95, 0.15],
                )
            }
            _ => {
                let thing = things[row / 2 % 5];
                (
                    "sums",
                    format!(
                        "Ada has {row} {thing} and buys {} more. How many {thing} does Ada have now?",
                        row % 9
                    ),
                    [0.15, 0.95],
                )
            }
        };
        let luck = (row * 7919 % 1_000) as f64 / 1_000.0;
        let q = good.map(|chance| u8::from(luck < chance));
        let row = serde_json::json!({ "id": row.to_string(), "task": task, "kind": "chat", "prompt": prompt, "q": q });
        lines.push_str(&format!("{row}\n"));
    }
    let outcomes =
        Outcomes::parse(vec![named("a/poet"), named("b/counter")], lines.as_bytes()).unwrap();
    Arc::new(train(&outcomes, &TrainConfig::default()).unwrap())
}

/// The counter is a little better by what is published; a third costs nothing to speak of.
fn models() -> CatalogView {
    view([
        ModelSpec::new("a/poet").price(1.0, 4.0).quality(0.55),
        ModelSpec::new("b/counter").price(1.0, 4.0).quality(0.60),
        ModelSpec::new("c/tiny").price(0.01, 0.04).quality(0.20),
    ])
}

fn optimizer(learned: Option<Arc<Learned>>) -> CostOptimizer {
    let optimizer = CostOptimizer::new(
        RouterConfig {
            policy: "quality".into(),
            ..RouterConfig::default()
        },
        vec![
            ("cheapest".into(), Arc::new(Cheapest::default())),
            ("balanced".into(), Arc::new(Balanced::default())),
            ("quality".into(), Arc::new(BestQuality::default())),
        ],
    )
    .unwrap();
    match learned {
        Some(learned) => optimizer.with_learned(learned),
        None => optimizer,
    }
}

fn call(body: serde_json::Value, surface: Surface) -> Call {
    Call {
        request: Arc::new(Request::parse(surface, body.to_string().as_bytes()).unwrap()),
        ..builders::call(1, "tollgate/auto")
    }
}

fn chat(prompt: &str) -> Call {
    let body = serde_json::json!({
        "model": "tollgate/auto:chat",
        "messages": [{ "role": "user", "content": prompt }],
    });
    call(body, Surface::Chat)
}

fn profile(optimizer: &CostOptimizer, prompt: &str) -> CallProfile {
    optimizer.profile(&chat(prompt)).unwrap()
}

fn explain(optimizer: &CostOptimizer, profile: &CallProfile) -> Explanation {
    optimizer.explain(profile, &models(), &HealthView::default())
}

fn verdict(explanation: &Explanation) -> LookVerdict {
    let look = explanation.look.as_ref().unwrap();
    look.guarded.as_ref().unwrap().verdict
}

#[test]
fn a_prompt_goes_to_the_model_that_is_good_at_its_like() {
    let optimizer = optimizer(Some(learned(600)));
    let poem = explain(&optimizer, &profile(&optimizer, POEM));
    assert_eq!(poem.candidates[0].model.as_str(), "a/poet");
    assert_eq!(poem.candidates[0].quality.source, QualitySource::Learned);
    assert_eq!(verdict(&poem), LookVerdict::Left);
    let sum = explain(&optimizer, &profile(&optimizer, SUM));
    assert_eq!(sum.candidates[0].model.as_str(), "b/counter");
    assert_eq!(verdict(&sum), LookVerdict::Agrees);
}

#[test]
fn a_prompt_like_none_is_left_to_what_is_published() {
    let optimizer = optimizer(Some(learned(600)));
    let strange = "Wer hat den Schlüssel zum Gartenhaus zuletzt gesehen?";
    let explanation = explain(&optimizer, &profile(&optimizer, strange));
    assert_eq!(explanation.candidates[0].model.as_str(), "b/counter");
    assert_ne!(verdict(&explanation), LookVerdict::Left);
}

/// Prefers the poet if anything speaks for it.
#[derive(Debug)]
struct Eager;

impl tollgate_core::RoutingPolicy for Eager {
    fn rank(
        &self,
        _: &CallProfile,
        candidates: &[tollgate_core::Candidate],
    ) -> tollgate_core::Ranking {
        tollgate_core::Ranking::by_score(candidates, |candidate| {
            1e6 * f64::from(candidate.quality.mean)
        })
    }
}

#[test]
fn the_guard_holds_a_policy_whose_scores_are_in_units_of_its_own() {
    let optimizer = optimizer(Some(learned(600))).with_policy("eager", Arc::new(Eager));
    let mut kept = 0;
    for words in [
        "poem",
        "poem night",
        "heart rhymes line",
        "a poem of numbers and apples",
    ] {
        let mut profile = profile(&optimizer, words);
        profile.policy = Some("eager".into());
        let explanation = explain(&optimizer, &profile);
        let guarded = explanation.look.unwrap().guarded.unwrap();
        let gain = guarded.other_quality.mean - guarded.usual_quality.mean;
        match guarded.verdict {
            LookVerdict::Agrees => assert_eq!(guarded.usual, guarded.other),
            LookVerdict::Left => assert!(gain > guarded.doubt, "{words}: {guarded:?}"),
            LookVerdict::Kept => {
                kept += 1;
                assert!(gain <= guarded.doubt, "{words}: {guarded:?}");
                let first = &explanation.candidates[0];
                assert_eq!(first.model, guarded.usual);
                assert_eq!(first.quality.source, QualitySource::Benchmark);
            }
        }
    }
    assert!(kept > 0, "no prompt was doubtful");
}

#[test]
fn doubt_of_a_pair_is_not_a_matter_of_price() {
    let optimizer = optimizer(Some(learned(600)));
    let doubt = |poet_price: f64| {
        let models = view([
            ModelSpec::new("a/poet")
                .price(poet_price, 4.0 * poet_price)
                .quality(0.55),
            ModelSpec::new("b/counter").price(1.0, 4.0).quality(0.60),
        ]);
        let explanation =
            optimizer.explain(&profile(&optimizer, POEM), &models, &HealthView::default());
        explanation.look.unwrap().guarded.unwrap().doubt
    };
    assert!(doubt(1.1) > 0.0);
    assert_eq!(doubt(1.1), doubt(0.9));
}

#[test]
fn of_a_model_that_was_not_trained_on_two_errors_are_doubted() {
    let optimizer = optimizer(Some(learned(600)));
    let models = view([
        ModelSpec::new("a/poet").price(1.0, 4.0).quality(0.55),
        ModelSpec::new("d/stranger").price(1.0, 4.0).quality(0.60),
    ]);
    let explanation =
        optimizer.explain(&profile(&optimizer, POEM), &models, &HealthView::default());
    let guarded = explanation.look.unwrap().guarded.unwrap();
    let (usual, other) = (guarded.usual_quality, guarded.other_quality);
    assert!(
        (guarded.doubt - 2.0 * usual.error.hypot(other.error)).abs() < 1e-6,
        "{guarded:?}"
    );
}

#[test]
fn cheapest_is_not_moved_by_quality_without_a_floor() {
    let optimizer = optimizer(Some(learned(600)));
    let mut profile = profile(&optimizer, POEM);
    profile.policy = Some("cheapest".into());
    let explanation = explain(&optimizer, &profile);
    assert_eq!(explanation.candidates[0].model.as_str(), "c/tiny");
    assert_eq!(verdict(&explanation), LookVerdict::Agrees);
}

#[test]
fn a_recorded_profile_decides_again_without_the_prompt() {
    let optimizer = optimizer(Some(learned(600)));
    let profile = profile(&optimizer, POEM);
    let recorded = serde_json::to_string(&profile).unwrap();
    assert!(
        !recorded.contains("moon") && recorded.len() < 1_500,
        "{recorded}"
    );
    let again: CallProfile = serde_json::from_str(&recorded).unwrap();
    assert_eq!(again, profile);
    assert_eq!(
        InWords(&explain(&optimizer, &again)).to_string(),
        InWords(&explain(&optimizer, &profile)).to_string()
    );
}

#[test]
fn what_another_router_has_read_is_said_and_not_used() {
    let profile = profile(&optimizer(Some(learned(600))), POEM);
    for other in [None, Some(learned(500))] {
        let other = optimizer(other);
        assert!(!other.has_looked(&profile));
        let explanation = explain(&other, &profile);
        assert_eq!(explanation.candidates[0].model.as_str(), "b/counter");
        assert_eq!(explanation.look, None);
        let said = explanation
            .warnings
            .iter()
            .any(|one| one.contains("without a look at the prompt"));
        assert!(said, "{:?}", explanation.warnings);
    }
}

#[test]
fn plans_and_explanations_see_the_same() {
    let optimizer = optimizer(Some(learned(600)));
    for prompt in [POEM, SUM] {
        let profile = profile(&optimizer, prompt);
        let plan = optimizer
            .plan(profile.clone(), &models(), &HealthView::default())
            .unwrap();
        let explanation = explain(&optimizer, &profile);
        let planned: Vec<(String, Quality)> = plan
            .candidates()
            .map(|one| (one.model.to_string(), one.candidate.quality))
            .collect();
        let explained: Vec<(String, Quality)> = explanation
            .candidates
            .iter()
            .map(|one| (one.model.to_string(), one.quality))
            .collect();
        assert_eq!(planned, explained);
    }
}

#[test]
fn each_view_and_each_router_is_looked_up_anew() {
    let (first, second) = (learned(600), learned(500));
    for learned in [&first, &second, &first] {
        let optimizer = optimizer(Some(learned.clone()));
        let profile = profile(&optimizer, POEM);
        // Other models stand at the places of the poet and of the counter.
        let shifted = view([
            ModelSpec::new("a/another").quality(0.5),
            ModelSpec::new("a/before").quality(0.5),
            ModelSpec::new("a/poet").quality(0.55),
            ModelSpec::new("b/counter").quality(0.60),
        ]);
        for models in [models(), shifted] {
            let plan = optimizer
                .plan(profile.clone(), &models, &HealthView::default())
                .unwrap();
            assert_eq!(plan.first().model.as_str(), "a/poet");
        }
    }
}

#[test]
fn every_surface_is_read_alike() {
    let optimizer = optimizer(Some(learned(600)));
    let reading = |surface, body| {
        optimizer
            .profile(&call(body, surface))
            .unwrap()
            .reading
            .unwrap()
    };
    let json = serde_json::json!({
        "model": "tollgate/auto:chat",
        "messages": [
            { "role": "system", "content": "You are a poet." },
            { "role": "user", "content": "What is 1 + 1?" },
            { "role": "assistant", "content": "Two." },
            { "role": "user", "content": [{ "type": "text", "text": POEM }] },
        ],
    });
    let chat = reading(Surface::Chat, json);
    let messages = reading(
        Surface::Messages,
        serde_json::json!({
            "model": "tollgate/auto:chat", "max_tokens": 9, "system": "You are a poet.",
            "messages": [{ "role": "user", "content": POEM }],
        }),
    );
    let responses = reading(
        Surface::Responses,
        serde_json::json!({ "model": "tollgate/auto:chat", "instructions": "You are a poet.", "input": POEM }),
    );
    assert_eq!(chat, messages);
    assert_eq!(chat, responses);
    // As a row with both texts would be.
    let row = learned(600);
    let text = format!("You are a poet.\n{POEM}");
    let assessment = row.assess(Task::Chat, text.as_bytes(), &mut Default::default());
    assert_eq!(chat, row.reading(&assessment));
}

#[test]
fn the_neutral_head_expects_less_of_scores_on_a_hard_prompt() {
    let neutral = Arc::new(Learned::from_bytes(NEUTRAL_DIFFICULTY).unwrap());
    let optimizer = optimizer(Some(neutral));
    let quality = |prompt: &str| {
        let mut profile = profile(&optimizer, prompt);
        profile.policy = Some("quality".into());
        explain(&optimizer, &profile).candidates[0].quality.mean
    };
    let hard = "Let $f$ be a polynomial of degree 5 with integer coefficients such that $f(k) = k^2$ for five integers. \
         Find the sum of all possible values of the remainder when $f(10)$ is divided by 1000.";
    assert!(quality(SUM) > quality(hard) + 0.05);
}

#[test]
fn embeddings_are_not_read() {
    let optimizer = optimizer(Some(learned(600)));
    let body = serde_json::json!({ "model": "a/poet", "input": POEM });
    let profile = optimizer.profile(&call(body, Surface::Embeddings)).unwrap();
    assert_eq!(profile.reading, None);
}
