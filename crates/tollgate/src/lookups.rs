//! What pages beside inference ask of a gateway. None of it costs anything.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{
    Billing, CallerId, Failure, FailureKind, GenerationId, Lane, ModelId, Receipt,
};
use tollgate_transport::OpenRouterProvider;
use tollgate_wire::{Credits, Endpoints, Generation, ProvidersReply};

use crate::caller::Spent;
use crate::config::OPENROUTER_LANE;
use crate::gateway::Gateway;
use crate::memo::{Memo, bounded};
use crate::recent::Recent;

/// How long it is remembered what a caller has spent: a report reads all that
/// the caller ever did.
const SPENT_GOOD: Duration = Duration::from_secs(5);

/// What is looked up, and what is remembered of it.
pub(crate) struct Lookups {
    /// `None` with a provider of the program's own.
    openrouter: Option<OpenRouterProvider>,
    endpoints: Memo<ModelId, Endpoints>,
    providers: Memo<(), ProvidersReply>,
    generations: Memo<GenerationId, Generation>,
    pub(crate) spent: Memo<CallerId, Spent>,
    pub(crate) recent: Arc<Recent>,
}

impl Lookups {
    pub(crate) fn new(openrouter: Option<OpenRouterProvider>, recent: Arc<Recent>) -> Self {
        Self {
            openrouter,
            endpoints: Memo::default(),
            providers: Memo::default(),
            generations: Memo::default(),
            spent: Memo::keeping(SPENT_GOOD),
            recent,
        }
    }

    /// The same past calls, with another way to ask.
    pub(crate) fn with(&self, openrouter: Option<OpenRouterProvider>) -> Self {
        Self::new(openrouter, self.recent.clone())
    }
}

/// A call as its caller may see it afterwards.
#[derive(Debug)]
#[non_exhaustive]
pub struct PastCall {
    /// The gateway's own receipt.
    pub receipt: Arc<Receipt>,
    /// OpenRouter's record of the attempt that answered, when it has one and
    /// can be reached.
    pub record: Option<Arc<Generation>>,
}

impl Gateway {
    /// Who serves a model at OpenRouter, at which price and how well, by the
    /// model's name there. Remembered for five minutes, a failure for 15
    /// seconds.
    ///
    /// # Errors
    /// `Configuration` when no lane leads to OpenRouter, else what it failed
    /// with; `Interrupted` after five seconds.
    ///
    /// # Cancellation
    /// Dropping the future gives up the question.
    pub async fn endpoints(&self, model: &ModelId) -> Result<Arc<Endpoints>, Arc<Failure>> {
        let openrouter = self.openrouter()?;
        let lookups = self.parts().lookups.clone();
        let ask = openrouter.endpoints(model);
        lookups.endpoints.get(model.clone(), ask).await
    }

    /// OpenRouter's directory of providers, remembered as
    /// [`endpoints`](Self::endpoints) are.
    ///
    /// # Errors
    /// As `endpoints`.
    pub async fn providers(&self) -> Result<Arc<ProvidersReply>, Arc<Failure>> {
        let openrouter = self.openrouter()?;
        let lookups = self.parts().lookups.clone();
        lookups.providers.get((), openrouter.providers()).await
    }

    /// The credits of the operator's account at OpenRouter; nobody else's
    /// business.
    ///
    /// # Errors
    /// As [`endpoints`](Self::endpoints).
    pub async fn credits(&self) -> Result<Credits, Arc<Failure>> {
        let openrouter = self.openrouter()?;
        Ok(bounded(openrouter.credits()).await?)
    }

    /// A call of that caller that has ended, by its own id or by the id that an
    /// upstream gave its generation; nobody's but the caller's own are found.
    /// The last 4096 of this process are at hand; earlier ones, and those of
    /// other nodes, are looked up in the ledger's store, where it outlives the
    /// process. OpenRouter's record is remembered as [`endpoints`](Self::endpoints)
    /// are.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store cannot be read, `Interrupted` when it
    /// does not answer within five seconds.
    ///
    /// # Cancellation
    /// Dropping the future gives up the question to OpenRouter.
    pub async fn past_call(
        &self,
        caller: &CallerId,
        id: &str,
    ) -> Result<Option<PastCall>, Failure> {
        let Some(receipt) = self.receipt_of(caller, id).await? else {
            return Ok(None);
        };
        let record = self.record_of(&receipt).await;
        Ok(Some(PastCall { receipt, record }))
    }

    async fn receipt_of(
        &self,
        caller: &CallerId,
        id: &str,
    ) -> Result<Option<Arc<Receipt>>, Failure> {
        let parts = self.parts();
        let recent = parts.lookups.recent.find(id);
        if let Some(receipt) = recent.filter(|receipt| receipt.facts.caller == *caller) {
            return Ok(Some(receipt));
        }
        let Some(ledger) = parts.background.ledger() else {
            return Ok(None);
        };
        let kept = bounded(ledger.past_call(caller, id)).await?;
        Ok(kept.map(Arc::new))
    }

    async fn record_of(&self, receipt: &Receipt) -> Option<Arc<Generation>> {
        let served = receipt.served()?;
        let generation = served.generation()?;
        if !matches!(served.billing, Billing::Credits | Billing::Byok) {
            return None;
        }
        // Keys of one account see each other's generations.
        let openrouter = self.openrouter().ok()?;
        let lookups = self.parts().lookups.clone();
        let ask = async {
            let record = openrouter.generation(generation).await?;
            // As a failure it is soon asked for anew: records come late.
            record.ok_or_else(|| Failure::new(FailureKind::NotFound, "there is no record yet"))
        };
        // The receipt says most of it, so why there is no record does not matter.
        lookups.generations.get(generation.clone(), ask).await.ok()
    }

    fn openrouter(&self) -> Result<OpenRouterProvider, Arc<Failure>> {
        let parts = self.parts();
        let view = parts.catalog.view();
        let leads_there = |lane: &Arc<Lane>| lane.id.as_str() == OPENROUTER_LANE;
        let openrouter = parts.lookups.openrouter.clone();
        openrouter
            .filter(|_| view.lanes().iter().any(leads_there))
            .ok_or_else(|| {
                let message = "no lane of this gateway leads to OpenRouter";
                Arc::new(Failure::new(FailureKind::Configuration, message))
            })
    }
}
