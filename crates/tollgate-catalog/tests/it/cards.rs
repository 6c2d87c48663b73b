use tollgate_catalog::ModelCard;
use tollgate_core::{CatalogView, ModelIndex, OfferTraits};

use crate::support::{first, snapshot};

fn card(view: &CatalogView, wanted: impl Fn(ModelIndex) -> bool) -> String {
    serde_json::to_string_pretty(&ModelCard::new(view, first(view, wanted))).unwrap()
}

fn has(view: &CatalogView, place: ModelIndex, bits: u8) -> bool {
    view.offers_of(place)
        .any(|offer| view.offer(offer).traits.any(bits))
}

#[test]
fn a_model_with_tiered_prices() {
    let view = snapshot();
    insta::assert_snapshot!(card(&view, |place| has(&view, place, OfferTraits::TIERED)));
}

#[test]
fn an_alias() {
    let view = snapshot();
    insta::assert_snapshot!(card(&view, |place| has(&view, place, OfferTraits::ALIAS)));
}

#[test]
fn a_free_model_and_a_router() {
    let view = snapshot();
    insta::assert_snapshot!(
        "free",
        card(&view, |place| has(&view, place, OfferTraits::FREE))
    );
    insta::assert_snapshot!(
        "router",
        card(&view, |place| has(&view, place, OfferTraits::ROUTER))
    );
}

#[test]
fn every_model_has_a_card() {
    let view = snapshot();
    let cards = (0..)
        .map(ModelIndex)
        .zip(view.models())
        .map(|(place, _)| ModelCard::new(&view, place));
    assert!(
        cards
            .into_iter()
            .all(|card| !card.offers.is_empty() && !card.name.is_empty())
    );
}
