//! Who is let in by what it shows.

use std::collections::BTreeMap;

use tollgate_core::{ApiKey, Failure, FailureKind, Origin, Timestamp};
use tollgate_keys::{KeyBook, KeyConfig, KeyRefusal, KeyTable, NewKey, Pepper};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A book of one key `ci`, and the key.
pub(crate) fn book_of(toml: &str) -> (KeyBook, NewKey) {
    let key = NewKey::generate().unwrap();
    let config = KeyConfig {
        hash: Some(key.digest().hash(None)),
        ..toml::from_str(toml).unwrap()
    };
    (book(None, [("ci", config)]).unwrap(), key)
}

pub(crate) fn book<const N: usize>(
    pepper: Option<Pepper>,
    keys: [(&str, KeyConfig); N],
) -> Result<KeyBook, tollgate_keys::InvalidKeys> {
    let keys = keys.map(|(name, config)| (name.to_owned(), config));
    let table = KeyTable {
        origin: "tollgate.toml".into(),
        keys: BTreeMap::from(keys),
    };
    KeyBook::build(pepper, vec![table])
}

/// The key with another last letter but one, which is another secret.
fn wrong_secret(key: &NewKey) -> String {
    let mut text = key.text().reveal().to_owned();
    let last = text.len() - 2;
    let other = if &text[last..=last] == "A" { "B" } else { "A" };
    text.replace_range(last..=last, other);
    text
}

#[test]
fn a_key_is_found_by_all_of_it() {
    let (book, key) = book_of("team = \"core\"\n[tags]\nenv = \"prod\"");
    let entry = book.find(key.text().reveal(), NOW).unwrap();
    assert_eq!(entry.caller().as_str(), "ci");
    assert_eq!(entry.prefix(), key.prefix());
    let tags = [("team", "core"), ("env", "prod")];
    let tags = tags.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(entry.tags(), tags);
    assert!(!entry.is_admin() && !entry.may_bring_keys());
}

#[test]
fn a_wrong_secret_and_an_unknown_key_are_told_the_same() {
    let (book, key) = book_of("");
    let stranger = NewKey::generate().unwrap();
    let unknown = book.find(stranger.text().reveal(), NOW).unwrap_err();
    let wrong = book.find(&wrong_secret(&key), NOW).unwrap_err();
    assert_eq!(unknown, KeyRefusal::Unknown);
    assert_eq!(unknown, wrong);
}

#[test]
fn what_has_not_the_shape_is_not_looked_up() {
    let (book, key) = book_of("");
    let key = key.text().reveal();
    for shown in [
        &key[..key.len() - 1],
        &format!("{key} "),
        "sk-1",
        &"x".repeat(100_000),
    ] {
        assert_eq!(book.find(shown, NOW).unwrap_err(), KeyRefusal::Malformed);
    }
    assert_eq!(book.find("", NOW).unwrap_err(), KeyRefusal::Missing);
}

#[test]
fn a_key_ends_at_its_moment() {
    let (book, key) = book_of("expires = 2027-01-01");
    let end = Timestamp::parse_date("2027-01-01").unwrap();
    let before = Timestamp::from_millis(end.millis() - 1);
    assert!(book.find(key.text().reveal(), before).is_ok());
    let refusal = book.find(key.text().reveal(), end).unwrap_err();
    let expected = KeyRefusal::Expired {
        name: "ci".into(),
        at: end,
    };
    assert_eq!(refusal, expected);
}

#[test]
fn that_a_key_has_expired_or_is_off_is_told_to_its_owner_alone() {
    for toml in ["expires = 2020-01-01", "disabled = true"] {
        let (book, key) = book_of(toml);
        let owner = book.find(key.text().reveal(), NOW).unwrap_err();
        assert!(
            matches!(
                owner,
                KeyRefusal::Expired { .. } | KeyRefusal::Disabled { .. }
            ),
            "{owner:?}"
        );
        let other = book.find(&wrong_secret(&key), NOW).unwrap_err();
        assert_eq!(other, KeyRefusal::Unknown, "{toml}");
    }
}

