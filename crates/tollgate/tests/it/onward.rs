//! What happens after a cut, with everything real but the upstream.

use futures_util::StreamExt;
use serde_json::Value;
use tollgate::{
    Dimension, Ended, FailureKind, FrameKind, Gateway, LaneId, Standing, StreamMode, UsageQuery,
};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use crate::rig::ends;
use crate::support::{chat, collected, config, gateway, simulator};

const BROKEN: &str = "anthropic/claude-3-haiku";
const CHAIN: &str = "[openrouter.optimization]\nfallback_chain = [\"openai/gpt-4\"]\n";

/// An upstream that cuts every answer of one model, by a configuration that
/// sends each model by itself.
async fn cutting() -> Simulator {
    let cut = Rule::new(Fault::named("cut-event=3").unwrap()).for_model(BROKEN);
    simulator(Scenario::default().with_rule(cut).with_output_tokens(40)).await
}

fn failover(keys: &str) -> String {
    format!("{CHAIN}[failover]\ngroup_models = false\n{keys}\n")
}

#[tokio::test]
async fn the_configuration_decides_what_follows_a_cut() {
    for (keys, notices) in [("", 0), ("after_commit = \"restart\"", 1)] {
        let simulator = cutting().await;
        let gateway = gateway(&simulator, &failover(keys)).await;
        let request = chat(BROKEN, "Tell a story.", StreamMode::Stream);
        let mut answer = gateway.chat(request).await.unwrap();
        let (mut told, mut broke) = (0, None);
        while let Some(item) = answer.next().await {
            match item {
                Ok(frame) => told += usize::from(frame.kind == FrameKind::Notice),
                Err(failure) => broke = Some(failure.kind()),
            }
        }
        assert_eq!(told, notices);
        let receipt = answer.receipt().unwrap();
        if notices == 0 {
            assert_eq!(broke, Some(FailureKind::Truncated));
            assert_eq!(ends(receipt), [(1, "cut")]);
        } else {
            assert_eq!((broke, receipt.ended), (None, Ended::Complete));
            assert_eq!(ends(receipt), [(1, "cut"), (2, "complete")]);
            assert_eq!(answer.model().as_str(), "openai/gpt-4");
        }
    }
}

#[tokio::test]
async fn a_collected_stream_comes_whole_from_another_model_and_both_are_in_the_store() {
    let simulator = cutting().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db").display().to_string();
    let toml = format!(
        "{}[ledger]\nstore = \"sqlite\"\npath = {path:?}\n",
        failover("")
    );
    let gateway = Gateway::from_config(config(&simulator, &toml))
        .await
        .unwrap();
    let request = chat(BROKEN, "Tell a story.", StreamMode::Stream);
    let collected = collected(&gateway, request).await;
    assert!(collected.response.finish_reason().is_some());
    assert_eq!(ends(&collected.receipt), [(1, "cut"), (2, "complete")]);

    let query = UsageQuery {
        by: vec![Dimension::Lane],
        ..UsageQuery::default()
    };
    let rows = gateway.usage(&query).await.unwrap();
    assert_eq!((rows[0].calls, rows[0].attempts), (1, 2));
    assert_eq!(rows[0].cost(), collected.receipt.cost().unwrap().amount());
    gateway.shutdown().await;
}

#[tokio::test]
async fn an_answer_in_one_piece_may_be_fetched_as_a_stream() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, &failover("upstream_stream = \"always\"")).await;
    let request = chat(BROKEN, "Name a colour.", StreamMode::Whole);
    let mut answer = gateway.chat(request).await.unwrap();
    let body = answer.next().await.unwrap().unwrap();
    assert_eq!(body.kind, FrameKind::Body);
    assert!(answer.next().await.is_none());
    let asked = simulator.log();
    let asked = asked.iter().rfind(|seen| seen.method == "POST").unwrap();
    assert!(String::from_utf8_lossy(&asked.body).contains("\"stream\":true"));
    assert_eq!(
        answer
            .receipt()
            .unwrap()
            .cost()
            .unwrap()
            .amount()
            .to_string(),
        simulator.bill().total().to_string()
    );
}

#[tokio::test]
async fn lanes_are_asked_for_free_whether_they_can_be_used() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    let lane = LaneId::new("openrouter").unwrap();
    assert_eq!(gateway.check(&lane).await.unwrap(), Standing::default());
    let nowhere = LaneId::new("nowhere").unwrap();
    let failure = gateway.check(&nowhere).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Configuration);
    assert!(simulator.bill().lines.is_empty());
}

#[tokio::test]
async fn a_direct_lane_goes_on_where_openrouter_broke_off() {
    let (first, second) = (cutting().await, simulator(Scenario::default()).await);
    let direct = format!(
        r#"
[providers.direct]
base_url = "{}"
api_key = "sk-or-v1-not-a-real-key-000"
continues = true
models = {{ "{BROKEN}" = "{BROKEN}" }}
prices = {{ "{BROKEN}" = {{ base = {{ input = "0.00000025", output = "0.00000125" }} }} }}
"#,
        second.base_url()
    );
    let toml = format!("{}{direct}", failover("after_commit = \"resume\""));
    let gateway = gateway(&first, &toml).await;
    let request = chat(BROKEN, "Tell a story.", StreamMode::Stream);
    let mut answer = gateway.chat(request).await.unwrap();
    let (mut shown, mut notices) = (String::new(), Vec::new());
    while let Some(frame) = answer.next().await {
        let frame = frame.unwrap();
        let data: Value = serde_json::from_slice(&frame.data).unwrap_or_default();
        match frame.kind {
            FrameKind::Notice => notices.push(data["tollgate"]["event"].clone()),
            _ if notices.is_empty() => {
                shown.push_str(
                    data["choices"][0]["delta"]["content"]
                        .as_str()
                        .unwrap_or(""),
                );
            }
            _ => {}
        }
    }
    assert_eq!(notices, ["resumed"]);
    let receipt = answer.receipt().unwrap();
    assert_eq!(ends(receipt), [(1, "cut"), (2, "complete")]);
    assert_eq!(receipt.served().unwrap().lane.as_str(), "direct");

    let asked: Value = serde_json::from_slice(&second.log()[0].body).unwrap();
    let messages = asked["messages"].as_array().unwrap();
    let last = messages.last().unwrap();
    assert_eq!(last["role"], "assistant");
    assert!(!shown.is_empty());
    assert_eq!(last["content"], shown.trim_end());
}
