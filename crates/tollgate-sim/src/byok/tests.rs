//! The order of lanes, and what is told of a key.

use super::{Settings, StoredKey, id, lanes, masked};
use crate::catalog::Catalog;
use crate::endpoint::{Endpoint, endpoints};

/// A model with at least three endpoints.
fn three() -> (String, Vec<Endpoint>) {
    Catalog::embedded()
        .models()
        .iter()
        .map(|model| (model.id.clone(), endpoints(model, 7, 0)))
        .find(|(_, list)| list.len() == 3)
        .unwrap()
}

fn key(provider: &'static str, settings: Settings) -> StoredKey {
    StoredKey {
        id: String::new(),
        provider,
        label: String::new(),
        sort_order: 0,
        created_at: 0,
        settings,
    }
}

/// The lanes as the place of the endpoint, and `+` for an own key.
fn order(make: impl Fn(&'static str, &str) -> StoredKey) -> String {
    let (model, list) = three();
    let keys = [make(list[1].provider.slug, &model)];
    let place = |slug| list.iter().position(|known| known.provider.slug == slug);
    lanes(&keys, &model, list.clone())
        .iter()
        .map(|lane| {
            let place = place(lane.endpoint.provider.slug).unwrap();
            format!("{place}{}", if lane.is_byok { "+" } else { "" })
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn own_keys_come_first_or_last_and_can_close_shared_capacity() {
    let plain = Settings::default;
    let other = || Some(vec!["nobody/*".to_owned()]);
    for (settings, lanes) in [
        (plain(), "1+ 0 1 2"),
        (
            Settings {
                is_fallback: true,
                ..plain()
            },
            "0 1 2 1+",
        ),
        (
            Settings {
                is_required: true,
                ..plain()
            },
            "1+ 0 2",
        ),
        (
            Settings {
                is_byok_only: true,
                ..plain()
            },
            "1+ 0 2",
        ),
        (
            Settings {
                disabled: true,
                is_required: true,
                ..plain()
            },
            "0 1 2",
        ),
        (
            Settings {
                allowed_models: other(),
                is_required: true,
                ..plain()
            },
            "0 1 2",
        ),
        (
            Settings {
                allowed_models: other(),
                is_byok_only: true,
                ..plain()
            },
            "0 2",
        ),
    ] {
        assert_eq!(
            order(|slug, _| key(slug, settings.clone())),
            lanes,
            "{settings:?}"
        );
    }
    let allowed = |slug, model: &str| {
        key(
            slug,
            Settings {
                allowed_models: Some(vec![model.to_owned()]),
                ..plain()
            },
        )
    };
    assert_eq!(order(allowed), "1+ 0 1 2");
}

#[test]
fn a_label_shows_little_and_an_id_is_one() {
    assert_eq!(masked("sk-abcdefghijklmnop"), "sk-a...mnop");
    assert_eq!(masked("sk-short-key"), "...");
    let id = id(7, 1);
    assert_eq!(id.len(), 36);
    assert_eq!(
        id.split('-').map(str::len).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12]
    );
}
