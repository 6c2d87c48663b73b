//! Lanes whose attempts are sent by providers of the program's own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tollgate_core::{Attempt, Failure, FailureKind, LaneId, LlmProvider, Reply, Scope};

/// Providers of the program's own, by the lanes that are sent to by them.
#[derive(Default, Clone)]
pub(crate) struct OwnLanes(BTreeMap<LaneId, Arc<dyn LlmProvider>>);

impl OwnLanes {
    pub(crate) fn insert(&mut self, lane: LaneId, provider: Arc<dyn LlmProvider>) {
        self.0.insert(lane, provider);
    }

    pub(super) fn get(&self, lane: &LaneId) -> Option<OwnLane> {
        self.0.get(lane).cloned().map(OwnLane)
    }

    /// Whether each of them is a lane of the configuration.
    pub(super) fn check<'a>(
        &self,
        configured: impl Iterator<Item = &'a LaneId> + Clone,
    ) -> Result<(), Failure> {
        let is_known = |lane: &LaneId| configured.clone().any(|known| known == lane);
        let Some(unknown) = self.0.keys().find(|lane| !is_known(lane)) else {
            return Ok(());
        };
        let known: Vec<&str> = configured.map(LaneId::as_str).collect();
        Err(Failure::new(
            FailureKind::Configuration,
            format!("the program sends for the lane {unknown}, which is not configured"),
        )
        .with_hint(format!(
            "each key of [openrouter] and [providers.NAME] is a lane; there are: {}",
            known.join(", ")
        )))
    }
}

/// One of them, where the wiring is shown.
pub(super) struct OwnLane(Arc<dyn LlmProvider>);

#[async_trait]
impl LlmProvider for OwnLane {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        if attempt.key.is_some() {
            return Err(takes_no_keys());
        }
        self.0.send(attempt).await
    }
}

/// Whoever sends with a key of the program's own would serve a caller's call for
/// nothing: it counts as paid by the caller.
fn takes_no_keys() -> Failure {
    Failure::new(
        FailureKind::Auth,
        "this lane is the program's own, and takes no keys of callers",
    )
    .with_hint("leave the key out")
    .with_scope(Scope::None)
}

impl fmt::Display for OwnLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}
