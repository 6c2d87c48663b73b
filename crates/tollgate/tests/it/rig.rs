//! A gateway whose upstreams play scripts, on paused time.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use tollgate::{
    Answer, AttemptEnd, Capabilities, Catalog, CatalogView, ChatRequest, Error, Event, Failure,
    FailureKind, FrameKind, Gateway, Lane, Loader, Order, Receipt, StreamMode,
};
use tollgate_testkit::builders::lane;
use tollgate_testkit::providers::{Fault, Script, ScriptedProvider, text_frame};
use tollgate_testkit::views::{ModelSpec, view_on};

use crate::support::chat;
use crate::walker::Walker;

/// The lanes that go on with an answer whose beginning they are given.
const CONTINUING: [&str; 2] = ["openrouter", "second"];

pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) provider: Arc<ScriptedProvider>,
    pub(crate) walker: Walker,
    heard: Arc<Mutex<Vec<Event>>>,
}

struct Fixed(Arc<CatalogView>);

impl Catalog for Fixed {
    fn view(&self) -> Arc<CatalogView> {
        self.0.clone()
    }
}

impl Rig {
    /// `a/one` on the lanes openrouter, second and third, then `b/two` on
    /// openrouter; the third lane goes on with nobody's answers.
    pub(crate) async fn new(provider: ScriptedProvider) -> Self {
        Self::with(provider, "").await
    }

    pub(crate) async fn with(provider: ScriptedProvider, toml: &str) -> Self {
        let lanes = ["openrouter", "second", "third"].map(|name| Lane {
            continues: CONTINUING.contains(&name),
            ..lane(name)
        });
        let models = [
            ModelSpec::new("a/one")
                .can(Capabilities::TOOLS | Capabilities::EMBEDDINGS_OUTPUT)
                .on(&["openrouter", "second", "third"]),
            ModelSpec::new("b/two"),
        ];
        let config = Loader::new()
            .with_environment(Vec::new())
            .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
            .with_text("rig.toml", RIG)
            .with_text("test.toml", toml)
            .load()
            .unwrap();
        let provider = Arc::new(provider);
        let walker = Walker::default();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = heard.clone();
        let gateway = Gateway::builder(config)
            .catalog(Arc::new(Fixed(Arc::new(view_on(lanes.into(), models)))))
            .provider(provider.clone())
            .failover(Arc::new(walker.clone()))
            .observer(Arc::new(move |event: &Event| {
                hear.lock().unwrap().push(event.clone());
            }))
            .seed(7)
            .build()
            .await
            .unwrap();
        Self {
            gateway,
            provider,
            walker,
            heard,
        }
    }

    pub(crate) async fn stream(&self, order: impl Into<Order>) -> Answer {
        self.gateway.chat(order).await.unwrap()
    }

    /// The events of a kind that were heard so far.
    pub(crate) fn heard<T>(&self, which: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.heard
            .lock()
            .unwrap()
            .iter()
            .filter_map(which)
            .collect()
    }

    /// The one receipt of the one call, after everything that was dropped is settled.
    pub(crate) async fn receipt(&self) -> Receipt {
        self.gateway.clone().shutdown().await;
        let receipts = self.heard(|event| match event {
            Event::Settled { receipt } => Some(receipt.clone()),
            _ => None,
        });
        let [receipt] = receipts.as_slice() else {
            panic!("a call is settled exactly once: {receipts:?}");
        };
        assert_eq!(self.provider.open(), 0, "every upstream is closed");
        receipt.clone()
    }
}

const RIG: &str = r#"
[openrouter.optimization]
fallback_chain = ["b/two"]
"#;

pub(crate) fn ask(mode: StreamMode) -> ChatRequest {
    chat("a/one", "Say hello.", mode)
}

/// An answer that breaks off after these pieces of text.
pub(crate) fn cut_after(texts: &[&str]) -> Script {
    let frames = texts.iter().map(|text| text_frame(text));
    Script::new().frames(frames).cut(cut())
}

pub(crate) fn cut() -> Fault {
    Fault::new(FailureKind::Truncated)
}

/// What a reader has read of an answer.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The texts between the notices.
    pub(crate) parts: Vec<String>,
    pub(crate) notices: Vec<serde_json::Value>,
    pub(crate) broke: Option<Failure>,
}

pub(crate) async fn hear(answer: &mut Answer) -> Heard {
    let mut heard = Heard {
        parts: vec![String::new()],
        ..Heard::default()
    };
    while let Some(item) = answer.next().await {
        let frame = match item {
            Ok(frame) => frame,
            Err(failure) => {
                heard.broke = Some(failure);
                assert!(answer.next().await.is_none(), "nothing follows a failure");
                break;
            }
        };
        let data: serde_json::Value = serde_json::from_slice(&frame.data).unwrap_or_default();
        match frame.kind {
            FrameKind::Notice => {
                heard.notices.push(data);
                heard.parts.push(String::new());
            }
            _ => {
                let text = data["choices"][0]["delta"]["content"].as_str();
                let part = heard.parts.last_mut().unwrap();
                part.push_str(text.unwrap_or_default());
            }
        }
    }
    heard
}

pub(crate) fn ends(receipt: &Receipt) -> Vec<(u32, &'static str)> {
    let attempts = receipt.attempts.iter();
    attempts
        .map(|attempt| (attempt.number, name(&attempt.end)))
        .collect()
}

fn name(end: &AttemptEnd) -> &'static str {
    end.columns().0
}

pub(crate) fn kind(result: Result<impl Sized, Error>) -> FailureKind {
    result.map(|_| ()).unwrap_err().kind()
}
