//! Looks who serves the models that calls use.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Endpoints, Event, Failure, FailureKind, ModelId};

use super::{ModelCatalog, RefreshGuard, Shared};
use crate::endpoints;
use crate::lane::Serves;
use crate::recent::RecentModels;
use crate::source::EndpointSource;

/// How often endpoints are looked at, and of how many models at most: so a
/// model is known soon after its first call, and the upstream is asked 16 times
/// in a minute at most.
const ROUND: Duration = Duration::from_secs(15);
const MODELS_A_ROUND: usize = 4;

impl ModelCatalog {
    /// Looks who serves these models at the moment, one request after the other,
    /// and builds the view anew with what has come. Of a model whose fetch
    /// fails, what was known stays. Gives how many were taken.
    ///
    /// # Errors
    /// The last failure, when there was one; what came beside it is in use.
    ///
    /// # Cancellation
    /// Dropping the future gives up the fetches, and what came before is lost.
    pub async fn refresh_endpoints(
        &self,
        source: &dyn EndpointSource,
        models: &[ModelId],
    ) -> Result<usize, Failure> {
        let (mut taken, mut last) = (Vec::with_capacity(models.len()), None);
        for model in models {
            let body = source.fetch_endpoints(model).await;
            match body.and_then(|body| self.shared.read_endpoints(&body)) {
                Ok(endpoints) => taken.push((model.clone(), endpoints)),
                Err(failure) => last = Some(failure.with("model", model)),
            }
        }
        let count = taken.len();
        if count > 0 {
            let shared = Arc::clone(&self.shared);
            // Milliseconds of building: not for a thread that serves calls.
            let taking = tokio::task::spawn_blocking(move || shared.take_endpoints(taken));
            taking.await.map_err(|error| {
                Failure::new(FailureKind::Internal, "the endpoints were not taken in")
                    .with_source(error)
            })?;
        }
        last.map_or(Ok(count), Err)
    }

    /// Keeps what is known of the endpoints of `recent` models fresh in the
    /// background until the guard is dropped: each at most once in five minutes,
    /// at most four requests in fifteen seconds. A failure is told to the
    /// observer, and what was known stays in use. Does nothing when offline.
    ///
    /// Needs a tokio runtime.
    pub fn start_endpoint_refresh(
        &self,
        source: Arc<dyn EndpointSource>,
        recent: Arc<RecentModels>,
    ) -> RefreshGuard {
        let is_on = !self.shared.config.offline && self.shared.config.endpoint_models > 0;
        let run = run(self.clone(), source, recent);
        RefreshGuard {
            task: is_on.then(|| tokio::spawn(run)),
        }
    }

    fn tell_failure(&self, what: String) {
        self.shared.observer.on(&Event::EndpointsKept { what });
    }

    /// Whether the upstream of the list serves the model on one of the lanes.
    fn chooses_endpoints(&self, model: &ModelId) -> bool {
        let ground = self.shared.ground();
        let is_listed = || {
            ground
                .listing
                .models
                .iter()
                .any(|one| one.id == model.as_str())
        };
        let mut lanes = ground.lanes.iter();
        lanes.any(|spec| matches!(spec.serves, Serves::All)) && is_listed()
    }
}

/// Looks at the endpoints of recent models for ever.
async fn run(catalog: ModelCatalog, source: Arc<dyn EndpointSource>, recent: Arc<RecentModels>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let mut due: Vec<ModelId> = recent.due(MODELS_A_ROUND);
        due.retain(|model| catalog.chooses_endpoints(model));
        if let Err(failure) = catalog.refresh_endpoints(&*source, &due).await {
            catalog.tell_failure(format!(
                "endpoints not refreshed: {failure}; what was known stays in use"
            ));
        }
    }
}

impl Shared {
    fn read_endpoints(&self, body: &[u8]) -> Result<Endpoints, Failure> {
        endpoints::parse(body, self.clock.now()).map_err(|error| {
            Failure::new(FailureKind::BadReply, "the list of endpoints is unreadable")
                .with_source(error)
        })
    }

    fn take_endpoints(&self, taken: Vec<(ModelId, Endpoints)>) {
        let mut ground = self.ground();
        for (model, endpoints) in taken {
            ground.endpoints.take(model, endpoints);
        }
        self.build_anew(&ground);
    }
}
