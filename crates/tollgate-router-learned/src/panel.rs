use std::f32::consts::SQRT_2;

use fearless_simd::{Level, Simd, dispatch};
use tollgate_core::{LearnedId, Quality, QualitySource, Task};

use crate::learned::AVERAGE;
use crate::predict::{logit, share};
use crate::{Assessment, Contender, Learned, Scope, Seat};

/// The models of a catalog as a learned router sees them: looked up once for a
/// catalog, used for each prompt, one after the other.
///
/// All is held by columns, one place for each model: what is expected of all of
/// them on a prompt is worked out in loops that the compiler makes vectors of.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    by: LearnedId,
    seats: Vec<Option<Seat>>,
    /// By output: what it adds to the quality. Most shares of a prompt are nothing.
    by_output: Vec<f32>,
    spreads: Vec<f32>,
    tasks: [OfTask; Task::COUNT],
    last: Expected,
}

/// What is known of the models for prompts of a task.
#[derive(Debug, Clone, PartialEq)]
struct OfTask {
    priors: Vec<f32>,
    /// What odds that were learned are multiplied with on the scale of what is
    /// published.
    scale: f32,
    published: Vec<Quality>,
    /// Odds of a good answer by what is published.
    odds: Vec<f32>,
    fates: Vec<Fate>,
    /// Where what is said of an expectation comes from.
    sources: Vec<QualitySource>,
    /// Places of those with feedback that was learned of too.
    pooled: Vec<usize>,
}

/// What is expected on the last prompt.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    means: Vec<f32>,
    errors: Vec<f32>,
    /// Errors of what was learned, on its own scale.
    learned_errors: Vec<f32>,
}

/// What becomes of a published quality at the sight of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Moved,
    Replaced,
    Pooled,
}

impl Fate {
    fn of(published: QualitySource, was_trained_on: bool) -> Self {
        match (published, was_trained_on) {
            (QualitySource::Scores, _) => Self::Moved,
            (QualitySource::Prior, false) => Self::Stays,
            (_, false) => Self::Moved,
            (QualitySource::Feedback, true) => Self::Pooled,
            (_, true) => Self::Replaced,
        }
    }
}

impl OfTask {
    fn new(published: Vec<Quality>, odds: Vec<f32>, seats: &[Option<Seat>]) -> Self {
        let members = published.iter().zip(seats);
        let fates: Vec<Fate> = members
            .map(|(one, seat)| Fate::of(one.source, seat.is_some()))
            .collect();
        let source = |(one, fate): (&Quality, &Fate)| match fate {
            Fate::Stays | Fate::Moved => one.source,
            Fate::Replaced | Fate::Pooled => QualitySource::Learned,
        };
        let places = (0..fates.len()).filter(|place| fates[*place] == Fate::Pooled);
        Self {
            priors: vec![0.0; published.len()],
            scale: 1.0,
            pooled: places.collect(),
            sources: published.iter().zip(&fates).map(source).collect(),
            published,
            odds,
            fates,
        }
    }
}

impl Panel {
    /// Which router it is of.
    pub fn by(&self) -> LearnedId {
        self.by
    }

    /// Looks at a prompt that multiplies odds by `ease`.
    fn expect(&mut self, assessment: &Assessment, ease: f32) {
        dispatch!(Level::new(), simd => self.expect_with(simd, assessment, ease));
        let task = &self.tasks[assessment.task().index()];
        for place in task.pooled.iter().copied() {
            let moved = Quality {
                mean: share(task.odds[place] * ease),
                ..task.published[place]
            };
            let both = pooled(self.last.quality(place, task), moved);
            (self.last.means[place], self.last.errors[place]) = (both.mean, both.error);
        }
    }

