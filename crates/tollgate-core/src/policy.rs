use serde::Serialize;

use crate::{CallProfile, LaneIndex, ModelIndex, OfferIndex, Quality, Usd};

/// Ranks candidates that are already possible and priced.
///
/// A policy can prefer, never permit: capabilities, budgets, ceilings and
/// breakers were applied before, and what it leaves out cannot be brought back.
///
/// # Contract
/// - Pure and synchronous: no clock, no I/O, no lock; the same arguments give
///   the same ranking, so that a plan can be replayed.
/// - The score of a candidate depends on that candidate and the call, not on
///   which others compete; a choice does not change because an irrelevant
///   candidate came or went.
/// - It keeps at least one candidate when it is given one.
///
/// ```
/// use tollgate_core::{CallProfile, Candidate, Ranking, RoutingPolicy};
///
/// /// The fastest to answer.
/// #[derive(Debug)]
/// struct Fastest;
///
/// impl RoutingPolicy for Fastest {
///     fn rank(&self, _: &CallProfile, candidates: &[Candidate]) -> Ranking {
///         Ranking::by_score(candidates, |candidate| -f64::from(candidate.latency_ms))
///     }
/// }
/// ```
pub trait RoutingPolicy: Send + Sync + std::fmt::Debug {
    /// The best candidates, best first.
    fn rank(&self, call: &CallProfile, candidates: &[Candidate]) -> Ranking;
}

/// One model on one lane that can serve the call, with what it is expected to
/// cost and to be worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Candidate {
    /// The offer it came from.
    pub offer: OfferIndex,
    /// The model. Models are numbered in the order of their ids, so this breaks ties.
    pub model: ModelIndex,
    /// The lane.
    pub lane: LaneIndex,
    /// Expected total cost.
    pub expected: Usd,
    /// Most that the call can cost here.
    pub worst: Usd,
    /// Output limit that the plan sets, when the caller set none, so that `worst`
    /// leaves room under the ceiling, or so that there is a limit at all.
    pub clamp: Option<u32>,
    /// Expected output tokens.
    pub output_tokens: u32,
    /// Quality for the call's task.
    pub quality: Quality,
    /// Expected time to a complete answer, in milliseconds.
    pub latency_ms: f32,
    /// Whether `latency_ms` was measured or published, rather than assumed.
    pub latency_known: bool,
    /// Smoothed share of failed attempts, 0 to 1.
    pub failure_share: f32,
    /// Free by contract.
    pub free: bool,
}

impl Candidate {
    /// A candidate with neutral figures, for tests of policies.
    #[inline]
    pub fn neutral(place: u32) -> Self {
        Self {
            offer: OfferIndex(place),
            model: ModelIndex(place),
            lane: LaneIndex(0),
            expected: Usd::from_nanos(1_000_000),
            worst: Usd::from_nanos(2_000_000),
            clamp: None,
            output_tokens: 300,
            quality: Quality {
                mean: 0.5,
                error: 0.05,
                source: crate::QualitySource::Prior,
            },
            latency_ms: 2_000.0,
            latency_known: false,
            failure_share: 0.05,
            free: false,
        }
    }
}

/// Parts of a score with their names, for the explanation; what weighs most
/// comes first. Any name will do. These are shown with their unit, or as words:
///
/// | name | meaning |
/// |---|---|
/// | `dollars` | expected cost; first, it says that the cheapest wins |
/// | `seconds` | time to a complete answer |
/// | `behind_best` | quality less than the best; first, it says that quality wins |
/// | `tolerance` | quality that counts as nothing, after `behind_best` |
/// | `below_floor` | quality less than the least that is wanted; first, it says that none has it |
pub type Terms = [(&'static str, f32); 4];

/// One ranked candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Place in the slice that was ranked.
    pub place: u32,
    /// Higher is better; comparable within one ranking only.
    pub score: f64,
    /// What the score was made of; unused entries have an empty name.
    pub terms: Terms,
}

/// The best candidates in order, at most [`Ranking::LIMIT`] of them. It holds
/// them inline: ranking thousands allocates nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    kept: [Ranked; Self::LIMIT],
    len: usize,
    has_trial: bool,
    warning: Option<&'static str>,
}

