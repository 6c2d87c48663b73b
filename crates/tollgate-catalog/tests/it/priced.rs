//! Lanes of providers that the price table knows, and which table it is.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_catalog::{CatalogConfig, CatalogError, LaneSpec, PriceTable, ProviderModels, Serves};
use tollgate_core::{Catalog, CatalogView, ModelId, OfferTraits, Price, Pricing, Rate, Timestamp};

use crate::support::{Script, all_on, lane, list, open, open_with};

fn id(text: &str) -> ModelId {
    ModelId::new(text).unwrap()
}

fn provider(name: &str) -> LaneSpec {
    with(name, ProviderModels::of(name))
}

fn with(name: &str, models: ProviderModels) -> LaneSpec {
    LaneSpec {
        lane: lane(name),
        serves: Serves::Provider(models),
    }
}

/// What a model is called on each lane and what its input costs there, in
/// dollars per million.
fn offers(view: &CatalogView, model: &str) -> Vec<(String, String, Option<String>)> {
    let Some(place) = view.find(model) else {
        return Vec::new();
    };
    view.offers_of(place)
        .map(|offer| {
            let price = match view.pricing(offer) {
                Pricing::Known(price) => Some(price.base.input.per_million().to_string()),
                _ => None,
            };
            let lane = view.lane(view.offer(offer).lane).id.to_string();
            (lane, view.upstream_id(offer).to_string(), price)
        })
        .collect()
}

fn offer(lane: &str, name: &str, price: Option<&str>) -> (String, String, Option<String>) {
    (lane.into(), name.into(), price.map(str::to_owned))
}

fn price(attos: u64) -> Price {
    let mut price = Price::default();
    (price.base.input, price.base.output) = (Rate::from_attos(attos), Rate::from_attos(attos));
    price
}

#[test]
fn makers_lanes_offer_their_models_at_their_own_prices() {
    let lanes = vec![
        all_on("openrouter"),
        provider("openai"),
        provider("anthropic"),
    ];
    let view = open_with(CatalogConfig::default(), lanes).unwrap().view();
    assert_eq!(
        offers(&view, "anthropic/claude-sonnet-5"),
        [
            offer("openrouter", "anthropic/claude-sonnet-5", Some("2")),
            offer("anthropic", "claude-sonnet-5", Some("3")),
        ]
    );
    assert_eq!(
        offers(&view, "openai/gpt-5.4"),
        [
            offer("openrouter", "openai/gpt-5.4", Some("2.5")),
            offer("openai", "gpt-5.4", Some("2.5")),
        ]
    );
    for other in [
        "openai/gpt-5.4:batch",
        "google/gemini-2.5-pro",
        "~openai/gpt-latest",
    ] {
        assert_eq!(offers(&view, other).len(), 1, "{other}");
    }
}

#[test]
fn an_offer_has_the_tiers_the_limits_and_the_end_of_the_table() {
    let lanes = vec![all_on("openrouter"), provider("openai")];
    let view = open_with(CatalogConfig::default(), lanes).unwrap().view();
    let direct = |model: &str| {
        let place = view.find(model).unwrap();
        view.offers_of(place).nth(1).unwrap()
    };
    let tiered = direct("openai/gpt-5.4");
    let at = |tokens| match view.pricing(tiered) {
        Pricing::Known(price) => price.at(tokens, Timestamp::default()).input.per_million(),
        other => panic!("{other:?}"),
    };
    assert_eq!(at(272_000).to_string(), "2.5");
    assert_eq!(at(272_001).to_string(), "5");
    assert!(view.offer(tiered).traits.any(OfferTraits::TIERED));
    assert_eq!(view.offer(tiered).max_output, 128_000);

    let ending = view.offer(direct("openai/gpt-5")).expires;
    assert_eq!(ending, Timestamp::parse_date("2026-12-11").unwrap().secs());
    // What had ended when the table was made is not offered at all.
    assert_eq!(offers(&view, "openai/gpt-4-turbo").len(), 1);
}

#[test]
fn the_word_of_the_user_counts_before_that_of_the_table() {
    let models = ProviderModels {
        only: Some(BTreeSet::from([id("openai/gpt-5.4"), id("openai/gpt-4o")])),
        models: BTreeMap::from([
            // By its permanent name it is the same model.
            (id("openai/gpt-5.2-20251211"), id("my-deployment")),
            (id("mine/embedder"), id("gpt-5.6")),
        ]),
        prices: BTreeMap::from([
            (id("openai/gpt-5.4-20260305"), price(7_000_000_000_000)),
            (id("openai/gpt-5.2"), Price::default()),
        ]),
        ..ProviderModels::of("openai")
    };
    let view = open_with(CatalogConfig::default(), vec![with("direct", models)])
        .unwrap()
        .view();
    assert_eq!(
        offers(&view, "openai/gpt-5.4"),
        [offer("direct", "gpt-5.4", Some("7"))]
    );
    assert_eq!(
        offers(&view, "openai/gpt-4o"),
        [offer("direct", "gpt-4o", Some("2.5"))]
    );
    // Zero, because the user says so.
    assert_eq!(
        offers(&view, "openai/gpt-5.2"),
        [offer("direct", "my-deployment", Some("0"))]
    );
    // A model that the list does not know has the price of its name.
    assert_eq!(
        offers(&view, "mine/embedder"),
        [offer("direct", "gpt-5.6", Some("5"))]
    );
    assert!(offers(&view, "openai/gpt-5.5").is_empty());
}

