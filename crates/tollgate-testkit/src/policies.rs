//! The contract suite of routing policies.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tollgate_core::{
    CallProfile, Candidate, ModelIndex, OfferIndex, Quality, QualitySource, Ranking, RoutingPolicy,
    Task, Usd,
};

use crate::builders::profile;

/// A candidate of that quality for so many micro-dollars.
pub fn candidate(place: u32, quality: f32, micros: i64) -> Candidate {
    let mut candidate = Candidate::neutral(place);
    candidate.quality.mean = quality;
    candidate.expected = Usd::from_nanos(micros * 1_000);
    candidate
}

/// The places of candidates in the order in which a policy ranks them.
pub fn order(policy: &dyn RoutingPolicy, candidates: &[Candidate]) -> Vec<u32> {
    let ranking = policy.rank(&profile(), candidates);
    let ranked = ranking.as_slice().iter();
    ranked.map(|ranked| ranked.place).collect()
}

/// Checks that a policy keeps the contract of [`RoutingPolicy`].
///
/// # Panics
/// When it does not, with the case that shows it.
pub fn check(policy: &dyn RoutingPolicy) {
    Case {
        policy,
        call: profile(),
    }
    .crowds();
    for task in Task::ALL {
        let mut call = profile();
        call.task = task;
        let case = Case { policy, call };
        // Few cases: each ranks three times, and the suite runs once per task.
        let mut runner = TestRunner::new(Config {
            cases: 128,
            failure_persistence: None,
            ..Config::default()
        });
        let outcome = runner.run(&candidates(), |candidates| {
            case.is_sound(&candidates);
            case.is_repeatable(&candidates);
            case.ignores_the_irrelevant(&candidates);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{policy:?} breaks the contract: {error}");
        }
    }
}

struct Case<'a> {
    policy: &'a dyn RoutingPolicy,
    call: CallProfile,
}

impl Case<'_> {
    /// It keeps at least one, none twice, only ones that were there, best first.
    fn is_sound(&self, candidates: &[Candidate]) {
        let ranking = self.rank(candidates);
        let kept = ranking.as_slice();
        assert!(
            !kept.is_empty(),
            "it keeps none of {} candidates",
            candidates.len()
        );
        for (at, ranked) in kept.iter().enumerate() {
            assert!(
                (ranked.place as usize) < candidates.len(),
                "place {} does not exist",
                ranked.place
            );
            assert!(
                kept[..at].iter().all(|other| other.place != ranked.place),
                "place {} comes twice",
                ranked.place
            );
            assert!(!ranked.score.is_nan(), "a score is not a number");
        }
        assert!(
            kept.windows(2).all(|pair| pair[0].score >= pair[1].score),
            "scores rise: {kept:?}"
        );
    }

    /// The same arguments give the same ranking.
    fn is_repeatable(&self, candidates: &[Candidate]) {
        // Compared as text: terms may hold what is not a number, which equals nothing.
        let [first, second] = [(); 2].map(|()| format!("{:?}", self.rank(candidates)));
        assert_eq!(first, second, "two rankings of the same candidates differ");
    }

    /// A candidate that is worse than the choice in every way changes nothing
    /// in the order of the others.
    fn ignores_the_irrelevant(&self, candidates: &[Candidate]) {
        let before = self.models(candidates);
        let Some(choice) = candidates
            .iter()
            .find(|candidate| candidate.model == before[0])
        else {
            return;
        };
        let mut irrelevant = *choice;
        irrelevant.model = ModelIndex(u32::MAX);
        irrelevant.offer = OfferIndex(u32::MAX);
        irrelevant.expected = irrelevant.expected + irrelevant.expected + Usd::from_nanos(1_000);
        irrelevant.quality.mean -= 0.2;
        irrelevant.latency_ms = irrelevant.latency_ms * 2.0 + 100.0;
        irrelevant.failure_share = (irrelevant.failure_share + 0.2).min(1.0);
        let mut with_it = candidates.to_vec();
        with_it.push(irrelevant);
        let mut after = self.models(&with_it);
        after.retain(|model| *model != irrelevant.model);
        let shared = before.len().min(after.len());
        assert_eq!(
            before[..shared],
            after[..shared],
            "an irrelevant candidate changed the order"
        );
    }

    /// One candidate, ten thousand, and figures at the edges of their types.
    fn crowds(&self) {
        self.is_sound(&[Candidate::neutral(0)]);
        let many: Vec<Candidate> = (0..10_000)
            .map(|place| graded(place, place * 7_919 % 10_000))
            .collect();
        self.is_sound(&many);
        self.is_repeatable(&many);
        let extremes = [
            0.0,
            -1.0,
            1.0,
            f32::MIN_POSITIVE,
            f32::MAX,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
        ];
        let mut odd = Vec::new();
        for (place, extreme) in (0_u32..).zip(extremes) {
            let mut candidate = Candidate::neutral(place);
            candidate.quality.mean = extreme;
            candidate.quality.error = extreme;
            candidate.latency_ms = extreme;
            candidate.failure_share = extreme;
            candidate.expected = if place % 2 == 0 {
                Usd::MAX
            } else {
                Usd::from_nanos(-1)
            };
            self.is_sound(&[candidate]);
            odd.push(candidate);
        }
        self.is_sound(&odd);
        self.is_repeatable(&odd);
    }

    fn models(&self, candidates: &[Candidate]) -> Vec<ModelIndex> {
        let ranking = self.rank(candidates);
        ranking
            .as_slice()
            .iter()
            .map(|ranked| candidates[ranked.place as usize].model)
            .collect()
    }

    fn rank(&self, candidates: &[Candidate]) -> Ranking {
        self.policy.rank(&self.call, candidates)
    }
}

