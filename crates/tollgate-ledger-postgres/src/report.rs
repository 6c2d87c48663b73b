//! Questions to the database. Statements are made of the names in this file
//! only; what a caller says is bound.

use std::fmt::Write as _;

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tollgate_core::{
    CallFacts, CallId, CallerId, Dimension, LaneId, ModelId, OpenAttempt, StoreError, Timestamp,
    TokenUsage, UsageQuery, UsageRow, Usd,
};

use crate::PostgresConfig;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What is summed, in the order that [`usage_row`] reads it. Sums of bigint are
/// numeric, so none can overflow.
const SUMMANDS: [&str; 14] = [
    "CASE WHEN source <> 'worst_case' THEN credits_nanos END",
    "CASE WHEN source <> 'worst_case' THEN provider_nanos END",
    "CASE WHEN source = 'worst_case' THEN credits_nanos::numeric + provider_nanos END",
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

pub(crate) async fn usage(
    client: &Object,
    query: &UsageQuery,
) -> Result<Vec<UsageRow>, StoreError> {
    ask(client, query)
        .await
        .map_err(|source| StoreError::new("report usage", source))
}

async fn ask(client: &Object, query: &UsageQuery) -> Result<Vec<UsageRow>> {
    let columns: Vec<&str> = query
        .by
        .iter()
        .map(|by| column(*by))
        .collect::<Result<_>>()?;
    let since = query.since.map(Timestamp::millis);
    let until = query.until.map(Timestamp::millis);
    let statement = client.prepare_cached(&statement(&columns)).await?;
    let rows = client.query(&statement, &[&since, &until]).await?;
    let mut rows: Vec<UsageRow> = rows
        .iter()
        .map(|row| usage_row(row, &query.by))
        .collect::<Result<_>>()?;
    rows.sort_by(|a, b| b.cost().cmp(&a.cost()).then_with(|| a.key.cmp(&b.key)));
    Ok(rows)
}

fn statement(columns: &[&str]) -> String {
    let mut sql = String::from("SELECT ");
    for column in columns {
        let _ = write!(sql, "{column}::text, ");
    }
    sql.push_str("count(*), count(*) FILTER (WHERE last), count(*) FILTER (WHERE failed)");
    for summand in SUMMANDS {
        let _ = write!(sql, ", coalesce(sum({summand}), 0)::text");
    }
    sql.push_str(
        " FROM booked
          WHERE ($1::bigint IS NULL OR at_ms >= $1) AND ($2::bigint IS NULL OR at_ms < $2)",
    );
    if !columns.is_empty() {
        let _ = write!(sql, " GROUP BY {}", columns.join(", "));
    }
    sql.push_str(" HAVING count(*) > 0");
    sql
}

/// The column of the view that holds a dimension's value.
fn column(by: Dimension) -> Result<&'static str> {
    Ok(match by {
        Dimension::Model => "model",
        Dimension::Provider => "provider",
        Dimension::Task => "task",
        Dimension::Policy => "policy",
        Dimension::Day => "day",
        Dimension::Caller => "caller",
        Dimension::Billing => "billing",
        Dimension::Lane => "lane",
        // A dimension that was added to the vocabulary and not here.
        other => return Err(format!("this store cannot report by {}", other.as_str()).into()),
    })
}

fn usage_row(row: &Row, by: &[Dimension]) -> Result<UsageRow> {
    let keys = by.len();
    let key = by
        .iter()
        .enumerate()
        .map(|(at, by)| key(row.try_get(at)?, *by))
        .collect::<Result<_>>()?;
    let plain =
        |place: usize| -> Result<u64> { Ok(row.try_get::<_, i64>(keys + place)?.try_into()?) };
    let sum =
        |place: usize| -> Result<i128> { Ok(row.try_get::<_, &str>(keys + 3 + place)?.parse()?) };
    let class = |place: usize| sum(place).map(UsageRow::count);
    Ok(UsageRow {
        key,
        attempts: plain(0)?,
        calls: plain(1)?,
        failed: plain(2)?,
        credits: Usd::from_nanos_i128(sum(0)?),
        provider: Usd::from_nanos_i128(sum(1)?),
        unresolved: Usd::from_nanos_i128(sum(2)?),
        tokens: TokenUsage {
            input: class(3)?,
            cache_read: class(4)?,
            cache_write: class(5)?,
            cache_write_1h: class(6)?,
            audio_input: class(7)?,
            output: class(8)?,
            reasoning: class(9)?,
            audio_output: class(10)?,
            image_output: class(11)?,
            images: class(12)?,
            web_searches: class(13)?,
        },
    })
}

fn key(text: String, by: Dimension) -> Result<String> {
    if by != Dimension::Day {
        return Ok(text);
    }
    let day: i64 = text.parse()?;
    let (year, month, day) = Timestamp::from_secs(day.saturating_mul(86_400)).date();
    Ok(format!("{year:04}-{month:02}-{day:02}"))
}

const OPEN: &str = "SELECT d.call::text, d.attempt, d.at_ms, d.lane, d.model, d.worst_nanos,
    h.caller, coalesce(h.at_ms, d.at_ms), coalesce(h.requested, d.model), coalesce(h.task, ''),
    coalesce(h.policy, ''), coalesce(h.tags, '[]')::text
FROM dispatch AS d
LEFT JOIN LATERAL (
    SELECT * FROM hold WHERE hold.call = d.call ORDER BY amount_nanos LIMIT 1
) AS h ON true
WHERE NOT EXISTS (SELECT 1 FROM terminal AS t WHERE t.call = d.call AND t.attempt = d.attempt)
    AND (d.node = $1 OR d.at_ms < extract(epoch FROM now()) * 1000 - $2::bigint)
ORDER BY d.at_ms, d.call, d.attempt";

pub(crate) async fn open_attempts(
    client: &Object,
    config: &PostgresConfig,
) -> Result<Vec<OpenAttempt>, StoreError> {
    list(client, config)
        .await
        .map_err(|source| StoreError::new("list open attempts", source))
}

async fn list(client: &Object, config: &PostgresConfig) -> Result<Vec<OpenAttempt>> {
    let lost_after = i64::try_from(config.lost_after.as_millis()).unwrap_or(i64::MAX);
    let statement = client.prepare_cached(OPEN).await?;
    let rows = client
        .query(&statement, &[&config.node, &lost_after])
        .await?;
    rows.iter().map(open_attempt).collect()
}

fn open_attempt(row: &Row) -> Result<OpenAttempt> {
    let call: String = row.try_get(0)?;
    let caller: Option<&str> = row.try_get(6)?;
    Ok(OpenAttempt {
        facts: CallFacts {
            call: CallId::from_u128(u128::from_str_radix(&call.replace('-', ""), 16)?),
            caller: caller.map_or(Ok(CallerId::local()), CallerId::new)?,
            at: Timestamp::from_millis(row.try_get(7)?),
            requested: row.try_get(8)?,
            task: row.try_get::<_, &str>(9)?.parse().unwrap_or_default(),
            policy: row.try_get(10)?,
            tags: serde_json::from_str(row.try_get(11)?)?,
        },
        attempt: row.try_get::<_, i64>(1)?.try_into()?,
        lane: LaneId::new(row.try_get::<_, &str>(3)?)?,
        model: ModelId::new(row.try_get::<_, &str>(4)?)?,
        at: Timestamp::from_millis(row.try_get(2)?),
        worst: Usd::from_nanos(row.try_get(5)?),
    })
}