#[test]
fn a_name_without_a_price_is_offered_as_unknown() {
    let models = ProviderModels {
        models: BTreeMap::from([(id("openai/gpt-5.4"), id("unheard-of"))]),
        ..ProviderModels::of("nobody")
    };
    let view = open_with(CatalogConfig::default(), vec![with("direct", models)])
        .unwrap()
        .view();
    assert_eq!(
        offers(&view, "openai/gpt-5.4"),
        [offer("direct", "unheard-of", None)]
    );
    let place = view.find("openai/gpt-5.4").unwrap();
    let only = view.offers_of(place).next().unwrap();
    assert!(!view.offer(only).priced);
}

// === which table ===

fn table(date: &str, price: &str) -> String {
    format!(
        r#"{{"date":"{date}","sources":["mine"],"providers":{{"openai":[
        {{"name":"gpt-4o","price":{{"base":{{"input":"{price}","output":"1e-6"}}}}}}]}}}}"#
    )
}

struct Files {
    folder: tempfile::TempDir,
    config: CatalogConfig,
}

fn files() -> Files {
    let folder = tempfile::tempdir().unwrap();
    let config = CatalogConfig {
        cache_path: Some(folder.path().join("models.json")),
        ..CatalogConfig::default()
    };
    Files { folder, config }
}

impl Files {
    fn fetched(&self, text: &str) {
        std::fs::write(self.config.fetched_prices().unwrap(), text).unwrap();
    }

    fn input(&self) -> String {
        let found = PriceTable::in_use(&self.config).unwrap();
        let prices = found.table.of("openai").unwrap();
        prices
            .price("gpt-4o")
            .unwrap()
            .base
            .input
            .per_million()
            .to_string()
    }
}

#[test]
fn the_newer_of_the_fetched_and_the_embedded_table_is_used() {
    let files = files();
    assert_eq!(files.input(), "2.5");
    files.fetched(&table("2020-01-01", "9e-6"));
    assert_eq!(files.input(), "2.5");
    files.fetched(&table("2999-01-01", "9e-6"));
    assert_eq!(files.input(), "9");
}

#[test]
fn a_bad_fetched_table_is_passed_over_and_said() {
    let files = files();
    files.fetched(&table("2999-01-01", "0"));
    let found = PriceTable::in_use(&files.config).unwrap();
    assert_eq!(found.path, None);
    let why = found.passed_over.unwrap();
    assert!(
        why.contains("has a price of zero") && why.contains("prices refresh"),
        "{why}"
    );
}

#[test]
fn a_table_of_the_users_own_is_used_whatever_its_date_or_is_an_error() {
    let mut files = files();
    files.fetched(&table("2999-01-01", "9e-6"));
    let own = files.folder.path().join("own.json");
    std::fs::write(&own, table("2020-01-01", "4e-6")).unwrap();
    files.config.prices_path = Some(own.clone());
    assert_eq!(files.input(), "4");

    std::fs::write(&own, "{").unwrap();
    let lanes = || vec![provider("openai")];
    let error = open_with(files.config.clone(), lanes()).unwrap_err();
    assert!(
        matches!(error, CatalogError::PricesInvalid { .. }),
        "{error}"
    );
    std::fs::remove_file(&own).unwrap();
    let error = open_with(files.config.clone(), lanes()).unwrap_err();
    assert!(
        matches!(error, CatalogError::PricesUnreadable { .. }),
        "{error}"
    );
    // Nobody goes by it, so nobody reads it.
    assert!(open_with(files.config, vec![all_on("openrouter")]).is_ok());
}

#[tokio::test]
async fn names_and_prices_are_looked_up_anew_at_each_refresh() {
    let mut files = files();
    // A list of two models in place of four hundred is believed.
    (files.config.max_shrink, files.config.max_jumps) = (1.0, 1.0);
    let listed = list(&[("openai/gpt-4o", 1), ("openai/gpt-5.4", 1)]);
    let (catalog, _) = open(files.config.clone(), Some(Script::of([listed.as_str()])));
    catalog.set_lanes(vec![provider("openai")]).unwrap();
    let view = catalog.view();
    assert_eq!(offers(&view, "openai/gpt-5.4").len(), 1);
    assert_eq!(offers(&view, "openai/gpt-4o")[0].2.as_deref(), Some("2.5"));

    files.fetched(&table("2999-01-01", "9e-6"));
    catalog.refresh().await.unwrap();
    let view = catalog.view();
    assert_eq!(offers(&view, "openai/gpt-4o")[0].2.as_deref(), Some("9"));
    // The new table does not know it.
    assert!(offers(&view, "openai/gpt-5.4").is_empty());
}

#[tokio::test]
async fn a_bad_table_is_told_of_once_for_as_long_as_it_is_the_same() {
    let mut files = files();
    (files.config.max_shrink, files.config.max_jumps) = (1.0, 1.0);
    let listed = list(&[("openai/gpt-4o", 1)]);
    let lists = [listed.as_str(); 2];
    let (catalog, heard) = open(files.config.clone(), Some(Script::of(lists)));
    let told = || {
        let heard = heard.take().into_iter();
        heard
            .filter(|(what, _)| what.contains("prices refresh"))
            .count()
    };
    files.fetched(&table("2999-01-01", "0"));
    catalog.set_lanes(vec![provider("openai")]).unwrap();
    assert_eq!(told(), 1);
    catalog.set_learned(None, None);
    catalog.refresh().await.unwrap();
    assert_eq!(told(), 0);
    files.fetched("{");
    catalog.refresh().await.unwrap();
    assert_eq!(told(), 1);
}
