use tollgate_core::{Quality, QualitySource, Task};
use tollgate_router_learned::{
    Contender, LearnError, Learned, Outcomes, Scope, Scratch, TrainConfig, train, train_neutral,
};

use crate::worlds::{HARD_SUM, PROGRAM, STRANGE, SUM, models, row, two_tasks};

fn learned() -> Learned {
    train(&two_tasks(400), &TrainConfig::default()).unwrap()
}

fn quality(learned: &Learned, task: Task, prompt: &[u8], model: &str) -> f32 {
    let assessment = learned.assess(task, prompt, &mut Scratch::default());
    learned
        .known(&assessment, learned.seat(model).unwrap())
        .quality
}

fn published(mean: f32, source: QualitySource) -> Quality {
    Quality {
        mean,
        error: 0.05,
        source,
    }
}

#[test]
fn each_model_is_expected_to_be_good_at_what_it_was_good_at() {
    let learned = learned();
    let of = |prompt, model| quality(&learned, Task::Chat, prompt, model);
    assert!(of(PROGRAM, "coder") > of(PROGRAM, "counter") + 0.3);
    assert!(of(SUM, "counter") > of(SUM, "coder") + 0.2);
}

#[test]
fn harder_prompts_of_the_same_task_are_told_apart() {
    let learned = learned();
    let difficulty = |prompt| {
        learned
            .assess(Task::Reasoning, prompt, &mut Scratch::default())
            .difficulty()
    };
    assert!(difficulty(HARD_SUM) > difficulty(SUM) + 0.5);
    assert!(
        quality(&learned, Task::Reasoning, HARD_SUM, "plain")
            < quality(&learned, Task::Reasoning, SUM, "plain") - 0.1
    );
}

#[test]
fn a_prompt_like_none_gets_the_prior_and_a_larger_error() {
    let learned = learned();
    let mut scratch = Scratch::default();
    let seat = learned.seat("coder").unwrap();
    let strange = learned.assess(Task::Code, STRANGE, &mut scratch);
    let familiar = learned.assess(Task::Code, PROGRAM, &mut scratch);
    assert!(
        strange.trust() < 0.5 && familiar.trust() > 0.6,
        "{} {}",
        strange.trust(),
        familiar.trust()
    );
    assert!(learned.known(&strange, seat).error > 2.0 * learned.known(&familiar, seat).error);
    // Overall `coder` is right a little more often than not, whatever it is like at programs.
    let overall = learned.known(&strange, seat).quality;
    assert!(
        overall < learned.known(&familiar, seat).quality - 0.1,
        "{overall}"
    );
}

#[test]
fn an_unseen_model_is_its_score_moved_by_the_difficulty() {
    let learned = learned();
    let mut scratch = Scratch::default();
    let score = published(0.7, QualitySource::Benchmark);
    let easy = learned.assess(Task::Reasoning, SUM, &mut scratch);
    let hard = learned.assess(Task::Reasoning, HARD_SUM, &mut scratch);
    let of = |assessment, score| learned.unseen(assessment, score, Scope::Task);
    assert!(of(&easy, score).mean > of(&hard, score).mean + 0.1);
    assert!(of(&hard, published(0.9, QualitySource::Benchmark)).mean > of(&hard, score).mean);
    assert_eq!(of(&easy, score).source, QualitySource::Benchmark);
}

#[test]
fn a_score_is_read_with_the_difficulty_of_its_own_scope() {
    let learned = learned();
    let assessment = learned.assess(Task::Code, PROGRAM, &mut Scratch::default());
    let score = published(0.6, QualitySource::Benchmark);
    let overall = learned.unseen(&assessment, score, Scope::Overall).mean;
    let of_task = learned.unseen(&assessment, score, Scope::Task).mean;
    // A usual program is a usual task of code, however easy code is.
    assert!(
        (of_task - 0.6).abs() < (overall - 0.6).abs() + 0.05,
        "{of_task} {overall}"
    );
}

#[test]
fn training_twice_gives_the_same() {
    let outcomes = two_tasks(200);
    let config = TrainConfig::default();
    assert_eq!(
        train(&outcomes, &config).unwrap(),
        train(&outcomes, &config).unwrap()
    );
}

