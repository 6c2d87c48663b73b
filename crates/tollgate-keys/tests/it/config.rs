//! What is wrong with tables is said with key, file and remedy.

use std::collections::BTreeMap;

use serde::Deserialize;
use tollgate_core::ApiKey;
use tollgate_core::Criticality;
use tollgate_keys::{KeyBook, KeyConfig, KeyTable, NewKey, Pepper};

#[derive(Deserialize)]
struct File {
    keys: BTreeMap<String, KeyConfig>,
}

fn table(origin: &str, toml: &str) -> KeyTable {
    let file: File = toml::from_str(toml).unwrap();
    KeyTable {
        origin: origin.into(),
        keys: file.keys,
    }
}

/// Hash of a new key.
fn hash() -> String {
    NewKey::generate().unwrap().digest().hash(None).to_string()
}

fn check(toml: &str, words: &[&str]) {
    let toml = toml.replace("HASH", &hash());
    let error = KeyBook::build(None, vec![table("my.toml", &toml)]).unwrap_err();
    let message = error.to_string();
    assert_eq!(error.problems.len(), 1, "{message}");
    for word in ["my.toml", "\n  hint: "].iter().chain(words) {
        assert!(message.contains(word), "{message} has no {word:?}");
    }
}

#[test]
fn every_key_of_a_table_is_read() {
    let toml = format!(
        "[keys.ci]\nhash = {:?}\nexpires = 2027-01-01\nmodels = [\"a/*\"]\n\
         policies = [\"cheapest\"]\nbudget = {{ limit = 10, per = \"month\" }}\n\
         requests_per_minute = 60\ntokens_per_minute = 100000\nmax_concurrent = 4\n\
         criticality = \"sheddable\"\nteam = \"core\"\ntags = {{ env = \"prod\" }}\n\
         byok = true\nadmin = true\ndisabled = true\n",
        hash()
    );
    let book = KeyBook::build(None, vec![table("my.toml", &toml)]).unwrap();
    let entry = book.entries().next().unwrap();
    assert_eq!(entry.criticality(), Criticality::Sheddable);
    assert!(entry.is_admin() && entry.may_bring_keys());
    let limits = entry.gate().limits();
    assert_eq!(limits.requests, Some(60));
    assert_eq!((limits.tokens, limits.concurrent), (Some(100_000), Some(4)));
    // And is written as it was read.
    let config = &table("my.toml", &toml).keys["ci"];
    let again: KeyConfig = toml::from_str(&toml::to_string(config).unwrap()).unwrap();
    assert_eq!(&again, config);
}

#[test]
fn a_word_that_is_no_key_is_refused() {
    for toml in [
        "[keys.ci]\nhsh = \"\"",
        "[keys.ci]\nbudget = { limit = 1, window = \"day\" }",
    ] {
        let error = toml::from_str::<File>(toml).map(|_| ()).unwrap_err();
        assert!(error.message().starts_with("unknown field"), "{error}");
    }
}

#[test]
fn what_cannot_work_is_named_with_file_and_remedy() {
    check("[keys.ci]", &["keys.ci: ", "tollgate keys create"]);
    check(
        "[keys.ci]\nhash = \"HASH\"\nrequests_per_minute = 0",
        &["keys.ci.requests_per_minute: ", "at least 1"],
    );
    check(
        "[keys.ci]\nhash = \"HASH\"\ntokens_per_minute = 0",
        &["keys.ci.tokens_per_minute: "],
    );
    check(
        "[keys.ci]\nhash = \"HASH\"\nmax_concurrent = 0",
        &["keys.ci.max_concurrent: "],
    );
    check(
        "[keys.ci]\nhash = \"HASH\"\nbudget = { limit = 0 }",
        &["keys.ci.budget.limit: ", "above 0"],
    );
    check(
        "[keys.ci]\nhash = \"HASH\"\nteam = \"a\"\ntags = { team = \"b\" }",
        &["keys.ci.tags.team: "],
    );
    check(
        "[keys.ci]\nhash = \"HASH\"\nteam = \"\"",
        &["keys.ci.team: "],
    );
    let long = "x".repeat(257);
    check(
        &format!("[keys.ci]\nhash = \"HASH\"\nteam = \"{long}\""),
        &["keys.ci.team: ", "256 bytes"],
    );
    for tag in [format!("env = \"{long}\""), format!("{long} = \"prod\"")] {
        check(
            &format!("[keys.ci]\nhash = \"HASH\"\ntags = {{ {tag} }}"),
            &["keys.ci.tags: ", "256 bytes"],
        );
    }
    check(
        "[keys.local]\nhash = \"HASH\"",
        &["keys.local: ", "is taken"],
    );
    check(
        "[keys.\"two words\"]\nhash = \"HASH\"",
        &["keys.two words: "],
    );
    check(
        "[keys.a]\nhash = \"HASH\"\n[keys.b]\nhash = \"HASH\"",
        &["keys.b.hash: begins like that of keys.a"],
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let toml = "[keys.a]\n[keys.b]\nrequests_per_minute = 0";
    let error = KeyBook::build(None, vec![table("my.toml", toml)]).unwrap_err();
    assert_eq!(error.problems.len(), 3, "{error}");
}

#[test]
fn a_name_in_two_files_is_an_error_that_names_both() {
    let one = || format!("[keys.ci]\nhash = {:?}", hash());
    let tables = vec![table("tollgate.toml", &one()), table("keys.toml", &one())];
    let message = KeyBook::build(None, tables).unwrap_err().to_string();
    let expected = "keys.toml: keys.ci: there is a key of this name already, in tollgate.toml";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_key_in_clear_text_is_hashed_while_it_is_read() {
    let key = NewKey::generate().unwrap();
    let toml = format!("[keys.ci]\nkey = {:?}", key.text().reveal());
    let table = || table("my.toml", &toml);
    assert!(!format!("{:?}", table()).contains(&key.text().reveal()[12..]));
    let pepper = Pepper::new(ApiKey::new("a secret of the server"));
    for pepper in [None, Some(pepper)] {
        let book = KeyBook::build(pepper, vec![table()]).unwrap();
        let now = tollgate_core::Timestamp::from_secs(0);
        assert!(book.find(key.text().reveal(), now).is_ok());
    }
}

#[test]
fn a_key_and_its_hash_are_one_too_many() {
    let key = NewKey::generate().unwrap();
    let toml = format!(
        "[keys.ci]\nhash = \"HASH\"\nkey = {:?}",
        key.text().reveal()
    );
    check(&toml, &["keys.ci.key: ", "keep `hash` alone"]);
}

#[test]
fn a_peppered_hash_needs_its_pepper() {
    let key = NewKey::generate().unwrap();
    let pepper = Pepper::new(ApiKey::new("a secret of the server"));
    let hash = key.digest().hash(Some(&pepper));
    check(
        &format!("[keys.ci]\nhash = \"{hash}\""),
        &["keys.ci.hash: ", "server.key_pepper"],
    );
}

#[test]
fn what_is_wrong_with_a_key_or_hash_is_said_without_quoting_it() {
    for toml in [
        "[keys.ci]\nkey = \"my-own-secret-0123456789\"",
        "[keys.ci]\nhash = \"my-own-secret-0123456789\"",
    ] {
        let error = toml::from_str::<File>(toml).map(|_| ()).unwrap_err();
        assert!(!error.message().contains("my-own"), "{}", error.message());
        assert!(
            error.message().contains("tollgate keys create"),
            "{}",
            error.message()
        );
    }
}
