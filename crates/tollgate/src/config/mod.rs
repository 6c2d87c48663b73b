mod environment;
mod error;
mod feedback;
mod hosts;
mod known;
mod layer;
mod learned;
mod load;
mod outside;
mod pool;
mod problems;
mod schema;
mod server;
mod telemetry;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_catalog::CatalogConfig;
use tollgate_core::Surface;
use tollgate_core::{ApiKey, ModelId, Price, Usd};
use tollgate_failover::FailoverConfig;
use tollgate_keys::KeyConfig;
use tollgate_ledger::{BudgetConfig, LedgerConfig};
use tollgate_policy_balanced::BalancedConfig;
use tollgate_policy_cascade::CascadeConfig;
use tollgate_policy_cheapest::CheapestConfig;
use tollgate_policy_quality::QualityConfig;
use tollgate_transport::{
    ConnectionConfig, Mode, OutputLimitField, RateLimitConfig, Speech, Thinking, Timers,
};

use crate::record::RecordConfig;

pub use self::environment::ENV_PREFIX;
pub use self::error::{ConfigError, Origin as ConfigOrigin, Problem};
pub use self::feedback::{Exploration, FeedbackConfig};
pub(crate) use self::hosts::host_limits;
pub use self::learned::LearnedConfig;
pub use self::load::Loader;
pub use self::pool::PoolKey;
pub use self::schema::config_schema;
pub use self::server::ServerConfig;
pub use self::telemetry::{LogFormat, LogLevel, TelemetryConfig};

/// The configuration as it was written: every table and key there is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub struct Config {
    /// OpenRouter, the primary gateway.
    pub openrouter: OpenRouter,
    /// Direct providers, by lane name; they take over when OpenRouter fails.
    pub providers: BTreeMap<String, DirectProvider>,
    /// Knobs of the three policies.
    pub policies: Policies,
    /// Where the list of models comes from.
    pub catalog: CatalogConfig,
    /// How often and how long is tried.
    pub failover: FailoverConfig,
    /// Where usage is kept.
    pub ledger: LedgerConfig,
    /// What may be spent in a while, by name of the budget.
    pub budgets: BTreeMap<String, BudgetConfig>,
    /// What a look at each prompt is taken with.
    pub learned: LearnedConfig,
    /// What is made of what is said of answers.
    pub feedback: FeedbackConfig,
    /// What is kept of calls, so that they can be replayed.
    pub record: RecordConfig,
    /// Who may call the server, by name; beside those that `tollgate keys` made.
    pub keys: BTreeMap<String, KeyConfig>,
    /// How much callers may take of the server.
    pub server: ServerConfig,
    /// What the command says about what happens inside.
    pub telemetry: TelemetryConfig,
    /// What the [`Loader`] noticed and went on; no key. It is among the
    /// [`Gateway::warnings`](crate::Gateway::warnings).
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// `[openrouter]`: the account, and how models are chosen.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenRouter {
    /// Key of the account (`sk-or-…`).
    #[schemars(with = "Option<String>")]
    pub api_key: Option<ApiKey>,
    /// More keys, each a lane of its own: as text, or as `{ key, name, weight,
    /// account, mode }`. Lanes that are as good share the traffic by weight;
    /// a key that is limited or refused is left alone until it works again.
    pub api_keys: Vec<PoolKey>,
    /// Management key of the account (`sk-or-…`), with which `tollgate
    /// reconcile` reads what was charged by day and model. Calls never use it.
    #[schemars(with = "Option<String>")]
    pub management_key: Option<ApiKey>,
    /// Whether a running gateway compares, once an hour, what it has booked
    /// with what OpenRouter says that the key has spent, and raises an alarm
    /// when they come apart. For a key that this gateway has for itself; not
    /// done with a `postgres` ledger, whose nodes share one, nor with several
    /// `api_keys`. Default true.
    pub compare_hourly: bool,
    /// Address up to and including the version.
    pub base_url: String,
    /// How answers are paid: `credits` of the account, or `byok`, the account's
    /// own provider keys.
    pub mode: Mode,
    /// Providers whose keys the account keeps at OpenRouter, by OpenRouter's
    /// slug: with `byok` they are asked first (`provider.order`), unless the
    /// request has an order of its own.
    pub byok_providers: Vec<String>,
    /// Fee on the list price of `byok` calls above the allowance, in hundredths
    /// of a percent. Default 500: 5 %.
    pub byok_fee_basis_points: u32,
    /// List price of `byok` calls in a calendar month (UTC) for which there is
    /// no fee, in US dollars. Default 25,000, OpenRouter's for accounts without
    /// a contract.
    #[schemars(with = "f64")]
    pub byok_allowance: Usd,
    /// Model of requests that name none. Without it the policy picks.
    #[schemars(with = "Option<String>")]
    pub default_model: Option<ModelId>,
    /// Whether another model or lane takes over when the first choice fails.
    pub enable_fallback: bool,
    /// Whether usage is kept in the ledger's store. Without it only running
    /// totals are kept, in memory.
    pub track_usage: bool,
    /// Total time of a call over all its attempts, in milliseconds.
    pub timeout_ms: u64,
    /// URL of your app, its identity in OpenRouter's rankings.
    pub app_url: Option<String>,
    /// Display name of your app.
    pub app_title: Option<String>,
    /// What your app is: at most two of OpenRouter's categories.
    pub app_categories: Vec<String>,
    /// How long to wait on the wire.
    pub timers: Timers,
    /// How to connect, and how much to take in.
    pub connection: ConnectionConfig,
    /// Most requests that each model gets; no limit when absent.
    pub rate_limit: Option<RateLimitConfig>,
    /// Most requests that the host gets, over all models and over all lanes
    /// that lead there; no limit when absent.
    pub host_rate_limit: Option<RateLimitConfig>,
    /// Name of the account that pays. Lanes of one account run out of money
    /// together; the lane's own name when absent.
    pub account: Option<String>,
    /// Whether closing a stream ends its bill, where nothing is known of the
    /// provider behind OpenRouter. Default false: a stream that its caller
    /// leaves is read on in the background until it says what it cost.
    pub stops_billing: bool,
    /// The same for each provider by name, of the stream that names it. The
    /// compiled defaults have OpenRouter's own list.
    pub stops_billing_by_provider: BTreeMap<String, bool>,
    /// Whether the models go on with an answer whose beginning they are given
    /// (prefill). Default false.
    pub continues: bool,
    /// Which models serve which task.
    pub routing: Routing,
    /// What to optimise for.
    pub optimization: Optimization,
}

