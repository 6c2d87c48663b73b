//! Commands that only look.

use std::process::Stdio;

use tollgate_sim::Scenario;

use crate::support::{Home, MISSION, base_url, simulator};

const PROMPTS: [(&str, &str); 3] = [
    (
        "code",
        "Write a Python function that removes duplicates from a list and keeps the order.",
    ),
    ("chat", "What should I see in Lisbon in two days?"),
    (
        "reasoning",
        "Prove that the sum of two odd integers is even.",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn nine_plans_of_the_mission() {
    let home = Home::new();
    home.write("tollgate.toml", MISSION);
    for (task, prompt) in PROMPTS {
        for policy in ["cheapest", "balanced", "quality"] {
            let arguments = [
                "plan",
                "--set=catalog.offline=true",
                "--json",
                "--policy",
                policy,
                prompt,
            ];
            let plan = home.run(&arguments).await.json();
            assert_eq!(plan["task"], task, "{prompt}");
            assert_eq!(plan["policy"], policy);
            assert!(
                plan["candidates"]
                    .as_array()
                    .is_some_and(|list| !list.is_empty())
            );
            assert!(
                plan["dropped"]
                    .as_array()
                    .is_some_and(|list| list.len() > 300)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_people_has_reasons() {
    let home = Home::new();
    let run = home
        .run(&[
            "plan",
            "--set=catalog.offline=true",
            "Write a regex for dates.",
        ])
        .await;
    assert_eq!(run.code(), 0, "{}", run.err());
    assert!(
        run.out().contains("policy balanced") && run.out().contains("left out"),
        "{}",
        run.out()
    );
    assert!(!run.out().contains('\u{1b}'), "a pipe gets no colours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_candidates_shows_why_and_is_no_success() {
    let home = Home::new();
    let nothing = [
        "plan",
        "--set=catalog.offline=true",
        "--max-cost",
        "0.000000001",
        "hi",
    ];
    let run = home.run(&nothing).await;
    assert_eq!(run.code(), 6);
    assert!(run.out().contains("over ceiling"), "{}", run.out());
    assert!(run.err().contains("no model can serve this call"));
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_found_by_words_price_and_capability() {
    let home = Home::new();
    let all = home.run(&["models", "--json", "--limit", "0"]).await.json();
    assert!(all.as_array().unwrap().len() > 250);
    let some = home
        .run(&[
            "models",
            "--json",
            "--can",
            "tools",
            "--can",
            "image_input",
            "--max-price",
            "0.5",
            "--sort",
            "price",
        ])
        .await
        .json();
    let some = some.as_array().unwrap();
    assert!(!some.is_empty() && some.len() < 100);
    for card in some {
        let capabilities = card["offers"][0]["capabilities"].as_array().unwrap();
        assert!(
            capabilities.contains(&"tools".into()) && capabilities.contains(&"image_input".into())
        );
    }
    let card = home.run(&["models", "anthropic/claude-3-haiku"]).await;
    assert!(card.out().contains("per million tokens"), "{}", card.out());
    let none = home.run(&["models", "anthropic/claude-3-sonnet"]).await;
    assert_eq!(none.code(), 4);
    assert!(none.err().contains("closest: anthropic/"), "{}", none.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_ledger_is_no_error() {
    let run = Home::new().run(&["usage"]).await;
    assert_eq!(run.code(), 0);
    assert!(run.err().contains("nothing was used yet"));
    let bad = Home::new().run(&["usage", "--by", "modle"]).await;
    assert_eq!(bad.code(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_completions_and_faults_are_printed() {
    let home = Home::new();
    assert!(home.run(&["schema"]).await.json()["properties"]["openrouter"].is_object());
    assert!(
        home.run(&["completions", "bash"])
            .await
            .out()
            .contains("tollgate")
    );
    let faults = home.run(&["sim", "--faults", "--json"]).await.json();
    assert!(faults.as_array().unwrap().len() > 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_would_refuse_is_refused_here_too() {
    let home = Home::new();
    let empty = home.run(&["plan", ""]).await;
    assert_eq!(empty.code(), 2);
    assert!(
        empty.err().contains("there is no prompt"),
        "{}",
        empty.err()
    );
    let request = r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":-5}"#;
    home.write("request.json", request);
    let wrong = home.run(&["plan", "--request", "request.json"]).await;
    assert_eq!(wrong.code(), 4);
    assert!(wrong.err().contains("max_tokens"), "{}", wrong.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_dear_ends_with_the_code_for_money() {
    let home = Home::new();
    let dear = home
        .run(&["chat", "--max-cost", "0.00000001", "Say hello."])
        .await;
    assert_eq!(dear.code(), 6, "{}", dear.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refreshed_list_is_fetched_however_fresh_the_one_at_hand_is() {
    let simulator = simulator(Scenario::default()).await;
    let home = Home::new();
    let fetched = || {
        let log = simulator.log();
        let is_list = |path: &str| path.split('?').next().unwrap().ends_with("/models");
        log.iter().filter(|seen| is_list(&seen.path)).count()
    };
    let url = base_url(&simulator);
    let mut before = 0;
    for _ in 0..2 {
        let run = home.run(&["models", "--refresh", &url]).await;
        assert_eq!(run.code(), 0, "{}", run.err());
        assert!(fetched() > before);
        before = fetched();
    }
    assert_eq!(home.run(&["models", &url]).await.code(), 0);
    assert_eq!(fetched(), before, "without the flag nobody is asked");

    let nobody = "--set=openrouter.base_url=http://127.0.0.1:1/api/v1";
    let run = home.run(&["models", "--refresh", nobody]).await;
    assert_eq!((run.code(), run.out().as_str()), (5, ""), "{}", run.err());
    assert!(run.err().contains("could not be fetched"), "{}", run.err());
}

#[test]
fn a_reader_who_has_enough_of_completions_is_no_error() {
    let home = Home::new();
    let mut child = home
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_to_listen_on_is_told_with_one_that_is() {
    let home = Home::new();
    for (command, address, right) in [
        ("serve", "8787", "127.0.0.1:8787 for this machine"),
        ("serve", ":8787", "0.0.0.0:8787 for others"),
        ("sim", ":9000", "127.0.0.1:9000"),
        ("sim", "localhost", "such as 127.0.0.1:8787"),
    ] {
        let run = home.run(&[command, "--listen", address]).await;
        assert_eq!(run.code(), 2, "{}", run.err());
        assert!(run.err().contains(right), "{right}: {}", run.err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_json_where_json_was_asked_for_and_nothing_else_was_printed() {
    let home = Home::new();
    let offline = "--set=catalog.offline=true";
    for (arguments, code, kind) in [
        (
            &["plan", offline, "--policy", "nope", "hi"][..],
            4,
            "invalid_request",
        ),
        (&["plan", offline, "--max-tokens", "0", "hi"], 2, "usage"),
        (&["models", offline, "--can", "nope"], 2, "usage"),
        (&["check", "--set=openrouter.nope=1"], 3, "configuration"),
        (&["ledger", "verify", "none.db"], 7, "ledger_unavailable"),
    ] {
        let run = home.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(run.code(), code, "{}", run.err());
        assert!(run.err().contains("error:"), "{}", run.err());
        let printed: serde_json::Value = serde_json::from_str(&run.out())
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", run.out()));
        let error = &printed["error"];
        assert_eq!(
            (&error["code"], &error["kind"]),
            (&code.into(), &kind.into())
        );
        let message = error["message"].as_str().unwrap();
        let first = message.lines().next().unwrap();
        assert!(run.err().contains(first), "{message}: {}", run.err());
    }
    // What was left out says more than the error, and stays the only document.
    let dear = ["plan", offline, "--json", "--max-cost=0.000000001", "hi"];
    let run = home.run(&dear).await;
    assert_eq!(run.code(), 6);
    let printed: serde_json::Value = serde_json::from_str(&run.out()).unwrap();
    assert!(printed["dropped"].is_array(), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tokens_are_no_limit_that_is_sent() {
    let simulator = simulator(Scenario::default()).await;
    let arguments = ["chat", &base_url(&simulator), "--max-tokens", "0", "hi"];
    let run = Home::new().run(&arguments).await;
    assert_eq!(run.code(), 2, "{}", run.err());
    assert!(run.err().contains("--max-tokens"), "{}", run.err());
    assert!(simulator.log().is_empty());
}
