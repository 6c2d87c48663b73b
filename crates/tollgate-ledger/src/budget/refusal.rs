use std::time::Duration;

use tollgate_core::{BudgetWindow, Failure, FailureKind, Scope, Timestamp, Usd};

use super::purse::Purse;
use super::rule::Rule;

/// When to ask again for what others hold and have not spent.
const SOON: Duration = Duration::from_secs(1);

/// Says which budget has no room for an amount, and when it opens again.
pub(super) fn refusal(
    rule: &Rule,
    window: &BudgetWindow,
    purse: &Purse,
    amount: Option<Usd>,
    now: Timestamp,
) -> Failure {
    let message = format!("the budget {:?} has no room for the call", &*rule.name);
    let mut failure = Failure::new(FailureKind::BudgetExceeded, message)
        .with("limit", rule.limit)
        .with("in_use", purse.in_use());
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
    let opens = rule.calendar.end_of(window.start);
    if let Some(opens) = opens {
        failure = failure.with("opens", opens);
    }
    let name = &rule.name;
    let smaller = format!("raise budgets.{name}.limit, or make a call that can cost less");
    if purse.spent_everywhere() + amount.unwrap_or_default() <= rule.limit {
        return failure.with_retry_after(SOON).with_hint(format!(
            "calls under way hold the rest of it: try again when some of them have ended, {smaller}"
        ));
    }
    match opens {
        Some(opens) => failure
            .with_retry_after(opens.since(now))
            .with_hint(format!("wait until it opens, {smaller}")),
        None => failure.with_hint(smaller),
    }
}
