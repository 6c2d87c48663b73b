//! Asking an upstream, for free, whether its lane can be used.

use std::sync::Arc;

use async_trait::async_trait;
use tollgate_core::{Failure, FailureKind, LaneCheck, LaneId, Standing, Usd};
use tollgate_wire::{Budget, Decimal, KeyInfo, Object};

use crate::direct::DirectProvider;
use crate::openrouter::OpenRouterProvider;
use crate::resource::{self, unreadable};
use crate::upstream::Upstream;

/// Asks for the key's own record. It tells when the key, or a budget that it is under, is used
/// up; what the account has is another question, which most keys may not ask.
#[async_trait]
impl LaneCheck for OpenRouterProvider {
    async fn check(&self, _lane: &LaneId) -> Result<Standing, Failure> {
        self.needs_key()?;
        let key = self.key().await.map_err(askable)?;
        Ok(Standing {
            can_pay: is_used_up(&key).then_some(false),
        })
    }
}

/// Asks for the list of models, which most providers show to good keys only. It tells nothing of
/// money.
#[async_trait]
impl LaneCheck for DirectProvider {
    async fn check(&self, _lane: &LaneId) -> Result<Standing, Failure> {
        list_models(self.upstream()).await.map_err(askable)?;
        Ok(Standing::default())
    }
}

async fn list_models(upstream: &Arc<Upstream>) -> Result<(), Failure> {
    let list = resource::get(upstream, upstream.url("models")).await?;
    // A page of whatever stands in between proves nothing.
    match Object::parse(&list) {
        Ok(_) => Ok(()),
        Err(error) => Err(unreadable(upstream, error)),
    }
}

/// An upstream that does not know the question will not know it next time.
fn askable(failure: Failure) -> Failure {
    match failure.kind() {
        FailureKind::NotFound | FailureKind::InvalidRequest => Failure::new(
            FailureKind::Configuration,
            "this upstream cannot be asked whether it accepts the key",
        )
        .with_source(failure),
        _ => failure,
    }
}

/// Whether the key's own limit, or the budget that blocks first, has nothing left.
fn is_used_up(key: &KeyInfo) -> bool {
    let of_budget = |budget: &Budget| budget.remaining_usd.clone();
    let left = [
        key.limit_remaining.clone(),
        key.effective_budget.as_ref().and_then(of_budget),
    ];
    left.iter().flatten().any(is_nothing)
}

fn is_nothing(left: &Decimal) -> bool {
    Usd::parse_rounded(left.as_str()).is_ok_and(|left| left <= Usd::ZERO)
}
