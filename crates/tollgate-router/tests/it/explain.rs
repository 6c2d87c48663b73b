use tollgate_core::{HealthView, OfferTraits, Usd};
use tollgate_router::{InWords, RouterConfig, TaskLists};
use tollgate_testkit::builders::model;
use tollgate_testkit::views::{ModelSpec, view};

use crate::{optimizer, profile};

#[test]
fn an_explanation_in_words() {
    let view = view([
        ModelSpec::new("maker/small")
            .price(0.1, 0.4)
            .quality(0.55)
            .speed(400.0, 120.0),
        ModelSpec::new("maker/large")
            .price(3.0, 15.0)
            .quality(0.75)
            .max_output(64_000),
        ModelSpec::new("maker/huge")
            .price(150.0, 600.0)
            .quality(0.80),
        ModelSpec::new("maker/large:free").free().quality(0.7),
        ModelSpec::new("maker/tiny").context(200),
        ModelSpec::new("maker/latest").traits(OfferTraits::ALIAS),
        ModelSpec::new("maker/old-1").unpriced(),
        ModelSpec::new("maker/old-2").unpriced(),
        ModelSpec::new("maker/old-3").unpriced(),
        ModelSpec::new("maker/old-4").unpriced(),
    ]);
    let mut profile = profile("tollgate/balanced");
    profile.ceiling = Some(Usd::from_nanos(100_000_000));
    let config = RouterConfig {
        fallback_chain: vec![model("maker/large:free"), model("maker/gone")],
        ..RouterConfig::default()
    };
    let explanation = optimizer(config).explain(&profile, &view, &HealthView::default());
    insta::assert_snapshot!(InWords(&explanation).to_string());
}

#[test]
fn a_failure_is_explained_too() {
    let lists = TaskLists {
        chat: vec![model("maker/small")],
        ..TaskLists::default()
    };
    let view = view([ModelSpec::new("maker/small"), ModelSpec::new("maker/other")]);
    let mut profile = profile("tollgate/auto");
    profile.max_output = Some(100_000);
    let config = RouterConfig {
        lists,
        ..RouterConfig::default()
    };
    let explanation = optimizer(config).explain(&profile, &view, &HealthView::default());
    insta::assert_snapshot!(InWords(&explanation).to_string());
}

#[test]
fn an_explanation_as_json() {
    let view = view([
        ModelSpec::new("maker/small").price(0.1, 0.4),
        ModelSpec::new("maker/other").unpriced(),
    ]);
    let explanation = optimizer(RouterConfig::default()).explain(
        &profile("tollgate/cheapest"),
        &view,
        &HealthView::default(),
    );
    insta::assert_json_snapshot!(explanation);
}

#[test]
fn each_candidate_says_why_in_words() {
    let view = view([
        ModelSpec::new("a/junk").price(0.01, 0.02).quality(0.1),
        ModelSpec::new("b/good").price(0.2, 0.6).quality(0.795),
        ModelSpec::new("c/best").price(10.0, 40.0).quality(0.8),
        ModelSpec::new("d/chained").traits(OfferTraits::ALIAS),
    ]);
    let whys = |target: Option<&str>, change: &dyn Fn(&mut RouterConfig)| {
        let mut profile = profile(target.unwrap_or("tollgate/auto"));
        match target {
            Some(_) => profile.fallbacks = vec![model("b/good")],
            None => profile.target = None,
        }
        let mut config = RouterConfig {
            fallback_chain: vec![model("x/gone"), model("d/chained")],
            ..RouterConfig::default()
        };
        change(&mut config);
        let explanation = optimizer(config).explain(&profile, &view, &HealthView::default());
        let whys = explanation.candidates.iter();
        whys.map(|candidate| format!("{}: {}", candidate.model, candidate.why))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let all = [
        whys(Some("tollgate/cheapest"), &|_| {}),
        whys(Some("tollgate/balanced"), &|_| {}),
        whys(Some("tollgate/quality"), &|_| {}),
        whys(Some("c/best"), &|_| {}),
        whys(None, &|config| config.default_model = Some(model("a/junk"))),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}
