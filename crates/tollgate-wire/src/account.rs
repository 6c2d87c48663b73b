//! The account: the key in use and its credits. Amounts are US dollars.

use crate::document::document;
use crate::{Decimal, Object};

document! {
    /// `GET /key`.
    pub struct KeyReply {
        /// The key.
        data: KeyInfo = "data",
    }

    /// The key in use. Windows are in UTC, weeks begin on Monday.
    pub struct KeyInfo {
        /// The key, masked.
        label: Option<String> = "label",
        /// Its limit; null is none.
        limit: Option<Decimal> = "limit",
        /// What is left of it.
        limit_remaining: Option<Decimal> = "limit_remaining",
        /// `daily`, `weekly`, `monthly`, or never.
        limit_reset: Option<String> = "limit_reset",
        /// Whether BYOK counts towards the limit.
        include_byok_in_limit: bool = "include_byok_in_limit",
        /// Spent in all.
        usage: Option<Decimal> = "usage",
        /// Spent today.
        usage_daily: Option<Decimal> = "usage_daily",
        /// Spent this week.
        usage_weekly: Option<Decimal> = "usage_weekly",
        /// Spent this month.
        usage_monthly: Option<Decimal> = "usage_monthly",
        /// Spent at providers with own keys, in all.
        byok_usage: Option<Decimal> = "byok_usage",
        /// The same today.
        byok_usage_daily: Option<Decimal> = "byok_usage_daily",
        /// The same this week.
        byok_usage_weekly: Option<Decimal> = "byok_usage_weekly",
        /// The same this month.
        byok_usage_monthly: Option<Decimal> = "byok_usage_monthly",
        /// Whether credits were never bought.
        is_free_tier: bool = "is_free_tier",
        /// Whether it manages keys.
        is_management_key: bool = "is_management_key",
        /// The older name of `is_management_key`.
        is_provisioning_key: bool = "is_provisioning_key",
        /// Requests to free models today.
        free_model_daily_requests: Option<FreeModelRequests> = "free_model_daily_requests",
        /// Budgets in the order of enforcement.
        budgets: Vec<Budget> = "budgets",
        /// The budget that blocks first.
        effective_budget: Option<Budget> = "effective_budget",
        /// Where data may go.
        allowed_data_regions: Vec<String> = "allowed_data_regions",
        /// Who made the key.
        creator_user_id: Option<String> = "creator_user_id",
        /// Organization.
        organization_id: Option<String> = "organization_id",
        /// Workspace.
        workspace_id: Option<String> = "workspace_id",
        /// When it ends, in ISO 8601.
        expires_at: Option<String> = "expires_at",
        /// Deprecated; always −1.
        rate_limit: Option<Object> = "rate_limit",
    }

    /// Requests to free models today.
    pub struct FreeModelRequests {
        /// Allowed.
        limit: u64 = "limit",
        /// Made.
        used: u64 = "used",
        /// Left.
        remaining: u64 = "remaining",
    }

    /// A budget.
    pub struct Budget {
        /// Whose: `workspace`, `member`, `api_key`, `key_limit`, …
        scope: Option<String> = "scope",
        /// The limit.
        limit_usd: Option<Decimal> = "limit_usd",
        /// Spent.
        spend_usd: Option<Decimal> = "spend_usd",
        /// Left; at zero or below, requests are refused.
        remaining_usd: Option<Decimal> = "remaining_usd",
        /// `daily`, `weekly`, `monthly`, or never.
        reset_interval: Option<String> = "reset_interval",
        /// When it resets, in ISO 8601.
        resets_at: Option<String> = "resets_at",
        /// Whether BYOK counts.
        include_byok: bool = "include_byok",
        /// The guardrail it belongs to.
        guardrail_id: Option<String> = "guardrail_id",
        /// Its id.
        budget_id: Option<String> = "budget_id",
    }

    /// `GET /activity`.
    pub struct ActivityReply {
        /// The rows.
        data: Vec<ActivityRow> = "data",
    }

    /// What the account used of a model at an endpoint on a UTC day.
    pub struct ActivityRow {
        /// The day, as `2026-08-08`; some answers have a time of day after it.
        date: Option<String> = "date",
        /// The model.
        model: Option<String> = "model",
        /// Its permanent name.
        model_permaslug: Option<String> = "model_permaslug",
        /// The endpoint.
        endpoint_id: Option<String> = "endpoint_id",
        /// The provider.
        provider_name: Option<String> = "provider_name",
        /// Credits spent, fees included.
        usage: Option<Decimal> = "usage",
        /// Spent at providers with own keys.
        byok_usage_inference: Option<Decimal> = "byok_usage_inference",
        /// Requests.
        requests: Option<u64> = "requests",
        /// Prompt tokens.
        prompt_tokens: Option<u64> = "prompt_tokens",
        /// Tokens of the answers, reasoning included.
        completion_tokens: Option<u64> = "completion_tokens",
        /// Of them, reasoning.
        reasoning_tokens: Option<u64> = "reasoning_tokens",
        /// Of the prompt tokens, those read from a cache.
        cached_tokens: Option<u64> = "cached_tokens",
    }

    /// `GET /credits`.
    pub struct CreditsReply {
        /// The credits.
        data: Credits = "data",
    }

    /// Credits of the account; the balance is the difference, and lags behind.
    pub struct Credits {
        /// Bought.
        total_credits: Option<Decimal> = "total_credits",
        /// Spent.
        total_usage: Option<Decimal> = "total_usage",
    }
}
