use tollgate_core::{BudgetWindow, Failure, FailureKind, Scope, Timestamp, Usd};

use super::rule::Rule;

/// Says which budget has no room for an amount, and when it opens again.
pub(super) fn refusal(
    rule: &Rule,
    window: &BudgetWindow,
    in_use: Usd,
    amount: Option<Usd>,
    now: Timestamp,
) -> Failure {
    let opens = rule.calendar.end_of(window.start);
    let message = format!("the budget {:?} has no room for the call", &*rule.name);
    let mut failure = Failure::new(FailureKind::BudgetExceeded, message)
        .with("limit", rule.limit)
        .with("in_use", in_use);
    if let Some(amount) = amount {
        failure = failure.with("could_cost", amount);
    }
    if !window.key.is_empty() {
        failure = failure.with("key", &window.key);
    }
    // Another model, or another lane, may still have room.
    if rule.is_by_attempt() {
        failure = failure.with_scope(Scope::Endpoint);
    }
    let name = &rule.name;
    match opens {
        Some(opens) => failure
            .with("opens", opens)
            .with_retry_after(opens.since(now))
            .with_hint(format!(
                "wait until it opens, raise budgets.{name}.limit, or make a call that can cost less"
            )),
        None => failure.with_hint(format!(
            "raise budgets.{name}.limit, or make a call that can cost less"
        )),
    }
}
