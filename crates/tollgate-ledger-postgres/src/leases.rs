//! Slices of budgets that nodes take before they spend them.

use deadpool_postgres::{Object, Transaction};
use tokio::sync::Mutex;
use tokio_postgres::{IsolationLevel, Row};
use tollgate_core::{Grant, LeaseAsk, Leased, Usd};

use crate::Result;
use crate::config::{Commit, PostgresConfig, millis};
use crate::rows::{count, text};
use crate::windows::Windows;

/// Keeps a node. An epoch that is not `$3`, the one that its process knows, is
/// of another process that had the name, or has ended: a new one begins.
const KEEP: &str = "INSERT INTO node (name, epoch, expires_at)
VALUES ($1, 1, now() + $2::bigint * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE
SET epoch = node.epoch + (node.epoch <> $3::bigint)::int, expires_at = excluded.expires_at
RETURNING epoch";

/// Ends the epochs of nodes that did not renew. Waits for those of them that
/// are writing, one after the other in one order, and leaves out who has renewed
/// meanwhile.
const FENCE: &str = "UPDATE node SET epoch = epoch + 1, expires_at = NULL
WHERE name IN (SELECT name FROM node WHERE expires_at < now() ORDER BY name FOR UPDATE)
RETURNING name";

/// Leaves of leases of epochs that have ended what is held for attempts that
/// have not. It finds nothing more to do the second time, so it may come any
/// time after the end of the epoch: what has not been returned is still leased.
const RETURN: &str = "WITH held AS (
    SELECT w.budget, w.key, w.start_ms, d.node, d.epoch, nanos(sum(d.worst_nanos)) AS amount
    FROM running AS r
    JOIN dispatch AS d ON d.call = r.call AND d.attempt = r.attempt AND d.epoch > 0,
        jsonb_to_recordset(d.windows) AS w (budget text, key text, start_ms bigint)
    GROUP BY w.budget, w.key, w.start_ms, d.node, d.epoch
)
UPDATE lease AS l SET left_nanos = coalesce(h.amount, 0)
FROM lease AS ended
JOIN node AS n ON n.name = ended.node AND n.epoch <> ended.epoch
LEFT JOIN held AS h
    ON h.budget = ended.budget AND h.key = ended.key AND h.start_ms = ended.start_ms
    AND h.node = ended.node AND h.epoch = ended.epoch
WHERE l.budget = ended.budget AND l.key = ended.key AND l.start_ms = ended.start_ms
    AND l.node = ended.node AND l.epoch = ended.epoch
    AND l.left_nanos > coalesce(h.amount, 0)";

const SWEEP: &str = "DELETE FROM lease WHERE left_nanos = 0";

/// Finds a node when its leases of the epoch have not ended. The lock keeps it
/// so until the transaction ends.
const LIVES: &str = "SELECT FROM node
WHERE name = $1 AND epoch = $2 AND expires_at IS NOT NULL FOR SHARE";

/// What the windows have room for, in the order in which they are given.
const ROOM: &str = "SELECT b.spent_nanos,
    nanos(coalesce(sum(l.left_nanos), 0)),
    nanos(coalesce(sum(l.left_nanos) FILTER (WHERE l.node = $4 AND l.epoch = $5), 0)),
    count(*) FILTER (WHERE l.node <> $4 AND l.left_nanos > 0 AND l.epoch = n.epoch)
FROM unnest($1::text[], $2::text[], $3::bigint[])
    WITH ORDINALITY AS asked (budget, key, start_ms, place)
JOIN budget_window AS b USING (budget, key, start_ms)
LEFT JOIN lease AS l USING (budget, key, start_ms)
LEFT JOIN node AS n ON n.name = l.node
GROUP BY asked.place, b.spent_nanos
ORDER BY asked.place";

