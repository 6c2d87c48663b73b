//! One call that has ended, with its attempts as they count now.

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tollgate_core::{
    AttemptEnd, AttemptRecord, CallFacts, CallId, CallerId, Cost, CostSource, GenerationId, LaneId,
    ModelId, ProviderId, Receipt, Served, Timestamp, TokenUsage, Usd,
};

use crate::Result;
use crate::attempts::call;

const BY_GENERATION: &str = "SELECT call::text FROM terminal
WHERE generation = $1 AND caller = $2 ORDER BY at_ms DESC, call DESC LIMIT 1";

const ATTEMPTS: &str = "SELECT t.at_ms, t.requested, t.task, t.policy, t.tags::text,
    t.attempt, t.lane, t.billing, t.wanted, t.model, t.provider, t.generation,
    t.started_ms, t.first_token_ms, t.took_ms, t.ended, t.failure, t.status, t.message,
    coalesce(c.credits_nanos, t.credits_nanos), coalesce(c.provider_nanos, t.provider_nanos),
    coalesce(c.source, t.source),
    coalesce(k.input, t.input), coalesce(k.cache_read, t.cache_read),
    coalesce(k.cache_write, t.cache_write), coalesce(k.cache_write_1h, t.cache_write_1h),
    coalesce(k.audio_input, t.audio_input), coalesce(k.output, t.output),
    coalesce(k.reasoning, t.reasoning), coalesce(k.audio_output, t.audio_output),
    coalesce(k.image_output, t.image_output), coalesce(k.images, t.images),
    coalesce(k.web_searches, t.web_searches),
    (SELECT max(h.amount_nanos) FROM hold AS h WHERE h.call = t.call)
FROM terminal AS t
LEFT JOIN LATERAL (
    SELECT * FROM adjust WHERE adjust.call = t.call AND adjust.attempt = t.attempt
    ORDER BY n DESC LIMIT 1
) AS c ON true
LEFT JOIN LATERAL (
    SELECT * FROM adjust WHERE adjust.call = t.call AND adjust.attempt = t.attempt
        AND adjust.input IS NOT NULL
    ORDER BY n DESC LIMIT 1
) AS k ON true
WHERE t.call = $1::text::uuid AND t.caller = $2
ORDER BY t.attempt";

pub(crate) async fn find(client: &Object, caller: &CallerId, id: &str) -> Result<Option<Receipt>> {
    let statement = client.prepare_cached(BY_GENERATION).await?;
    let row = client
        .query_opt(&statement, &[&id, &caller.as_str()])
        .await?;
    let by_generation = row.as_ref().map(call).transpose()?;
    match by_generation.or_else(|| id.parse().ok()) {
        Some(call) => receipt(client, caller, call).await,
        None => Ok(None),
    }
}

async fn receipt(client: &Object, caller: &CallerId, call: CallId) -> Result<Option<Receipt>> {
    let number = format!("{:032x}", call.as_u128());
    let statement = client.prepare_cached(ATTEMPTS).await?;
    let rows = client
        .query(&statement, &[&number, &caller.as_str()])
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let held: Option<i64> = first.try_get(33)?;
    let held = Usd::from_nanos(held.unwrap_or_default());
    let attempts = rows.iter().map(attempt).collect::<Result<_>>()?;
    let facts = facts(first, caller, call)?;
    Ok(Some(Receipt::kept(facts, held, attempts)))
}

fn facts(row: &Row, caller: &CallerId, call: CallId) -> Result<CallFacts> {
    Ok(CallFacts {
        call,
        caller: caller.clone(),
        at: Timestamp::from_millis(row.try_get(0)?),
        requested: row.try_get(1)?,
        task: row.try_get::<_, &str>(2)?.parse().unwrap_or_default(),
        policy: row.try_get(3)?,
        tags: serde_json::from_str(row.try_get(4)?)?,
    })
}

fn attempt(row: &Row) -> Result<AttemptRecord> {
    let text = |column: usize| row.try_get::<_, Option<&str>>(column);
    let status: Option<i64> = row.try_get(17)?;
    let end = AttemptEnd::of_columns(
        row.try_get(15)?,
        text(16)?,
        status.map(u16::try_from).transpose()?,
        text(18)?.map(str::to_owned),
    );
    let first_token_ms: Option<i64> = row.try_get(13)?;
    Ok(AttemptRecord {
        number: row.try_get::<_, i64>(5)?.try_into()?,
        lane: LaneId::new(row.try_get::<_, &str>(6)?)?,
        billing: row.try_get::<_, &str>(7)?.parse()?,
        requested: ModelId::new(row.try_get::<_, &str>(8)?)?,
        served: Served {
            model: text(9)?.map(ModelId::new).transpose()?,
            provider: text(10)?.map(ProviderId::new).transpose()?,
            generation: text(11)?.map(GenerationId::new).transpose()?,
        },
        started_ms: count(row, 12)?,
        first_token_ms: first_token_ms.map(i64::unsigned_abs),
        took_ms: count(row, 14)?,
        end: end.ok_or("there is no such end of an attempt")?,
        tokens: TokenUsage::of_counts(|class| count(row, 22 + class))?,
        cost: cost(row)?,
    })
}

fn cost(row: &Row) -> Result<Option<Cost>> {
    let Some(source) = row.try_get::<_, Option<&str>>(21)? else {
        return Ok(None);
    };
    let amount = |column: usize| -> Result<Usd> {
        let nanos: Option<i64> = row.try_get(column)?;
        Ok(Usd::from_nanos(nanos.unwrap_or_default()))
    };
    Ok(Some(Cost {
        credits: amount(19)?,
        provider: amount(20)?,
        source: CostSource::named(source).ok_or("there is no such source of a cost")?,
    }))
}

/// Counts are written from unsigned numbers.
fn count(row: &Row, column: usize) -> Result<u64> {
    Ok(row.try_get::<_, i64>(column)?.unsigned_abs())
}
