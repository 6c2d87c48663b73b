//! Events as rows of their tables.

use serde_json::{Map, Value, json};
use tollgate_core::{
    AttemptRecord, BudgetWindow, CallFacts, CallId, Cost, LedgerEvent, TokenUsage,
};

use crate::windows::to_json;

/// The row of an event, which names all columns of its table that it fills. An
/// array of them becomes rows by their names.
pub(crate) fn of(event: &LedgerEvent, node: &str) -> Value {
    match event {
        LedgerEvent::Hold { facts, amount } => {
            let mut row = facts_of(facts);
            row.insert("amount_nanos".into(), amount.nanos().into());
            row.into()
        }
        LedgerEvent::Dispatch {
            call,
            attempt,
            at,
            lane,
            billing,
            model,
            worst,
            windows,
            epoch,
        } => json!({
            "call": id(*call),
            "attempt": attempt,
            "at_ms": at.millis(),
            "lane": lane,
            "billing": billing.as_str(),
            "model": model,
            "worst_nanos": worst.nanos(),
            "node": node,
            "windows": to_json(windows),
            "epoch": count(*epoch),
        }),
        LedgerEvent::Named {
            call,
            attempt,
            generation,
        } => json!({ "call": id(*call), "attempt": attempt, "generation": generation }),
        LedgerEvent::Settle {
            facts,
            record,
            windows,
        } => terminal("settle", facts, record, windows),
        LedgerEvent::Release { facts, record } => terminal("release", facts, record, &[]),
        LedgerEvent::Adjust {
            call,
            attempt,
            at,
            cost,
            tokens,
            windows,
            change,
        } => {
            let mut row = Map::new();
            row.insert("call".into(), id(*call).into());
            row.insert("attempt".into(), (*attempt).into());
            row.insert("at_ms".into(), at.millis().into());
            row.insert("windows".into(), to_json(windows));
            row.insert("change_nanos".into(), change.nanos().into());
            row.extend(cost_of(cost));
            row.extend(tokens.iter().flat_map(tokens_of));
            row.into()
        }
        LedgerEvent::Carried { window, at, amount } => json!({
            "budget": text(&window.budget),
            "key": text(&window.key),
            "start_ms": window.start.millis(),
            "at_ms": at.millis(),
            "amount_nanos": amount.nanos(),
        }),
    }
}

fn terminal(
    kind: &str,
    facts: &CallFacts,
    record: &AttemptRecord,
    windows: &[BudgetWindow],
) -> Value {
    let mut row = facts_of(facts);
    let (ended, failure, status, message) = record.end.columns();
    let own = json!({
        "attempt": record.number,
        "kind": kind,
        "day": facts.at.day(),
        "lane": record.lane,
        "billing": record.billing,
        "wanted": record.requested,
        "model": record.served.model,
        "provider": record.served.provider,
        "generation": record.served.generation,
        "started_ms": count(record.started_ms),
        "first_token_ms": record.first_token_ms.map(count),
        "took_ms": count(record.took_ms),
        "ended": ended,
        "failure": failure,
        "status": status,
        "message": message.map(text),
        "windows": to_json(windows),
    });
    if let Value::Object(own) = own {
        row.extend(own);
    }
    row.extend(record.cost.iter().flat_map(cost_of));
    row.extend(tokens_of(&record.tokens));
    row.into()
}

fn facts_of(facts: &CallFacts) -> Map<String, Value> {
    let tags: Vec<[String; 2]> = facts
        .tags
        .iter()
        .map(|(key, value)| [text(key), text(value)])
        .collect();
    [
        ("call", Value::from(id(facts.call))),
        ("at_ms", facts.at.millis().into()),
        ("caller", facts.caller.as_str().into()),
        ("requested", text(&facts.requested).into()),
        ("task", facts.task.as_str().into()),
        ("policy", text(&facts.policy).into()),
        ("tags", json!(tags)),
    ]
    .map(|(column, value)| (column.to_owned(), value))
    .into_iter()
    .collect()
}

fn cost_of(cost: &Cost) -> [(String, Value); 3] {
    [
        ("credits_nanos", Value::from(cost.credits.nanos())),
        ("provider_nanos", cost.provider.nanos().into()),
        ("source", cost.source.as_str().into()),
    ]
    .map(|(column, value)| (column.to_owned(), value))
}

fn tokens_of(tokens: &TokenUsage) -> impl Iterator<Item = (String, Value)> + use<> {
    TokenUsage::CLASSES
        .into_iter()
        .zip(tokens.counts())
        .map(|(column, tokens)| (column.to_owned(), count(tokens).into()))
}

/// The sixteen bytes in hexadecimal, which PostgreSQL reads as a uuid.
fn id(call: CallId) -> String {
    format!("{:032x}", call.as_u128())
}

/// PostgreSQL's text cannot hold NUL.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// A count; PostgreSQL's integers end at 2⁶³ − 1.
pub(crate) fn count(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
