//! Which attempts are open or uncertain, and what budgets have spent.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use tollgate_core::{
    Billing, BudgetWindow, CallFacts, CallId, CallerId, Cost, CostSource, GenerationId, LaneId,
    ModelId, OpenAttempt, Timestamp, Uncertain, Usd, WindowSums,
};

use super::rows::windows;

// A cross join is done in its order, which begins with the few.
const OPEN: &str = "SELECT d.call, d.attempt, d.at_ms, d.lane, d.model, d.worst_nanos,
    h.caller, coalesce(h.at_ms, d.at_ms), coalesce(h.requested, d.model), coalesce(h.task, ''),
    coalesce(h.policy, ''), coalesce(h.tags, '[]'), d.billing, d.windows, n.generation
FROM running AS r
CROSS JOIN dispatch AS d ON d.call = r.call AND d.attempt = r.attempt
LEFT JOIN hold AS h ON h.call = d.call
    AND h.amount_nanos = (SELECT min(amount_nanos) FROM hold WHERE call = d.call)
LEFT JOIN named AS n ON n.call = d.call AND n.attempt = d.attempt
ORDER BY d.at_ms, d.call, d.attempt";

pub(super) fn open(connection: &Connection) -> rusqlite::Result<Vec<OpenAttempt>> {
    connection
        .prepare_cached(OPEN)?
        .query_map([], open_attempt)?
        .collect()
}

fn open_attempt(row: &Row<'_>) -> rusqlite::Result<OpenAttempt> {
    let caller: Option<String> = row.get(6)?;
    // Rows of older schemas do not say.
    let billing: Option<String> = row.get(12)?;
    Ok(OpenAttempt {
        facts: CallFacts {
            call: call(row, 0)?,
            caller: match caller {
                Some(name) => parsed(6, CallerId::new(name))?,
                None => CallerId::local(),
            },
            at: Timestamp::from_millis(row.get(7)?),
            requested: row.get(8)?,
            task: row.get::<_, String>(9)?.parse().unwrap_or_default(),
            policy: row.get(10)?,
            tags: parsed(11, serde_json::from_str(&row.get::<_, String>(11)?))?,
        },
        attempt: row.get(1)?,
        lane: parsed(3, LaneId::new(row.get::<_, String>(3)?))?,
        model: parsed(4, ModelId::new(row.get::<_, String>(4)?))?,
        at: Timestamp::from_millis(row.get(2)?),
        worst: Usd::from_nanos(row.get(5)?),
        billing: parsed(
            12,
            billing
                .as_deref()
                .map_or(Ok(Billing::default()), str::parse),
        )?,
        windows: windows(row, 13)?,
        generation: generation(row, 14)?,
    })
}

// `source` is what counts now; it decides which attempts are uncertain.
const UNCERTAIN: &str = "SELECT call, attempt, at_ms, lane, generation, source, credits_nanos,
    provider_nanos, windows
FROM (
    SELECT t.call, t.attempt, t.at_ms, t.lane, t.windows,
        coalesce(t.generation, n.generation) AS generation,
        coalesce(a.source, t.source) AS source,
        coalesce(a.credits_nanos, t.credits_nanos) AS credits_nanos,
        coalesce(a.provider_nanos, t.provider_nanos) AS provider_nanos
    FROM terminal AS t
    LEFT JOIN named AS n ON n.call = t.call AND n.attempt = t.attempt
    LEFT JOIN adjust AS a ON a.call = t.call AND a.attempt = t.attempt
        AND a.n = (SELECT max(n) FROM adjust WHERE call = t.call AND attempt = t.attempt)
    WHERE t.at_ms >= ?1 AND t.billing <> 'caller'
)
WHERE source IN ('estimated', 'worst_case') AND generation IS NOT NULL
ORDER BY at_ms, call, attempt";

pub(super) fn uncertain(
    connection: &Connection,
    since: Timestamp,
) -> rusqlite::Result<Vec<Uncertain>> {
    connection
        .prepare_cached(UNCERTAIN)?
        .query_map([since.millis()], uncertain_attempt)?
        .collect()
}

fn uncertain_attempt(row: &Row<'_>) -> rusqlite::Result<Uncertain> {
    let source: String = row.get(5)?;
    Ok(Uncertain {
        call: call(row, 0)?,
        attempt: row.get(1)?,
        at: Timestamp::from_millis(row.get(2)?),
        lane: parsed(3, LaneId::new(row.get::<_, String>(3)?))?,
        generation: parsed(4, GenerationId::new(row.get::<_, String>(4)?))?,
        cost: Cost {
            credits: Usd::from_nanos(row.get(6)?),
            provider: Usd::from_nanos(row.get(7)?),
            source: match source == CostSource::WorstCase.as_str() {
                true => CostSource::WorstCase,
                false => CostSource::Estimated,
            },
        },
        windows: windows(row, 8)?,
    })
}

const SPENT: &str = "SELECT key, start_ms, spent_nanos FROM budget_spent
WHERE budget = ?1 AND start_ms >= ?2 ORDER BY start_ms, key";

pub(super) fn spent(
    connection: &Connection,
    budget: &str,
    since: Timestamp,
) -> rusqlite::Result<Vec<(BudgetWindow, Usd)>> {
    connection
        .prepare_cached(SPENT)?
        .query_map(params![budget, since.millis()], |row| {
            Ok((window(row, budget)?, Usd::from_nanos(row.get(2)?)))
        })?
        .collect()
}

const SUMS: &str = "SELECT key, start_ms, spent_nanos, (
    SELECT coalesce(max(amount_nanos), 0) FROM carried AS c
    WHERE c.budget = b.budget AND c.key = b.key AND c.start_ms = b.start_ms
)
FROM budget_spent AS b WHERE budget = ?1 AND start_ms >= ?2 ORDER BY start_ms, key";

pub(super) fn sums(
    connection: &Connection,
    budget: &str,
    since: Timestamp,
) -> rusqlite::Result<Vec<WindowSums>> {
    connection
        .prepare_cached(SUMS)?
        .query_map(params![budget, since.millis()], |row| {
            Ok(WindowSums {
                window: window(row, budget)?,
                spent: Usd::from_nanos(row.get(2)?),
                carried: Usd::from_nanos(row.get(3)?),
            })
        })?
        .collect()
}

/// The key of a window, then its beginning.
fn window(row: &Row<'_>, budget: &str) -> rusqlite::Result<BudgetWindow> {
    Ok(BudgetWindow {
        budget: budget.into(),
        key: row.get::<_, String>(0)?.into(),
        start: Timestamp::from_millis(row.get(1)?),
    })
}

/// The id of a call.
pub(super) fn call(row: &Row<'_>, column: usize) -> rusqlite::Result<CallId> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(CallId::from_u128(u128::from_be_bytes(bytes)))
}

fn generation(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<GenerationId>> {
    let text: Option<String> = row.get(column)?;
    parsed(column, text.map(GenerationId::new).transpose())
}

pub(super) fn parsed<T, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    column: usize,
    result: Result<T, E>,
) -> rusqlite::Result<T> {
    result.map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::open::writable;

    #[test]
    fn open_attempts_are_found_without_a_search_through_all_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let opened = writable(&path, crate::Durability::Default).unwrap();
        let plan = format!("EXPLAIN QUERY PLAN {OPEN}");
        let mut statement = opened.connection.prepare(&plan).unwrap();
        let steps = statement.query_map([], |row| row.get("detail")).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        let scans = steps.iter().filter(|step| step.starts_with("SCAN"));
        assert_eq!(scans.collect::<Vec<_>>(), ["SCAN r"], "{steps:#?}");
    }
}