    /// Inlined, so that the compiler makes it of the vectors that were chosen.
    #[inline(always)]
    fn expect_with<S: Simd>(&mut self, _: S, assessment: &Assessment, ease: f32) {
        let task = &self.tasks[assessment.task().index()];
        let Expected {
            means,
            errors,
            learned_errors,
        } = &mut self.last;
        let rest = assessment.rest();
        for (mean, prior) in means.iter_mut().zip(&task.priors) {
            *mean = rest * prior;
        }
        let columns = self.by_output.chunks_exact(means.len().max(1));
        for (share, column) in assessment.outputs().iter().zip(columns) {
            if share.abs() < NOTHING {
                continue;
            }
            for (mean, value) in means.iter_mut().zip(column) {
                *mean += share * value;
            }
        }
        for ((mean, error), spread) in means
            .iter_mut()
            .zip(&mut *learned_errors)
            .zip(&self.spreads)
        {
            *mean = mean.clamp(0.01, 0.99);
            *error = assessment.error(*mean, *spread);
        }
        let known = task.published.iter().zip(&task.odds).zip(&task.fates);
        let learned = means.iter_mut().zip(errors).zip(learned_errors);
        for (((mean, error), learned_error), ((published, odds), fate)) in learned.zip(known) {
            let there = on_scale(task.scale, *mean, *learned_error);
            let is_learned = matches!(fate, Fate::Replaced | Fate::Pooled);
            let is_moved = *fate == Fate::Moved;
            let kept = either(is_moved, share(odds * ease), published.mean);
            *mean = either(is_learned, there.0, kept);
            *error = either(is_learned, there.1, published.error);
        }
    }
}

impl Expected {
    #[inline]
    fn quality(&self, place: usize, task: &OfTask) -> Quality {
        Quality {
            mean: self.means[place],
            error: self.errors[place],
            source: task.sources[place],
        }
    }
}

/// One of two figures, both of them worked out: which it will be is hard to guess.
#[inline(always)]
fn either(is_first: bool, first: f32, second: f32) -> f32 {
    let mask = u32::from(is_first).wrapping_neg();
    f32::from_bits((first.to_bits() & mask) | (second.to_bits() & !mask))
}

/// The share that the odds `quality / (1 - quality)` times the scale are, and the
/// error, as much wider or narrower as it is there.
#[inline(always)]
fn on_scale(scale: f32, quality: f32, error: f32) -> (f32, f32) {
    let whole = 1.0 - quality + quality * scale;
    (quality * scale / whole, error * scale / (whole * whole))
}

/// A share of an output that moves no quality to speak of.
const NOTHING: f32 = 1e-5;

/// What a learned router expects of the models of a panel on one prompt.
#[derive(Debug)]
pub struct Insight<'a> {
    learned: &'a Learned,
    panel: &'a Panel,
    task: &'a OfTask,
    assessment: Assessment,
}

impl Learned {
    /// Looks the models of a catalog up. `published` is their quality by task;
    /// `find` gives the place there of a model by the name that it was trained
    /// under.
    ///
    /// What was learned is on the scale of the training prompts, which may be
    /// easier or harder than those that scores were published of. Models that
    /// have both figures say by how much, so that those with one can compete
    /// with those with the other.
    pub fn panel(
        &self,
        published: &[[Quality; Task::COUNT]],
        find: impl Fn(&str) -> Option<usize>,
    ) -> Panel {
        let count = published.len();
        let mut seats = vec![None; count];
        for (name, number) in self.names.iter().zip(0_u16..) {
            if let Some(place) = find(name).filter(|place| *place < count) {
                seats[place] = Some(Seat(number));
            }
        }
        let mut by_output = vec![0.0; self.shape.outputs() * count];
        let mut spreads = vec![0.0; count];
        for (place, seat) in seats.iter().enumerate() {
            let Some(seat) = *seat else { continue };
            spreads[place] = self.spread_of(seat);
            for (output, value) in self.seat_values(seat).iter().enumerate() {
                by_output[output * count + place] = *value;
            }
        }
        Panel {
            by: self.id,
            tasks: Task::ALL.map(|task| self.of_task(task, published, &seats)),
            seats,
            by_output,
            spreads,
            last: Expected {
                means: vec![0.0; count],
                errors: vec![0.0; count],
                learned_errors: vec![0.0; count],
            },
        }
    }