#[test]
fn models_that_were_not_run_everywhere_are_judged_by_where_they_were() {
    let mut outcomes = two_tasks(400);
    for row in outcomes.rows.iter_mut().filter(|row| row.task == "sums") {
        row.q[0] = None;
    }
    let learned = train(&outcomes, &TrainConfig::default()).unwrap();
    assert!(quality(&learned, Task::Code, PROGRAM, "coder") > 0.8);
}

#[test]
fn the_average_of_tables_knows_difficulty_and_no_model() {
    let learned = train_neutral(&[two_tasks(400)]).unwrap();
    assert!(learned.models().is_empty());
    let difficulty = |prompt| {
        learned
            .assess(Task::Reasoning, prompt, &mut Scratch::default())
            .difficulty()
    };
    assert!(difficulty(HARD_SUM) > difficulty(SUM) + 0.3);
}

#[test]
fn any_bytes_can_be_read() {
    let learned = learned();
    let mut scratch = Scratch::default();
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for prompt in [
        &b""[..],
        b" ",
        b"\xff\xfe",
        &all,
        &[b'a'; 50_000],
        &[b'!'; 4_097],
    ] {
        let assessment = learned.assess(Task::Chat, prompt, &mut scratch);
        let estimate = learned.known(&assessment, learned.seat("plain").unwrap());
        assert!((0.0..=1.0).contains(&estimate.quality) && estimate.error.is_finite());
        assert!(assessment.difficulty().is_finite());
    }
    // What was read before leaves no trace.
    let after = learned.assess(Task::Code, PROGRAM, &mut scratch);
    assert_eq!(
        after,
        learned.assess(Task::Code, PROGRAM, &mut Scratch::default())
    );
}

#[test]
fn too_little_is_refused() {
    let refused = train(&two_tasks(39), &TrainConfig::default()).unwrap_err();
    assert!(
        matches!(refused, LearnError::TooFew { rows: 39, .. }),
        "{refused}"
    );
    let nobody = Outcomes {
        models: Vec::new(),
        rows: two_tasks(100).rows,
    };
    assert!(matches!(
        train(&nobody, &TrainConfig::default()),
        Err(LearnError::Models { models: 0, .. })
    ));
}

