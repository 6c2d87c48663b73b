//! How much a choice is held back on prompts that may be of a new task: as
//! much as it takes that no task loses that was left out of the training.

use crate::predict::{Scratch, Seat};
use crate::train::clusters::Clusters;
use crate::train::{GROUPS, LEAST_ROWS, Measured, Table, TrainConfig};
use crate::{Learned, OutcomeRow, Outcomes};

/// What is assumed where too few tasks can be left out.
const ASSUMED: f32 = 2.0;
/// Clusters from which on what is left of them says how far models lie apart.
const LEAST_CLUSTERS: usize = 4;
/// The least caution, and what each step multiplies it with.
const LEAST: f32 = 0.5;
const STEP: f32 = std::f32::consts::SQRT_2;
const STEPS: i32 = 9;
/// Standard errors that a task may lose: one in ten loses that by chance.
const CHANCE: f32 = 1.2816;

/// The least caution at which no cluster loses by more than chance when it was
/// left out and the model that looks best is taken in place of the one that is
/// best in general; more than was tried where none is enough. Each cluster is held
/// against chance by itself, so the more there are, the likelier is more caution.
pub(super) fn measured(
    outcomes: &Outcomes,
    clusters: &Clusters,
    config: &TrainConfig,
    measured: &Measured,
) -> f32 {
    if clusters.count < LEAST_CLUSTERS {
        return ASSUMED;
    }
    let groups = clusters.count.min(GROUPS);
    let mut trials: Vec<Vec<Trial>> = (0..clusters.count).map(|_| Vec::new()).collect();
    for group in 0..groups {
        let is_out = |row: usize| clusters.of_row[row] % groups == group;
        let places =
            |wanted: bool| (0..outcomes.rows.len()).filter(move |row| is_out(*row) == wanted);
        let known = Outcomes {
            models: outcomes.models.clone(),
            rows: places(false)
                .map(|row| outcomes.rows[row].clone())
                .collect(),
        };
        if known.rows.len() < LEAST_ROWS {
            continue;
        }
        let trier = Trier::of(&known, config, measured);
        let mut scratch = Scratch::default();
        for row in places(true) {
            let trial = trier.on(&outcomes.rows[row], &mut scratch);
            trials[clusters.of_row[row]].extend(trial);
        }
    }
    // What was not tried says nothing of how safe a look is.
    let tried = trials.iter().filter(|trials| !trials.is_empty()).count();
    if tried < LEAST_CLUSTERS {
        return ASSUMED;
    }
    let least = match tried == clusters.count {
        true => LEAST,
        false => ASSUMED,
    };
    let mut steps = (0..STEPS).map(|step| LEAST * STEP.powi(step));
    let holds = |caution: &f32| !trials.iter().any(|trials| loses(trials, *caution));
    let enough = steps.find(holds).unwrap_or(LEAST * STEP.powi(STEPS));
    enough.max(least)
}

/// A router that was trained without some tasks, and what it would choose
/// without a look at a prompt.
struct Trier {
    learned: Learned,
    usual: usize,
}

/// A prompt of a task that was left out.
struct Trial {
    /// What the model that looks best is expected to gain.
    gain: f32,
    /// Doubt about that, for a caution of 0 and what each unit of it adds; squares.
    doubt: [f32; 2],
    /// What it gained.
    gained: f32,
}

impl Trier {
    fn of(known: &Outcomes, config: &TrainConfig, measured: &Measured) -> Self {
        let mean = |model: usize| {
            let values = known.rows.iter().filter_map(|row| row.q[model]);
            let (sum, count) = values.fold((0.0, 0.0), |(sum, count), quality| {
                (sum + quality, count + 1.0)
            });
            sum / f32::max(count, 1.0)
        };
        Self {
            learned: Table::of(known, config).fit(config, measured),
            usual: best(known.models.len(), mean),
        }
    }

    /// Absent where it is not known how good an answer was.
    fn on(&self, row: &OutcomeRow, scratch: &mut Scratch) -> Option<Trial> {
        let assessment = self
            .learned
            .assess(row.core_task(), row.prompt.as_bytes(), scratch);
        let seat = |model: usize| Seat(model as u16);
        let expected = |model| self.learned.quality_of(&assessment, seat(model)).0;
        let other = best(row.q.len(), expected);
        Some(Trial {
            gain: expected(other) - expected(self.usual),
            doubt: self
                .learned
                .doubts(&assessment, seat(self.usual), seat(other)),
            gained: row.q[other]? - row.q[self.usual]?,
        })
    }
}

/// Whether the prompts of a task lose by more than chance.
fn loses(trials: &[Trial], caution: f32) -> bool {
    let count = trials.len().max(1) as f32;
    let (mut sum, mut squares) = (0.0, 0.0);
    for trial in trials {
        let [sampling, new] = trial.doubt;
        if trial.gain > (sampling + caution * caution * new).sqrt() {
            sum += trial.gained;
            squares += trial.gained * trial.gained;
        }
    }
    let mean = sum / count;
    let error = ((squares / count - mean * mean).max(0.0) / count).sqrt();
    mean < -CHANCE * error
}

/// The first model with the highest value.
fn best(models: usize, value: impl Fn(usize) -> f32) -> usize {
    (1..models).fold(0, |best, model| match value(model) > value(best) {
        true => model,
        false => best,
    })
}
