//! The lanes in use, beside those that a call began with.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tollgate_core::{
    Attempt, CostLookup, Failure, GenerationId, LaneCheck, LaneId, LlmProvider, Reconciled, Reply,
    Standing,
};

use super::Laid;

/// The lanes in use, for whoever outlives a configuration.
pub(crate) struct Current(ArcSwap<Laid>);

impl Current {
    pub(crate) fn new(laid: Arc<Laid>) -> Self {
        Self(ArcSwap::new(laid))
    }

    pub(crate) fn get(&self) -> Arc<Laid> {
        self.0.load_full()
    }

    pub(crate) fn set(&self, laid: Arc<Laid>) {
        self.0.store(laid);
    }
}

#[async_trait]
impl CostLookup for Current {
    async fn look_up(
        &self,
        lane: &LaneId,
        generation: &GenerationId,
    ) -> Result<Option<Reconciled>, Failure> {
        self.get().lanes.look_up(lane, generation).await
    }
}

#[async_trait]
impl LaneCheck for Current {
    async fn check(&self, lane: &LaneId) -> Result<Standing, Failure> {
        self.get().lanes.check(lane).await
    }
}

/// The lanes that a call begins with.
///
/// A call takes its lanes first and looks at the catalog then. A configuration
/// that comes between the two puts lanes into the call's plan that it has not
/// taken: those are sent to as they are in use.
pub(crate) struct Begun {
    pub(crate) laid: Arc<Laid>,
    pub(crate) current: Arc<Current>,
}

#[async_trait]
impl LlmProvider for Begun {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        match self.laid.has(&attempt.lane) {
            true => self.laid.lanes.send(attempt).await,
            false => self.current.get().lanes.send(attempt).await,
        }
    }
}