#[test]
fn with_a_pepper_both_kinds_of_hashes_are_good() {
    let pepper = || Some(Pepper::new(ApiKey::new("a secret of the server")));
    let (plain, peppered) = (NewKey::generate().unwrap(), NewKey::generate().unwrap());
    let of = |hash| KeyConfig {
        hash: Some(hash),
        ..KeyConfig::default()
    };
    let keys = || {
        [
            ("plain", of(plain.digest().hash(None))),
            ("peppered", of(peppered.digest().hash(pepper().as_ref()))),
        ]
    };
    let found = book(pepper(), keys()).unwrap();
    for (key, name) in [(&plain, "plain"), (&peppered, "peppered")] {
        let entry = found.find(key.text().reveal(), NOW).unwrap();
        assert_eq!(entry.caller().as_str(), name);
    }
    let other = book(Some(Pepper::new(ApiKey::new("another"))), keys()).unwrap();
    let refusal = other.find(peppered.text().reveal(), NOW).unwrap_err();
    assert_eq!(refusal, KeyRefusal::Unknown);
}

#[test]
fn lists_of_models_and_policies_are_about_what_is_named() {
    let (book, key) =
        book_of("models = [\"a/one\", \"b/*\", \"tollgate/*\"]\npolicies = [\"cheapest\"]");
    let entry = book.find(key.text().reveal(), NOW).unwrap();
    for model in ["a/one", "b/two:free", "tollgate/auto"] {
        assert_eq!(entry.allows_model(model), Ok(()), "{model}");
    }
    for model in ["a/two", "c/one", "a/one:free"] {
        assert!(entry.allows_model(model).is_err(), "{model}");
    }
    assert_eq!(entry.allows_policy("cheapest"), Ok(()));
    let failure = Failure::from(entry.allows_policy("quality").unwrap_err());
    assert_eq!(failure.hint(), Some("it may use cheapest"));

    let (book, key) = book_of("");
    let entry = book.find(key.text().reveal(), NOW).unwrap();
    assert_eq!(entry.allows_model("any/thing"), Ok(()));
    assert_eq!(entry.allows_policy("any"), Ok(()));
}

#[test]
fn refusals_become_failures_of_the_caller_with_a_way_out() {
    let check = |refusal: KeyRefusal, kind: FailureKind, status: u16| {
        let failure = Failure::from(refusal);
        assert_eq!((failure.kind(), failure.rule().status), (kind, status));
        assert_eq!(failure.origin(), Origin::Caller);
        assert!(!failure.is_retryable());
        assert!(failure.hint().is_some_and(|hint| !hint.is_empty()));
    };
    let name = || "ci".to_owned();
    let unauthorized = FailureKind::Unauthorized;
    check(KeyRefusal::Missing, unauthorized, 401);
    check(KeyRefusal::Malformed, unauthorized, 401);
    check(KeyRefusal::Unknown, unauthorized, 401);
    check(
        KeyRefusal::Expired {
            name: name(),
            at: NOW,
        },
        unauthorized,
        401,
    );
    check(KeyRefusal::Disabled { name: name() }, unauthorized, 401);
    let model = KeyRefusal::Model {
        name: name(),
        model: "a/one".into(),
        allowed: "b/*".into(),
    };
    check(model, FailureKind::Forbidden, 403);
}

#[test]
fn nothing_shows_a_key() {
    let (book, key) = book_of("");
    let secret = &key.text().reveal()[12..];
    let refusal = book.find(&wrong_secret(&key), NOW).unwrap_err();
    for shown in [
        format!("{book:?}"),
        format!("{key:?}"),
        format!("{refusal} {refusal:?}"),
        format!("{:?}", Failure::from(refusal)),
    ] {
        assert!(!shown.contains(&secret[..20]), "{shown}");
        let digest = key.digest().hash(None).to_string();
        assert!(
            !shown.contains(digest.rsplit(':').next().unwrap()),
            "{shown}"
        );
    }
}

#[test]
fn budgets_of_keys_are_budgets_of_the_ledger() {
    let (book, _) = book_of("budget = { limit = 10, per = \"day\" }");
    let budgets: Vec<_> = book.budgets().collect();
    assert_eq!(budgets.len(), 1);
    let (name, budget) = &budgets[0];
    assert_eq!(name, "keys.ci");
    assert_eq!(budget.limit.to_string(), "10");
    assert_eq!(budget.only, ["ci"]);
    let (book, _) = book_of("");
    assert_eq!(book.budgets().count(), 0);
}
