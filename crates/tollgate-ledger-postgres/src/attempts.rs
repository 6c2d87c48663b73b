//! Attempts that somebody has to look after: those that have not ended, and
//! those whose cost is not certain.

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tollgate_core::{
    CallFacts, CallId, CallerId, Cost, CostSource, GenerationId, LaneId, ModelId, OpenAttempt,
    Timestamp, Uncertain, Usd,
};

use crate::config::millis;
use crate::rows::text;
use crate::windows::from_json;
use crate::{PostgresConfig, Result};

const OPEN: &str = "SELECT d.call::text, d.attempt, d.at_ms, d.lane, d.billing, d.model,
    d.worst_nanos, g.generation, d.windows::text,
    h.caller, coalesce(h.at_ms, d.at_ms), coalesce(h.requested, d.model), coalesce(h.task, ''),
    coalesce(h.policy, ''), coalesce(h.tags, '[]')::text
FROM running AS r
JOIN dispatch AS d ON d.call = r.call AND d.attempt = r.attempt
LEFT JOIN named AS g ON g.call = r.call AND g.attempt = r.attempt
LEFT JOIN LATERAL (
    SELECT * FROM hold WHERE hold.call = d.call ORDER BY amount_nanos LIMIT 1
) AS h ON true
WHERE d.node = $1 OR (
    d.at_ms < extract(epoch FROM now()) * 1000 - $2::bigint
    AND NOT EXISTS (
        SELECT 1 FROM node AS n WHERE n.name = d.node AND n.expires_at IS NOT NULL
            AND d.epoch IN (0, n.epoch)
    )
)
ORDER BY d.at_ms, d.call, d.attempt";

const UNCERTAIN: &str = "SELECT t.call::text, t.attempt, t.at_ms, t.lane,
    coalesce(t.generation, g.generation), coalesce(a.credits_nanos, t.credits_nanos),
    coalesce(a.provider_nanos, t.provider_nanos), coalesce(a.source, t.source), t.windows::text
FROM terminal AS t
LEFT JOIN named AS g ON g.call = t.call AND g.attempt = t.attempt
LEFT JOIN LATERAL (
    SELECT * FROM adjust WHERE adjust.call = t.call AND adjust.attempt = t.attempt
    ORDER BY n DESC LIMIT 1
) AS a ON true
WHERE t.source IN ('estimated', 'worst_case') AND t.at_ms >= $1 AND t.billing <> 'caller'
    AND coalesce(a.source, t.source) IN ('estimated', 'worst_case')
    AND coalesce(t.generation, g.generation) IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM dispatch AS d
        JOIN node AS n ON n.name = d.node AND n.expires_at IS NOT NULL AND n.name <> $2
        WHERE d.call = t.call AND d.attempt = t.attempt
    )
ORDER BY t.at_ms, t.call, t.attempt";

/// Attempts of this node that have not ended, and those that other nodes lost.
pub(crate) async fn open(client: &Object, config: &PostgresConfig) -> Result<Vec<OpenAttempt>> {
    let statement = client.prepare_cached(OPEN).await?;
    let rows = client
        .query(
            &statement,
            &[&text(&config.node), &millis(config.lost_after)],
        )
        .await?;
    rows.iter().map(open_attempt).collect()
}

fn open_attempt(row: &Row) -> Result<OpenAttempt> {
    let caller: Option<&str> = row.try_get(9)?;
    Ok(OpenAttempt {
        facts: CallFacts {
            call: call(row)?,
            caller: caller.map_or(Ok(CallerId::local()), CallerId::new)?,
            at: Timestamp::from_millis(row.try_get(10)?),
            requested: row.try_get(11)?,
            task: row.try_get::<_, &str>(12)?.parse().unwrap_or_default(),
            policy: row.try_get(13)?,
            tags: serde_json::from_str(row.try_get(14)?)?,
        },
        attempt: row.try_get::<_, i64>(1)?.try_into()?,
        lane: LaneId::new(row.try_get::<_, &str>(3)?)?,
        billing: row.try_get::<_, &str>(4)?.parse()?,
        model: ModelId::new(row.try_get::<_, &str>(5)?)?,
        at: Timestamp::from_millis(row.try_get(2)?),
        worst: Usd::from_nanos(row.try_get(6)?),
        generation: row
            .try_get::<_, Option<&str>>(7)?
            .map(GenerationId::new)
            .transpose()?,
        windows: from_json(row.try_get(8)?)?,
    })
}

/// Attempts whose cost is a guess and can be asked for.
pub(crate) async fn uncertain(
    client: &Object,
    config: &PostgresConfig,
    since: Timestamp,
) -> Result<Vec<Uncertain>> {
    let statement = client.prepare_cached(UNCERTAIN).await?;
    let rows = client
        .query(&statement, &[&since.millis(), &text(&config.node)])
        .await?;
    rows.iter().map(uncertain_attempt).collect()
}

fn uncertain_attempt(row: &Row) -> Result<Uncertain> {
    let source = match row.try_get(7)? {
        "estimated" => CostSource::Estimated,
        _ => CostSource::WorstCase,
    };
    let cost = Cost {
        credits: Usd::from_nanos(row.try_get(5)?),
        provider: Usd::from_nanos(row.try_get(6)?),
        source,
    };
    Ok(Uncertain {
        call: call(row)?,
        attempt: row.try_get::<_, i64>(1)?.try_into()?,
        at: Timestamp::from_millis(row.try_get(2)?),
        lane: LaneId::new(row.try_get::<_, &str>(3)?)?,
        generation: GenerationId::new(row.try_get::<_, &str>(4)?)?,
        cost,
        windows: from_json(row.try_get(8)?)?,
    })
}

/// The call that the row begins with.
pub(crate) fn call(row: &Row) -> Result<CallId> {
    let text: &str = row.try_get(0)?;
    let number = u128::from_str_radix(&text.replace('-', ""), 16)?;
    Ok(CallId::from_u128(number))
}
