use proptest::prelude::*;

use super::*;

const PRIORS: LengthPriors = LengthPriors {
    medians: [349.0, 698.0, 698.0],
    sigma: 0.758,
};

const DAY: i64 = 20_000;

fn row(day: i64, task: Task, sums: HabitSums) -> HabitRow {
    HabitRow {
        day,
        model: ModelId::new("a/b").unwrap(),
        task,
        sums,
    }
}

fn learned(rows: &[HabitRow]) -> LearnedHabits {
    let mut habits = LearnedHabits::new(PRIORS);
    rows.iter().for_each(|row| habits.add(row));
    habits
}

/// So many chats of so many tokens.
fn chats(count: usize, tokens: f64) -> HabitRow {
    let mut sums = HabitSums::default();
    (0..count).for_each(|_| sums += AnswerLength::seen(tokens));
    row(DAY, Task::Chat, sums)
}

fn expected(habits: &LearnedHabits, task: Task) -> Option<f32> {
    habits.of("a/b", 0.0).answer_tokens[task.index()]
}

fn expected_chat(rows: &[HabitRow]) -> f32 {
    expected(&learned(rows), Task::Chat).unwrap()
}

/// Prompts of which the model counted so many times the estimate.
fn prompts(count: i64, factor: f64) -> HabitRow {
    let log = (factor.ln() * 1_000.0).round() as i64;
    let sums = HabitSums {
        prompts: count,
        log_factors: count * log,
        ..HabitSums::default()
    };
    row(DAY, Task::Code, sums)
}

// === lengths ===

#[test]
fn nothing_is_expected_of_a_model_that_was_not_seen() {
    let habits = learned(&[chats(100, 50.0)]);
    assert_eq!(habits.of("a/c", 0.0), Habits::default());
}

#[test]
fn without_answers_the_length_is_the_assumed_one() {
    let length = |share| LearnedHabits::new(PRIORS).length("a/b", Task::Chat, share);
    // The mean of the assumption is 465 tokens, half of it reasoning: 930.
    assert!(
        (length(0.0).mean() - 465.0).abs() < 1.0,
        "{:?}",
        length(0.0)
    );
    assert!(
        (length(0.5).mean() - 930.0).abs() < 2.0,
        "{:?}",
        length(0.5)
    );
}

#[test]
fn few_answers_move_the_expectation_a_little_and_many_decide_it() {
    let assumed = 465.0;
    let (one, many) = (
        expected_chat(&[chats(1, 60.0)]),
        expected_chat(&[chats(5_000, 60.0)]),
    );
    assert!(one > 0.6 * assumed && one < assumed, "{one}");
    assert!((many - 60.0).abs() < 1.0, "{many}");
}

#[test]
fn the_spread_raises_the_mean_above_the_median() {
    // Half of them 100, half 400: median 200, mean 250 for lengths that are
    // log-normal with that spread, 0.693.
    let rows = [chats(2_000, 100.0), chats(2_000, 400.0)];
    let mean = expected_chat(&rows);
    assert!((mean - 254.0).abs() < 3.0, "{mean}");
}

#[test]
fn what_one_task_shows_is_expected_of_the_others_in_part() {
    let habits = learned(&[chats(1_000, 3_490.0)]);
    let code = expected(&habits, Task::Code).unwrap() / 930.0;
    // Ten times as long at chat; at least twice as long at code, not ten times.
    assert!((2.0..9.0).contains(&code), "{code}");
}

#[test]
fn a_task_of_its_own_way_is_not_drowned_by_another() {
    let code = HabitRow {
        task: Task::Code,
        ..chats(200, 2_000.0)
    };
    let habits = learned(&[chats(100_000, 50.0), code]);
    let code = expected(&habits, Task::Code).unwrap();
    assert!((1_500.0..2_200.0).contains(&code), "{code}");
}

#[test]
fn answers_fade_by_half_in_thirty_days() {
    // 500 old ones that weigh as much as 500 · 2^-(120/30).
    let old = HabitRow {
        day: DAY - 120,
        ..chats(512, 60.0)
    };
    let faded = expected_chat(&[old, chats(1, 349.0)]);
    let fresh = expected_chat(&[chats(32, 60.0), chats(1, 349.0)]);
    assert!((faded / fresh - 1.0).abs() < 1e-3, "{faded} {fresh}");
}

#[test]
fn what_has_faded_away_counts_as_not_seen() {
    let old = HabitRow {
        day: DAY - 170,
        ..chats(10, 60.0)
    };
    let other = HabitRow {
        model: ModelId::new("a/other").unwrap(),
        ..chats(1, 60.0)
    };
    assert_eq!(expected(&learned(&[old, other]), Task::Chat), None);
}

#[test]
fn a_very_long_mean_stays_a_number_of_tokens() {
    let rows: Vec<_> = (0..40)
        .map(|power| chats(1_000, f64::from(power).exp()))
        .collect();
    assert!(expected_chat(&rows) <= 1e6);
}

proptest! {
    /// Limits lie anywhere from below every answer to beyond them all.
    #[test]
    fn cut_answers_never_shorten_the_expectation(
        seen in prop::collection::vec(1.0_f64..20_000.0, 0..20),
        cuts in prop::collection::vec(1.0_f64..50_000.0, 1..20),
    ) {
        let rows: Vec<_> = seen.iter().map(|tokens| chats(1, *tokens)).collect();
        let mut habits = learned(&rows);
        for cut in cuts {
            let before = habits.length("a/b", Task::Chat, 0.0);
            habits.add(&row(DAY, Task::Chat, before.cut(cut)));
            let after = habits.length("a/b", Task::Chat, 0.0);
            // Sums are in thousandths.
            prop_assert!(after.mean() >= before.mean() * 0.9995, "{before:?} {after:?} {cut}");
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(
        rows in prop::collection::vec((0_i64..180, 1_usize..50, 1.0_f64..9_000.0), 1..12),
    ) {
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|(age, count, tokens)| HabitRow { day: DAY - age, ..chats(count, tokens) })
            .collect();
        let forwards = learned(&rows).length("a/b", Task::Chat, 0.0);
        rows.reverse();
        let backwards = learned(&rows).length("a/b", Task::Chat, 0.0);
        prop_assert!((forwards.mean() / backwards.mean() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn answers_that_are_always_cut_are_expected_to_be_longer_than_the_limit() {
    let mut habits = LearnedHabits::new(PRIORS);
    for _ in 0..200 {
        let length = habits.length("a/b", Task::Chat, 0.0);
        habits.add(&row(DAY, Task::Chat, length.cut(2_000.0)));
    }
    let length = habits.length("a/b", Task::Chat, 0.0);
    assert!(length.log_mean > 2_000_f64.ln(), "{length:?}");
}

// === token factors ===

#[test]
fn a_factor_is_one_until_prompts_show_another_and_comes_near_it_by_and_by() {
    let factor = |rows: &[HabitRow]| learned(rows).of("a/b", 0.0).tokens_per_estimate;
    assert_eq!(factor(&[chats(1_000, 60.0)]), 1.0);
    let (few, many) = (factor(&[prompts(5, 1.35)]), factor(&[prompts(1_000, 1.35)]));
    assert!((1.05..1.15).contains(&few), "{few}");
    assert!((many - 1.35).abs() < 0.01, "{many}");
}

#[test]
fn prompts_alone_say_nothing_of_answers() {
    assert_eq!(expected(&learned(&[prompts(1_000, 1.2)]), Task::Code), None);
}
