//! How long models answer and how they count prompts, by what their answers
//! used: log-normal lengths, shrunk to what is assumed before anything is seen.

mod length;

use std::collections::HashMap;

use tollgate_core::{HabitRow, HabitSums, Habits, ModelId, Task};

pub use self::length::AnswerLength;

/// Days after which an observation weighs half: models change behind their
/// names, and so does what a gateway is used for.
const HALF_LIFE: f64 = 30.0;

/// What is assumed of a model's lengths weighs as many answers of it, and what
/// its lengths at all tasks say of one task as many answers at that task.
///
/// Ratios of variances: of the logarithm of the lengths of 56 models at two
/// tasks (ZeroEval), the model explains 23 %, the task beside it 4 %, and 73 %
/// is within model and task. 73 / 23 and 73 / 4.
const MODEL_WEIGHT: f64 = 3.2;
const TASK_WEIGHT: f64 = 18.0;

/// The assumed spread of lengths weighs as many answers.
const SPREAD_WEIGHT: f64 = 10.0;

/// That a model counts as the estimate does weighs as many prompts. Estimates
/// are off by 4 to 13 % from prompt to prompt and vocabularies differ by as
/// much, so one would do; a gateway's prompts are much alike, and err alike.
const FACTOR_WEIGHT: f64 = 10.0;

/// How much must have been seen of a model, in answers or prompts of today, for
/// it to count at all.
const LEAST_SEEN: f64 = 1.0;

/// Thousandths, which rows count in.
const FULL: f64 = 1_000.0;

/// What is assumed of the length of answers before any was seen: log-normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthPriors {
    /// Median tokens of an answer without reasoning, indexed by [`Task::index`].
    pub medians: [f32; Task::COUNT],
    /// Standard deviation of the natural logarithm of the length.
    pub sigma: f32,
}

/// What usage has shown of models.
///
/// Lengths are log-normal, with a mean for each model and task that is the
/// posterior of a normal hierarchy: the assumption for the task, the model's
/// deviation from it at all tasks, and the task's deviation from that.
///
/// ```
/// use tollgate_catalog::{LearnedHabits, LengthPriors};
/// use tollgate_core::{HabitRow, HabitSums, ModelId, Task};
///
/// let priors = LengthPriors { medians: [349.0, 698.0, 698.0], sigma: 0.758 };
/// let mut habits = LearnedHabits::new(priors);
/// // A hundred answers of 1,000 tokens: ln 1000 is 6.908, its square 47.717.
/// let sums = HabitSums { answers: 100, log_tokens: 690_800, log_tokens_squared: 4_771_700, ..HabitSums::default() };
/// habits.add(&HabitRow { day: 20_000, model: ModelId::new("author/slug")?, task: Task::Chat, sums });
/// // They outweigh what was assumed, but for a little.
/// let expected = habits.of("author/slug", 0.0).answer_tokens[Task::Chat.index()];
/// assert!(expected.is_some_and(|tokens| (900.0..1_100.0).contains(&tokens)), "{expected:?}");
/// # Ok::<(), tollgate_core::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedHabits {
    priors: LengthPriors,
    models: HashMap<ModelId, Tally>,
    /// The newest day of all rows: what is older has faded by then.
    today: i64,
}

/// What was seen of a model, faded to a day.
#[derive(Debug, Clone, Default, PartialEq)]
struct Tally {
    day: i64,
    lengths: [Lengths; Task::COUNT],
    prompts: f64,
    log_factors: f64,
}

/// Sums over the logarithms of lengths.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Lengths {
    answers: f64,
    sum: f64,
    squares: f64,
}

impl LearnedHabits {
    /// Nothing seen yet.
    pub fn new(priors: LengthPriors) -> Self {
        Self {
            priors,
            models: HashMap::new(),
            today: i64::MIN,
        }
    }

    /// Adds what one model used at one task on one day, in any order of days.
    pub fn add(&mut self, row: &HabitRow) {
        let tally = self.models.entry(row.model.clone()).or_default();
        tally.add(row);
        self.today = self.today.max(row.day);
    }

