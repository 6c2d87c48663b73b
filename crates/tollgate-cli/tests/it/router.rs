//! `router train` and `router eval`, on the sample of real outcomes.

use crate::support::Home;

/// A home with the sample.
fn home() -> Home {
    let home = Home::new();
    home.write(
        "models.json",
        include_str!("../../../tollgate-router-learned/tests/data/models.json"),
    );
    home.write(
        "llmrouter.jsonl",
        include_str!("../../../tollgate-router-learned/tests/data/llmrouter.jsonl"),
    );
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_trained_can_be_evaluated() {
    let home = home();
    let train = [
        "router",
        "train",
        "--outcomes",
        "llmrouter.jsonl",
        "--out",
        "router.bin",
        "--json",
    ];
    let trained = home.run(&train).await.json();
    assert_eq!(trained["rows"], 78);
    assert_eq!(trained["models"].as_array().unwrap().len(), 9);

    let eval = [
        "router",
        "eval",
        "--outcomes",
        "llmrouter.jsonl",
        "--model",
        "router.bin",
        "--resamples",
        "50",
    ];
    let text = home.run(&eval).await;
    assert_eq!(text.code(), 0, "{}", text.err());
    assert!(text.out().contains("learned, guarded"), "{}", text.out());
    assert!(
        text.err().contains("9 of 9 models were trained on"),
        "{}",
        text.err()
    );
    let report = home.run(&[&eval[..], &["--json"]].concat()).await.json();
    assert_eq!(report["scores"][0]["rows"], 78);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neutral_router_knows_no_model() {
    let home = home();
    let train = [
        "router",
        "train",
        "--neutral",
        "--outcomes",
        "llmrouter.jsonl",
        "--out",
        "hard.bin",
        "--json",
    ];
    let trained = home.run(&train).await.json();
    assert_eq!(trained["models"].as_array().unwrap().len(), 0);
    let eval = [
        "router",
        "eval",
        "--outcomes",
        "llmrouter.jsonl",
        "--model",
        "hard.bin",
        "--resamples",
        "10",
    ];
    let text = home.run(&eval).await;
    assert!(text.err().contains("0 of 9 models"), "{}", text.err());
    let shipped = eval.map(|word| if word == "hard.bin" { "neutral" } else { word });
    let text = home.run(&shipped).await;
    assert!(text.err().contains("0 of 9 models"), "{}", text.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_are_refused_with_a_way_out() {
    let home = home();
    let eval = [
        "router",
        "eval",
        "--outcomes",
        "llmrouter.jsonl",
        "--model",
        "models.json",
    ];
    let refused = home.run(&eval).await;
    assert_eq!(refused.code(), 2);
    assert!(
        refused
            .err()
            .contains("make one with `tollgate router train`"),
        "{}",
        refused.err()
    );
    let train = [
        "router",
        "train",
        "--outcomes",
        "models.json",
        "--out",
        "router.bin",
    ];
    let refused = home.run(&train).await;
    assert!(
        refused.err().contains("names no models for the table"),
        "{}",
        refused.err()
    );
}
