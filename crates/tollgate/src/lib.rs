#![doc = include_str!("../README.md")]

mod answer;
mod background;
mod booking;
mod byok;
mod builder;
mod caller;
mod clock;
mod compare;
mod config;
mod error;
mod feedback;
mod gateway;
mod habits;
mod judges;
mod lanes;
mod learned;
mod learning;
mod left;
mod lookups;
mod measured;
mod memo;
mod meter;
mod observe;
mod order;
mod pending;
mod policies;
mod reconcile;
mod recent;
mod record;
mod rejoin;
mod keys;
mod reload;
mod replay;
mod report;
mod resume;
mod sessions;
mod span;
mod suggest;
mod whole;

pub use crate::answer::{Answer, Collected};
pub use crate::builder::GatewayBuilder;
pub use crate::caller::{BudgetStanding, CallerStanding, Spending, Spent};
pub use crate::clock::SystemClock;
pub use crate::compare::{
    Account, Book, Cause, Comparison, Drift, Entry, Figures, KeySpend, Tolerance, compare,
};
pub use crate::config::{
    Config, ConfigError, ConfigOrigin, DirectProvider, ENV_PREFIX, Exploration, FeedbackConfig,
    LearnedConfig, Loader, LogFormat, LogLevel, OPENROUTER_LANE, OpenRouter, Optimization,
    Policies, PoolKey, Problem, Routing, ServerConfig, TelemetryConfig, config_schema,
};
pub use crate::error::Error;
pub use crate::feedback::Rated;
pub use crate::gateway::Gateway;
pub use crate::keys::{KeyRing, pepper};
pub use crate::lookups::PastCall;
pub use crate::measured::Measured;
pub use crate::order::Order;
pub use crate::record::{
    CallRecord, Choice, DayFile, Pruned, RecordConfig, RecordedAttempt, Recording, Records, Tariff,
    day_files, prune_records,
};
pub use crate::replay::{
    Compared, Difference, Move, Replay, ReplayReport, Route, Shift, Sums, Unserved, Verdict,
};
pub use crate::report::{LedgerCheck, budgets, feedback, usage, verify};

// What users of the façade need of the crates below, and nothing else.
pub use tollgate_catalog::{
    CallMode, CatalogConfig, CatalogError, Feedback, ImportOptions, ImportedScores, InvalidTable,
    ListedRows, ModelCard, ModelCatalog, OfferCard, PriceCard, PriceRow, PriceTable,
    ProviderPrices, QualityCard, QualityLayer, QualityLayers, RefreshReport, ScoresForm,
    ScoresInput, SearchQuery, SortBy, TableInUse, did_you_mean, import_scores,
    names as provider_names, search,
};
pub use tollgate_core::{
    AfterCommit, AnswerJudge, ApiKey, Attempt, AttemptEnd, AttemptRecord, Billed, Billing,
    BoxFuture, Breaker, BudgetWindow, Call, CallFacts, CallId, CallProfile, CallerId, CallerKeys,
    Candidate, Capabilities, Catalog, CatalogSource, CatalogView, Clock, Cost, CostLookup,
    CostSource, Criticality, Delivery, Dimension, Doubt, Doubts, Draft, DropReason, Dropped, Ended,
    Event, Exhausted, ExplainedCandidate, Explanation, Facts, Failover, Failure, FailureKind,
    FeedbackRow, FeedbackSource, Finish, Frame, FrameKind, Frames, GenerationId, Guarded, HabitRow,
    Head, Health, HealthView, HeldBack, Hints, Hold, InvalidId, InvalidMoney, Judgement, Judging,
    Lane, LaneCheck, LaneId, LearnedId, Ledger, LedgerEvent, LedgerStore, LlmProvider, Look,
    LookVerdict, MAX_ID_BYTES, ModelFacts, ModelId, ModelIndex, Next, Observer, OfferIndex,
    OpenAttempt, Origin, Outcome, OutputSource, Place, Plan, Planned, Price, Pricing, ProviderId,
    Quality, QualitySource, Ranked, Ranking, Rate, Rates, Reading, Receipt, Reconciled, Reply,
    RoutingPolicy, Rule, Scope, Served, Silent, Spot, Standing, StoreError, Target, Task,
    TaskSource, Terms, Timestamp, TokenBounds, TokenUsage, Trip, UnknownChoice, UpstreamStream,
    UsageQuery, UsageReport, UsageRow, Usd, WantedJson, Won,
};
pub use tollgate_failover::{FailoverConfig, FailoverManager};
pub use tollgate_ledger::{
    BudgetConfig, BudgetUse, Difference as LedgerDifference, Durability, LedgerConfig, OnSoft,
    OpenError as LedgerOpenError, Per, Period, StoreKind, Totals, UsageTracker, Verified,
};
pub use tollgate_policy_cascade::{Cascade, CascadeConfig, Signals};
pub use tollgate_router::CostOptimizer;
pub use tollgate_transport::{
    ConnectionConfig, HttpBody, HttpError, HttpErrorKind, HttpSend, Mode, NewByokKey,
    OpenRouterConfig, OpenRouterProvider, OutputLimitField, RateLimitConfig, Speech, Thinking,
    Timers, TransportError, http_pool,
};
pub use tollgate_wire::{
    ByokKey, ChatReply, ChatRequest, ChatResponse, ContentPart, Credits, Delivery as StreamMode,
    EmbeddingsRequest, EmbeddingsResponse, Endpoints, Generation, Message, MessagesReply, Plugin,
    ProviderPreferences, ProvidersReply, Reasoning, Request, ResponseFormat, ResponsesReply,
    StreamEvent, Surface, Tool, ToolChoice,
};

pub use tollgate_keys::{Admitted, KeyBook, KeyConfig, KeyEntry, KeyTable, NewKey, SharedLimits};
