//! What answers used.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tollgate_core::{HabitRow, HabitSums, ModelId};

use crate::Result;

const ADD: &str = "INSERT INTO habits AS kept
    (day, model, task, answers, log_tokens, log_tokens_squared, prompts, log_factors)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[])
ON CONFLICT (day, model, task) DO UPDATE SET
    answers = kept.answers + excluded.answers,
    log_tokens = kept.log_tokens + excluded.log_tokens,
    log_tokens_squared = kept.log_tokens_squared + excluded.log_tokens_squared,
    prompts = kept.prompts + excluded.prompts,
    log_factors = kept.log_factors + excluded.log_factors";

/// Adds rows in one statement. Nodes that add to the same ones take them in
/// the same order, so that they do not wait for each other in a ring.
pub(crate) async fn add(client: &Object, rows: &[HabitRow]) -> Result<()> {
    let rows = sums(rows);
    let days: Vec<i64> = rows.keys().map(|(day, ..)| *day).collect();
    let models: Vec<&str> = rows.keys().map(|(_, model, _)| *model).collect();
    let tasks: Vec<&str> = rows.keys().map(|(.., task)| *task).collect();
    let column = |of: fn(&HabitSums) -> i64| -> Vec<i64> { rows.values().map(of).collect() };
    let statement = client.prepare_cached(ADD).await?;
    client
        .execute(
            &statement,
            &[
                &days,
                &models,
                &tasks,
                &column(|sums| sums.answers),
                &column(|sums| sums.log_tokens),
                &column(|sums| sums.log_tokens_squared),
                &column(|sums| sums.prompts),
                &column(|sums| sums.log_factors),
            ],
        )
        .await?;
    Ok(())
}

/// One row per key: a statement may change no row twice.
fn sums(rows: &[HabitRow]) -> BTreeMap<(i64, &str, &str), HabitSums> {
    let mut sums = BTreeMap::<_, HabitSums>::new();
    for row in rows {
        let key = (row.day, row.model.as_str(), row.task.as_str());
        *sums.entry(key).or_default() += row.sums;
    }
    sums
}

const SINCE: &str =
    "SELECT day, model, task, answers, log_tokens, log_tokens_squared, prompts, log_factors
FROM habits WHERE day >= $1";

pub(crate) async fn since(client: &Object, day: i64) -> Result<Vec<HabitRow>> {
    let statement = client.prepare_cached(SINCE).await?;
    let rows = client.query(&statement, &[&day]).await?;
    let mut rows = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    // Texts sort otherwise than tasks.
    rows.sort();
    Ok(rows)
}

fn read(row: &Row) -> Result<HabitRow> {
    Ok(HabitRow {
        day: row.try_get(0)?,
        model: ModelId::new(row.try_get::<_, &str>(1)?)?,
        task: row.try_get::<_, &str>(2)?.parse()?,
        sums: HabitSums {
            answers: row.try_get(3)?,
            log_tokens: row.try_get(4)?,
            log_tokens_squared: row.try_get(5)?,
            prompts: row.try_get(6)?,
            log_factors: row.try_get(7)?,
        },
    })
}
