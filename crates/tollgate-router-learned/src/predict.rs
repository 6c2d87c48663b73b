use tollgate_core::{Quality, QualitySource, Task};

use crate::Learned;
use crate::learned::{AVERAGE, MOST_OUTPUTS};
use crate::text::Text;
use crate::train::NO_COLUMN;

/// Memory for reading prompts, to keep and reuse: one for each thread.
#[derive(Debug, Clone, Default)]
pub struct Scratch(Text);

/// The place of a model that was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seat(pub(crate) u16);

/// What a published score is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Tasks of all kinds.
    Overall,
    /// The task of the request alone.
    Task,
}

/// How a prompt looks to the learner: a small value without a pointer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assessment {
    task: Task,
    /// Shares of the clusters, then amounts of the skills.
    outputs: [f32; MOST_OUTPUTS],
    /// Share that no cluster has; the prior of the task answers for it.
    rest: f32,
    /// Training rows that speak for this prompt.
    evidence: f32,
    /// How unlike every cluster the prompt is, 0 to 1.
    novelty: f32,
    trust: f32,
    difficulty: f32,
}

impl Assessment {
    /// How hard the prompt is for the average model, in logits: 0 is the mean
    /// of the training prompts, more is harder.
    pub fn difficulty(&self) -> f32 {
        self.difficulty
    }

    /// How much of the prompt is made of what training prompts are made of, 0 to 1.
    pub fn trust(&self) -> f32 {
        self.trust
    }
}

/// What is expected of a model on a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Quality of the answer, 0 to 1.
    pub quality: f32,
    /// Standard error of what sets this model apart from the average one on
    /// this prompt. How hard the prompt is for all of them is not in it: that
    /// does not change which one is best.
    pub error: f32,
    /// Answer tokens; 0 when they are not known.
    pub output_tokens: f32,
}

impl Learned {
    /// Quality of each model for one prompt, in the place of what is published of it.
    ///
    /// Models that were trained on get what was learned of them, unless the user
    /// gave a score; all others keep their published quality, moved by how hard this prompt is beside
    /// other prompts of the task. A quality that is only a prior stays as it is:
    /// there is no score to move. `seats` and `qualities` go together; what is
    /// longer is left alone.
    pub fn qualities(
        &self,
        task: Task,
        prompt: &[u8],
        seats: &[Option<Seat>],
        qualities: &mut [Quality],
        scratch: &mut Scratch,
    ) -> Assessment {
        let assessment = self.assess(task, prompt, scratch);
        for (seat, quality) in seats.iter().zip(qualities) {
            *quality = match seat {
                Some(seat) if quality.source != QualitySource::Scores => {
                    let estimate = self.known(&assessment, *seat);
                    Quality {
                        mean: estimate.quality,
                        error: estimate.error,
                        source: QualitySource::Feedback,
                    }
                }
                _ if quality.source == QualitySource::Prior => *quality,
                _ => self.unseen(&assessment, *quality, Scope::Task),
            };
        }
        assessment
    }

    /// Reads a prompt of that task: at most its first and last 2 KB.
    pub fn assess(&self, task: Task, prompt: &[u8], scratch: &mut Scratch) -> Assessment {
        let text = &mut scratch.0;
        text.read(prompt);
        let mut outputs = [0.0; MOST_OUTPUTS];
        let covered = self.project(text, &mut outputs);
        let trust = (covered / self.coverage).clamp(0.0, 1.0).powi(2);
        let (clusters, skills) = outputs.split_at_mut(self.shape.clusters);
        let best = clusters.iter().copied().fold(0.0, f32::max);
        let rest = into_shares(clusters, trust * (best / SURE).min(1.0));
        for skill in &mut skills[..self.shape.skills] {
            *skill *= trust;
        }
        let evidence = clusters
            .iter()
            .zip(&self.seen)
            .map(|(share, seen)| share * seen)
            .sum();
        let likeness = ((best - STRANGE) / (LIKE - STRANGE)).clamp(0.0, 1.0);
        let mut assessment = Assessment {
            task,
            outputs,
            rest,
            evidence,
            novelty: 1.0 - likeness * (trust / SURE).min(1.0),
            trust,
            difficulty: 0.0,
        };
        let average = self.quality_at(&assessment, AVERAGE);
        assessment.difficulty = logit(self.reference) - logit(average);
        assessment
    }

    /// What is expected of a model that was trained on.
    pub fn known(&self, assessment: &Assessment, seat: Seat) -> Estimate {
        let place = AVERAGE + 1 + usize::from(seat.0);
        let quality = self.quality_at(assessment, place);
        Estimate {
            quality,
            error: self.error_at(assessment, place, quality),
            output_tokens: self.length_at(assessment, place),
        }
    }

