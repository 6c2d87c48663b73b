//! `tollgate ledger verify` over whole and changed ledgers.

use serde_json::Value;

use crate::books;
use crate::support::Home;

/// Where the books are kept.
const LEDGER: &str = ".local/share/tollgate/ledger.db";

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_ledger_is_ok_with_its_head() {
    let home = Home::new();
    books::keep(&home).await;
    let run = home.run(&["ledger", "verify"]).await;
    assert_eq!((run.code(), run.err().as_str()), (0, ""));
    let out = run.out();
    assert!(out.contains("ledger.db\n  checked  "), "{out}");
    assert!(out.contains("\n  result   ok\n"), "{out}");

    let run = home.run(&["ledger", "verify", LEDGER, "--json"]).await;
    let json: Value = serde_json::from_str(&run.out()).unwrap();
    assert_eq!(json[0]["path"], LEDGER);
    assert_eq!(json[0]["ok"], true);
    assert!(json[0]["events"].as_u64().unwrap() > 0);
    let head = json[0]["head"].as_str().unwrap();
    assert_eq!(head.len(), 64);
    assert!(out.contains(&format!("\n  head     {head}\n")), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_ledger_is_named_and_no_success() {
    let home = Home::new();
    books::keep(&home).await;
    let path = home.path().join(LEDGER);
    // The writer holds it until the log is in the file.
    let lock = std::fs::File::open(path.with_extension("db.lock")).unwrap();
    let closed = tokio::task::spawn_blocking(move || lock.lock());
    closed.await.unwrap().unwrap();
    // One letter of a stored text, which SQLite itself does not notice.
    let mut bytes = std::fs::read(&path).unwrap();
    let word = b"openrouter";
    let place = bytes.windows(word.len()).position(|part| part == word);
    bytes[place.unwrap()] = b'O';
    std::fs::write(&path, bytes).unwrap();

    let run = home.run(&["ledger", "verify"]).await;
    assert_eq!(run.code(), 8);
    let (out, err) = (run.out(), run.err());
    assert!(out.contains("  result   does not add up\n"), "{out}");
    assert!(out.contains("\n  - chain broken at event "), "{out}");
    assert!(err.contains("1 of 1 ledgers does not add up"), "{err}");
    let run = home.run(&["ledger", "verify", "--json"]).await;
    assert_eq!(run.code(), 8);
    let json: Value = serde_json::from_str(&run.out()).unwrap();
    assert_eq!(json[0]["ok"], false);
    assert_eq!(json[0]["differences"][0]["in"], "chain");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_verify_is_said() {
    let home = Home::new();
    let run = home.run(&["ledger", "verify"]).await;
    assert_eq!((run.code(), run.out().as_str()), (0, ""));
    assert!(run.err().contains("there is no ledger yet"));
    let run = home
        .run(&["ledger", "verify", "--set", "ledger.store=memory"])
        .await;
    assert_eq!(run.code(), 0);
    assert!(run.err().contains("in memory"), "{}", run.err());
    let run = home.run(&["ledger", "verify", "none.db"]).await;
    assert_eq!(run.code(), 7);
    assert!(run.err().contains("no ledger at \"none.db\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_ledger_is_said_to_be_none() {
    let home = Home::new();
    home.write("notes.txt", &"remember the milk ".repeat(100));
    let run = home.run(&["ledger", "verify", "notes.txt"]).await;
    assert_eq!(run.code(), 7);
    assert!(run.err().contains("is not a Tollgate ledger"));
}