impl Ranking {
    /// Most candidates that a ranking keeps.
    pub const LIMIT: usize = 16;
    /// Candidates whose scores [`Ranking::by_scores`] has worked out at once.
    pub const ABREAST: usize = 16;

    /// No candidate yet.
    pub fn new() -> Self {
        let empty = Ranked {
            place: 0,
            score: 0.0,
            terms: Terms::default(),
        };
        Self {
            kept: [empty; Self::LIMIT],
            len: 0,
            has_trial: false,
            warning: None,
        }
    }

    /// Ranks by one score; equal scores keep the order of the slice, and a
    /// score that is not a number ranks last.
    #[inline]
    pub fn by_score(candidates: &[Candidate], score: impl Fn(&Candidate) -> f64) -> Self {
        Self::by_score_if(candidates, |candidate| Some(score(candidate)))
    }

    /// Ranks by one score, and leaves out what has none.
    #[inline]
    pub fn by_score_if(
        candidates: &[Candidate],
        score: impl Fn(&Candidate) -> Option<f64>,
    ) -> Self {
        Self::by_score_then(candidates, |candidate| Some((score(candidate)?, [0.0; 2])))
    }

    /// As [`by_score_if`](Self::by_score_if), and of equal scores by what stands
    /// beside them, greater first. It decides too who is kept where equal scores
    /// stand on both sides of [`Ranking::LIMIT`], which sorting afterwards would
    /// leave to the order of the slice.
    #[inline]
    pub fn by_score_then(
        candidates: &[Candidate],
        key: impl Fn(&Candidate) -> Option<(f64, [f64; 2])>,
    ) -> Self {
        let mut best = Best::default();
        for (place, candidate) in (0_u32..).zip(candidates) {
            if let Some((score, ties)) = key(candidate) {
                best.offer((score, ties), place);
            }
        }
        best.ranking()
    }

    /// As [`by_score`](Self::by_score), for scores that are worked out for
    /// [`Ranking::ABREAST`] candidates at once: in loops without branches over
    /// arrays of figures, which take a third of the time.
    #[inline(always)]
    pub fn by_scores(
        candidates: &[Candidate],
        scores: impl Fn(&[Candidate; Self::ABREAST]) -> [f64; Self::ABREAST],
    ) -> Self {
        let mut best = Best::default();
        let (groups, rest) = candidates.as_chunks();
        let mut last = [Candidate::neutral(0); Self::ABREAST];
        last[..rest.len()].copy_from_slice(rest);
        let last = (&last, rest.len());
        let mut place = 0;
        for (group, len) in groups
            .iter()
            .map(|group| (group, group.len()))
            .chain([last])
        {
            for score in &scores(group)[..len] {
                best.offer(*score, place);
                place += 1;
            }
        }
        best.ranking()
    }

    /// Says what the scores were made of. Only of what was kept: so the scores
    /// of thousands are worked out without words.
    #[must_use]
    pub fn with_terms(
        mut self,
        candidates: &[Candidate],
        terms: impl Fn(&Candidate) -> Terms,
    ) -> Self {
        for ranked in &mut self.kept[..self.len] {
            if let Some(candidate) = candidates.get(ranked.place as usize) {
                ranked.terms = terms(candidate);
            }
        }
        self
    }

    /// Puts a candidate before all others, on trial: its answer is
    /// [judged](crate::AnswerJudge) before anybody is shown it, and when it will
    /// not do, the call goes on with the others, which keep their order. It has
    /// the score of the choice that it stands before. Nobody is on trial alone:
    /// in an empty ranking, or one of nobody else, nothing changes.
    #[must_use]
    pub fn with_trial(self, trial: Ranked) -> Self {
        let is_other = |held: &&Ranked| held.place != trial.place;
        if !self.as_slice().iter().any(|held| is_other(&held)) {
            return self;
        }
        let mut ranking = Self {
            has_trial: true,
            warning: self.warning,
            ..Self::new()
        };
        // Scores fall along a ranking.
        let score = self.kept[0].score;
        ranking.push(Ranked { score, ..trial });
        for other in self.as_slice().iter().filter(is_other) {
            ranking.push(*other);
        }
        ranking
    }

