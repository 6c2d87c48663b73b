//! Counters against the events that they follow from.

use deadpool_postgres::Object;
use tokio_postgres::IsolationLevel;

use crate::Result;

/// Questions whose every answer is something wrong, in words.
const QUESTIONS: [&str; 4] = [
    // What was spent in a window is what its events say.
    "WITH told AS (
        SELECT w.budget, w.key, w.start_ms,
            coalesce(t.credits_nanos, 0)::numeric + coalesce(t.provider_nanos, 0) AS amount
        FROM terminal AS t,
            jsonb_to_recordset(t.windows) AS w (budget text, key text, start_ms bigint)
        UNION ALL
        SELECT w.budget, w.key, w.start_ms, a.change_nanos
        FROM adjust AS a,
            jsonb_to_recordset(a.windows) AS w (budget text, key text, start_ms bigint)
        UNION ALL
        SELECT budget, key, start_ms, max(amount_nanos) FROM carried
        GROUP BY budget, key, start_ms
    ), sums AS (
        SELECT budget, key, start_ms, nanos(sum(amount)) AS spent
        FROM told GROUP BY budget, key, start_ms
    )
    SELECT format('budget %s of %L since %s ms: %s nano-dollars are counted as spent, the events say %s',
        budget, key, start_ms, coalesce(spent_nanos, 0), coalesce(spent, 0))
    FROM budget_window FULL JOIN sums USING (budget, key, start_ms)
    WHERE coalesce(spent_nanos, 0) <> coalesce(spent, 0)
    ORDER BY budget, key, start_ms",
    // What counts of an attempt in its windows is what reports show.
    "SELECT format('attempt %s of call %s: adjustments count as %s nano-dollars, they come to %s',
        t.attempt, t.call, sum(a.change_nanos),
        (array_agg(a.credits_nanos::numeric + a.provider_nanos ORDER BY a.n DESC))[1]
            - (coalesce(t.credits_nanos, 0)::numeric + coalesce(t.provider_nanos, 0)))
    FROM terminal AS t JOIN adjust AS a ON a.call = t.call AND a.attempt = t.attempt
    WHERE a.windows <> '[]'
    GROUP BY t.call, t.attempt
    HAVING sum(a.change_nanos) <>
        (array_agg(a.credits_nanos::numeric + a.provider_nanos ORDER BY a.n DESC))[1]
            - (coalesce(t.credits_nanos, 0)::numeric + coalesce(t.provider_nanos, 0))
    ORDER BY t.call, t.attempt",
    // Nothing is leased in an epoch that has not begun. More than its attempts
    // hold is no error in one that has ended: the next renewal of any node
    // returns it. Neither is less, when an upstream billed above a worst case.
    "SELECT format('budget %s of %L since %s ms: %s nano-dollars are leased by epoch %s of node %s, which is at epoch %s',
        l.budget, l.key, l.start_ms, l.left_nanos, l.epoch, l.node, n.epoch)
    FROM lease AS l JOIN node AS n ON n.name = l.node
    WHERE l.epoch > n.epoch
    ORDER BY l.budget, l.key, l.start_ms, l.node, l.epoch",
    // Who runs is who was dispatched and has not ended.
    "SELECT format('attempt %s of call %s: it %s', attempt, call,
        CASE WHEN listed THEN 'counts as running, and does not run'
        ELSE 'runs, and does not count as running' END)
    FROM (SELECT call, attempt, true AS listed FROM running) AS r
    FULL JOIN (
        SELECT d.call, d.attempt, true AS runs FROM dispatch AS d
        WHERE NOT EXISTS (
            SELECT 1 FROM terminal AS t WHERE t.call = d.call AND t.attempt = d.attempt
        )
    ) AS d USING (call, attempt)
    WHERE listed IS NULL OR runs IS NULL
    ORDER BY call, attempt",
];

pub(crate) async fn findings(client: &mut Object) -> Result<Vec<String>> {
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let mut findings = Vec::new();
    for question in QUESTIONS {
        for row in transaction.query(question, &[]).await? {
            findings.push(row.try_get(0)?);
        }
    }
    Ok(findings)
}
