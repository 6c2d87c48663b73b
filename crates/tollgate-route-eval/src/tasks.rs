//! What requests are taken for: the task that routing reads off each prompt,
//! beside the kind that the table gives its row.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tollgate_core::{
    Call, CallId, CallerId, CallerKeys, Delivery, Failure, Hints, Task, Timestamp,
};
use tollgate_router::CostOptimizer;
use tollgate_wire::{ChatRequest, Message};

use crate::Table;

/// The rows of one label of a table, by the task that each was taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The table.
    pub table: String,
    /// Kind of the rows, as the table has it.
    pub kind: String,
    /// Label of the rows.
    pub label: String,
    /// How many rows were taken for each task, by [`Task::index`].
    pub rows: [usize; Task::COUNT],
}

/// Takes each prompt of a table for a request of its own, and reads its task as
/// routing does.
///
/// # Errors
/// What routing refuses; it refuses no text.
pub fn taken_for(table: &Table, optimizer: &CostOptimizer) -> Result<Vec<Taken>, Failure> {
    let mut rows: BTreeMap<(&str, &str), [usize; Task::COUNT]> = BTreeMap::new();
    for row in &table.outcomes.rows {
        let task = optimizer.profile(&call(&row.prompt)?)?.task;
        rows.entry((&row.kind, &row.task)).or_default()[task.index()] += 1;
    }
    let taken = rows.into_iter().map(|((kind, label), rows)| Taken {
        table: table.name.clone(),
        kind: kind.to_owned(),
        label: label.to_owned(),
        rows,
    });
    Ok(taken.collect())
}

fn call(prompt: &str) -> Result<Call, Failure> {
    let at = Timestamp::default();
    let request = ChatRequest::new([Message::user(prompt)]).map_err(|error| {
        Failure::new(
            tollgate_core::FailureKind::InvalidRequest,
            error.to_string(),
        )
    })?;
    Ok(Call {
        id: CallId::from_parts(at, 0),
        caller: CallerId::local(),
        at,
        timeout: Duration::from_secs(60),
        delivery: Delivery::Whole,
        hints: Hints::default(),
        request: Arc::new(request.into()),
        keys: CallerKeys::default(),
    })
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: usize = self.rows.iter().sum();
        write!(
            f,
            "{:<12} {:<10} {:<36} {all:>5}",
            self.table, self.kind, self.label
        )?;
        for (task, rows) in Task::ALL.iter().zip(self.rows) {
            write!(f, "  {task} {:>3} %", rows * 100 / all.max(1))?;
        }
        Ok(())
    }
}
