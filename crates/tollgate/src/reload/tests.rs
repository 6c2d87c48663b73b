use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate_core::{Catalog, CatalogView};
use tollgate_testkit::builders::lane;
use tollgate_testkit::views::{ModelSpec, view_on};

use super::*;
use crate::config::Loader;

/// A catalog that is looked at while parts are made; it counts how often nobody
/// else could take a configuration over meanwhile.
struct Witness {
    view: Arc<CatalogView>,
    gateway: OnceLock<Gateway>,
    alone: AtomicUsize,
}

impl Catalog for Witness {
    fn view(&self) -> Arc<CatalogView> {
        let turn = self.gateway.get().map(|gateway| &gateway.reloading.turn);
        if turn.is_some_and(|turn| turn.try_lock().is_err()) {
            self.alone.fetch_add(1, Ordering::Relaxed);
        }
        self.view.clone()
    }
}

#[tokio::test]
async fn one_configuration_is_taken_over_at_a_time() {
    let config = Loader::new().with_environment(Vec::new()).load().unwrap();
    let view = view_on(vec![lane("openrouter")], [ModelSpec::new("a/one")]);
    let witness = Arc::new(Witness {
        view: Arc::new(view),
        gateway: OnceLock::new(),
        alone: AtomicUsize::new(0),
    });
    let gateway = Gateway::builder(config.clone()).catalog(witness.clone());
    let gateway = gateway.build().await.unwrap();
    assert!(witness.gateway.set(gateway.clone()).is_ok());
    gateway.reload(config).await.unwrap();
    let alone = || witness.alone.load(Ordering::Relaxed);
    let during = alone();
    assert!(during > 0);
    witness.view();
    assert_eq!(alone(), during, "the next one need not wait");
}
