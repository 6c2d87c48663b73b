use tollgate_core::FeedbackSource;

use super::*;

const PUBLISHED: Quality = Quality {
    mean: 0.6,
    error: 0.1,
    source: QualitySource::Benchmark,
};

fn row(source: FeedbackSource, weight: i64, sum: i64) -> FeedbackRow {
    FeedbackRow {
        day: 1,
        model: ModelId::new("a/b").unwrap(),
        task: Task::Chat,
        source,
        weight,
        sum,
    }
}

fn after(rows: &[FeedbackRow]) -> Quality {
    let mut feedback = Feedback::new(60);
    rows.iter().for_each(|row| feedback.add(row));
    feedback.quality("a/b", Task::Chat, PUBLISHED).unwrap()
}

#[test]
fn nothing_said_is_no_feedback() {
    let mut feedback = Feedback::new(60);
    assert_eq!(feedback.quality("a/b", Task::Chat, PUBLISHED), None);
    feedback.add(&row(FeedbackSource::Rating, 1_000, 0));
    assert_eq!(feedback.quality("a/b", Task::Code, PUBLISHED), None);
    assert_eq!(feedback.quality("a/c", Task::Chat, PUBLISHED), None);
}

#[test]
fn what_is_published_counts_for_sixty_ratings() {
    let all_bad = vec![row(FeedbackSource::Rating, 1_000, 0); 60];
    let quality = after(&all_bad);
    // Without the discount it would be 0.3 exactly.
    assert!((quality.mean - 0.3).abs() < 0.01, "{quality:?}");
    assert_eq!(quality.source, QualitySource::Feedback);
    assert!((quality.error - 0.042).abs() < 0.002, "{quality:?}");
}

#[test]
fn no_rating_makes_a_model_less_known() {
    let known = Quality {
        error: 0.03,
        ..PUBLISHED
    };
    let mut feedback = Feedback::new(60);
    feedback.add(&row(FeedbackSource::Rating, 1_000, 1_000));
    let quality = feedback.quality("a/b", Task::Chat, known).unwrap();
    assert!(quality.mean > known.mean && quality.error <= known.error);
}

#[test]
fn sound_answers_speak_for_what_is_published_and_unsound_ones_against_it() {
    let sound = after(&vec![row(FeedbackSource::Finish, 100, 100); 5_000]);
    assert!((sound.mean - 0.6).abs() < 1e-6, "{sound:?}");
    let mut mixed = Vec::new();
    for _ in 0..2_500 {
        mixed.push(row(FeedbackSource::Schema, 500, 500));
        mixed.push(row(FeedbackSource::Schema, 500, 0));
    }
    let unsound = after(&mixed);
    assert!((unsound.mean - 0.32).abs() < 0.02, "{unsound:?}");
}

#[test]
fn a_day_in_one_row_is_as_good_as_its_observations() {
    let one_by_one = after(&vec![row(FeedbackSource::Rating, 1_000, 800); 2_000]);
    let summed = after(&[row(FeedbackSource::Rating, 2_000_000, 1_600_000)]);
    assert!((one_by_one.mean - summed.mean).abs() < 1e-3);
    assert!((one_by_one.error - summed.error).abs() < 1e-4);
}

#[test]
fn what_was_said_long_ago_fades() {
    let mut rows = vec![row(FeedbackSource::Rating, 1_000, 0); 3_000];
    rows.extend(vec![row(FeedbackSource::Rating, 1_000, 1_000); 3_000]);
    // Half of all were bad, but none of the last three thousand.
    assert!(after(&rows).mean > 0.9);
}

#[test]
fn a_correction_changes_the_score_and_weighs_nothing() {
    let good = after(&[row(FeedbackSource::Rating, 1_000, 1_000)]);
    let corrected = after(&[
        row(FeedbackSource::Rating, 1_000, 0),
        row(FeedbackSource::Rating, 0, 1_000),
    ]);
    assert_eq!(good, corrected);
}

#[test]
fn corrections_of_ratings_that_have_faded_take_no_more_than_they_gave() {
    let mut rows = vec![row(FeedbackSource::Rating, 1_000, 1_000); 4_096];
    rows.extend(vec![row(FeedbackSource::Rating, 0, -1_000); 4_096]);
    let corrected = after(&rows);
    let honest = after(&vec![row(FeedbackSource::Rating, 1_000, 0); 4_096]);
    assert!((corrected.mean - honest.mean).abs() < 0.01, "{corrected:?}");
    // And what comes after counts as ever.
    let later = vec![row(FeedbackSource::Rating, 1_000, 1_000); 400];
    let [corrected, honest] =
        [rows, vec![row(FeedbackSource::Rating, 1_000, 0); 4_096]].map(|mut rows| {
            rows.extend(later.clone());
            after(&rows)
        });
    assert!(
        (corrected.mean - honest.mean).abs() < 0.01,
        "{corrected:?} {honest:?}"
    );
}
