//! What is said of answers, from the rating to the catalog and the store.

use std::sync::Arc;
use std::time::Duration;

use tollgate::{
    Attempt, CallerId, ChatRequest, Config, Facts, Failure, FailureKind, FeedbackSource, Finish,
    Frame, FrameKind, Gateway, Head, LedgerStore, LlmProvider, Message, Quality, QualitySource,
    Reply, Request, StreamMode, Surface, Task, Timestamp,
};
use tollgate_ledger::{Durability, MemoryStore, SqliteStore};
use tollgate_sim::{Scenario, Simulator};

use crate::support::{chat, config, simulator};

const MODEL: &str = "openai/gpt-4o-mini";

const AUTOMATIC: &str = "[feedback]\nautomatic = true\n";

/// A gateway whose ledger is kept in this store.
async fn over(config: Config, store: Arc<dyn LedgerStore>) -> Gateway {
    let builder = Gateway::builder(config).seed(7).store(store);
    builder.build().await.unwrap()
}

async fn ask(gateway: &Gateway, request: ChatRequest) -> String {
    let answer = gateway.chat(request).await.unwrap();
    let id = answer.call().to_string();
    answer.collect().await.unwrap();
    id
}

fn quality(gateway: &Gateway, model: &str) -> Quality {
    let view = gateway.catalog().view();
    view.model(view.find(model).unwrap()).quality[Task::Chat.index()]
}

/// What the store has after everything was written: source, weight and sum.
async fn kept(gateway: Gateway, store: &dyn LedgerStore) -> Vec<(FeedbackSource, i64, i64)> {
    gateway.shutdown().await;
    let rows = store.feedback(Timestamp::default()).await.unwrap();
    for row in &rows {
        assert_eq!((row.model.as_str(), row.task), (MODEL, Task::Chat));
    }
    let sums = rows.iter().map(|row| (row.source, row.weight, row.sum));
    sums.collect()
}

fn hello(mode: StreamMode) -> ChatRequest {
    chat(MODEL, "Name a colour.", mode)
}

// === ratings ===

