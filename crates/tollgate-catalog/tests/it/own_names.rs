//! Which name each provider's models have there, for people to read.

use std::fmt::Write;

use tollgate_catalog::names::{self, How, NameReport};
use tollgate_catalog::{CatalogConfig, ListedRows, PriceTable};
use tollgate_core::ModelId;
use tollgate_wire::Model;

use crate::support::{all_on, open_with};

const MAKERS: &[&str] = &[
    "openai",
    "anthropic",
    "gemini",
    "mistral",
    "deepseek",
    "xai",
];

fn listing() -> ListedRows {
    open_with(CatalogConfig::default(), vec![all_on("openrouter")])
        .unwrap()
        .rows()
}

fn report(provider: &str, listing: &[Model]) -> NameReport {
    let prices = PriceTable::embedded().of(provider).unwrap();
    names::report(provider, listing, &prices)
}

fn shown(provider: &str, listing: &[Model]) -> String {
    let report = report(provider, listing);
    let mut text = format!("== {provider}\n");
    for (id, own) in &report.found {
        let how = serde_json::to_value(own.how).unwrap();
        writeln!(text, "{id} = {} ({})", own.name, how.as_str().unwrap()).unwrap();
    }
    for (id, names) in &report.unclear {
        let names: Vec<_> = names.iter().map(ModelId::as_str).collect();
        writeln!(text, "{id}: unclear, {}", names.join(" or ")).unwrap();
    }
    for (id, why) in &report.never {
        writeln!(text, "{id}: never, {why}").unwrap();
    }
    for id in &report.missing {
        writeln!(text, "{id}: none").unwrap();
    }
    text
}

