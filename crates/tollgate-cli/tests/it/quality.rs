//! `tollgate quality`: where the quality of models comes from.

use std::path::Path;

use tollgate::{CallerId, ChatRequest, Gateway, Loader, Message};
use tollgate_sim::Scenario;

use crate::support::{Home, MODEL, simulator};

const BOARD: &str = "\
- model: claude-3-haiku-20240307
  test_cases: 100
  pass_rate_2: 25.0
  date: 2026-01-02
- model: Nobody's Model
  test_cases: 100
  pass_rate_2: 99.0
  date: 2026-01-02
";

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_in_use_and_says_what_it_lacks() {
    let home = Home::new();
    home.write("board.yml", BOARD);
    let import = home
        .run(&["quality", "import", "board.yml", "--out", "scores.toml"])
        .await;
    assert_eq!(import.code(), 0, "{}", import.err());
    assert_eq!(import.out(), "");
    let said = import.err();
    assert!(said.contains("is called Nobody's Model"), "{said}");
    assert!(
        said.contains("1 names matched, 1 unmatched, 0 unclear"),
        "{said}"
    );

    home.write(
        "tollgate.toml",
        "[catalog]\nscores_path = \"scores.toml\"\n",
    );
    let shown = home.run(&["quality", "show", MODEL, "--json"]).await.json();
    let code = &shown["quality"][1];
    assert_eq!(code["task"], "code");
    assert_eq!(code["layers"][0]["source"], "scores");
    assert_eq!(code["layers"][0]["mean"], 0.25);
    assert_eq!(
        code["layers"][0]["from"],
        "Aider polyglot leaderboard, 2026-01-02, Apache-2.0"
    );
    // What it would be without the file is shown too.
    assert_ne!(code["layers"][1]["source"], "scores");
    let people = home.run(&["quality", "show", MODEL]).await;
    assert!(people.out().contains("(not used)"), "{}", people.out());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_to_write_it_goes_to_standard_output() {
    let home = Home::new();
    home.write("board.yml", BOARD);
    let toml = home.run(&["quality", "import", "board.yml"]).await;
    assert!(toml.out().contains("[sources.aider]"), "{}", toml.err());
    let json = home
        .run(&[
            "quality",
            "import",
            "board.yml",
            "--licence",
            "ours",
            "--json",
        ])
        .await
        .json();
    assert_eq!(json["sources"]["aider"]["licence"], "ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_table_is_refused() {
    let home = Home::new();
    home.write("board.yml", "hello");
    let run = home.run(&["quality", "import", "board.yml"]).await;
    assert_eq!(run.code(), 3, "{}", run.err());
    assert!(run.err().contains("it is none of aider"), "{}", run.err());
    let run = home.run(&["quality", "import", "missing.yml"]).await;
    assert_eq!(run.code(), 2, "{}", run.err());
    let run = home
        .run(&["quality", "import", "board.yml", "--format", "stars"])
        .await;
    assert_eq!(run.code(), 2, "{}", run.err());
    let run = home
        .run(&["quality", "show", "anthropic/claude-3-haik"])
        .await;
    assert_eq!(run.code(), 4, "{}", run.err());
    assert!(run.err().contains(MODEL), "{}", run.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_in_the_ledger_is_shown_before_what_is_published() {
    let home = Home::new();
    let folder = home.path().join(".local/share/tollgate");
    std::fs::create_dir_all(&folder).unwrap();
    rate_three_answers(&folder.join("ledger.db")).await;
    let shown = home.run(&["quality", "show", MODEL, "--json"]).await.json();
    let layers = &shown["quality"][0]["layers"];
    assert_eq!(layers[0]["source"], "feedback");
    assert_eq!(layers[0]["from"], "what weighs 3.0 ratings");
    assert_eq!(layers.as_array().unwrap().len(), 2);
    let all = home.run(&["quality", "show", "--json"]).await.json();
    let rows = all.as_array().unwrap();
    let feedback = rows.iter().find(|row| row["source"] == "feedback").unwrap();
    assert!(feedback["chat"].as_u64().unwrap() >= 1);
    assert_eq!(feedback["code"], 0);
}

/// A server's part: chats whose callers are content.
async fn rate_three_answers(ledger: &Path) {
    let simulator = simulator(Scenario::default()).await;
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("openrouter.base_url", simulator.base_url())
        .with_key("catalog.offline", "true")
        .with_key("ledger.store", "sqlite")
        .with_key("ledger.path", ledger.display().to_string())
        .load()
        .unwrap();
    let gateway = Gateway::from_config(config).await.unwrap();
    for _ in 0..3 {
        let request = ChatRequest::new([Message::user("Name a colour.")]).unwrap();
        let answer = gateway.chat(request.with_model(MODEL)).await.unwrap();
        let id = answer.call().to_string();
        answer.collect().await.unwrap();
        gateway.feedback(&CallerId::local(), &id, 1.0).unwrap();
    }
    gateway.shutdown().await;
}