    fn of_task(
        &self,
        task: Task,
        published: &[[Quality; Task::COUNT]],
        seats: &[Option<Seat>],
    ) -> OfTask {
        let published: Vec<Quality> = published.iter().map(|of| of[task.index()]).collect();
        let odds = published.iter().map(|one| self.odds_by_score(one.mean));
        let odds = odds.collect();
        let mut of_task = OfTask::new(published, odds, seats);
        let (mut apart, mut both) = (0.0, 0.0);
        for (place, seat) in seats.iter().enumerate() {
            let Some(Seat(number)) = seat else { continue };
            let prior = self.priors[AVERAGE + 1 + usize::from(*number)][task.index()];
            of_task.priors[place] = prior;
            let published = of_task.published[place];
            if published.source != QualitySource::Prior {
                apart += bounded_logit(published.mean) - bounded_logit(prior);
                both += 1.0;
            }
        }
        of_task.scale = (apart / f32::max(both, 1.0)).exp();
        of_task
    }

    /// What is expected of the models of a panel on a prompt.
    pub fn insight<'a>(&'a self, panel: &'a mut Panel, assessment: Assessment) -> Insight<'a> {
        debug_assert_eq!(
            panel.by, self.id,
            "seats of one router mean nothing to another"
        );
        panel.expect(&assessment, self.ease(&assessment, Scope::Task));
        Insight {
            learned: self,
            task: &panel.tasks[assessment.task().index()],
            panel,
            assessment,
        }
    }
}

impl Insight<'_> {
    /// How the prompt looks.
    pub fn assessment(&self) -> &Assessment {
        &self.assessment
    }

    /// Quality of one model of the panel, in the place of what is published of it.
    ///
    /// | published | trained on | not trained on |
    /// |---|---|---|
    /// | the user's own score | moved by the difficulty | moved |
    /// | feedback | moved, and pooled with what was learned by inverse variance | moved |
    /// | a benchmark | what was learned | moved |
    /// | a prior | what was learned | as it is |
    ///
    /// *Moved* is by how hard the prompt is beside other prompts of its task.
    ///
    /// # Panics
    /// For a place that the panel has not.
    #[inline]
    pub fn quality(&self, place: usize) -> Quality {
        self.panel.last.quality(place, self.task)
    }

    /// What `other` must be better by before it is taken in place of the `usual`
    /// model, as [`Learned::doubt`] has it, but on the scale of what is published,
    /// and less where feedback says more: the places of both, and their
    /// [qualities](Self::quality).
    pub fn doubt(&self, usual: (usize, Quality), other: (usize, Quality)) -> f32 {
        let contender = |(place, quality): (usize, Quality)| Contender {
            seat: match quality.source {
                QualitySource::Learned => self.panel.seats.get(place).copied().flatten(),
                _ => None,
            },
            error: quality.error,
        };
        let doubt = (self.learned).doubt(&self.assessment, contender(usual), contender(other));
        match (contender(usual).seat, contender(other).seat) {
            (Some(_), Some(_)) => doubt * self.width(usual).hypot(self.width(other)) / SQRT_2,
            _ => doubt,
        }
    }

    /// How wide the error of a quality is beside what was learned alone: on the
    /// scale of what is published, and narrower with feedback.
    fn width(&self, (place, quality): (usize, Quality)) -> f32 {
        quality.error / self.panel.last.learned_errors[place].max(f32::MIN_POSITIVE)
    }
}

/// The mean by inverse variance, under the source of the first.
fn pooled(first: Quality, second: Quality) -> Quality {
    let precision = |quality: &Quality| quality.error.max(1e-3).powi(-2);
    let (one, other) = (precision(&first), precision(&second));
    Quality {
        mean: (one * first.mean + other * second.mean) / (one + other),
        error: (one + other).powf(-0.5),
        source: first.source,
    }
}

fn bounded_logit(share: f32) -> f32 {
    logit(share.clamp(0.01, 0.99))
}
