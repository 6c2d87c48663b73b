use std::fmt::Write;

use tollgate_catalog::{Resolution, did_you_mean, resolve};
use tollgate_core::OfferTraits;

use crate::support::{first, snapshot};

#[test]
fn retired_and_misspelt_ids_find_their_nearest_kin() {
    let view = snapshot();
    let mut answers = String::new();
    for asked in include_str!("did_you_mean.txt").lines() {
        writeln!(answers, "{asked}").unwrap();
        for place in did_you_mean(&view, asked, 3) {
            writeln!(answers, "  {}", view.model(place).id).unwrap();
        }
    }
    insta::assert_snapshot!(answers);
}

#[test]
fn a_live_id_is_its_own_nearest_kin() {
    let view = snapshot();
    let mut misses = Vec::new();
    // One in twenty, for time.
    for model in view.models().iter().step_by(20) {
        let suggested = did_you_mean(&view, model.id.as_str(), 1);
        let hidden = |place| {
            view.offers_of(place).any(|offer| {
                view.offer(offer)
                    .traits
                    .any(OfferTraits::ALIAS | OfferTraits::ROUTER | OfferTraits::BATCH_ONLY)
            })
        };
        let place = view.find(model.id.as_str()).unwrap();
        let expired = model.expires.is_some_and(|expires| expires <= view.as_of());
        if !expired && !hidden(place) && suggested.first() != Some(&place) {
            misses.push((
                model.id.to_string(),
                suggested
                    .first()
                    .map(|place| view.model(*place).id.to_string()),
            ));
        }
    }
    assert!(misses.is_empty(), "{misses:?}");
}

#[test]
fn names_resolve_to_models_aliases_and_variants() {
    let view = snapshot();
    let alias = first(&view, |place| view.model(place).alias_of.is_some());
    let free = first(&view, |place| {
        view.model(place).id.variant() == Some("free")
    });
    let (alias_id, free_id) = (view.model(alias).id.as_str(), view.model(free).id.as_str());
    let target = view.find(view.model(alias).alias_of.as_ref().unwrap().as_str());
    assert!(target.is_some());

    let variant = |base, suffix: &str| Resolution::Variant {
        base,
        suffix: suffix.into(),
    };
    assert_eq!(resolve(&view, free_id), Resolution::Exact(free));
    assert_eq!(
        resolve(&view, view.model(free).id.as_str()),
        Resolution::Exact(free)
    );
    assert_eq!(
        resolve(&view, alias_id),
        Resolution::Alias { alias, target }
    );
    assert_eq!(
        resolve(&view, &format!("{free_id}:online")),
        variant(free, "online")
    );
    let plain = first(&view, |place| {
        view.model(place).id.variant().is_none() && view.model(place).alias_of.is_none()
    });
    let plain_id = view.model(plain).id.as_str();
    assert_eq!(
        resolve(&view, &format!("{plain_id}:nitro")),
        variant(plain, "nitro")
    );
    assert_eq!(
        resolve(&view, &format!("{plain_id}:nitro:online")),
        variant(plain, "nitro:online")
    );
}

#[test]
fn a_variant_that_is_a_model_of_its_own_is_not_made_up() {
    let view = snapshot();
    let lonely = first(&view, |place| {
        let model = view.model(place);
        model.id.variant().is_none() && view.find(&format!("{}:free", model.id)).is_none()
    });
    let id = format!("{}:free", view.model(lonely).id);
    let Resolution::Unknown { suggestions } = resolve(&view, &id) else {
        panic!("{id} does not exist")
    };
    assert!(
        suggestions.contains(&view.model(lonely).id),
        "{id}: {suggestions:?}"
    );
    assert_eq!(
        resolve(&view, ""),
        Resolution::Unknown {
            suggestions: vec![]
        }
    );
}
