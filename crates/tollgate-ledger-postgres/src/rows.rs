//! Events as rows. A batch goes as one JSON array per table, which the server
//! spreads over the table's columns by their names: one bound parameter instead
//! of an array for each of up to 37 columns.

use deadpool_postgres::Object;
use serde_json::{Map, Value, json};
use tollgate_core::{AttemptRecord, CallFacts, CallId, Cost, LedgerEvent, TokenUsage};

/// The tables and how a batch is put into each; an identity column forbids
/// naming all columns of `adjust` at once.
const TABLES: [&str; 4] = [
    "INSERT INTO hold SELECT * FROM jsonb_populate_recordset(NULL::hold, $1::text::jsonb)
     ON CONFLICT DO NOTHING",
    "INSERT INTO dispatch SELECT * FROM jsonb_populate_recordset(NULL::dispatch, $1::text::jsonb)
     ON CONFLICT DO NOTHING",
    "INSERT INTO terminal SELECT * FROM jsonb_populate_recordset(NULL::terminal, $1::text::jsonb)
     ON CONFLICT DO NOTHING",
    "INSERT INTO adjust (
         call, attempt, at_ms, credits_nanos, provider_nanos, source, input, cache_read,
         cache_write, cache_write_1h, audio_input, output, reasoning, audio_output, image_output,
         images, web_searches)
     SELECT
         (r).call, (r).attempt, (r).at_ms, (r).credits_nanos, (r).provider_nanos, (r).source,
         (r).input, (r).cache_read, (r).cache_write, (r).cache_write_1h, (r).audio_input,
         (r).output, (r).reasoning, (r).audio_output, (r).image_output, (r).images,
         (r).web_searches
     FROM (
         SELECT jsonb_populate_record(NULL::adjust, entry.value) AS r, entry.ordinality
         FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS entry
     ) AS rows
     ORDER BY ordinality
     ON CONFLICT DO NOTHING",
];

/// Events on their way into their tables.
pub(crate) struct Batch {
    /// Rows by place in [`TABLES`].
    rows: [Vec<Value>; TABLES.len()],
}

impl Batch {
    pub(crate) fn of(events: &[LedgerEvent], node: &str) -> Self {
        let mut batch = Self {
            rows: Default::default(),
        };
        for event in events {
            if let Some((table, row)) = row(event, node) {
                batch.rows[table].push(row);
            }
        }
        batch
    }

    /// Inserts all rows in one transaction.
    pub(crate) async fn insert(self, client: &mut Object) -> Result<(), tokio_postgres::Error> {
        let transaction = client.transaction().await?;
        for (table, rows) in TABLES.iter().zip(self.rows) {
            if rows.is_empty() {
                continue;
            }
            let statement = transaction.prepare_cached(table).await?;
            let rows = Value::Array(rows).to_string();
            transaction.execute(&statement, &[&rows]).await?;
        }
        transaction.commit().await
    }
}

/// The place in [`TABLES`] and the row of an event.
fn row(event: &LedgerEvent, node: &str) -> Option<(usize, Value)> {
    Some(match event {
        LedgerEvent::Named { .. } | LedgerEvent::Carried { .. } => return None,
        LedgerEvent::Hold { facts, amount } => {
            let mut row = facts_of(facts);
            row.insert("amount_nanos".into(), amount.nanos().into());
            (0, row.into())
        }
        LedgerEvent::Dispatch {
            call,
            attempt,
            at,
            lane,
            model,
            worst,
            ..
        } => (
            1,
            json!({
                "call": id(*call),
                "attempt": attempt,
                "at_ms": at.millis(),
                "lane": lane,
                "model": model,
                "worst_nanos": worst.nanos(),
                "node": text(node),
            }),
        ),
        LedgerEvent::Settle { facts, record, .. } => (2, terminal("settle", facts, record)),
        LedgerEvent::Release { facts, record } => (2, terminal("release", facts, record)),
        LedgerEvent::Adjust {
            call,
            attempt,
            at,
            cost,
            tokens,
            ..
        } => {
            let mut row = Map::new();
            row.insert("call".into(), id(*call).into());
            row.insert("attempt".into(), (*attempt).into());
            row.insert("at_ms".into(), at.millis().into());
            row.extend(cost_of(cost));
            row.extend(tokens.iter().flat_map(tokens_of));
            (3, row.into())
        }
    })
}

fn terminal(kind: &str, facts: &CallFacts, record: &AttemptRecord) -> Value {
    let mut row = facts_of(facts);
    let (ended, failure, status, message) = record.end.columns();
    let own = json!({
        "attempt": record.number,
        "kind": kind,
        "day": facts.at.day(),
        "lane": record.lane,
        "billing": record.billing,
        "wanted": record.requested,
        "model": record.served.model,
        "provider": record.served.provider,
        "generation": record.served.generation,
        "started_ms": count(record.started_ms),
        "first_token_ms": record.first_token_ms.map(count),
        "took_ms": count(record.took_ms),
        "ended": ended,
        "failure": failure,
        "status": status,
        "message": message.map(text),
    });
    if let Value::Object(own) = own {
        row.extend(own);
    }
    row.extend(record.cost.iter().flat_map(cost_of));
    row.extend(tokens_of(&record.tokens));
    row.into()
}

fn facts_of(facts: &CallFacts) -> Map<String, Value> {
    let tags: Vec<[String; 2]> = facts
        .tags
        .iter()
        .map(|(key, value)| [text(key), text(value)])
        .collect();
    [
        ("call", Value::from(id(facts.call))),
        ("at_ms", facts.at.millis().into()),
        ("caller", facts.caller.as_str().into()),
        ("requested", text(&facts.requested).into()),
        ("task", facts.task.as_str().into()),
        ("policy", text(&facts.policy).into()),
        ("tags", json!(tags)),
    ]
    .map(|(column, value)| (column.to_owned(), value))
    .into_iter()
    .collect()
}

fn cost_of(cost: &Cost) -> [(String, Value); 3] {
    [
        ("credits_nanos", Value::from(cost.credits.nanos())),
        ("provider_nanos", cost.provider.nanos().into()),
        ("source", cost.source.as_str().into()),
    ]
    .map(|(column, value)| (column.to_owned(), value))
}

fn tokens_of(tokens: &TokenUsage) -> [(String, Value); 11] {
    [
        ("input", tokens.input),
        ("cache_read", tokens.cache_read),
        ("cache_write", tokens.cache_write),
        ("cache_write_1h", tokens.cache_write_1h),
        ("audio_input", tokens.audio_input),
        ("output", tokens.output),
        ("reasoning", tokens.reasoning),
        ("audio_output", tokens.audio_output),
        ("image_output", tokens.image_output),
        ("images", tokens.images),
        ("web_searches", tokens.web_searches),
    ]
    .map(|(column, tokens)| (column.to_owned(), count(tokens).into()))
}

/// The sixteen bytes in hexadecimal, which PostgreSQL reads as a uuid.
fn id(call: CallId) -> String {
    format!("{:032x}", call.as_u128())
}

/// PostgreSQL's text cannot hold NUL.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// A count; PostgreSQL's integers end at 2⁶³ − 1.
fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
