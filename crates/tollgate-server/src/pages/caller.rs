//! Who asks.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use tollgate::{BudgetStanding, CallerId, KeyEntry, Per};

/// Who asks, and whether it may see what belongs to the gateway's account.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) id: CallerId,
    /// Whether it is the operator: nobody's key, and on this machine.
    pub(crate) is_operator: bool,
    /// The key that it has shown, where there are keys.
    pub(crate) key: Option<Arc<KeyEntry>>,
}

impl Caller {
    /// Whether it may see what was spent of a budget. One that everybody counts
    /// in tells of everybody's calls.
    pub(crate) fn sees(&self, budget: &BudgetStanding) -> bool {
        let is_admin = self.key.as_ref().is_some_and(|key| key.is_admin());
        budget.per != Per::All || self.is_operator || is_admin
    }
}

/// Says, as an extension of a request, that it addressed this machine by a
/// name of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnThisMachine;

/// Whoever a layer outside has put into the request's extensions, else `local`.
pub(crate) fn of(extensions: &Extensions) -> CallerId {
    let known = extensions.get::<CallerId>().cloned();
    known.unwrap_or_else(CallerId::local)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = of(&parts.extensions);
        let is_here = parts.extensions.get::<OnThisMachine>().is_some();
        Ok(Self {
            key: parts.extensions.get::<Arc<KeyEntry>>().cloned(),
            is_operator: is_here && id == CallerId::local(),
            id,
        })
    }
}
