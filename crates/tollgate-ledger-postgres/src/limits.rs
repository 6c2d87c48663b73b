//! Slices of the limits of keys, that nodes take before they use them.

use deadpool_postgres::{Object, Transaction};
use std::time::Duration;
use tokio_postgres::IsolationLevel;
use tollgate_keys::{EndedSlice, SLICE_WINDOW, SliceAsk, SliceGrant};

use crate::Result;
use crate::config::millis;
use crate::rows::{count, text};

/// Makes the rows of keys that are missing and locks all, one after the other
/// in one order: whoever waits does not wait in a circle.
const LOCK: &str = "INSERT INTO limit_key (key) SELECT * FROM unnest($1::text[])
ON CONFLICT (key) DO UPDATE SET key = excluded.key WHERE false";

const END: &str = "UPDATE limit_slice AS s SET requests = e.requests, tokens = e.tokens
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS e (id, requests, tokens)
WHERE s.id = e.id";

/// What counts of each key. The clock is read now that the rows are locked: that
/// of the transaction's beginning would make slices older than they are.
const USED: &str = "SELECT least(coalesce(sum(s.requests), 0), 9223372036854775807)::bigint,
    least(coalesce(sum(s.tokens), 0), 9223372036854775807)::bigint,
    coalesce(extract(epoch FROM clock_timestamp() - min(s.at)
        FILTER (WHERE s.requests > 0 OR s.tokens > 0)) * 1000, 0)::bigint
FROM unnest($1::text[]) WITH ORDINALITY AS asked (key, place)
LEFT JOIN limit_slice AS s ON s.key = asked.key
    AND s.at >= clock_timestamp() - $2::bigint * interval '1 millisecond'
GROUP BY asked.place
ORDER BY asked.place";

/// Numbers are given in the order of the rows.
const GRANT: &str = "INSERT INTO limit_slice (key, at, requests, tokens)
SELECT key, clock_timestamp(), requests, tokens
FROM unnest($1::text[], $2::bigint[], $3::bigint[])
    WITH ORDINALITY AS granted (key, requests, tokens, place)
ORDER BY place
RETURNING id";

/// Well after a node has told the last of a slice, so that nobody waits here for
/// who still does.
const FORGET: &str = "DELETE FROM limit_slice
WHERE key = ANY($1::text[]) AND at < clock_timestamp() - 2 * $2::bigint * interval '1 millisecond'";

/// Takes back what ended and grants what is asked for, in one transaction.
pub(crate) async fn lease(
    client: &mut Object,
    ended: &[EndedSlice],
    asks: &[SliceAsk],
) -> Result<Vec<SliceGrant>> {
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await?;
    // A slice that the server forgets would be used twice.
    transaction
        .batch_execute("SET LOCAL synchronous_commit TO on")
        .await?;
    let keys = Keys::of(asks);
    execute(&transaction, LOCK, &[&keys.names]).await?;
    end(&transaction, ended).await?;
    let mut used = used(&transaction, &keys).await?;
    let amounts: Vec<_> = asks
        .iter()
        .map(|ask| used[keys.place(ask)].grant(ask))
        .collect();
    let ids = grant(&transaction, asks, &amounts).await?;
    let window = millis(SLICE_WINDOW);
    execute(&transaction, FORGET, &[&keys.names, &window]).await?;
    transaction.commit().await?;
    let grants = ids.into_iter().zip(amounts).zip(asks);
    grants
        .map(|((id, (requests, tokens)), ask)| {
            Ok(SliceGrant {
                id: id.try_into()?,
                requests: requests.try_into()?,
                tokens: tokens.try_into()?,
                frees_in: SLICE_WINDOW.saturating_sub(used[keys.place(ask)].oldest),
            })
        })
        .collect()
}

async fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<()> {
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, values).await?;
    Ok(())
}

async fn end(transaction: &Transaction<'_>, ended: &[EndedSlice]) -> Result<()> {
    let column = |of: fn(&EndedSlice) -> u64| ended.iter().map(|one| count(of(one))).collect();
    let ids: Vec<i64> = column(|one| one.id);
    let requests: Vec<i64> = column(|one| one.requests);
    let tokens: Vec<i64> = column(|one| one.tokens);
    execute(transaction, END, &[&ids, &requests, &tokens]).await
}

async fn used(transaction: &Transaction<'_>, keys: &Keys) -> Result<Vec<Used>> {
    let statement = transaction.prepare_cached(USED).await?;
    let window = millis(SLICE_WINDOW);
    let rows = transaction
        .query(&statement, &[&keys.names, &window])
        .await?;
    rows.iter()
        .map(|row| {
            let oldest: i64 = row.try_get(2)?;
            Ok(Used {
                requests: row.try_get(0)?,
                tokens: row.try_get(1)?,
                oldest: Duration::from_millis(oldest.try_into().unwrap_or(0)),
            })
        })
        .collect()
}

async fn grant(
    transaction: &Transaction<'_>,
    asks: &[SliceAsk],
    amounts: &[(i64, i64)],
) -> Result<Vec<i64>> {
    let names: Vec<_> = asks.iter().map(|ask| text(&ask.key)).collect();
    let (requests, tokens): (Vec<i64>, Vec<i64>) = amounts.iter().copied().unzip();
    let statement = transaction.prepare_cached(GRANT).await?;
    let rows = transaction
        .query(&statement, &[&names, &requests, &tokens])
        .await?;
    let ids = rows.iter().map(|row| row.try_get(0));
    let mut ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// The keys that are asked for, each once, in an order that is the same for
/// everybody.
struct Keys {
    names: Vec<String>,
}

impl Keys {
    fn of(asks: &[SliceAsk]) -> Self {
        let mut names: Vec<_> = asks.iter().map(|ask| text(&ask.key)).collect();
        names.sort_unstable();
        names.dedup();
        Self { names }
    }

    fn place(&self, ask: &SliceAsk) -> usize {
        let place = self.names.binary_search(&text(&ask.key));
        place.expect("a key that these were made of")
    }
}

/// What counts of one key.
struct Used {
    requests: i64,
    tokens: i64,
    oldest: Duration,
}

impl Used {
    fn grant(&mut self, ask: &SliceAsk) -> (i64, i64) {
        let room = |most: u64, used: i64| count(most).saturating_sub(used).max(0);
        let requests = count(ask.requests).min(room(ask.most_requests, self.requests));
        let tokens = count(ask.tokens).min(room(ask.most_tokens, self.tokens));
        self.requests = self.requests.saturating_add(requests);
        self.tokens = self.tokens.saturating_add(tokens);
        (requests, tokens)
    }
}
