//! `tollgate health`, with and without a server.

use tollgate_sim::{Fault, Rule, Scenario};

use crate::serve::{Server, body};
use crate::support::{Home, MODEL, base_url, simulator};

/// An address at which nobody listens.
const NOBODY: &str = "--url=http://127.0.0.1:1";

fn broken(fault: &str, route: &str) -> Scenario {
    let rule = Rule::new(Fault::named(fault).unwrap()).for_route(route);
    Scenario::default().with_rule(rule)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_tells_what_it_has_seen() {
    let simulator = simulator(broken("internal", "chat")).await;
    let home = Home::new();
    let set = base_url(&simulator);
    let server = Server::start(&home, &["serve", "--listen", "127.0.0.1:0", &set]);
    let url = format!("--url=http://{}", server.address);

    let idle = home.run(&["health", &url]).await;
    assert_eq!((idle.code(), idle.out().as_str()), (0, ""));
    assert!(idle.err().contains("no target has carried traffic yet"));

    server.post("/v1/chat/completions", &body(false)).await;
    let run = home.run(&["health", &url]).await;
    assert_eq!(run.code(), 0, "{}", run.err());
    for words in [
        "TARGET",
        &format!("{MODEL} on openrouter"),
        "closed",
        "last failure: ",
    ] {
        assert!(run.out().contains(words), "{words}: {}", run.out());
    }
    assert!(!run.out().contains('\u{1b}'), "a pipe gets no colours");

    let json = home.run(&["health", "--json", &url]).await.json();
    let targets = json["targets"].as_array().unwrap();
    let endpoint = targets.iter().find(|one| one["model"] == MODEL).unwrap();
    assert_eq!(
        (&endpoint["scope"], &endpoint["lane"]),
        (&"endpoint".into(), &"openrouter".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_lanes_are_asked() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let run = home.run(&["health", NOBODY, &base_url(&simulator)]).await;
    assert_eq!(run.code(), 0, "{}", run.err());
    assert!(
        run.err()
            .contains("no server answers at http://127.0.0.1:1"),
        "{}",
        run.err()
    );
    assert!(run.err().contains("tollgate serve"), "{}", run.err());
    assert!(
        run.out().contains("openrouter") && run.out().contains("usable"),
        "{}",
        run.out()
    );
    assert_eq!(simulator.bill().lines.len(), 0, "asking is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_cannot_be_used_is_no_success() {
    let simulator = simulator(broken("unauthorized", "key")).await;
    let home = Home::new();
    let arguments = ["health", "--json", NOBODY, &base_url(&simulator)];
    let run = home.run(&arguments).await;
    assert_eq!(run.code(), 5, "{}", run.err());
    assert!(
        run.err().contains("1 of 1 lanes cannot be used"),
        "{}",
        run.err()
    );
    let out: serde_json::Value = serde_json::from_str(&run.out()).unwrap();
    assert_eq!(out["lanes"][0]["state"], "unusable");
    assert!(out["lanes"][0]["why"].is_string(), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tollgate_is_not_taken_for_one() {
    let simulator = simulator(Scenario::default()).await;
    let url = format!("--url={}", simulator.base_url());
    let run = Home::new().run(&["health", &url]).await;
    assert_eq!(run.code(), 5, "{}", run.err());
    assert!(
        run.err().contains("may be no tollgate server"),
        "{}",
        run.err()
    );

    for (url, shown) in [
        ("nonsense", "nonsense"),
        ("http://me:secret@localhost:8787", "localhost:8787"),
        ("ftp://localhost", "ftp://localhost"),
    ] {
        let run = Home::new().run(&["health", "--url", url]).await;
        assert_eq!(run.code(), 2, "{}", run.err());
        for words in [&format!("{shown:?}")[..], "--url http://HOST:PORT"] {
            assert!(run.err().contains(words), "{words}: {}", run.err());
        }
        assert!(!run.err().contains("secret"), "{}", run.err());
        assert!(!run.err().contains("base_url"), "{}", run.err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_keys_tells_who_shows_that_of_an_operator() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let mut keys = Vec::new();
    for arguments in [&["operator", "--admin"][..], &["caller"]] {
        let run = home.run(&[&["keys", "create"], arguments].concat()).await;
        keys.push(run.out().trim().to_owned());
    }
    let set = base_url(&simulator);
    let server = Server::start(&home, &["serve", "--listen", "localhost:0", &set]);

    let without = ["health", "--url", &server.address];
    let run = home.run(&without).await;
    assert_eq!(run.code(), 5, "{}", run.err());
    for words in ["wants a key with `admin = true`", "--key-env"] {
        assert!(run.err().contains(words), "{words}: {}", run.err());
    }
    assert!(!run.err().contains("no tollgate server"), "{}", run.err());

    let with = [&without[..], &["--key-env", "MY_KEY"]].concat();
    let shown = |key: &str| home.command(&with).env("MY_KEY", key).output().unwrap();
    let output = shown(&keys[0]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = shown(&keys[1]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("refuses the key in MY_KEY"), "{err}");
    assert!(!err.contains(&keys[1]), "{err}");

    assert_eq!(home.run(&with).await.code(), 2, "the variable is not set");
    let elsewhere = ["health", "--url=http://10.255.255.1", "--key-env=MY_KEY"];
    let mut command = home.command(&elsewhere);
    let output = command.env("MY_KEY", &keys[0]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("use https"), "{err}");
}
