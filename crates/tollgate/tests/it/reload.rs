//! Another configuration, while calls are running.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use tollgate::{
    ChatRequest, Config, FailureKind, Gateway, KeyConfig, KeyRing, Loader, Message, NewKey,
    StreamMode, Timestamp,
};
use tollgate_sim::Scenario;
use tollgate_testkit::providers::{Script, ScriptedProvider};

use crate::support;

const SMALL: &str = "openai/gpt-4o-mini";
const OTHER: &str = "anthropic/claude-3-haiku";

fn config(toml: &str) -> Config {
    Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("catalog.offline", "true")
        .with_text("test.toml", toml)
        .load()
        .unwrap()
}

fn listing(model: &str) -> String {
    format!("[openrouter.routing]\nchat_models = [\"{model}\"]\n")
}

async fn gateway(toml: &str, provider: ScriptedProvider) -> Gateway {
    Gateway::builder(config(toml))
        .provider(Arc::new(provider))
        .seed(7)
        .build()
        .await
        .unwrap()
}

fn ask() -> ChatRequest {
    ChatRequest::new([Message::user("Name a colour.")]).unwrap()
}

fn first_choice(gateway: &Gateway) -> String {
    let plan = gateway.plan(ask()).unwrap();
    plan.candidates[0].model.to_string()
}

#[tokio::test]
async fn the_next_call_is_decided_by_the_new_configuration() {
    let gateway = gateway(&listing(SMALL), ScriptedProvider::new()).await;
    let clone = gateway.clone();
    assert_eq!(first_choice(&gateway), SMALL);
    gateway.reload(config(&listing(OTHER))).await.unwrap();
    assert_eq!(first_choice(&gateway), OTHER);
    assert_eq!(first_choice(&clone), OTHER, "clones are the same gateway");
}

#[tokio::test]
async fn a_running_answer_does_not_notice() {
    let provider = ScriptedProvider::new()
        .on(
            "openrouter",
            SMALL,
            Script::answer(&["Red", ", or", " green."]),
        )
        .on("openrouter", OTHER, Script::answer(&["Blue."]));
    let gateway = gateway(&listing(SMALL), provider).await;
    let mut answer = gateway
        .chat(ask().with_stream(StreamMode::Stream))
        .await
        .unwrap();
    let begun = answer.next_text().await.unwrap().unwrap();
    gateway.reload(config(&listing(OTHER))).await.unwrap();
    let mut text = begun;
    while let Some(piece) = answer.next_text().await {
        text.push_str(&piece.unwrap());
    }
    assert_eq!(text, "Red, or green.");
    assert!(answer.next().await.is_none() && answer.receipt().is_some());
    let next = gateway.chat(ask()).await.unwrap().collect().await.unwrap();
    assert_eq!(next.response.text(), "Blue.");
}

#[tokio::test]
async fn what_does_not_work_is_not_taken_over_in_part() {
    let gateway = gateway(&listing(SMALL), ScriptedProvider::new()).await;
    let check = async |toml: String, word: &str| {
        let failure = gateway.reload(config(&toml)).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Configuration);
        let told = format!("{failure} {}", failure.hint().unwrap_or_default());
        assert!(told.contains(word), "{told}");
        assert_eq!(first_choice(&gateway), SMALL, "{word}");
    };
    let other = listing(OTHER);
    check(
        format!("{other}[openrouter.optimization]\nmode = \"cheepest\"\n"),
        "cheepest",
    )
    .await;
    check(
        format!("{other}[ledger]\nstore = \"sqlite\"\npath = \"x.db\"\n"),
        "ledger",
    )
    .await;
    check(
        format!("{other}[budgets.all]\nlimit = 1\nper = \"model\"\n"),
        "failover.group_models",
    )
    .await;
    check(
        format!("{other}[openrouter]\nbase_url = \"https://other.example/v1\"\n"),
        "openrouter.base_url",
    )
    .await;
    check(
        format!("{other}[providers.near]\nbase_url = \"http://far.example/v1\"\nmodels = {{}}\n"),
        "near",
    )
    .await;
}

#[tokio::test]
async fn a_lane_that_is_added_serves_the_next_call() {
    let gateway = gateway("", ScriptedProvider::new()).await;
    let lanes = |gateway: &Gateway| {
        let request = ask().with_model(SMALL);
        let plan = gateway.plan(request).unwrap();
        let lanes = plan.candidates.iter().map(|one| one.lane.to_string());
        lanes.collect::<Vec<_>>()
    };
    assert_eq!(lanes(&gateway), ["openrouter"]);
    let near = format!(
        "[providers.near]\nbase_url = \"http://127.0.0.1:1/v1\"\n[providers.near.models]\n\"{SMALL}\" = \"small\"\n[providers.near.prices]\n\"{SMALL}\" = {{ base = {{ input = \"0.000001\", output = \"0.000001\" }} }}\n"
    );
    gateway.reload(config(&near)).await.unwrap();
    assert_eq!(lanes(&gateway).len(), 2, "{:?}", lanes(&gateway));
    gateway.reload(config("")).await.unwrap();
    assert_eq!(lanes(&gateway), ["openrouter"]);
}

#[tokio::test]
async fn what_was_used_of_a_limit_stays_used_when_something_else_changes() {
    let simulator = support::simulator(Scenario::default()).await;
    let text = |chain: &str| {
        format!(
            "[openrouter]\nrate_limit = {{ requests_per_minute = 1 }}\n[openrouter.optimization]\nfallback_chain = [{chain}]\n[openrouter.routing]\nchat_models = [\"{SMALL}\"]\n"
        )
    };
    let gateway = support::gateway(&simulator, &text("")).await;
    gateway.chat(ask()).await.unwrap();
    let again = support::config(&simulator, &text(&format!("{SMALL:?}")));
    gateway.reload(again).await.unwrap();
    let refused = gateway.chat(ask()).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::RateLimited, "{refused}");
}