fn graded(place: u32, grade: u32) -> Candidate {
    let mut candidate = Candidate::neutral(place);
    let grade = grade as f32 / 10_000.0;
    candidate.quality.mean = grade;
    candidate.expected = Usd::from_nanos((1e3 * 10_f32.powf(5.0 * grade)) as i64);
    candidate
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    // Up to twice as many as a ranking keeps, so that both sides of its limit are met.
    prop::collection::vec(figures(), 1..2 * Ranking::LIMIT).prop_map(|figures| {
        let numbered = (0_u32..).zip(figures);
        numbered
            .map(|(place, figures)| any_candidate(place, figures))
            .collect()
    })
}

type Figures = (f32, f32, i64, f32, f32);

/// Coarse figures beside fine ones, as ties are where orders go wrong.
fn figures() -> impl Strategy<Value = Figures> {
    let quality = prop_oneof![
        0.0..1.0_f32,
        (0..5_u8).prop_map(|step| f32::from(step) / 5.0)
    ];
    let cost = prop_oneof![
        0..100_000_000_i64,
        (0..8_u32).prop_map(|power| 10_i64.pow(power)),
        Just(0)
    ];
    (
        quality,
        0.0..0.3_f32,
        cost,
        50.0..60_000.0_f32,
        0.0..1.0_f32,
    )
}

fn any_candidate(
    place: u32,
    (mean, error, nanos, latency_ms, failure_share): Figures,
) -> Candidate {
    let mut candidate = Candidate::neutral(place);
    candidate.quality = Quality {
        mean,
        error,
        source: QualitySource::Benchmark,
    };
    candidate.expected = Usd::from_nanos(nanos);
    candidate.latency_ms = latency_ms;
    candidate.failure_share = failure_share;
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy made of a function.
    struct Of(fn(&[Candidate]) -> Ranking);

    impl std::fmt::Debug for Of {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Of")
        }
    }

    impl RoutingPolicy for Of {
        fn rank(&self, _: &CallProfile, candidates: &[Candidate]) -> Ranking {
            (self.0)(candidates)
        }
    }

    #[test]
    fn a_sound_policy_passes() {
        check(&Of(|candidates| {
            Ranking::by_score(candidates, |one| -(one.expected.nanos() as f64))
        }));
    }

    #[test]
    #[should_panic(expected = "it keeps none")]
    fn keeping_nobody_is_found() {
        check(&Of(|_| Ranking::new()));
    }

    #[test]
    #[should_panic(expected = "an irrelevant candidate changed the order")]
    fn scores_that_hang_on_the_pool_are_found() {
        // The middle of the pool, by its number of candidates.
        check(&Of(|candidates| {
            let middle = (candidates.len() / 2) as f64;
            Ranking::by_score(candidates, |one| -(f64::from(one.model.0) - middle).abs())
        }));
    }

    #[test]
    #[should_panic(expected = "comes twice")]
    fn naming_one_twice_is_found() {
        check(&Of(|candidates| {
            let mut ranking = Ranking::by_score(candidates, |_| 0.0);
            let first = ranking.as_slice()[0];
            ranking.offer(first);
            ranking
        }));
    }
}
