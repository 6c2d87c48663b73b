use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;
use tollgate_catalog::{CatalogConfig, EndpointSource, ModelCatalog, RecentModels};
use tollgate_core::{Catalog, Failure, FailureKind, ModelId, Offer, OfferTraits};
use tollgate_wire::Bytes;

use crate::support::{all_on, now, open, open_with, snapshot};

const MODEL: &str = "meta-llama/llama-3.3-70b-instruct";

fn model(id: &str) -> ModelId {
    ModelId::new(id).unwrap()
}

/// One endpoint for each model, but for what is down.
#[derive(Default)]
struct Hosts {
    down: Vec<&'static str>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl EndpointSource for Hosts {
    async fn fetch_endpoints(&self, model: &ModelId) -> Result<Bytes, Failure> {
        self.asked.lock().unwrap().push(model.to_string());
        if self.down.contains(&model.as_str()) {
            return Err(Failure::new(FailureKind::Connect, "the network is down"));
        }
        let row = r#"{"provider_name":"Host","tag":"host","pricing":{"prompt":"0.000001","completion":"0.000002"},
            "latency_last_30m":{"p50":123},"throughput_last_30m":{"p50":45}}"#;
        Ok(format!(r#"{{"data":{{"id":"{model}","endpoints":[{row}]}}}}"#).into())
    }
}

fn offer(catalog: &ModelCatalog, id: &str) -> (Offer, Vec<String>) {
    let view = catalog.view();
    let place = view.offers_of(view.find(id).unwrap()).next().unwrap();
    let endpoints = view.endpoints(place).unwrap();
    let tags = endpoints.list().iter().map(|one| one.tag.to_string());
    (*view.offer(place), tags.collect())
}

#[test]
fn the_embedded_table_gives_most_models_a_speed_and_no_fresh_endpoints() {
    let view = snapshot();
    let open = view.open();
    let known = open
        .iter()
        .filter(|place| view.offer(**place).speed.is_some());
    let share = known.count() as f64 / open.len() as f64;
    assert!(share > 0.8, "{share:.2} of {}", open.len());
    let endpoints = open.iter().filter_map(|place| view.endpoints(*place));
    let age = |as_of| now().since(as_of);
    assert!(
        endpoints
            .map(|one| one.as_of())
            .all(|at| age(at) > Duration::from_secs(86_400))
    );
}

#[test]
fn direct_lanes_have_no_endpoints_to_choose_among() {
    let lanes = vec![
        all_on("openrouter"),
        tollgate_catalog::LaneSpec {
            serves: tollgate_catalog::Serves::Map(
                [(model(MODEL), tollgate_catalog::Served::new(model("own")))].into(),
            ),
            ..all_on("direct")
        },
    ];
    let catalog = open_with(CatalogConfig::default(), lanes).unwrap();
    let view = catalog.view();
    let mut offers = view.offers_of(view.find(MODEL).unwrap());
    let mut known = || view.endpoints(offers.next().unwrap()).is_some();
    assert_eq!([known(), known()], [true, false]);
}

#[tokio::test]
async fn endpoints_that_were_looked_at_replace_those_of_the_snapshot() {
    let (catalog, _) = open(CatalogConfig::default(), None);
    let before = catalog.view().version();
    let taken = catalog
        .refresh_endpoints(&Hosts::default(), &[model(MODEL)])
        .await;
    assert_eq!(taken.unwrap(), 1);
    let (offer, tags) = offer(&catalog, MODEL);
    assert_eq!(tags, ["host"]);
    let speed = offer.speed.unwrap();
    assert_eq!(
        (speed.first_token_ms, speed.tokens_per_second),
        (123.0, 45.0)
    );
    assert_eq!(catalog.view().version(), before + 1);
}

#[tokio::test]
async fn what_was_known_stays_when_a_fetch_fails_and_the_rest_is_taken() {
    let (catalog, _) = open(CatalogConfig::default(), None);
    let before = offer(&catalog, MODEL);
    let other = "openai/gpt-4o-mini";
    let hosts = Hosts {
        down: vec![MODEL],
        ..Hosts::default()
    };
    let models = [model(MODEL), model(other)];
    let failure = catalog
        .refresh_endpoints(&hosts, &models)
        .await
        .unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Connect);
    assert_eq!(offer(&catalog, MODEL), before);
    assert_eq!(offer(&catalog, other).1, ["host"]);
}

#[tokio::test(start_paused = true)]
async fn recent_models_are_looked_at_soon_and_then_every_five_minutes() {
    let (catalog, _) = open(CatalogConfig::default(), None);
    let (hosts, recent) = (Arc::new(Hosts::default()), Arc::new(RecentModels::new(8)));
    let _guard = catalog.start_endpoint_refresh(hosts.clone(), recent.clone());
    recent.note(&model(MODEL));
    recent.note(&model("nobody/knows"));
    let asked_after = async |seconds| {
        sleep(Duration::from_secs(seconds)).await;
        std::mem::take(&mut *hosts.asked.lock().unwrap())
    };
    assert_eq!(asked_after(20).await, [MODEL]);
    assert!(asked_after(270).await.is_empty());
    assert_eq!(asked_after(40).await, [MODEL]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_at_offline_or_when_it_is_turned_off() {
    let off = |config| {
        let (catalog, _) = open(config, None);
        let recent = Arc::new(RecentModels::new(8));
        catalog.start_endpoint_refresh(Arc::new(Hosts::default()), recent)
    };
    let none = CatalogConfig {
        endpoint_models: 0,
        ..CatalogConfig::default()
    };
    let offline = CatalogConfig {
        offline: true,
        ..CatalogConfig::default()
    };
    assert!(!off(none).is_active() && !off(offline).is_active());
    assert!(off(CatalogConfig::default()).is_active());
}

#[tokio::test]
async fn a_speed_of_the_snapshot_is_old_and_one_that_was_looked_at_is_not() {
    let (catalog, _) = open(CatalogConfig::default(), None);
    let is_old = || offer(&catalog, MODEL).0.traits.any(OfferTraits::SPEED_OLD);
    assert!(is_old());
    let (hosts, models) = (Hosts::default(), [model(MODEL)]);
    catalog.refresh_endpoints(&hosts, &models).await.unwrap();
    assert!(!is_old());
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_cannot_be_looked_at_are_no_refused_refresh() {
    let (catalog, heard) = open(CatalogConfig::default(), None);
    heard.take();
    let hosts = Arc::new(Hosts {
        down: vec![MODEL],
        ..Hosts::default()
    });
    let recent = Arc::new(RecentModels::new(8));
    let _guard = catalog.start_endpoint_refresh(hosts.clone(), recent.clone());
    recent.note(&model(MODEL));
    sleep(Duration::from_secs(20)).await;
    assert_eq!(hosts.asked.lock().unwrap().len(), 1);
    assert_eq!(heard.take(), []);
}
