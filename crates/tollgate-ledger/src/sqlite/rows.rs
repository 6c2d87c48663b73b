//! One event, one statement and its values.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tollgate_core::{AttemptRecord, CallFacts, CallId, Cost, LedgerEvent, TokenUsage};

/// Columns of the classes of `TokenUsage`, in the order of [`token_counts`].
pub(super) const TOKENS: [&str; 11] = [
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "output",
    "reasoning",
    "audio_output",
    "image_output",
    "images",
    "web_searches",
];

const HOLD: &str =
    "INSERT INTO hold (call, amount_nanos, at_ms, caller, requested, task, policy, tags)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";

const DISPATCH: &str = "INSERT INTO dispatch (call, attempt, at_ms, lane, model, worst_nanos)
VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";

const TERMINAL: &str = "INSERT INTO terminal (
    call, attempt, kind, at_ms, day, caller, requested, task, policy, tags, lane, billing, wanted,
    model, provider, generation, started_ms, first_token_ms, took_ms, ended, failure, status,
    message, credits_nanos, provider_nanos, source, input, cache_read, cache_write,
    cache_write_1h, audio_input, output, reasoning, audio_output, image_output, images,
    web_searches)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
    ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37)
ON CONFLICT DO NOTHING";

/// Numbers the adjustment after the earlier ones, unless it is there already.
const ADJUST: &str = "INSERT INTO adjust (
    call, attempt, n, at_ms, credits_nanos, provider_nanos, source, input, cache_read,
    cache_write, cache_write_1h, audio_input, output, reasoning, audio_output, image_output,
    images, web_searches)
SELECT ?1, ?2, 1 + coalesce((SELECT max(n) FROM adjust WHERE call = ?1 AND attempt = ?2), 0),
    ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17
WHERE NOT EXISTS (
    SELECT 1 FROM adjust
    WHERE call = ?1 AND attempt = ?2 AND at_ms = ?3 AND credits_nanos = ?4
        AND provider_nanos = ?5 AND source = ?6 AND input IS ?7 AND cache_read IS ?8
        AND cache_write IS ?9 AND cache_write_1h IS ?10 AND audio_input IS ?11
        AND output IS ?12 AND reasoning IS ?13 AND audio_output IS ?14
        AND image_output IS ?15 AND images IS ?16 AND web_searches IS ?17)";

/// An event on its way into its table.
pub(super) struct Row {
    statement: &'static str,
    values: Vec<Value>,
}

impl Row {
    pub(super) fn of(event: &LedgerEvent) -> Option<Self> {
        Some(match event {
            LedgerEvent::Named { .. } | LedgerEvent::Carried { .. } => return None,
            LedgerEvent::Hold { facts, amount } => Self {
                statement: HOLD,
                values: hold(facts, amount.nanos()),
            },
            LedgerEvent::Dispatch {
                call,
                attempt,
                at,
                lane,
                model,
                worst,
                ..
            } => Self {
                statement: DISPATCH,
                values: vec![
                    id(*call),
                    (*attempt).into(),
                    at.millis().into(),
                    text(lane.as_str()),
                    text(model.as_str()),
                    worst.nanos().into(),
                ],
            },
            LedgerEvent::Settle { facts, record, .. } => Self {
                statement: TERMINAL,
                values: terminal("settle", facts, record),
            },
            LedgerEvent::Release { facts, record } => Self {
                statement: TERMINAL,
                values: terminal("release", facts, record),
            },
            LedgerEvent::Adjust {
                call,
                attempt,
                at,
                cost,
                tokens,
                ..
            } => Self {
                statement: ADJUST,
                values: adjust(*call, *attempt, at.millis(), cost, tokens.as_ref()),
            },
        })
    }

    pub(super) fn insert(self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(self.statement)?
            .execute(params_from_iter(self.values))?;
        Ok(())
    }
}

fn hold(facts: &CallFacts, amount: i64) -> Vec<Value> {
    let mut values = vec![id(facts.call), amount.into(), facts.at.millis().into()];
    values.extend(facts_tail(facts));
    values
}

fn terminal(kind: &str, facts: &CallFacts, record: &AttemptRecord) -> Vec<Value> {
    let (ended, failure, status, message) = record.end.columns();
    let served = &record.served;
    let mut values = vec![
        id(facts.call),
        record.number.into(),
        text(kind),
        facts.at.millis().into(),
        facts.at.day().into(),
    ];
    values.extend(facts_tail(facts));
    values.extend([
        text(record.lane.as_str()),
        text(record.billing.as_str()),
        text(record.requested.as_str()),
        optional(served.model.as_ref().map(|model| text(model.as_str()))),
        optional(served.provider.as_ref().map(|name| text(name.as_str()))),
        optional(served.generation.as_ref().map(|id| text(id.as_str()))),
        count(record.started_ms),
        optional(record.first_token_ms.map(count)),
        count(record.took_ms),
        text(ended),
        optional(failure.map(text)),
        optional(status.map(|status| i64::from(status).into())),
        optional(message.map(text)),
        optional(record.cost.map(|cost| cost.credits.nanos().into())),
        optional(record.cost.map(|cost| cost.provider.nanos().into())),
        optional(record.cost.map(|cost| text(cost.source.as_str()))),
    ]);
    values.extend(token_counts(&record.tokens).map(count));
    values
}

fn adjust(
    call: CallId,
    attempt: u32,
    at_ms: i64,
    cost: &Cost,
    tokens: Option<&TokenUsage>,
) -> Vec<Value> {
    let mut values = vec![
        id(call),
        attempt.into(),
        at_ms.into(),
        cost.credits.nanos().into(),
        cost.provider.nanos().into(),
        text(cost.source.as_str()),
    ];
    match tokens {
        Some(tokens) => values.extend(token_counts(tokens).map(count)),
        None => values.extend(TOKENS.map(|_| Value::Null)),
    }
    values
}

/// Caller, requested, task, policy and tags.
fn facts_tail(facts: &CallFacts) -> [Value; 5] {
    [
        text(facts.caller.as_str()),
        text(&facts.requested),
        text(facts.task.as_str()),
        text(&facts.policy),
        Value::Text(serde_json::json!(facts.tags).to_string()),
    ]
}

fn token_counts(tokens: &TokenUsage) -> [u64; 11] {
    [
        tokens.input,
        tokens.cache_read,
        tokens.cache_write,
        tokens.cache_write_1h,
        tokens.audio_input,
        tokens.output,
        tokens.reasoning,
        tokens.audio_output,
        tokens.image_output,
        tokens.images,
        tokens.web_searches,
    ]
}

/// Big-endian, so that bytes sort as ids do.
pub(super) fn id(call: CallId) -> Value {
    Value::Blob(call.as_u128().to_be_bytes().to_vec())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A count; SQLite's integers end at 2⁶³ − 1.
fn count(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

fn optional(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}
