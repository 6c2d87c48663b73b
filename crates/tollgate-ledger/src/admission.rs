use std::sync::atomic::{AtomicI64, Ordering};

use tollgate_core::{Failure, FailureKind, Usd};

/// Says whether a call may hold an amount: the one place where holds and
/// re-holds are let in.
#[derive(Debug)]
pub(crate) struct Admission {
    /// In nano-dollars.
    ceiling: AtomicI64,
}

/// Without a ceiling, the most that an amount can be.
const NO_CEILING: i64 = i64::MAX;

impl Admission {
    pub(crate) fn new(ceiling: Option<Usd>) -> Self {
        let admission = Self {
            ceiling: AtomicI64::default(),
        };
        admission.go_by(ceiling);
        admission
    }

    /// Admits calls by this ceiling from now on.
    pub(crate) fn go_by(&self, ceiling: Option<Usd>) {
        let ceiling = ceiling.map_or(NO_CEILING, Usd::nanos);
        self.ceiling.store(ceiling, Ordering::Relaxed);
    }

    /// The lower of the call's own ceiling and the configured one.
    pub(crate) fn ceiling(&self, call: Option<Usd>) -> Option<Usd> {
        let all = self.ceiling.load(Ordering::Relaxed);
        let all = (all != NO_CEILING).then(|| Usd::from_nanos(all));
        call.into_iter().chain(all).min()
    }

    /// Lets a hold of `amount` in, or says why not.
    pub(crate) fn admit(&self, amount: Usd, ceiling: Option<Usd>) -> Result<(), Failure> {
        if amount.is_negative() {
            return Err(Failure::new(
                FailureKind::Internal,
                "a hold cannot be negative",
            ));
        }
        match ceiling {
            Some(ceiling) if amount > ceiling => Err(Failure::new(
                FailureKind::BudgetExceeded,
                "the call could cost more than it may",
            )
            .with("could_cost", amount)
            .with("limit", ceiling)
            .with_hint(
                "raise max_cost_per_request, set a smaller max_tokens, or pick a cheaper model",
            )),
            _ => Ok(()),
        }
    }
}