#[tokio::test]
async fn ratings_move_the_catalog_outlive_the_process_and_are_replaced() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let toml = format!(
        "[catalog]\noffline = true\n[ledger]\nstore = \"sqlite\"\npath = {:?}\n",
        path.display().to_string()
    );
    let config = config(&simulator, &toml);
    let gateway = Gateway::from_config(config.clone()).await.unwrap();
    let before = quality(&gateway, MODEL);
    let local = CallerId::local();
    for _ in 0..20 {
        let id = ask(&gateway, hello(StreamMode::Whole)).await;
        let first = gateway.feedback(&local, &id, 0.0).unwrap();
        assert!(!first.replaces);
        let second = gateway.feedback(&local, &id, 1.0).unwrap();
        assert!(second.replaces);
    }
    gateway.shutdown().await;

    let rows = SqliteStore::open_read_only(&path).await.unwrap();
    let rows = rows.feedback(Timestamp::default()).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.weight).sum::<i64>(), 20_000);
    assert_eq!(rows.iter().map(|row| row.sum).sum::<i64>(), 20_000);

    let again = Gateway::from_config(config).await.unwrap();
    let after = quality(&again, MODEL);
    assert_eq!(after.source, QualitySource::Feedback);
    let expected = (20.0 * before.mean + 20.0) / 40.0;
    assert!((after.mean - expected).abs() < 5e-3, "{after:?} {before:?}");
    assert!(after.error <= before.error);
    again.shutdown().await;
    let store = SqliteStore::open(&path, Durability::Default).await.unwrap();
    assert!(store.verify().await.unwrap().differences.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rating_is_in_the_catalog_within_seconds_and_many_make_one_view() {
    let simulator = simulator(Scenario::default()).await;
    let config = config(&simulator, "[catalog]\noffline = true\n");
    let gateway = over(config, Arc::new(MemoryStore::new())).await;
    let version = gateway.catalog().view().version();
    for _ in 0..5 {
        let id = ask(&gateway, hello(StreamMode::Stream)).await;
        gateway.feedback(&CallerId::local(), &id, 0.0).unwrap();
    }
    assert_eq!(gateway.catalog().view().version(), version);
    let mut seconds = 0..60;
    while gateway.catalog().view().version() == version {
        assert!(seconds.next().is_some(), "the catalog never hears of it");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(gateway.catalog().view().version(), version + 1);
    assert_eq!(quality(&gateway, MODEL).source, QualitySource::Feedback);
}

#[tokio::test]
async fn what_cannot_be_rated_is_said() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = over(config(&simulator, ""), Arc::new(MemoryStore::new())).await;
    let id = ask(&gateway, hello(StreamMode::Whole)).await;
    let check = |caller: &str, id: &str, score: f32, expected: FailureKind| {
        let caller = CallerId::new(caller).unwrap();
        let refused = gateway.feedback(&caller, id, score).unwrap_err();
        assert_eq!(refused.kind(), expected, "{refused}");
    };
    check("local", &id, 1.01, FailureKind::InvalidRequest);
    check("local", &id, f32::NAN, FailureKind::InvalidRequest);
    check("local", "gen-nobody", 1.0, FailureKind::NotFound);
    check("somebody", &id, 1.0, FailureKind::NotFound);
    assert!(gateway.feedback(&CallerId::local(), &id, 0.5).is_ok());
}

// === signals ===

async fn judged(
    scenario: Scenario,
    toml: &str,
    requests: Vec<ChatRequest>,
) -> Vec<(FeedbackSource, i64, i64)> {
    let simulator: Simulator = simulator(scenario).await;
    let store = Arc::new(MemoryStore::new());
    let gateway = over(config(&simulator, toml), store.clone()).await;
    for request in requests {
        ask(&gateway, request).await;
    }
    kept(gateway, &*store).await
}

#[tokio::test]
async fn nothing_is_judged_unless_asked_for() {
    let requests = vec![hello(StreamMode::Whole), hello(StreamMode::Whole)];
    assert_eq!(judged(Scenario::default(), "", requests).await, []);
}

#[tokio::test]
async fn an_end_of_its_own_is_sound_streamed_or_not() {
    let requests = vec![
        chat(MODEL, "Name a colour.", StreamMode::Whole),
        chat(MODEL, "Name a fruit.", StreamMode::Stream),
    ];
    let found = judged(Scenario::default(), AUTOMATIC, requests).await;
    assert_eq!(found, [(FeedbackSource::Finish, 200, 200)]);
}

#[tokio::test]
async fn the_same_prompt_again_speaks_against_the_first_answer() {
    let follow_up = ChatRequest::new([
        Message::user("Name a colour."),
        Message::assistant("Red."),
        Message::user("Name a colour."),
    ]);
    let requests = vec![
        hello(StreamMode::Whole),
        hello(StreamMode::Whole),
        follow_up.unwrap().with_model(MODEL),
    ];
    let found = judged(Scenario::default(), AUTOMATIC, requests).await;
    let expected = [
        (FeedbackSource::Retry, 300, 0),
        (FeedbackSource::Finish, 300, 300),
    ];
    assert_eq!(found, expected);
}

/// An upstream whose every answer is this message, which ends like that.
struct Canned(&'static str, Finish);

#[async_trait::async_trait]
impl LlmProvider for Canned {
    async fn send(&self, _: &Attempt) -> Result<Reply, Failure> {
        let body = format!(
            r#"{{"id":"gen-1","model":"{MODEL}","choices":[{{"index":0,"message":{}}}]}}"#,
            self.0
        );
        let frame = Frame {
            kind: FrameKind::Body,
            data: body.into(),
            facts: Facts {
                semantic: true,
                finish: Some(self.1),
                ..Facts::default()
            },
        };
        Ok(Reply {
            head: Head {
                status: 200,
                ..Head::default()
            },
            frames: Box::pin(futures_util::stream::iter([Ok(frame)])),
        })
    }
}

/// What is seen of one answer in the form of `request`.
async fn seen(canned: Canned, request: &str) -> Vec<(FeedbackSource, i64, i64)> {
    let simulator = simulator(Scenario::default()).await;
    let store = Arc::new(MemoryStore::new());
    let toml = format!("{AUTOMATIC}[catalog]\noffline = true\n");
    let gateway = Gateway::builder(config(&simulator, &toml))
        .seed(7)
        .store(store.clone())
        .provider(Arc::new(canned))
        .build()
        .await
        .unwrap();
    let text = format!(
        r#"{{"model":"{MODEL}","messages":[{{"role":"user","content":"Hello."}}]{request}}}"#
    );
    let request = Request::parse(Surface::Chat, text.as_bytes()).unwrap();
    let answer = gateway.chat(request).await.unwrap();
    answer.collect().await.unwrap();
    kept(gateway, &*store).await
}

const TOOLS: &str = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
const SCHEMA: &str = r#","response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"}}}"#;

#[tokio::test]
async fn arguments_of_tool_calls_are_json_or_a_fault() {
    let good = r#"{"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\":1}"}}]}"#;
    let bad = r#"{"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\":"}}]}"#;
    let finish = (FeedbackSource::Finish, 100, 100);
    let found = seen(Canned(good, Finish::ToolCalls), TOOLS).await;
    assert_eq!(found, [(FeedbackSource::ToolCall, 500, 500), finish]);
    let found = seen(Canned(bad, Finish::ToolCalls), TOOLS).await;
    assert_eq!(found, [(FeedbackSource::ToolCall, 500, 0), finish]);
    let found = seen(Canned(r#"{"content":"no tool"}"#, Finish::Stop), TOOLS).await;
    assert_eq!(found, [finish]);
}

#[tokio::test]
async fn an_answer_by_a_schema_is_json_or_a_fault() {
    let finish = (FeedbackSource::Finish, 100, 100);
    let good = r#"{"content":" {\"a\":1}\n"}"#;
    let found = seen(Canned(good, Finish::Stop), SCHEMA).await;
    assert_eq!(found, [(FeedbackSource::Schema, 500, 500), finish]);
    let bad = r#"{"content":"Sure: {\"a\":1}"}"#;
    let found = seen(Canned(bad, Finish::Stop), SCHEMA).await;
    assert_eq!(found, [(FeedbackSource::Schema, 500, 0), finish]);
    let found = seen(Canned(bad, Finish::Stop), "").await;
    assert_eq!(found, [finish]);
}

#[tokio::test]
async fn limits_are_faults_where_nobody_set_them_and_filters_always() {
    let cut = r#"{"content":"{\"a\":"}"#;
    let fault = (FeedbackSource::Finish, 100, 0);
    assert_eq!(seen(Canned(cut, Finish::Length), SCHEMA).await, [fault]);
    let limited = format!(r#"{SCHEMA},"max_tokens":5"#);
    assert_eq!(seen(Canned(cut, Finish::Length), &limited).await, []);
    assert_eq!(seen(Canned(cut, Finish::ContentFilter), "").await, [fault]);
    assert_eq!(seen(Canned(cut, Finish::Other), "").await, []);
}

// === exploration ===

/// The models that answer forty chats which leave the choice to the policy.
async fn chosen(exploration: &str) -> std::collections::BTreeSet<String> {
    let simulator = simulator(Scenario::default()).await;
    let toml = format!("[catalog]\noffline = true\n[feedback]\n{exploration}");
    let gateway = over(config(&simulator, &toml), Arc::new(MemoryStore::new())).await;
    let mut models = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let request = chat("tollgate/quality", "Name a colour.", StreamMode::Whole);
        let answer = gateway.chat(request).await.unwrap();
        models.insert(answer.model().to_string());
        answer.collect().await.unwrap();
    }
    models
}

#[tokio::test]
async fn other_models_are_tried_where_that_is_configured_and_paid_for() {
    let check = async |share: f64, budget: &str| {
        let exploration = format!(
            "exploration = {{ share = {share:?}, budget_per_day = {budget}, max_cost_ratio = 100.0 }}\n"
        );
        chosen(&exploration).await.len()
    };
    assert_eq!(chosen("").await.len(), 1);
    assert_eq!(check(0.0, "10.0").await, 1);
    assert!(check(1.0, "10.0").await > 1);
}