#[test]
fn names_of_models_at_their_makers() {
    let listing = listing();
    let text: Vec<_> = MAKERS
        .iter()
        .map(|provider| shown(provider, &listing))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn names_of_models_elsewhere() {
    let all = PriceTable::embedded();
    let others = all.providers().filter(|name| !MAKERS.contains(name));
    let listing = listing();
    let text: Vec<_> = others.map(|provider| shown(provider, &listing)).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn no_name_serves_two_models_and_no_variant_has_a_name() {
    let listing = listing();
    for provider in PriceTable::embedded().providers() {
        let found = report(provider, &listing).found;
        let mut names: Vec<_> = found.values().map(|own| own.name.clone()).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{provider}");
        assert!(found.keys().all(|id| id.variant().is_none()), "{provider}");
    }
}

// === the rules, one by one ===

fn table(provider: &str, names: &[&str]) -> PriceTable {
    let rows: Vec<_> = names
        .iter()
        .map(|name| format!(r#"{{"name":"{name}"}}"#))
        .collect();
    PriceTable::parse(format!(
        r#"{{"date":"2026-11-01","sources":[],"providers":{{"{provider}":[{}]}}}}"#,
        rows.join(",")
    ))
    .unwrap()
}

fn model(id: &str, canonical: &str, hugging_face: &str) -> Model {
    let json = format!(
        r#"{{"id":"{id}","canonical_slug":"{canonical}","hugging_face_id":"{hugging_face}"}}"#
    );
    Model::parse(json.as_bytes()).unwrap()
}

fn check(provider: &str, models: &[Model], names: &[&str], expected: Option<(&str, How)>) {
    let prices = table(provider, names).of(provider).unwrap();
    let found = names::own_names(provider, models, &prices);
    let id = ModelId::new(&models[0].id).unwrap();
    let found = found.get(&id).map(|own| (own.name.as_str(), own.how));
    assert_eq!(found, expected, "{id} among {names:?}");
}

#[test]
fn a_maker_has_the_name_in_another_spelling_or_with_its_date() {
    let model = [model("openai/gpt-9.1", "openai/gpt-9.1-20260401", "")];
    let check = |names: &[&str], expected| check("openai", &model, names, expected);
    check(&["gpt-9-1", "GPT-9.1"], Some(("GPT-9.1", How::Same)));
    check(&["gpt-9-1"], Some(("gpt-9-1", How::Spelling)));
    check(
        &["gpt-9.1-20260401", "gpt-9.1-2026-05-01"],
        Some(("gpt-9.1-20260401", How::Date)),
    );
    check(
        &["gpt-9.1-2026-04-01"],
        Some(("gpt-9.1-2026-04-01", How::Date)),
    );
    check(&["gpt-9.1-latest"], Some(("gpt-9.1-latest", How::Latest)));
    for other in [
        "gpt-9.1-2026-05-01",
        "gpt-9.1-mini",
        "gpt-9.10",
        "gpt-9",
        "x/gpt-9.1",
        "gpt-9.1:free",
    ] {
        check(&[other], None);
    }
    check(&["gpt-9-1", "gpt_9_1"], None);
}

#[test]
fn a_model_without_a_date_has_the_only_dated_name() {
    let one = [model("openai/gpt-9", "openai/gpt-9", "")];
    check(
        "openai",
        &one,
        &["gpt-9-2026-04-01"],
        Some(("gpt-9-2026-04-01", How::OnlyDate)),
    );
    check(
        "openai",
        &one,
        &["gpt-9-2026-04-01", "gpt-9-2026-05-01"],
        None,
    );
    check(
        "openai",
        &[model("google/gpt-9", "google/gpt-9", "")],
        &["gpt-9"],
        None,
    );
}

#[test]
fn the_newest_of_a_family_is_no_version() {
    let family = [model(
        "mistralai/mistral-huge",
        "mistralai/mistral-huge",
        "",
    )];
    check("mistral", &family, &["mistral-huge-latest"], None);
}

#[test]
fn a_host_has_the_id_or_the_name_on_hugging_face_or_its_own_form_of_it() {
    let model = [model(
        "meta-llama/llama-9",
        "meta-llama/llama-9",
        "meta-llama/Llama-9-70B-FP8",
    )];
    let check = |provider, names: &[&str], expected| check(provider, &model, names, expected);
    check(
        "together",
        &["meta-llama/llama-9"],
        Some(("meta-llama/llama-9", How::Same)),
    );
    check(
        "together",
        &["meta-llama/Llama-9-70B-FP8", "meta-llama/Llama-9-70B-Turbo"],
        Some(("meta-llama/Llama-9-70B-FP8", How::HuggingFace)),
    );
    check(
        "together",
        &["meta-llama/Llama-9-70B-Turbo"],
        Some(("meta-llama/Llama-9-70B-Turbo", How::Suffix)),
    );
    // Two forms of the same weights: the price list does not say which is meant.
    check(
        "together",
        &["meta-llama/Llama-9-70B-Turbo", "meta-llama/Llama-9-70B-FP4"],
        None,
    );
    check("groq", &["meta-llama/Llama-9-70B-Turbo"], None);
    check("groq", &["someone/Llama-9-70B-FP8"], None);
    check("groq", &["llama-9"], Some(("llama-9", How::Same)));
}

#[test]
fn a_host_may_write_its_own_prefix_and_points() {
    let model = [model(
        "deepseek/deepseek-v9.2",
        "deepseek/deepseek-v9.2",
        "",
    )];
    let name = "accounts/fireworks/models/deepseek-v9p2";
    check("fireworks", &model, &[name], Some((name, How::Same)));
}

#[test]
fn a_name_that_fits_two_models_equally_well_is_given_to_none() {
    let models = [
        model("a/m", "a/m", "w/Weights"),
        model("b/n", "b/n", "w/Weights"),
    ];
    check("together", &models, &["w/Weights"], None);
    let surer = [model("w/weights", "w/weights", ""), models[0].clone()];
    check(
        "together",
        &surer,
        &["w/Weights"],
        Some(("w/Weights", How::Same)),
    );
}

#[test]
fn a_listed_name_is_used_until_the_provider_stops_serving_it() {
    let model = [model("meta-llama/llama-3.3-70b-instruct", "x/y", "")];
    let name = "llama-3.3-70b-versatile";
    check("groq", &model, &["unrelated"], Some((name, How::Listed)));
    check("groq", &model, &[name], Some((name, How::Listed)));
    let ended = format!(
        r#"{{"date":"2026-11-01","sources":[],"providers":{{"groq":[{{"name":"{name}","ends":"2026-11-01"}}]}}}}"#
    );
    let prices = PriceTable::parse(ended).unwrap().of("groq").unwrap();
    assert!(names::own_names("groq", &model, &prices).is_empty());
}

#[test]
fn a_provider_without_rules_has_no_names() {
    check("mine", &[model("a/m", "a/m", "")], &["a/m"], None);
}
