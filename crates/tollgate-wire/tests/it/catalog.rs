//! The catalog, the account, and prices.

use tollgate_wire::{
    EndpointsReply, GenerationReply, KeyReply, Modality, Model, ModelsPage, PricingOverride,
    Quantization, ServiceTier,
};

use crate::fixtures::sample;

fn models() -> ModelsPage {
    ModelsPage::parse(&sample("models.json")).unwrap()
}

#[test]
fn all_sample_models_are_read() {
    let page = models();
    assert_eq!((page.data.len(), page.data.rejected.len()), (14, 0));
    assert!(page.data.iter().all(|model| model.pricing.prompt.is_some()));
}

#[test]
fn prices_keep_their_text_and_overrides_their_conditions() {
    let page = models();
    let tiered = page
        .data
        .iter()
        .find(|model| model.id == "anthropic/claude-sonnet-4.5")
        .unwrap();
    assert_eq!(
        tiered
            .pricing
            .input_cache_write_1h
            .as_ref()
            .unwrap()
            .as_str(),
        "0.000006"
    );
    let dearer = &tiered.pricing.overrides[0];
    assert_eq!(
        (
            dearer.min_prompt_tokens,
            dearer.prompt.as_ref().unwrap().as_str()
        ),
        (Some(200_000), "0.000006")
    );
    assert!(dearer.unknown_keys().is_empty());
    let prices = tiered.pricing.prices();
    assert_eq!((prices.len(), prices[0].0.as_str()), (9, "prompt"));
    assert!(page.data.iter().any(|model| {
        model
            .pricing
            .prompt
            .as_ref()
            .is_some_and(|price| price.is_negative())
    }));
    let moon = PricingOverride::parse(br#"{"min_moon_phase":1,"prompt":"1"}"#).unwrap();
    assert_eq!(moon.unknown_keys(), ["min_moon_phase"]);
}

#[test]
fn a_row_that_cannot_be_read_is_named_and_costs_only_itself() {
    let page = ModelsPage::parse(
        br#"{"data":[{"id":"a"},{"id":7},{"id":"b","pricing":{"prompt":"cheap"}},{"id":"c","new":1.10}],"total_count":4}"#,
    )
    .unwrap();
    let ids: Vec<&str> = page.data.iter().map(|model| model.id.as_str()).collect();
    let places: Vec<&str> = page
        .data
        .rejected
        .iter()
        .map(|error| error.place())
        .collect();
    assert_eq!(
        (ids, places),
        (vec!["a", "c"], vec!["[1].id", "[2].pricing.prompt"])
    );
    assert_eq!(page.data[1].extra("new").unwrap().get(), "1.10");
    assert!(page.data[1].extra("id").is_none());
}

#[test]
fn a_changed_model_writes_the_change_and_keeps_the_rest() {
    let mut model = Model::parse(
        br#"{"id":"a","odd":1.10,"context_length":8e3,"pricing":{"prompt":"0.10","odd":"1"}}"#,
    )
    .unwrap();
    model.pricing.discount = Some("0.5".parse().unwrap());
    model.architecture.output_modalities = vec![Modality::Text];
    let expected = r#"{"id":"a","odd":1.10,"context_length":8e3,"pricing":{"prompt":"0.10","odd":"1","discount":0.5},"architecture":{"input_modalities":[],"output_modalities":["text"]}}"#;
    assert_eq!(
        String::from_utf8(model.to_object().to_vec()).unwrap(),
        expected
    );
}

#[test]
fn endpoints_tell_price_state_and_speed() {
    let endpoints = EndpointsReply::parse(&sample("endpoints.json"))
        .unwrap()
        .data
        .endpoints;
    assert_eq!((endpoints.len(), endpoints.rejected.len()), (6, 0));
    let find = |tag: &str| {
        endpoints
            .iter()
            .find(|endpoint| endpoint.tag.as_deref() == Some(tag))
            .unwrap()
    };
    assert_eq!(
        find("deepinfra/turbo")
            .pricing
            .discount
            .as_ref()
            .unwrap()
            .as_str(),
        "0.1"
    );
    assert_eq!(
        find("deepinfra/turbo")
            .latency_last_30m
            .as_ref()
            .unwrap()
            .p50,
        Some(301.0)
    );
    assert_eq!(
        find("fireworks/priority").service_tier,
        Some(ServiceTier::Priority)
    );
    assert_eq!(find("novita/fp8").status, Some(-2));
    assert_eq!(find("novita/fp8").quantization, Some(Quantization::Fp8));
    assert!(find("example-labs").throughput_last_30m.is_none());
}

#[test]
fn the_key_and_its_budgets_are_read() {
    let key = KeyReply::parse(&sample("key.json")).unwrap().data;
    assert_eq!(key.limit_remaining.as_ref().unwrap().as_str(), "17.5679");
    assert_eq!(
        (
            key.budgets.len(),
            key.budgets[0].remaining_usd.as_ref().unwrap().as_str()
        ),
        (2, "8.98")
    );
    assert_eq!(key.free_model_daily_requests.unwrap().remaining, 963);
}

#[test]
fn the_generation_is_read_with_its_trail() {
    let generation = GenerationReply::parse(&sample("generation.json"))
        .unwrap()
        .data;
    assert_eq!(generation.total_cost.as_ref().unwrap().as_str(), "0.002405");
    assert_eq!(generation.native_tokens_reasoning, Some(128));
    let trail: Vec<Option<i64>> = generation
        .provider_responses
        .iter()
        .map(|attempt| attempt.status)
        .collect();
    assert_eq!(trail, [Some(429), Some(200)]);
}
