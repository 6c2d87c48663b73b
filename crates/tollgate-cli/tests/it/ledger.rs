//! `tollgate ledger verify` over whole and changed ledgers.

use serde_json::Value;
use tollgate_sim::Scenario;

use crate::books;
use crate::serve::Server;
use crate::support::{Home, base_url, simulator};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_made_is_named_with_what_to_do() {
    let home = Home::new();
    std::fs::create_dir_all(home.path().join(".local/share")).unwrap();
    home.write(".local/share/tollgate", "a file");
    home.write("notes.txt", "a file");
    let elsewhere = "--set=ledger.path=notes.txt/new/ledger.db";
    for (arguments, place) in [
        (&["chat", "hi"][..], ".local/share/tollgate"),
        (&["keys", "create", "ci"], ".local/share/tollgate"),
        (&["keys", "list"], ".local/share/tollgate"),
        (&["serve", "--listen=127.0.0.1:0"], ".local/share/tollgate"),
        (&["chat", elsewhere, "hi"], "notes.txt/new"),
        (
            &["serve", "--listen=127.0.0.1:0", elsewhere],
            "notes.txt/new",
        ),
    ] {
        let run = home.run(arguments).await;
        assert_eq!(run.code(), 7, "{arguments:?}: {}", run.err());
        assert!(run.err().contains(place), "{arguments:?}: {}", run.err());
    }
    let run = home.run(&["chat", "hi"]).await;
    assert!(run.err().contains("XDG_DATA_HOME"), "{}", run.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_none_or_in_use_ends_with_the_code_for_ledgers() {
    let simulator = simulator(Scenario::default()).await;
    let url = base_url(&simulator);
    let home = Home::new();
    home.write("notes.txt", &"remember the milk ".repeat(100));
    let notes = "--set=ledger.path=notes.txt";
    let serve = ["serve", "--listen=127.0.0.1:0", &url];
    for arguments in [
        &["chat", &url, notes, "hi"][..],
        &[&serve[..], &[notes]].concat(),
    ] {
        let run = home.run(arguments).await;
        assert_eq!(run.code(), 7, "{arguments:?}: {}", run.err());
        assert!(run.err().contains("notes.txt"), "{}", run.err());
    }

    let mine = "--set=ledger.path=mine.db";
    let _server = Server::start(&home, &[&serve[..], &[mine]].concat());
    let run = home.run(&["chat", &url, mine, "--json", "hi"]).await;
    assert_eq!(run.code(), 7, "{}", run.err());
    assert!(run.err().contains("in use by another"), "{}", run.err());
    let printed: Value = serde_json::from_str(&run.out()).unwrap();
    assert_eq!(printed["error"]["kind"], "ledger_unavailable");

    // What is wrong about the configuration itself is still that.
    let zero = "--set=ledger.queue=0";
    let run = home.run(&["chat", &url, zero, "hi"]).await;
    assert_eq!(run.code(), 3, "{}", run.err());
}
