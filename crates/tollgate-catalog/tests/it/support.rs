//! A catalog with a source, a clock and an observer that the test holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tollgate_catalog::{CatalogConfig, CatalogError, LaneSpec, ModelCatalog, ModelSource, Serves};
use tollgate_core::{
    Billing, Catalog, CatalogView, Event, Failure, FailureKind, Lane, LaneId, ModelIndex, Observer,
    Silent, Timestamp,
};
use tollgate_wire::Bytes;

pub(crate) fn lane(name: &str) -> Lane {
    Lane {
        takes_model_lists: true,
        ..Lane::new(LaneId::new(name).unwrap(), Billing::Credits)
    }
}

pub(crate) fn all_on(name: &str) -> LaneSpec {
    LaneSpec {
        lane: lane(name),
        serves: Serves::All,
    }
}

/// 2026-09-01, a few weeks after the embedded snapshot.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse_date("2026-09-01").unwrap()
}

/// Answers in order, and fails when there is no answer left.
#[derive(Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<String>>,
    pub(crate) fetches: Mutex<Vec<tokio::time::Instant>>,
    upstream: Option<&'static str>,
}

impl Script {
    pub(crate) fn of<'a>(answers: impl IntoIterator<Item = &'a str>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().map(str::to_owned).collect());
        Arc::new(Self {
            answers,
            ..Self::default()
        })
    }

    /// As [`of`](Self::of), of another upstream than the embedded snapshot.
    pub(crate) fn of_upstream<'a>(
        upstream: &'static str,
        answers: impl IntoIterator<Item = &'a str>,
    ) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().map(str::to_owned).collect());
        Arc::new(Self {
            answers,
            upstream: Some(upstream),
            ..Self::default()
        })
    }
}

#[async_trait]
impl ModelSource for Script {
    async fn fetch(&self) -> Result<Bytes, Failure> {
        self.fetches
            .lock()
            .unwrap()
            .push(tokio::time::Instant::now());
        let answer = self.answers.lock().unwrap().pop_front();
        answer
            .map(Bytes::from)
            .ok_or_else(|| Failure::new(FailureKind::Connect, "the network is down"))
    }

    fn upstream(&self) -> Option<&str> {
        self.upstream
    }
}

/// What the observer heard.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<(String, bool)>>>);

impl Heard {
    pub(crate) fn take(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(crate) fn open(config: CatalogConfig, source: Option<Arc<Script>>) -> (ModelCatalog, Heard) {
    let heard = Heard::default();
    let ears = heard.clone();
    let observer = move |event: &Event| {
        if let Event::Catalog { what, taken } = event {
            ears.0.lock().unwrap().push((what.clone(), *taken));
        }
    };
    (open_told(config, source, observer), heard)
}

/// The same, which tells that observer.
pub(crate) fn open_told(
    config: CatalogConfig,
    source: Option<Arc<Script>>,
    observer: impl Observer + 'static,
) -> ModelCatalog {
    let source = source.map(|script| script as Arc<dyn ModelSource>);
    ModelCatalog::open(
        config,
        vec![all_on("openrouter")],
        source,
        Arc::new(now),
        Arc::new(observer),
    )
    .unwrap()
}

/// The embedded snapshot on these lanes.
pub(crate) fn open_with(
    config: CatalogConfig,
    lanes: Vec<LaneSpec>,
) -> Result<ModelCatalog, CatalogError> {
    ModelCatalog::open(config, lanes, None, Arc::new(now), Arc::new(Silent))
}

/// The view of the embedded snapshot.
pub(crate) fn snapshot() -> Arc<CatalogView> {
    open_with(CatalogConfig::default(), vec![all_on("openrouter")])
        .unwrap()
        .view()
}

/// A list of models with input and output at that many dollars per million tokens.
pub(crate) fn list(models: &[(&str, u32)]) -> String {
    let row = |(id, price): &(&str, u32)| {
        format!(
            r#"{{"id":"{id}","name":"{id}","created":1780000000,"context_length":8192,
            "architecture":{{"input_modalities":["text"],"output_modalities":["text"]}},
            "pricing":{{"prompt":"{price}e-6","completion":"{price}e-6"}}}}"#
        )
    };
    format!(
        r#"{{"data":[{}]}}"#,
        models.iter().map(row).collect::<Vec<_>>().join(",")
    )
}

pub(crate) fn first(view: &CatalogView, wanted: impl Fn(ModelIndex) -> bool) -> ModelIndex {
    let count = u32::try_from(view.models().len()).unwrap();
    (0..count)
        .map(ModelIndex)
        .find(|place| wanted(*place))
        .unwrap()
}
