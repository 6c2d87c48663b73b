#![doc = include_str!("../README.md")]

mod capability;
mod cost;
mod criticality;
mod failure;
mod id;
mod money;
mod price;
mod secret;
mod time;
mod tokens;

mod attempt;
mod brief;
mod call;
mod catalog;
mod contest;
mod doubt;
mod endpoint;
mod event;
mod failover;
mod health;
mod judge;
mod ledger;
mod lookup;
mod plan;
mod policy;
mod profile;
mod quote;
mod reading;
mod reply;
mod store;

pub use crate::attempt::{Attempt, AttemptEnd, AttemptRecord, LlmProvider, Observed, book};
pub use crate::brief::{Brief, Entry};
pub use crate::call::{
    Call, CallerKeys, Delivery, Hints, InvalidTarget, Target, Task, UnknownTask,
};
pub use crate::capability::Capabilities;
pub use crate::catalog::{
    Catalog, CatalogSource, CatalogView, Habits, Lane, LaneIndex, ModelFacts, ModelIndex, Offer,
    OfferIndex, OfferSpec, OfferTraits, Outlook, Quality, QualitySource, Speed,
};
pub use crate::contest::{Columns, Contest};
pub use crate::cost::{Billing, Cost, CostSource};
pub use crate::criticality::{Criticality, UnknownCriticality};
pub use crate::doubt::{Doubt, Doubts, doubts};
pub use crate::endpoint::{
    Endpoint, EndpointChoice, EndpointFigures, EndpointPreferences, EndpointReason, Endpoints,
};
pub use crate::event::{Event, Observer, Silent};
pub use crate::failover::{
    AfterCommit, BoxFuture, Exhausted, Failover, HeldBack, Trip, UnknownChoice, UpstreamStream, Won,
};
pub use crate::failure::{Billed, Failure, FailureKind, Next, Origin, Result, Rule, Scope};
pub use crate::health::{Breaker, Health, HealthView, Spot};
pub use crate::id::{
    CallId, CallerId, GenerationId, InvalidId, LaneId, MAX_ID_BYTES, ModelId, ProviderId,
};
pub use crate::judge::{AnswerJudge, Draft, Judgement, WantedJson};
pub use crate::ledger::{Advice, CallFacts, Ended, Hold, Ledger, Outcome, Receipt};
pub use crate::lookup::{CostLookup, LaneCheck, Reconciled, Standing};
pub use crate::money::{InvalidMoney, Rate, Tally, Usd};
pub use crate::plan::{
    CatalogStamp, DropCounts, DropReason, Dropped, ExplainedCandidate, Explanation, Guarded, Look,
    LookVerdict, OutputSource, Place, Plan, Planned,
};
pub use crate::policy::{Candidate, Ranked, Ranking, RoutingPolicy, Terms};
pub use crate::price::{
    Price, PriceCondition, PriceOverride, PriceUnknown, Pricing, Rates, RatesPatch,
};
pub use crate::profile::{CallProfile, Judging, TaskSource, TokenBounds, Warm};
pub use crate::quote::Quote;
pub use crate::reading::{LearnedId, Reading};
pub use crate::reply::{
    Facts, Finish, Frame, FrameKind, Frames, Head, LimitLeft, LimitUnit, Reply, Served, UsageReport,
};
pub use crate::secret::ApiKey;
pub use crate::store::{
    BudgetLeases, BudgetWindow, BudgetWindows, Dimension, FeedbackRow, FeedbackSource, Grant,
    HabitRow, HabitSums, LeaseAsk, Leased, LedgerEvent, LedgerStore, OpenAttempt, StoreError,
    Uncertain, UnknownFeedbackSource, UsageQuery, UsageRow, WindowSums,
};
pub use crate::time::{Clock, Timestamp};
pub use crate::tokens::TokenUsage;

/// The shapes of requests and answers, from the wire.
pub use tollgate_wire::Surface;
