//! A look at the prompt, as it is configured.

use std::fs;
use std::path::Path;

use tollgate::{
    ChatRequest, Config, Explanation, Failure, Gateway, Loader, LookVerdict, Message, Order,
    QualitySource, Records, StreamMode,
};
use tollgate_router_learned::{OutcomeModel, Outcomes, TrainConfig, train};
use tollgate_sim::Scenario;

use crate::support;

const SMALL: &str = "openai/gpt-4o-mini";
const OTHER: &str = "anthropic/claude-3-haiku";
const POEM: &str = "Write a poem about the moon, the night and my heart, with rhymes.";

/// A file in which the first of the models is good at poems alone, and the second at sums.
fn file(models: [&str; 2]) -> Vec<u8> {
    let named = |name: &str| OutcomeModel {
        name: name.to_owned(),
        input: None,
        output: None,
    };
    let line = |row: usize| {
        let (task, prompt, q) = match row % 2 {
            0 => (
                "poems",
                format!("Write a poem about the moon, the night and my heart, with {row} rhymes."),
                [1, 0],
            ),
            _ => (
                "sums",
                format!("Ada has {row} apples and buys 7 more. How many apples does Ada have?"),
                [0, 1],
            ),
        };
        serde_json::json!({ "id": row.to_string(), "task": task, "kind": "chat", "prompt": prompt, "q": q }).to_string()
    };
    let lines: Vec<String> = (0..300).map(line).collect();
    let outcomes =
        Outcomes::parse(models.map(named).to_vec(), lines.join("\n").as_bytes()).unwrap();
    train(&outcomes, &TrainConfig::default())
        .unwrap()
        .to_bytes()
}

fn config(model: &str) -> Config {
    Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("catalog.offline", "true")
        .with_key("openrouter.optimization.mode", "quality")
        .with_key(
            "openrouter.routing.chat_models",
            format!("[{SMALL:?}, {OTHER:?}]"),
        )
        .with_key("learned.model", format!("{model:?}"))
        .load()
        .unwrap()
}

async fn gateway(model: &Path) -> Result<Gateway, Failure> {
    Gateway::builder(config(&model.display().to_string()))
        .without_store()
        .seed(7)
        .build()
        .await
}

fn explain(gateway: &Gateway) -> Explanation {
    let request = ChatRequest::new([Message::user(POEM)])
        .unwrap()
        .with_model("tollgate/auto:chat");
    gateway.plan(Order::from(request)).unwrap()
}

#[tokio::test]
async fn a_file_says_who_is_good_at_a_prompt_and_a_reload_takes_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.bin");
    fs::write(&path, file([SMALL, OTHER])).unwrap();
    let gateway = gateway(&path).await.unwrap();
    let chosen = || {
        let explanation = explain(&gateway);
        let look = explanation.look.unwrap();
        assert!(look.trust > 0.5, "{look}");
        let first = &explanation.candidates[0];
        (first.model.to_string(), first.quality.source)
    };
    assert_eq!(chosen(), (SMALL.to_owned(), QualitySource::Learned));
    fs::write(&path, file([OTHER, SMALL])).unwrap();
    gateway.reload(gateway.config()).await.unwrap();
    assert_eq!(chosen(), (OTHER.to_owned(), QualitySource::Learned));
}

#[tokio::test]
async fn what_comes_with_the_program_needs_no_file() {
    let gateway = gateway(Path::new("neutral")).await.unwrap();
    let look = explain(&gateway).look.unwrap();
    assert_ne!(look.guarded.unwrap().verdict, LookVerdict::Left);
    assert!(
        gateway
            .warnings()
            .iter()
            .all(|one| !one.contains("learned"))
    );
}

#[tokio::test]
async fn without_data_no_prompt_is_looked_at() {
    let mut off = config("neutral");
    off.learned.model = None;
    let gateway = Gateway::builder(off).without_store().build().await.unwrap();
    assert_eq!(explain(&gateway).look, None);
}

#[tokio::test]
async fn a_file_that_is_of_no_use_says_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.bin");
    let refused = async || {
        let failure = gateway(&path).await.unwrap_err();
        assert!(
            failure
                .context()
                .iter()
                .any(|(name, _)| *name == "learned.model")
        );
        failure.hint().unwrap().to_owned()
    };
    assert!(refused().await.contains("tollgate router train"));
    fs::write(&path, "something else").unwrap();
    assert!(refused().await.contains("no learned router"));
    let mut newer = file([SMALL, OTHER]);
    newer[16] = 99;
    fs::write(&path, newer).unwrap();
    assert!(refused().await.contains("train it again"));
}

#[tokio::test]
async fn a_reload_of_a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.bin");
    fs::write(&path, file([SMALL, OTHER])).unwrap();
    let gateway = gateway(&path).await.unwrap();
    fs::write(&path, "something else").unwrap();
    assert!(gateway.reload(gateway.config()).await.is_err());
    assert_eq!(explain(&gateway).candidates[0].model.as_str(), SMALL);
}

#[tokio::test]
async fn names_that_the_catalog_does_not_have_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.bin");
    fs::write(&path, file([SMALL, "some-name-of-a-table"])).unwrap();
    let gateway = gateway(&path).await.unwrap();
    let warnings = gateway.warnings().join("\n");
    assert!(
        warnings.contains("1 are not in the catalog, such as some-name-of-a-table"),
        "{warnings}"
    );
}

#[tokio::test]
async fn a_replay_with_another_file_says_so() {
    let simulator = support::simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().display().to_string();
    let toml = |model: &str| {
        format!("[record]\nenabled = true\npath = {record:?}\n[learned]\nmodel = {model:?}\n")
    };
    let path = folder.path().join("router.bin");
    fs::write(&path, file([SMALL, OTHER])).unwrap();
    let reading = support::gateway(&simulator, &toml(&path.display().to_string())).await;
    let order = support::chat("tollgate/quality:chat", POEM, StreamMode::Stream);
    reading.chat(order).await.unwrap().collect().await.unwrap();
    reading.clone().shutdown().await;
    let mut records = Records::open(folder.path(), None, None).unwrap();
    let record = records.next().unwrap().unwrap();
    assert!(record.profile.reading.is_some());
    let unlooked = |gateway: &Gateway| {
        let mut replay = gateway.replay("cheapest").unwrap();
        replay.add(&record);
        replay.report().unlooked
    };
    assert_eq!(unlooked(&reading), 0);
    let other = support::gateway(&simulator, "[learned]\nmodel = \"neutral\"\n").await;
    assert_eq!(unlooked(&other), 1);
}
