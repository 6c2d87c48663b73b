use tollgate_catalog::{SearchQuery, SortBy, search};
use tollgate_core::{Capabilities, CatalogView, Offer, OfferTraits, Task, Usd};

use crate::support::snapshot;

fn found(view: &CatalogView, query: &SearchQuery) -> Vec<Offer> {
    let places = search(view, query);
    places
        .iter()
        .map(|place| *view.offer(view.offers_of(*place).next().unwrap()))
        .collect()
}

#[test]
fn every_condition_holds_for_every_hit() {
    let view = snapshot();
    let dollar: Usd = "1".parse().unwrap();
    let query = SearchQuery {
        needs: Capabilities::TOOLS | Capabilities::IMAGE_INPUT,
        max_input_price: Some(dollar),
        min_context: 200_000,
        free: Some(false),
        ..SearchQuery::default()
    };
    let hits = found(&view, &query);
    assert!(hits.len() > 10);
    for offer in &hits {
        assert!(
            offer.priced && offer.rates.input.per_million() <= dollar && offer.context >= 200_000
        );
        assert!(
            offer.can.contains(query.needs)
                && !offer.traits.any(OfferTraits::FREE | OfferTraits::ALIAS)
        );
    }
    let by_hand = view.offers().iter().filter(|offer| {
        let hidden = OfferTraits::ALIAS
            | OfferTraits::ROUTER
            | OfferTraits::BATCH_ONLY
            | OfferTraits::NOT_CHAT;
        !offer.traits.any(hidden | OfferTraits::FREE)
            && offer.priced
            && offer.rates.input.per_million() <= dollar
            && offer.context >= 200_000
            && offer.can.contains(query.needs)
    });
    assert_eq!(by_hand.count(), hits.len());
}

#[test]
fn kinds_that_do_not_compete_are_hidden_unless_asked_for() {
    let view = snapshot();
    let shown = search(&view, &SearchQuery::default()).len();
    let all = search(
        &view,
        &SearchQuery {
            all_kinds: true,
            ..SearchQuery::default()
        },
    )
    .len();
    let hidden =
        OfferTraits::ALIAS | OfferTraits::ROUTER | OfferTraits::BATCH_ONLY | OfferTraits::NOT_CHAT;
    assert_eq!(
        (all, shown),
        (
            400,
            view.offers()
                .iter()
                .filter(|offer| !offer.traits.any(hidden))
                .count()
        )
    );
    // 60 batch ids, 11 aliases and 6 routers.
    assert_eq!(all - shown, 77);
}

#[test]
fn words_match_id_or_name_in_any_case_and_all_of_them() {
    let view = snapshot();
    let model = &view.models()[0];
    let shouted = model.name.to_uppercase();
    let query = SearchQuery {
        text: shouted,
        all_kinds: true,
        ..SearchQuery::default()
    };
    assert!(
        search(&view, &query)
            .iter()
            .any(|place| view.model(*place).id == model.id)
    );
    let query = SearchQuery {
        text: format!("{} nosuchword", model.name),
        all_kinds: true,
        ..SearchQuery::default()
    };
    assert!(search(&view, &query).is_empty());
    let query = SearchQuery {
        author: model.id.author().map(Into::into),
        all_kinds: true,
        ..SearchQuery::default()
    };
    let hits = search(&view, &query);
    assert!(
        !hits.is_empty()
            && hits
                .iter()
                .all(|place| view.model(*place).id.author() == model.id.author())
    );
}

#[test]
fn results_come_in_the_order_asked_for() {
    let view = snapshot();
    let sorted = |sort| {
        search(
            &view,
            &SearchQuery {
                sort,
                all_kinds: true,
                ..SearchQuery::default()
            },
        )
    };
    let model = |place: &_| view.model(*place);
    assert!(sorted(SortBy::Newest).is_sorted_by(|a, b| model(a).created >= model(b).created));
    let code = |place: &_| model(place).quality[Task::Code.index()].mean;
    assert!(sorted(SortBy::Quality(Task::Code)).is_sorted_by(|a, b| code(a) >= code(b)));
    let offer = |place: &_| view.offer(view.offers_of(*place).next().unwrap());
    assert!(sorted(SortBy::Context).is_sorted_by(|a, b| offer(a).context >= offer(b).context));
    let by_price = sorted(SortBy::Price);
    let price =
        |place: &_| 3 * offer(place).rates.input.attos() + offer(place).rates.output.attos();
    let priced = by_price
        .iter()
        .take_while(|place| offer(place).priced)
        .count();
    assert!(by_price[..priced].is_sorted_by_key(price));
    assert!(by_price[priced..].iter().all(|place| !offer(place).priced));
}

#[test]
fn an_unknown_order_is_told_the_known_ones() {
    let error = "speed".parse::<SortBy>().unwrap_err();
    assert!(error.to_string().contains("quality:code"), "{error}");
    assert!("quality:cooking".parse::<SortBy>().is_err());
    assert_eq!("quality".parse(), Ok(SortBy::Quality(Task::Chat)));
}