    /// Says something that the caller should know, once for each plan.
    #[must_use]
    pub fn with_warning(mut self, warning: &'static str) -> Self {
        self.warning = Some(warning);
        self
    }

    /// The candidate on trial, which is then the first.
    pub fn trial(&self) -> Option<&Ranked> {
        self.as_slice().first().filter(|_| self.has_trial)
    }

    /// The candidates without the one on trial, best first.
    pub fn choices(&self) -> &[Ranked] {
        &self.as_slice()[usize::from(self.has_trial)..]
    }

    /// What the caller should know.
    pub fn warning(&self) -> Option<&'static str> {
        self.warning
    }

    /// Takes one more candidate if it is among the best so far.
    pub fn offer(&mut self, mut ranked: Ranked) {
        if ranked.score.is_nan() {
            ranked.score = f64::NEG_INFINITY;
        }
        if self.len == Self::LIMIT && ranked.score <= self.kept[self.len - 1].score {
            return;
        }
        let at = self.kept[..self.len].partition_point(|held| held.score >= ranked.score);
        self.len = (self.len + 1).min(Self::LIMIT);
        self.kept[at..self.len].rotate_right(1);
        self.kept[at] = ranked;
    }

    /// Takes one more candidate at the end, whatever its score; `false` when full.
    pub fn push(&mut self, ranked: Ranked) -> bool {
        if self.len == Self::LIMIT {
            return false;
        }
        self.kept[self.len] = ranked;
        self.len += 1;
        true
    }

    /// The candidates, best first.
    pub fn as_slice(&self) -> &[Ranked] {
        &self.kept[..self.len]
    }
}

/// What candidates are ranked by: a score, alone or with what decides between
/// equal ones.
trait Key: Copy + Default + PartialOrd {
    fn score(self) -> f64;
    /// The same, but the least there is in the place of what is not a number.
    fn in_order(self) -> Self;
}

impl Key for f64 {
    #[inline(always)]
    fn score(self) -> f64 {
        self
    }

    #[inline(always)]
    fn in_order(self) -> Self {
        if self.is_nan() {
            f64::NEG_INFINITY
        } else {
            self
        }
    }
}

impl Key for (f64, [f64; 2]) {
    #[inline(always)]
    fn score(self) -> f64 {
        self.0
    }

    #[inline(always)]
    fn in_order(self) -> Self {
        (self.0.in_order(), self.1.map(f64::in_order))
    }
}

/// The best keys so far with their places, without what makes up the rest of
/// a ranking: an insertion moves 200 bytes rather than 2,000.
struct Best<K> {
    keys: [K; Ranking::LIMIT],
    places: [u32; Ranking::LIMIT],
    len: usize,
    /// The least key that is kept once all places are taken.
    bar: Option<K>,
}

impl<K: Key> Default for Best<K> {
    fn default() -> Self {
        Self {
            keys: [K::default(); Ranking::LIMIT],
            places: [0; Ranking::LIMIT],
            len: 0,
            bar: None,
        }
    }
}

impl<K: Key> Best<K> {
    #[inline(always)]
    fn offer(&mut self, key: K, place: u32) {
        // Nearly all are below what is kept, and by their scores alone.
        if self.bar.is_some_and(|bar| key.score() < bar.score()) {
            return;
        }
        let key = key.in_order();
        match self.bar {
            Some(bar) if key > bar => self.insert(key, place),
            Some(_) => {}
            None => self.insert(key, place),
        }
    }

    fn insert(&mut self, key: K, place: u32) {
        self.len = (self.len + 1).min(Ranking::LIMIT);
        let mut at = self.len - 1;
        while at > 0 && self.keys[at - 1] < key {
            self.keys[at] = self.keys[at - 1];
            self.places[at] = self.places[at - 1];
            at -= 1;
        }
        self.keys[at] = key;
        self.places[at] = place;
        if self.len == Ranking::LIMIT {
            self.bar = Some(self.keys[Ranking::LIMIT - 1]);
        }
    }

