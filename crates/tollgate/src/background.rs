//! What runs beside the requests, and how it ends.

use std::sync::{Arc, Mutex};

use tollgate_catalog::{ModelCatalog, RefreshGuard};
use tollgate_ledger::UsageTracker;

use crate::compare::Hourly;
use crate::reconcile::Reconciler;
use crate::record::Recorder;

/// Handles to the background tasks of one gateway.
#[derive(Default)]
pub(crate) struct Background {
    ledger: Option<Arc<UsageTracker>>,
    catalog: Option<ModelCatalog>,
    // Ends the refresh when it is dropped.
    refresh: Mutex<Option<RefreshGuard>>,
    reconciler: Option<Reconciler>,
    recorder: Option<Recorder>,
    hourly: Option<Hourly>,
}

impl Background {
    /// Refreshes the catalog from time to time.
    pub(crate) fn keep_fresh(&mut self, catalog: &ModelCatalog, seed: u64) {
        self.refresh = Mutex::new(Some(catalog.start_refresh(seed)));
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

    pub(crate) fn keep_reconciler(&mut self, reconciler: Reconciler) {
        self.reconciler = Some(reconciler);
    }

    pub(crate) fn keep_hourly(&mut self, hourly: Hourly) {
        self.hourly = Some(hourly);
    }

    pub(crate) fn keep_recorder(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Stops the tasks and writes what waits.
    pub(crate) async fn shutdown(&self) {
        if let Ok(mut refresh) = self.refresh.lock() {
            *refresh = None;
        }
        if let Some(reconciler) = &self.reconciler {
            reconciler.stop();
        }
        if let Some(hourly) = &self.hourly {
            hourly.stop();
        }
        if let Some(recorder) = &self.recorder {
            recorder.flush().await;
        }
        if let Some(ledger) = &self.ledger
            && let Err(failure) = ledger.shutdown().await
        {
            tracing::error!(%failure, "the ledger did not take the last events");
        }
    }
}