    /// Models of which something was seen.
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether nothing was seen yet.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// What is to be expected of a model, of whose output `reasoning_share` is
    /// taken for reasoning as long as nothing else is known.
    pub fn of(&self, model: &str, reasoning_share: f32) -> Habits {
        let Some(tally) = self.tally(model) else {
            return Habits::default();
        };
        let answers: f64 = tally.lengths.iter().map(|seen| seen.answers).sum();
        let expected = |task| {
            let length = tally.length(&self.priors, task, reasoning_share);
            (answers >= LEAST_SEEN).then(|| length.mean() as f32)
        };
        Habits {
            tokens_per_estimate: tally.factor() as f32,
            answer_tokens: Task::ALL.map(expected),
        }
    }

    /// How long a model's answers are, by what was seen and what is assumed.
    pub fn length(&self, model: &str, task: Task, reasoning_share: f32) -> AnswerLength {
        let tally = self.tally(model).unwrap_or_default();
        tally.length(&self.priors, task, reasoning_share)
    }

    /// What was seen of a model, as it counts by now.
    fn tally(&self, model: &str) -> Option<Tally> {
        let mut tally = self.models.get(model)?.clone();
        tally.fade_to(self.today);
        Some(tally)
    }
}

impl LengthPriors {
    fn log_mean(&self, task: Task, reasoning_share: f32) -> f64 {
        // As far as a share is believed where it becomes a length.
        let visible = 1.0 - reasoning_share.clamp(0.0, 0.9);
        f64::from(self.medians[task.index()].max(1.0) / visible).ln()
    }

    /// The variance, which an assumption of none does not make zero.
    fn variance(&self) -> f64 {
        f64::from(self.sigma).powi(2).max(1e-4)
    }
}

impl Tally {
    fn add(&mut self, row: &HabitRow) {
        if *self == Self::default() {
            self.day = row.day;
        }
        self.fade_to(row.day);
        let weight = fade(self.day - row.day);
        self.lengths[row.task.index()].add(&row.sums, weight);
        self.prompts += weight * row.sums.prompts as f64;
        self.log_factors += weight * row.sums.log_factors as f64 / FULL;
    }

    fn fade_to(&mut self, day: i64) {
        if day <= self.day {
            return;
        }
        let fade = fade(day - self.day);
        self.day = day;
        for lengths in &mut self.lengths {
            lengths.answers *= fade;
            lengths.sum *= fade;
            lengths.squares *= fade;
        }
        self.prompts *= fade;
        self.log_factors *= fade;
    }

    /// The posterior of a task's mean: the model's deviation from what is
    /// assumed by what all tasks say of it, each as surely as it says it, and
    /// the task's own deviation from that.
    fn length(&self, priors: &LengthPriors, task: Task, reasoning_share: f32) -> AnswerLength {
        let prior = |task| priors.log_mean(task, reasoning_share);
        let (mut weights, mut sum) = (MODEL_WEIGHT, 0.0);
        for (of, lengths) in Task::ALL.into_iter().zip(&self.lengths) {
            let weight = TASK_WEIGHT * lengths.answers / (TASK_WEIGHT + lengths.answers);
            weights += weight;
            sum += weight * (lengths.mean() - prior(of));
        }
        let of_model = prior(task) + sum / weights;
        let own = &self.lengths[task.index()];
        AnswerLength {
            log_mean: (TASK_WEIGHT * of_model + own.sum) / (TASK_WEIGHT + own.answers),
            sigma: own.sigma(priors.variance()),
        }
    }

    fn factor(&self) -> f64 {
        if self.prompts < LEAST_SEEN {
            return 1.0;
        }
        (self.log_factors / (self.prompts + FACTOR_WEIGHT)).exp()
    }
}

impl Lengths {
    fn add(&mut self, sums: &HabitSums, weight: f64) {
        self.answers += weight * sums.answers as f64;
        self.sum += weight * sums.log_tokens as f64 / FULL;
        self.squares += weight * sums.log_tokens_squared as f64 / FULL;
    }

    fn mean(&self) -> f64 {
        if self.answers > 0.0 {
            self.sum / self.answers
        } else {
            0.0
        }
    }

    fn sigma(&self, assumed: f64) -> f64 {
        let about_mean = (self.squares - self.answers * self.mean().powi(2)).max(0.0);
        let variance = (about_mean + SPREAD_WEIGHT * assumed) / (self.answers + SPREAD_WEIGHT);
        variance.sqrt()
    }
}

/// What is left of an observation's weight after so many days.
fn fade(days: i64) -> f64 {
    (-(days as f64) / HALF_LIFE).exp2()
}

#[cfg(test)]
mod tests;
