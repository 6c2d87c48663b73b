//! A table narrowed to what can be chosen between: models whose costs are known.

use tollgate_router_learned::{OutcomeModel, OutcomeRow, Outcomes};

use crate::EvalError;
use crate::table::Table;

/// Answer tokens where a table has none.
pub(crate) const ASSUMED_OUTPUT: f64 = 256.0;
/// Share of the rows that a model must have answered.
const ANSWERED: f64 = 0.9;
/// Prompt bytes a token, where tokens were not counted.
const BYTES_PER_TOKEN: f64 = 4.0;

/// Outcomes of models with known costs, on prompts that all of them answered.
#[derive(Debug, Clone)]
pub struct Priced {
    /// Name of the table.
    pub name: String,
    /// The outcomes.
    pub outcomes: Outcomes,
    prices: Vec<[f64; 2]>,
}

impl Priced {
    /// Narrows a table.
    ///
    /// # Errors
    /// [`EvalError::NothingToChoose`] when that leaves fewer than two models, or no row.
    pub fn of(table: &Table, left_out: &[String]) -> Result<Self, EvalError> {
        let Outcomes { models, rows } = &table.outcomes;
        let chosen: Vec<usize> = (0..models.len())
            .filter(|model| !left_out.iter().any(|name| *name == models[*model].name))
            .filter(|model| is_priced(&models[*model], *model, rows))
            .filter(|model| answered(*model, rows) >= ANSWERED * rows.len() as f64)
            .collect();
        let kept: Vec<OutcomeRow> = rows
            .iter()
            .filter(|row| chosen.iter().all(|model| row.q[*model].is_some()))
            .map(|row| narrowed(row, &chosen))
            .collect();
        if chosen.len() < 2 || kept.is_empty() {
            return Err(EvalError::NothingToChoose {
                table: table.name.clone(),
            });
        }
        let models: Vec<OutcomeModel> = chosen.iter().map(|model| models[*model].clone()).collect();
        let prices = (0..models.len())
            .map(|model| prices(&models[model], model, &kept))
            .collect();
        Ok(Self {
            name: table.name.clone(),
            outcomes: Outcomes { models, rows: kept },
            prices,
        })
    }

    /// The rows of `part` alone.
    pub fn part(&self, part: &[usize]) -> Outcomes {
        Outcomes {
            models: self.outcomes.models.clone(),
            rows: part
                .iter()
                .map(|row| self.outcomes.rows[*row].clone())
                .collect(),
        }
    }

    /// US dollars that a call cost.
    pub fn cost(&self, row: &OutcomeRow, model: usize) -> f64 {
        match row.cost_usd.get(model).copied().flatten() {
            Some(cost) => cost,
            None => self.expected_cost(row, model, output_tokens(row, model)),
        }
    }

    /// US dollars that a call costs if the answer has that many tokens.
    pub fn expected_cost(&self, row: &OutcomeRow, model: usize, output: f64) -> f64 {
        let [input_price, output_price] = self.prices[model];
        (input_tokens(row) * input_price + output * output_price).max(0.0)
    }
}

/// Tokens of an answer, assumed where the table has none.
pub(crate) fn output_tokens(row: &OutcomeRow, model: usize) -> f64 {
    row.out_tok
        .get(model)
        .copied()
        .flatten()
        .unwrap_or(ASSUMED_OUTPUT)
}

fn input_tokens(row: &OutcomeRow) -> f64 {
    row.in_tok
        .unwrap_or(row.prompt.len() as f64 / BYTES_PER_TOKEN)
}

fn is_priced(listed: &OutcomeModel, model: usize, rows: &[OutcomeRow]) -> bool {
    let recorded = rows
        .iter()
        .any(|row| row.cost_usd.get(model).copied().flatten().is_some());
    recorded || (listed.input.is_some() && listed.output.is_some())
}

fn answered(model: usize, rows: &[OutcomeRow]) -> f64 {
    rows.iter().filter(|row| row.q[model].is_some()).count() as f64
}

fn narrowed(row: &OutcomeRow, chosen: &[usize]) -> OutcomeRow {
    fn pick<T: Copy>(values: &[Option<T>], chosen: &[usize]) -> Vec<Option<T>> {
        match values.is_empty() {
            true => Vec::new(),
            false => chosen.iter().map(|model| values[*model]).collect(),
        }
    }
    OutcomeRow {
        q: pick(&row.q, chosen),
        out_tok: pick(&row.out_tok, chosen),
        cost_usd: pick(&row.cost_usd, chosen),
        ..row.clone()
    }
}

/// Dollars a token: by the list, else by what recorded calls cost.
fn prices(listed: &OutcomeModel, model: usize, rows: &[OutcomeRow]) -> [f64; 2] {
    if let (Some(input), Some(output)) = (listed.input, listed.output) {
        return [input / 1e6, output / 1e6];
    }
    let calls = rows.iter().filter_map(|row| {
        let cost = row.cost_usd.get(model).copied().flatten()?;
        Some((input_tokens(row), output_tokens(row, model), cost))
    });
    fitted(calls)
}

/// Least squares of cost on prompt and answer tokens.
fn fitted(calls: impl Iterator<Item = (f64, f64, f64)>) -> [f64; 2] {
    let [mut ii, mut io, mut oo, mut ic, mut oc] = [0.0; 5];
    for (input, output, cost) in calls {
        ii += input * input;
        io += input * output;
        oo += output * output;
        ic += input * cost;
        oc += output * cost;
    }
    let determinant = ii * oo - io * io;
    if determinant <= 1e-9 * ii * oo {
        return [ic / f64::max(ii, 1.0), 0.0];
    }
    let input = (ic * oo - oc * io) / determinant;
    let output = (oc * ii - ic * io) / determinant;
    [input.max(0.0), output.max(0.0)]
}