#[test]
fn a_model_that_is_named_twice_is_refused_and_strange_kinds_are_found() {
    let line = |kind| format!(r#"{{"id":"1","kind":"{kind}","prompt":"x","q":[1,0]}}"#);
    let refused = Outcomes::parse(models(&["a", "b", "a"]), b"").unwrap_err();
    assert!(matches!(refused, LearnError::Twice(_)), "{refused}");
    let kind = |kind| {
        let parsed = Outcomes::parse(models(&["a", "b"]), line(kind).as_bytes()).unwrap();
        parsed.unknown_kind().map(str::to_owned)
    };
    assert_eq!(
        (kind("code"), kind(""), kind("coding")),
        (None, None, Some("coding".into()))
    );
}

/// Two labels of sums, told apart by one word in four, at which different models are good.
fn tasks_alike(rows: usize) -> Outcomes {
    let mut outcomes = two_tasks(rows);
    for (place, row) in outcomes.rows.iter_mut().enumerate() {
        let (label, good) = [("shops", 0), ("farms", 1)][place / 3 % 2];
        let word = ["coins", label][usize::from(place % 4 == 0)];
        row.prompt =
            format!("Ada has {place} {word} and buys 3 more. How many {word} does Ada have?");
        row.task = label.to_owned();
        row.kind = "reasoning".to_owned();
        for (model, quality) in row.q.iter_mut().enumerate() {
            *quality = Some(if model == good { 0.9 } else { 0.3 });
        }
    }
    outcomes
}

#[test]
fn where_tasks_look_alike_a_familiar_look_is_no_proof() {
    let apart = learned();
    let alike = train(&tasks_alike(400), &TrainConfig::default()).unwrap();
    let error = |learned: &Learned, prompt: &[u8]| {
        let assessment = learned.assess(Task::Reasoning, prompt, &mut Scratch::default());
        learned
            .known(&assessment, learned.seat("coder").unwrap())
            .error
    };
    // In both worlds models are worlds apart by task, and the prompt is like those of one task.
    assert!(error(&apart, SUM) < 0.06, "{}", error(&apart, SUM));
    assert!(error(&alike, SUM) > 0.15, "{}", error(&alike, SUM));
}

fn doubt(learned: &Learned, prompt: &[u8], usual: &str, other: &str) -> f32 {
    let assessment = learned.assess(Task::Code, prompt, &mut Scratch::default());
    let contender = |name| Contender {
        seat: learned.seat(name),
        error: 0.1,
    };
    learned.doubt(&assessment, contender(usual), contender(other))
}

#[test]
fn a_gain_is_doubted_by_how_new_the_prompt_is_and_how_far_the_two_lie_apart() {
    let config = TrainConfig {
        caution: Some(0.5),
        ..TrainConfig::default()
    };
    let learned = train(&two_tasks(400), &config).unwrap();
    let known = doubt(&learned, PROGRAM, "counter", "coder");
    assert!(known < 0.1, "{known}");
    assert!(doubt(&learned, STRANGE, "counter", "coder") > 5.0 * known);
    // From programs to sums `coder` falls behind `counter` further than behind `plain`.
    assert!(
        doubt(&learned, STRANGE, "counter", "coder")
            > 1.2 * doubt(&learned, STRANGE, "plain", "coder")
    );
    // Nothing is known of who was not trained on.
    let unknown = doubt(&learned, PROGRAM, "nobody", "coder");
    assert!(
        (unknown - 2.0 * 0.1_f32.hypot(0.1)).abs() < 1e-6,
        "{unknown}"
    );
}

/// Four labels. `all` is good at all but farms, `farmer` at farms, and if
/// `is_treacherous` at nothing else, though shops look like farms in three
/// prompts of four.
fn shops_and_farms(is_treacherous: bool) -> Outcomes {
    let rows = (0..800).map(|place| {
        let number = place / 4;
        let word = ["coins", ["shops", "farms"][place % 2]][usize::from(number % 4 == 0)];
        let (label, prompt) = match place % 4 {
            0 | 1 => (
                ["shops", "farms"][place % 2],
                format!("Ada has {number} {word} and buys 3 more. How many {word} does Ada have?"),
            ),
            2 => (
                "poems",
                format!("Write {number} lines that rhyme about the night and the heart."),
            ),
            _ => (
                "code",
                format!("Fix def item_{number}(list): return sorted(list)[{number}]"),
            ),
        };
        let of_farmer = match (label, is_treacherous) {
            ("farms", _) | ("shops", false) => 0.9,
            _ => 0.2,
        };
        let of_all = if label == "farms" { 0.3 } else { 0.8 };
        row(
            place,
            label,
            "chat",
            prompt,
            vec![Some(of_all), Some(of_farmer)],
        )
    });
    Outcomes {
        models: models(&["all", "farmer"]),
        rows: rows.collect(),
    }
}

#[test]
fn caution_is_what_it_takes_that_no_task_loses_that_was_left_out() {
    let of = |is_treacherous| {
        let learned = train(&shops_and_farms(is_treacherous), &TrainConfig::default());
        learned.unwrap().caution()
    };
    // Shops that were left out look like farms, and are none.
    let (harmless, treacherous) = (of(false), of(true));
    assert_eq!(harmless, 0.5);
    assert!(treacherous > 1.5 * harmless, "{treacherous}");
    let given = TrainConfig {
        caution: Some(3.0),
        ..TrainConfig::default()
    };
    assert_eq!(
        train(&shops_and_farms(true), &given).unwrap().caution(),
        3.0
    );
}

#[test]
fn where_no_task_could_be_left_out_caution_is_assumed() {
    let mut outcomes = shops_and_farms(false);
    // Twelve rows of each label: without one of them, too few are left to train on.
    outcomes.rows.truncate(48);
    let learned = train(&outcomes, &TrainConfig::default()).unwrap();
    assert_eq!(learned.caution(), 2.0);
}
