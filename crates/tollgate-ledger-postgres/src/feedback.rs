//! What was said of answers.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tollgate_core::{FeedbackRow, ModelId};

use crate::Result;

const ADD: &str = "INSERT INTO feedback AS kept (day, model, task, source, weight, sum)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
ON CONFLICT (day, model, task, source)
DO UPDATE SET weight = kept.weight + excluded.weight, sum = kept.sum + excluded.sum";

/// Adds rows in one statement. Nodes that add to the same ones take them in
/// the same order, so that they do not wait for each other in a ring.
pub(crate) async fn add(client: &Object, rows: &[FeedbackRow]) -> Result<()> {
    let sums = sums(rows);
    let rows: Vec<_> = sums.iter().collect();
    let days: Vec<i64> = rows.iter().map(|((row, ..), _)| *row).collect();
    let models: Vec<&str> = rows.iter().map(|((_, model, ..), _)| *model).collect();
    let tasks: Vec<&str> = rows.iter().map(|((_, _, task, _), _)| *task).collect();
    let sources: Vec<&str> = rows.iter().map(|((.., source), _)| *source).collect();
    let weights: Vec<i64> = rows.iter().map(|(_, (weight, _))| *weight).collect();
    let scores: Vec<i64> = rows.iter().map(|(_, (_, sum))| *sum).collect();
    let statement = client.prepare_cached(ADD).await?;
    client
        .execute(
            &statement,
            &[&days, &models, &tasks, &sources, &weights, &scores],
        )
        .await?;
    Ok(())
}

type Key<'r> = (i64, &'r str, &'r str, &'r str);

/// One row per key: a statement may change no row twice.
fn sums(rows: &[FeedbackRow]) -> BTreeMap<Key<'_>, (i64, i64)> {
    let mut sums = BTreeMap::<_, (i64, i64)>::new();
    for row in rows {
        let model = row.model.as_str();
        let key = (row.day, model, row.task.as_str(), row.source.as_str());
        let (weight, sum) = sums.entry(key).or_default();
        *weight += row.weight;
        *sum += row.sum;
    }
    sums
}

const SINCE: &str = "SELECT day, model, task, source, weight, sum FROM feedback WHERE day >= $1";

pub(crate) async fn since(client: &Object, day: i64) -> Result<Vec<FeedbackRow>> {
    let statement = client.prepare_cached(SINCE).await?;
    let rows = client.query(&statement, &[&day]).await?;
    let mut rows = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    // Texts sort otherwise than tasks and sources.
    rows.sort();
    Ok(rows)
}

fn read(row: &Row) -> Result<FeedbackRow> {
    Ok(FeedbackRow {
        day: row.try_get(0)?,
        model: ModelId::new(row.try_get::<_, &str>(1)?)?,
        task: row.try_get::<_, &str>(2)?.parse()?,
        source: row.try_get::<_, &str>(3)?.parse()?,
        weight: row.try_get(4)?,
        sum: row.try_get(5)?,
    })
}