    /// What is expected of a model by its published score: the score, moved by
    /// how hard this prompt is beside the prompts that the score is about.
    pub fn unseen(&self, assessment: &Assessment, published: Quality, scope: Scope) -> Quality {
        let beside = match scope {
            Scope::Overall => 0.0,
            Scope::Task => self.task_difficulty[assessment.task.index()],
        };
        let [base, by_score, by_difficulty] = self.of_score;
        let score = logit(published.mean.clamp(0.01, 0.99));
        let moved = by_difficulty * (assessment.difficulty - beside);
        Quality {
            mean: sigmoid(base + by_score * score - moved),
            ..published
        }
    }

    /// Adds the weights of the prompt's columns; gives the share that has columns.
    fn project(&self, text: &Text, outputs: &mut [f32; MOST_OUTPUTS]) -> f32 {
        let width = self.shape.width();
        let outputs = &mut outputs[..width];
        let mut covered = 0.0;
        for (bucket, weight) in text.ngrams() {
            let column = self.column_of[usize::from(*bucket)];
            if column == NO_COLUMN {
                continue;
            }
            covered += weight * weight;
            let at = usize::from(column) * width;
            for (output, step) in outputs.iter_mut().zip(&self.weights[at..at + width]) {
                *output += weight * f32::from(*step);
            }
        }
        for (output, step) in outputs.iter_mut().zip(&self.steps) {
            *output *= step;
        }
        let figures = self.scaling.of(text.figures());
        for (value, weights) in figures.iter().zip(self.figure_weights.chunks_exact(width)) {
            for (output, weight) in outputs.iter_mut().zip(weights) {
                *output += value * weight;
            }
        }
        covered
    }

    fn quality_at(&self, assessment: &Assessment, place: usize) -> f32 {
        let width = self.shape.width();
        let seat = &self.seats[place * width..(place + 1) * width];
        let prior = self.priors[place][assessment.task.index()];
        let learned = product(seat, &assessment.outputs);
        (learned + assessment.rest * prior).clamp(0.01, 0.99)
    }

    fn error_at(&self, assessment: &Assessment, place: usize, quality: f32) -> f32 {
        let sampling = SET_APART * quality * (1.0 - quality) / (1.0 + assessment.evidence);
        let unlike = assessment.novelty * self.spreads[place];
        (sampling + unlike * unlike).sqrt()
    }

    /// Where the prompt is like none before, models are taken to write as much
    /// as the average one: how wordy each is depends on the task more than on it.
    fn length_at(&self, assessment: &Assessment, place: usize) -> f32 {
        let clusters = self.shape.clusters;
        let lengths = &self.lengths[place * clusters..(place + 1) * clusters];
        let usual = self.task_lengths[assessment.task.index()];
        product(lengths, &assessment.outputs) + assessment.rest * usual
    }
}

/// Score of its best cluster from which on a prompt counts as like it. Prompts
/// of tasks that were trained on have 0.6 to 1, those of other tasks 0.3 to 0.55.
const SURE: f32 = 0.6;
/// Scores of the best cluster up to which a prompt is like none, and from which
/// on it is as if it were of that cluster.
const STRANGE: f32 = 0.35;
const LIKE: f32 = 0.65;
/// Part of the variance of an answer that is not the same for all models.
const SET_APART: f32 = 0.5;

/// Turns scores into shares of `all` together; gives what is left of 1. Squares,
/// because a score half as high is much less than half as likely.
fn into_shares(scores: &mut [f32], all: f32) -> f32 {
    let mut total = 0.0;
    for score in scores.iter_mut() {
        *score = score.max(0.0).powi(2);
        total += *score;
    }
    if total <= 0.0 {
        scores.fill(0.0);
        return 1.0;
    }
    for score in scores {
        *score *= all / total;
    }
    1.0 - all
}

/// Eight sums side by side, which the compiler makes one vector of.
fn product(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let right = &right[..left.len()];
    let (pairs, last) = (left.chunks_exact(8), left.len() / 8 * 8);
    for (left, right) in pairs.zip(right.chunks_exact(8)) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += left * right;
        }
    }
    let rest = left[last..].iter().zip(&right[last..]);
    sums.iter().sum::<f32>() + rest.map(|(left, right)| left * right).sum::<f32>()
}

pub(crate) fn logit(share: f32) -> f32 {
    (share / (1.0 - share)).ln()
}

pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}