impl Default for OpenRouter {
    fn default() -> Self {
        Self {
            api_key: None,
            api_keys: Vec::new(),
            management_key: None,
            compare_hourly: true,
            base_url: "https://openrouter.ai/api/v1".to_owned(),
            mode: Mode::default(),
            byok_providers: Vec::new(),
            byok_fee_basis_points: 500,
            byok_allowance: Usd::from_nanos(25_000_000_000_000),
            default_model: None,
            enable_fallback: true,
            track_usage: true,
            timeout_ms: 600_000,
            app_url: None,
            app_title: None,
            app_categories: Vec::new(),
            timers: Timers::default(),
            connection: ConnectionConfig::default(),
            rate_limit: None,
            host_rate_limit: None,
            account: None,
            stops_billing: false,
            stops_billing_by_provider: BTreeMap::new(),
            continues: false,
            routing: Routing::default(),
            optimization: Optimization::default(),
        }
    }
}

impl OpenRouter {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// `[openrouter.routing]`: the models that compete for a task. An empty list
/// lets the whole catalog compete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// Models for writing, reading and changing programs.
    #[schemars(with = "Vec<String>")]
    pub code_models: Vec<ModelId>,
    /// Models for everything else.
    #[schemars(with = "Vec<String>")]
    pub chat_models: Vec<ModelId>,
    /// Models for mathematics, logic and planning.
    #[schemars(with = "Vec<String>")]
    pub reasoning_models: Vec<ModelId>,
    /// Whether requests ask OpenRouter for the endpoints (hosts) of a model that
    /// the policy prefers, where one is clearly better than OpenRouter's own
    /// draw, and to avoid those that have become slow. Only softly: others serve
    /// when they fail. A request's own preferences go first, and what is in an
    /// endpoint's cache is left there. Default true: the draw looks at prices
    /// alone, and finds slow endpoints as often as fast ones.
    pub endpoint_preferences: bool,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            code_models: Vec::new(),
            chat_models: Vec::new(),
            reasoning_models: Vec::new(),
            endpoint_preferences: true,
        }
    }
}

/// `[openrouter.optimization]`: what to optimise for, and within which limits.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Optimization {
    /// Policy: `cheapest`, `balanced`, `quality`, `cascade` where it is
    /// configured, or the name of one that the program registered.
    pub mode: String,
    /// Models to try after the policy's choices, in this order.
    #[schemars(with = "Vec<String>")]
    pub fallback_chain: Vec<ModelId>,
    /// Most that one call may cost in total, in US dollars.
    #[schemars(with = "Option<f64>")]
    pub max_cost_per_request: Option<Usd>,
    /// Whether free variants go first. They have daily limits, and prompts may
    /// be kept.
    pub prefer_free_tier: bool,
}

impl Default for Optimization {
    fn default() -> Self {
        Self {
            mode: "balanced".to_owned(),
            fallback_chain: Vec::new(),
            max_cost_per_request: None,
            prefer_free_tier: false,
        }
    }
}

