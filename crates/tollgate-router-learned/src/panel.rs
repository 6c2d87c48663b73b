use std::f32::consts::SQRT_2;

use tollgate_core::{LearnedId, Quality, QualitySource, Task};

use crate::learned::AVERAGE;
use crate::predict::{logit, share};
use crate::{Assessment, Contender, Learned, Scope, Seat};

/// The models of a catalog as a learned router sees them: looked up once for a
/// catalog, used for each prompt, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    by: LearnedId,
    members: Vec<Member>,
    /// By task: what odds that were learned are multiplied with on the scale of
    /// what is published.
    scale: [f32; Task::COUNT],
    /// By output, of all members: what it adds to the quality. Most shares of a
    /// prompt are nothing, and those of all members are added at once.
    by_output: Vec<f32>,
    /// By task, of all members.
    priors: [Vec<f32>; Task::COUNT],
    spreads: Vec<f32>,
    /// Quality and error of all members on the last prompt.
    qualities: Vec<f32>,
    errors: Vec<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Member {
    seat: Option<Seat>,
    /// Odds of a good answer by what is published, by task.
    odds: [f32; Task::COUNT],
}

impl Panel {
    /// Which router it is of.
    pub fn by(&self) -> LearnedId {
        self.by
    }

    /// What [`Learned::known`] expects of each member that was trained on.
    fn expect(&mut self, assessment: &Assessment) {
        let rest = assessment.rest();
        let priors = &self.priors[assessment.task().index()];
        for (quality, prior) in self.qualities.iter_mut().zip(priors) {
            *quality = rest * prior;
        }
        let columns = self.by_output.chunks_exact(self.members.len().max(1));
        for (share, column) in assessment.outputs().iter().zip(columns) {
            if share.abs() < NOTHING {
                continue;
            }
            for (quality, value) in self.qualities.iter_mut().zip(column) {
                *quality += share * value;
            }
        }
        let both = self.qualities.iter_mut().zip(&mut self.errors);
        for ((quality, error), spread) in both.zip(&self.spreads) {
            *quality = quality.clamp(0.01, 0.99);
            *error = assessment.error(*quality, *spread);
        }
    }
}

/// A share of an output that moves no quality to speak of.
const NOTHING: f32 = 1e-5;

/// What a learned router expects of the models of a panel on one prompt.
#[derive(Debug)]
pub struct Insight<'a> {
    learned: &'a Learned,
    panel: &'a Panel,
    assessment: Assessment,
    /// What the difficulty multiplies odds with.
    ease: f32,
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
        let odds = |of: &[Quality; Task::COUNT]| of.map(|one| self.odds_by_score(one.mean));
        let mut members: Vec<Member> = published
            .iter()
            .map(|of| Member {
                seat: None,
                odds: odds(of),
            })
            .collect();
        let count = members.len();
        let mut by_output = vec![0.0; self.shape.outputs() * count];
        let mut priors = [const { Vec::new() }; Task::COUNT];
        priors.iter_mut().for_each(|of| *of = vec![0.0; count]);
        let mut spreads = vec![0.0; count];
        let mut apart = [(0.0_f32, 0.0_f32); Task::COUNT];
        for (name, number) in self.names.iter().zip(0_u16..) {
            let Some(place) = find(name).filter(|place| *place < members.len()) else {
                continue;
            };
            let seat = Seat(number);
            members[place].seat = Some(seat);
            spreads[place] = self.spread_of(seat);
            for (output, value) in self.seat_values(seat).iter().enumerate() {
                by_output[output * count + place] = *value;
            }
            let own = &self.priors[AVERAGE + 1 + usize::from(number)];
            for (of_task, prior) in priors.iter_mut().zip(own) {
                of_task[place] = *prior;
            }
            for ((sum, count), (published, prior)) in
                apart.iter_mut().zip(published[place].iter().zip(own))
            {
                if published.source != QualitySource::Prior {
                    *sum += bounded_logit(published.mean) - bounded_logit(*prior);
                    *count += 1.0;
                }
            }
        }
        Panel {
            by: self.id,
            members,
            scale: apart.map(|(sum, count)| (sum / f32::max(count, 1.0)).exp()),
            by_output,
            priors,
            spreads,
            qualities: vec![0.0; count],
            errors: vec![0.0; count],
        }
    }

    /// What is expected of the models of a panel on a prompt.
    pub fn insight<'a>(&'a self, panel: &'a mut Panel, assessment: Assessment) -> Insight<'a> {
        debug_assert_eq!(
            panel.by, self.id,
            "seats of one router mean nothing to another"
        );
        panel.expect(&assessment);
        Insight {
            ease: self.ease(&assessment, Scope::Task),
            learned: self,
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
    pub fn quality(&self, place: usize, published: Quality) -> Quality {
        let Some(member) = self.panel.members.get(place) else {
            return published;
        };
        let task = self.assessment.task().index();
        let moved = || Quality {
            mean: share(member.odds[task] * self.ease),
            ..published
        };
        let learned = || {
            let (quality, error) = (self.panel.qualities[place], self.panel.errors[place]);
            // The share that the odds `quality / (1 - quality)` times the scale are,
            // and how much wider or narrower errors are there.
            let scale = self.panel.scale[task];
            let whole = 1.0 - quality + quality * scale;
            Quality {
                mean: quality * scale / whole,
                error: error * scale / (whole * whole),
                source: QualitySource::Learned,
            }
        };
        match (published.source, member.seat) {
            (QualitySource::Scores, _) => moved(),
            (QualitySource::Prior, None) => published,
            (_, None) => moved(),
            (QualitySource::Feedback, Some(_)) => pooled(learned(), moved()),
            (_, Some(_)) => learned(),
        }
    }

    /// What `other` must be better by before it is taken in place of the `usual`
    /// model, as [`Learned::doubt`] has it, but on the scale of what is published,
    /// and less where feedback says more: the places of both, and the qualities
    /// that [`quality`](Self::quality) gave.
    pub fn doubt(&self, usual: (usize, Quality), other: (usize, Quality)) -> f32 {
        let contender = |(place, quality): (usize, Quality)| Contender {
            seat: match quality.source {
                QualitySource::Learned => self.panel.members.get(place).and_then(|one| one.seat),
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
        quality.error / self.panel.errors[place].max(f32::MIN_POSITIVE)
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