const TAKE: &str = "INSERT INTO lease (budget, key, start_ms, node, epoch, left_nanos)
SELECT budget, key, start_ms, $4, $5, left_nanos
FROM unnest($1::text[], $2::text[], $3::bigint[], $6::bigint[])
    AS asked (budget, key, start_ms, left_nanos)
ON CONFLICT (budget, key, start_ms, node, epoch) DO UPDATE SET left_nanos = excluded.left_nanos
WHERE lease.left_nanos <> excluded.left_nanos";

/// This process as a node that leases.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// The epoch that it is in, 0 before the first. What another process of
    /// this name leased is not known here, so it must end first.
    epoch: Mutex<i64>,
}

impl Node {
    /// Keeps this node's leases and ends those of nodes that are gone.
    pub(crate) async fn renew(&self, client: &Object, config: &PostgresConfig) -> Result<u64> {
        let epoch = self.keep(client, config).await?.try_into()?;
        // Not one transaction: what one of these leaves undone, the next
        // renewal of any node does, and none waits while it locks others out.
        for sql in [FENCE, RETURN, SWEEP] {
            let statement = client.prepare_cached(sql).await?;
            let rows = client.query(&statement, &[]).await?;
            for row in rows {
                let node: &str = row.try_get(0)?;
                tracing::warn!(node, "a node is gone; its leases of budgets have ended");
            }
        }
        Ok(epoch)
    }

    /// Ends this node's own epoch too.
    pub(crate) async fn begin(&self, client: &Object, config: &PostgresConfig) -> Result<u64> {
        *self.epoch.lock().await = 0;
        self.renew(client, config).await
    }

    async fn keep(&self, client: &Object, config: &PostgresConfig) -> Result<i64> {
        let mut epoch = self.epoch.lock().await;
        let statement = client.prepare_cached(KEEP).await?;
        let row = client
            .query_one(
                &statement,
                &[&text(&config.node), &millis(config.lease_for), &*epoch],
            )
            .await?;
        *epoch = row.try_get(0)?;
        Ok(*epoch)
    }

    /// Gives back and takes, all in one transaction.
    pub(crate) async fn lease(
        &self,
        client: &mut Object,
        config: &PostgresConfig,
        asks: &[LeaseAsk],
    ) -> Result<Leased> {
        let mut epoch = *self.epoch.lock().await;
        if epoch == 0 {
            self.renew(client, config).await?;
            epoch = *self.epoch.lock().await;
        }
        loop {
            if let Some(leased) = ask(client, config, epoch, asks).await? {
                return Ok(leased);
            }
            // The leases ended because nobody renewed them; these are new.
            epoch = self.keep(client, config).await?;
        }
    }
}

/// `None` when this node's leases have ended.
async fn ask(
    client: &mut Object,
    config: &PostgresConfig,
    epoch: i64,
    asks: &[LeaseAsk],
) -> Result<Option<Leased>> {
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await?;
    if config.commit == Commit::Soon {
        // A slice that the server forgets would be spent twice.
        transaction
            .batch_execute("SET LOCAL synchronous_commit TO on")
            .await?;
    }
    let node = text(&config.node);
    let statement = transaction.prepare_cached(LIVES).await?;
    if transaction.execute(&statement, &[&node, &epoch]).await? == 0 {
        return Ok(None);
    }
    let windows: Windows = asks.iter().map(|ask| &ask.window).collect();
    windows.lock(&transaction).await?;
    let mut rooms = rooms(&transaction, &windows, &node, epoch).await?;
    let grants = asks
        .iter()
        .map(|ask| rooms[windows.place(&ask.window)].answer(ask))
        .collect();
    take(&transaction, &windows, &node, epoch, &rooms).await?;
    transaction.commit().await?;
    Ok(Some(Leased {
        epoch: epoch.try_into()?,
        grants,
    }))
}

async fn rooms(
    transaction: &Transaction<'_>,
    windows: &Windows,
    node: &str,
    epoch: i64,
) -> Result<Vec<Room>> {
    let statement = transaction.prepare_cached(ROOM).await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &windows.budgets,
                &windows.keys,
                &windows.starts,
                &node,
                &epoch,
            ],
        )
        .await?;
    rows.iter().map(Room::read).collect()
}

