//! What runs beside the requests, and how it ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;
use tollgate_catalog::{ModelCatalog, RefreshGuard};
use tollgate_ledger::UsageTracker;

use crate::byok;
use crate::compare::Hourly;
use crate::learning::Learning;
use crate::reconcile::Reconciler;
use crate::record::Recorder;

/// Handles to the background tasks of one gateway.
#[derive(Default)]
pub(crate) struct Background {
    ledger: Option<Arc<UsageTracker>>,
    catalog: Option<ModelCatalog>,
    // Each ends its refresh when it is dropped.
    refresh: Mutex<Vec<RefreshGuard>>,
    reconciler: Option<Reconciler>,
    sweep: Option<AbortHandle>,
    recorder: Option<Recorder>,
    learning: Option<(Arc<Learning>, AbortHandle)>,
    hourly: Mutex<Option<Hourly>>,
    byok_fee: Mutex<Option<byok::Watch>>,
    looks_only: bool,
}

/// How often lost attempts are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// How old an attempt is at least that nobody will end; longer than any call.
const LOST: Duration = Duration::from_secs(3_600);

impl Background {
    /// Keeps nothing of what is used, whatever the configuration says.
    pub(crate) fn look_only(&mut self) {
        self.looks_only = true;
    }

    pub(crate) fn looks_only(&self) -> bool {
        self.looks_only
    }

    /// Refreshes the catalog from time to time.
    pub(crate) fn keep_fresh(&mut self, catalog: &ModelCatalog, seed: u64) {
        self.keep_refresh(catalog.start_refresh(seed));
        self.catalog = Some(catalog.clone());
    }

    /// Goes on with a refresh until the gateway ends.
    pub(crate) fn keep_refresh(&mut self, guard: RefreshGuard) {
        let refresh = self.refresh.get_mut();
        refresh.unwrap_or_else(PoisonError::into_inner).push(guard);
    }

    pub(crate) fn keep_ledger(&mut self, ledger: Arc<UsageTracker>) {
        self.ledger = Some(ledger);
    }

    /// Ends from time to time what other nodes left that are gone.
    pub(crate) fn sweep(&mut self, ledger: &Arc<UsageTracker>, reconciler: Option<&Reconciler>) {
        let (ledger, reconciler) = (Arc::downgrade(ledger), reconciler.cloned());
        let sweep = async move {
            loop {
                sleep(SWEEP).await;
                let Some(ledger) = ledger.upgrade() else {
                    return;
                };
                match ledger.end_lost(LOST).await {
                    Ok(ended) => {
                        if let Some(reconciler) = &reconciler {
                            reconciler.take_up_ended(ended);
                        }
                    }
                    Err(failure) => tracing::warn!(%failure, "lost attempts were not looked for"),
                }
            }
        };
        self.sweep = Some(tokio::spawn(sweep).abort_handle());
    }

    pub(crate) fn ledger(&self) -> Option<&Arc<UsageTracker>> {
        self.ledger.as_ref()
    }

    pub(crate) fn catalog(&self) -> Option<&ModelCatalog> {
        self.catalog.as_ref()
    }

    pub(crate) fn keep_reconciler(&mut self, reconciler: Reconciler) {
        self.reconciler = Some(reconciler);
    }

    /// Compares with this from now on, or no more.
    pub(crate) fn keep_hourly(&self, hourly: Option<Hourly>) {
        let mut kept = self.hourly.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *kept, hourly) {
            old.stop();
        }
    }

    /// Watches BYOK's fee with this from now on.
    pub(crate) fn keep_byok_fee(&self, watch: Option<byok::Watch>) {
        let mut kept = self.byok_fee.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *kept, watch) {
            old.stop();
        }
    }

    pub(crate) fn keep_recorder(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Passes on what is learned from calls.
    pub(crate) fn keep_learning(&mut self, learning: Arc<Learning>) {
        let task = Learning::start(&learning);
        self.learning = Some((learning, task));
    }

    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Stops what would otherwise go on for ever, and hold the ledger.
    fn stop(&self) {
        if let Some(sweep) = &self.sweep {
            sweep.abort();
        }
        if let Some(reconciler) = &self.reconciler {
            reconciler.stop();
        }
        if let Some((_, task)) = &self.learning {
            task.abort();
        }
        let hourly = self.hourly.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hourly) = &*hourly {
            hourly.stop();
        }
        drop(hourly);
        self.keep_byok_fee(None);
    }

    fn end_refresh(&self) {
        let refresh = self.refresh.lock();
        refresh.unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Stops the tasks and writes what waits.
    pub(crate) async fn shutdown(&self) {
        self.end_refresh();
        // Before its task is stopped, which may be at it.
        if let Some((learning, _)) = &self.learning
            && let Err(failure) = learning.flush().await
        {
            tracing::error!(%failure, "what was learned last is not in the store");
        }
        self.stop();
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

/// A gateway that is dropped, or was never finished, lets go of its ledger.
impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}
