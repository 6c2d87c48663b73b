//! `tollgate prices`: what direct providers charge.

use std::path::PathBuf;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Home, Run};

fn table(date: &str, input: &str) -> String {
    format!(
        r#"{{"date":"{date}","sources":["mine"],"providers":{{"openai":[
        {{"name":"gpt-4o","price":{{"base":{{"input":"{input}","output":"0.00001"}}}}}}]}}}}"#
    )
}

fn kept(home: &Home) -> PathBuf {
    home.path().join(".local/share/tollgate/prices.json")
}

async fn refresh(home: &Home, from: &str) -> Run {
    home.run(&["prices", "refresh", "--force", "--json", "--from", from])
        .await
}

/// Answers one request with these bytes, at an address of its own.
async fn answering(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await;
        // A client that has read enough hangs up.
        let _ = stream.write_all(&answer).await;
    });
    format!("http://{address}/prices.json")
}

fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_and_their_models_are_listed_with_what_they_are_called() {
    let home = Home::new();
    let all = home.run(&["prices", "list"]).await;
    assert_eq!(all.code(), 0, "{}", all.err());
    for provider in ["openai", "anthropic", "groq", "together"] {
        assert!(all.out().contains(provider), "{}", all.out());
    }
    let one = home
        .run(&["prices", "list", "--provider", "anthropic", "--json"])
        .await
        .json();
    assert_eq!(one["date"], "2026-11-23");
    let models = one["providers"][0]["models"].as_array().unwrap();
    let opus = models
        .iter()
        .find(|row| row["name"] == "claude-opus-4-5")
        .unwrap();
    assert_eq!(opus["model"], "anthropic/claude-opus-4.5");
    assert_eq!(opus["how"], "spelling");
    assert_eq!(opus["price"]["base"]["input"], "0.000005");

    let unknown = home.run(&["prices", "list", "--provider", "opnai"]).await;
    assert_eq!(unknown.code(), 2);
    assert!(unknown.err().contains("openai"), "{}", unknown.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_and_the_table_are_compared() {
    let home = Home::new();
    let differences = home.run(&["prices", "check", "--json"]).await.json();
    let differences = differences.as_array().unwrap();
    let of = |model: &str, price: &str| -> Option<&Value> {
        differences
            .iter()
            .find(|row| row["model"] == model && row["price"] == price)
    };
    let sonnet = of("anthropic/claude-sonnet-5", "input").unwrap();
    assert_eq!(
        (&sonnet["listed"], &sonnet["table"], &sonnet["in_doubt"]),
        (&"2".into(), &"3".into(), &true.into())
    );
    assert!(of("openai/gpt-4o", "input").is_none());
    // Hosts of open models are compared when they are asked for.
    assert!(differences.iter().all(|row| row["provider"] != "together"));
    let people = home
        .run(&["prices", "check", "--provider", "together"])
        .await;
    assert!(people.out().contains("together"), "{}", people.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_table_is_kept_and_used() {
    let home = Home::new();
    home.write("mine.json", &table("2999-01-01", "0.000009"));
    let change = refresh(&home, "mine.json").await.json();
    assert_eq!(
        (&change["models"], &change["repriced"]),
        (&1.into(), &1.into())
    );
    let one = home
        .run(&["prices", "list", "--provider", "openai", "--json"])
        .await
        .json();
    assert_eq!(one["date"], "2999-01-01");
    assert_eq!(one["path"], kept(&home).to_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_a_few_models_replaces_all_only_when_it_is_told_to() {
    let home = Home::new();
    home.write("mine.json", &table("2999-01-01", "0.000009"));
    let arguments = ["prices", "refresh", "--from", "mine.json"];
    let run = home.run(&arguments).await;
    assert_eq!(run.code(), 4, "{}", run.err());
    for words in [
        "known models are not in mine.json",
        "would be gone",
        "nothing was changed",
        "--force",
    ] {
        assert!(run.err().contains(words), "{words}: {}", run.err());
    }
    assert!(!kept(&home).exists());

    let run = home.run(&[&arguments[..], &["--force"]].concat()).await;
    assert_eq!(run.code(), 0, "{}", run.err());
    let back = format!("kept in {}; to go back", kept(&home).display());
    assert!(run.err().contains(&back), "{}", run.err());
    // Now it is all that is known, and nothing of it would go.
    assert_eq!(home.run(&arguments).await.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_or_no_table_changes_nothing() {
    let home = Home::new();
    home.write("good.json", &table("2999-01-01", "0.000009"));
    assert_eq!(refresh(&home, "good.json").await.code(), 0);
    let before = std::fs::read(kept(&home)).unwrap();
    for (text, problem) in [
        (
            table("2998-12-31", "0.000009"),
            "older than those of 2999-01-01",
        ),
        (table("3000-01-01", "0"), "has a price of zero"),
        ("{".to_owned(), "cannot be read"),
    ] {
        home.write("bad.json", &text);
        let run = refresh(&home, "bad.json").await;
        assert_eq!(run.code(), 4, "{}", run.err());
        assert!(run.err().contains(problem), "{}", run.err());
        assert_eq!(std::fs::read(kept(&home)).unwrap(), before);
    }
    assert_eq!(refresh(&home, "missing.json").await.code(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_fetched_over_the_network_up_to_a_limit() {
    let home = Home::new();
    let url = answering(http("200 OK", &table("2999-01-01", "0.000009"))).await;
    assert_eq!(refresh(&home, &url).await.json()["date"], "2999-01-01");

    let before = std::fs::read(kept(&home)).unwrap();
    let long = " ".repeat((8 << 20) + 1);
    for (answer, problem) in [
        (http("404 Not Found", ""), "404"),
        (http("302 Found", ""), "redirects are not followed"),
        (http("200 OK", &long), "longer than 8 MiB"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec(),
            "cannot fetch",
        ),
    ] {
        let run = refresh(&home, &answering(answer).await).await;
        assert_eq!(run.code(), 5, "{problem}: {}", run.err());
        assert!(run.err().contains(problem), "{}", run.err());
        assert_eq!(std::fs::read(kept(&home)).unwrap(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_users_own_stays_in_use() {
    let home = Home::new();
    home.write("own.json", &table("2020-01-01", "0.000004"));
    home.write("new.json", &table("2999-01-01", "0.000009"));
    home.write("tollgate.toml", "[catalog]\nprices_path = \"own.json\"\n");
    let run = refresh(&home, "new.json").await;
    assert_eq!(run.code(), 0, "{}", run.err());
    assert!(run.err().contains("own.json stays in use"), "{}", run.err());
    let one = home.run(&["prices", "list", "--json"]).await.json();
    assert_eq!(one["date"], "2020-01-01");
}
