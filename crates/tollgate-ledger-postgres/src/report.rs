//! Questions to the database. Statements are made of our own names only;
//! what a caller says is bound.

use std::fmt::Write as _;
use std::sync::Arc;

use deadpool_postgres::{GenericClient, Object};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use tollgate_core::{
    BudgetWindow, Dimension, Timestamp, TokenUsage, UsageQuery, UsageRow, Usd, WindowSums,
};

use crate::Result;
use crate::rows::text;

/// Attempts as they count now.
const BOOKED: &str = include_str!("booked.sql");

/// Sums of money, in the order that [`usage_row`] reads them; those of tokens
/// follow. Sums of bigint are numeric, so none can overflow.
const MONEY: [&str; 4] = [
    "CASE WHEN source <> 'worst_case' THEN credits_nanos END",
    "CASE WHEN source <> 'worst_case' THEN provider_nanos END",
    "CASE WHEN source = 'worst_case' THEN credits_nanos::numeric + provider_nanos END",
    "CASE WHEN source <> 'worst_case' AND lost THEN credits_nanos::numeric + provider_nanos END",
];

pub(crate) async fn usage(
    client: &impl GenericClient,
    query: &UsageQuery,
) -> Result<Vec<UsageRow>> {
    let question = Question::new(query)?;
    let values: Vec<&(dyn ToSql + Sync)> = question.values.iter().map(Bound::value).collect();
    // Not kept: there are many breakdowns, and few reports.
    let rows = client.query(&question.sql, &values).await?;
    let mut rows: Vec<UsageRow> = rows
        .iter()
        .map(|row| usage_row(row, &query.by))
        .collect::<Result<_>>()?;
    rows.sort_by(|a, b| b.cost().cmp(&a.cost()).then_with(|| a.key.cmp(&b.key)));
    Ok(rows)
}

/// A statement and what is bound to it.
#[derive(Default)]
struct Question {
    sql: String,
    values: Vec<Bound>,
}

enum Bound {
    Moment(i64),
    Name(String),
}

impl Bound {
    fn value(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Moment(millis) => millis,
            Self::Name(name) => name,
        }
    }
}

impl Question {
    fn new(query: &UsageQuery) -> Result<Self> {
        let mut question = Self::default();
        question.sql.push_str("SELECT ");
        for by in &query.by {
            let column = question.column(by)?;
            let _ = write!(question.sql, "{column}, ");
        }
        question
            .sql
            .push_str("count(*), count(*) FILTER (WHERE last), count(*) FILTER (WHERE failed)");
        for summand in MONEY.iter().chain(&TokenUsage::CLASSES) {
            let _ = write!(question.sql, ", coalesce(sum({summand}), 0)::text");
        }
        let _ = write!(question.sql, " FROM ({BOOKED}) AS booked WHERE true");
        for (moment, comparison) in [(query.since, ">="), (query.until, "<")] {
            let Some(moment) = moment else { continue };
            let place = question.bind(Bound::Moment(moment.millis()));
            let _ = write!(question.sql, " AND at_ms {comparison} {place}");
        }
        if let Some(caller) = &query.caller {
            let place = question.bind(Bound::Name(text(caller.as_str())));
            let _ = write!(question.sql, " AND caller = {place}");
        }
        let places: Vec<String> = (1..=query.by.len()).map(|n| n.to_string()).collect();
        if !places.is_empty() {
            let _ = write!(question.sql, " GROUP BY {}", places.join(", "));
        }
        question.sql.push_str(" HAVING count(*) > 0");
        Ok(question)
    }

    /// The expression of a dimension's value, which [`key`] reads.
    fn column(&mut self, by: &Dimension) -> Result<String> {
        let column = match by {
            Dimension::Model => "model",
            Dimension::Requested => "requested",
            Dimension::Planned => "planned",
            Dimension::Provider => "provider",
            Dimension::Task => "task",
            Dimension::Policy => "policy",
            Dimension::Caller => "caller",
            Dimension::Lane => "lane",
            Dimension::Billing => "billing",
            Dimension::Source => "coalesce(source, 'none')",
            Dimension::Day => "day",
            // The remainder of a moment before 1970 is negative.
            Dimension::Hour => "at_ms - (at_ms % 3600000 + 3600000) % 3600000",
            Dimension::Tag(name) => return Ok(self.tag(name)),
            // A dimension that was added to the vocabulary and not here.
            other => return Err(format!("this store cannot report by {other}").into()),
        };
        Ok(column.to_owned())
    }

