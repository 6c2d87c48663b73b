//! LiveBench's table, a model per row and a task of its own per column, and
//! the file that says which category each column belongs to.

use std::collections::BTreeMap;

use tollgate_core::Task;

use super::csv::Csv;
use super::{Content, Reading};

/// Columns by category.
pub(super) type Categories = BTreeMap<String, Vec<String>>;

/// What a category says something of; all others are chat.
const TASKS: [(&str, Task); 4] = [
    ("Coding", Task::Code),
    ("Agentic Coding", Task::Code),
    ("Reasoning", Task::Reasoning),
    ("Mathematics", Task::Reasoning),
];

pub(super) fn read(text: &str, categories: &Categories) -> Result<Content, String> {
    let table = Csv::parse(text)?;
    let name = table.column("model")?;
    let mut readings = Vec::new();
    for task in Task::ALL {
        let columns = columns(&table, categories, task)?;
        let block = Block::read(&table, &columns)?;
        for (row, cells) in table.rows.iter().zip(&block.shares) {
            if let Some((mean, error)) = block.figure(cells) {
                readings.push(Reading {
                    name: row[name].clone(),
                    task,
                    mean,
                    error,
                    date: None,
                });
            }
        }
    }
    Ok(Content {
        readings,
        unread: table.torn,
    })
}

fn columns(table: &Csv, categories: &Categories, task: Task) -> Result<Vec<usize>, String> {
    let of = |category: &str| {
        let row = TASKS.iter().find(|(known, _)| *known == category);
        row.map_or(Task::Chat, |(_, task)| *task)
    };
    let wanted = categories
        .iter()
        .filter(|(category, _)| of(category) == task);
    wanted
        .flat_map(|(_, columns)| columns)
        .map(|heading| table.column(heading))
        .collect()
}

/// The columns of one task: shares by row, where there are any.
struct Block {
    shares: Vec<Vec<Option<f64>>>,
    /// The mean of each column.
    means: Vec<f64>,
}

impl Block {
    fn read(table: &Csv, columns: &[usize]) -> Result<Self, String> {
        let share = |row: &Vec<String>, column: usize| -> Result<Option<f64>, String> {
            let text = row[column].trim();
            if text.is_empty() {
                return Ok(None);
            }
            let percent: Option<f64> = text.parse().ok();
            let fits = percent.filter(|percent| (0.0..=100.0).contains(percent));
            let heading = &table.headings[column];
            fits.map(|percent| Some(percent / 100.0))
                .ok_or_else(|| format!("{}: {heading} = {text:?} is no percentage", row[0]))
        };
        let of_row = |row| columns.iter().map(|column| share(row, *column)).collect();
        let shares: Vec<Vec<Option<f64>>> = table
            .rows
            .iter()
            .map(of_row)
            .collect::<Result<_, String>>()?;
        let means = (0..columns.len())
            .map(|column| mean(shares.iter().filter_map(|row| row[column])).unwrap_or(0.0))
            .collect();
        Ok(Self { shares, means })
    }

    /// The mean share of a row and its error. The table does not say of how
    /// many questions a share is, so the error is measured: by how much the
    /// row's columns differ, once what makes a column hard for all is taken
    /// away. `None` for a row that lacks a column, whose mean would be of
    /// other questions, and where one column leaves nothing to measure by.
    fn figure(&self, cells: &[Option<f64>]) -> Option<(f64, f64)> {
        let shares: Vec<f64> = cells.iter().copied().collect::<Option<_>>()?;
        if shares.len() < 2 {
            return None;
        }
        let of_row = mean(shares.iter().copied())?;
        let of_all = mean(self.means.iter().copied())?;
        let rest = |(share, column): (&f64, &f64)| (share - of_row - (column - of_all)).powi(2);
        let squares: f64 = shares.iter().zip(&self.means).map(rest).sum();
        let count = shares.len() as f64;
        Some((of_row, (squares / (count - 1.0) / count).sqrt()))
    }
}

fn mean(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = figures.fold((0.0, 0_u32), |(sum, count), one| (sum + one, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