    fn ranking(&self) -> Ranking {
        let mut ranking = Ranking::new();
        let kept = self.keys.into_iter().zip(self.places);
        for (key, place) in kept.take(self.len) {
            ranking.push(Ranked {
                place,
                score: key.score(),
                terms: Terms::default(),
            });
        }
        ranking
    }
}

impl Default for Ranking {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const _: fn(&dyn RoutingPolicy) = |_| {};

    #[test]
    fn a_ranking_keeps_the_best_in_order_and_is_stable() {
        let candidates: Vec<_> = (0..100).map(Candidate::neutral).collect();
        let ranking = Ranking::by_score(&candidates, |c| f64::from(c.model.0 / 2));
        let places: Vec<_> = ranking.as_slice().iter().map(|r| r.place).collect();
        assert_eq!(
            places,
            [
                98, 99, 96, 97, 94, 95, 92, 93, 90, 91, 88, 89, 86, 87, 84, 85
            ]
        );
    }

    #[test]
    fn ties_decide_also_who_is_kept() {
        let candidates: Vec<_> = (0..40).map(Candidate::neutral).collect();
        // One score for all: by the tie alone, wherever in the slice they stand.
        let ranking = Ranking::by_score_then(&candidates, |candidate| {
            let place = candidate.model.0;
            let tie = if place == 3 {
                f64::NAN
            } else {
                f64::from(place / 2)
            };
            Some((1.0, [tie, -f64::from(place)]))
        });
        let places: Vec<_> = ranking.as_slice().iter().map(|r| r.place).collect();
        assert_eq!(
            places,
            [
                38, 39, 36, 37, 34, 35, 32, 33, 30, 31, 28, 29, 26, 27, 24, 25
            ]
        );
        let few = Ranking::by_score_then(&candidates[2..5], |candidate| {
            let tie = if candidate.model.0 == 3 {
                f64::NAN
            } else {
                -1.0
            };
            Some((1.0, [tie, 0.0]))
        });
        let places: Vec<_> = few.as_slice().iter().map(|r| r.place).collect();
        assert_eq!(places, [0, 2, 1], "what is not a number is last");
    }

    #[test]
    fn scores_of_many_at_once_rank_as_each_by_itself() {
        for count in [0, 1, 15, 16, 17, 100] {
            let candidates: Vec<_> = (0..count).map(Candidate::neutral).collect();
            let score = |candidate: &Candidate| match candidate.model.0 * 7 % 13 {
                0 => f64::NAN,
                score => f64::from(score),
            };
            let together = Ranking::by_scores(&candidates, |group| group.map(|one| score(&one)));
            assert_eq!(together, Ranking::by_score(&candidates, score), "{count}");
        }
    }

    #[test]
    fn a_trial_stands_before_the_choice_and_nobody_is_on_trial_alone() {
        let candidates: Vec<_> = (0..20).map(Candidate::neutral).collect();
        let trial = |place| Ranked {
            place,
            score: f64::NAN,
            terms: Terms::default(),
        };
        let ranking = Ranking::by_score(&candidates, |c| f64::from(c.model.0));
        let ranking = ranking.with_trial(trial(15));
        assert_eq!(ranking.trial().map(|ranked| ranked.place), Some(15));
        assert_eq!(ranking.trial().map(|ranked| ranked.score), Some(19.0));
        let places: Vec<_> = ranking.choices().iter().map(|r| r.place).collect();
        assert_eq!(
            places,
            [19, 18, 17, 16, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4]
        );

        let alone = Ranking::by_score(&candidates[..1], |_| 1.0).with_trial(trial(0));
        assert_eq!((alone.trial(), alone.choices().len()), (None, 1));
    }

    #[test]
    fn not_a_number_ranks_last() {
        let candidates: Vec<_> = (0..3).map(Candidate::neutral).collect();
        let ranking =
            Ranking::by_score(&candidates, |c| if c.model.0 == 0 { f64::NAN } else { 0.0 });
        assert_eq!(ranking.as_slice()[2].place, 0);
    }
}