    fn tag(&mut self, name: &str) -> String {
        let name = self.bind(Bound::Name(text(name)));
        format!(
            "coalesce((SELECT tag ->> 1
                       FROM jsonb_array_elements(tags) WITH ORDINALITY AS each (tag, n)
                       WHERE tag ->> 0 = {name} ORDER BY n LIMIT 1), '')"
        )
    }

    /// Where the statement names the value.
    fn bind(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }
}

fn usage_row(row: &Row, by: &[Dimension]) -> Result<UsageRow> {
    let keys = by.len();
    let key = by
        .iter()
        .enumerate()
        .map(|(at, by)| key(row, at, by))
        .collect::<Result<_>>()?;
    let plain =
        |place: usize| -> Result<u64> { Ok(row.try_get::<_, i64>(keys + place)?.try_into()?) };
    let sum =
        |place: usize| -> Result<i128> { Ok(row.try_get::<_, &str>(keys + 3 + place)?.parse()?) };
    Ok(UsageRow {
        key,
        attempts: plain(0)?,
        calls: plain(1)?,
        failed: plain(2)?,
        credits: Usd::from_nanos_i128(sum(0)?),
        provider: Usd::from_nanos_i128(sum(1)?),
        unresolved: Usd::from_nanos_i128(sum(2)?),
        failover: Usd::from_nanos_i128(sum(3)?),
        tokens: TokenUsage::of_counts(|class| sum(MONEY.len() + class).map(UsageRow::count))?,
    })
}

fn key(row: &Row, at: usize, by: &Dimension) -> Result<String> {
    Ok(match by {
        Dimension::Day => Dimension::day(row.try_get(at)?),
        Dimension::Hour => Dimension::hour(Timestamp::from_millis(row.try_get(at)?)),
        _ => row.try_get(at)?,
    })
}

const SPENT: &str = "SELECT key, start_ms, spent_nanos FROM budget_window
WHERE budget = $1 AND start_ms >= $2 ORDER BY start_ms, key";

/// What was spent in the windows of a budget that began at `since` or later.
pub(crate) async fn spent(
    client: &Object,
    budget: &Arc<str>,
    since: Timestamp,
) -> Result<Vec<(BudgetWindow, Usd)>> {
    let statement = client.prepare_cached(SPENT).await?;
    let rows = client
        .query(&statement, &[&text(budget), &since.millis()])
        .await?;
    let sum = |row| Ok((window(row, budget)?, Usd::from_nanos(row.try_get(2)?)));
    rows.iter().map(sum).collect()
}

const SUMS: &str = "SELECT key, start_ms, spent_nanos, (
    SELECT coalesce(max(amount_nanos), 0) FROM carried AS c
    WHERE c.budget = b.budget AND c.key = b.key AND c.start_ms = b.start_ms
)
FROM budget_window AS b WHERE budget = $1 AND start_ms >= $2 ORDER BY start_ms, key";

/// A report, and what is counted in the windows of a budget, in one view of the
/// database.
pub(crate) async fn beside(
    client: &mut Object,
    query: &UsageQuery,
    budget: &Arc<str>,
    since: Timestamp,
) -> Result<(Vec<UsageRow>, Vec<WindowSums>)> {
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let reported = usage(&transaction, query).await?;
    let statement = transaction.prepare_cached(SUMS).await?;
    let rows = transaction
        .query(&statement, &[&text(budget), &since.millis()])
        .await?;
    let sums = |row| {
        Ok(WindowSums {
            window: window(row, budget)?,
            spent: Usd::from_nanos(row.try_get(2)?),
            carried: Usd::from_nanos(row.try_get(3)?),
        })
    };
    let sums = rows.iter().map(sums).collect::<Result<_>>()?;
    Ok((reported, sums))
}

/// The key of a window, then its beginning.
fn window(row: &Row, budget: &Arc<str>) -> Result<BudgetWindow> {
    Ok(BudgetWindow {
        budget: Arc::clone(budget),
        key: row.try_get::<_, &str>(0)?.into(),
        start: Timestamp::from_millis(row.try_get(1)?),
    })
}
