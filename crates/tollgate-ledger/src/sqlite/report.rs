//! Reports. Statements are made of our own names only;
//! what a caller says is bound.

use std::fmt::Write as _;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use tollgate_core::{Dimension, Timestamp, TokenUsage, UsageQuery, UsageRow, Usd};

/// Attempts as they count now.
const BOOKED: &str = include_str!("booked.sql");

/// Sums of money: what resolved attempts owe to each, then the two parts of
/// what is unresolved, and of what failing over cost.
const MONEY: [&str; 6] = [
    "CASE WHEN source <> 'worst_case' THEN credits_nanos END",
    "CASE WHEN source <> 'worst_case' THEN provider_nanos END",
    "CASE WHEN source = 'worst_case' THEN credits_nanos END",
    "CASE WHEN source = 'worst_case' THEN provider_nanos END",
    "CASE WHEN source <> 'worst_case' AND lost THEN credits_nanos END",
    "CASE WHEN source <> 'worst_case' AND lost THEN provider_nanos END",
];

pub(super) fn usage(
    connection: &Connection,
    query: &UsageQuery,
) -> rusqlite::Result<Vec<UsageRow>> {
    let question = Question::new(query)?;
    // Not kept: there are many breakdowns, and few reports.
    let mut statement = connection.prepare(&question.sql)?;
    let values = params_from_iter(question.values);
    let mut rows = statement
        .query_map(values, |row| usage_row(row, &query.by))?
        .collect::<rusqlite::Result<Vec<UsageRow>>>()?;
    rows.sort_by(|a, b| b.cost().cmp(&a.cost()).then_with(|| a.key.cmp(&b.key)));
    Ok(rows)
}

/// A statement and what is bound to it.
#[derive(Default)]
struct Question {
    sql: String,
    values: Vec<Value>,
}

impl Question {
    fn new(query: &UsageQuery) -> rusqlite::Result<Self> {
        let mut question = Self::default();
        question.sql.push_str("SELECT ");
        for by in &query.by {
            let column = question.column(by)?;
            let _ = write!(question.sql, "{column}, ");
        }
        question.sql.push_str("count(*), sum(last), sum(failed)");
        for summand in MONEY.iter().chain(&TokenUsage::CLASSES) {
            // SQLite's sum fails beyond 64 bits, so the halves are summed apart.
            let _ = write!(
                question.sql,
                ", coalesce(sum(({summand}) >> 32), 0), coalesce(sum(({summand}) & 4294967295), 0)"
            );
        }
        let _ = write!(question.sql, " FROM ({BOOKED}) AS booked WHERE true");
        for (moment, comparison) in [(query.since, ">="), (query.until, "<")] {
            let Some(moment) = moment else { continue };
            let place = question.bind(moment.millis().into());
            let _ = write!(question.sql, " AND at_ms {comparison} {place}");
        }
        if let Some(caller) = &query.caller {
            let place = question.bind(Value::Text(caller.to_string()));
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
    fn column(&mut self, by: &Dimension) -> rusqlite::Result<String> {
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
            other => return Err(rusqlite::Error::InvalidColumnName(other.to_string())),
        };
        Ok(column.to_owned())
    }

    fn tag(&mut self, name: &str) -> String {
        let name = self.bind(Value::Text(name.to_owned()));
        format!(
            "coalesce((SELECT value ->> 1 FROM json_each(tags)
                       WHERE value ->> 0 = {name} ORDER BY key LIMIT 1), '')"
        )
    }

    /// Where the statement names the value.
    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }
}

fn usage_row(row: &Row<'_>, by: &[Dimension]) -> rusqlite::Result<UsageRow> {
    let keys = by.len();
    let key = by.iter().enumerate().map(|(at, by)| key(row, at, by));
    let key = key.collect::<Result<_, _>>()?;
    let plain = |place: usize| {
        row.get::<_, i64>(keys + place)
            .map(|n| UsageRow::count(n.into()))
    };
    let sum = |place: usize| exact_sum(row, keys + 3 + 2 * place);
    Ok(UsageRow {
        key,
        attempts: plain(0)?,
        calls: plain(1)?,
        failed: plain(2)?,
        credits: Usd::from_nanos_i128(sum(0)?),
        provider: Usd::from_nanos_i128(sum(1)?),
        unresolved: Usd::from_nanos_i128(sum(2)?.saturating_add(sum(3)?)),
        failover: Usd::from_nanos_i128(sum(4)?.saturating_add(sum(5)?)),
        tokens: TokenUsage::of_counts(|class| sum(MONEY.len() + class).map(UsageRow::count))?,
    })
}

fn key(row: &Row<'_>, at: usize, by: &Dimension) -> rusqlite::Result<String> {
    match by {
        Dimension::Day => row.get(at).map(Dimension::day),
        Dimension::Hour => row.get(at).map(Timestamp::from_millis).map(Dimension::hour),
        _ => row.get(at),
    }
}

/// The sum whose upper and lower halves stand at `at` and after it.
fn exact_sum(row: &Row<'_>, at: usize) -> rusqlite::Result<i128> {
    let (upper, lower): (i64, i64) = (row.get(at)?, row.get(at + 1)?);
    Ok((i128::from(upper) << 32) + i128::from(lower))
}
