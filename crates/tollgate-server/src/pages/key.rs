//! How the caller stands: what it has spent, and what it may still spend.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tollgate::{BudgetStanding, CallerStanding, Gateway, KeyEntry, Per, Period, Spending};

use crate::pages::caller::Caller;
use crate::pages::dollars::Dollars;
use crate::pages::members::Data;
use crate::reply::Refusal;

/// Stands for "no limit" where clients read a number that is not negative and
/// fits into 32 bits.
const NO_LIMIT: i32 = i32::MAX;

/// `GET /v1/key`, in OpenRouter's shape. Amounts are dollars, windows are UTC.
#[derive(Debug, Serialize)]
pub(crate) struct Key {
    label: String,
    limit: Option<Dollars>,
    limit_remaining: Option<Dollars>,
    limit_reset: Option<&'static str>,
    /// Budgets count all that a call costs, whoever bills it.
    include_byok_in_limit: bool,
    usage: Dollars,
    usage_daily: Dollars,
    usage_weekly: Dollars,
    usage_monthly: Dollars,
    byok_usage: Dollars,
    byok_usage_daily: Dollars,
    byok_usage_weekly: Dollars,
    byok_usage_monthly: Dollars,
    is_free_tier: bool,
    is_management_key: bool,
    is_provisioning_key: bool,
    free_model_daily_requests: FreeRequests,
    budgets: Vec<Budget>,
    effective_budget: Option<Budget>,
    allowed_data_regions: [&'static str; 1],
    creator_user_id: Option<String>,
    organization_id: Option<String>,
    workspace_id: Option<String>,
    expires_at: Option<String>,
    rate_limit: RateLimit,
}

#[derive(Debug, Serialize)]
struct FreeRequests {
    limit: i32,
    used: i32,
    remaining: i32,
}

#[derive(Debug, Serialize)]
struct RateLimit {
    requests: i32,
    interval: &'static str,
    note: String,
}

#[derive(Debug, Serialize)]
struct Budget {
    scope: &'static str,
    limit_usd: Dollars,
    spend_usd: Dollars,
    /// Less than the limit without the spending by what calls under way hold.
    remaining_usd: Dollars,
    reset_interval: Option<&'static str>,
    resets_at: Option<String>,
    include_byok: bool,
    guardrail_id: Option<String>,
    /// The budget's name in the configuration.
    budget_id: String,
    /// The window in the words of the configuration, which has more of them.
    window: Period,
    held_usd: Dollars,
}

/// `GET /v1/key`
pub(crate) async fn current(
    State(gateway): State<Gateway>,
    caller: Caller,
) -> Result<Json<Data<Key>>, Refusal> {
    let standing = gateway.standing(&caller.id).await?;
    let data = Key::of(&caller, &standing);
    Ok(Json(Data { data }))
}

impl Key {
    fn of(caller: &Caller, standing: &CallerStanding) -> Self {
        let shown = || standing.budgets.iter().filter(|budget| caller.sees(budget));
        let effective = shown().min_by_key(|budget| budget.left());
        let spent = &standing.spent;
        let expires = caller.key.as_ref().and_then(|key| key.expires());
        let own = |spending: Spending| Dollars(spending.own);
        let byok = |spending: Spending| Dollars(spending.byok);
        Self {
            label: caller.id.to_string(),
            limit: effective.map(|budget| Dollars(budget.limit)),
            // Of all budgets: what is left says nothing of who spent the rest.
            limit_remaining: standing.tightest().map(|budget| Dollars(budget.left())),
            limit_reset: effective.and_then(|budget| reset_interval(budget.window)),
            include_byok_in_limit: true,
            usage: own(spent.ever),
            usage_daily: own(spent.day),
            usage_weekly: own(spent.week),
            usage_monthly: own(spent.month),
            byok_usage: byok(spent.ever),
            byok_usage_daily: byok(spent.day),
            byok_usage_weekly: byok(spent.week),
            byok_usage_monthly: byok(spent.month),
            is_free_tier: false,
            is_management_key: false,
            is_provisioning_key: false,
            free_model_daily_requests: FreeRequests {
                limit: NO_LIMIT,
                used: 0,
                remaining: NO_LIMIT,
            },
            budgets: shown().map(Budget::of).collect(),
            effective_budget: effective.map(Budget::of),
            allowed_data_regions: ["global"],
            creator_user_id: None,
            organization_id: None,
            workspace_id: None,
            expires_at: expires.map(|at| at.to_string()),
            rate_limit: RateLimit::of(caller.key.as_deref()),
        }
    }
}

impl RateLimit {
    /// The key's limits: of requests in OpenRouter's members, and of what it
    /// has no members for in words.
    fn of(key: Option<&KeyEntry>) -> Self {
        let limits = key.map(|key| key.gate().limits()).unwrap_or_default();
        let mut note = match limits.requests {
            Some(_) => "of any 60 seconds".to_owned(),
            None => "there is no such limit; the largest number stands for it".to_owned(),
        };
        if let Some(tokens) = limits.tokens {
            note.push_str(&format!("; at most {tokens} tokens in any 60 seconds"));
        }
        if let Some(concurrent) = limits.concurrent {
            note.push_str(&format!("; at most {concurrent} calls at the same time"));
        }
        Self {
            requests: limits
                .requests
                .map_or(NO_LIMIT, |most| i32::try_from(most).unwrap_or(NO_LIMIT)),
            interval: "60s",
            note,
        }
    }
}

impl Budget {
    fn of(standing: &BudgetStanding) -> Self {
        Self {
            scope: match standing.per {
                Per::All => "workspace",
                _ => "api_key",
            },
            limit_usd: Dollars(standing.limit),
            spend_usd: Dollars(standing.spent),
            remaining_usd: Dollars(standing.left()),
            reset_interval: reset_interval(standing.window),
            resets_at: standing.until.map(|until| until.to_string()),
            include_byok: true,
            guardrail_id: None,
            budget_id: standing.budget.clone(),
            window: standing.window,
            held_usd: Dollars(standing.held),
        }
    }
}

/// OpenRouter's word for a window, where it has one.
fn reset_interval(window: Period) -> Option<&'static str> {
    match window {
        Period::Day => Some("daily"),
        Period::Week => Some("weekly"),
        Period::Month => Some("monthly"),
        Period::Hour | Period::Lifetime => None,
    }
}
