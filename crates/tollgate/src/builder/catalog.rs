//! The catalog, from its configuration: opened, and kept fresh.

use std::sync::Arc;
use std::time::Duration;

use tollgate_catalog::{ModelCatalog, RecentModels};
use tollgate_core::{Catalog, CatalogSource, Clock, Failure, Observer};

use super::configuration;
use crate::background::Background;
use crate::byok::Fee;
use crate::config::Config;
use crate::lanes::{self, Current, NetworkModels};

/// What the catalog is made of, beside the configuration.
pub(super) struct Setup<'a> {
    /// The lanes over which lists are asked for.
    pub(super) current: &'a Arc<Current>,
    pub(super) byok_fee: &'a Fee,
    /// The models whose endpoints are worth asking for.
    pub(super) used: Arc<RecentModels>,
    pub(super) seed: u64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
}

impl Setup<'_> {
    /// The catalog, with a list that is worth planning with.
    pub(super) async fn open(
        self,
        config: &Config,
        background: &mut Background,
    ) -> Result<Arc<dyn Catalog>, Failure> {
        let source = NetworkModels::of(self.current, config);
        let catalog = ModelCatalog::open(
            config.catalog.clone(),
            lanes::specs(config, self.byok_fee.get()),
            Some(source),
            self.clock,
            self.observer,
        )
        .map_err(|error| configuration("the catalog cannot be opened", error))?;
        first_list(&catalog).await;
        background.keep_fresh(&catalog, self.seed);
        let source = NetworkModels::endpoints_of(self.current);
        background.keep_refresh(catalog.start_endpoint_refresh(source, self.used));
        Ok(Arc::new(catalog))
    }
}

/// The embedded snapshot is stale by nature: with nothing better at hand, the
/// network is asked before the first call. A failure is told to the observer,
/// and the snapshot serves.
async fn first_list(catalog: &ModelCatalog) {
    const PATIENCE: Duration = Duration::from_secs(5);
    if catalog.view().source() == CatalogSource::Embedded {
        let _ = tokio::time::timeout(PATIENCE, catalog.refresh()).await;
    }
}
