use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::CatalogConfig;

/// A list with the input price of each model in dollars per million tokens.
fn listing<'a>(models: impl IntoIterator<Item = (&'a str, u32)>) -> Listing {
    let row = |(id, price): (&str, u32)| {
        format!(r#"{{"id":"{id}","pricing":{{"prompt":"{price}e-6","completion":"{price}e-6"}}}}"#)
    };
    let rows: Vec<_> = models.into_iter().map(row).collect();
    Listing::parse(format!(r#"{{"data":[{}]}}"#, rows.join(",")).as_bytes()).unwrap()
}

fn limits() -> Limits {
    CatalogConfig::default().limits()
}

fn ten(first: u32) -> Listing {
    let ids = [
        "a/0", "a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7", "a/8", "a/9",
    ];
    listing(ids.into_iter().zip([first, 2, 3, 4, 5, 6, 7, 8, 9, 10]))
}

fn ids(list: &[ModelId]) -> Vec<&str> {
    list.iter().map(ModelId::as_str).collect()
}

#[test]
fn changes_are_told_by_kind() {
    let after = listing([
        ("a/1", 2),
        ("a/2", 4),
        ("a/3", 4),
        ("b/1", 1),
        ("a/4", 5),
        ("a/5", 6),
    ]);
    let (accepted, report) = screen(&ten(1), after, &limits()).unwrap();
    assert_eq!(ids(&report.added), ["b/1"]);
    assert_eq!(ids(&report.removed), ["a/0", "a/6", "a/7", "a/8", "a/9"]);
    assert_eq!(ids(&report.repriced), ["a/2"]);
    assert_eq!(report.to_string(), "6 models: 1 added, 5 gone, 1 repriced");
    assert_eq!(accepted.models.len(), 6);
}

#[test]
fn a_list_that_lost_too_much_is_refused() {
    let refusal = screen(
        &ten(1),
        listing([("a/0", 1), ("a/1", 2), ("a/2", 3), ("a/3", 4)]),
        &limits(),
    )
    .unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Shrunk {
            before: 10,
            after: 4
        }
    );
}

#[test]
fn many_jumps_at_once_are_refused() {
    let jumped = listing(ten(1).models.iter().map(|model| (model.id.as_str(), 1000)));
    let refusal = screen(&ten(1), jumped, &limits()).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::PricesJumped {
            suspects: 10,
            common: 10
        }
    );
}

#[test]
fn a_single_jump_is_held_until_it_was_seen_often_enough() {
    for (price, jump) in [
        (1000, Jump::Dearer),
        (0, Jump::NoPrice),
        (10, Jump::Cheaper),
    ] {
        let mut listing = ten(100);
        for seen in 1..3 {
            let (accepted, report) = screen(&listing, ten(price), &limits()).unwrap();
            let held = Quarantined {
                model: ModelId::new("a/0").unwrap(),
                jump,
                seen,
            };
            assert_eq!((report.quarantined, report.repriced), (vec![held], vec![]));
            assert_eq!(
                price::of(&accepted.models[0]),
                price::of(&ten(100).models[0])
            );
            listing = accepted;
        }
        let (accepted, report) = screen(&listing, ten(price), &limits()).unwrap();
        assert_eq!(
            (report.quarantined.len(), ids(&report.repriced)),
            (0, vec!["a/0"])
        );
        assert_eq!(
            price::of(&accepted.models[0]),
            price::of(&ten(price).models[0])
        );
        assert!(accepted.held.is_empty());
    }
}

#[test]
fn a_jump_that_goes_away_leaves_nothing() {
    let (held, _) = screen(&ten(1), ten(1000), &limits()).unwrap();
    let (accepted, report) = screen(&held, ten(1), &limits()).unwrap();
    assert!(
        accepted.held.is_empty() && report.quarantined.is_empty() && report.repriced.is_empty()
    );
}

#[test]
fn another_jump_starts_to_count_anew() {
    let (held, _) = screen(&ten(1), ten(1000), &limits()).unwrap();
    let (_, report) = screen(&held, ten(2000), &limits()).unwrap();
    assert_eq!(report.quarantined[0].seen, 1);
}

/// Few ids and prices around the jump factor, so that lists overlap and jumps are common.
fn models() -> impl Strategy<Value = BTreeMap<String, u32>> {
    let price = prop_oneof![Just(0), Just(1), Just(9), Just(10), Just(11), Just(100)];
    proptest::collection::btree_map("[a-f]/[xy]", price, 1..12)
}

proptest! {
    // Each case parses dozens of lists.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_report_accounts_for_every_model(before in models(), after in models()) {
        let list = |models: &BTreeMap<String, u32>| listing(models.iter().map(|(id, price)| (id.as_str(), *price)));
        let open = Limits { max_shrink: 1.0, max_jumps: 1.0, ..limits() };
        let (accepted, report) = screen(&list(&before), list(&after), &open).unwrap();

        let keys = |models: &BTreeMap<String, u32>| models.keys().cloned().collect::<BTreeSet<_>>();
        let set = |list: &[ModelId]| list.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        prop_assert_eq!(set(&report.added), &keys(&after) - &keys(&before));
        prop_assert_eq!(set(&report.removed), &keys(&before) - &keys(&after));

        let held: BTreeSet<_> = report.quarantined.iter().map(|held| held.model.to_string()).collect();
        let repriced = set(&report.repriced);
        prop_assert!(held.is_disjoint(&repriced));
        for model in &accepted.models {
            let (was, listed) = (before.get(&model.id), after[&model.id]);
            let expected = if held.contains(&model.id) { was.copied() } else { Some(listed) };
            prop_assert_eq!(Some(price::of(model)), expected.map(|price| price::of(&listing([(model.id.as_str(), price)]).models[0])));
            let changed = was.is_some_and(|was| *was != listed);
            prop_assert_eq!(changed, held.contains(&model.id) || repriced.contains(&model.id));
        }
    }

    #[test]
    fn the_same_list_again_changes_nothing(models in models()) {
        let list = || listing(models.iter().map(|(id, price)| (id.as_str(), *price)));
        let (_, report) = screen(&list(), list(), &limits()).unwrap();
        prop_assert_eq!(report, RefreshReport { models: models.len(), ..Default::default() });
    }
}