async fn take(
    transaction: &Transaction<'_>,
    windows: &Windows,
    node: &str,
    epoch: i64,
    rooms: &[Room],
) -> Result<()> {
    let left: Vec<i64> = rooms.iter().map(|room| count(room.own)).collect();
    let statement = transaction.prepare_cached(TAKE).await?;
    transaction
        .execute(
            &statement,
            &[
                &windows.budgets,
                &windows.keys,
                &windows.starts,
                &node,
                &epoch,
                &left,
            ],
        )
        .await?;
    Ok(())
}

/// How a window stands, in a type that no sum of amounts overflows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Room {
    spent: i128,
    /// By all nodes, this one included.
    leased: i128,
    own: i128,
    /// Other nodes that lease.
    others: i64,
}

impl Room {
    fn read(row: &Row) -> Result<Self> {
        let amount = |place| row.try_get::<_, i64>(place).map(i128::from);
        Ok(Self {
            spent: amount(0)?,
            leased: amount(1)?,
            own: amount(2)?,
            others: row.try_get(3)?,
        })
    }

    /// Takes back first, so that what is given back can be taken.
    fn answer(&mut self, ask: &LeaseAsk) -> Grant {
        let nanos = |amount: Usd| i128::from(amount.nanos()).max(0);
        let given = nanos(ask.give).min(self.own);
        let free = nanos(ask.limit) - self.spent - (self.leased - given);
        let granted = nanos(ask.take).min(free).max(0);
        self.own += granted - given;
        self.leased += granted - given;
        Grant {
            granted: Usd::from_nanos_i128(granted),
            spent: Usd::from_nanos_i128(self.spent),
            nodes: u32::try_from(self.others + 1).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::{BudgetWindow, Timestamp};

    use super::*;

    fn check(room: (i128, i128, i128), ask: (i64, i64, i64), granted: i64, own: i128) {
        let (spent, leased, held) = room;
        let mut room = Room {
            spent,
            leased,
            own: held,
            others: 2,
        };
        let (limit, take, give) = ask;
        let ask = LeaseAsk {
            window: BudgetWindow {
                budget: "team".into(),
                key: "".into(),
                start: Timestamp::from_millis(0),
            },
            limit: Usd::from_nanos(limit),
            take: Usd::from_nanos(take),
            give: Usd::from_nanos(give),
        };
        let grant = room.answer(&ask);
        assert_eq!(grant.granted.nanos(), granted);
        assert_eq!(
            (grant.spent.nanos(), grant.nodes),
            (i64::try_from(spent).unwrap(), 3)
        );
        assert_eq!((room.own, room.leased), (own, leased - held + own));
    }

    #[test]
    fn what_is_left_is_granted_and_no_more() {
        // spent, leased, own; limit, take, give; granted, own afterwards
        check((0, 0, 0), (100, 30, 0), 30, 30);
        check((50, 40, 10), (100, 30, 0), 10, 20);
        check((50, 50, 10), (100, 30, 0), 0, 10);
        check((50, 50, 10), (100, 30, 4), 4, 10);
        check((50, 50, 10), (100, 0, 99), 0, 0);
        check((150, 0, 0), (100, 1, 0), 0, 0);
        check((0, 60, 60), (50, 5, 0), 0, 60);
        check((0, 0, 0), (100, -1, -1), 0, 0);
        check((0, 9, 9), (-1, 5, 0), 0, 9);
        check(
            (0, 0, 0),
            (i64::MAX, i64::MAX, 0),
            i64::MAX,
            i64::MAX.into(),
        );
        check(
            (5, 0, 0),
            (i64::MAX, i64::MAX, 0),
            i64::MAX - 5,
            (i64::MAX - 5).into(),
        );
    }
}
