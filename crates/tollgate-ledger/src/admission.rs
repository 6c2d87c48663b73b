use tollgate_core::{Failure, FailureKind, Usd};

/// Says whether a call may hold an amount: the one place where holds and
/// re-holds are let in.
#[derive(Debug)]
pub(crate) struct Admission {
    ceiling: Option<Usd>,
}

impl Admission {
    pub(crate) fn new(ceiling: Option<Usd>) -> Self {
        Self { ceiling }
    }

    /// The lower of the call's own ceiling and the configured one.
    pub(crate) fn ceiling(&self, call: Option<Usd>) -> Option<Usd> {
        match (call, self.ceiling) {
            (Some(call), Some(all)) => Some(call.min(all)),
            (call, all) => call.or(all),
        }
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