/// `[providers.NAME]`: a provider that is reached without OpenRouter, in the
/// dialect of its own that `dialect` names.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectProvider {
    /// Name of the row of `config/providers.toml` that this table begins with:
    /// `openai`, `anthropic`, `gemini`, `mistral`, `groq`, `ollama` and so on.
    /// The table's own name when absent. It also says whose names and prices
    /// hold (`tollgate prices list`).
    #[serde(default)]
    pub provider: Option<String>,
    /// Address up to and including the version, such as
    /// `http://127.0.0.1:8080/v1`. Known providers have one.
    pub base_url: String,
    /// What it speaks: `chat` (OpenAI's chat completions), `messages`
    /// (Anthropic) or `gemini` (Google). Default `chat`.
    #[serde(default)]
    pub dialect: Speech,
    /// How its models take an effort of reasoning, where the dialect is not
    /// `chat`: as its word (`effort`), or as a budget of tokens (`budget`).
    /// Default `effort`.
    #[serde(default)]
    pub thinking: Thinking,
    /// Output limit in tokens of a request that has none, where the dialect
    /// insists on one. Default 8,192.
    #[serde(default)]
    pub unlimited_output: Option<u64>,
    /// Key; a local server may need none.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub api_key: Option<ApiKey>,
    /// More keys, each a lane of its own: as text, or as `{ key, name, weight,
    /// account }`. They share the traffic by weight; a key that is limited or
    /// refused is left alone until it works again.
    #[serde(default)]
    pub api_keys: Vec<PoolKey>,
    /// Header that carries the key bare; that of the dialect when absent, such
    /// as `Authorization: Bearer`.
    #[serde(default)]
    pub key_header: Option<String>,
    /// Field in which this provider takes an output limit.
    #[serde(default)]
    pub output_limit: OutputLimitField,
    /// Whether a stream tells its usage only when asked by `stream_options`.
    #[serde(default = "yes")]
    pub asks_for_usage: bool,
    /// Headers to send with every request, such as an API version. Not for keys.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Path of the chat endpoint; `chat/completions` when absent.
    #[serde(default)]
    pub chat_path: Option<String>,
    /// The surfaces that this provider speaks: `chat`, `responses`, `messages`,
    /// `embeddings`, `completions`. Requests of others are translated into its
    /// dialect. Those of the dialect when absent: chat and embeddings;
    /// messages; none.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub surfaces: Option<Vec<Surface>>,
    /// Request fields that this provider refuses.
    #[serde(default)]
    pub drops: Vec<String>,
    /// The models it serves: catalog id to the provider's own name. When
    /// absent, those that the price table knows of the provider.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub models: Option<BTreeMap<ModelId, ModelId>>,
    /// Whether names and prices of its models come from the price table. Known
    /// providers have it; default false.
    #[serde(default)]
    pub price_table: bool,
    /// Own names of models beside those that the price table knows, or in place
    /// of them: catalog id to the provider's own name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub names: BTreeMap<ModelId, ModelId>,
    /// Whether calls may bring keys of their own for it, at no cost to the
    /// gateway. Default: where it has a key in this table. A server that looks
    /// at no key must not.
    #[serde(default)]
    pub takes_callers_keys: Option<bool>,
    /// Whether its models cost nothing, such as on a server of your own.
    /// Default false.
    #[serde(default)]
    pub free: bool,
    /// Prices by catalog id, in US dollars per token; the price table's when
    /// absent. A model without a price is not used where a price is needed.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub prices: BTreeMap<ModelId, Price>,
    /// How long to wait on the wire.
    #[serde(default)]
    pub timers: Option<Timers>,
    /// How to connect, and how much to take in.
    #[serde(default)]
    pub connection: ConnectionConfig,
    /// Most requests that each model gets; no limit when absent.
    #[serde(default)]
    pub rate_limit: Option<RateLimitConfig>,
    /// Most requests that the host gets, over all models and over all lanes
    /// that lead there; no limit when absent.
    #[serde(default)]
    pub host_rate_limit: Option<RateLimitConfig>,
    /// Name of the account that pays. Lanes of one account run out of money
    /// together; the lane's own name when absent.
    #[serde(default)]
    pub account: Option<String>,
    /// Whether closing a stream ends its bill. Default false: a stream that its
    /// caller leaves is read on in the background until it says what it cost.
    #[serde(default)]
    pub stops_billing: bool,
    /// Whether the models go on with an answer whose beginning they are given
    /// (prefill). Default false.
    #[serde(default)]
    pub continues: bool,
}

fn yes() -> bool {
    true
}

/// `[policies.…]`: knobs of the policies.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// `[policies.cheapest]`
    pub cheapest: CheapestConfig,
    /// `[policies.balanced]`
    pub balanced: BalancedConfig,
    /// `[policies.quality]`
    pub quality: QualityConfig,
    /// `[policies.cascade]`: with this table, also an empty one, there is the
    /// policy `cascade`.
    pub cascade: Option<CascadeConfig>,
}

/// Name of the lane to OpenRouter.
pub const OPENROUTER_LANE: &str = "openrouter";
