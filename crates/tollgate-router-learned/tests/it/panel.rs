use tollgate_core::{Quality, QualitySource, Task};
use tollgate_router_learned::{Learned, Scratch, TrainConfig, train};

use crate::worlds::{PROGRAM, STRANGE, SUM, two_tasks};

fn learned() -> Learned {
    train(&two_tasks(400), &TrainConfig::default()).unwrap()
}

fn published(mean: f32, source: QualitySource) -> Quality {
    Quality {
        mean,
        error: 0.05,
        source,
    }
}

/// What is expected of models on a prompt for code, by name and what is published.
fn expected(learned: &Learned, prompt: &[u8], models: &[(&str, Quality)]) -> Vec<Quality> {
    let published: Vec<_> = models.iter().map(|(_, one)| [*one; Task::COUNT]).collect();
    let mut panel = learned.panel(&published, |name| {
        models.iter().position(|(known, _)| *known == name)
    });
    let assessment = learned.assess(Task::Code, prompt, &mut Scratch::default());
    let insight = learned.insight(&mut panel, assessment);
    (0..models.len())
        .map(|place| insight.quality(place))
        .collect()
}

#[test]
fn a_model_that_was_trained_on_gets_what_was_learned_of_it() {
    let guess = published(0.2, QualitySource::Prior);
    let [coder] = expected(&learned(), PROGRAM, &[("coder", guess)])[..] else {
        panic!("one model");
    };
    assert_eq!(coder.source, QualitySource::Learned);
    assert!(coder.mean > 0.7, "{coder:?}");
}

#[test]
fn a_score_of_the_users_own_is_moved_and_not_replaced() {
    let own = published(0.2, QualitySource::Scores);
    let coder = expected(&learned(), PROGRAM, &[("coder", own)])[0];
    assert_eq!(coder.source, QualitySource::Scores);
    assert!(coder.mean < 0.5 && coder.mean != 0.2, "{coder:?}");
}

#[test]
fn of_a_model_that_nobody_knows_a_guess_stays_and_a_score_is_moved() {
    let guess = published(0.4, QualitySource::Prior);
    let score = published(0.7, QualitySource::Benchmark);
    let found = expected(&learned(), SUM, &[("nobody", guess), ("someone", score)]);
    assert_eq!(found[0], guess);
    assert_eq!(found[1].source, QualitySource::Benchmark);
    assert_ne!(found[1].mean, score.mean);
}

#[test]
fn what_was_learned_stands_on_the_scale_of_what_is_published() {
    let learned = learned();
    let score = |mean| published(mean, QualitySource::Benchmark);
    // The training prompts were easier than what these scores are of.
    let models = [
        ("coder", score(0.3)),
        ("plain", score(0.3)),
        ("other", score(0.3)),
    ];
    let strange = expected(&learned, STRANGE, &models);
    // Of a prompt like none, all three are expected what their scores say of an average prompt.
    let mean = |found: &[Quality]| (found[0].mean + found[1].mean) / 2.0;
    assert!(
        (mean(&strange) - strange[2].mean).abs() < 0.12,
        "{strange:?}"
    );
    // And what sets them apart on a prompt that is known stays.
    let program = expected(&learned, PROGRAM, &models);
    assert!(program[0].mean > program[1].mean + 0.2, "{program:?}");
}

#[test]
fn feedback_and_what_was_learned_are_pooled_by_their_certainty() {
    let learned = learned();
    let said = |error| Quality {
        error,
        ..published(0.2, QualitySource::Feedback)
    };
    let of = |quality| {
        let anchor = ("plain", published(0.6, QualitySource::Benchmark));
        expected(&learned, PROGRAM, &[("coder", quality), anchor])[0]
    };
    let (sure, unsure) = (of(said(0.005)), of(said(0.25)));
    assert_eq!(sure.source, QualitySource::Learned);
    assert!(sure.mean < 0.4 && unsure.mean > 0.6, "{sure:?} {unsure:?}");
    assert!(sure.error < 0.0051 && unsure.error < 0.25);
}

#[test]
fn a_reading_is_recalled_by_the_router_that_made_it_alone() {
    let learned = learned();
    let assessment = learned.assess(Task::Code, PROGRAM, &mut Scratch::default());
    let reading = learned.reading(&assessment);
    assert_eq!(learned.recall(Task::Code, &reading), Some(assessment));
    let read_back = Learned::from_bytes(&learned.to_bytes()).unwrap();
    assert_eq!(read_back.recall(Task::Code, &reading), Some(assessment));
    let other = train(&two_tasks(402), &TrainConfig::default()).unwrap();
    assert_ne!(other.id(), learned.id());
    assert_eq!(other.recall(Task::Code, &reading), None);
}

#[test]
fn what_is_expected_of_all_at_once_is_what_is_expected_of_each() {
    let learned = learned();
    let guess = published(0.5, QualitySource::Prior);
    let names = ["plain", "nobody", "coder", "counter"];
    for prompt in [PROGRAM, SUM, STRANGE] {
        let assessment = learned.assess(Task::Code, prompt, &mut Scratch::default());
        let found = expected(&learned, prompt, &names.map(|name| (name, guess)));
        for (name, found) in names.iter().zip(found) {
            let Some(seat) = learned.seat(name) else {
                continue;
            };
            let known = learned.known(&assessment, seat);
            assert!(
                (found.mean - known.quality).abs() < 1e-3,
                "{name}: {found:?}"
            );
            assert!(
                (found.error - known.error).abs() < 1e-3,
                "{name}: {found:?}"
            );
        }
    }
}

/// What is doubted when `coder` is taken for `plain`, by what is published of both.
fn doubt(learned: &Learned, plain: Quality, coder: Quality) -> f32 {
    let published = [[plain; Task::COUNT], [coder; Task::COUNT]];
    let mut panel = learned.panel(&published, |name| {
        ["plain", "coder"].iter().position(|known| *known == name)
    });
    let assessment = learned.assess(Task::Code, STRANGE, &mut Scratch::default());
    let insight = learned.insight(&mut panel, assessment);
    let quality = |place| (place, insight.quality(place));
    insight.doubt(quality(0), quality(1))
}

#[test]
fn feedback_takes_doubt_away() {
    let learned = learned();
    let guess = published(0.5, QualitySource::Prior);
    let rated = Quality {
        error: 0.01,
        ..published(0.5, QualitySource::Feedback)
    };
    let (none, one, both) = (
        doubt(&learned, guess, guess),
        doubt(&learned, guess, rated),
        doubt(&learned, rated, rated),
    );
    assert!(one < 0.9 * none && both < 0.3 * none, "{none} {one} {both}");
}

#[test]
fn doubt_is_on_the_scale_of_what_is_published() {
    let learned = learned();
    let doubt = |mean| {
        let score = published(mean, QualitySource::Benchmark);
        doubt(&learned, score, score)
    };
    // Near one there is less room for a difference than in the middle.
    assert!(
        doubt(0.97) < 0.6 * doubt(0.5),
        "{} {}",
        doubt(0.97),
        doubt(0.5)
    );
}