/// The budget of a key, as it is merged into those of the configuration.
const BUDGET: &str =
    "[budgets.\"keys.ci\"]\nlimit = 1\nwindow = \"month\"\nper = \"caller\"\nonly = [\"ci\"]\n";

#[tokio::test]
async fn the_budget_of_a_key_stays_in_force_when_a_configuration_leaves_it_out() {
    let gateway = gateway(
        &format!("{}{BUDGET}", listing(SMALL)),
        ScriptedProvider::new(),
    )
    .await;
    gateway.reload(config(&listing(OTHER))).await.unwrap();
    assert_eq!(first_choice(&gateway), OTHER);
    assert!(gateway.config().budgets.contains_key("keys.ci"));
    gateway.set_key_budgets([]).await.unwrap();
    assert_eq!(gateway.config().budgets.len(), 0);
    assert_eq!(first_choice(&gateway), OTHER, "all else stays");
}

#[tokio::test]
async fn budgets_are_taken_over_with_the_rest_or_not_at_all() {
    let simulator = support::simulator(Scenario::default()).await;
    let with = |rest: &str| format!("{}{rest}", listing(SMALL));
    let team = |limit: &str| with(&format!("[budgets.team]\nlimit = {limit}\n"));
    let config = |toml: &str| support::config(&simulator, toml);
    let gateway = support::gateway(&simulator, &with("")).await;
    let answer = gateway.chat(ask()).await.unwrap().collect().await.unwrap();
    let spent = answer.receipt.cost().unwrap().amount();
    let limits = |gateway: &Gateway| {
        let budgets = gateway.config().budgets;
        budgets.values().map(|one| one.limit).collect::<Vec<_>>()
    };

    // What does not work in another table leaves budgets alone.
    let broken = format!(
        "{}[openrouter.optimization]\nmode = \"cheepest\"\n",
        team("5")
    );
    gateway.reload(config(&broken)).await.unwrap_err();
    let near = "[providers.near]\nbase_url = \"http://far.example/v1\"\nmodels = {}\n";
    gateway
        .reload(config(&format!("{}{near}", team("5"))))
        .await
        .unwrap_err();
    assert!(limits(&gateway).is_empty() && gateway.budgets().is_empty());

    gateway
        .reload(config(&team(&spent.to_string())))
        .await
        .unwrap();
    assert_eq!(limits(&gateway), [spent]);
    assert_eq!(gateway.budgets()[0].1, spent, "spent before it was there");
    let refused = gateway.chat(ask()).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::BudgetExceeded, "{refused}");

    gateway.reload(config(&team("5"))).await.unwrap();
    gateway.chat(ask()).await.unwrap().collect().await.unwrap();
    gateway.reload(config(&with(""))).await.unwrap();
    assert!(limits(&gateway).is_empty() && gateway.budgets().is_empty());
}

/// A key with the rest of its table.
fn key(rest: &str) -> KeyConfig {
    let hash = NewKey::generate().unwrap().digest().hash(None);
    let table = format!("[keys.one]\nhash = \"{hash}\"\n{rest}");
    config(&table).keys["one"].clone()
}

#[tokio::test]
async fn a_key_whose_budget_nobody_keeps_is_turned_off_alone() {
    let ring = KeyRing::open(&config("").ledger).await.unwrap();
    let (one, two) = (
        "budget = { limit = 1, per = \"day\" }",
        "budget = { limit = 2, per = \"day\" }",
    );
    let made = |tables: &[(&str, &str)]| -> BTreeMap<_, _> {
        let keys = tables.iter();
        keys.map(|(name, rest)| ((*name).to_owned(), key(rest)))
            .collect()
    };
    let started = ring.book_of(
        &config(""),
        made(&[("kept", one), ("changed", one), ("freed", one)]),
    );
    let budgets = started.unwrap().budgets().collect();
    let now = made(&[
        ("kept", one),
        ("changed", two),
        ("freed", ""),
        ("new", one),
        ("off", &format!("{one}\ndisabled = true")),
        ("without", ""),
    ]);
    let (book, warnings) = ring.book_beside(&budgets, &config(""), now).unwrap();
    let at = Timestamp::from_secs(1_800_000_000);
    let mut off: Vec<_> = book
        .entries()
        .filter(|entry| entry.check(at).is_err())
        .map(|entry| entry.caller().to_string())
        .collect();
    off.sort();
    assert_eq!(off, ["changed", "new", "off"]);
    let told: Vec<_> = warnings
        .iter()
        .map(|warning| {
            ["changed", "freed", "new"].map(|name| warning.contains(&format!("key {name} ")))
        })
        .collect();
    assert_eq!(
        told,
        [
            [true, false, false],
            [false, true, false],
            [false, false, true]
        ],
        "{warnings:?}"
    );
}

#[tokio::test]
async fn a_budget_by_the_name_of_a_keys_own_is_refused() {
    let config = config(BUDGET);
    let ring = KeyRing::open(&config.ledger).await.unwrap();
    let failure = ring.book_of(&config, BTreeMap::new()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Configuration);
    let told = format!("{failure}; {}", failure.hint().unwrap());
    for word in ["budgets.\"keys.ci\"", "table of the key ci"] {
        assert!(told.contains(word), "{told}");
    }
}
