//! `record`, `replay` and `usage --baseline` over the calls that a demo leaves.

use serde_json::Value;
use tollgate::Usd;

use crate::support::{Home, Run};

/// A home with the data of a demo in `kept`.
async fn with_calls(calls: &str) -> (Home, Value) {
    let home = Home::new();
    let demo = ["demo", "--json", "--keep", "kept", "--calls", calls];
    let report = home.run(&demo).await.json();
    (home, report)
}

async fn run(home: &Home, arguments: &[&str]) -> Run {
    let config = ["--config", "kept/tollgate.toml"];
    home.run(&[&config, arguments].concat()).await
}

fn usd(value: &Value) -> Usd {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_leaves_books_that_agree_with_its_bill() {
    let (home, report) = with_calls("24").await;
    assert_eq!(report["recorded"], 24);

    let usage = run(&home, &["usage", "--json"]).await.json();
    assert_eq!(usage["total"]["cost"], report["simulator_bill"]);
    let status = run(&home, &["record", "status", "--json"]).await.json();
    assert_eq!(
        (&status["enabled"], &status["calls"]),
        (&true.into(), &24.into())
    );

    let export = [
        "reconcile",
        "--csv",
        "kept/charged.csv",
        "--tolerance=0",
        "--json",
    ];
    let books = run(&home, &export).await.json();
    assert_eq!(books["comparison"]["agrees"], true, "{books}");
    assert_eq!(books["comparison"]["difference"], "0", "{books}");

    let again = home.run(&["demo", "--keep", "kept"]).await;
    assert_eq!(again.code(), 2, "it mixes nothing in: {}", again.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_says_what_another_policy_would_have_cost() {
    let (home, _) = with_calls("24").await;
    let replay = run(&home, &["replay", "--policy", "cheapest", "--json"]).await;
    let report = replay.json()["report"].clone();
    let compared = &report["compared"];
    assert_eq!(report["calls"], 24);
    assert!(
        usd(&compared["replayed"]) < usd(&compared["actual"]),
        "{report}"
    );
    assert!(report["moved"].as_u64().unwrap() > 0, "{report}");

    let text = run(&home, &["replay", "--policy", "cheapest"]).await;
    let moved = format!(
        "{} of {} calls would go elsewhere",
        report["moved"], compared["calls"]
    );
    assert!(text.out().contains(&moved), "{}", text.out());
    assert!(
        text.out().lines().all(|line| line.chars().count() <= 80),
        "{}",
        text.out()
    );
    assert!(
        text.err().contains("24 calls decided anew"),
        "{}",
        text.err()
    );

    let csv = run(&home, &["replay", "--policy", "cheapest", "--csv"])
        .await
        .out();
    let moves = csv.lines().filter(|line| line.contains(",moved,")).count();
    assert_eq!(csv.lines().count(), 25);
    assert_eq!(report["moved"], moves);

    // Of an hour without calls.
    let none = run(&home, &["replay", "--policy", "cheapest", "--until", "1h"]).await;
    assert_eq!((none.code(), none.out().as_str()), (0, ""));
    assert!(none.err().contains("nothing is recorded"), "{}", none.err());
    let unknown = run(&home, &["replay", "--policy", "cheepest"]).await;
    assert_eq!(unknown.code(), 4);
    assert!(
        unknown.err().contains("balanced, cheapest, quality"),
        "{}",
        unknown.err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_says_what_was_saved_against_a_policy() {
    let (home, _) = with_calls("16").await;
    let replay = run(&home, &["replay", "--policy", "quality", "--json"])
        .await
        .json();
    let compared = &replay["report"]["compared"];
    let usage = run(&home, &["usage", "--baseline", "quality", "--json"])
        .await
        .json();
    let baseline = &usage["baseline"];
    assert_eq!(baseline["baseline"], compared["replayed"]);
    let saved = usd(&compared["difference"]["choice"]);
    assert_eq!(usd(&baseline["saved"]), saved);
    // The choice of models is one of three parts; prices and serving (failing over) are
    // in the difference too, and no saving.
    let all = usd(&compared["replayed"]) - usd(&compared["actual"]);
    let rest = usd(&compared["difference"]["prices"]) + usd(&compared["difference"]["serving"]);
    assert_eq!(saved + rest, all);
    let text = run(&home, &["usage", "--baseline", "quality"]).await.out();
    assert!(text.contains("saved against quality: $"), "{text}");
    let dearer = run(&home, &["usage", "--baseline", "cheapest"]).await.out();
    assert!(
        dearer.contains("spent more than under cheapest: $"),
        "{dearer}"
    );

    std::fs::remove_dir_all(home.path().join("kept/records")).unwrap();
    let none = run(&home, &["usage", "--baseline", "quality"]).await;
    assert!(none.out().contains("nothing is recorded"), "{}", none.out());
    assert!(
        none.out().contains("record.enabled = true"),
        "{}",
        none.out()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_days_are_pruned() {
    let home = Home::new();
    let folder = home.path().join(".local/share/tollgate/records");
    std::fs::create_dir_all(&folder).unwrap();
    for day in ["2026-01-01", "2026-01-02"] {
        std::fs::write(folder.join(format!("{day}.jsonl")), "{}\n").unwrap();
    }
    let status = home.run(&["record", "status"]).await;
    assert!(status.out().contains("recording  off"), "{}", status.out());
    assert!(
        status.out().contains("2, from 2026-01-01 to 2026-01-02"),
        "{}",
        status.out()
    );
    let kept = ["record", "prune", "--keep-days", "100000", "--json"];
    assert_eq!(home.run(&kept).await.json()["files"], 0);
    assert_eq!(
        home.run(&["record", "prune", "--json"]).await.json()["files"],
        2
    );
    assert_eq!(
        home.run(&["record", "prune", "--keep-days", "0"])
            .await
            .code(),
        2
    );
}
