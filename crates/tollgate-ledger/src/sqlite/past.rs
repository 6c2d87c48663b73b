//! One call that has ended, with its attempts as they count now.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tollgate_core::{
    AttemptEnd, AttemptRecord, CallFacts, CallId, CallerId, Cost, CostSource, GenerationId, LaneId,
    ModelId, ProviderId, Receipt, Served, Timestamp, TokenUsage, Usd,
};

use super::attempts::{call, parsed};

const BY_GENERATION: &str = "SELECT call FROM terminal
WHERE generation = ?1 AND caller = ?2 ORDER BY at_ms DESC, call DESC LIMIT 1";

const HELD: &str = "SELECT max(amount_nanos) FROM hold WHERE call = ?1";

const ATTEMPTS: &str = "SELECT t.at_ms, t.requested, t.task, t.policy, t.tags,
    t.attempt, t.lane, t.billing, t.wanted, t.model, t.provider, t.generation,
    t.started_ms, t.first_token_ms, t.took_ms, t.ended, t.failure, t.status, t.message,
    coalesce(c.credits_nanos, t.credits_nanos), coalesce(c.provider_nanos, t.provider_nanos),
    coalesce(c.source, t.source),
    coalesce(k.input, t.input), coalesce(k.cache_read, t.cache_read),
    coalesce(k.cache_write, t.cache_write), coalesce(k.cache_write_1h, t.cache_write_1h),
    coalesce(k.audio_input, t.audio_input), coalesce(k.output, t.output),
    coalesce(k.reasoning, t.reasoning), coalesce(k.audio_output, t.audio_output),
    coalesce(k.image_output, t.image_output), coalesce(k.images, t.images),
    coalesce(k.web_searches, t.web_searches)
FROM terminal AS t
LEFT JOIN adjust AS c ON c.call = t.call AND c.attempt = t.attempt
    AND c.n = (SELECT max(n) FROM adjust WHERE call = t.call AND attempt = t.attempt)
LEFT JOIN adjust AS k ON k.call = t.call AND k.attempt = t.attempt
    AND k.n = (
        SELECT max(n) FROM adjust
        WHERE call = t.call AND attempt = t.attempt AND input IS NOT NULL
    )
WHERE t.call = ?1 AND t.caller = ?2
ORDER BY t.attempt";

pub(super) fn find(
    connection: &Connection,
    caller: &CallerId,
    id: &str,
) -> rusqlite::Result<Option<Receipt>> {
    let by_generation = connection
        .prepare_cached(BY_GENERATION)?
        .query_row(params![id, caller.as_str()], |row| call(row, 0))
        .optional()?;
    match by_generation.or_else(|| id.parse().ok()) {
        Some(call) => receipt(connection, caller, call),
        None => Ok(None),
    }
}

fn receipt(
    connection: &Connection,
    caller: &CallerId,
    call: CallId,
) -> rusqlite::Result<Option<Receipt>> {
    let bytes = call.as_u128().to_be_bytes();
    let mut statement = connection.prepare_cached(ATTEMPTS)?;
    let rows = statement.query_map(params![bytes, caller.as_str()], |row| {
        Ok((facts(row, caller, call)?, attempt(row)?))
    })?;
    let (mut facts, attempts): (Vec<_>, Vec<_>) = rows
        .collect::<rusqlite::Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let Some(facts) = facts.pop() else {
        return Ok(None);
    };
    let mut held = connection.prepare_cached(HELD)?;
    let held: Option<i64> = held.query_row([bytes], |row| row.get(0))?;
    let held = Usd::from_nanos(held.unwrap_or_default());
    Ok(Some(Receipt::kept(facts, held, attempts)))
}

fn facts(row: &Row<'_>, caller: &CallerId, call: CallId) -> rusqlite::Result<CallFacts> {
    Ok(CallFacts {
        call,
        caller: caller.clone(),
        at: Timestamp::from_millis(row.get(0)?),
        requested: row.get(1)?,
        task: row.get::<_, String>(2)?.parse().unwrap_or_default(),
        policy: row.get(3)?,
        tags: parsed(4, serde_json::from_str(&row.get::<_, String>(4)?))?,
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    let text = |column| row.get::<_, Option<String>>(column);
    let ended: String = row.get(15)?;
    let failure = text(16)?;
    let end = AttemptEnd::of_columns(&ended, failure.as_deref(), row.get(17)?, text(18)?);
    Ok(AttemptRecord {
        number: row.get(5)?,
        lane: parsed(6, LaneId::new(row.get::<_, String>(6)?))?,
        billing: parsed(7, row.get::<_, String>(7)?.parse())?,
        requested: parsed(8, ModelId::new(row.get::<_, String>(8)?))?,
        served: Served {
            model: parsed(9, text(9)?.map(ModelId::new).transpose())?,
            provider: parsed(10, text(10)?.map(ProviderId::new).transpose())?,
            generation: parsed(11, text(11)?.map(GenerationId::new).transpose())?,
        },
        started_ms: count(row, 12)?,
        first_token_ms: row.get::<_, Option<i64>>(13)?.map(i64::unsigned_abs),
        took_ms: count(row, 14)?,
        end: parsed(15, end.ok_or("there is no such end"))?,
        tokens: TokenUsage::of_counts(|class| count(row, 22 + class))?,
        cost: cost(row)?,
    })
}

fn cost(row: &Row<'_>) -> rusqlite::Result<Option<Cost>> {
    let Some(source) = row.get::<_, Option<String>>(21)? else {
        return Ok(None);
    };
    let source = CostSource::named(&source).ok_or("there is no such source of a cost");
    let amount = |column| {
        let nanos: rusqlite::Result<Option<i64>> = row.get(column);
        nanos.map(|nanos| Usd::from_nanos(nanos.unwrap_or_default()))
    };
    Ok(Some(Cost {
        credits: amount(19)?,
        provider: amount(20)?,
        source: parsed(21, source)?,
    }))
}

/// Counts are written from unsigned numbers.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}
