//! What is chosen, and why, for the mission's own configuration.

use tollgate::{
    ChatRequest, Config, ExplainedCandidate, Explanation, Gateway, Loader, Message, Order, Place,
    Task,
};

use crate::support::MISSION;

const PROMPTS: [(Task, &str); 3] = [
    (
        Task::Code,
        "Write a Python function that parses ISO dates. ```python\ndef parse(text):\n    pass\n```",
    ),
    (Task::Chat, "What should I see in Lisbon in two days?"),
    (
        Task::Reasoning,
        "Prove step by step that $\\sqrt{2}$ is irrational.",
    ),
];

fn offline(toml: &str) -> Config {
    Loader::new()
        .with_environment(vec![(
            "OPENROUTER_API_KEY".into(),
            "sk-or-v1-not-a-real-key".into(),
        )])
        .with_text("test.toml", toml)
        .with_key("catalog.offline", "true")
        .load()
        .unwrap()
}

async fn gateway(toml: &str) -> Gateway {
    Gateway::builder(offline(toml))
        .without_store()
        .seed(7)
        .build()
        .await
        .unwrap()
}

fn explain(gateway: &Gateway, policy: &str, prompt: &str) -> Explanation {
    let request = ChatRequest::new([Message::user(prompt)])
        .unwrap()
        .with_model("tollgate/auto");
    gateway
        .plan(Order::from(request).with_policy(policy))
        .unwrap()
}

fn models(explanation: &Explanation) -> Vec<String> {
    let one =
        |candidate: &ExplainedCandidate| format!("{} ({:?})", candidate.model, candidate.place);
    explanation.candidates.iter().map(one).collect()
}

#[tokio::test]
async fn the_mission_lists_are_obeyed_under_every_policy() {
    let gateway = gateway(MISSION).await;
    let lists = [
        (Task::Code, "openai/gpt-4"),
        (Task::Chat, "anthropic/claude-3-haiku"),
        (Task::Reasoning, "deepseek/deepseek-r1"),
    ];
    for policy in ["cheapest", "balanced", "quality"] {
        for ((task, prompt), (_, live)) in PROMPTS.iter().zip(lists) {
            let explanation = explain(&gateway, policy, prompt);
            assert_eq!(explanation.task, *task, "{prompt}");
            assert_eq!(explanation.policy, policy);
            assert_eq!(
                explanation.candidates[0].model.as_str(),
                live,
                "{:?}",
                models(&explanation)
            );
            assert_eq!(explanation.candidates[0].place, Place::Ranked);
            assert!(
                explanation
                    .candidates
                    .iter()
                    .all(|c| c.worst <= explanation.ceiling.unwrap())
            );
            assert!(!explanation.dropped.is_empty());
        }
    }
}

#[tokio::test]
async fn retired_models_are_warned_of_with_live_ones() {
    let gateway = gateway(MISSION).await;
    let warnings = gateway.warnings().join("\n");
    for retired in [
        "anthropic/claude-3-opus",
        "meta/llama-3.2",
        "openai/o1-preview",
        "anthropic/claude-3-sonnet",
        "mistral/mistral-7b",
    ] {
        assert!(
            warnings.contains(&format!("{retired} is not in the catalog; closest: ")),
            "{warnings}"
        );
    }
}

#[tokio::test]
async fn who_only_looks_judges_the_ledger_that_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let toml = format!(
        "[ledger]\nstore = \"sqlite\"\npath = {:?}\n[budgets.x]\nlimit = 1\n[record]\nenabled = true\npath = {:?}\n",
        path.display().to_string(),
        folder.path().join("records").display().to_string(),
    );
    let looking = gateway(&toml).await;
    assert_eq!(*looking.warnings(), [""; 0]);
    looking.shutdown().await;
    let left = std::fs::read_dir(folder.path()).unwrap();
    assert_eq!(left.count(), 0, "nothing is kept");

    let forgetful = gateway(&format!("{toml}[openrouter]\ntrack_usage = false\n")).await;
    let warnings = forgetful.warnings();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("openrouter.track_usage"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn with_the_whole_catalog_each_policy_picks_what_it_stands_for() {
    let gateway = gateway("").await;
    for (_, prompt) in PROMPTS {
        let [cheapest, balanced, quality] = ["cheapest", "balanced", "quality"]
            .map(|policy| explain(&gateway, policy, prompt).candidates[0].clone());
        assert!(
            cheapest.expected <= balanced.expected,
            "{cheapest:?} {balanced:?}"
        );
        assert!(
            balanced.expected <= quality.expected,
            "{balanced:?} {quality:?}"
        );
        assert!(
            quality.quality.mean >= balanced.quality.mean,
            "{quality:?} {balanced:?}"
        );
        assert!(
            balanced.quality.mean >= cheapest.quality.mean,
            "{balanced:?} {cheapest:?}"
        );
    }
}

#[tokio::test]
async fn every_model_of_the_catalog_is_a_candidate_or_dropped_with_a_reason() {
    let gateway = gateway("").await;
    let explanation = explain(&gateway, "balanced", PROMPTS[0].1);
    let total = gateway.catalog().view().offers().len();
    let not_ranked_in = total - explanation.dropped.len();
    assert!(not_ranked_in >= explanation.candidates.len());
    assert!(total >= 400);
}

#[tokio::test]
async fn without_fallback_there_is_one_candidate_whoever_picks_it() {
    let lanes = r#"
        [openrouter]
        enable_fallback = FALLBACK
        [openrouter.optimization]
        fallback_chain = ["openai/gpt-4"]
        [providers.local]
        base_url = "http://127.0.0.1:9/v1"
        [providers.local.models]
        "anthropic/claude-3-haiku" = "haiku"
        [providers.local.prices."anthropic/claude-3-haiku".base]
        input = "0.0000001"
        output = "0.0000002"
    "#;
    let named = |gateway: &Gateway| {
        let request = ChatRequest::new([Message::user("hi")]).unwrap();
        let request = request.with_model("anthropic/claude-3-haiku");
        models(&gateway.plan(request).unwrap()).len()
    };
    let with = gateway(&lanes.replace("FALLBACK", "true")).await;
    assert_eq!(named(&with), 3, "two lanes and the chain");
    let without = gateway(&lanes.replace("FALLBACK", "false")).await;
    assert_eq!(named(&without), 1);
    assert_eq!(
        explain(&without, "balanced", PROMPTS[1].1).candidates.len(),
        1
    );
}

#[tokio::test]
async fn an_unknown_policy_is_refused_with_the_known_ones() {
    let gateway = gateway("").await;
    let request = ChatRequest::new([Message::user("hi")]).unwrap();
    let error = gateway
        .plan(Order::from(request).with_policy("chepest"))
        .unwrap_err();
    let text = format!("{error} {}", error.failure().hint().unwrap_or_default());
    assert!(text.contains("cheapest"), "{text}");
}
