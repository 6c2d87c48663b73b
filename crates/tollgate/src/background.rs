//! What runs beside the requests, and how it ends.

use std::sync::Arc;

use tollgate_catalog::{ModelCatalog, RefreshGuard};
use tollgate_ledger::UsageTracker;

/// Handles to the background tasks of one gateway.
#[derive(Default)]
pub(crate) struct Background {
    ledger: Option<Arc<UsageTracker>>,
    catalog: Option<ModelCatalog>,
    // Ends the refresh when the gateway goes.
    refresh: Option<RefreshGuard>,
}

impl Background {
    /// Refreshes the catalog from time to time.
    pub(crate) fn keep_fresh(&mut self, catalog: &ModelCatalog, seed: u64) {
        self.refresh = Some(catalog.start_refresh(seed));
        self.catalog = Some(catalog.clone());
    }

    pub(crate) fn keep_ledger(&mut self, ledger: Arc<UsageTracker>) {
        self.ledger = Some(ledger);
    }

    pub(crate) fn ledger(&self) -> Option<&UsageTracker> {
        self.ledger.as_deref()
    }

    pub(crate) fn catalog(&self) -> Option<&ModelCatalog> {
        self.catalog.as_ref()
    }

    /// Writes what waits.
    pub(crate) async fn shutdown(&self) {
        if let Some(ledger) = &self.ledger
            && let Err(failure) = ledger.shutdown().await
        {
            tracing::error!(%failure, "the ledger did not take the last events");
        }
    }
}
