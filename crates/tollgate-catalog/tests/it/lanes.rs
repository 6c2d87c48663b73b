use std::collections::BTreeMap;

use tollgate_catalog::{CatalogConfig, LaneSpec, Served, Serves};
use tollgate_core::{
    Capabilities, Catalog, LaneIndex, ModelId, OfferTraits, Price, Pricing, QualitySource, Rate,
    Rates,
};

use crate::support::{all_on, first, lane, open_with, snapshot};

fn price(attos: u64) -> Price {
    let base = Rates {
        input: Rate::from_attos(attos),
        output: Rate::from_attos(attos),
        ..Rates::default()
    };
    Price {
        base,
        overrides: Vec::new(),
    }
}

fn id(text: &str) -> ModelId {
    ModelId::new(text).unwrap()
}

#[test]
fn a_direct_lane_offers_its_models_under_its_names_at_its_own_price() {
    let listed = snapshot();
    let plain = first(&listed, |place| {
        let model = listed.model(place);
        model.canonical != model.id && model.id.variant().is_none() && model.alias_of.is_none()
    });
    let (model, canonical) = (
        listed.model(plain).id.clone(),
        listed.model(plain).canonical.clone(),
    );
    let direct = LaneSpec {
        lane: lane("direct"),
        serves: Serves::Map(BTreeMap::from([
            // Named by its canonical name, it is still the listed model.
            (
                canonical,
                Served {
                    price: Some(price(7)),
                    ..Served::new(id("upstream-name"))
                },
            ),
            (
                id("mine/own"),
                Served {
                    context: Some(4096),
                    ..Served::new(id("own"))
                },
            ),
        ])),
    };
    let view = open_with(CatalogConfig::default(), vec![all_on("openrouter"), direct])
        .unwrap()
        .view();

    let place = view.find(model.as_str()).unwrap();
    let offers: Vec<_> = view.offers_of(place).collect();
    assert_eq!(offers.len(), 2);
    let (general, direct) = (offers[0], offers[1]);
    assert_eq!(
        (view.offer(direct).lane, view.upstream_id(direct)),
        (LaneIndex(1), &id("upstream-name"))
    );
    assert_eq!(view.pricing(direct), &Pricing::Known(price(7)));
    assert_eq!(view.offer(direct).can, view.offer(general).can);
    assert_eq!(view.upstream_id(general), &model);

    let own = view.find("mine/own").unwrap();
    let offer = view.offers_of(own).next().unwrap();
    assert_eq!(
        view.pricing(offer),
        &Pricing::Unknown,
        "no price of its own is no price"
    );
    assert!(!view.offer(offer).priced);
    assert_eq!(
        (view.offer(offer).can, view.offer(offer).context),
        (Capabilities::TEXT_OUTPUT, 4096)
    );
    assert!(
        view.model(own)
            .quality
            .iter()
            .all(|quality| quality.source == QualitySource::Prior)
    );
}

#[test]
fn a_free_variant_is_not_free_on_a_lane_that_does_not_say_so() {
    let listed = snapshot();
    let free = first(&listed, |place| {
        listed.model(place).id.variant() == Some("free")
    });
    let model = listed.model(free).id.clone();
    let direct = LaneSpec {
        lane: lane("direct"),
        serves: Serves::Map(BTreeMap::from([(model.clone(), Served::new(id("x")))])),
    };
    let view = open_with(CatalogConfig::default(), vec![all_on("openrouter"), direct])
        .unwrap()
        .view();
    let traits: Vec<_> = view
        .offers_of(view.find(model.as_str()).unwrap())
        .map(|offer| {
            (
                view.offer(offer).traits.any(OfferTraits::FREE),
                view.offer(offer).priced,
            )
        })
        .collect();
    assert_eq!(traits, [(true, true), (false, false)]);
}
